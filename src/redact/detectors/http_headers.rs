//! Owns credentials in HTTP headers: Authorization with its schemes, Bearer and Basic also where no header is named,
//! and Cookie.

use super::{
    detection::{Continuation, Detection, Detector, OpenSecret, Progress, RuleSet, Secret},
    jws,
    placeholders::{is_placeholder, looks_random},
    secret_names::{NAMED, NameKind},
};
use crate::redact::{
    rule::{Rule, token_length},
    text::{base64, escapes, quotes, region::Region},
};

static BEARER: Rule = Rule {
    id: "bearer",
    replaces: "the credential after `Bearer`",
    is_of_objects: false,
    matches: &["Authorization: Bearer «{word*32}»", "-H 'bearer «{word*32}»' x"],
    keeps: &[
        r#"WWW-Authenticate: Bearer realm="https://registry.example/token",service="registry""#,
        "Bearer is required",
    ],
};

pub(super) static BASIC: Rule = Rule {
    id: "basic-auth",
    replaces: "the credential after `Basic`, `Digest` or another scheme of an Authorization header",
    is_of_objects: false,
    matches: &[
        "Authorization: Basic «Ym9iOmhhbGlidXQ=»",
        r#"Authorization: Digest «username="bob", response="{hex*32}"»"#,
    ],
    keeps: &["Basic authentication is disabled"],
};

static COOKIE: Rule = Rule {
    id: "cookie",
    replaces: "the value of a Cookie or Set-Cookie header",
    is_of_objects: false,
    matches: &["Cookie: «session={word*32}; a=b»", "set-cookie: «session={word*32}; Path=/»"],
    keeps: &["Cookie: none", "cookies were enabled"],
};

/// `named_values` finds headers by their name, and calls [`authorization`] and [`cookie`].
pub(super) const RULES: RuleSet = RuleSet {
    rules: || vec![&BEARER, &BASIC, &COOKIE],
    detectors: &[Detector::new(&["bearer"], bearer), Detector::new(&["basic"], basic)],
};

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

/// A longer first word is no scheme.
const LONGEST_SCHEME: usize = 32;

/// `Bearer` at `at`, in any casing, and the credential behind it.
fn bearer(region: &Region<'_>, at: usize, _: &mut Progress) -> Detection {
    let Some(start) = credential_start(region, at, b"bearer".len()) else { return Detection::Nothing };
    let end = region.run(start, is_credential);
    if region.cut_at(end) {
        return Detection::Open(OpenSecret {
            from: at,
            start,
            rule: &BEARER,
            continuation: Continuation::While(is_credential),
        });
    }
    let credential = &region.text[start..end];
    // `Bearer realm="…"` is a challenge.
    let is_challenge =
        credential.strip_suffix(b"=").is_some_and(is_word) && matches!(region.byte(end), Some(b'"' | b'\\'));
    if is_challenge || !looks_random(credential) || is_harmless(credential) || jws::is_compact(region.rest(start)) {
        return Detection::Nothing;
    }
    Detection::Secret(Secret { from: at, start, end, rule: &BEARER, plain: None })
}

/// `Basic` at `at`, in any casing, and the credential behind it.
fn basic(region: &Region<'_>, at: usize, _: &mut Progress) -> Detection {
    let Some(start) = credential_start(region, at, b"basic".len()) else { return Detection::Nothing };
    let end = region.run(start, base64::is_any);
    if region.cut_at(end) {
        return Detection::Open(OpenSecret {
            from: at,
            start,
            rule: &BASIC,
            continuation: Continuation::While(base64::is_any),
        });
    }
    if token_length(region.rest(end)).is_some() || !is_user_and_password(&region.text[start..end]) {
        return Detection::Nothing;
    }
    Detection::Secret(Secret { from: at, start, end, rule: &BASIC, plain: None })
}

fn credential_start(region: &Region<'_>, at: usize, scheme: usize) -> Option<usize> {
    let end = at + scheme;
    let start = if region.rest(end).starts_with(b"%20") { end + 3 } else { region.skip_spaces(end) };
    (start > end && region.begins_word(at)).then_some(start)
}

fn is_credential(byte: u8) -> bool {
    base64::is_any(byte) || matches!(byte, b'.' | b'~')
}

fn is_harmless(credential: &[u8]) -> bool {
    is_placeholder(credential) || jws::is_compact(credential)
}

/// Whether `credential` is base64 of `user:password`.
pub(crate) fn is_user_and_password(credential: &[u8]) -> bool {
    let plain = base64::decode(credential);
    plain.len() > 2
        && plain.contains(&b':')
        && std::str::from_utf8(&plain).is_ok_and(|text| !text.contains(char::is_control))
}

