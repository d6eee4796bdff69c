//! Owns the next steps of a finding: the commands of its rule, with their variables filled in.

use super::{answers, context::EvalContext, evidence::Evidence};
use crate::{
    bundle::{BundleName, NamePart, findings::Step},
    profile::rules::{COMMAND_VARIABLES, FindingRule, NextStep},
    text::quoted,
};

/// The steps of a rule, filled in from the evidence that matched.
pub(super) fn filled(context: &EvalContext<'_>, rule: &FindingRule, evidence: &Evidence) -> Vec<Step> {
    let step = |step: &NextStep| Step {
        text: step.text.clone(),
        command: step.command.as_ref().and_then(|command| fill(context, rule, command, evidence)),
    };
    rule.next.iter().map(step).collect()
}

/// A command with its variables filled in; `None` if it needs a query that was not sent.
fn fill(context: &EvalContext<'_>, rule: &FindingRule, command: &str, evidence: &Evidence) -> Option<String> {
    let mut out = String::with_capacity(command.len());
    let mut rest = command;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        // The longest name that fits, in case one name begins with another.
        let name = COMMAND_VARIABLES.iter().filter(|name| after.starts_with(**name)).max_by_key(|name| name.len());
        let Some(name) = name else {
            out.push('$');
            rest = after;
            continue;
        };
        rest = after.get(name.len()..).unwrap_or_default();
        match (value(context, rule, name, evidence), *name) {
            (Some(value), _) => out.push_str(&quoted(&value)),
            (None, "QUERY") => return None,
            // Without `--context CONTEXT`, kubectl uses the current one.
            (None, "CONTEXT") => {
                let word = out.rfind(' ').map_or(0, |at| at + 1);
                out.truncate(word);
                rest = rest.trim_start();
            }
            // The reader fills it in.
            (None, name) => out.push_str(name),
        }
    }
    out.push_str(rest);
    Some(out)
}

fn value(context: &EvalContext<'_>, rule: &FindingRule, name: &str, evidence: &Evidence) -> Option<String> {
    let manifest = context.manifest;
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
            let first = || context.servers().next().map(|pod| pod.pod.clone());
            pod.map(|pod| (*pod).to_owned()).or_else(first)
        }
        "CONTAINER" => {
            let own = || {
                let of = context.servers().flat_map(|pod| &pod.containers).find(|of| of.kind.is_empty());
                of.map(|of| of.name.clone())
            };
            evidence.container.as_ref().map(|(_, container)| container.clone()).or_else(own)
        }
        "BUNDLE" => Some(format!("{}.zip", bundle_name(context))),
        "QUERY" => {
            let asked = evidence.shown.iter().find_map(|shown| shown.expr.clone());
            // Log lines may show it while no query does.
            let of_rule = || rule.queries().find_map(|query| answers::records(context, &query.id).next());
            asked.or_else(|| of_rule().map(|record| record.expr.clone()))
        }
        _ => None,
    }
}

/// The default name of the bundle.
fn bundle_name(context: &EvalContext<'_>) -> BundleName {
    let manifest = context.manifest;
    let mut namespaces = manifest.clusters.iter().flat_map(|cluster| &cluster.namespaces);
    let namespace = match (namespaces.next(), namespaces.next()) {
        (Some(_), Some(_)) => Some("multi"),
        (first, _) => first.map(String::as_str),
    };
    let part = |value: &Option<String>, unknown: Option<&str>| {
        NamePart::of(value.iter().flat_map(|value| value.split(", ")), unknown)
    };
    BundleName::new(&part(&manifest.trust_domain, namespace), &part(&manifest.region, None), manifest.started)
}
