//! The last words of a run in the terminal: a screenful.

use super::{checklist, holdings, lacks, safe, words};
use crate::{
    bundle::{
        Ended, Manifest,
        findings::{Finding, Findings},
    },
    facts::coverage,
};

/// At most this many lacks are shown; README.txt has all.
const LACKS: usize = 8;

/// A screenful, in lines.
const SCREEN: usize = 40;

/// How wide a finding's lines are at most, in characters.
const WIDTH: usize = 118;

/// What a ticket commonly takes; the command for a copy of a larger bundle is shown.
const TICKET: u64 = 20_000_000;

/// A finding in three lines: what and since when, what shows it, what to do next; in one where it comes of another.
fn finding(finding: &Finding) -> String {
    let since = finding.since.map(|at| format!(", since {}", super::time(at))).unwrap_or_default();
    let pods = words::pods(finding).map(|pods| format!(", {pods}")).unwrap_or_default();
    let title = safe::line(&finding.title, WIDTH - 50);
    // What comes of another is told, and what to do is told with that.
    if let Some(cause) = &finding.explained_by {
        return format!("{:<8} {title}, comes of {}\n", words::severity(finding.severity), safe::line(cause, 60));
    }
    let mut text = format!("{:<8} {title}{since}{pods}\n", words::severity(finding.severity));
    let mut line = |words: &str| text.push_str(&format!("         {}\n", safe::line(words, WIDTH - 9)));
    if let Some(shown) = finding.shown_by.first() {
        let value =
            shown.value.as_deref().map(|value| format!("{} {value}", shown.query.as_deref().unwrap_or_default()));
        line(&value.filter(|_| shown.quote.is_empty()).unwrap_or_else(|| words::told(&shown.quote)));
    }
    // A command is there to be copied, so it is not cut.
    match finding.next.iter().find_map(|step| step.command.as_ref()) {
        Some(command) => text.push_str(&format!("         $ {}\n", safe::line(command, usize::MAX))),
        None => finding.next.iter().take(1).for_each(|step| line(&step.text)),
    }
    text
}

/// The findings in order, as many as there are lines for; how many have no room is said.
fn found(findings: &Findings, lines: usize) -> String {
    let why = safe::line(&words::why(&findings.issuance), WIDTH - 30);
    let issuance = words::issuance(&findings.issuance);
    let mut text = format!("\nissuance affected: {issuance}. {why}\n         {}\n", words::UNTIL_EXPIRY);
    let all: Vec<String> = words::in_order(findings).map(finding).collect();
    // One line for what has no room; at least the finding that leads is shown.
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

/// The summary of a bundle of `bytes` bytes with this SHA-256, at `path` as a shell takes it; none
/// when a smaller copy is made without more words. With the findings it is a screenful, as far as what lacks lets it.
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
    text.push_str(&format!("\nholds    {}\n", holdings(manifest)));
    text.push_str(&match manifest.redactions_total {
        0 => "redacted nothing: no secret was recognised\n".to_owned(),
        many => format!("redacted {many} values; manifest.json counts them by rule and file\n"),
    });
    match manifest.ended {
        Ended::Finished => {}
        Ended::Interrupted => {
            text.push_str("ended    by your interrupt: what was gathered until then is in the bundle\n")
        }
        Ended::Deadline => text.push_str("ended    by the deadline: give more with --deadline\n"),
        Ended::DiskFull => text.push_str("ended    because the disk is full: give another place with --to\n"),
        Ended::Salvaged => text.push_str("ended    by being killed\n"),
    }
    let lacks = lacks(manifest);
    for lack in lacks.iter().take(LACKS) {
        text.push_str(&format!("lacks    {lack}\n"));
    }
    if lacks.len() > LACKS {
        text.push_str(&format!("lacks    {} more, in README.txt\n", lacks.len() - LACKS));
    }
    // The checklist has what is missing of logs.
    if let Some(lack) = coverage::events_lack(manifest) {
        text.push_str(&format!("lacks    {lack}\n"));
    }
    text.push_str("next     attach the bundle to your ticket with Defakto support\n");
    if let Some(path) = path.filter(|_| bytes > TICKET) {
        text.push_str("         if that takes no more than 20 MB, a smaller copy:\n");
        text.push_str(&format!("         $ kubectl-escalate fit {path} --max-size 20MB\n"));
    }
    text.push_str(&format!("size     {}, sha256 {sha256}\n", bytesize::ByteSize(bytes).display().si()));
    let taken = head.lines().count() + text.lines().count();
    let found = findings.map(|findings| found(findings, SCREEN.saturating_sub(taken))).unwrap_or_default();
    // An answer of somebody else's server may have anything in it, and a terminal obeys it.
    safe::terminal(&format!("{head}{found}{text}"))
}
