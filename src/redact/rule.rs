//! Owns what a rule is, and the grammar of the token that each rule writes.
//!
//! A token is `<rule:hex>`: the id of the rule (lower-case letters, digits and dashes), a colon, and twenty lower-case
//! hex digits. Every rule recognises a token and leaves it, whichever key made it.

/// Hex digits of a token: 80 bits.
pub(super) const DIGITS: usize = 20;

/// The longest id of a rule, here or in bundles of other versions, in bytes.
const LONGEST_ID: usize = 32;

/// The longest token, in bytes.
pub(super) const LONGEST_TOKEN: usize = LONGEST_ID + DIGITS + 3;

/// A rule of redaction. The manifest counts by its id, and docs/SECURITY.md lists it.
///
/// In the examples a secret stands between `«` and `»`, and `{word*36}` stands for 36 characters without a pattern, so
/// that no scanner takes this repository for leaking secrets. The classes are `word` (letters and digits), `lower`
/// (small letters and digits), `upper` (capital letters and digits), `hex`, `base64` and `base64url`.
/// tests/it/redact/examples.rs runs them all.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// What stands in the token before the colon: lower-case letters, digits and dashes, at most 32.
    pub id: &'static str,
    /// What the rule replaces: a phrase for the table in docs/SECURITY.md.
    pub replaces: &'static str,
    /// Whether only the structure of a JSON object shows such a secret. If so, the examples are objects.
    pub is_of_objects: bool,
    /// Texts in which the rule replaces what is between `«` and `»`, and nothing else.
    pub matches: &'static [&'static str],
    /// Texts that look similar, in which no rule replaces anything.
    pub keeps: &'static [&'static str],
}

/// The length of the token that `text` begins with.
pub(super) fn token_length(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'<') {
        return None;
    }
    let id =
        text[1..].iter().take(LONGEST_ID + 1).position(|byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))?;
    let digits = id + 2;
    let end = digits + DIGITS;
    let whole = id > 0
        && text.get(id + 1) == Some(&b':')
        && text.get(end) == Some(&b'>')
        && text[digits..end].iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    whole.then_some(end + 1)
}

/// Whether there is a token anywhere in `text`.
pub(super) fn holds_token(text: &[u8]) -> bool {
    memchr::memchr_iter(b'<', text).any(|at| token_length(&text[at..]).is_some())
}
