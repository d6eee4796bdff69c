//! Owns the scan of one line, or of one window of a line too long to be held, for the secrets in it.

use super::{
    detectors::detection::{Detection, NextLines, OpenSecret, Progress, Secret},
    keywords::KeywordHits,
    rule::{LONGEST_TOKEN, token_length},
    text::region::Region,
};

/// How far past its keyword a detector may read without asking whether the text ends there, in bytes. What continues
/// for longer is an [`OpenSecret`].
pub(super) const BLIND: usize = 2048;

/// The secrets that one scan found, in order.
#[derive(Default)]
pub(super) struct LineSecrets {
    pub(super) secrets: Vec<Secret>,
    pub(super) open: Option<OpenSecret>,
    pub(super) next: Option<NextLines>,
}

/// Finds the secrets of `region`.
pub(super) fn scan(region: &Region<'_>, keywords: &mut KeywordHits<'_>, found: &mut LineSecrets) {
    found.secrets.clear();
    found.open = None;
    found.next = None;
    let mut progress = Progress::new(region.start);
    let mut look = region.start;
    while let Some((at, detect)) = keywords.next(look) {
        // So near to where a window ends nothing can be told; the next one tells.
        if at >= region.end || !region.to_tail && at + BLIND > region.end {
            break;
        }
        look = at + 1;
        if let Some(end) = inside_token(region, at) {
            look = end;
            continue;
        }
        match detect(region, at, &mut progress) {
            Detection::Nothing => {}
            Detection::Open(open) if open.start >= progress.done => {
                found.open = Some(open);
                break;
            }
            Detection::Open(_) => {}
            Detection::Secret(secret) => keep(&mut found.secrets, secret, &mut progress.done, &mut look),
            Detection::Secrets(secrets) => {
                for secret in secrets {
                    keep(&mut found.secrets, secret, &mut progress.done, &mut look);
                }
            }
            Detection::Next(next) => found.next = Some(next),
            Detection::Continues(secret, key) => {
                let start = secret.start;
                keep(&mut found.secrets, secret, &mut progress.done, &mut look);
                if found.secrets.last().is_some_and(|secret| secret.start == start) {
                    found.next = Some(NextLines::PrivateKey(key, Some(start)));
                }
            }
        }
    }
}

/// Adds a secret, unless it overlaps one that was found before.
fn keep(secrets: &mut Vec<Secret>, secret: Secret, done: &mut usize, look: &mut usize) {
    if secret.start >= *done && secret.end > secret.start {
        *done = secret.end;
        *look = (*look).max(secret.end);
        secrets.push(secret);
    }
}

/// Where the token ends that `at` is inside of.
fn inside_token(region: &Region<'_>, at: usize) -> Option<usize> {
    let lowest = at.saturating_sub(LONGEST_TOKEN).max(region.floor);
    let open = lowest + memchr::memrchr(b'<', &region.text[lowest..at])?;
    let end = open + token_length(region.rest(open))?;
    (end > at).then_some(end)
}
