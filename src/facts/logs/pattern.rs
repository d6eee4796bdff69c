//! Owns what the profile's rules look for in logs. All their words are looked for in one pass; a line is parsed
//! where one is in it.

use super::{LINE, cut, ready, said::Said};
use crate::bundle::facts::{Hit, Level, Line};
use aho_corasick::{
    AhoCorasick, AhoCorasickKind, Span,
    packed::{Config, MatchKind, Searcher},
};
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
    /// Finds any word in lower-case text; none where the processor has no vector instructions that fit.
    packed: Option<Searcher>,
    /// Finds which words; none where there are too many for one automaton.
    which: Option<AhoCorasick>,
    /// Whether one of them is without words.
    pub(super) has_wordless: bool,
    /// Of each word, which pattern's it is; none for the readyChecker's.
    of: Vec<Option<usize>>,
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
        let of_pattern = |(at, pattern): (usize, &Pattern)| {
            let words = pattern.contains.iter().filter(|word| !word.is_empty());
            words.map(move |word| (word.to_ascii_lowercase(), Some(at))).collect::<Vec<_>>()
        };
        let own = (ready::LOGGER.to_ascii_lowercase(), None);
        let words = all.iter().enumerate().flat_map(of_pattern).chain([own]);
        let (words, of): (Vec<String>, Vec<Option<usize>>) = words.unzip();
        let mut packed = Config::new().match_kind(MatchKind::LeftmostFirst).heuristic_pattern_limits(false).builder();
        let packed = packed.extend(&words).build();
        let dfa = Some(AhoCorasickKind::DFA);
        let which = AhoCorasick::builder().kind(dfa).ascii_case_insensitive(true).build(&words).ok();
        let has_wordless = all.iter().any(is_wordless);
        Self { all, packed, which, has_wordless, of }
    }

    /// Where the first word is in lower-case text, at `from` or later.
    pub(super) fn find(&self, lower: &[u8], from: usize) -> Option<usize> {
        match &self.packed {
            Some(packed) => packed.find_in(lower, Span::from(from..lower.len())).map(|found| found.start()),
            None => self.which.as_ref()?.find(lower.get(from..)?).map(|found| from + found.start()),
        }
    }

    /// What a line of this level may be, by its words and its level alone.
    pub(super) fn may_be(&self, text: &[u8], level: Level) -> MayBe {
        let found = self.which.iter().flat_map(|which| which.find_overlapping_iter(text));
        let mut found: Vec<Option<usize>> =
            found.filter_map(|found| self.of.get(found.pattern().as_usize())).copied().collect();
        found.sort_unstable();
        found.dedup();
        let is_looked_at = |pattern: &Pattern| self.has_wordless && is_wordless(pattern) && level <= Level::Warn;
        let is_severe = |pattern: &Pattern| pattern.level.is_none_or(|least| level <= least);
        let may_be = |(at, pattern): (usize, &Pattern)| {
            (is_severe(pattern) && (found.contains(&Some(at)) || is_looked_at(pattern))).then_some(at)
        };
        let patterns = self.all.iter().enumerate().filter_map(may_be).collect();
        MayBe { patterns, is_ready: found.contains(&None) }
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

fn is_wordless(pattern: &Pattern) -> bool {
    pattern.contains.iter().all(String::is_empty)
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
