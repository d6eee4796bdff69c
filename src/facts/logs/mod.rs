//! What logs say: how many lines of each level, which are alike, what the ready checks said, the errors and what was
//! said before them, and what the profile's rules look for.
//!
//! Each line's level is told from its bytes. Parsed is what is above info, what has a word in it that somebody looks
//! for, and a sample of the rest. What belongs to a line and stands behind it, such as a stack, is put to it.
//! However long a log is, its facts take about 100 kB at most, and those of its minutes.

mod errors;
mod mask;
mod minutes;
mod pattern;
mod ready;
mod said;
mod template;
mod words;

pub use pattern::{Pattern, Patterns};

use self::{
    errors::{Errors, Found},
    minutes::Minutes,
    pattern::{Hits, MayBe},
    ready::Ready,
    said::Said,
    template::{Seen, Templates},
};
use crate::{
    bundle::facts::{Level, Line, LogFacts},
    kubelet_log::{self, Block, LineSplitter, Stamp},
    redact::Clean,
};
use chrono::{DateTime, Utc};
use std::{borrow::Cow, sync::Arc};

/// So much of a line is looked at (bytes).
const LONGEST: usize = 64 << 10;
/// So much of a line is kept (bytes).
const LINE: usize = 2 << 10;
/// So much of a line is kept with a template (bytes).
const OF_TEMPLATE: usize = 1 << 10;
/// So much of a logger's name is kept (bytes).
const SHORT: usize = 128;
/// So much is looked at of what stands behind a line and belongs to it (bytes).
const BEHIND: usize = 8 << 10;
/// Lines before an error that are kept with it.
const BEFORE: usize = 3;
/// One line of so many that are of info, or of no level, is looked at.
const INFO_SAMPLE: u64 = 32;

/// Takes the facts out of one log while it streams by.
#[derive(Debug)]
pub struct Extract {
    patterns: Arc<Patterns>,
    incident: Option<DateTime<Utc>>,
    splitter: LineSplitter,
    /// Room for a copy of what is looked at.
    lower: Vec<u8>,
    /// The last lines before what is looked at, cut.
    before: Vec<u8>,
    /// The moments of the first line and of the last one that was looked at.
    began: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    /// How many lines there were that might have been looked at as a sample.
    candidates: u64,
    /// The level of the last line that does not continue another.
    level: Level,
    /// The last line, while more may belong to it.
    pending: Option<Pending>,
    minutes: Minutes,
    templates: Templates,
    ready: Ready,
    hits: Hits,
    errors: Errors,
}

/// A line that is looked at when all that belongs to it is there.
#[derive(Debug)]
struct Pending {
    at: DateTime<Utc>,
    level: Level,
    /// The line without its stamp, and what belongs to it.
    text: Vec<u8>,
    /// How much of it is the line.
    head: usize,
    /// The lines before it, cut.
    before: Vec<u8>,
    /// What it may be, none where a word was found behind it.
    may_be: Option<MayBe>,
    /// Whether it is one of those that are held against others.
    is_of_templates: bool,
}

