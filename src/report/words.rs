//! Owns the words for findings, verdicts and times, so that page, Markdown and terminal use the same ones.

use crate::{
    bundle::{
        Judged, Manifest,
        facts::Level,
        findings::{BaselineState, Finding, Findings, Issuance, IssuanceState, Severity},
    },
    text::{counted, utc},
};
use chrono::{DateTime, Utc};

/// Shown beside the state of issuance.
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

/// Why issuance is in that state, as a sentence.
pub(super) fn why(issuance: &Issuance) -> String {
    let why = issuance.why.trim_end();
    if why.ends_with(['.', '!', '?']) { why.to_owned() } else { format!("{why}.") }
}

/// The message and the error of a log line in JSON; any other line as it is.
pub(super) fn message(quote: &str) -> String {
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
        Judged::Unhealthy => "unhealthy",
        Judged::Healthy => "healthy",
        Judged::Gaps => "gaps",
        Judged::NoData => "no data",
        Judged::Value => "value",
        Judged::NotAnswered => "not answered",
    }
}

/// The findings, the root cause first.
pub(super) fn in_order(findings: &Findings) -> impl Iterator<Item = &Finding> {
    let is_root_cause = |finding: &&Finding| findings.root_cause.as_ref() == Some(&finding.id);
    let all = findings.findings.iter();
    all.clone().filter(is_root_cause).chain(all.filter(move |finding| !is_root_cause(finding)))
}

/// `2 of 3 pods`, for a finding about pods.
pub(super) fn pods(finding: &Finding) -> Option<String> {
    let shown = finding.pods.len() as u64;
    (shown > 0).then(|| match finding.of_pods {
        0 => counted(shown, "pod"),
        all => format!("{shown} of {}", counted(all.max(shown), "pod")),
    })
}

/// The incident's start and end, if a time was given.
pub(super) fn incident(manifest: &Manifest) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    Some((manifest.incident_start?, manifest.incident_end?))
}

/// `FROM to TO`, or one time if both are equal.
pub(super) fn span(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    if from == to { utc(from) } else { format!("{} to {}", utc(from), utc(to)) }
}

/// An image's tag or digest; its name if it has neither.
fn tag(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once('@').map(|(_, digest)| digest).or_else(|| name.split_once(':').map(|(_, tag)| tag)).unwrap_or(name)
}

/// The images of the servers' containers as `NAME TAG`, each with the number of pods that run it.
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
