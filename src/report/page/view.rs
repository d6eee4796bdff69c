//! Owns the rows of the page's sections: identity, checklist, findings, baseline and pods.

use super::Moment;
use crate::{
    bundle::{
        CheckState, Manifest,
        facts::{ContainerFacts, Facts, Level, PodFacts},
        findings::{BaselineLine, BaselineState, Finding, Findings, Severity, Shown, Step},
    },
    report::{safe, words},
};
use std::collections::{BTreeMap, HashMap};

/// The most findings, pods, pieces of evidence per finding, and rows of any other table.
const FINDINGS: usize = 60;
const PODS: usize = 300;
const QUOTES: usize = 6;
pub(super) const ROWS: usize = 200;

/// The longest quote, in characters.
const QUOTE: usize = 1200;

/// A row of the incident's identity.
pub(super) struct IdentityRow {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) note: Option<String>,
    pub(super) times: Vec<Moment>,
}

/// Which trust domain, which region, which time, which clusters.
pub(super) fn identity(manifest: &Manifest, facts: &Facts) -> Vec<IdentityRow> {
    let unknown = || "unknown".to_owned();
    let known = |name, value: Option<&String>, source: Option<&String>| IdentityRow {
        name,
        value: value.cloned().unwrap_or_else(unknown),
        note: source.map(|source| format!("from {source}")),
        times: Vec::new(),
    };
    let at = |name, from, to| {
        let times = if from == to { vec![Moment(from)] } else { vec![Moment(from), Moment(to)] };
        IdentityRow { name, value: String::new(), note: None, times }
    };
    let text = |name, value: String| IdentityRow { name, value, note: None, times: Vec::new() };
    let mut rows = vec![
        known("Trust domain", manifest.trust_domain.as_ref(), manifest.trust_domain_source.as_ref()),
        known("Deployment", manifest.trust_domain_deployment.as_ref(), None),
        known("Region", manifest.region.as_ref(), manifest.region_source.as_ref()),
    ];
    rows.push(match words::incident(manifest) {
        Some((start, end)) => at("Incident", start, end),
        None => text("Incident", "no time given".to_owned()),
    });
    rows.push(at("Window", manifest.window_start, manifest.window_end));
    let versions = words::versions(facts);
    let more = versions.len().saturating_sub(8);
    let mut tags: Vec<String> = versions.iter().take(8).map(|(tag, pods)| format!("{tag} ({pods})")).collect();
    tags.extend((more > 0).then(|| format!("and {more} more")));
    rows.push(IdentityRow {
        name: "Server images",
        value: if tags.is_empty() { unknown() } else { tags.join(", ") },
        note: (!tags.is_empty()).then(|| "container and tag (number of pods)".to_owned()),
        times: Vec::new(),
    });
    let clusters = manifest.clusters.iter().take(20).map(|cluster| {
        let version = cluster.version.as_deref().unwrap_or("version unknown");
        match &cluster.error {
            Some(causes) => format!("{} not reached: {}", cluster.name, causes.join(": ")),
            None => format!("{} ({version}): {}", cluster.name, cluster.namespaces.join(", ")),
        }
    });
    rows.push(text("Clusters", safe::line(&clusters.collect::<Vec<_>>().join("; "), 1500)));
    rows.extend(manifest.ticket.clone().map(|ticket| text("Ticket", ticket)));
    rows.push(at("Collected", manifest.started, manifest.finished.unwrap_or(manifest.started)));
    let by = format!("{} {}, {} {}", manifest.tool, manifest.tool_version, manifest.profile, manifest.profile_version);
    rows.push(text("Tool, profile", by));
    rows
}

/// An item of the checklist.
pub(super) struct CheckView {
    pub(super) state: &'static str,
    pub(super) class: &'static str,
    pub(super) text: String,
    pub(super) details: Vec<String>,
    pub(super) more: usize,
    pub(super) command: Option<String>,
}

