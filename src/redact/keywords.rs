//! Owns the keyword search: where in a block of text a closer look is worth it.
//!
//! One vectorised pass over a copy in lower case finds the keywords of all detectors; what they stand in is judged by
//! the detectors themselves.

use super::detectors::{RULE_SETS, detection::Detect, name_context, urls, vendor_tokens};
use aho_corasick::{
    AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, Input, Span,
    packed::{Config, MatchKind, Searcher},
};
use memchr::memmem;
use std::sync::LazyLock;

static WORDS: LazyLock<Words> = LazyLock::new(Words::new);

/// The one keyword that is searched for in its own case.
static CASE_SENSITIVE: LazyLock<memmem::Finder<'static>> =
    LazyLock::new(|| memmem::Finder::new(vendor_tokens::CASE_SENSITIVE));

enum Finder {
    Packed(Searcher),
    Automaton(AhoCorasick),
}

/// A detector, as the keyword search refers to it.
#[derive(Clone, Copy)]
struct Target {
    detect: Detect,
    is_of_names: bool,
}

/// The keywords in lower case, and the detector that each leads to.
struct Words {
    finder: Finder,
    targets: Vec<Target>,
}

impl Words {
    fn new() -> Self {
        let (patterns, targets): (Vec<_>, Vec<_>) = words().unzip();
        let packed = Config::new()
            .match_kind(MatchKind::LeftmostFirst)
            .heuristic_pattern_limits(false)
            .builder()
            .extend(&patterns)
            .build();
        let finder = match packed {
            Some(searcher) => Finder::Packed(searcher),
            // Where the processor has no vector instructions that fit.
            None => Finder::Automaton(
                AhoCorasickBuilder::new()
                    .kind(Some(AhoCorasickKind::DFA))
                    .match_kind(aho_corasick::MatchKind::LeftmostFirst)
                    .build(&patterns)
                    .expect("a few short words make a small automaton"),
            ),
        };
        Self { finder, targets }
    }

    /// The first keyword in `text` at `from` or later that is worth a look.
    fn find(&self, text: &[u8], lower: &[u8], from: usize) -> Option<(usize, Detect)> {
        let mut from = from;
        loop {
            let (at, target) = self.find_any(lower, from)?;
            if !target.is_of_names || name_context::may_follow(text, at) {
                return Some((at, target.detect));
            }
            from = at + 1;
        }
    }

    fn find_any(&self, lower: &[u8], from: usize) -> Option<(usize, Target)> {
        let span = Span { start: from, end: lower.len() };
        let found = match &self.finder {
            Finder::Packed(searcher) => searcher.find_in(lower, span),
            Finder::Automaton(automaton) => automaton.find(Input::new(lower).span(span)),
        }?;
        Some((found.start(), self.targets[found.pattern().as_usize()]))
    }
}

/// Every keyword in lower case, with its detector.
fn words() -> impl Iterator<Item = (String, Target)> {
    RULE_SETS.iter().flat_map(|set| set.detectors).flat_map(|detector| {
        let target = Target { detect: detector.detect, is_of_names: detector.is_of_names };
        detector.keywords.all().into_iter().map(move |word| (word, target))
    })
}

/// The keywords of one block of text, in order.
pub(super) struct KeywordHits<'a> {
    text: &'a [u8],
    lower: &'a [u8],
    from: usize,
    word: Option<(usize, Detect)>,
    at: Option<usize>,
    case_sensitive: Option<usize>,
}

impl<'a> KeywordHits<'a> {
    /// `lower` is room for a copy of `text`.
    pub(super) fn new(text: &'a [u8], lower: &'a mut Vec<u8>) -> Self {
        lower.clear();
        lower.extend_from_slice(text);
        lower.make_ascii_lowercase();
        let mut hits = Self { text, lower, from: 0, word: None, at: None, case_sensitive: None };
        hits.restart(0);
        hits
    }

    fn restart(&mut self, from: usize) {
        self.word = WORDS.find(self.text, self.lower, from);
        self.at = memchr::memchr(b'@', &self.text[from..]).map(|at| from + at);
        self.case_sensitive = CASE_SENSITIVE.find(&self.text[from..]).map(|at| from + at);
    }

    /// The first keyword at `from` or later: where it begins, and what to look around it with.
    pub(super) fn next(&mut self, from: usize) -> Option<(usize, Detect)> {
        if from < self.from {
            self.restart(from);
        }
        self.from = from;
        if self.word.is_some_and(|(at, _)| at < from) {
            self.word = WORDS.find(self.text, self.lower, from);
        }
        if self.at.is_some_and(|at| at < from) {
            self.at = memchr::memchr(b'@', &self.text[from..]).map(|at| from + at);
        }
        if self.case_sensitive.is_some_and(|at| at < from) {
            self.case_sensitive = CASE_SENSITIVE.find(&self.text[from..]).map(|at| from + at);
        }
        let at: Option<(usize, Detect)> = self.at.map(|at| (at, urls::password as Detect));
        let case_sensitive = self.case_sensitive.map(|at| (at, vendor_tokens::detect as Detect));
        [self.word, at, case_sensitive].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_in_lower_case_and_none_hides_another() {
        let words: Vec<String> = words().map(|(word, _)| word).collect();
        for (at, word) in words.iter().enumerate() {
            assert_eq!(*word, word.to_lowercase());
            assert!(word.len() >= 3, "`{word}` is on nearly every line; use a longer keyword");
            let hidden =
                words.iter().enumerate().find(|(other, longer)| *other != at && longer.starts_with(word.as_str()));
            assert!(
                hidden.is_none(),
                "the keyword {hidden:?} is never found, because `{word}` is; let it share that one"
            );
        }
        // aho-corasick's packed searcher refuses more, and what takes its place is slower.
        assert!(words.len() <= 128, "{} keywords are too many; let formats share some", words.len());
    }
}
