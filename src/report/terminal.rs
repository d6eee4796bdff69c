//! Owns the summary that a run prints at its end: at most a screenful.

use super::{checklist, contents, missing, safe, words};
use crate::{
    bundle::{
        Ended, Manifest,
        findings::{Finding, Findings},
    },
    facts::coverage,
    text::utc,
};

/// The most lines about missing evidence; README.txt has all.
const MISSING: usize = 8;

/// The most lines of a summary with findings, unless the rest alone is longer.
const SCREEN: usize = 40;

/// The longest line of a finding, in characters; commands are never cut.
const WIDTH: usize = 118;

/// What a ticket usually accepts, in bytes. For a larger bundle, the command that makes a smaller copy is shown.
const TICKET: u64 = 20_000_000;

/// A finding in three lines: what and since when, the deciding line, what to do next. A consequence is one line: the
/// next step is at its cause.
fn finding(finding: &Finding) -> String {
    let since = finding.since.map(|at| format!(", since {}", utc(at))).unwrap_or_default();
    let pods = words::pods(finding).map(|pods| format!(", {pods}")).unwrap_or_default();
    let title = safe::line(&finding.title, WIDTH - 50);
    if let Some(cause) = &finding.explained_by {
        return format!("{:<8} {title}, caused by: {}\n", words::severity(finding.severity), safe::line(cause, 60));
    }
    let mut text = format!("{:<8} {title}{since}{pods}\n", words::severity(finding.severity));
    let mut line = |words: &str| text.push_str(&format!("         {}\n", safe::line(words, WIDTH - 9)));
    if let Some(shown) = finding.shown_by.first() {
        let value =
            shown.value.as_deref().map(|value| format!("{} {value}", shown.query.as_deref().unwrap_or_default()));
        line(&value.filter(|_| shown.quote.is_empty()).unwrap_or_else(|| words::message(&shown.quote)));
    }
    // A command is meant to be copied, so it is not cut.
    match finding.next.iter().find_map(|step| step.command.as_ref()) {
        Some(command) => text.push_str(&format!("         $ {}\n", safe::line(command, usize::MAX))),
        None => finding.next.iter().take(1).for_each(|step| line(&step.text)),
    }
    text
}

/// The findings in order, as many as fit into `lines`, and how many do not.
fn found(findings: &Findings, lines: usize) -> String {
    let why = safe::line(&words::why(&findings.issuance), WIDTH - 30);
    let issuance = words::issuance(&findings.issuance);
    let mut text = format!("\nissuance affected: {issuance}. {why}\n         {}\n", words::UNTIL_EXPIRY);
    let all: Vec<String> = words::in_order(findings).map(finding).collect();
    // One line is kept for "and N more". The root cause is always shown.
    let mut left = lines.saturating_sub(4);
    let fits = |part: &&String| {
        let cost = part.lines().count();
        let fits = cost <= left;
        left = left.saturating_sub(cost);
        fits
    };
    let shown = all.iter().take_while(fits).count().max(1).min(all.len());
    all.iter().take(shown).for_each(|part| text.push_str(part));
    if shown < all.len() {
        text.push_str(&format!("         and {} more, in report.html\n", all.len() - shown));
    }
    text
}

/// The summary of a bundle of `bytes` bytes with this SHA-256. `path` is its path, quoted for a shell; without it, the
/// command for a smaller copy is left out. With findings, the summary is a screenful unless the rest alone is longer.
#[must_use]
pub fn summary(
    manifest: &Manifest,
    findings: Option<&Findings>,
    bytes: u64,
    sha256: &str,
    path: Option<&str>,
) -> String {
    let mut text = String::from("\n");
    checklist(manifest, &mut text);
    let head = text;
    let mut text = String::new();
    text.push_str(&format!("\ncontains {}\n", contents(manifest)));
    text.push_str(&match manifest.redactions_total {
        0 => "redacted nothing: no secret was recognised\n".to_owned(),
        many => format!("redacted {many} values; manifest.json counts them by rule and file\n"),
    });
    match manifest.ended {
        Ended::Finished => {}
        Ended::Interrupted => {
            text.push_str("ended    early, interrupted: the bundle has what was collected until then\n")
        }
        Ended::Deadline => text.push_str("ended    early, at the deadline: set a longer one with --deadline\n"),
        Ended::DiskFull => text.push_str("ended    early, the disk is full: choose another place with --to\n"),
        Ended::Salvaged => text.push_str("ended    early, killed\n"),
    }
    let all = missing(manifest);
    for line in all.iter().take(MISSING) {
        text.push_str(&format!("missing  {line}\n"));
    }
    if all.len() > MISSING {
        text.push_str(&format!("missing  {} more, in README.txt\n", all.len() - MISSING));
    }
    // The checklist lists the gaps of logs.
    if let Some(gap) = coverage::missing_events(manifest) {
        text.push_str(&format!("missing  {gap}\n"));
    }
    text.push_str("next     attach the bundle to your Defakto support ticket\n");
    if let Some(path) = path.filter(|_| bytes > TICKET) {
        text.push_str("         if the ticket accepts at most 20 MB, make a smaller copy:\n");
        text.push_str(&format!("         $ kubectl-escalate fit {path} --max-size 20MB\n"));
    }
    text.push_str(&format!("size     {}, sha256 {sha256}\n", bytesize::ByteSize(bytes).display().si()));
    let taken = head.lines().count() + text.lines().count();
    let found = findings.map(|findings| found(findings, SCREEN.saturating_sub(taken))).unwrap_or_default();
    // Text from a server may contain control sequences, and a terminal obeys them.
    safe::terminal(&format!("{head}{found}{text}"))
}
