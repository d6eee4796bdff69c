//! One line, or one window of a line too long to be held, and the secrets in it.
//!
//! A finder looks around one clue. It may answer that the text ends too early to
//! tell; whoever scans a window then begins the next one where that finder's
//! evidence begins, so what is found never depends on where windows end.

use super::{
    body::Body,
    headers, jose, named, pem,
    prefilter::{Clue, Clues},
    rules::{LONGEST_TOKEN, Rule, token_length},
    shapes, urls,
};

/// How far past its clue a finder may look without asking whether the text ends
/// there; what goes on for longer is an [`Open`].
pub(super) const BLIND: usize = 2048;

/// A stretch of text within one line. Finders read from `floor` to `end` and
/// replace from `start` on.
#[derive(Clone, Copy)]
pub(super) struct Region<'a> {
    pub(super) text: &'a [u8],
    /// Where what may be read begins.
    pub(super) floor: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    /// `floor` is the start of the line.
    pub(super) from_head: bool,
    /// `end` is the end of the line.
    pub(super) to_tail: bool,
}

impl<'a> Region<'a> {
    /// The byte at `at`; none at the end.
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        if at < self.end { Some(self.text[at]) } else { None }
    }

    /// The byte before `at`; none at the floor.
    pub(super) fn before(&self, at: usize) -> Option<u8> {
        if at > self.floor { Some(self.text[at - 1]) } else { None }
    }

    /// What is left from `at` on.
    pub(super) fn rest(&self, at: usize) -> &'a [u8] {
        &self.text[at.min(self.end)..self.end]
    }

    /// Everything before `at`.
    pub(super) fn head(&self, at: usize) -> &'a [u8] {
        &self.text[self.floor..at]
    }

    /// Where the run of bytes that `class` takes ends.
    pub(super) fn run(&self, at: usize, class: fn(u8) -> bool) -> usize {
        let rest = self.rest(at);
        at + rest.iter().position(|byte| !class(*byte)).unwrap_or(rest.len())
    }

    /// Whether more text could follow at `at`.
    pub(super) fn cut_at(&self, at: usize) -> bool {
        at >= self.end && !self.to_tail
    }
}

/// A secret to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secret {
    /// Where the evidence begins.
    pub(super) from: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) rule: Rule,
    /// The secret itself where the text only encodes it.
    pub(super) plain: Option<Vec<u8>>,
}

/// How a secret goes on that is too long to be held.
#[derive(Clone, Copy, Debug)]
pub(super) enum Run {
    /// To the first byte outside of the class.
    Class(fn(u8) -> bool),
    /// To the quote that is escaped `escapes` times.
    Quoted { quote: u8, escapes: usize },
}

/// A secret, or what may be one, that the end of the window cuts off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) from: usize,
    pub(super) start: usize,
    pub(super) rule: Rule,
    pub(super) run: Run,
}

/// What the next lines are, when a line says so.
#[derive(Clone, Debug)]
pub(super) enum Next {
    /// The body of a private key,
    /// of which the part that starts here is on this line already.
    Key(Body, Option<usize>),
    /// A YAML block that is the value of a secret name, indented deeper than this.
    Block(usize),
    /// The `value` of an environment variable whose name says secret.
    EnvValue,
}

/// What a finder found.
pub(super) enum Found {
    Nothing,
    Secret(Secret),
    Secrets(Vec<Secret>),
    Open(Open),
    Next(Next),
    /// The secret goes on in the next lines.
    GoesOn(Secret, Body),
}

/// What one scan found, in order.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) secrets: Vec<Secret>,
    pub(super) open: Option<Open>,
    pub(super) next: Option<Next>,
}

/// How far some finders have already looked, so that a clue repeated without
/// end costs no more than one.
#[derive(Default)]
pub(super) struct Memory {
    /// The end of the last name judged.
    pub(super) name: usize,
    /// The end of the last run that is no JOSE.
    pub(super) jose: usize,
    /// No `{` of a JSON Web Key between here and the clue looked at.
    pub(super) brace: usize,
    /// The end of the last JSON Web Key.
    pub(super) jwk: usize,
}

/// Finds the secrets of `region`.
pub(super) fn scan(region: &Region<'_>, clues: &mut Clues<'_>, findings: &mut Findings) {
    findings.secrets.clear();
    findings.open = None;
    findings.next = None;
    let mut memory = Memory::default();
    let mut done = region.start;
    let mut look = region.start;
    while let Some((at, clue)) = clues.next(look) {
        // So near to where a window ends nothing can be told; the next one tells.
        if at >= region.end || !region.to_tail && at + BLIND > region.end {
            break;
        }
        look = at + 1;
        if let Some(end) = inside_token(region, at) {
            look = end;
            continue;
        }
        let found = match clue {
            Clue::Name => match pem::marker(region, at) {
                Some(found) => found,
                None => named::find(region, at, &mut memory),
            },
            Clue::Jose => jose::compact(region, at, &mut memory),
            Clue::Jwk => jose::jwk(region, at, done, &mut memory),
            Clue::Bearer => headers::bearer(region, at),
            Clue::Basic => headers::basic(region, at),
            Clue::Signature => urls::signature(region, at),
            Clue::At => urls::password(region, at),
            Clue::Der(behind) => pem::der(region, at, behind),
            Clue::Encrypted => pem::encrypted_der(region, at),
            Clue::Armour => pem::armour(region, at, done),
            Clue::Shape => shapes::find(region, at),
        };
        match found {
            Found::Nothing => {}
            Found::Open(open) if open.start >= done => {
                findings.open = Some(open);
                break;
            }
            Found::Open(_) => {}
            Found::Secret(secret) => keep(&mut findings.secrets, secret, &mut done, &mut look),
            Found::Secrets(secrets) => {
                for secret in secrets {
                    keep(&mut findings.secrets, secret, &mut done, &mut look);
                }
            }
            Found::Next(next) => findings.next = Some(next),
            Found::GoesOn(secret, body) => {
                let start = secret.start;
                keep(&mut findings.secrets, secret, &mut done, &mut look);
                if findings.secrets.last().is_some_and(|secret| secret.start == start) {
                    findings.next = Some(Next::Key(body, Some(start)));
                }
            }
        }
    }
}

fn keep(secrets: &mut Vec<Secret>, secret: Secret, done: &mut usize, look: &mut usize) {
    if secret.start >= *done && secret.end > secret.start {
        *done = secret.end;
        *look = (*look).max(secret.end);
        secrets.push(secret);
    }
}

/// Where the token ends that `at` is inside of.
fn inside_token(region: &Region<'_>, at: usize) -> Option<usize> {
    let lowest = at.saturating_sub(LONGEST_TOKEN).max(region.floor);
    let open = lowest + memchr::memrchr(b'<', &region.text[lowest..at])?;
    let end = open + token_length(region.rest(open))?;
    (end > at).then_some(end)
}
