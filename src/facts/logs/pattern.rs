//! Owns what the profile's rules look for in logs. All their words are looked for in one pass; a line is parsed
//! where one is in it.

use super::{LINE, cut, ready, said::Said, words::Words};
use crate::bundle::facts::{Hit, Level, Line};
use chrono::{DateTime, Utc};
use regex_automata::meta::Regex;

/// Lines of a pattern that are kept, the last one aside.
const FIRST: usize = 3;
/// What lines may take in all (bytes); beyond it they are cut to [`SHORT`].
const ROOM: usize = 12 << 10;
const SHORT: usize = 256;

/// What a rule looks for in a line of a log; all that it says must be so.
#[derive(Clone, Debug, Default)]
pub struct Pattern {
    /// Its id.
    pub id: String,
    /// One of these must be in the line, in any ASCII case. Where there are none, lines above info alone are
    /// looked at.
    pub contains: Vec<String>,
    /// The line must be as severe at least.
    pub level: Option<Level>,
    /// Fields, which must be there, by what must be found in them. Dots are a part of a name, or step into objects.
    pub fields: Vec<(String, Regex)>,
    /// What must be found in the line without its stamp.
    pub text: Option<Regex>,
}

/// All patterns, ready to be looked for.
#[derive(Debug)]
pub struct Patterns {
    all: Vec<Pattern>,
    /// Those that are without words.
    wordless: Vec<usize>,
    /// The words of all of them, and the readyChecker's, which is no pattern's.
    words: Words<Option<usize>>,
    /// The same without those of patterns that mean nothing but lines above info.
    of_any_level: Words<Option<usize>>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Patterns {
    /// Their ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|pattern| pattern.id.as_str())
    }

    /// Makes them ready.
    #[must_use]
    pub fn new(all: Vec<Pattern>) -> Self {
        let words = |is_wanted: fn(&Pattern) -> bool| {
            let wanted = all.iter().enumerate().filter(|(_, pattern)| is_wanted(pattern));
            let words =
                wanted.flat_map(|(at, pattern)| pattern.contains.iter().map(move |word| (word.clone(), Some(at))));
            Words::new(words.chain([(ready::LOGGER.to_owned(), None)]))
        };
        let of_any_level = words(|pattern| pattern.level.is_none_or(|least| least > Level::Warn));
        let wordless = (0..all.len()).filter(|at| all[*at].contains.iter().all(String::is_empty)).collect();
        Self { words: words(|_| true), of_any_level, wordless, all }
    }

    /// Where the first word is, in lower-case text at `from` or later, that is looked for in lines of any level.
    pub(super) fn find(&self, lower: &[u8], from: usize) -> Option<usize> {
        self.of_any_level.find(lower, from).map(|(at, _)| at)
    }

    /// What a line of this level may be, by its level and its words alone; `lower` is its text in lower case.
    pub(super) fn may_be(&self, lower: &[u8], level: Level) -> MayBe {
        let is_severe = level <= Level::Warn;
        let mut may_be = MayBe::default();
        for of in if is_severe { &self.words } else { &self.of_any_level }.in_text(lower) {
            match of {
                None => may_be.is_ready = true,
                Some(pattern) if !may_be.patterns.contains(&pattern) => may_be.patterns.push(pattern),
                Some(_) => {}
            }
        }
        may_be.patterns.extend(self.wordless.iter().filter(|_| is_severe));
        let is_level = |least: Option<Level>| least.is_none_or(|least| level <= least);
        may_be.patterns.retain(|at| self.all.get(*at).is_some_and(|pattern| is_level(pattern.level)));
        may_be
    }

    /// Whether a line is one that a pattern means, as far as its text and fields say.
    fn is(&self, at: usize, head: &str, said: &Said<'_>) -> bool {
        self.all.get(at).is_some_and(|pattern| {
            let has =
                |(name, value): &(String, Regex)| said.field(name).is_some_and(|it| value.is_match(it.as_bytes()));
            pattern.text.as_ref().is_none_or(|text| text.is_match(head)) && pattern.fields.iter().all(has)
        })
    }
}

/// What a line may be.
#[derive(Debug, Default)]
pub(super) struct MayBe {
    /// One of these patterns'.
    pub(super) patterns: Vec<usize>,
    /// One of the readyChecker's.
    pub(super) is_ready: bool,
}

/// What was found of each pattern in one log.
#[derive(Debug, Default)]
pub(super) struct Hits {
    found: Vec<(usize, Hit)>,
    size: usize,
}

impl Hits {
    /// Takes in a line that may be one of these patterns'. `head` is the line alone, without what follows it.
    pub(super) fn see(
        &mut self,
        patterns: &Patterns,
        may_be: &[usize],
        at: DateTime<Utc>,
        (head, said): (&str, &Said<'_>),
    ) {
        for pattern in may_be.iter().filter(|pattern| patterns.is(**pattern, head, said)) {
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

    /// All of them, in the order of the patterns.
    pub(super) fn finish(mut self) -> Vec<Hit> {
        self.found.sort_by_key(|(pattern, _)| *pattern);
        self.found.into_iter().map(|(_, hit)| hit).collect()
    }
}
