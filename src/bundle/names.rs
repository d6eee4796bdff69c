//! Owns what a single name in a path may look like: how it is made safe and short, and the name of the bundle itself.

use crate::text::hex;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::fmt;

/// Longest path in the zip, the bundle's folder included, in characters (all of them ASCII).
pub const MAX_PATH: usize = 180;

/// Separates a hash from its name. No unchanged name contains one, so a changed name never equals an unchanged one.
const MARK: char = '~';

/// Hex digits of the hash: with a million changed names, the probability that two are equal is one in two. A bundle has
/// a few thousand names, and the writer refuses two entries of one path.
const HASH: usize = 10;

/// File names that mean a device on Windows, whatever follows the first dot.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why `part` is not safe as one segment of a path on every file system, if it is not. Upper-case
/// letters pass; [`segment`] is stricter.
pub(super) fn unsafe_because(part: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._+=@,~".contains(c);
    if part.is_empty() {
        Some("a segment of it is empty")
    } else if !part.chars().all(plain) {
        Some("it has characters that not every file system accepts")
    } else if part.starts_with(['.', '-', '~']) {
        Some("a segment of it starts with a dot, a dash or a tilde")
    } else if part.ends_with('.') {
        Some("a segment of it ends with a dot, which Windows drops")
    } else if part.contains("..") {
        Some("a segment of it has two dots in a row")
    } else if reserved(part) {
        Some("a segment of it names a device on Windows")
    } else {
        None
    }
}

fn reserved(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).to_ascii_lowercase();
    let port =
        |kind: &str| stem.strip_prefix(kind).is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()));
    RESERVED.contains(&stem.as_str()) || port("com") || port("lpt")
}

/// `name` as a segment: itself when that is safe everywhere, else changed and marked with a hash of
/// the whole name. The same name always gives the same segment, and two names never the same, not
/// even where upper and lower case are one.
pub(super) fn segment(name: &str) -> String {
    let loud = name.contains(MARK) || name.bytes().any(|b| b.is_ascii_uppercase());
    if !loud && unsafe_because(name).is_none() {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len() + 1 + HASH);
    for c in name.chars() {
        let keep = c.is_ascii_alphanumeric() || "-_+=@,".contains(c);
        let dot = c == '.' && !out.is_empty() && !out.ends_with('.');
        out.push(if keep || dot { c } else { '_' });
    }
    while out.ends_with(['.', '_', '-']) {
        out.pop();
    }
    let body = out.trim_start_matches(['-', '_', '.']);
    // A device's name stays one with something after its first dot, and the mark comes before any
    // ending of ours but not before a dot of the name's own.
    let body = if reserved(body) { body.replace('.', "_") } else { body.to_owned() };
    let body = if body.is_empty() { "_" } else { body.as_str() };
    format!("{body}{MARK}{}", digest(name))
}

/// The first hex digits of the SHA-256 of `text`.
fn digest(text: &str) -> String {
    let mut out = hex(&Sha256::digest(text.as_bytes()));
    out.truncate(HASH);
    out
}

/// Endings that say what a file is, and that are kept when its name is shortened.
const ENDINGS: [&str; 8] =
    [".previous.log", ".describe.txt", ".openmetrics", ".prom", ".yaml", ".json", ".log", ".txt"];

/// How many characters a shortened name keeps of its end, which distinguishes two pods of one deployment.
const TAIL: usize = 6;
/// Hex digits of a shortened name's hash. Fewer than elsewhere, because here every character counts
/// and its neighbours are few.
const SHORT_HASH: usize = 8;

/// How long names may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cap {
    /// The cluster's. It is shortened first, because a bundle has few clusters and their names are often long.
    pub(super) cluster: usize,
    pub(super) other: usize,
}

/// What is tried, step by step, until the path fits. The same steps are tried when a path is looked
/// up again, so they are part of the format.
pub(super) const CAPS: [Cap; 12] = [
    Cap { cluster: 40, other: 96 },
    Cap { cluster: 24, other: 64 },
    Cap { cluster: 20, other: 56 },
    Cap { cluster: 20, other: 48 },
    Cap { cluster: 20, other: 40 },
    Cap { cluster: 16, other: 36 },
    Cap { cluster: 16, other: 32 },
    Cap { cluster: 16, other: 28 },
    Cap { cluster: 12, other: 24 },
    Cap { cluster: 12, other: 20 },
    Cap { cluster: 12, other: 16 },
    Cap { cluster: 10, other: 10 },
];

