//! What to do next, with what is known filled in.

use super::{answers, case::Case, evidence::Evidence};
use crate::{
    bundle::{BundleName, NamePart, findings::Step},
    profile::rules::{COMMAND_VARIABLES, NextStep},
};

/// The steps of a rule, for what shows that it holds.
pub(super) fn filled(case: &Case<'_>, steps: &[NextStep], evidence: &Evidence) -> Vec<Step> {
    let step = |step: &NextStep| Step {
        text: step.text.clone(),
        command: step.command.as_ref().and_then(|command| fill(case, command, evidence)),
    };
    steps.iter().map(step).collect()
}

/// A command with its variables filled in; none where it asks a query that was not asked.
fn fill(case: &Case<'_>, command: &str, evidence: &Evidence) -> Option<String> {
    let mut out = String::with_capacity(command.len());
    let mut rest = command;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        // The longer names first: CONTAINER begins as CONTEXT does not, but a later one might.
        let name = COMMAND_VARIABLES.iter().filter(|name| after.starts_with(**name)).max_by_key(|name| name.len());
        let Some(name) = name else {
            out.push('$');
            rest = after;
            continue;
        };
        rest = after.get(name.len()..).unwrap_or_default();
        match (value(case, name, evidence), *name) {
            (Some(value), _) => out.push_str(&quoted(&value)),
            (None, "QUERY") => return None,
            // Without one, kubectl takes its own.
            (None, "CONTEXT") => {
                let word = out.rfind(' ').map_or(0, |at| at + 1);
                out.truncate(word);
                rest = rest.trim_start();
            }
            // For whoever runs it to fill in.
            (None, name) => out.push_str(name),
        }
    }
    out.push_str(rest);
    Some(out)
}

fn value(case: &Case<'_>, name: &str, evidence: &Evidence) -> Option<String> {
    let manifest = case.manifest;
    let place: Vec<&str> = match &evidence.container {
        Some((pod, _)) => Some(pod),
        None => evidence.pods.first(),
    }
    .map(|pod| pod.rsplitn(3, '/').collect())
    .unwrap_or_default();
    let (pod, namespace, cluster) = (place.first(), place.get(1), place.get(2));
    let cluster = match cluster {
        Some(cluster) => manifest.clusters.iter().find(|it| it.name == **cluster),
        None => manifest.clusters.first(),
    };
    match name {
        "CONTEXT" => cluster?.context.clone(),
        "NAMESPACE" => {
            let only = || cluster.and_then(|cluster| cluster.namespaces.first());
            namespace.map(|namespace| (*namespace).to_owned()).or_else(|| only().cloned())
        }
        "POD" => {
            let first = || case.servers().next().map(|pod| pod.pod.clone());
            pod.map(|pod| (*pod).to_owned()).or_else(first)
        }
        "CONTAINER" => {
            let own = || {
                let of = case.servers().flat_map(|pod| &pod.containers).find(|of| of.kind.is_empty());
                of.map(|of| of.name.clone())
            };
            evidence.container.as_ref().map(|(_, container)| container.clone()).or_else(own)
        }
        "BUNDLE" => Some(format!("{}.zip", bundle(case))),
        "QUERY" => {
            let asked = evidence.shown.iter().find_map(|shown| shown.expr.clone());
            let of_minting = || case.profile.minting.iter().find_map(|id| answers::records(case, id).next());
            asked.or_else(|| of_minting().map(|record| record.expr.clone()))
        }
        _ => None,
    }
}

/// The bundle's name, unless it was given another.
fn bundle(case: &Case<'_>) -> BundleName {
    let manifest = case.manifest;
    let mut namespaces = manifest.clusters.iter().flat_map(|cluster| &cluster.namespaces);
    let namespace = match (namespaces.next(), namespaces.next()) {
        (Some(_), Some(_)) => Some("multi"),
        (first, _) => first.map(String::as_str),
    };
    let part = |said: &Option<String>, unknown: Option<&str>| {
        NamePart::of(said.iter().flat_map(|said| said.split(", ")), unknown)
    };
    BundleName::new(&part(&manifest.trust_domain, namespace), &part(&manifest.region, None), manifest.started)
}

/// A word as a shell takes it, whatever is in it.
fn quoted(word: &str) -> String {
    let word = word.replace(char::is_control, " ");
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@%+,".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_takes_every_word_for_one() {
        for (word, text) in [
            ("tdd-one", "tdd-one"),
            ("", "''"),
            ("a b", "'a b'"),
            ("a'b;$(c)", r"'a'\''b;$(c)'"),
            ("~", "'~'"),
            ("a\nb", "'a b'"),
            ("a=b", "'a=b'"),
        ] {
            assert_eq!(quoted(word), text);
        }
    }
}
