//! Owns the search of logs for what the profile's rules match. All their words are searched in one pass, and only a line
//! with one of them is parsed.

use super::{
    parsed_line::ParsedLine,
    ready_checks,
    text::{LINE, cut},
    word_finder::WordFinder,
};
use crate::bundle::facts::{Hit, Level, Line};
use chrono::{DateTime, Utc};
use regex_automata::meta::Regex;

/// The first lines of a pattern that are kept, beside the last one.
const FIRST: usize = 3;
/// The size of all lines (bytes) from which on they are cut to [`SHORT`].
const ROOM: usize = 12 << 10;
/// The size of a line that is cut (bytes).
const SHORT: usize = 256;

/// What a rule matches in a line of a log. All conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct Pattern {
    /// Names the pattern, and changes with its conditions.
    pub id: String,
    /// One of these words must be in the line, in any ASCII case. Without words, only lines above info are checked.
    pub contains: Vec<String>,
    /// The least severe level of a line that matches.
    pub level: Option<Level>,
    /// Fields that the line must have, and what must be found in each. A dot is a part of a name, or leads into an
    /// object.
    pub fields: Vec<(String, Regex)>,
    /// What must be found in the line without its timestamp.
    pub text: Option<Regex>,
}

/// All patterns of a profile, prepared for the search.
#[derive(Debug)]
pub struct Patterns {
    all: Vec<Pattern>,
    /// Patterns without words, as places in `all`.
    wordless: Vec<usize>,
    /// The words of all patterns, and the readyChecker's name, which belongs to no pattern.
    words: WordFinder<Option<usize>>,
    /// The same without the patterns that match only lines above info.
    of_any_level: WordFinder<Option<usize>>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Patterns {
    /// One for each pattern, in their order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|pattern| pattern.id.as_str())
    }

    /// Prepares the search for these patterns.
    #[must_use]
    pub fn new(all: Vec<Pattern>) -> Self {
        let words = |is_wanted: fn(&Pattern) -> bool| {
            let wanted = all.iter().enumerate().filter(|(_, pattern)| is_wanted(pattern));
            let words =
                wanted.flat_map(|(at, pattern)| pattern.contains.iter().map(move |word| (word.clone(), Some(at))));
            WordFinder::new(words.chain([(ready_checks::LOGGER.to_owned(), None)]))
        };
        let of_any_level = words(|pattern| pattern.level.is_none_or(|least| least > Level::Warn));
        let wordless = (0..all.len()).filter(|at| all[*at].contains.iter().all(String::is_empty)).collect();
        Self { words: words(|_| true), of_any_level, wordless, all }
    }

    /// The place of the first word, in lower-case text at `from` or later, of a pattern that matches lines of any level.
    pub(super) fn find(&self, lower: &[u8], from: usize) -> Option<usize> {
        self.of_any_level.find(lower, from).map(|(at, _)| at)
    }

    /// What a line may match, by its level and its words alone. `lower` is its text in lower case.
    pub(super) fn candidates(&self, lower: &[u8], level: Level) -> Candidates {
        let is_severe = level <= Level::Warn;
        let mut candidates = Candidates::default();
        for of in if is_severe { &self.words } else { &self.of_any_level }.owners_in(lower) {
            match of {
                None => candidates.is_ready_check = true,
                Some(pattern) if !candidates.patterns.contains(&pattern) => candidates.patterns.push(pattern),
                Some(_) => {}
            }
        }
        candidates.patterns.extend(self.wordless.iter().filter(|_| is_severe));
        let is_level = |least: Option<Level>| least.is_none_or(|least| level <= least);
        candidates.patterns.retain(|at| self.all.get(*at).is_some_and(|pattern| is_level(pattern.level)));
        candidates
    }

    /// Whether a line matches a pattern by its text and fields.
    fn matches(&self, at: usize, head: &str, parsed: &ParsedLine<'_>) -> bool {
        self.all.get(at).is_some_and(|pattern| {
            let has =
                |(name, value): &(String, Regex)| parsed.field(name).is_some_and(|it| value.is_match(it.as_bytes()));
            pattern.text.as_ref().is_none_or(|text| text.is_match(head)) && pattern.fields.iter().all(has)
        })
    }
}

/// What a line may match.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Places of patterns.
    pub(super) patterns: Vec<usize>,
    /// Whether it may be a line of the readyChecker.
    pub(super) is_ready_check: bool,
}

/// The lines of one log that match each pattern.
#[derive(Debug, Default)]
pub(super) struct Hits {
    found: Vec<(usize, Hit)>,
    size: usize,
}

impl Hits {
    /// Adds a line to those of the candidates that it matches. `head` is the line without those that continue it.
    pub(super) fn add(
        &mut self,
        patterns: &Patterns,
        candidates: &[usize],
        at: DateTime<Utc>,
        (head, parsed): (&str, &ParsedLine<'_>),
    ) {
        for pattern in candidates.iter().filter(|pattern| patterns.matches(**pattern, head, parsed)) {
            let room = ROOM.saturating_sub(self.size).clamp(SHORT, LINE);
            let line = Line { at, text: cut(head, room) };
            self.size += line.text.len();
            match self.found.iter_mut().find(|(found, _)| found == pattern) {
                None => {
                    let id = patterns.all.get(*pattern).map(|pattern| pattern.id.clone()).unwrap_or_default();
                    self.size += line.text.len();
                    self.found.push((*pattern, Hit { pattern: id, count: 1, first: vec![line.clone()], last: line }));
                }
                Some((_, hit)) => {
                    hit.count += 1;
                    if hit.first.len() < FIRST {
                        self.size += line.text.len();
                        hit.first.push(line.clone());
                    }
                    self.size -= hit.last.text.len();
                    hit.last = line;
                }
            }
        }
    }

    /// All hits, in the order of the patterns.
    pub(super) fn finish(mut self) -> Vec<Hit> {
        self.found.sort_by_key(|(pattern, _)| *pattern);
        self.found.into_iter().map(|(_, hit)| hit).collect()
    }
}
