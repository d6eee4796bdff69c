//! Owns the page's log errors: error lines of all logs, and their patterns, as many as the page has room for.

use super::Moment;
use crate::{
    bundle::facts::{ErrorLine, Facts, Level, LogFacts, Template},
    report::{safe, words},
};
use std::collections::{BTreeMap, BTreeSet};

/// The most bytes of lines on the page, before escaping.
const LINES: usize = 1_000_000;

/// The most bytes of the lines shown before error lines.
const BEFORE: usize = 60_000;

/// The markup of a line, in bytes.
const MARKUP: usize = 160;

/// The longest text, in characters.
const TEXT: usize = 400;

/// The most patterns.
const PATTERNS: usize = 120;

/// An error line.
pub(super) struct LineRow {
    pub(super) at: Moment,
    pub(super) level: &'static str,
    /// The index of its log.
    pub(super) log: usize,
    /// The index of its pod.
    pub(super) pod: usize,
    /// `POD/CONTAINER`.
    pub(super) name: String,
    pub(super) text: String,
    /// The lines before it, for context.
    pub(super) before: Vec<(Moment, String)>,
}

/// A row of the table of logs.
pub(super) struct LogRow {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) errors: u64,
    pub(super) warnings: u64,
    pub(super) lines: u64,
    pub(super) entry: Option<String>,
}

/// Lines of all logs that share a pattern.
pub(super) struct PatternRow {
    pub(super) level: &'static str,
    pub(super) count: u64,
    pub(super) logs: usize,
    pub(super) first: Moment,
    pub(super) last: Moment,
    pub(super) is_new: bool,
    pub(super) text: String,
}

/// The page's log errors, with how many of each kind have no room.
pub(super) struct LogErrors {
    pub(super) rows: Vec<LineRow>,
    pub(super) more: usize,
    pub(super) logs: Vec<LogRow>,
    pub(super) more_logs: usize,
    pub(super) pods: Vec<String>,
    pub(super) levels: Vec<&'static str>,
    pub(super) patterns: Vec<PatternRow>,
    pub(super) more_patterns: usize,
}

/// The most logs.
const LOGS: usize = 600;

impl LogErrors {
    pub(super) fn of(facts: &Facts) -> Self {
        let logs: Vec<&LogFacts> = facts.logs.iter().take(LOGS).collect();
        let names: BTreeSet<(&str, &str, &str)> = logs.iter().map(|log| pod(log)).collect();
        let numbers: BTreeMap<_, usize> = names.iter().enumerate().map(|(number, name)| (*name, number)).collect();
        let is_one = |part: fn(&LogFacts) -> &str| logs.iter().map(|log| part(log)).collect::<BTreeSet<_>>().len() < 2;
        let is_alone = is_one(|log| &log.cluster) && is_one(|log| &log.namespace);
        let name = |(cluster, namespace, pod): (&str, &str, &str)| {
            safe::line(&if is_alone { pod.to_owned() } else { format!("{cluster}/{namespace}/{pod}") }, 160)
        };
        let kept = kept(&logs);
        let held: usize = kept.len();
        let all: usize = facts.logs.iter().map(|log| log.errors.len()).sum();
        let mut ahead = BEFORE;
        let row = |(number, line): (usize, &ErrorLine)| {
            let log = logs.get(number)?;
            let text = safe::line(&line.line.text, TEXT);
            let cut = |line: &crate::bundle::facts::Line| (Moment(line.at), safe::line(&line.text, TEXT));
            let mut before: Vec<_> = line.before.iter().take(3).map(cut).collect();
            match ahead.checked_sub(before.iter().map(|(_, text)| text.len() + MARKUP / 2).sum()) {
                Some(left) => ahead = left,
                None => before.clear(),
            }
            let (level, at) = (words::level(line.level), Moment(line.line.at));
            let (pod, name) = (numbers.get(&pod(log)).copied()?, format!("{}/{}", name(pod(log)), log.container));
            Some(LineRow { at, level, log: number, pod, name: safe::line(&name, 200), text, before })
        };
        let mut rows: Vec<LineRow> = kept.into_iter().filter_map(row).collect();
        rows.sort_by(|one, other| (one.at.0, &one.name).cmp(&(other.at.0, &other.name)));
        let levels: BTreeSet<Level> = logs.iter().flat_map(|log| &log.errors).map(|line| line.level).collect();
        let (patterns, more_patterns) = patterns(facts);
        Self {
            rows,
            more: all.saturating_sub(held),
            logs: logs.iter().map(|own| log(own, &name(pod(own)))).collect(),
            more_logs: facts.logs.len().saturating_sub(logs.len()),
            pods: names.into_iter().map(name).collect(),
            levels: levels.into_iter().map(words::level).collect(),
            patterns,
            more_patterns,
        }
    }
}