impl Extract {
    /// For a log in which these patterns are looked for, and, where one was named, of an incident that began at
    /// this moment.
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
            candidates: 0,
            level: Level::None,
            pending: None,
            minutes: Minutes::default(),
            templates: Templates::default(),
            ready: Ready::default(),
            hits: Hits::default(),
            errors: Errors::default(),
        }
    }

    /// Reads the next clean bytes, wherever they were cut.
    pub fn push(&mut self, clean: &Clean) {
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.push(clean.as_bytes()).into_iter().for_each(|block| self.lines(block));
        self.splitter = splitter;
    }

    /// Looks at whole lines.
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

    /// Looks at a line, which is there in lower case, too, and at those before it where it is an error. A word that
    /// is looked for in any line is in it only where `has_word`.
    fn line(&mut self, before: &[u8], line: &[u8], lower: &[u8], has_word: bool) {
        let (stamp, text) = kubelet_log::split(line);
        let (at, text) = (stamp.map(Stamp::at), kubelet_log::without_bom(text));
        // No word is looked for in a stamp.
        let lower = lower.get(line.len() - text.len()..).unwrap_or_default();
        let level = kubelet_log::level(text);
        if kubelet_log::continues(text, level, self.level) {
            self.minutes.count(at, Level::None);
            return self.belongs(text, has_word);
        }
        self.minutes.count(at, level);
        self.settle();
        self.level = level;
        self.began = self.began.or(at);
        let is_sample = matches!(level, Level::Info | Level::None) && {
            self.candidates += 1;
            self.candidates % INFO_SAMPLE == 1
        };
        let is_severe = level <= Level::Warn;
        let is_of_templates = is_severe || is_sample;
        let is_looked_for = has_word || is_severe;
        let may_be = if is_looked_for { self.patterns.may_be(lower, level) } else { MayBe::default() };
        if !is_of_templates && !may_be.is_ready && may_be.patterns.is_empty() {
            return;
        }
        self.last = at.or(self.last);
        let before = if level <= Level::Error { self.last_lines(before) } else { Vec::new() };
        let (text, head, may_be) = (text.to_vec(), text.len(), Some(may_be));
        self.pending = self.last.map(|at| Pending { at, level, text, head, before, may_be, is_of_templates });
    }

    /// Puts a line to the one that it belongs to.
    fn belongs(&mut self, text: &[u8], has_word: bool) {
        let Some(pending) = &mut self.pending else { return };
        if has_word || pending.level <= Level::Warn {
            pending.may_be = None;
        }
        let room = (pending.head + BEHIND).saturating_sub(pending.text.len());
        if room > 0 {
            pending.text.push(b'\n');
            pending.text.extend_from_slice(text.get(..room - 1).unwrap_or(text));
        }
    }

    /// The last lines of these, or of those before them, in their order, each cut.
    fn last_lines(&self, block: &[u8]) -> Vec<u8> {
        let mut last: [&[u8]; BEFORE] = [&[]; BEFORE];
        let lines = backwards(block).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        // Those before it have been through this.
        let lines = lines.chain(backwards(&self.before)).filter(|line| !line.is_empty());
        last.iter_mut().rev().zip(lines).for_each(|(last, line)| *last = line.get(..LINE).unwrap_or(line));
        last.join(&b'\n')
    }

    /// Looks at the last line, now that all is there that belongs to it.
    fn settle(&mut self) {
        let Some(Pending { at, level, text, before, may_be, is_of_templates, .. }) = self.pending.take() else {
            return;
        };
        let whole = lossy(&text);
        let head = whole.split('\n').next().unwrap_or_default();
        let said = Said::of(&whole);
        let mut is_new = false;
        if is_of_templates {
            let (logger, gist) = (said.logger().map(|logger| cut(&logger, SHORT)), said.gist());
            let text = cut(head, OF_TEMPLATE);
            is_new = self.templates.see(&Seen { at, level, logger: logger.as_deref(), gist: &gist, text: &text });
        }
        let may_be = may_be.unwrap_or_else(|| self.patterns.may_be(&text.to_ascii_lowercase(), level));
        self.hits.see(&self.patterns, &may_be.patterns, at, (head, &said));
        if may_be.is_ready {
            self.ready.see(at, &said);
        }
        if level <= Level::Error {
            // Shown, what is no text is longer.
            let before = match lossy(&before) {
                Cow::Owned(shown) => shown.into_bytes(),
                Cow::Borrowed(_) => before,
            };
            self.errors.see(Found { at, level, text: cut(&whole, LINE), before }, is_new);
        }
    }

    /// What was found. Where the log lies and whose it is, is for its collector to say.
    #[must_use]
    pub fn finish(mut self) -> LogFacts {
        let mut splitter = std::mem::take(&mut self.splitter);
        self.lines(splitter.finish());
        self.settle();
        let (levels, minutes) = self.minutes.finish();
        let untemplated = self.templates.missed;
        let mut templates = self.templates.finish();
        let is_before = |incident: &DateTime<Utc>| self.began.is_some_and(|began| began < *incident);
        for template in &mut templates {
            // What is new in a sample may have been there before, unseen.
            let is_whole = template.level <= Level::Warn;
            template.is_new = is_whole && self.incident.filter(is_before).is_some_and(|it| template.first.at >= it);
        }
        LogFacts {
            levels,
            minutes,
            templates,
            info_sample: if self.candidates > 0 { INFO_SAMPLE } else { 0 },
            untemplated,
            ready: self.ready.finish(),
            hits: self.hits.finish(),
            errors: self.errors.finish(),
            ..LogFacts::default()
        }
    }
}

/// Lines, the last one first.
fn backwards(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memrchr(b'\n', text);
        rest = end.and_then(|end| text.get(..end));
        text.get(end.map_or(0, |end| end + 1)..)
    })
}

/// A line with its stamp, if it has one.
fn line_of(line: &[u8]) -> Option<Line> {
    let (stamp, text) = kubelet_log::split(line);
    Some(Line { at: stamp?.at(), text: cut(&lossy(kubelet_log::without_bom(text)), LINE) })
}

/// Bytes as text; nearly all of them are.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Text that is no longer than `most` bytes, cut between two characters where it was.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}…", up_to(text, most.saturating_sub('…'.len_utf8())))
}

/// As much of a text as there is up to a byte, in whole characters.
fn up_to(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