/// The end of a header's value without quotes that begins at `start`: the line's,
/// or that of the string around the header. Parameters have quotes of their own.
pub(super) fn end(region: &Region<'_>, kind: NameKind, start: usize) -> usize {
    let mut at = start;
    // How often quotes of parameters are escaped; those around the header are so less often.
    let mut known = None;
    loop {
        let mark = region.run(at, |byte| !byte.is_ascii_control() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\'));
        let sign = region.run(mark, |byte| byte == b'\\');
        let escapes = sign - mark;
        at = match region.byte(sign) {
            Some(b'"') if names_parameter(kind, &region.text[start..mark]) => {
                match parameter_end(region, sign + 1, escapes, known == Some(escapes)) {
                    Some(end) => end,
                    None => return mark,
                }
            }
            Some(b'"') => return mark,
            // A line that ends within the string.
            Some(b'n' | b'r') if escapes > 0 => return mark,
            _ if escapes > 0 => sign,
            _ => return mark,
        };
        known = known.or((at > sign).then_some(escapes));
    }
}

/// Whether `head`, the beginning of a header's value, ends with a parameter's name
/// and an equals sign, which padding of base64 can look like.
fn names_parameter(kind: NameKind, head: &[u8]) -> bool {
    let Some(head) = head.strip_suffix(b"=") else { return false };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let length = head.iter().rev().take_while(|byte| is_name(byte)).count();
    let (before, name) = head.split_at(head.len() - length);
    if name.is_empty() || !matches!(before.last(), None | Some(b' ' | b'\t' | b',' | b';')) {
        return false;
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    match before.iter().take(LONGEST_SCHEME).position(is_space) {
        _ if kind == NameKind::Cookie => true,
        None => false,
        // What stands first behind a scheme with one credential most often is that credential.
        Some(word) if before[word..].iter().all(is_space) && !is_in(LISTS, &before[..word]) => is_word(name),
        Some(_) => true,
    }
}

/// Whether people made up `name`: in base64 cases are mixed.
fn is_word(name: &[u8]) -> bool {
    !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-'))
        && !looks_random(name)
}

/// The end of a parameter whose value begins at `start`, behind a quote that is
/// escaped `escapes` times. None where that quote ends what is around the header,
/// which it cannot if it is `known` to be a parameter's.
fn parameter_end(region: &Region<'_>, start: usize, escapes: usize, known: bool) -> Option<usize> {
    let is_line = |end: &usize| !region.text[start..*end].iter().any(u8::is_ascii_control);
    let close = quotes::quoted_end(region, start, b'"', escapes).filter(is_line);
    let (end, behind) = match close {
        Some(close) if quotes::is_quote(region, close, b'"', escapes) => {
            let behind = close + escapes + 1;
            if !known && !ends_parameter(region, behind, escapes) {
                return None;
            }
            (close, behind)
        }
        // Cut off, with its line or with the string that it is in.
        enclosing => {
            let end = region.run(start, |byte| !byte.is_ascii_control() && !matches!(byte, b'\'' | b'`'));
            let end = enclosing.map_or(end, |enclosing| enclosing.min(end));
            (end, end)
        }
    };
    let value = &region.text[start..end];
    // What stands between strings, or ends a list of them.
    let is_between = !value.is_empty() && value.iter().all(|byte| b",:;[]{}() \t".contains(byte));
    (known || !is_between || region.cut_at(end)).then_some(behind)
}

/// Whether a parameter may end at `at`, behind its closing quote.
fn ends_parameter(region: &Region<'_>, at: usize, escapes: usize) -> bool {
    let sign = region.run(at, |byte| byte == b'\\');
    match region.byte(sign) {
        None => true,
        Some(b'"') => sign - at < escapes,
        Some(b'n' | b'r' | b't') => sign > at,
        Some(byte) => sign == at && !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-' | b'/' | b'@' | b'$'),
    }
}

fn is_in(schemes: &[&[u8]], word: &[u8]) -> bool {
    schemes.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// The value of an Authorization header, from `start` to `end`.
pub(super) fn authorization(region: &Region<'_>, from: usize, start: usize, end: usize) -> Detection {
    let header = &region.text[start..end];
    let word = header.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(header.len());
    let scheme = &header[..word];
    let first = region.skip_spaces(start + word);
    let rule = if is_in(&[b"bearer"], scheme) { &BEARER } else { &BASIC };
    let (start, end, rule) = if is_in(LISTS, scheme) && first < end {
        (first, end, rule)
    } else if is_in(SCHEMES, scheme) && first < end {
        let length =
            region.text[first..end].iter().position(|byte| matches!(byte, b' ' | b'\t' | b',' | b']' | b'}' | b')'));
        (first, length.map_or(end, |length| first + length), rule)
    } else if word >= 16 && looks_random(&header[..word]) {
        (start, start + word, &NAMED)
    } else {
        return Detection::Nothing;
    };
    let credential = &region.text[start..end];
    if is_harmless(credential) || token_length(credential).is_some() || is_challenge(credential) {
        return Detection::Nothing;
    }
    Detection::Secret(Secret { from, start, end, rule, plain: plain(credential) })
}

/// A credential that stands in a string, as it was before its quotes were escaped.
fn plain(credential: &[u8]) -> Option<Vec<u8>> {
    let quote = memchr::memchr(b'"', credential)?;
    let escapes = escapes::backslashes_before(credential, quote, 0);
    escapes::unescape(credential, (escapes + 1).ilog2() as usize)
}

/// Whether a credential is the parameters of a challenge.
fn is_challenge(credential: &[u8]) -> bool {
    credential.starts_with(b"realm=")
}

/// The value of a Cookie or Set-Cookie header, from `start` to `end`.
pub(super) fn cookie(region: &Region<'_>, from: usize, start: usize, end: usize) -> Detection {
    let header = &region.text[start..end];
    let name = header.iter().position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-' | b'.'));
    let is_pair = name.is_some_and(|name| name > 0 && header[name] == b'=');
    if !is_pair || is_placeholder(header) {
        return Detection::Nothing;
    }
    Detection::Secret(Secret { from, start, end, rule: &COOKIE, plain: plain(header) })
}
