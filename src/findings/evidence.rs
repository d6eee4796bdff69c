//! Owns what a matcher gives: matched with its evidence, not matched, or unknown; and how these combine.

use crate::bundle::findings::Shown;
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// Most pieces of evidence of a finding.
pub(super) const MOST_SHOWN: usize = 6;
/// Most pieces of evidence of one matcher, so that those of other matchers have room.
pub(super) const MOST_OF_ONE: usize = 3;
/// Most pods that a finding names.
const MOST_PODS: usize = 200;
/// Most characters of a quote.
const LONGEST: usize = 600;
/// Most reasons that are given for an unknown result.
const MOST_REASONS: usize = 3;

/// What a matcher or a rule gives.
#[derive(Debug)]
pub(super) enum MatchResult {
    /// The evidence matches.
    Match(Box<Evidence>),
    /// All evidence that could match was collected, and none of it does.
    NoMatch,
    /// Evidence that could match is missing; the text says why.
    Unknown(String),
}

/// What shows that something matches.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// Quotes, the most telling first.
    pub(super) shown: Vec<Shown>,
    /// The first time that the evidence shows it.
    pub(super) since: Option<DateTime<Utc>>,
    /// The last time that the evidence shows it.
    pub(super) until: Option<DateTime<Utc>>,
    /// The affected pods, as `cluster/namespace/pod`.
    pub(super) pods: BTreeSet<String>,
    /// The affected container: its pod, as `cluster/namespace/pod`, and its name.
    pub(super) container: Option<(String, String)>,
}

impl Evidence {
    /// Adds evidence of the same finding.
    pub(super) fn join(&mut self, other: Self) {
        self.shown.extend(other.shown);
        self.shown.truncate(MOST_SHOWN);
        self.since = self.since.into_iter().chain(other.since).min();
        self.until = self.until.into_iter().chain(other.until).max();
        self.pods.extend(other.pods);
        while self.pods.len() > MOST_PODS {
            self.pods.pop_last();
        }
        if self.container.is_none() {
            self.container = other.container;
        }
    }

    /// Joins all evidence of one matcher; `None` if there is none.
    pub(super) fn joined(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut all = all.into_iter();
        let mut first = all.next()?;
        all.for_each(|other| first.join(other));
        first.shown.truncate(MOST_OF_ONE);
        Some(first)
    }
}

impl MatchResult {
    pub(super) fn matched(evidence: Evidence) -> Self {
        Self::Match(Box::new(evidence))
    }

    /// A match if there is any evidence. Otherwise no match, unless `missing` says why evidence may be missing.
    pub(super) fn from_evidence(
        evidence: impl IntoIterator<Item = Evidence>,
        missing: impl FnOnce() -> Option<String>,
    ) -> Self {
        match Evidence::joined(evidence) {
            Some(evidence) => Self::matched(evidence),
            None => Self::unless_missing(missing()),
        }
    }

    /// No match, or unknown for this reason.
    pub(super) fn unless_missing(why: Option<String>) -> Self {
        why.map_or(Self::NoMatch, Self::Unknown)
    }

    /// A match if one of the results is a match, or if there are none.
    pub(super) fn any_of(results: impl IntoIterator<Item = Self>) -> Self {
        let (mut found, mut whys, mut count) = (None::<Evidence>, Vec::new(), 0_usize);
        for result in results {
            count += 1;
            match (result, &mut found) {
                (Self::Match(evidence), Some(found)) => found.join(*evidence),
                (Self::Match(evidence), None) => found = Some(*evidence),
                (Self::Unknown(why), _) => whys.push(why),
                (Self::NoMatch, _) => {}
            }
        }
        match (found, whys.is_empty()) {
            (Some(found), _) => Self::matched(found),
            (None, false) => Self::Unknown(reasons(whys)),
            (None, true) if count == 0 => Self::matched(Evidence::default()),
            (None, true) => Self::NoMatch,
        }
    }

    /// A match if all results are matches. One that is not decides, whatever is unknown of the others.
    pub(super) fn all_of(results: impl IntoIterator<Item = Self>) -> Self {
        let (mut found, mut whys) = (Evidence::default(), Vec::new());
        for result in results {
            match result {
                Self::Match(evidence) => found.join(*evidence),
                Self::Unknown(why) => whys.push(why),
                Self::NoMatch => return Self::NoMatch,
            }
        }
        if whys.is_empty() { Self::matched(found) } else { Self::Unknown(reasons(whys)) }
    }
}

/// The first reasons, each once, and the number of the others.
fn reasons(whys: Vec<String>) -> String {
    let mut seen = BTreeSet::new();
    let mut whys: Vec<String> = whys.into_iter().filter(|why| seen.insert(why.clone())).collect();
    let more = whys.len().saturating_sub(MOST_REASONS);
    whys.truncate(MOST_REASONS);
    if more > 0 {
        whys.push(format!("and {more} more reasons"));
    }
    whys.join("; ")
}

/// A piece of evidence in a file, without one if `entry` is empty: a text, its time, and how many such texts there are.
pub(super) fn shown(text: &str, entry: &str, at: Option<DateTime<Utc>>, times: u64) -> Shown {
    let entry = Some(entry.to_owned()).filter(|entry| !entry.is_empty());
    Shown { quote: quote(text), entry, at, times, ..Shown::default() }
}

/// The name of a pod in a finding: `cluster/namespace/pod`.
pub(super) fn pod_name(cluster: &str, namespace: &str, pod: &str) -> String {
    format!("{cluster}/{namespace}/{pod}")
}

/// A text as a quote: one line, shortened if it is long.
pub(super) fn quote(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
