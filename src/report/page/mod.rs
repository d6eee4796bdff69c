//! Owns `report.html`: one file that loads nothing, whatever is in the evidence. Its template is in `templates/`.

mod axis;
mod lanes;
mod lines;
mod plot;
mod view;

use super::{Series, gaps, missing, safe, words};
use crate::bundle::{
    Manifest,
    facts::{Change, Facts},
    findings::{Findings, NotChecked},
};
use askama::Template;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest, Sha256};
use std::{collections::HashSet, fmt};

const STYLE: &str = include_str!("../../../templates/report.css");
const SCRIPT: &str = include_str!("../../../templates/report.js");

/// RFC 3339 in seconds, or in milliseconds if there are any.
fn iso(at: DateTime<Utc>) -> String {
    let digits = if at.timestamp_subsec_millis() == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    at.to_rfc3339_opts(digits, true)
}

/// A moment, which the page shows in UTC or in the reader's time zone.
#[derive(Clone, Copy)]
struct Moment(DateTime<Utc>);

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let iso = iso(self.0);
        write!(out, "<time datetime=\"{iso}\">{}</time>", iso.replacen('T', " ", 1))
    }
}

/// Only a time is in it.
impl askama::filters::HtmlSafe for Moment {}

#[derive(Template)]
#[template(path = "report.html", whitespace = "preserve")]
struct Page<'a> {
    style: &'static str,
    script: &'static str,
    style_hash: String,
    script_hash: String,
    title: String,
    checklist: Vec<view::CheckView>,
    identity: Vec<view::IdentityRow>,
    findings: &'a Findings,
    issuance: &'static str,
    issuance_class: &'static str,
    issuance_why: String,
    until_expiry: &'static str,
    tally: String,
    found: Vec<view::FindingView<'a>>,
    more_found: usize,
    ticks: Vec<axis::Tick>,
    incident: Option<axis::Band>,
    timeline: lanes::Timeline,
    errors: lanes::ErrorBars,
    plots: plot::Plots,
    baseline: Vec<view::BaselineRow<'a>>,
    pods: Vec<view::PodRow<'a>>,
    more_pods: usize,
    changes: &'a [Change],
    more_changes: usize,
    missing: Vec<String>,
    more_missing: usize,
    log_errors: lines::LogErrors,
    not_checked: &'a [NotChecked],
    has_facts: bool,
    /// The paths of the bundle's files: only these become links.
    files: HashSet<&'a str>,
}

impl Page<'_> {
    /// The address of a file of the bundle; none if the bundle has no such file.
    fn link<'b>(&self, entry: &'b Option<String>) -> Option<&'b str> {
        entry.as_deref().filter(|entry| self.files.contains(entry))
    }

    fn moment(&self, at: &DateTime<Utc>) -> Moment {
        Moment(*at)
    }
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

/// As many as a table shows.
fn some<T>(all: &[T]) -> &[T] {
    all.get(..all.len().min(view::ROWS)).unwrap_or_default()
}

/// The text of `report.html`, from the manifest, the findings, the facts and the curves of the queries (`series`).
/// What has no room on the page is counted, and is in `facts.json`.
#[must_use]
pub fn page(manifest: &Manifest, findings: &Findings, facts: &Facts, series: &[Series]) -> String {
    use crate::bundle::{EntryPath, findings::IssuanceState};
    let axis = axis::Axis::of(manifest);
    let (found, more_found) = view::findings(findings);
    let (pods, more_pods) = view::pods(facts);
    let changes = lanes::changed(findings, facts);
    let missing = [missing(manifest), gaps(manifest), manifest.remarks.clone()].concat();
    let paths = manifest.entries.iter().map(|entry| entry.path.as_str());
    let known = |name: &Option<String>| name.clone().unwrap_or_else(|| "unknown".to_owned());
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        style_hash: hash(STYLE),
        script_hash: hash(SCRIPT),
        title: safe::line(&format!("{}, region {}", known(&manifest.trust_domain), known(&manifest.region)), 200),
        checklist: view::checklist(manifest),
        identity: view::identity(manifest, facts),
        findings,
        issuance: words::issuance(&findings.issuance),
        issuance_why: words::why(&findings.issuance),
        issuance_class: match findings.issuance.state {
            IssuanceState::Affected => "critical",
            IssuanceState::NotAffected => "good",
            IssuanceState::NotChecked => "unknown",
        },
        until_expiry: words::UNTIL_EXPIRY,
        tally: view::tally(findings),
        found,
        more_found,
        ticks: axis.ticks(),
        incident: axis.incident(manifest),
        timeline: lanes::Timeline::of(findings, facts, axis),
        errors: lanes::ErrorBars::of(facts, axis),
        plots: plot::Plots::of(manifest, series, axis),
        baseline: view::baseline(findings),
        pods,
        more_pods,
        changes: some(changes),
        more_changes: changes.len().saturating_sub(view::ROWS),
        more_missing: missing.len().saturating_sub(view::ROWS),
        missing: missing.iter().take(view::ROWS).map(|line| safe::line(line, 1000)).collect(),
        log_errors: lines::LogErrors::of(facts),
        not_checked: some(&findings.not_checked),
        has_facts: !facts.logs.is_empty() || !facts.pods.is_empty(),
        // A path that this program did not write could be an address of anything.
        files: paths.filter(|path| EntryPath::new(path).is_ok()).collect(),
    };
    // Rendering fails only if writing fails, and writing to a string does not.
    let text = page.render().unwrap_or_default();
    safe::visible(&text).into_owned()
}
