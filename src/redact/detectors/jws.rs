//! Owns compact JWS and JWE. JWT-SVIDs, WIT-SVIDs and service account tokens are JWS.

use super::detection::{Continuation, Detection, Detector, OpenSecret, Progress, RuleSet, Secret};
use crate::redact::{
    rule::{Rule, token_length},
    text::{base64, region::Region},
};

static JWS: Rule = Rule {
    id: "jws-signature",
    replaces: "the signature of a JWT or another compact JWS (JWT-SVID, WIT-SVID, service account token); its header and claims stay readable",
    is_of_objects: false,
    matches: &[
        "token eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.«{base64url*86}» was rejected",
        r#"{"token":"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.«{base64url*86}»"}"#,
    ],
    keeps: &["eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0. has no signature", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0"],
};

static JWE: Rule = Rule {
    id: "jwe",
    replaces: "everything after the header of a compact JWE",
    is_of_objects: false,
    matches: &[
        "got eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.«{base64url*342}.{base64url*16}.{base64url*107}.{base64url*22}» here",
    ],
    keeps: &["the header eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0 alone"],
};

/// `eyJ` is `{"` in base64, with which every header begins.
pub(super) const RULES: RuleSet = RuleSet { rules: || vec![&JWS, &JWE], detectors: &[Detector::new(&["eyj"], detect)] };

/// At most this many bytes of a header are examined.
const HEADER: usize = 4096;

/// The secret part of the compact JWS or JWE whose header begins at `at`. Of a JWS that is the signature: without it
/// nobody can use the token, and its claims are what one needs to understand an incident. Of a JWE it is everything
/// after the header.
fn detect(region: &Region<'_>, at: usize, progress: &mut Progress) -> Detection {
    if at < progress.jws || !region.rest(at).starts_with(b"eyJ") {
        return Detection::Nothing;
    }
    let open = |start, class| {
        Detection::Open(OpenSecret { from: at, start, rule: &JWS, continuation: Continuation::While(class) })
    };
    if !is_header(region.rest(at)) {
        return Detection::Nothing;
    }
    let header = part(region, at);
    progress.jws = header;
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
        5 if encrypted => (&JWE, parts[1].0, last.1),
        3..=5 => (&JWS, parts[2].0, parts[2].1),
        _ => return Detection::Nothing,
    };
    if start == end {
        return Detection::Nothing;
    }
    Detection::Secret(Secret { from: at, start, end, rule, plain: None })
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
