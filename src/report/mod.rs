//! The bundle in words, for people: pure, from the manifest, the findings and the facts.

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
};
use chrono::{DateTime, SecondsFormat, Utc};
use std::collections::BTreeSet;

/// At most this many details of an item are shown; the manifest has all.
const DETAILS: usize = 8;

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn mark(state: CheckState) -> &'static str {
    match state {
        CheckState::Yes => "[yes]    ",
        CheckState::Partial => "[partly] ",
        CheckState::No => "[no]     ",
        CheckState::NotCollectedYet => "[not yet]",
    }
}

/// The checklist, a line or two an item.
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

/// Tasks that did not give what was asked, by cause: absence is no lack.
fn lacking(manifest: &Manifest) -> Vec<&TaskRecord> {
    let had = |task: &TaskRecord| matches!(task.outcome, Outcome::Collected | Outcome::Empty | Outcome::Absent);
    // A list over the cluster that is skipped was taken namespace by namespace.
    let took_another_way =
        |task: &TaskRecord| task.outcome == Outcome::Skipped && task.kind == "list" && task.started.is_some();
    manifest.tasks.iter().filter(|task| !had(task) && !took_another_way(task)).collect()
}

fn word(outcome: Outcome) -> &'static str {
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

/// Tasks that lack for the same cause.
struct Lack<'a> {
    required: bool,
    outcome: Outcome,
    cause: String,
    hint: Option<&'a str>,
    tasks: Vec<&'a TaskRecord>,
}

impl<'a> Lack<'a> {
    fn of(task: &'a TaskRecord) -> Self {
        Self {
            required: task.required,
            outcome: task.outcome,
            cause: task.causes.last().cloned().unwrap_or_default(),
            hint: task.hint.as_deref(),
            tasks: vec![task],
        }
    }

    /// The same hint mends both, whatever the words of the cause; without one the words decide.
    fn is_like(&self, other: &Self) -> bool {
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
        // A server's answer may have any lines in it.
        safe::line(&format!("{}{required}: {what}: {}{hint}", word(self.outcome), self.cause), usize::MAX)
    }
}

/// One line for each kind of lack, the required ones first; many alike are one line.
fn lacks(manifest: &Manifest) -> Vec<String> {
    let mut lacks: Vec<Lack<'_>> = Vec::new();
    for lack in lacking(manifest).into_iter().map(Lack::of) {
        match lacks.iter_mut().find(|held| held.is_like(&lack)) {
            Some(held) => {
                held.required |= lack.required;
                held.tasks.extend(lack.tasks);
            }
            None => lacks.push(lack),
        }
    }
    lacks.sort_by_key(|lack| !lack.required);
    lacks.iter().map(Lack::line).collect()
}

/// What is missing of the window though it was asked for: of logs, a line for all that lack the same.
fn gaps(manifest: &Manifest) -> Vec<String> {
    let logs = coverage::logs_lack(manifest).into_iter().chain(gone::logs_lack(manifest));
    logs.chain(coverage::events_lack(manifest)).collect()
}

/// What the bundle holds, a few words a kind.
fn holdings(manifest: &Manifest) -> String {
    let of_logs = || manifest.tasks.iter().filter(|task| task.is_log());
    let logs: BTreeSet<&str> = of_logs().map(|task| task.id.as_str()).collect();
    let count = |kinds: &[&str]| -> usize {
        let of_kinds = manifest.tasks.iter().filter(|task| kinds.contains(&task.kind.as_str()));
        of_kinds.map(|task| task.entries.len()).sum()
    };
    let entries = manifest.entries.iter().filter(|entry| logs.contains(entry.task.as_str()));
    let lines: u64 = entries.filter_map(|entry| entry.coverage.as_ref()).map(|coverage| coverage.lines).sum();
    let bytes: u64 = manifest.entries.iter().map(|entry| entry.bytes).sum();
    format!(
        "{} with {lines} lines, {} of objects and events, {}, {}; {} before compression",
        counted(of_logs().map(|task| task.entries.len()).sum(), "log"),
        counted(count(&["list", "object"]), "file"),
        counted(count(&["scrape", "second-scrape"]), "scrape"),
        counted(count(&["query"]), "metric answer"),
        bytesize::ByteSize(bytes).display().si(),
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
