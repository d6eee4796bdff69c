//! Owns what a detector is, and what it answers.
//!
//! A detector looks around one keyword. It may answer that the text ends too early to tell. The scan of a long line
//! then begins its next window where that detector's evidence begins, so what is found never depends on where windows
//! end.

use super::multiline_key::KeyLines;
use crate::redact::{rule::Rule, text::region::Region};

/// Looks for a secret around the keyword at the position given.
pub(crate) type Detect = fn(&Region<'_>, usize, &mut Progress) -> Detection;

/// What looks for secrets around certain keywords.
pub(crate) struct Detector {
    pub(crate) keywords: Keywords,
    pub(crate) detect: Detect,
    /// Whether the keywords are parts of names. Most of these occur without a value, so the keyword search first looks
    /// at what follows.
    pub(crate) is_of_names: bool,
}

impl Detector {
    /// A detector for these keywords, which have to be in lower case. It is called wherever one of them stands, in
    /// whatever case.
    pub(super) const fn new(keywords: &'static [&'static str], detect: Detect) -> Self {
        Self { keywords: Keywords::Listed(keywords), detect, is_of_names: false }
    }

    /// A detector whose keywords are computed from other data.
    pub(super) const fn computed(keywords: fn() -> Vec<String>, detect: Detect) -> Self {
        Self { keywords: Keywords::Computed(keywords), detect, is_of_names: false }
    }
}

/// The keywords of a detector, in lower case. A keyword that is on every line costs a look at every line, so each is as
/// long as the secrets allow.
pub(crate) enum Keywords {
    Listed(&'static [&'static str]),
    Computed(fn() -> Vec<String>),
}

impl Keywords {
    pub(crate) fn all(&self) -> Vec<String> {
        match self {
            Self::Listed(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            Self::Computed(words) => words(),
        }
    }
}

/// The rules of one file, and the detectors that apply them.
pub(crate) struct RuleSet {
    pub(crate) rules: fn() -> Vec<&'static Rule>,
    pub(crate) detectors: &'static [Detector],
}

/// A secret to be replaced.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    /// Where the evidence for it begins: a name, a scheme, or the secret itself.
    pub(crate) from: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rule: &'static Rule,
    /// The secret itself, where the text has it escaped or encoded. The token is made of this.
    pub(crate) plain: Option<Vec<u8>>,
}

/// How a secret continues that is too long to be held in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Continuation {
    /// Until the first byte that the function does not take.
    While(fn(u8) -> bool),
    /// Until the quote that is escaped `escapes` times.
    UntilQuote { quote: u8, escapes: usize },
}

/// A secret, or what may be one, that the end of the window cuts off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenSecret {
    pub(crate) from: usize,
    pub(crate) start: usize,
    pub(crate) rule: &'static Rule,
    pub(crate) continuation: Continuation,
}

/// What a line says about the lines that follow it.
#[derive(Clone, Debug)]
pub(crate) enum NextLines {
    /// They are the body of a private key. The part of it that begins at the position given is on this line already.
    PrivateKey(KeyLines, Option<usize>),
    /// They are a YAML block that is the value of a secret's name, indented by more columns than this.
    YamlBlock(usize),
    /// The next one is the `value` of an environment variable with a secret's name.
    EnvValue,
}

/// What a detector answers.
pub(crate) enum Detection {
    Nothing,
    Secret(Secret),
    Secrets(Vec<Secret>),
    /// The window ends too early to tell.
    Open(OpenSecret),
    Next(NextLines),
    /// A private key that continues on the next lines.
    Continues(Secret, KeyLines),
}

/// How far a scan, and some detectors in it, have come. A keyword that is repeated without end then costs no more than
/// one.
pub(crate) struct Progress {
    /// The end of the last secret: what stands before it is replaced already.
    pub(crate) done: usize,
    /// The end of the last name that was judged.
    pub(super) name: usize,
    /// The end of the last header of a JWS or JWE.
    pub(super) jws: usize,
    /// There is no `{` of a JSON Web Key between here and the keyword looked at.
    pub(super) brace: usize,
    /// The end of the last JSON Web Key.
    pub(super) jwk: usize,
}

impl Progress {
    pub(crate) fn new(start: usize) -> Self {
        Self { done: start, name: 0, jws: 0, brace: 0, jwk: 0 }
    }
}
