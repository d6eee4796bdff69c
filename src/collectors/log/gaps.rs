//! Owns the gaps of a log that is read in several pieces, and what they make of its coverage. Pure.

use crate::facts::coverage::{FileStart, LogReading, Reason};
use chrono::{DateTime, Utc};

/// A part of a log that could not be read: of a file that was deleted before its turn, or between two readings.
pub(super) struct LogGap {
    pub(super) why: Reason,
    /// The last line before it.
    pub(super) after: Option<DateTime<Utc>>,
    /// The first line behind it; none where no line came.
    pub(super) before: Option<DateTime<Utc>>,
}

/// Splits what was read at its gaps, which are in order, into a stream for each part.
pub(super) fn split(whole: LogReading, gaps: &[LogGap]) -> Vec<LogReading> {
    let mut streams = Vec::new();
    let mut rest = whole;
    for (at, LogGap { why, after, before }) in gaps.iter().enumerate() {
        let stopped = Some(why.clone());
        let until = before.unwrap_or(rest.until);
        let first = rest.first.filter(|first| after.is_some_and(|after| *first <= after));
        streams.push(LogReading { last: *after, first, until, stopped, ..rest.clone() });
        let Some(before) = before else {
            // The next gap may be the same one, and tell where it ends.
            if gaps.get(at + 1).is_some_and(|next| next.after == *after) {
                continue;
            }
            return streams;
        };
        rest = LogReading { from: Some(*before), begins: FileStart::At(*before), first: Some(*before), ..rest };
    }
    streams.push(rest);
    streams
}