pub(super) fn checklist(manifest: &Manifest) -> Vec<CheckView> {
    let check = |item: &crate::bundle::ChecklistItem| {
        let (state, class) = match item.state {
            CheckState::Yes => ("yes", "good"),
            CheckState::Partial => ("partly", "warning"),
            CheckState::No => ("no", "critical"),
            CheckState::NotCollectedYet => ("not yet", "unknown"),
        };
        let all: Vec<&str> = item.detail.split("; ").filter(|detail| !detail.is_empty()).collect();
        let details = all.iter().take(super::super::DETAILS).map(|detail| safe::line(detail, 400)).collect();
        let more = all.len().saturating_sub(super::super::DETAILS);
        CheckView { state, class, text: item.text.clone(), details, more, command: item.command.clone() }
    };
    manifest.checklist.iter().map(check).collect()
}

/// A finding, as much as the page shows of it.
pub(super) struct FindingView<'a> {
    pub(super) finding: &'a Finding,
    pub(super) severity: &'static str,
    pub(super) is_root_cause: bool,
    pub(super) since: Option<Moment>,
    pub(super) until: Option<Moment>,
    pub(super) pods: Option<String>,
    pub(super) names: Vec<String>,
    pub(super) more_names: usize,
    pub(super) quotes: Vec<Quote>,
    pub(super) more: usize,
    pub(super) next: &'a [Step],
    /// The titles of its consequences.
    pub(super) consequences: Vec<String>,
    /// The title of the finding that explains it.
    pub(super) cause: Option<String>,
}

/// A piece of evidence: a log line, a status or a query's value.
pub(super) struct Quote {
    pub(super) text: String,
    pub(super) at: Option<Moment>,
    pub(super) times: Option<u64>,
    pub(super) value: Option<String>,
    pub(super) query: Option<String>,
    pub(super) expr: Option<String>,
    pub(super) entry: Option<String>,
}

/// The findings, root cause first, and how many have no room.
pub(super) fn findings<'a>(findings: &'a Findings) -> (Vec<FindingView<'a>>, usize) {
    let titles: HashMap<&str, &str> =
        findings.findings.iter().map(|finding| (finding.id.as_str(), finding.title.as_str())).collect();
    let title = |id: &String| titles.get(id.as_str()).map(|title| safe::line(title, 200));
    let found = |finding: &'a Finding| FindingView {
        severity: words::severity(finding.severity),
        is_root_cause: findings.root_cause.as_ref() == Some(&finding.id),
        since: finding.since.map(Moment),
        until: finding.until.map(Moment),
        pods: words::pods(finding),
        names: finding.pods.iter().take(8).map(|pod| safe::line(pod, 200)).collect(),
        more_names: finding.pods.len().saturating_sub(8),
        quotes: finding.shown_by.iter().take(QUOTES).map(quote).collect(),
        more: finding.shown_by.len().saturating_sub(QUOTES),
        next: finding.next.get(..finding.next.len().min(12)).unwrap_or_default(),
        consequences: finding.explains.iter().filter_map(title).take(12).collect(),
        cause: finding.explained_by.as_ref().and_then(title),
        finding,
    };
    let more = findings.findings.len().saturating_sub(FINDINGS);
    (words::in_order(findings).take(FINDINGS).map(found).collect(), more)
}

fn quote(shown: &Shown) -> Quote {
    let labels: Vec<String> = shown.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) };
    let cut = |text: &str| safe::cut(text, QUOTE).into_owned();
    Quote {
        text: cut(&shown.quote),
        at: shown.at.map(Moment),
        times: (shown.times > 1).then_some(shown.times),
        value: shown.value.as_ref().map(|value| safe::line(&format!("{value}{labels}"), 400)),
        query: shown.query.as_ref().map(|query| safe::line(query, 100)),
        expr: shown.expr.as_deref().map(cut),
        entry: shown.entry.clone(),
    }
}

/// `1 critical, 2 warning`, or `none`.
pub(super) fn tally(findings: &Findings) -> String {
    let count = |severity| findings.findings.iter().filter(|finding| finding.severity == severity).count();
    let all = [Severity::Critical, Severity::Warning, Severity::Info];
    let parts: Vec<String> = all
        .into_iter()
        .map(|severity| (count(severity), words::severity(severity)))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

pub(super) struct BaselineRow<'a> {
    pub(super) line: &'a BaselineLine,
    pub(super) state: &'static str,
    pub(super) class: &'static str,
    pub(super) entry: Option<String>,
}

