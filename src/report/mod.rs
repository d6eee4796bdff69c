//! Owns what people read about a bundle: the terminal summary, README.txt, report.md and report.html. Pure: manifest,
//! findings and facts in, text out. It knows neither files nor the time.

mod markdown;
mod page;
mod readme;
pub mod safe;
mod series;
mod terminal;
mod text;
mod words;

pub use markdown::markdown;
pub use page::page;
pub use readme::readme;
pub use series::{ANSWER_BYTES, POINTS, SERIES, Series, series};
pub use terminal::summary;
pub use text::text;

use crate::{
    bundle::{CheckState, Manifest, Outcome, TaskRecord},
    facts::{coverage, gone},
    text::counted,
};
use std::collections::BTreeSet;

/// The most details that are shown per checklist item; the manifest has all.
const DETAILS: usize = 8;

fn mark(state: CheckState) -> &'static str {
    match state {
        CheckState::Yes => "[yes]    ",
        CheckState::Partial => "[partly] ",
        CheckState::No => "[no]     ",
        CheckState::NotCollectedYet => "[not yet]",
    }
}

/// Appends the checklist: per item its state and text, its details, and the command that completes it.
fn checklist(manifest: &Manifest, text: &mut String) {
    for item in &manifest.checklist {
        text.push_str(&format!("{} {}\n", mark(item.state), item.text));
        let mut details: Vec<&str> = item.detail.split("; ").collect();
        let more = details.len().saturating_sub(DETAILS);
        details.truncate(DETAILS);
        details.iter().for_each(|detail| text.push_str(&format!("            {detail}\n")));
        if more > 0 {
            text.push_str(&format!("            and {more} more, in manifest.json\n"));
        }
        if let Some(command) = &item.command {
            text.push_str(&format!("            $ {command}\n"));
        }
    }
}

/// The tasks whose evidence is missing. What does not exist is not missing.
fn unfulfilled(manifest: &Manifest) -> Vec<&TaskRecord> {
    let is_fulfilled =
        |task: &TaskRecord| matches!(task.outcome, Outcome::Collected | Outcome::Empty | Outcome::Absent);
    // A cluster-wide list that is skipped after it started was replaced by one list per namespace.
    let is_replaced =
        |task: &TaskRecord| task.outcome == Outcome::Skipped && task.kind == "list" && task.started.is_some();
    manifest.tasks.iter().filter(|task| !is_fulfilled(task) && !is_replaced(task)).collect()
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Collected => "collected",
        Outcome::Empty => "empty",
        Outcome::Absent => "absent",
        Outcome::Forbidden => "forbidden",
        Outcome::Truncated => "truncated",
        Outcome::Skipped => "skipped",
        Outcome::TimedOut => "timed-out",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
    }
}

/// Tasks whose evidence is missing for the same reason.
struct Missing<'a> {
    required: bool,
    outcome: Outcome,
    cause: String,
    hint: Option<&'a str>,
    tasks: Vec<&'a TaskRecord>,
}

impl<'a> Missing<'a> {
    fn new(task: &'a TaskRecord) -> Self {
        Self {
            required: task.required,
            outcome: task.outcome,
            cause: task.causes.last().cloned().unwrap_or_default(),
            hint: task.hint.as_deref(),
            tasks: vec![task],
        }
    }

    /// Whether one line can stand for both: the same hint helps with both, or the causes are equal.
    fn is_same_reason(&self, other: &Self) -> bool {
        let same_cause = self.cause == other.cause || self.hint.is_some();
        self.outcome == other.outcome && self.hint == other.hint && same_cause
    }

    fn line(&self) -> String {
        let what = match &self.tasks[..] {
            [one] => one.target.clone(),
            [one, rest @ ..] => format!("{} and {} more", one.target, rest.len()),
            [] => String::new(),
        };
        let required = if self.required { " (required)" } else { "" };
        let hint = self.hint.map(|hint| format!(" -> {hint}")).unwrap_or_default();
        // The cause may quote a server's answer, which may contain line breaks.
        safe::line(&format!("{}{required}: {what}: {}{hint}", outcome(self.outcome), self.cause), usize::MAX)
    }
}

/// What is missing, one line per reason, required evidence first.
fn missing(manifest: &Manifest) -> Vec<String> {
    let mut missing: Vec<Missing<'_>> = Vec::new();
    for next in unfulfilled(manifest).into_iter().map(Missing::new) {
        match missing.iter_mut().find(|held| held.is_same_reason(&next)) {
            Some(held) => {
                held.required |= next.required;
                held.tasks.extend(next.tasks);
            }
            None => missing.push(next),
        }
    }
    missing.sort_by_key(|missing| !missing.required);
    missing.iter().map(Missing::line).collect()
}

/// The parts of the window that logs and events do not cover, one line per reason.
fn gaps(manifest: &Manifest) -> Vec<String> {
    let logs = coverage::missing_logs(manifest).into_iter().chain(gone::logs_lack(manifest));
    logs.chain(coverage::missing_events(manifest)).collect()
}

/// What the bundle contains, a few words per kind of evidence.
fn contents(manifest: &Manifest) -> String {
    let of_logs = || manifest.tasks.iter().filter(|task| task.is_log());
    let logs: BTreeSet<&str> = of_logs().map(|task| task.id.as_str()).collect();
    let count = |kinds: &[&str]| -> u64 {
        let of_kinds = manifest.tasks.iter().filter(|task| kinds.contains(&task.kind.as_str()));
        of_kinds.map(|task| task.entries.len() as u64).sum()
    };
    let entries = manifest.entries.iter().filter(|entry| logs.contains(entry.task.as_str()));
    let lines: u64 = entries.filter_map(|entry| entry.coverage.as_ref()).map(|coverage| coverage.lines).sum();
    let bytes: u64 = manifest.entries.iter().map(|entry| entry.bytes).sum();
    format!(
        "{} ({}), {} of objects and events, {}, {}; {} uncompressed",
        counted(of_logs().map(|task| task.entries.len() as u64).sum(), "log"),
        counted(lines, "line"),
        counted(count(&["list", "object"]), "file"),
        counted(count(&["scrape", "second-scrape"]), "scrape"),
        counted(count(&["query"]), "query answer"),
        bytesize::ByteSize(bytes).display().si(),
    )
}
