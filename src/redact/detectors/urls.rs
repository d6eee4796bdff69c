//! Owns secrets in URLs: passwords before the host, and signatures in the query.

use super::{
    detection::{Continuation, Detection, Detector, OpenSecret, Progress, RuleSet, Secret},
    placeholders::is_placeholder,
};
use crate::redact::{
    rule::{Rule, token_length},
    text::{escapes, region::Region, value_end},
};

static URL_PASSWORD: Rule = Rule {
    id: "url-password",
    replaces: "the password in scheme://user:password@host",
    is_of_objects: false,
    matches: &[
        "postgres://bob:«{word*16}»@db:5432/x?sslmode=disable",
        "redis://:«{word*16}»@cache",
        "dsn=bob:«{word*16}»@tcp(db:3306)/x",
    ],
    keeps: &["http://host:8080/a@b", "https://bob@host/", "postgres://bob:xxxxx@db"],
};

static URL_SIGNATURE: Rule = Rule {
    id: "url-signature",
    replaces: "the signature of a presigned URL (Azure SAS, AWS, Google)",
    is_of_objects: false,
    matches: &[
        "https://a.blob.core.windows.net/c?sv=2024&sig=«{word*43}%3D»&se=x",
        "https://b.s3.amazonaws.com/k?X-Amz-Date=x&X-Amz-Signature=«{hex*64}»",
    ],
    keeps: &["https://a.example/c?sig=none&x=1"],
};

/// [`password`] has no keyword here: it looks around each `@`, which the keyword search finds by itself.
pub(super) const RULES: RuleSet = RuleSet {
    rules: || vec![&URL_PASSWORD, &URL_SIGNATURE],
    detectors: &[Detector::new(&["sig=", "signature="], signature)],
};

/// How far before an `@` its scheme may stand, in bytes.
const LONGEST: usize = 1024;

/// The password that ends at the `@` at `at`.
pub(crate) fn password(region: &Region<'_>, at: usize, _: &mut Progress) -> Detection {
    let lowest = at.saturating_sub(LONGEST).max(region.start);
    let head = &region.text[lowest..at];
    let begin = head.iter().rposition(|byte| ends_url(*byte) || *byte == b'@').map_or(0, |end| end + 1);
    let (user, is_dsn) = match find_scheme(&head[begin..]) {
        Some(user) => (begin + user, false),
        // Go's MySQL driver: user:password@tcp(host:port)/database
        None if [&b"tcp("[..], b"unix("].iter().any(|net| region.rest(at + 1).starts_with(net)) => (begin, true),
        None => return Detection::Nothing,
    };
    let Some(colon) = colon(&head[user..]).map(|colon| user + colon) else {
        return Detection::Nothing;
    };
    let mut start = lowest + colon + 1;
    if is_dsn && let Some(name) = memchr::memrchr(b'=', &head[begin..colon]) {
        // dsn=user:password@tcp(…)
        start = start.max(lowest + begin + name + 1);
    }
    if head[user..colon].contains(&b'/') {
        return Detection::Nothing;
    }
    // A password may hold an @ itself; the last one before the host counts.
    let limit = region.end.min(at + LONGEST);
    let authority = &region.text[at..limit];
    let length = authority
        .iter()
        .position(|byte| ends_url(*byte) || matches!(byte, b'/' | b'?' | b'#' | b',' | b'\\' | b'(' | b'<'));
    if length.is_none() && limit == region.end && !region.to_tail {
        return Detection::Open(OpenSecret {
            from: lowest + begin,
            start,
            rule: &URL_PASSWORD,
            continuation: Continuation::While(|byte| !ends_url(byte)),
        });
    }
    let authority = &authority[..length.unwrap_or(authority.len())];
    let end = at + memchr::memrchr(b'@', authority).unwrap_or(0);
    let secret = &region.text[start..end];
    let is_port =
        secret.iter().position(|byte| !byte.is_ascii_digit()).is_some_and(|end| end > 0 && secret[end] == b'/');
    if secret.is_empty() || is_port || is_placeholder(secret) {
        return Detection::Nothing;
    }
    let plain = secret.contains(&b'%').then(|| escapes::percent_decode(secret));
    Detection::Secret(Secret { from: lowest + begin, start, end, rule: &URL_PASSWORD, plain })
}

/// The first colon in `text` that is not a token's own.
fn colon(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b':', b'<', &text[at..])?;
        match token_length(&text[at..]) {
            Some(token) => at += token,
            None if text[at] == b':' => return Some(at),
            None => at += 1,
        }
    }
}

/// Where in `head` the part after the last `scheme://` begins.
fn find_scheme(head: &[u8]) -> Option<usize> {
    let (at, length) = [&b"://"[..], b":\\/\\/"]
        .into_iter()
        .filter_map(|mark| memchr::memmem::rfind(head, mark).map(|at| (at, mark.len())))
        .max()?;
    let scheme = at.checked_sub(1).map(|last| head[last])?;
    scheme.is_ascii_alphanumeric().then_some(at + length)
}

fn ends_url(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'\'' | b'`')
}

/// The signature of a presigned URL, `sig=` or `…signature=` at `at`.
fn signature(region: &Region<'_>, at: usize, _: &mut Progress) -> Detection {
    let head = region.head(at);
    let begins = matches!(head.last(), Some(b'?' | b'&' | b';'))
        || head.ends_with(b"\\u0026")
        || [&b"x-amz-"[..], b"x-goog-"]
            .iter()
            .any(|prefix| head.len() >= prefix.len() && head[head.len() - prefix.len()..].eq_ignore_ascii_case(prefix));
    let Some(sign) = memchr::memchr(b'=', &region.rest(at)[..region.rest(at).len().min(16)]) else {
        return Detection::Nothing;
    };
    if !begins {
        return Detection::Nothing;
    }
    let start = at + sign + 1;
    if token_length(region.rest(start)).is_some() {
        return Detection::Nothing;
    }
    let end = region.run(start, value_end::is_query);
    if region.cut_at(end) {
        return Detection::Open(OpenSecret {
            from: at,
            start,
            rule: &URL_SIGNATURE,
            continuation: Continuation::While(value_end::is_query),
        });
    }
    let secret = &region.text[start..end];
    if secret.len() < 8 || is_placeholder(secret) {
        return Detection::Nothing;
    }
    let plain = secret.contains(&b'%').then(|| escapes::percent_decode(secret));
    Detection::Secret(Secret { from: at, start, end, rule: &URL_SIGNATURE, plain })
}
