//! Owns `report.md`, which fits into a ticket's text field. Text from the evidence never acts as Markdown in it.

use super::{gaps, mark, missing, safe, words};
use crate::{
    bundle::{
        Manifest,
        facts::Facts,
        findings::{Finding, Findings},
    },
    text::{counted, utc},
};

/// The most characters of the whole report.
const MOST: usize = 6000;

/// The most characters of one quote, command or line.
const QUOTE: usize = 240;
const COMMAND: usize = 400;
const LINE: usize = 240;

/// Text with a limit: a part that does not fit is left out.
struct Limited {
    text: String,
    left: usize,
}

impl Limited {
    /// Appends a part if `reserved` characters are left after it; returns whether it did.
    fn push(&mut self, part: &str, reserved: usize) -> bool {
        let cost = part.chars().count();
        let fits = cost + reserved <= self.left;
        if fits {
            self.text.push_str(part);
            self.left -= cost;
        }
        fits
    }

    /// Appends parts in order while `reserved` characters are left; `more` tells how many did not fit.
    fn push_all(&mut self, parts: &[String], reserved: usize, more: impl Fn(usize) -> String) {
        let room = 64;
        let held = parts.iter().take_while(|part| self.push(part, reserved + room)).count();
        if held < parts.len() {
            self.push(&more(parts.len() - held), 0);
        }
    }
}

/// The text of `report.md`, at most 6,000 characters. Words from the evidence that could act as Markdown are in code
/// spans.
#[must_use]
pub fn markdown(manifest: &Manifest, findings: &Findings, facts: &Facts) -> String {
    let mut page = Limited { text: String::new(), left: MOST };
    page.push(&identity(manifest, facts), 0);
    let why = safe::prose(&words::why(&findings.issuance), LINE);
    let issuance = words::issuance(&findings.issuance);
    page.push(&format!("\n**Issuance affected: {issuance}.** {why} {}\n", words::UNTIL_EXPIRY), 0);

    // The checklist and the list of what is missing are short and required: their room is reserved before the findings.
    page.push("\n## Findings\n\n", 0);
    let found: Vec<String> = words::in_order(findings).map(|finding| self::finding(findings, finding)).collect();
    if found.is_empty() {
        page.push("None.\n", 0);
    }
    page.push_all(&found, 2000, |more| format!("\nAnd {more} more, in `report.html`.\n"));
    if !findings.not_checked.is_empty() {
        page.push(
            &format!("\nNot checked: {}, see `report.html`.\n", counted(findings.not_checked.len() as u64, "rule")),
            0,
        );
    }

    page.push("\n## What support asks for\n\n", 0);
    let items: Vec<String> = manifest.checklist.iter().map(check).collect();
    page.push_all(&items, 700, |more| format!("- and {more} more, in `README.txt`\n"));

    page.push("\n## What is missing\n\n", 0);
    let missing = [missing(manifest), gaps(manifest), manifest.remarks.clone()].concat();
    if missing.is_empty() {
        page.push("Nothing that was requested.\n", 0);
    }
    let lines: Vec<String> = missing.iter().map(|line| format!("- {}\n", safe::prose(line, LINE))).collect();
    page.push_all(&lines, 0, |more| format!("- and {more} more, in `README.txt`\n"));
    page.text
}

fn identity(manifest: &Manifest, facts: &Facts) -> String {
    let known = |name: &Option<String>| name.as_ref().map_or_else(|| "unknown".to_owned(), |name| safe::code(name, 80));
    let mut text = format!(
        "# Escalation\n\n- Trust domain: {}\n- Deployment: {}\n- Region: {}\n",
        known(&manifest.trust_domain),
        known(&manifest.trust_domain_deployment),
        known(&manifest.region)
    );
    let mut line = |name: &str, value: &str| text.push_str(&format!("- {name}: {value}\n"));
    match words::incident(manifest) {
        Some((start, end)) => line("Incident", &words::span(start, end)),
        None => line("Incident", "no time given"),
    }
    line("Window", &words::span(manifest.window_start, manifest.window_end));
    let tags = words::versions(facts).into_iter().take(4);
    let tags: Vec<String> = tags.map(|(tag, pods)| format!("{} ({pods})", safe::code(&tag, 60))).collect();
    if !tags.is_empty() {
        line("Server images", &tags.join(", "));
    }
    if let Some(ticket) = &manifest.ticket {
        line("Ticket", &safe::code(ticket, 80));
    }
    text
}

fn finding(findings: &Findings, finding: &Finding) -> String {
    let mut text = format!("- **{}**: {}", words::severity(finding.severity), safe::prose(&finding.title, LINE));
    if let Some(since) = finding.since {
        text.push_str(&format!(", since {}", utc(since)));
    }
    if let Some(pods) = words::pods(finding) {
        text.push_str(&format!(", {pods}"));
    }
    if let Some(cause) = &finding.explained_by {
        return format!("{text}, caused by: {}\n", safe::code(cause, 60));
    }
    text.push('\n');
    if findings.root_cause.as_ref() == Some(&finding.id) && !findings.root_cause_why.is_empty() {
        text.push_str(&format!("  - Root cause: {}\n", safe::prose(&findings.root_cause_why, LINE)));
    }
    if let Some(shown) = finding.shown_by.first() {
        let value = shown.value.as_deref().filter(|_| shown.quote.is_empty());
        let quote = safe::code(value.map_or_else(|| words::message(&shown.quote), str::to_owned).as_str(), QUOTE);
        let entry = shown.entry.as_ref().map(|entry| format!(" ({})", safe::code(entry, 200))).unwrap_or_default();
        text.push_str(&format!("  - Evidence: {quote}{entry}\n"));
    }
    if let Some(step) = finding.next.iter().find(|step| step.command.is_some()).or(finding.next.first()) {
        let command = step.command.as_ref().map(|command| format!(": {}", safe::code(command, COMMAND)));
        let command = command.unwrap_or_default();
        text.push_str(&format!("  - Next: {}{command}\n", safe::prose(step.text.trim_end_matches('.'), LINE)));
    }
    text
}

fn check(item: &crate::bundle::ChecklistItem) -> String {
    let state = mark(item.state).trim().trim_matches(['[', ']']);
    let detail = match safe::prose(&item.detail, LINE) {
        detail if detail.is_empty() => detail,
        detail => format!(": {detail}"),
    };
    let command = item.command.as_ref().map(|command| format!(" {}", safe::code(command, COMMAND)));
    format!("- **{state}** {}{detail}{}\n", safe::prose(&item.text, LINE), command.unwrap_or_default())
}
