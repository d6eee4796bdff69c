//! Owns how a row of the table says what a token looks like: its prefix, and the bytes that follow.

use crate::redact::rule::Rule;

/// A rule whose secrets have formats of their own.
pub(super) struct Vendor {
    pub(super) rule: Rule,
    pub(super) formats: &'static [Format],
}

/// One format of a token: a prefix, and the bytes that follow it.
pub(super) struct Format {
    pub(super) prefix: &'static str,
    /// Which bytes follow the prefix.
    pub(super) body: fn(u8) -> bool,
    /// At least this many bytes follow the prefix.
    shortest: usize,
    /// At most this many bytes follow the prefix. If more do, this is not a token.
    pub(super) longest: usize,
    /// What else has to be true of these bytes.
    pub(super) is_valid: fn(&[u8]) -> bool,
    pub(super) keyword: Keyword,
}

/// How the keyword search finds a format.
#[derive(Clone, Copy)]
pub(super) enum Keyword {
    /// By its prefix, in whatever case.
    Prefix,
    /// By this beginning of the prefix, in lower case, which other formats share.
    Shared(&'static str),
    /// By [`CASE_SENSITIVE`].
    CaseSensitive,
}

/// A token of at least `shortest` bytes of `body` behind `prefix`.
pub(super) const fn format(prefix: &'static str, body: fn(u8) -> bool, shortest: usize) -> Format {
    Format { prefix, body, shortest, longest: usize::MAX, is_valid: |_| true, keyword: Keyword::Prefix }
}

impl Format {
    /// A token has exactly as many bytes behind its prefix as it has at least.
    pub(super) const fn exactly(self) -> Self {
        Self { longest: self.shortest, ..self }
    }

    /// The bytes behind the prefix have to pass a test.
    pub(super) const fn checked(self, is_valid: fn(&[u8]) -> bool) -> Self {
        Self { is_valid, ..self }
    }

    /// One keyword, the beginning of several prefixes, stands for all of them.
    pub(super) const fn keyword(self, shared: &'static str) -> Self {
        Self { keyword: Keyword::Shared(shared), ..self }
    }

    /// The prefix is too common in lower case to be a keyword.
    pub(super) const fn case_sensitive(self) -> Self {
        Self { keyword: Keyword::CaseSensitive, ..self }
    }

    /// Whether a token can have `length` bytes behind its prefix.
    pub(super) fn fits(&self, length: usize) -> bool {
        (self.shortest..=self.longest).contains(&length)
    }
}

/// The one keyword that is searched for in its own case: in lower case it would be on most lines.
pub(crate) const CASE_SENSITIVE: &str = "SK";

pub(super) fn has_dot(body: &[u8]) -> bool {
    body.contains(&b'.')
}

pub(super) fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn dashed(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

pub(super) fn dotted(byte: u8) -> bool {
    dashed(byte) || byte == b'.'
}

pub(super) fn path(byte: u8) -> bool {
    word(byte) || byte == b'/'
}

pub(super) fn slack_cookie(byte: u8) -> bool {
    dashed(byte) || matches!(byte, b'%' | b'+' | b'/')
}

pub(super) fn lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

pub(super) fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}
