//! Private keys on one line: PEM (its newlines escaped, percent-encoded, made
//! spaces or dropped), base64 of PEM and of DER. [`Body`] follows those that go on.
//!
//! Whatever the form, the token is made of the decoded key, so one key has one
//! token.

use super::{
    base64,
    body::Body,
    der,
    rules::{Rule, token_length},
    scan::{Found, Next, Open, Region, Run, Secret},
};
use std::sync::LazyLock;

/// The longest label and its `-----BEGIN `.
const LONGEST_MARKER: usize = 64;

/// A body line shorter than this does not begin a key.
pub(super) const SHORTEST: usize = 16;

static ARMOUR: LazyLock<[Vec<u8>; 3]> =
    LazyLock::new(|| [0, 1, 2].map(|shift| base64::inner_digits(b"PRIVATE KEY", shift)));

/// The marker of a private key whose `KEY` is at `at`; none where there is none.
pub(super) fn marker(region: &Region<'_>, at: usize) -> Option<Found> {
    let label_end = at + 3;
    let rest = region.rest(label_end);
    if !region.rest(at).starts_with(b"KEY") || !region.head(at).ends_with(b"PRIVATE ") {
        return None;
    }
    let block = if rest.starts_with(b" BLOCK") { b" BLOCK".len() } else { 0 };
    if !rest[block..].starts_with(b"-----") {
        return None;
    }
    let lowest = at.saturating_sub(LONGEST_MARKER).max(region.floor);
    let begin = memchr::memmem::rfind(&region.text[lowest..at], b"-----BEGIN ");
    let from = begin.map(|begin| lowest + begin);
    let is_label = |label: &[u8]| {
        label.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'-'))
    };
    let Some(from) = from.filter(|from| is_label(&region.text[from + 11..at])) else {
        return Some(Found::Nothing);
    };
    Some(after_marker(region, from, label_end + block + 5))
}

fn after_marker(region: &Region<'_>, from: usize, at: usize) -> Found {
    let mut start = skip_breaks(region, at);
    if [&b"Proc-Type:"[..], b"DEK-Info:", b"Version:", b"Comment:"]
        .iter()
        .any(|name| region.rest(start).starts_with(name))
    {
        start = skip_headers(region, start);
    }
    if token_length(region.rest(start)).is_some() {
        return Found::Nothing;
    }
    let end = body_end(region, start, true);
    if region.cut_at(end) {
        return Found::Open(Open { from, start, rule: Rule::PrivateKey, run: Run::Class(is_body) });
    }
    let behind = skip_breaks(region, end);
    let closed = region.rest(behind).starts_with(b"-----END");
    if end == start || !closed && end - start < SHORTEST {
        let ends_line = region.to_tail
            && (behind >= region.end || matches!(region.byte(behind), Some(b'"' | b'\'' | b'`' | b'\\')));
        return if ends_line && !closed && end == start {
            Found::Next(Next::Key(Body::after(region, from), None))
        } else {
            Found::Nothing
        };
    }
    let text = &region.text[start..end];
    let secret = Secret { from, start, end, rule: Rule::PrivateKey, plain: decoded(&stripped(text)) };
    if !closed && region.to_tail && behind >= region.end {
        return Found::GoesOn(secret, Body::within(region, from, text));
    }
    Found::Secret(secret)
}

/// Base64 DER whose version is at `at`, `behind` its first digit.
pub(super) fn der(region: &Region<'_>, at: usize, behind: usize) -> Found {
    match at.checked_sub(behind).filter(|start| *start >= region.start) {
        Some(start) => der_at(region, start),
        None => Found::Nothing,
    }
}