/// `part` with at most `cap` characters before its ending: its start, a hash of the whole, and,
/// when there is room for that, its end.
pub(super) fn shorten(part: &str, cap: usize) -> String {
    let ending = ending(part);
    let stem = &part[..part.len() - ending.len()];
    if stem.len() <= cap {
        return part.to_owned();
    }
    let tail = if cap >= 20 { TAIL } else { 0 };
    let head = stem[..cap - 1 - SHORT_HASH - tail].trim_end_matches('.');
    let tail = stem[stem.len() - tail..].trim_end_matches('.');
    let hash = &digest(stem)[..SHORT_HASH];
    format!("{head}{MARK}{hash}{tail}{ending}")
}

fn ending(part: &str) -> &str {
    // A scrape's number belongs to its ending: `pod.0.prom`.
    if let Some(rest) = part.strip_suffix(".prom")
        && let Some((stem, n)) = rest.rsplit_once('.')
        && !stem.is_empty()
        && n.len() <= 3
        && n.bytes().all(|b| b.is_ascii_digit())
    {
        return &part[stem.len()..];
    }
    let known = ENDINGS.iter().find(|e| part.len() > e.len() && part.ends_with(**e));
    known.map_or("", |e| &part[part.len() - e.len()..])
}

/// A path that no step of [`CAPS`] makes short enough: only its hash.
pub(super) fn by_hash(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or(path);
    let hash = hex(&Sha256::digest(path.as_bytes()));
    format!("long/{}{}", &hash[..32], ending(last))
}

/// One part of the bundle's name, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePart {
    /// Known, and the same wherever it was looked for.
    Known(String),
    /// More than one, all of them right.
    Several,
    /// Not known; of the trust domain's part, with the namespace to name the bundle by, when the
    /// run has but one.
    Unknown(Option<String>),
}

impl NamePart {
    /// From everything that is known: nothing, one value, or more.
    #[must_use]
    pub fn of<'a>(values: impl IntoIterator<Item = &'a str>, namespace: Option<&str>) -> Self {
        let mut all: Vec<&str> = values.into_iter().filter(|v| !v.is_empty()).collect();
        all.sort_unstable();
        all.dedup();
        match all.as_slice() {
            [] => Self::Unknown(namespace.map(str::to_owned)),
            [one] => Self::Known((*one).to_owned()),
            _ => Self::Several,
        }
    }
}

/// The name of a bundle: of its file, without `.zip`, and of the one folder in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleName(String);

impl BundleName {
    /// Longest trust domain (or namespace) in a name, in characters.
    pub const TRUST_DOMAIN: usize = 40;
    /// Longest region in a name, in characters.
    pub const REGION: usize = 20;
    /// Longest name, in characters: `escalation-`, both parts, their dashes and the time.
    pub const MAX: usize = 11 + Self::TRUST_DOMAIN + 1 + Self::REGION + 1 + 16;

    /// `escalation-<trust-domain>-<region>-<started>`.
    #[must_use]
    pub fn new(trust_domain: &NamePart, region: &NamePart, started: DateTime<Utc>) -> Self {
        let domain = match trust_domain {
            NamePart::Known(name) => part(name, Self::TRUST_DOMAIN),
            NamePart::Several => "multi".to_owned(),
            NamePart::Unknown(Some(namespace)) => part(namespace, Self::TRUST_DOMAIN),
            NamePart::Unknown(None) => "unknown".to_owned(),
        };
        let region = match region {
            NamePart::Known(name) => part(name, Self::REGION),
            NamePart::Several => "multi".to_owned(),
            NamePart::Unknown(_) => "region-unknown".to_owned(),
        };
        Self(format!("escalation-{domain}-{region}-{}", compact(started)))
    }

    /// The name of a bundle while neither is known: `escalation-<started>`.
    #[must_use]
    pub fn provisional(started: DateTime<Utc>) -> Self {
        Self(format!("escalation-{}", compact(started)))
    }

    /// The name of a bundle with this folder name, if it can be one.
    pub(super) fn of_folder(folder: &str) -> Option<Self> {
        let can_be = folder.len() <= Self::MAX && unsafe_because(folder).is_none();
        can_be.then(|| Self(folder.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `20261122T154200Z`. A year that does not have four digits cannot occur on this clock.
pub(super) fn compact(at: DateTime<Utc>) -> String {
    let text = at.format("%Y%m%dT%H%M%SZ").to_string();
    if text.len() == 16 { text } else { "00000000T000000Z".to_owned() }
}

/// A trust domain, namespace or region as part of a name, at most `max` characters.
fn part(name: &str, max: usize) -> String {
    let safe = segment(name);
    if safe.len() <= max {
        return safe;
    }
    let head = safe[..max - 1 - HASH].trim_end_matches(['.', '-']);
    format!("{head}{MARK}{}", digest(name))
}
