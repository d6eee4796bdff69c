//! The bundle in words, for people: pure, from the manifest alone.

mod readme;
mod terminal;

pub use readme::readme;
pub use terminal::summary;

use crate::bundle::{CheckState, Manifest, Outcome, TaskRecord};
use chrono::{DateTime, SecondsFormat, Utc};

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
        let more = details.len().saturating_sub(6);
        details.truncate(6);
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

/// One line for each kind of lack, the required ones first; many alike are one line.
fn lacks(manifest: &Manifest) -> Vec<String> {
    let mut groups: Vec<(bool, Outcome, String, Option<&str>, Vec<&TaskRecord>)> = Vec::new();
    for task in lacking(manifest) {
        let cause = task.causes.last().cloned().unwrap_or_default();
        match groups.iter_mut().find(|group| {
            group.1 == task.outcome && group.3 == task.hint.as_deref() && (group.2 == cause || task.hint.is_some())
        }) {
            Some(group) => {
                group.0 |= task.required;
                group.4.push(task);
            }
            None => groups.push((task.required, task.outcome, cause, task.hint.as_deref(), vec![task])),
        }
    }
    groups.sort_by_key(|group| !group.0);
    let line = |(required, outcome, cause, hint, tasks): (bool, Outcome, String, Option<&str>, Vec<&TaskRecord>)| {
        let what = match &tasks[..] {
            [one] => one.target.clone(),
            [one, rest @ ..] => format!("{} and {} more", one.target, rest.len()),
            [] => String::new(),
        };
        let required = if required { " (required)" } else { "" };
        let hint = hint.map(|hint| format!(" -> {hint}")).unwrap_or_default();
        format!("{}{required}: {what}: {cause}{hint}", word(outcome))
    };
    groups.into_iter().map(line).collect()
}

/// What the bundle holds, a few words a kind.
fn holdings(manifest: &Manifest) -> String {
    let count = |kinds: &[&str]| {
        let of_kind = manifest.tasks.iter().filter(|task| kinds.contains(&task.kind.as_str()));
        of_kind.map(|task| task.entries.len()).sum::<usize>()
    };
    let lines: u64 =
        manifest.entries.iter().filter_map(|entry| entry.coverage.as_ref()).map(|coverage| coverage.lines).sum();
    let bytes: u64 = manifest.entries.iter().map(|entry| entry.bytes).sum();
    format!(
        "{} with {lines} lines, {} of objects and events, {}; {} before compression",
        counted(count(&["log", "previous-log"]), "log"),
        counted(count(&["list", "object"]), "file"),
        counted(count(&["scrape"]), "scrape"),
        bytesize::ByteSize(bytes).display().si(),
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
