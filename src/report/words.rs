//! The words for what findings say, the same in page, Markdown and terminal.

use super::time;
use crate::bundle::{
    Judged, Manifest,
    facts::Level,
    findings::{BaselineState, Finding, Findings, Issuance, IssuanceState, Severity},
};
use chrono::{DateTime, Utc};

/// What is said beside issuance, whatever its state.
pub(super) const UNTIL_EXPIRY: &str = "Existing SVIDs work until they expire.";

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

pub(super) fn issuance(issuance: &Issuance) -> &'static str {
    match issuance.state {
        IssuanceState::Affected => "yes",
        IssuanceState::NotAffected => "no",
        IssuanceState::NotChecked => "not checked",
    }
}

/// Why that is known, as a sentence.
pub(super) fn why(issuance: &Issuance) -> String {
    let why = issuance.why.trim_end();
    if why.ends_with(['.', '!', '?']) { why.to_owned() } else { format!("{why}.") }
}

/// What a line of JSON tells people, where there is room for a line: its message and its error.
pub(super) fn told(quote: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(quote).unwrap_or_default();
    let said = |names: [&str; 2]| names.iter().find_map(|name| line[*name].as_str()).filter(|text| !text.is_empty());
    match (said(["msg", "message"]), said(["error", "err"])) {
        (Some(message), Some(error)) => format!("{message}: {error}"),
        (Some(message), None) => message.to_owned(),
        (None, _) => quote.to_owned(),
    }
}

pub(super) fn baseline(state: BaselineState) -> &'static str {
    match state {
        BaselineState::AsExpected => "as expected",
        BaselineState::NotAsExpected => "not as expected",
        BaselineState::NotChecked => "not checked",
    }
}

pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Fatal => "fatal",
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::None => "no level",
    }
}

pub(super) fn verdict(verdict: Judged) -> &'static str {
    match verdict {
        Judged::Alert => "alert",
        Judged::Unhealthy => "not healthy",
        Judged::Healthy => "healthy",
        Judged::Gaps => "gaps",
        Judged::NoData => "no data",
        Judged::Value => "a value",
        Judged::NotAnswered => "not answered",
    }
}

/// The findings, the one that leads first.
pub(super) fn in_order(findings: &Findings) -> impl Iterator<Item = &Finding> {
    let leads = |finding: &&Finding| findings.lead.as_ref() == Some(&finding.id);
    findings.findings.iter().filter(leads).chain(findings.findings.iter().filter(move |finding| !leads(finding)))
}

/// On how many pods it is, where it is about pods.
pub(super) fn pods(finding: &Finding) -> Option<String> {
    let shown = finding.pods.len() as u64;
    (shown > 0).then(|| match finding.of_pods {
        0 => format!("pods {shown}"),
        all => format!("pods {shown} of {}", all.max(shown)),
    })
}

/// The incident, when one was named.
pub(super) fn incident(manifest: &Manifest) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    Some((manifest.incident_start?, manifest.incident_end?))
}

/// From when to when, or when.
pub(super) fn span(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    if from == to { time(from) } else { format!("{} to {}", time(from), time(to)) }
}

/// An image's tag, or its digest.
fn tag(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once('@').map(|(_, digest)| digest).or_else(|| name.split_once(':').map(|(_, tag)| tag)).unwrap_or(name)
}

/// The versions of the servers' containers, by their images' tags, with how many pods have each.
pub(super) fn versions(facts: &crate::bundle::facts::Facts) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for pod in facts.pods.iter().filter(|pod| pod.is_server) {
        let own = pod.containers.iter().filter(|container| container.kind.is_empty() && !container.image.is_empty());
        let tags: std::collections::BTreeSet<String> =
            own.map(|container| format!("{} {}", container.name, tag(&container.image))).collect();
        tags.into_iter().for_each(|tag| *counts.entry(tag).or_default() += 1);
    }
    counts.into_iter().collect()
}
