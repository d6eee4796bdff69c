//! Owns how words are found in lower-case text: all of them in one pass, by vector instructions where they fit.

use aho_corasick::{
    AhoCorasick, AhoCorasickKind, Span,
    packed::{Config, MatchKind, Searcher},
};
use std::collections::BTreeMap;

/// Words, and whose each is.
#[derive(Debug)]
pub(super) struct Words<T> {
    /// None where the processor has no vector instructions that fit.
    packed: Option<Searcher>,
    /// None where there are too many words for one automaton.
    automaton: Option<AhoCorasick>,
    /// Of each word whose it is, and whose those are that it begins with.
    of: Vec<Vec<T>>,
}

impl<T: Copy> Words<T> {
    /// Makes words ready, in any case; each may be several's.
    pub(super) fn new(all: impl Iterator<Item = (String, T)>) -> Self {
        let mut owners = BTreeMap::<String, Vec<T>>::new();
        for (word, owner) in all.filter(|(word, _)| !word.is_empty()) {
            owners.entry(word.to_ascii_lowercase()).or_default().push(owner);
        }
        // Of several that begin at the same place the first one is found: it has to be the longest.
        let mut words: Vec<&String> = owners.keys().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let mut packed = Config::new().match_kind(MatchKind::LeftmostFirst).heuristic_pattern_limits(false).builder();
        let packed = packed.extend(&words).build();
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(aho_corasick::MatchKind::LeftmostFirst)
            .build(&words)
            .ok();
        let of = |word: &&String| {
            let begins = owners.iter().filter(|(other, _)| word.starts_with(other.as_str()));
            begins.flat_map(|(_, owners)| owners).copied().collect()
        };
        Self { of: words.iter().map(of).collect(), packed, automaton }
    }

    /// Where the first word is in lower-case text, at `from` or later, and whose it is.
    pub(super) fn find(&self, lower: &[u8], from: usize) -> Option<(usize, &[T])> {
        let span = Span::from(from..lower.len().max(from));
        let (at, word) = match &self.packed {
            Some(packed) => packed.find_in(lower, span).map(|found| (found.start(), found.pattern()))?,
            None => self
                .automaton
                .as_ref()?
                .find(lower.get(from..)?)
                .map(|found| (from + found.start(), found.pattern()))?,
        };
        Some((at, self.of.get(word.as_usize()).map(Vec::as_slice).unwrap_or_default()))
    }

    /// Whose words are in lower-case text; one may come several times.
    pub(super) fn in_text<'a>(&'a self, lower: &'a [u8]) -> impl Iterator<Item = T> + 'a {
        let mut from = 0;
        let each = std::iter::from_fn(move || {
            let (at, of) = self.find(lower, from)?;
            // Another may begin within this one.
            from = at + 1;
            Some(of)
        });
        each.flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn each_word_that_is_there_is_found(
            words in proptest::collection::vec("[abAB]{0,4}", 0..40), text in "[ab ]{0,60}", packed in any::<bool>(),
        ) {
            let mut found = Words::new(words.iter().cloned().zip(0..));
            if !packed {
                found.packed = None;
            }
            let is_there = |(_, word): &(usize, &String)| !word.is_empty() && text.contains(&word.to_ascii_lowercase());
            let there: BTreeSet<usize> = words.iter().enumerate().filter(is_there).map(|(at, _)| at).collect();
            prop_assert_eq!(found.in_text(text.as_bytes()).collect::<BTreeSet<usize>>(), there);
        }
    }
}
