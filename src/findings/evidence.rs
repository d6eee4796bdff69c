//! What a matcher says: three answers, and how they join.

use crate::bundle::findings::Shown;
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// So many pieces of evidence a finding has at most.
pub(super) const MOST_SHOWN: usize = 6;
/// So many of them a matcher gives at most, so that another's have room.
pub(super) const MOST_OF_ONE: usize = 3;
/// So many pods a finding names at most.
const MOST_PODS: usize = 200;
/// So many characters a quote has at most.
const LONGEST: usize = 600;
/// So many reasons for not knowing are told at most.
const MOST_REASONS: usize = 3;

/// What a matcher, or a rule, says.
#[derive(Debug)]
pub(super) enum Seen {
    /// It is so.
    Yes(Box<Evidence>),
    /// It is not so, and all that could show it was there.
    No,
    /// What could show it is not there, or not all of it: why.
    Unknown(String),
}

/// What shows something.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// Word for word, the most telling first.
    pub(super) shown: Vec<Shown>,
    /// The first time that it shows.
    pub(super) since: Option<DateTime<Utc>>,
    /// The last time.
    pub(super) until: Option<DateTime<Utc>>,
    /// `cluster/namespace/pod` of those that it is about.
    pub(super) pods: BTreeSet<String>,
    /// The container that it is about, after its pod as above.
    pub(super) container: Option<(String, String)>,
}

impl Evidence {
    /// Adds what shows the same.
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

    /// All of these as one; none where there are none.
    pub(super) fn of(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut all = all.into_iter();
        let mut first = all.next()?;
        all.for_each(|other| first.join(other));
        first.shown.truncate(MOST_OF_ONE);
        Some(first)
    }
}

impl Seen {
    pub(super) fn yes(evidence: Evidence) -> Self {
        Self::Yes(Box::new(evidence))
    }

    /// So where anything shows it; else not, unless something lacks that could.
    pub(super) fn of(evidence: impl IntoIterator<Item = Evidence>, lack: impl FnOnce() -> Option<String>) -> Self {
        Evidence::of(evidence).map_or_else(|| lack().map_or(Self::No, Self::Unknown), Self::yes)
    }

    /// Whether one of them is so. Without any, it is.
    pub(super) fn any(seen: impl IntoIterator<Item = Self>) -> Self {
        let (mut found, mut whys, mut count) = (None::<Evidence>, Vec::new(), 0_usize);
        for one in seen {
            count += 1;
            match (one, &mut found) {
                (Self::Yes(evidence), Some(found)) => found.join(*evidence),
                (Self::Yes(evidence), None) => found = Some(*evidence),
                (Self::Unknown(why), _) => whys.push(why),
                (Self::No, _) => {}
            }
        }
        match (found, whys.is_empty()) {
            (Some(found), _) => Self::yes(found),
            (None, false) => Self::Unknown(reasons(whys)),
            (None, true) if count == 0 => Self::yes(Evidence::default()),
            (None, true) => Self::No,
        }
    }

    /// Whether all of them are so. One that is not settles it, whatever is not known of the others.
    pub(super) fn all(seen: impl IntoIterator<Item = Self>) -> Self {
        let (mut found, mut whys) = (Evidence::default(), Vec::new());
        for one in seen {
            match one {
                Self::Yes(evidence) => found.join(*evidence),
                Self::Unknown(why) => whys.push(why),
                Self::No => return Self::No,
            }
        }
        if whys.is_empty() { Self::yes(found) } else { Self::Unknown(reasons(whys)) }
    }
}

/// Reasons as one text, each once.
fn reasons(whys: Vec<String>) -> String {
    let mut seen = BTreeSet::new();
    let mut whys: Vec<String> = whys.into_iter().filter(|why| seen.insert(why.clone())).collect();
    let more = whys.len().saturating_sub(MOST_REASONS);
    whys.truncate(MOST_REASONS);
    if more > 0 {
        whys.push(format!("{more} reasons more"));
    }
    whys.join("; ")
}

/// A text as a quote: one line, cut where it is long.
pub(super) fn quote(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
