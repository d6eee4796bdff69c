//! Credentials in headers: Authorization with its schemes, Bearer and Basic where
//! no header names them, Cookie.

use super::base64;
use super::jose;
use super::rules::{Rule, token_length};
use super::scan::{Found, Open, Region, Run, Secret};
use super::shapes;
use super::value;

/// Schemes with one credential.
const SCHEMES: &[&[u8]] = &[
    b"bearer",
    b"basic",
    b"negotiate",
    b"ntlm",
    b"token",
    b"apikey",
    b"api-key",
    b"key",
    b"sharedkey",
    b"jwt",
    b"dpop",
    b"ssws",
    b"splunk",
    b"private-token",
    b"x-api-key",
    b"genie",
    b"wit",
];

/// Schemes whose credential is a list of parameters.
const LISTS: &[&[u8]] =
    &[b"digest", b"hawk", b"oauth", b"signature", b"mac", b"aws4-hmac-sha256", b"sharedaccesssignature", b"gnap"];

/// `Bearer` at `at`, in any casing, and the credential behind it.
pub(super) fn bearer(region: &Region<'_>, at: usize) -> Found {
    let Some(start) = credential_start(region, at, b"bearer".len()) else { return Found::Nothing };
    let end = region.run(start, is_credential);
    if region.cut_at(end) {
        return Found::Open(Open { from: at, start, rule: Rule::Bearer, run: Run::Class(is_credential) });
    }
    let credential = &region.text[start..end];
    // `Bearer realm="…"` is a challenge.
    let is_challenge = credential.ends_with(b"=") && matches!(region.byte(end), Some(b'"' | b'\\'));
    if is_challenge
        || !value::looks_random(credential)
        || is_harmless(credential)
        || jose::is_compact(region.rest(start))
    {
        return Found::Nothing;
    }
    Found::Secret(Secret { from: at, start, end, rule: Rule::Bearer, plain: None })
}

/// `Basic` at `at`, in any casing, and the credential behind it.
pub(super) fn basic(region: &Region<'_>, at: usize) -> Found {
    let Some(start) = credential_start(region, at, b"basic".len()) else { return Found::Nothing };
    let end = region.run(start, base64::is_any);
    if region.cut_at(end) {
        return Found::Open(Open { from: at, start, rule: Rule::Basic, run: Run::Class(base64::is_any) });
    }
    if token_length(region.rest(end)).is_some() || !is_user_and_password(&region.text[start..end]) {
        return Found::Nothing;
    }
    Found::Secret(Secret { from: at, start, end, rule: Rule::Basic, plain: None })
}

fn credential_start(region: &Region<'_>, at: usize, scheme: usize) -> Option<usize> {
    let end = at + scheme;
    let start = if region.rest(end).starts_with(b"%20") { end + 3 } else { value::skip_spaces(region, end) };
    (start > end && shapes::begins_word(region, at)).then_some(start)
}

fn is_credential(byte: u8) -> bool {
    base64::is_any(byte) || matches!(byte, b'.' | b'~')
}

fn is_harmless(credential: &[u8]) -> bool {
    value::is_placeholder(credential) || jose::is_compact(credential)
}

/// Whether `credential` is base64 of `user:password`.
pub(super) fn is_user_and_password(credential: &[u8]) -> bool {
    let plain = base64::decode(credential);
    plain.len() > 2
        && plain.contains(&b':')
        && std::str::from_utf8(&plain).is_ok_and(|text| !text.contains(char::is_control))
}

/// The value of an Authorization header, from `start` to `end`.
pub(super) fn authorization(region: &Region<'_>, from: usize, start: usize, end: usize) -> Found {
    let header = &region.text[start..end];
    let word = header.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(header.len());
    let is_in = |schemes: &[&[u8]]| schemes.iter().any(|scheme| header[..word].eq_ignore_ascii_case(scheme));
    let (first, rule) =
        (value::skip_spaces(region, start + word), if is_in(&[b"bearer"]) { Rule::Bearer } else { Rule::Basic });
    let (start, end, rule) = if is_in(LISTS) && first < end {
        (first, end, rule)
    } else if is_in(SCHEMES) && first < end {
        let length =
            region.text[first..end].iter().position(|byte| matches!(byte, b' ' | b'\t' | b',' | b']' | b'}' | b')'));
        (first, length.map_or(end, |length| first + length), rule)
    } else if word >= 16 && value::looks_random(&header[..word]) {
        (start, start + word, Rule::Named)
    } else {
        return Found::Nothing;
    };
    let credential = &region.text[start..end];
    if is_harmless(credential) || token_length(credential).is_some() || is_challenge(credential) {
        return Found::Nothing;
    }
    Found::Secret(Secret { from, start, end, rule, plain: None })
}

/// Whether a credential is the parameters of a challenge.
fn is_challenge(credential: &[u8]) -> bool {
    credential.starts_with(b"realm=")
}

/// The value of a Cookie or Set-Cookie header, from `start` to `end`.
pub(super) fn cookie(region: &Region<'_>, from: usize, start: usize, end: usize) -> Found {
    let header = &region.text[start..end];
    let name = header.iter().position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-' | b'.'));
    let is_pair = name.is_some_and(|name| name > 0 && header[name] == b'=');
    if !is_pair || value::is_placeholder(header) {
        return Found::Nothing;
    }
    Found::Secret(Secret { from, start, end, rule: Rule::Cookie, plain: None })
}
