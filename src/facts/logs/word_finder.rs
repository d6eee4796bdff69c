//! Owns the search for words in lower-case text: for all of them in one pass, with vector instructions where the
//! processor has them.

use aho_corasick::{
    AhoCorasick, AhoCorasickKind, Span,
    packed::{Config, MatchKind, Searcher},
};
use std::collections::BTreeMap;

/// Finds words in a text, and says to whom each belongs.
#[derive(Debug)]
pub(super) struct WordFinder<T> {
    /// None where the processor has no suitable vector instructions.
    packed: Option<Searcher>,
    /// None where there are too many words for one automaton.
    automaton: Option<AhoCorasick>,
    /// The owners of each word, and of the words that it begins with.
    owners: Vec<Vec<T>>,
}

impl<T: Copy> WordFinder<T> {
    /// A finder of these words, in any case.
    pub(super) fn new(all: impl Iterator<Item = (String, T)>) -> Self {
        let mut owners = BTreeMap::<String, Vec<T>>::new();
        for (word, owner) in all.filter(|(word, _)| !word.is_empty()) {
            owners.entry(word.to_ascii_lowercase()).or_default().push(owner);
        }
        // Of several words at the same place the first one is found, so the longest comes first.
        let mut words: Vec<&String> = owners.keys().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let mut packed = Config::new().match_kind(MatchKind::LeftmostFirst).heuristic_pattern_limits(false).builder();
        let packed = packed.extend(&words).build();
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(aho_corasick::MatchKind::LeftmostFirst)
            .build(&words)
            .ok();
        let owners_of = |word: &&String| {
            let begins = owners.iter().filter(|(other, _)| word.starts_with(other.as_str()));
            begins.flat_map(|(_, owners)| owners).copied().collect()
        };
        Self { owners: words.iter().map(owners_of).collect(), packed, automaton }
    }

    /// The place of the first word in lower-case text, at `from` or later, and its owners.
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
        Some((at, self.owners.get(word.as_usize()).map(Vec::as_slice).unwrap_or_default()))
    }

    /// The owners of all words in lower-case text. An owner may come several times.
    pub(super) fn owners_in<'a>(&'a self, lower: &'a [u8]) -> impl Iterator<Item = T> + 'a {
        let mut from = 0;
        let each = std::iter::from_fn(move || {
            let (at, owners) = self.find(lower, from)?;
            // Another may begin within this one.
            from = at + 1;
            Some(owners)
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
            let mut found = WordFinder::new(words.iter().cloned().zip(0..));
            if !packed {
                found.packed = None;
            }
            let is_there = |(_, word): &(usize, &String)| !word.is_empty() && text.contains(&word.to_ascii_lowercase());
            let there: BTreeSet<usize> = words.iter().enumerate().filter(is_there).map(|(at, _)| at).collect();
            prop_assert_eq!(found.owners_in(text.as_bytes()).collect::<BTreeSet<usize>>(), there);
        }
    }
}
