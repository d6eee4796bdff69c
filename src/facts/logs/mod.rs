//! Owns the facts of a log: the number of lines of each level by minute, templates of similar lines, the timeline of the
//! ready checks, error lines with the lines before them, and what the profile's rules match.
//!
//! The level of each line is read from its bytes. A line is parsed only if it is above info, has a word that a rule
//! searches for, or is in the sample of the rest. Lines that continue another, such as a stack, go with it. However long
//! a log is, its facts take at most about 100 kB, beside its minutes.

mod errors;
mod mask;
mod minutes;
mod parsed_line;
mod pattern;
mod ready_checks;
mod template;
mod text;
mod word_finder;

pub use pattern::{Pattern, Patterns};

use self::{
    errors::{Errors, FoundError},
    minutes::Minutes,
    parsed_line::ParsedLine,
    pattern::{Candidates, Hits},
    ready_checks::ReadyChecks,
    template::{Occurrence, Templates},
    text::{LINE, backwards, cut, lossy},
};
use crate::{
    bundle::facts::{Level, LogFacts},
    kubelet_log::{self, Block, LineSplitter, Stamp},
    redact::Clean,
};
use chrono::{DateTime, Utc};
use std::{borrow::Cow, sync::Arc};

/// So much of a line is read (bytes).
const LONGEST: usize = 64 << 10;
/// So much of a line is kept with a template (bytes).
const OF_TEMPLATE: usize = 1 << 10;
/// So much of a logger's name is kept (bytes).
const SHORT: usize = 128;
/// So much is read of the lines that continue a line (bytes).
const CONTINUATION: usize = 8 << 10;
/// Lines before an error that are kept with it.
const BEFORE: usize = 3;
/// One in this many lines of level info or without a level is parsed for templates.
const INFO_SAMPLE: u64 = 32;

/// Takes the facts out of one log while it streams by.
#[derive(Debug)]
pub struct LogExtractor {
    patterns: Arc<Patterns>,
    incident: Option<DateTime<Utc>>,
    splitter: LineSplitter,
    /// The current lines in lower case.
    lower: Vec<u8>,
    /// The last lines before the current ones, cut.
    before: Vec<u8>,
    /// The time of the first line.
    began: Option<DateTime<Utc>>,
    /// The time of the last line that was parsed.
    last: Option<DateTime<Utc>>,
    /// How many lines of info or without a level came, of which a sample is parsed.
    sampled: u64,
    /// The level of the last line that does not continue another.
    level: Level,
    /// The last line that is to be parsed, while others may continue it.
    pending: Option<Pending>,
    extracted: Extracted,
}

/// What was extracted so far.
#[derive(Debug, Default)]
struct Extracted {
    minutes: Minutes,
    templates: Templates,
    ready: ReadyChecks,
    hits: Hits,
    errors: Errors,
}

/// A line that is parsed when all lines that continue it have come.
#[derive(Debug)]
struct Pending {
    at: DateTime<Utc>,
    level: Level,
    /// The line without its timestamp, and the lines that continue it.
    text: Vec<u8>,
    /// The length of the line alone.
    head: usize,
    /// The lines before it, cut.
    before: Vec<u8>,
    /// What it may match; none where a line that continues it may match, too.
    candidates: Option<Candidates>,
    /// Whether it is grouped with similar lines.
    has_template: bool,
}

impl LogExtractor {
    /// For a log that is searched for these patterns. `incident` is when the incident began, if it is known.
    #[must_use]
    pub fn new(patterns: &Arc<Patterns>, incident: Option<DateTime<Utc>>) -> Self {
        Self {
            patterns: patterns.clone(),
            incident,
            splitter: LineSplitter::new(LONGEST),
            lower: Vec::new(),
            before: Vec::new(),
            began: None,
            last: None,
            sampled: 0,
            level: Level::None,
            pending: None,
            extracted: Extracted::default(),
        }
    }

    /// Reads the next clean bytes, wherever they were cut.
    pub fn push(&mut self, clean: &Clean) {
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.push(clean.as_bytes()).into_iter().for_each(|block| self.lines(block));
        self.splitter = splitter;
    }

    /// Reads whole lines.
    fn lines(&mut self, block: Block<'_>) {
        let block = block.without_rest();
        let bytes = block.bytes();
        if bytes.is_empty() {
            return;
        }
        let mut lower = std::mem::take(&mut self.lower);
        lower.clear();
        lower.extend_from_slice(bytes);
        lower.make_ascii_lowercase();
        let patterns = self.patterns.clone();
        let mut word = patterns.find(&lower, 0);
        let mut from = 0;
        for part in block.parts() {
            if word.is_some_and(|at| at < from) {
                word = patterns.find(&lower, from);
            }
            let end = from + part.bytes.len();
            let line = part.text().get(..LONGEST).unwrap_or(part.text());
            let lower = lower.get(from..from + line.len()).unwrap_or_default();
            self.line(bytes.get(..from).unwrap_or_default(), line, lower, word.is_some_and(|at| at < end));
            from = end;
        }
        self.before = self.last_lines(bytes);
        self.lower = lower;
    }

