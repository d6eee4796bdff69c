//! Owns private keys in base64 of PEM, as Secrets and Helm values have them.

use super::{
    detection::{Continuation, Detection, Detector, OpenSecret, Progress, RuleSet, Secret},
    key_text::{LABEL_IN_BASE64, PRIVATE_KEY, body_end, is_body, skip_breaks, stripped, unwrapped},
    multiline_key::KeyLines,
};
use crate::redact::text::{base64, region::Region};

/// The keywords are `PRIVATE KEY` as it looks in base64.
pub(super) const RULES: RuleSet = RuleSet { rules: Vec::new, detectors: &[Detector::computed(keywords, detect)] };

fn keywords() -> Vec<String> {
    LABEL_IN_BASE64.iter().map(|digits| String::from_utf8_lossy(digits).to_lowercase()).collect()
}

/// The base64 that has `PRIVATE KEY` in it at `at`.
fn detect(region: &Region<'_>, at: usize, progress: &mut Progress) -> Detection {
    if !LABEL_IN_BASE64.iter().any(|digits| region.rest(at).starts_with(digits)) {
        return Detection::Nothing;
    }
    let lowest = region.start.max(progress.done);
    let run = region.text[lowest..at].iter().rev().take_while(|byte| base64::is_standard(**byte)).count();
    let mut start = at - run;
    if region.before(start) == Some(b'\\') && start < at {
        start += 1;
    }
    let end = body_end(region, at, false);
    if region.cut_at(end) {
        return Detection::Open(OpenSecret {
            from: start,
            start,
            rule: &PRIVATE_KEY,
            continuation: Continuation::While(is_body),
        });
    }
    let text = &region.text[start..end];
    let armour = base64::decode(&stripped(text));
    let closed = memchr::memmem::rfind(&armour, b"-----END").is_some();
    let secret = Secret { from: start, start, end, rule: &PRIVATE_KEY, plain: unwrapped(&armour) };
    if !closed && region.to_tail && skip_breaks(region, end) >= region.end {
        return Detection::Continues(secret, KeyLines::starting_with(region, start, text));
    }
    Detection::Secret(secret)
}
