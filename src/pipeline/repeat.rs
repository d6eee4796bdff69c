//! Owns the flags of `collect` that repeat a request, for the commands that the checklist prints.

use super::request::{CollectRequest, PrometheusAccess};
use crate::{
    bundle::ClusterInfo,
    plan::{
        PrometheusChoice,
        window::{self, RECOMMENDED, WITHOUT_INCIDENT, Window},
    },
    profile::Profile,
    text::quoted,
};
use std::collections::BTreeSet;

/// The command that collects the same from these clusters again, without the incident's time and the flags below.
/// Contexts that have another name in the bundle are left out of it, and so are paths of this machine, because others
/// read it.
pub(super) fn command(request: &CollectRequest, clusters: &[ClusterInfo]) -> String {
    let (evidence, places) = (&request.evidence, &request.targets.places);
    let mut command = "kubectl-escalate collect".to_owned();
    let mut add = |flag: &str, value: &str| command.push_str(&format!(" {flag} {}", quoted(value)));
    for context in clusters.iter().filter_map(|cluster| cluster.context.as_deref()) {
        add("--context", context);
    }
    if !places.all {
        let namespaces: BTreeSet<&String> = clusters.iter().flat_map(|cluster| &cluster.namespaces).collect();
        namespaces.into_iter().for_each(|namespace| add("-n", namespace));
    }
    places.selector.iter().for_each(|selector| add("-l", selector));
    if !evidence.profile.is_built_in() {
        add("--profile", "FILE");
    } else if evidence.profile.name != Profile::DEFAULT {
        add("--profile", &evidence.profile.name);
    }
    evidence.skip.iter().for_each(|kind| add("--skip", kind));
    evidence.queries.iter().for_each(|(name, promql)| add("--query", &format!("{name}={promql}")));
    evidence.trust_domain.iter().for_each(|name| add("--trust-domain", name));
    evidence.region.iter().for_each(|name| add("--region", name));
    let given = [
        (" -A", places.all),
        (" --node-neighbours", evidence.node_neighbours),
        (" --rotated-logs", evidence.rotated_logs),
    ];
    command.extend(given.into_iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| flag));
    command
}

/// The flags that say how much time around the incident to collect, each with a blank before it.
pub(super) fn around(window: &Window) -> String {
    let lengths = match window.incident {
        Some(incident) => vec![
            ("--before", incident.start - window.start, RECOMMENDED),
            ("--after", window.end - incident.end, RECOMMENDED),
        ],
        None => vec![("--before", window.length(), WITHOUT_INCIDENT)],
    };
    let other = lengths.into_iter().filter(|(_, length, default)| length != default);
    other.map(|(flag, length, _)| format!(" {flag} {}", window::format_duration(length))).collect()
}

/// The flags that say which Prometheus is queried, each with a blank before it. A recording says nothing about that of
/// its cluster.
pub(super) fn prometheus(request: &CollectRequest) -> String {
    let mut flags = match &request.evidence.prometheus {
        _ if request.targets.is_recording() => return String::new(),
        PrometheusChoice::At(at) => format!(" --prometheus {}", quoted(at)),
        PrometheusChoice::Nobody => " --prometheus none".to_owned(),
        PrometheusChoice::Find => String::new(),
    };
    match &request.prometheus {
        PrometheusAccess::Service(_, headers) if headers.is_empty() => {}
        PrometheusAccess::Service(..) => flags.push_str(" --prometheus-header @FILE"),
        PrometheusAccess::Address(access) => {
            access.flags().iter().for_each(|flag| flags.push_str(&format!(" {flag}")));
        }
    }
    flags
}