    /// Reads a line. `before` is the text before it, and `lower` the line in lower case. Only where `has_word` does it
    /// have a word of a pattern that matches lines of any level.
    fn line(&mut self, before: &[u8], line: &[u8], lower: &[u8], has_word: bool) {
        let (stamp, text) = kubelet_log::split(line);
        let (at, text) = (stamp.map(Stamp::at), kubelet_log::without_bom(text));
        // Timestamps are not searched.
        let lower = lower.get(line.len() - text.len()..).unwrap_or_default();
        let level = kubelet_log::level(text);
        if kubelet_log::continues(text, level, self.level) {
            self.extracted.minutes.count(at, Level::None);
            return self.continue_line(text, has_word);
        }
        self.extracted.minutes.count(at, level);
        self.finish_line();
        self.level = level;
        self.began = self.began.or(at);
        let is_sample = matches!(level, Level::Info | Level::None) && {
            self.sampled += 1;
            self.sampled % INFO_SAMPLE == 1
        };
        let is_severe = level <= Level::Warn;
        let has_template = is_severe || is_sample;
        let is_searched = has_word || is_severe;
        let candidates = if is_searched { self.patterns.candidates(lower, level) } else { Candidates::default() };
        if !has_template && !candidates.is_ready_check && candidates.patterns.is_empty() {
            return;
        }
        self.last = at.or(self.last);
        let before = if level <= Level::Error { self.last_lines(before) } else { Vec::new() };
        let (text, head, candidates) = (text.to_vec(), text.len(), Some(candidates));
        self.pending = self.last.map(|at| Pending { at, level, text, head, before, candidates, has_template });
    }

    /// Adds a line that continues the last one.
    fn continue_line(&mut self, text: &[u8], has_word: bool) {
        let Some(pending) = &mut self.pending else { return };
        if has_word || pending.level <= Level::Warn {
            pending.candidates = None;
        }
        let room = (pending.head + CONTINUATION).saturating_sub(pending.text.len());
        if room > 0 {
            pending.text.push(b'\n');
            pending.text.extend_from_slice(text.get(..room - 1).unwrap_or(text));
        }
    }

    /// The last lines of a block, or of those before it, in order, each cut.
    fn last_lines(&self, block: &[u8]) -> Vec<u8> {
        let mut last: [&[u8]; BEFORE] = [&[]; BEFORE];
        let lines = backwards(block).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        // Those before the block are cut already.
        let lines = lines.chain(backwards(&self.before)).filter(|line| !line.is_empty());
        last.iter_mut().rev().zip(lines).for_each(|(last, line)| *last = line.get(..LINE).unwrap_or(line));
        last.join(&b'\n')
    }

    /// Parses the last line, now that all lines that continue it have come.
    fn finish_line(&mut self) {
        let Some(Pending { at, level, text, before, candidates, has_template, .. }) = self.pending.take() else {
            return;
        };
        let whole = lossy(&text);
        let head = whole.split('\n').next().unwrap_or_default();
        let parsed = ParsedLine::of(&whole);
        let mut is_new = false;
        if has_template {
            let (logger, summary) = (parsed.logger().map(|logger| cut(&logger, SHORT)), parsed.summary());
            let text = cut(head, OF_TEMPLATE);
            is_new = self.extracted.templates.add(&Occurrence {
                at,
                level,
                logger: logger.as_deref(),
                summary: &summary,
                text: &text,
            });
        }
        let candidates = candidates.unwrap_or_else(|| self.patterns.candidates(&text.to_ascii_lowercase(), level));
        self.extracted.hits.add(&self.patterns, &candidates.patterns, at, (head, &parsed));
        if candidates.is_ready_check {
            self.extracted.ready.add(at, &parsed);
        }
        if level <= Level::Error {
            // Bytes that are not UTF-8 take more room as text.
            let before = match lossy(&before) {
                Cow::Owned(shown) => shown.into_bytes(),
                Cow::Borrowed(_) => before,
            };
            self.extracted.errors.add(FoundError { at, level, text: cut(&whole, LINE), before }, is_new);
        }
    }

    /// The facts. The collector adds where the log lies and which container wrote it.
    #[must_use]
    pub fn finish(mut self) -> LogFacts {
        let mut splitter = std::mem::take(&mut self.splitter);
        self.lines(splitter.finish());
        self.finish_line();
        let Extracted { minutes, templates, ready, hits, errors } = self.extracted;
        let (levels, minutes) = minutes.finish();
        let untemplated = templates.missed;
        let mut templates = templates.finish();
        let is_before = |incident: &DateTime<Utc>| self.began.is_some_and(|began| began < *incident);
        for template in &mut templates {
            // A template of sampled lines may be older than the sample.
            let is_whole = template.level <= Level::Warn;
            template.is_new = is_whole && self.incident.filter(is_before).is_some_and(|it| template.first.at >= it);
        }
        LogFacts {
            levels,
            minutes,
            templates,
            info_sample: if self.sampled > 0 { INFO_SAMPLE } else { 0 },
            untemplated,
            ready: ready.finish(),
            hits: hits.finish(),
            errors: errors.finish(),
            ..LogFacts::default()
        }
    }
}