fn pod(log: &LogFacts) -> (&str, &str, &str) {
    (&log.cluster, &log.namespace, &log.pod)
}

fn count(log: &LogFacts, level: Level) -> u64 {
    log.levels.get(&level).copied().unwrap_or(0)
}

fn log(log: &LogFacts, pod: &str) -> LogRow {
    LogRow {
        name: safe::line(&format!("{pod}/{}", log.container), 240),
        kind: safe::line(&log.kind, 40),
        errors: count(log, Level::Fatal).saturating_add(count(log, Level::Error)),
        warnings: count(log, Level::Warn),
        lines: log.levels.values().fold(0, |sum, count| sum.saturating_add(*count)),
        entry: Some(log.entry.clone()),
    }
}

/// Takes lines from every log in turn, the first, the last, the second, and so on, until the room is used.
fn kept<'a>(logs: &[&'a LogFacts]) -> Vec<(usize, &'a ErrorLine)> {
    let (mut kept, mut left) = (Vec::new(), LINES);
    let longest = logs.iter().map(|log| log.errors.len()).max().unwrap_or(0);
    for turn in 0..longest {
        for (number, log) in logs.iter().enumerate().filter(|(_, log)| turn < log.errors.len()) {
            let from_end = log.errors.len().saturating_sub(1 + turn / 2);
            let Some(line) = log.errors.get(if turn % 2 == 0 { turn / 2 } else { from_end }) else { continue };
            let cost = MARKUP + line.line.text.len().min(TEXT * 3 / 2) + log.pod.len();
            let Some(rest) = left.checked_sub(cost) else { return kept };
            left = rest;
            kept.push((number, line));
        }
    }
    kept
}

/// The patterns of all logs, equal ones merged, the most severe and frequent first, and how many have no room.
fn patterns(facts: &Facts) -> (Vec<PatternRow>, usize) {
    let mut found: BTreeMap<(Level, &str), PatternRow> = BTreeMap::new();
    let all = facts.logs.iter().flat_map(|log| &log.templates);
    for template in all.filter(|template| template.level <= Level::Warn) {
        let merge = |held: &mut PatternRow| {
            held.count = held.count.saturating_add(template.count);
            held.logs += 1;
            held.first = Moment(held.first.0.min(template.first.at));
            held.last = Moment(held.last.0.max(template.last));
            held.is_new &= template.is_new;
        };
        found.entry((template.level, &template.text)).and_modify(merge).or_insert_with(|| pattern(template));
    }
    let mut rows: Vec<(Level, PatternRow)> = found.into_iter().map(|((level, _), row)| (level, row)).collect();
    rows.sort_by(|one, other| (one.0, other.1.count).cmp(&(other.0, one.1.count)));
    let more = rows.len().saturating_sub(PATTERNS);
    (rows.into_iter().take(PATTERNS).map(|(_, row)| row).collect(), more)
}

fn pattern(template: &Template) -> PatternRow {
    PatternRow {
        level: words::level(template.level),
        count: template.count,
        logs: 1,
        first: Moment(template.first.at),
        last: Moment(template.last),
        is_new: template.is_new,
        text: safe::line(&template.text, TEXT),
    }
}
