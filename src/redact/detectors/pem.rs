//! Owns private keys in PEM: those on one line, whose line breaks are escaped, percent-encoded, made spaces or left
//! out, and the first line of those over many lines, which [`KeyLines`] follows.

use super::{
    detection::{Continuation, Detection, NextLines, OpenSecret, RuleSet, Secret},
    key_text::{PRIVATE_KEY, SHORTEST, body_end, break_length, decoded, is_body, skip_breaks, stripped},
    multiline_key::KeyLines,
};
use crate::redact::{rule::token_length, text::region::Region};

/// `named_values` calls [`marker`], because the keyword `key` leads to both.
pub(super) const RULES: RuleSet = RuleSet { rules: || vec![&PRIVATE_KEY], detectors: &[] };

/// The longest label and its `-----BEGIN `, in bytes.
const LONGEST_MARKER: usize = 64;

/// The marker of a private key whose `KEY` is at `at`; none where there is none.
pub(super) fn marker(region: &Region<'_>, at: usize) -> Option<Detection> {
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
        return Some(Detection::Nothing);
    };
    Some(after_marker(region, from, label_end + block + 5))
}

fn after_marker(region: &Region<'_>, from: usize, at: usize) -> Detection {
    let mut start = skip_breaks(region, at);
    if [&b"Proc-Type:"[..], b"DEK-Info:", b"Version:", b"Comment:"]
        .iter()
        .any(|name| region.rest(start).starts_with(name))
    {
        start = skip_headers(region, start);
    }
    if token_length(region.rest(start)).is_some() {
        return Detection::Nothing;
    }
    let end = body_end(region, start, true);
    if region.cut_at(end) {
        return Detection::Open(OpenSecret {
            from,
            start,
            rule: &PRIVATE_KEY,
            continuation: Continuation::While(is_body),
        });
    }
    let behind = skip_breaks(region, end);
    let closed = region.rest(behind).starts_with(b"-----END");
    if end == start || !closed && end - start < SHORTEST {
        let ends_line = region.to_tail
            && (behind >= region.end || matches!(region.byte(behind), Some(b'"' | b'\'' | b'`' | b'\\')));
        return if ends_line && !closed && end == start {
            Detection::Next(NextLines::PrivateKey(KeyLines::after(region, from), None))
        } else {
            Detection::Nothing
        };
    }
    let text = &region.text[start..end];
    let secret = Secret { from, start, end, rule: &PRIVATE_KEY, plain: decoded(&stripped(text)) };
    if !closed && region.to_tail && behind >= region.end {
        return Detection::Continues(secret, KeyLines::starting_with(region, from, text));
    }
    Detection::Secret(secret)
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
