//! Owns what stands around a name: what precedes it on its line, and what behind it may give it a value.

use super::secret_names::may_be_form;
use crate::redact::text::{line_prefix, region::Region};

/// How far a name reaches to either side of its keyword, in bytes.
pub(super) const REACH: usize = 128;

/// Whether `byte` can be in a name.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$')
}

/// What stands behind a name, up to its operator.
pub(super) struct AfterName {
    pub(super) end: usize,
    /// The quote behind the name, and how often it is escaped.
    pub(super) quote: Option<(u8, usize)>,
    /// Where the operator begins.
    pub(super) operator: usize,
    /// Whether spaces stand before the operator.
    pub(super) spaced: bool,
}

impl AfterName {
    /// What stands behind the name that `at` is in. None when nothing there can give the name a value.
    pub(super) fn of(text: &[u8], at: usize) -> Option<Self> {
        let end = at + text[at..].iter().take(REACH).take_while(|byte| is_name(**byte)).count();
        let rest = &text[end..];
        let escapes = rest.iter().take(16).take_while(|byte| **byte == b'\\').count();
        let quote = rest.get(escapes).copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        if escapes > 0 && quote.is_none() {
            return None;
        }
        let mut behind = escapes + usize::from(quote.is_some());
        behind += usize::from(rest.get(behind) == Some(&b']'));
        let spaces = rest[behind..].iter().take(64).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let follows = match rest.get(behind + spaces) {
            Some(b':' | b'=') | None => true,
            Some(b',') => quote.is_some(),
            Some(b'>') => quote.is_none(),
            Some(b'\n' | b'\r') => true,
            Some(b'%') if behind + spaces == 0 => is_encoded_equals(rest),
            Some(_) => spaces > 0 && quote.is_none(),
        };
        follows.then(|| Self {
            end,
            quote: quote.map(|quote| (quote, escapes)),
            operator: end + behind + spaces,
            spaced: spaces > 0,
        })
    }
}

/// Whether the keyword at `at` may be part of a name that has a secret value. This saves looks that can find nothing.
pub(crate) fn may_follow(text: &[u8], at: usize) -> bool {
    let rest = &text[at..text.len().min(at + 2 * REACH)];
    let is_key = rest.len() > 3 && rest[..3].eq_ignore_ascii_case(b"key");
    if rest.len() < 2 * REACH || is_key && matches!(rest[3], b'-' | b' ') && rest[2] == b'Y' {
        // Too little to tell, or the marker of a private key.
        return true;
    }
    if is_key && at > 0 && !is_name(text[at - 1]) && !matches!(text[at - 1], b' ' | b'\\') {
        // `"key":` is no secret, it takes a word before to make it one.
        return false;
    }
    let word = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let stem = WORDS.iter().find(|word| rest[..word.len()].eq_ignore_ascii_case(word)).map_or(word, |word| word.len());
    let name = &rest[stem..];
    let more =
        name.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'$')).count();
    let may_end = match (name.get(more), name.get(more + 1)) {
        (Some(first), second) if first.is_ascii_alphabetic() => {
            // A capital behind a small letter begins another word, as in `secretsBase64`.
            let second = second.filter(|second| first.is_ascii_uppercase() || second.is_ascii_lowercase());
            may_be_form(first.to_ascii_lowercase(), second.map_or(0, u8::to_ascii_lowercase))
        }
        _ => true,
    };
    may_end
        && AfterName::of(rest, 0).is_some_and(|tail| {
            let word = &rest[tail.operator..];
            let by_space = !matches!(word.first(), Some(b':' | b'=' | b',' | b'>' | b'\n' | b'\r') | None);
            !by_space || begins_value(word) || is_option(text, at)
        })
}

/// Whether `word`, behind a name and a space, may give it a value.
pub(super) fn begins_value(word: &[u8]) -> bool {
    matches!(word.first(), Some(b'"' | b'\'')) || word.starts_with(b"is ") || is_encoded_equals(word)
}

/// Whether `text` begins with a percent-encoded equals sign.
pub(super) fn is_encoded_equals(text: &[u8]) -> bool {
    text.starts_with(b"%3D") || text.starts_with(b"%3d")
}

/// The keywords of names, as far as they go before an ending.
const WORDS: &[&[u8]] = &[b"key", b"token", b"secret", b"pass", b"pwd", b"cred", b"authorization", b"cookie"];

/// Whether the name around `at` begins with a dash.
fn is_option(text: &[u8], at: usize) -> bool {
    let lowest = at.saturating_sub(REACH);
    let reach = text[lowest..at].iter().rev().take_while(|byte| is_name(**byte)).count();
    text[at - reach] == b'-' || reach == REACH || text[..at - reach].ends_with(b"\\")
}

/// What stands before a name on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameContext {
    /// Nothing but indentation, and perhaps a timestamp before that (`logged`).
    LineStart { columns: usize, logged: bool },
    /// The opening of a list or a map, or a separator between its items.
    Inside,
    /// Words: this may be a sentence.
    Words,
}

impl NameContext {
    pub(super) fn of(region: &Region<'_>, start: usize) -> Self {
        let head = region.head(start);
        let head = match head {
            [rest @ .., b'"' | b'\''] => rest,
            _ => head,
        };
        let space =
            head.iter().rev().take(256).take_while(|byte| matches!(byte, b' ' | b'\t' | b'-' | b'#' | b'>')).count();
        let before = &head[..head.len() - space];
        let logged = before.len() > 10 && line_prefix::message(head) >= before.len();
        if region.from_head && (before.is_empty() || logged || before.ends_with(b"export")) {
            let columns = head.len() - line_prefix::message(head);
            return Self::LineStart { columns, logged };
        }
        match before.last() {
            Some(b'{' | b'[' | b'(' | b',' | b';' | b'&' | b'?' | b'|') => Self::Inside,
            // A line that begins inside of a string.
            Some(b'n') if before.ends_with(b"\\n") => Self::LineStart { columns: space, logged: false },
            _ => Self::Words,
        }
    }

    pub(super) fn is_inside(self) -> bool {
        self == Self::Inside
    }

    pub(super) fn is_logged(self) -> bool {
        matches!(self, Self::LineStart { logged: true, .. })
    }
}