/// Base64 DER that has the id of an encryption scheme at `at`.
pub(super) fn encrypted_der(region: &Region<'_>, at: usize) -> Found {
    let lowest = at.saturating_sub(40).max(region.start);
    let head = &region.text[lowest..at];
    let run = head.iter().rev().take_while(|byte| base64::is_standard(**byte)).count();
    let starts = (at - run..at).filter(|start| region.text[*start..].starts_with(b"MI"));
    for start in starts {
        let found = der_at(region, start);
        if !matches!(found, Found::Nothing) {
            return found;
        }
    }
    Found::Nothing
}

fn der_at(region: &Region<'_>, start: usize) -> Found {
    let first = base64::decode(&region.rest(start)[..region.rest(start).len().min(der::ENOUGH / 3 * 4)]);
    let Some(length) = der::private_key(&first) else { return Found::Nothing };
    let end = body_end(region, start, false);
    if region.cut_at(end) {
        return Found::Open(Open { from: start, start, rule: Rule::PrivateKey, run: Run::Class(is_body) });
    }
    let text = &region.text[start..end];
    let plain = decoded(&stripped(text));
    let cut = plain.as_ref().is_none_or(|plain| plain.len() < length);
    let secret = Secret { from: start, start, end, rule: Rule::PrivateKey, plain };
    if cut && region.to_tail && skip_breaks(region, end) >= region.end {
        return Found::GoesOn(secret, Body::within(region, start, text));
    }
    Found::Secret(secret)
}

/// Base64 that has `PRIVATE KEY` inside at `at`; what lies before `done` is done.
pub(super) fn armour(region: &Region<'_>, at: usize, done: usize) -> Found {
    if !ARMOUR.iter().any(|digits| region.rest(at).starts_with(digits)) {
        return Found::Nothing;
    }
    let lowest = region.start.max(done);
    let run = region.text[lowest..at].iter().rev().take_while(|byte| base64::is_standard(**byte)).count();
    let mut start = at - run;
    if region.before(start) == Some(b'\\') && start < at {
        start += 1;
    }
    let end = body_end(region, at, false);
    if region.cut_at(end) {
        return Found::Open(Open { from: start, start, rule: Rule::PrivateKey, run: Run::Class(is_body) });
    }
    let text = &region.text[start..end];
    let armour = base64::decode(&stripped(text));
    let closed = memchr::memmem::rfind(&armour, b"-----END").is_some();
    let secret = Secret { from: start, start, end, rule: Rule::PrivateKey, plain: unwrapped(&armour) };
    if !closed && region.to_tail && skip_breaks(region, end) >= region.end {
        return Found::GoesOn(secret, Body::within(region, start, text));
    }
    Found::Secret(secret)
}

/// Skips line breaks as they show within one line: escaped, or as spaces.
fn skip_breaks(region: &Region<'_>, at: usize) -> usize {
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

/// Skips the headers of an encrypted key, up to the empty line behind them.
fn skip_headers(region: &Region<'_>, at: usize) -> usize {
    let limit = region.end.min(at + 512);
    (at..limit)
        .find_map(|at| {
            let text = region.rest(at);
            let (first, second) = (line_break(text), line_break(&text[line_break(text)..]));
            (first > 0 && second > 0).then(|| skip_breaks(region, at))
        })
        .unwrap_or(at)
}

/// The length of the one whole line break, CR LF included, that `text` begins with.
fn line_break(text: &[u8]) -> usize {
    let first = break_length(text);
    let is_return = first > 0 && matches!(text[first - 1], b'r' | b'd' | b'D');
    let is_space = matches!(text.first(), Some(b' ' | b'\t'));
    if is_space {
        0
    } else if is_return {
        first + break_length(&text[first..])
    } else {
        first
    }
}

/// Where the base64 that begins at `at` ends, the line breaks within it included.
fn body_end(region: &Region<'_>, at: usize, spaces: bool) -> usize {
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

fn is_body(byte: u8) -> bool {
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
            digits.extend(super::value::percent_decode(&[b'%', high, low]));
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
    let is_armour = || ARMOUR.iter().any(|digits| memchr::memmem::find(text, digits).is_some());
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
