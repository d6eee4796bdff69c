//! Where in a block of text a closer look is worth it.
//!
//! One vectorised pass over a lower-case copy finds the few words that every
//! rule needs; what they stand in is judged by the rules themselves. A word that
//! is on every line costs a closer look on every line, so the words are as long
//! as the secrets allow.

use super::{base64, lead};
use aho_corasick::{
    AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, Input, Span,
    packed::{Config, MatchKind, Searcher},
};
use memchr::memmem;
use std::sync::LazyLock;

/// What a word may be part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clue {
    /// A name that says secret, or the marker of a private key.
    Name,
    /// `eyJ`, how compact JWS and JWE begin.
    Jose,
    Bearer,
    Basic,
    /// The type of a JSON Web Key.
    Jwk,
    /// The signature of a presigned URL.
    Signature,
    /// The version of a private key in base64 DER, this far behind its start.
    Der(usize),
    /// The id of an encryption scheme in base64 DER.
    Encrypted,
    /// `PRIVATE KEY` within base64.
    Armour,
    /// A prefix that a vendor gives its tokens.
    Shape,
    /// `@`, which may end the password of a URL.
    At,
}

const WORDS: &[(&str, Clue)] = &[
    ("key", Clue::Name),
    ("pass", Clue::Name),
    ("pwd", Clue::Name),
    ("secret", Clue::Name),
    ("token", Clue::Name),
    ("cred", Clue::Name),
    ("authorization", Clue::Name),
    ("cookie", Clue::Name),
    ("auth\"", Clue::Name),
    ("auth\\", Clue::Name),
    ("bearer", Clue::Bearer),
    ("basic", Clue::Basic),
    ("\"kty", Clue::Jwk),
    ("sig=", Clue::Signature),
    ("signature=", Clue::Signature),
    ("eyj", Clue::Jose),
    ("caqa", Clue::Der(3)),
    ("caqe", Clue::Der(3)),
    ("agea", Clue::Der(4)),
    ("ageb", Clue::Der(4)),
    ("ibada", Clue::Der(6)),
    ("ibata", Clue::Der(6)),
    ("ibaak", Clue::Der(6)),
    ("hkig9w0bb", Clue::Encrypted),
    ("sib3dqef", Clue::Encrypted),
    ("kozihvcnaqu", Clue::Encrypted),
    ("ghp_", Clue::Shape),
    ("gho_", Clue::Shape),
    ("ghu_", Clue::Shape),
    ("ghs_", Clue::Shape),
    ("ghr_", Clue::Shape),
    ("github_pat_", Clue::Shape),
    ("glpat-", Clue::Shape),
    ("gldt-", Clue::Shape),
    ("glrt-", Clue::Shape),
    ("glptt-", Clue::Shape),
    ("xox", Clue::Shape),
    ("xapp-", Clue::Shape),
    ("hooks.slack.com/", Clue::Shape),
    ("aiza", Clue::Shape),
    ("ya29.", Clue::Shape),
    ("sk_live_", Clue::Shape),
    ("sk_test_", Clue::Shape),
    ("rk_live_", Clue::Shape),
    ("rk_test_", Clue::Shape),
    ("npm_", Clue::Shape),
    ("pypi-", Clue::Shape),
    ("hvs.", Clue::Shape),
    ("hvb.", Clue::Shape),
    ("hvr.", Clue::Shape),
    ("do_v1_", Clue::Shape),
    ("dop_v1_", Clue::Shape),
    ("doo_v1_", Clue::Shape),
    ("dor_v1_", Clue::Shape),
    ("sg.", Clue::Shape),
    ("akia", Clue::Shape),
    ("asia", Clue::Shape),
    ("age-secret-key-", Clue::Shape),
];

static WORDS_FINDER: LazyLock<Words> = LazyLock::new(Words::new);
static TWILIO: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("SK"));

enum Finder {
    Packed(Searcher),
    Automaton(AhoCorasick),
}

struct Words {
    finder: Finder,
    clues: Vec<Clue>,
}

impl Words {
    fn new() -> Self {
        let mut words: Vec<(Vec<u8>, Clue)> =
            WORDS.iter().map(|(word, clue)| (word.as_bytes().to_vec(), *clue)).collect();
        for shift in 0..3 {
            let mut digits = base64::inner_digits(b"PRIVATE KEY", shift);
            digits.make_ascii_lowercase();
            words.push((digits, Clue::Armour));
        }
        let (patterns, clues): (Vec<_>, Vec<_>) = words.into_iter().unzip();
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
        Self { finder, clues }
    }

    /// The first clue in `text` at `from` or later that is worth a look.
    fn find(&self, text: &[u8], lower: &[u8], from: usize) -> Option<(usize, Clue)> {
        let mut from = from;
        loop {
            let (at, clue) = self.find_any(lower, from)?;
            if clue != Clue::Name || lead::may_follow(text, at) {
                return Some((at, clue));
            }
            from = at + 1;
        }
    }

    fn find_any(&self, lower: &[u8], from: usize) -> Option<(usize, Clue)> {
        let span = Span { start: from, end: lower.len() };
        let found = match &self.finder {
            Finder::Packed(searcher) => searcher.find_in(lower, span),
            Finder::Automaton(automaton) => automaton.find(Input::new(lower).span(span)),
        }?;
        Some((found.start(), self.clues[found.pattern().as_usize()]))
    }
}

/// The clues of one block, in order.
pub(super) struct Clues<'a> {
    text: &'a [u8],
    lower: &'a [u8],
    from: usize,
    word: Option<(usize, Clue)>,
    at: Option<usize>,
    twilio: Option<usize>,
}

impl<'a> Clues<'a> {
    /// `lower` is room for a copy of `text`.
    pub(super) fn new(text: &'a [u8], lower: &'a mut Vec<u8>) -> Self {
        lower.clear();
        lower.extend_from_slice(text);
        lower.make_ascii_lowercase();
        let mut clues = Self { text, lower, from: 0, word: None, at: None, twilio: None };
        clues.restart(0);
        clues
    }

    fn restart(&mut self, from: usize) {
        self.word = WORDS_FINDER.find(self.text, self.lower, from);
        self.at = memchr::memchr(b'@', &self.text[from..]).map(|at| from + at);
        self.twilio = TWILIO.find(&self.text[from..]).map(|at| from + at);
    }

    /// The first clue at `from` or later.
    pub(super) fn next(&mut self, from: usize) -> Option<(usize, Clue)> {
        if from < self.from {
            self.restart(from);
        }
        self.from = from;
        if self.word.is_some_and(|(at, _)| at < from) {
            self.word = WORDS_FINDER.find(self.text, self.lower, from);
        }
        if self.at.is_some_and(|at| at < from) {
            self.at = memchr::memchr(b'@', &self.text[from..]).map(|at| from + at);
        }
        if self.twilio.is_some_and(|at| at < from) {
            self.twilio = TWILIO.find(&self.text[from..]).map(|at| from + at);
        }
        [self.word, self.at.map(|at| (at, Clue::At)), self.twilio.map(|at| (at, Clue::Shape))]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }
}
