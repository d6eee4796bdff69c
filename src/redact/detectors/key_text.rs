//! Owns how the text of a private key is read: its base64 with whatever stands for its line breaks, and the key in it.
//!
//! Whatever form a key has, its token is made of the decoded key, so one key has one token.

use super::der;
use crate::redact::{
    rule::Rule,
    text::{base64, escapes, region::Region},
};
use std::sync::LazyLock;

pub(crate) static PRIVATE_KEY: Rule = Rule {
    id: "private-key",
    replaces: "a private key: PEM over one or many lines, PEM or PKCS#8, PKCS#1 or SEC 1 DER in base64",
    is_of_objects: false,
    matches: &[
        "-----BEGIN EC PRIVATE KEY-----\n«{base64*64}»\n-----END EC PRIVATE KEY-----\n",
        r#"{"key":"-----BEGIN PRIVATE KEY-----\n«{base64*64}\n{base64*44}»\n-----END PRIVATE KEY-----\n","x":1}"#,
        "tls.key: «MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg{base64*136}»\nnext: line\n",
    ],
    keeps: &[
        "-----BEGIN CERTIFICATE-----\n{base64*64}\n{base64*44}\n-----END CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\n{base64*64}\n{base64*44}\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PRIVATE KEY----- was not found in the file",
    ],
};

/// A key does not begin with a line of fewer base64 digits.
pub(super) const SHORTEST: usize = 16;

/// `PRIVATE KEY` as it looks in base64, behind 0, 1 and 2 bytes of a group of three.
pub(super) static LABEL_IN_BASE64: LazyLock<[Vec<u8>; 3]> =
    LazyLock::new(|| [0, 1, 2].map(|shift| base64::inner_digits(b"PRIVATE KEY", shift)));

/// Skips line breaks as they show within one line: escaped, or as spaces.
pub(super) fn skip_breaks(region: &Region<'_>, at: usize) -> usize {
    let mut at = at;
    loop {
        let next = at + break_length(region.rest(at));
        if next == at {
            return at;
        }
        at = next;
    }
}

/// The length of the line break that `text` begins with.
pub(super) fn break_length(text: &[u8]) -> usize {
    match text {
        [b' ' | b'\t' | b'\r', ..] => 1,
        [b'%', b'0', b'a' | b'A' | b'd' | b'D', ..] => 3,
        [b'\\', ..] => {
            let slashes = text.iter().take(16).take_while(|byte| **byte == b'\\').count();
            match &text[slashes..] {
                [b'n' | b'r' | b't', ..] => slashes + 1,
                [b'u', b'0', b'0', b'0', b'a' | b'A' | b'd' | b'D', ..] => slashes + 5,
                _ => 0,
            }
        }
        _ => 0,
    }
}

/// Where the base64 that begins at `at` ends, the line breaks within it included. With `spaces`, a space can be one.
pub(super) fn body_end(region: &Region<'_>, at: usize, spaces: bool) -> usize {
    let mut end = at;
    loop {
        end = region.run(end, is_digit);
        let rest = region.rest(end);
        if let [b'\\', b'/', ..] | [b'%', b'2' | b'3', ..] = rest {
            // An escaped slash, a percent-encoded plus, slash or equals sign.
            end += if rest[0] == b'%' { rest.len().min(3) } else { 2 };
            continue;
        }
        let next = skip_breaks(region, end);
        if next >= region.end || next == end {
            return if next >= region.end && !region.to_tail { region.end } else { end };
        }
        let is_space = region.text[end] == b' ' || region.text[end] == b'\t';
        let slash = if region.rest(next).starts_with(b"\\/") { 2 } else { 0 };
        let more = region.run(next + slash, is_digit) - next;
        let ends_key = region.rest(next + more).starts_with(b"-----END");
        if more == 0 || is_space && (!spaces || more < SHORTEST && !ends_key) {
            return end;
        }
        end = next;
    }
}

fn is_digit(byte: u8) -> bool {
    base64::is_standard(byte) || byte == b'='
}

/// Whether `byte` can be in a key's base64 on one line, escapes included.
pub(super) fn is_body(byte: u8) -> bool {
    is_digit(byte) || matches!(byte, b'\\' | b'%')
}

/// The base64 digits of `text`, its line breaks taken out.
pub(super) fn stripped(text: &[u8]) -> Vec<u8> {
    let mut digits = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let skip = break_length(&text[at..]);
        if skip > 0 {
            at += skip;
        } else if let [b'%', high, low, ..] = text[at..] {
            digits.extend(escapes::percent_decode(&[b'%', high, low]));
            at += 3;
        } else {
            if text[at] != b'\\' {
                digits.push(text[at]);
            }
            at += 1;
        }
    }
    digits
}

/// Whether `text` is nothing but the base64 of a private key or of PEM.
pub(super) fn is_base64_key(text: &[u8]) -> bool {
    let is_all = || text.iter().all(|byte| is_body(*byte));
    let is_armour = || LABEL_IN_BASE64.iter().any(|digits| memchr::memmem::find(text, digits).is_some());
    let is_der = || {
        text.starts_with(b"M")
            && der::private_key(&base64::decode(&text[..text.len().min(der::ENOUGH / 3 * 4)])).is_some()
    };
    is_all() && (is_armour() || is_der())
}

/// The key that base64 `digits` hold: what its own length covers, where it has one.
pub(super) fn decoded(digits: &[u8]) -> Option<Vec<u8>> {
    let mut plain = base64::decode(digits);
    if let Some(length) = der::private_key(&plain) {
        plain.truncate(length);
    }
    (!plain.is_empty()).then_some(plain)
}

/// The key inside a PEM text.
pub(super) fn unwrapped(armour: &[u8]) -> Option<Vec<u8>> {
    let begin = memchr::memmem::find(armour, b"PRIVATE KEY-----")? + b"PRIVATE KEY-----".len();
    let end = memchr::memmem::find(&armour[begin..], b"-----END").map_or(armour.len(), |end| begin + end);
    let digits: Vec<u8> = armour[begin..end].iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    decoded(&digits)
}