pub(super) fn baseline<'a>(findings: &'a Findings) -> Vec<BaselineRow<'a>> {
    let expected = |line: &'a BaselineLine| {
        let BaselineLine { state, entry, .. } = line;
        let class = match state {
            BaselineState::AsExpected => "good",
            BaselineState::NotAsExpected => "warning",
            BaselineState::NotChecked => "unknown",
        };
        BaselineRow { line, state: words::baseline(*state), class, entry: entry.clone() }
    };
    findings.baseline.iter().take(ROWS).map(expected).collect()
}

/// A row of the table of pods.
pub(super) struct PodRow<'a> {
    pub(super) pod: &'a PodFacts,
    pub(super) created: Option<Moment>,
    pub(super) state: String,
    pub(super) is_well: bool,
    pub(super) restarts: u64,
    pub(super) last: String,
    pub(super) images: String,
    pub(super) errors: u64,
    pub(super) warnings: u64,
    pub(super) entry: Option<String>,
}

/// The pods, servers first, and how many have no room.
pub(super) fn pods(facts: &Facts) -> (Vec<PodRow<'_>>, usize) {
    let mut counts: BTreeMap<(&str, &str, &str), [u64; 2]> = BTreeMap::new();
    for log in &facts.logs {
        let count = counts.entry((&log.cluster, &log.namespace, &log.pod)).or_default();
        let of = |level| log.levels.get(&level).copied().unwrap_or(0);
        count[0] = count[0].saturating_add(of(Level::Fatal).saturating_add(of(Level::Error)));
        count[1] = count[1].saturating_add(of(Level::Warn));
    }
    let mut pods: Vec<&PodFacts> = facts.pods.iter().collect();
    pods.sort_by_key(|pod| !pod.is_server);
    let more = pods.len().saturating_sub(PODS);
    let of = |pod: &PodFacts| {
        counts.get(&(pod.cluster.as_str(), pod.namespace.as_str(), pod.pod.as_str())).copied().unwrap_or_default()
    };
    let rows = pods.into_iter().take(PODS).map(|pod| {
        let [errors, warnings] = of(pod);
        let own = || pod.containers.iter().filter(|container| container.kind.is_empty());
        let images: Vec<&str> = own().map(|container| container.image.as_str()).collect();
        let is_done = pod.phase == "Succeeded";
        PodRow {
            created: pod.created.map(Moment),
            state: state(pod),
            is_well: (pod.is_ready() || is_done) && pod.deleted.is_none(),
            restarts: own().fold(0, |sum, container| sum.saturating_add(container.restarts)),
            last: safe::line(&own().filter_map(last).collect::<Vec<_>>().join("; "), 300),
            images: safe::line(&images.join(", "), 300),
            errors,
            warnings,
            entry: Some(pod.entry.clone()),
            pod,
        }
    });
    (rows.collect(), more)
}

/// A pod's state in a word or two, as kubectl prints it.
fn state(pod: &PodFacts) -> String {
    let waits = pod.containers.iter().filter_map(|container| container.state.as_ref());
    let reason = waits.filter(|state| state.kind == "waiting").map(|state| state.reason.as_str());
    let reason = reason.into_iter().find(|reason| !reason.is_empty() && *reason != "PodInitializing");
    let ready = if pod.is_ready() { ", ready" } else { "" };
    match (pod.deleted, reason) {
        (Some(_), _) => "terminating".to_owned(),
        (None, Some(reason)) => safe::line(reason, 80),
        (None, None) => format!("{}{ready}", safe::line(&pod.phase, 40)),
    }
}

/// How the container's previous run ended.
fn last(container: &ContainerFacts) -> Option<String> {
    let state = container.last_state.as_ref()?;
    let code = state.exit_code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
    Some(format!("{}: {}{code}", container.name, if state.reason.is_empty() { "ended" } else { &state.reason }))
}
