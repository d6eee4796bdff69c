//! What of a log was lost between other parts of it, and what that makes of its coverage. Pure.

use crate::facts::coverage::{Begins, Stopped, Stream};
use chrono::{DateTime, Utc};

/// A stretch of a log that was not had: of a file that went before its turn, or between two readings.
pub(super) struct Lost {
    pub(super) why: Stopped,
    /// The last line had before.
    pub(super) after: Option<DateTime<Utc>>,
    /// The first line that was had after it, where there is one.
    pub(super) before: Option<DateTime<Utc>>,
}

/// A stream for each stretch without a loss.
pub(super) fn apart(whole: Stream, lost: &[Lost]) -> Vec<Stream> {
    let mut streams = Vec::new();
    let mut rest = whole;
    for (at, Lost { why, after, before }) in lost.iter().enumerate() {
        let stopped = Some(why.clone());
        let until = before.unwrap_or(rest.until);
        let first = rest.first.filter(|first| after.is_some_and(|after| *first <= after));
        streams.push(Stream { last: *after, first, until, stopped, ..rest.clone() });
        let Some(before) = before else {
            // What is said next may be of the same place, and tell where it ends.
            if lost.get(at + 1).is_some_and(|next| next.after == *after) {
                continue;
            }
            return streams;
        };
        // What came before is said; from here on nothing is missing again.
        rest = Stream { from: Some(*before), begins: Begins::At(*before), first: Some(*before), ..rest };
    }
    streams.push(rest);
    streams
}
