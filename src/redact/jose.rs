//! JOSE: compact JWS and JWE (JWT-SVIDs, WIT-SVIDs and service account tokens are
//! JWS), and the private members of JSON Web Keys.

use super::{
    base64,
    rules::{Rule, token_length},
    scan::{Found, Memory, Open, Region, Run, Secret},
    value,
};

/// Header bytes that are looked at to know a header.
const HEADER: usize = 4096;

/// The longest JSON Web Key: one of 16384-bit RSA has 13 KiB.
const LONGEST_JWK: usize = 14 * 1024;

/// The private members of every key type.
const PRIVATE: &[&[u8]] = &[b"d", b"p", b"q", b"dp", b"dq", b"qi", b"k", b"priv"];

/// A compact JWS or JWE whose header begins at `at`. Of a JWS only the signature
/// is replaced: without it nobody can use the token, and its claims are what one
/// needs to understand an incident. Of a JWE everything after the header is.
pub(super) fn compact(region: &Region<'_>, at: usize, memory: &mut Memory) -> Found {
    if at < memory.jose || !region.rest(at).starts_with(b"eyJ") {
        return Found::Nothing;
    }
    let open = |start, class| Found::Open(Open { from: at, start, rule: Rule::Jws, run: Run::Class(class) });
    if !is_header(region.rest(at)) {
        return Found::Nothing;
    }
    let header = part(region, at);
    memory.jose = header;
    if region.cut_at(header) {
        return open(at, is_jose);
    }
    let mut parts = [(at, header); 5];
    let mut count = 1;
    while count < parts.len() && region.byte(parts[count - 1].1) == Some(b'.') {
        let start = parts[count - 1].1 + 1;
        parts[count] = (start, part(region, start));
        count += 1;
    }
    let last = parts[count - 1];
    if region.cut_at(last.1) {
        // What has been seen of the claims stays readable.
        return open(if count < 3 { at } else { parts[2].0 }, is_jose);
    }
    let encrypted = count == 5
        && memchr::memmem::find(&base64::decode(&region.text[at..header.min(at + HEADER)]), b"\"enc\"").is_some();
    let (rule, start, end) = match count {
        5 if encrypted => (Rule::Jwe, parts[1].0, last.1),
        3..=5 => (Rule::Jws, parts[2].0, parts[2].1),
        _ => return Found::Nothing,
    };
    if start == end {
        return Found::Nothing;
    }
    Found::Secret(Secret { from: at, start, end, rule, plain: None })
}

/// Whether `text` begins with a compact JWS or JWE, its secret part replaced or not.
pub(super) fn is_compact(text: &[u8]) -> bool {
    let region = Region { text, floor: 0, start: 0, end: text.len(), from_head: true, to_tail: true };
    let header = part(&region, 0);
    if !text.starts_with(b"eyJ") || !is_header(text) || region.byte(header) != Some(b'.') {
        return false;
    }
    let second = header + 1;
    if token_length(region.rest(second)).is_some() {
        return true;
    }
    let claims = part(&region, second);
    region.byte(claims) == Some(b'.')
        && (part(&region, claims + 1) > claims + 1 || token_length(region.rest(claims + 1)).is_some())
}

/// Where the base64 part that begins at `at` ends.
fn part(region: &Region<'_>, at: usize) -> usize {
    let end = region.run(at, base64::is_url_safe);
    let padding = region.rest(end).iter().take(2).take_while(|byte| **byte == b'=').count();
    end + padding
}

fn is_jose(byte: u8) -> bool {
    base64::is_url_safe(byte) || matches!(byte, b'.' | b'=')
}

/// Whether `digits` begin with a JSON object in base64.
fn is_header(digits: &[u8]) -> bool {
    let start = base64::decode(&digits[..digits.len().min(32)]);
    let rest = start.strip_prefix(b"{").unwrap_or_default().trim_ascii_start();
    rest.len() > 3
        && rest[0] == b'"'
        && rest.iter().all(|byte| !byte.is_ascii_control() && byte.is_ascii() || byte.is_ascii_whitespace())
}

/// The private members of the JSON Web Key whose `kty` is at `at`. Members before
/// `done` have been replaced already.
pub(super) fn jwk(region: &Region<'_>, at: usize, done: usize, memory: &mut Memory) -> Found {
    let name = at + 1;
    let escapes = value::backslashes_before(region.text, at, region.floor);
    let closing = name + 3;
    if at < memory.jwk || !value::is_quote(region, closing, b'"', escapes) {
        return Found::Nothing;
    }
    let lowest = at.saturating_sub(LONGEST_JWK).max(region.start).max(memory.brace);
    let Some(open) = memchr::memrchr(b'{', &region.text[lowest..at]).map(|open| lowest + open) else {
        memory.brace = at;
        return Found::Nothing;
    };
    let limit = region.end.min(open + LONGEST_JWK);
    let close = match memchr::memchr(b'}', &region.text[at..limit]) {
        Some(close) => at + close,
        None if limit == region.end && !region.to_tail => {
            return Found::Open(Open {
                from: open,
                start: open,
                rule: Rule::Jwk,
                run: Run::Class(|byte| byte != b'}'),
            });
        }
        None => limit,
    };
    memory.jwk = close;
    let members = Region { start: open, end: close, to_tail: true, ..*region };
    let mut secrets = Vec::new();
    let mut at = open + 1;
    while let Some((start, end)) = value::next_quoted(&members, at, b'"', escapes) {
        at = end + escapes + 1;
        if !PRIVATE.contains(&&region.text[start..end]) {
            continue;
        }
        let colon = value::skip_spaces(&members, at);
        if members.byte(colon) != Some(b':') {
            continue;
        }
        let Some((start, end)) = value::next_quoted(&members, colon + 1, b'"', escapes) else { break };
        let between = &region.text[colon + 1..start - 1];
        if between.iter().any(|byte| !byte.is_ascii_whitespace() && *byte != b'\\') {
            continue;
        }
        at = end + escapes + 1;
        if start >= done && end > start && token_length(&region.text[start..end]).is_none() {
            secrets.push(Secret { from: open, start, end, rule: Rule::Jwk, plain: None });
        }
    }
    Found::Secrets(secrets)
}
