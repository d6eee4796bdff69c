//! Owns the sentences that say what of the window is missing, one for all containers that lack the same.

use crate::{
    bundle::{ContainerCoverage, EntryRecord, Gap, GapCause, Manifest},
    text::utc,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashSet;

/// What one container, or several, lack for one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MissingPart {
    cause: GapCause,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// The time that is missing between `from` and `to`; the longest, of several containers.
    length: TimeDelta,
    /// Whether all containers lack the same time.
    exact: bool,
    remedy: Option<String>,
}

/// Containers that lack the same.
struct Group<'a> {
    first: &'a ContainerCoverage,
    count: usize,
    lacks: Vec<MissingPart>,
}

/// What is missing of the logs, in one line without a semicolon for each group of containers; empty where nothing is
/// missing.
#[must_use]
pub fn missing_logs(manifest: &Manifest) -> Vec<String> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let older = OlderFiles::of(manifest);
    for container in &manifest.containers {
        let lacks = lacks(container, &older, manifest.window_end);
        let same = |group: &&mut Group<'_>| {
            let is_like =
                |(one, other): (&MissingPart, &MissingPart)| one.cause == other.cause && one.remedy == other.remedy;
            group.lacks.len() == lacks.len() && group.lacks.iter().zip(&lacks).all(is_like)
        };
        if lacks.is_empty() {
            continue;
        }
        match groups.iter_mut().find(same) {
            Some(group) => {
                group.count += 1;
                group.lacks.iter_mut().zip(&lacks).for_each(|(held, lack)| held.join(lack));
            }
            None => groups.push(Group { first: container, count: 1, lacks }),
        }
    }
    groups.iter().map(Group::line).collect()
}

/// What is missing of the events, in one line; none where nothing is missing.
#[must_use]
pub fn missing_events(manifest: &Manifest) -> Option<String> {
    let coverages = manifest.entries.iter().filter_map(|entry| entry.coverage.as_ref());
    let gaps: Vec<&Gap> =
        coverages.flat_map(|coverage| &coverage.gaps).filter(|gap| gap.cause == GapCause::Expired).collect();
    let (from, to) = (gaps.iter().map(|gap| gap.from).min()?, gaps.iter().map(|gap| gap.to).max()?);
    let length = gaps.iter().map(|gap| gap.to - gap.from).max()?;
    let (up_to, of) = match gaps.len() {
        1 => ("", String::new()),
        many => ("up to ", format!(" of {many} namespaces")),
    };
    let (length, cause) = (length_text(length), cause_name(GapCause::Expired));
    Some(format!(
        "{up_to}{length} of events{of}, {} to {}: {cause}, the API server keeps them for an hour by default",
        utc(from),
        utc(to),
    ))
}

/// What a container lacks, one part for each cause, in the order of time.
fn lacks(container: &ContainerCoverage, older: &OlderFiles<'_>, window_end: DateTime<Utc>) -> Vec<MissingPart> {
    let mut lacks: Vec<MissingPart> = Vec::new();
    for gap in container.gaps.iter().filter(|gap| gap.missing) {
        match lacks.iter_mut().find(|lack| lack.cause == gap.cause) {
            Some(lack) => {
                lack.to = gap.to;
                lack.length += gap.to - gap.from;
            }
            None => lacks.push(MissingPart {
                cause: gap.cause,
                from: gap.from,
                to: gap.to,
                length: gap.to - gap.from,
                exact: true,
                remedy: remedy(gap.cause, container, older, window_end),
            }),
        }
    }
    lacks
}

/// What the user can do to close a gap of this cause; none where nothing helps.
fn remedy(
    cause: GapCause,
    container: &ContainerCoverage,
    older: &OlderFiles<'_>,
    window_end: DateTime<Utc>,
) -> Option<String> {
    let namespace = &container.namespace;
    match cause {
        GapCause::RotatedAway | GapCause::Unknown => older.remedy(container),
        GapCause::CutByLimit => Some("raise --log-limit, or narrow the window".to_owned()),
        GapCause::Forbidden => Some(format!("`kubectl-escalate rbac -n {namespace}` prints the role")),
        GapCause::TimedOut => Some("allow more time with --deadline or --request-timeout".to_owned()),
        GapCause::StreamFailed | GapCause::Cancelled => Some("collect again".to_owned()),
        GapCause::WindowNotOver => Some(format!("complete it after {}, or collect with --wait", utc(window_end))),
        _ => None,
    }
}

/// What the run did to read the older files of logs, which the kubelet does not answer with.
struct OlderFiles<'a> {
    are_read: bool,
    /// The ids of tasks that may not read them.
    refused: HashSet<&'a str>,
}

impl<'a> OlderFiles<'a> {
    fn of(manifest: &'a Manifest) -> Self {
        let is_refused = |hint: &String| hint.contains("nodes/proxy");
        let refused = manifest.tasks.iter().filter(|task| task.hint.as_ref().is_some_and(is_refused));
        Self {
            are_read: manifest.entries.iter().any(EntryRecord::is_of_node_files),
            refused: refused.map(|task| task.id.trim_end_matches("/previous")).collect(),
        }
    }

    /// How to read them.
    fn remedy(&self, container: &ContainerCoverage) -> Option<String> {
        if self.refused.contains(container.log_task().as_str()) {
            return Some(
                "`kubectl-escalate rbac --rotated-logs` prints the role for the node's older files".to_owned(),
            );
        }
        (!self.are_read).then(|| "--rotated-logs reads the node's older files, while they exist".to_owned())
    }
}

impl MissingPart {
    /// Joins it with that of another container.
    fn join(&mut self, other: &Self) {
        let seconds = |lack: &Self| (lack.from.timestamp(), lack.to.timestamp());
        self.exact &= other.exact && seconds(self) == seconds(other);
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.length = self.length.max(other.length);
    }

    fn text(&self) -> String {
        let up_to = if self.exact { "" } else { "up to " };
        let remedy = self.remedy.as_ref().map(|remedy| format!(" -> {remedy}")).unwrap_or_default();
        let (length, from, to) = (length_text(self.length), utc(self.from), utc(self.to));
        format!("{up_to}{length}, {from} to {to}: {}{remedy}", cause_name(self.cause))
    }
}

impl Group<'_> {
    fn line(&self) -> String {
        let ContainerCoverage { pod, container, .. } = self.first;
        let lacks: Vec<String> = self.lacks.iter().map(MissingPart::text).collect();
        let who = match self.count {
            1 => format!("log of {pod}/{container} lacks"),
            many => format!("logs of {many} containers ({pod}/{container}, …) lack"),
        };
        format!("{who} {}", lacks.join(", and "))
    }
}

/// A duration as text, in minutes, or in seconds if it is short.
fn length_text(length: TimeDelta) -> String {
    match length.num_seconds() {
        0 => "less than 1 s".to_owned(),
        seconds if seconds < 60 => format!("{seconds} s"),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{}.{} min", seconds / 60, seconds % 60 / 6),
    }
}

/// The manifest's name of a cause.
fn cause_name(cause: GapCause) -> String {
    let word = serde_json::to_value(cause).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
