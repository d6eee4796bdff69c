//! The command that asks for the same again, to be pasted into a shell.

use super::Arguments;
use crate::{bundle::ClusterInfo, plan::Ask};
use std::collections::BTreeSet;

impl Arguments {
    /// The command that asks these clusters for the same again, without the incident's time. Paths of
    /// this machine, and contexts that have another name in the bundle, are left out of it.
    pub(super) fn command(&self, clusters: &[ClusterInfo]) -> String {
        let mut words = vec!["kubectl-escalate collect".to_owned()];
        let mut add = |flag: &str, value: &str| words.push(format!("{flag} {}", quoted(value)));
        for context in clusters.iter().filter_map(|cluster| cluster.context.as_deref()) {
            add("--context", context);
        }
        if !self.connection.all_namespaces {
            let namespaces: BTreeSet<&String> = clusters.iter().flat_map(|cluster| &cluster.namespaces).collect();
            namespaces.into_iter().for_each(|namespace| add("-n", namespace));
        }
        if let Some(selector) = &self.connection.selector {
            add("-l", selector);
        }
        if let Some(profile) = self.profile.as_ref().filter(|name| !name.contains(['/', '\\', '.'])) {
            add("--profile", profile);
        }
        self.skip.iter().for_each(|kind| add("--skip", kind));
        let given = [
            ("-A", self.connection.all_namespaces),
            ("--node-neighbours", self.node_neighbours),
            ("--rotated-logs", self.rotated_logs),
        ];
        for (flag, given) in given {
            if given {
                words.push(flag.to_owned());
            }
        }
        words.join(" ")
    }

    /// The flags that say which Prometheus is asked, where that was said. Paths of this machine are not for
    /// others.
    pub(super) fn asking(&self) -> String {
        let mut flags = match self.metrics.ask() {
            Ok(Ask::At(at)) => format!(" --prometheus {}", quoted(&at)),
            Ok(Ask::Nobody) => " --prometheus none".to_owned(),
            Ok(Ask::Find) | Err(_) => String::new(),
        };
        for flag in self.metrics.credentials() {
            let file = if flag == "--prometheus-header" { "@FILE" } else { "FILE" };
            flags.push_str(&format!(" {flag} {file}"));
        }
        flags
    }

    /// The flags that say how much time there is around the incident.
    pub(super) fn around(&self) -> String {
        let given = [("--before", &self.before), ("--after", &self.after)];
        let given = given.into_iter().filter_map(|(flag, value)| Some(format!(" {flag} {}", quoted(value.as_ref()?))));
        given.collect()
    }
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
