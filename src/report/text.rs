//! Owns the text that `kubectl escalate report` prints: every finding with its evidence, the baseline, and the rules
//! that could not be checked.

use super::{safe, words};
use crate::{
    bundle::findings::{Finding, Findings, Shown},
    text::utc,
};

/// The most pieces of evidence that are shown per finding; findings.json has all.
const SHOWN: usize = 3;

/// The findings in order, the baseline, and the rules that were not checked.
#[must_use]
pub fn text(found: &Findings) -> String {
    let issuance = words::issuance(&found.issuance);
    let mut text = String::new();
    // Text from the evidence cannot start a line of its own.
    let mut line = |words: &str| {
        let indent = words.len() - words.trim_start_matches(' ').len();
        text.push_str(&format!("{:indent$}{}\n", "", safe::line(words, usize::MAX)));
    };
    line(&format!("issuance affected: {issuance}. {}", words::why(&found.issuance)));
    line(&format!("          {}", words::UNTIL_EXPIRY));
    if found.root_cause.is_none() {
        line("findings  none: the evidence shows no problem that the profile knows");
    }
    for finding in words::in_order(found) {
        line("");
        line(&head(finding));
        if found.root_cause.as_ref() == Some(&finding.id) && !found.root_cause_why.is_empty() {
            line(&format!("          root cause: {}", found.root_cause_why));
        }
        if let Some(cause) = &finding.explained_by {
            line(&format!("          caused by: {cause}"));
        }
        finding.shown_by.iter().take(SHOWN).for_each(|shown| line(&format!("          {}", quoted(shown))));
        line(&format!("          {}", finding.means));
        for step in finding.next.iter().filter(|_| finding.explained_by.is_none()) {
            line(&format!("          -> {}", step.text));
            step.command.iter().for_each(|command| line(&format!("             $ {command}")));
        }
    }
    line("");
    for of in &found.baseline {
        let value = of.value.as_ref().map(|value| format!(" ({value})")).unwrap_or_default();
        let state = words::baseline(of.state);
        line(&format!("baseline  {}: {state}{value}; expected {}", of.signal, of.expected));
    }
    if !found.not_checked.is_empty() {
        line("");
    }
    for not in &found.not_checked {
        line(&format!("not checked  {}: {}", not.title, not.why));
    }
    text
}

fn head(finding: &Finding) -> String {
    let since = finding.since.map(|since| format!(", since {}", utc(since))).unwrap_or_default();
    let pods = words::pods(finding).map(|pods| format!(", {pods}")).unwrap_or_default();
    format!("{:<9} {} [{}]{since}{pods}", words::severity(finding.severity), finding.title, finding.id)
}

fn quoted(shown: &Shown) -> String {
    let at = shown.at.map(|at| format!("{} ", utc(at))).unwrap_or_default();
    let times = if shown.times > 1 { format!(" ({} times)", shown.times) } else { String::new() };
    let entry = shown.entry.as_ref().map(|entry| format!(" [{entry}]")).unwrap_or_default();
    format!("{at}\"{}\"{times}{entry}", shown.quote)
}
