//! What is known of a log's files, those that were not read too, and what that makes of the log's
//! coverage. Pure.

use crate::facts::coverage::{Begins, Stopped, Stream};
use chrono::{DateTime, Utc};

/// What is known of the files that were read.
pub(super) struct Known {
    /// Where the earliest of them begins.
    pub(super) begins: Begins,
    /// Those that were there and went before their turn.
    pub(super) lost: Vec<Lost>,
}

impl Known {
    /// Where the log begins, when this is the first line that came: a file that was asked for where it
    /// begins may have been another by then, or nowhere.
    pub(super) fn begins(&self, first: Option<DateTime<Utc>>) -> Begins {
        match (self.begins, first) {
            (Begins::At(at), Some(first)) => Begins::At(at.min(first)),
            (Begins::Empty, Some(first)) => Begins::At(first),
            (begins, _) => begins,
        }
    }
}

/// A file that was listed, and was not read to its end.
pub(super) struct Lost {
    pub(super) why: Stopped,
    /// The last line had before.
    pub(super) after: Option<DateTime<Utc>>,
    /// The first line of the file that follows, where there is one.
    pub(super) before: Option<DateTime<Utc>>,
}

/// A stream for each stretch without a loss.
pub(super) fn apart(whole: Stream, lost: &[Lost]) -> Vec<Stream> {
    let mut streams = Vec::new();
    let mut rest = whole;
    for Lost { why, after, before } in lost {
        let stopped = Some(why.clone());
        let until = before.unwrap_or(rest.until);
        let first = rest.first.filter(|first| after.is_some_and(|after| *first <= after));
        streams.push(Stream { last: *after, first, until, stopped, ..rest.clone() });
        let Some(before) = before else { return streams };
        // What came before is said; from here on nothing is missing again.
        rest = Stream { from: Some(*before), begins: Begins::At(*before), first: Some(*before), ..rest };
    }
    streams.push(rest);
    streams
}
