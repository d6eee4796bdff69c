//! When it may have begun: an onset to propose where no incident was named, from the errors in the logs
//! and from restarts. Pure.

use crate::redact::Clean;
use aho_corasick::AhoCorasick;
use chrono::{DateTime, TimeDelta, Utc};
use std::{collections::BTreeMap, sync::LazyLock};

/// Levels above a warning, as JSON loggers and console loggers write them.
static ERROR: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let json = ["error", "ERROR", "fatal", "FATAL", "panic", "PANIC", "dpanic", "DPANIC"];
    let json = json.iter().flat_map(|level| ["\"level\":\"", "\"level\": \""].map(|key| format!("{key}{level}\"")));
    let console = ["\tERROR\t", " ERROR ", "\tFATAL\t", " FATAL ", " panic: "].map(str::to_owned);
    // Words of our own always make an automaton.
    AhoCorasick::new(json.chain(console)).ok()
});

/// So many errors in a minute are a jump, and so many times as many as there were before.
const LEAST: u32 = 5;
const TIMES: u32 = 5;
/// Minutes that have to lie before: the first ones of a log say nothing of what is usual.
const BEFORE: i64 = 3;
/// Longest stamp.
const STAMP: usize = 36;

/// A moment at which something changed, and what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Onset {
    /// The moment.
    pub at: DateTime<Utc>,
    /// What happened.
    pub what: String,
}

/// Counts the errors of one log by the minute, while it streams by. A week has ten thousand minutes.
#[derive(Debug, Default)]
pub struct Errors {
    /// The first error of each minute, and how many there were.
    minutes: BTreeMap<i64, (DateTime<Utc>, u32)>,
    /// Whether the last chunk ended within a line.
    is_within: bool,
}

impl Errors {
    /// Looks at the next bytes. Of a line that lies in several chunks only the first part counts.
    pub fn push(&mut self, clean: &Clean) {
        let bytes = clean.as_bytes();
        let Some(words) = &*ERROR else { return };
        let mut from = match (self.is_within, memchr::memchr(b'\n', bytes)) {
            (false, _) => 0,
            (true, Some(end)) => end + 1,
            (true, None) => return,
        };
        self.is_within = bytes.last().is_some_and(|last| *last != b'\n');
        while let Some(found) = words.find(&bytes[from..]) {
            let at = from + found.start();
            let line = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |end| end + 1);
            self.count(&bytes[line..at]);
            let Some(end) = memchr::memchr(b'\n', &bytes[at..]) else { return };
            from = at + end + 1;
        }
    }

    fn count(&mut self, line: &[u8]) {
        let stamp = &line[..line.len().min(STAMP)];
        let stamp = stamp.split(|byte| *byte == b' ').next().and_then(|stamp| std::str::from_utf8(stamp).ok());
        let Some(at) = stamp.and_then(|stamp| DateTime::parse_from_rfc3339(stamp).ok()) else { return };
        let at = at.with_timezone(&Utc);
        let minute = self.minutes.entry(at.timestamp().div_euclid(60)).or_insert((at, 0));
        minute.1 = minute.1.saturating_add(1);
    }

    /// The first minute with many more errors than those before it had, in a log of `who` whose first line
    /// is of the moment `first`.
    #[must_use]
    pub fn jump(&self, first: DateTime<Utc>, who: &str) -> Option<Onset> {
        let first = first.timestamp().div_euclid(60);
        let mut before = 0u32;
        for (minute, (at, count)) in &self.minutes {
            let minutes = minute - first;
            let usual = u32::try_from(i64::from(before) / minutes.max(1)).unwrap_or(u32::MAX);
            if minutes >= BEFORE && *count >= LEAST && *count >= usual.saturating_add(1).saturating_mul(TIMES) {
                let what = format!("errors of {who} go from {usual} a minute to {count}");
                return Some(Onset { at: *at, what });
            }
            before = before.saturating_add(*count);
        }
        None
    }
}

/// The earliest of what may have been the beginning. What happened within a minute of it is told with it.
#[must_use]
pub fn propose(mut onsets: Vec<Onset>) -> Option<Onset> {
    onsets.sort();
    onsets.dedup();
    let first = onsets.first()?.clone();
    let near = onsets.iter().skip(1).find(|other| other.at - first.at <= TimeDelta::minutes(1));
    let what = near.map_or(first.what.clone(), |near| format!("{}, and {}", first.what, near.what));
    Some(Onset { what, ..first })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64, second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000 + 60 * minute + second, 0).expect("a moment")
    }

    fn log(counts: &[u32]) -> Errors {
        let mut errors = Errors::default();
        for (minute, count) in (0..).zip(counts) {
            let info = format!(
                "{} {{\"level\":\"info\",\"msg\":\"\\\"level\\\":\\\"error\\\" is no level\"}}\n",
                at(minute, 0).to_rfc3339()
            );
            let text: String = (0..*count)
                .map(|number| format!("{} {{\"level\":\"error\",\"n\":{number}}}\n", at(minute, 7).to_rfc3339()))
                .collect();
            errors.push(&crate::redact::Redactor::new(&crate::redact::Key::random()).text((info + &text).as_bytes()).0);
        }
        errors
    }

    #[test]
    fn a_jump_is_many_times_what_was_usual() {
        let jump = |counts: &[u32]| log(counts).jump(at(0, 0), "pod/server").map(|onset| (onset.at, onset.what));
        assert_eq!(jump(&[0, 0, 0, 0, 5]), Some((at(4, 7), "errors of pod/server go from 0 a minute to 5".to_owned())));
        assert_eq!(jump(&[2, 3, 2, 2, 20]).map(|jump| jump.0), Some(at(4, 7)));
        assert_eq!(jump(&[2, 3, 2, 2, 14, 9]), None, "not so many");
        assert_eq!(jump(&[50, 60, 50, 60, 50]), None, "as always");
        assert_eq!(jump(&[0, 40, 40, 40]), None, "what is usual is not known yet");
        assert_eq!(jump(&[0, 0, 0, 0, 4]), None, "a few");
    }

    #[test]
    fn a_line_in_several_chunks_counts_once() {
        let text = format!("{} {{\"level\":\"error\"}}\n", at(0, 0).to_rfc3339()).repeat(4);
        let redactor = crate::redact::Redactor::new(&crate::redact::Key::random());
        for cut in 0..text.len() {
            let mut errors = Errors::default();
            for part in [&text[..cut], &text[cut..]] {
                errors.push(&redactor.text(part.as_bytes()).0);
            }
            let count: u32 = errors.minutes.values().map(|minute| minute.1).sum();
            assert!((3..=4).contains(&count), "cut at {cut}: {count}");
        }
    }

    #[test]
    fn the_earliest_is_proposed_with_what_is_near_it() {
        let onset = |minute, what: &str| Onset { at: at(minute, 0), what: what.to_owned() };
        assert_eq!(propose(Vec::new()), None);
        let both = propose(vec![onset(9, "late"), onset(5, "errors jump"), onset(4, "a restart")]);
        assert_eq!(both, Some(onset(4, "a restart, and errors jump")));
    }
}
