//! Owns where to resume a log that is followed, and which of its lines arrive a second time. It recognises lines by
//! their timestamps.
//!
//! Lines of stdout and stderr are not strictly in order, and a request with `sinceTime` returns only later lines. So a
//! log is requested again from some seconds before its last line. The answer then begins with lines that were already
//! read, unless they were rotated away in between.

use crate::plan::window::seconds_floor;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{HashMap, VecDeque};

/// How far before the last line a log is requested again.
const SLACK: TimeDelta = TimeDelta::seconds(5);
/// For how long lines are remembered: the kubelet checks every ten seconds whether to rotate a log.
const MEMORY: TimeDelta = TimeDelta::seconds(15);
/// Most lines that are remembered.
const MOST: usize = 1 << 18;
/// After this many lines, those older than [`MEMORY`] are forgotten.
const CLEANUP: usize = 1 << 10;

/// A line's time in nanoseconds since 1970, compact: hundreds of thousands of them are kept for each log.
type Nanos = i64;

fn nanos(at: DateTime<Utc>) -> Nanos {
    // A timestamp may be of any year.
    at.timestamp_nanos_opt().unwrap_or(if at.timestamp() < 0 { Nanos::MIN } else { Nanos::MAX })
}

/// The times of a log's last lines, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct ResumeCursor {
    times: VecDeque<Nanos>,
    pushed: usize,
    /// The latest line that was forgotten though it is not older than [`MEMORY`].
    forgotten: Option<Nanos>,
}

impl ResumeCursor {
    /// Remembers a line.
    pub(crate) fn push(&mut self, at: DateTime<Utc>) {
        let at = nanos(at);
        if self.times.len() == MOST {
            self.forgotten = self.times.pop_front().max(self.forgotten);
        }
        self.times.push_back(at);
        self.pushed += 1;
        if self.pushed.is_multiple_of(CLEANUP) {
            let until = at.saturating_sub(MEMORY.num_nanoseconds().unwrap_or_default());
            while self.times.front().is_some_and(|front| *front < until) {
                self.times.pop_front();
            }
            if self.times.capacity() > 4 * self.times.len().max(CLEANUP) {
                self.times.shrink_to(2 * self.times.len());
            }
        }
    }

    /// From when to request the log, and which of the lines that then arrive were read before.
    pub(crate) fn resume(&self) -> (DateTime<Utc>, SeenLines) {
        let last = self.times.back().copied();
        let mut since = DateTime::from_timestamp_nanos(last.unwrap_or_default()) - SLACK;
        if let Some(forgotten) = self.forgotten {
            since = since.max(DateTime::from_timestamp_nanos(forgotten) + TimeDelta::seconds(1));
        }
        let since = seconds_floor(since);
        let mut seen = SeenLines { counts: HashMap::new(), since: nanos(since), last, is_complete: false };
        for at in self.times.iter().filter(|at| **at >= seen.since) {
            *seen.counts.entry(*at).or_default() += 1;
        }
        (since, seen)
    }

    /// The last line before a moment.
    pub(crate) fn last_before(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = nanos(at);
        self.times.iter().rev().find(|time| **time < at).map(|time| DateTime::from_timestamp_nanos(*time))
    }
}

/// Lines that were read before and may come again.
#[derive(Debug)]
pub(crate) struct SeenLines {
    /// How many lines of each time have not come again yet.
    counts: HashMap<Nanos, u32>,
    /// All lines before this moment were read. They come again only from a source that ignores `sinceTime`.
    since: Nanos,
    last: Option<Nanos>,
    is_complete: bool,
}

impl SeenLines {
    /// Whether a line of this time was read before. Takes it out, so that each line counts once.
    pub(crate) fn take(&mut self, at: DateTime<Utc>) -> bool {
        let at = nanos(at);
        let Some(count) = self.counts.get_mut(&at).filter(|count| **count > 0) else { return at < self.since };
        *count -= 1;
        self.is_complete |= self.last == Some(at);
        true
    }

    /// Whether the last of the lines has come again, so that none is missing in between.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }
}
