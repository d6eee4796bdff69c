//! Owns the private members of JSON Web Keys.

use super::detection::{Continuation, Detection, Detector, OpenSecret, Progress, RuleSet, Secret};
use crate::redact::{
    rule::{Rule, token_length},
    text::{escapes, quotes, region::Region},
};

pub(crate) static JWK: Rule = Rule {
    id: "jwk",
    replaces: "a private member of a JSON Web Key (d, p, q, dp, dq, qi, k)",
    is_of_objects: false,
    matches: &[
        r#"{"kty":"EC","crv":"P-256","x":"{base64url*43}","d":"«{base64url*43}»"}"#,
        r#"{\"keys\":[{\"k\":\"«{base64url*43}»\",\"kty\":\"oct\"}]}"#,
    ],
    keeps: &[r#"{"kty":"EC","crv":"P-256","x":"{base64url*43}","y":"{base64url*43}","kid":"a"}"#],
};

/// Every JSON Web Key has a key type, `kty`.
pub(super) const RULES: RuleSet = RuleSet { rules: || vec![&JWK], detectors: &[Detector::new(&["\"kty"], detect)] };

/// The longest JSON Web Key, in bytes: one of 16384-bit RSA has 13 KiB.
const LONGEST_JWK: usize = 14 * 1024;

/// The private members of every key type.
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "k", "priv"];

/// Whether a member of a JSON Web Key is private.
pub(crate) fn is_private(name: &str) -> bool {
    PRIVATE.contains(&name)
}

/// The private members of the JSON Web Key whose `kty` is at `at`.
fn detect(region: &Region<'_>, at: usize, progress: &mut Progress) -> Detection {
    let name = at + 1;
    let escapes = escapes::backslashes_before(region.text, at, region.floor);
    let closing = name + 3;
    if at < progress.jwk || !quotes::is_quote(region, closing, b'"', escapes) {
        return Detection::Nothing;
    }
    let lowest = at.saturating_sub(LONGEST_JWK).max(region.start).max(progress.brace);
    let Some(open) = memchr::memrchr(b'{', &region.text[lowest..at]).map(|open| lowest + open) else {
        progress.brace = at;
        return Detection::Nothing;
    };
    let limit = region.end.min(open + LONGEST_JWK);
    let close = match memchr::memchr(b'}', &region.text[at..limit]) {
        Some(close) => at + close,
        None if limit == region.end && !region.to_tail => {
            return Detection::Open(OpenSecret {
                from: open,
                start: open,
                rule: &JWK,
                continuation: Continuation::While(|byte| byte != b'}'),
            });
        }
        None => limit,
    };
    progress.jwk = close;
    let members = Region { start: open, end: close, to_tail: true, ..*region };
    let mut secrets = Vec::new();
    let mut at = open + 1;
    while let Some((start, end)) = quotes::next_quoted(&members, at, b'"', escapes) {
        at = end + escapes + 1;
        if !PRIVATE.iter().any(|name| name.as_bytes() == &region.text[start..end]) {
            continue;
        }
        let colon = members.skip_spaces(at);
        if members.byte(colon) != Some(b':') {
            continue;
        }
        let Some((start, end)) = quotes::next_quoted(&members, colon + 1, b'"', escapes) else { break };
        let between = &region.text[colon + 1..start - 1];
        if between.iter().any(|byte| !byte.is_ascii_whitespace() && *byte != b'\\') {
            continue;
        }
        at = end + escapes + 1;
        if start >= progress.done && end > start && token_length(&region.text[start..end]).is_none() {
            secrets.push(Secret { from: open, start, end, rule: &JWK, plain: None });
        }
    }
    Detection::Secrets(secrets)
}
