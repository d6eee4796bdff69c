//! Owns private keys in base64 of DER, without the lines of PEM around them.

use super::{
    der,
    detection::{Continuation, Detection, Detector, OpenSecret, Progress, RuleSet, Secret},
    key_text::{PRIVATE_KEY, body_end, decoded, is_body, skip_breaks, stripped},
    multiline_key::KeyLines,
};
use crate::redact::text::{base64, region::Region};

/// The keywords are the version of a key, which is 3, 4 or 6 digits behind its start, and the id of an encryption
/// scheme.
pub(super) const RULES: RuleSet = RuleSet {
    rules: Vec::new,
    detectors: &[
        Detector::new(&["caqa", "caqe"], version::<3>),
        Detector::new(&["agea", "ageb"], version::<4>),
        Detector::new(&["ibada", "ibata", "ibaak"], version::<6>),
        Detector::new(&["hkig9w0bb", "sib3dqef", "kozihvcnaqu"], encryption),
    ],
};

/// The key whose version is at `at`, `BEHIND` digits behind its start.
fn version<const BEHIND: usize>(region: &Region<'_>, at: usize, _: &mut Progress) -> Detection {
    match at.checked_sub(BEHIND).filter(|start| *start >= region.start) {
        Some(start) => der_at(region, start),
        None => Detection::Nothing,
    }
}

/// The encrypted key that has the id of its encryption scheme at `at`.
fn encryption(region: &Region<'_>, at: usize, _: &mut Progress) -> Detection {
    let lowest = at.saturating_sub(40).max(region.start);
    let head = &region.text[lowest..at];
    let run = head.iter().rev().take_while(|byte| base64::is_standard(**byte)).count();
    let starts = (at - run..at).filter(|start| region.text[*start..].starts_with(b"MI"));
    for start in starts {
        let found = der_at(region, start);
        if !matches!(found, Detection::Nothing) {
            return found;
        }
    }
    Detection::Nothing
}

fn der_at(region: &Region<'_>, start: usize) -> Detection {
    let first = base64::decode(&region.rest(start)[..region.rest(start).len().min(der::ENOUGH / 3 * 4)]);
    let Some(length) = der::private_key(&first) else { return Detection::Nothing };
    let end = body_end(region, start, false);
    if region.cut_at(end) {
        return Detection::Open(OpenSecret {
            from: start,
            start,
            rule: &PRIVATE_KEY,
            continuation: Continuation::While(is_body),
        });
    }
    let text = &region.text[start..end];
    let plain = decoded(&stripped(text));
    let cut = plain.as_ref().is_none_or(|plain| plain.len() < length);
    let secret = Secret { from: start, start, end, rule: &PRIVATE_KEY, plain };
    if cut && region.to_tail && skip_breaks(region, end) >= region.end {
        return Detection::Continues(secret, KeyLines::starting_with(region, start, text));
    }
    Detection::Secret(secret)
}
