//! Owns how far back the events of a namespace reach.

use super::{Known, utc};
use crate::bundle::{Coverage, GapCause, Interval};
use chrono::{DateTime, TimeDelta, Utc};

/// How long an API server keeps an event after it was last seen, unless told otherwise.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// What a list of events gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// When it was asked for.
    pub asked: DateTime<Utc>,
    /// The last time of the oldest event that the server listed, also where it is not the workload's:
    /// all are kept for the same time.
    pub oldest: Option<DateTime<Utc>>,
    /// The last time of the oldest event in the entry.
    pub first: Option<DateTime<Utc>>,
    /// That of the newest.
    pub last: Option<DateTime<Utc>>,
    /// How many are in the entry.
    pub count: u64,
    /// Why the list broke off, if it did.
    pub broken: Option<String>,
}

/// Which part of the window the events cover: each stands for its last time, and what is as old as
/// the oldest is kept still.
#[must_use]
pub fn of_events(window: Interval, events: &Events) -> Coverage {
    let mut known = Known::new(window);
    let until = known.reach(events.asked);
    match &events.broken {
        // A list is in the order of names, so what came of it is of no time in particular.
        Some(why) => known.lacks((None, Some(until)), GapCause::StreamFailed, why.as_str()),
        None => {
            let expected = events.asked - KEPT;
            let reach = events.oldest.map_or(expected, |oldest| oldest.min(expected));
            known.covers(reach, until);
            let oldest = match events.oldest {
                Some(oldest) => format!("the oldest here is of {}", utc(oldest)),
                None => "there is none here".to_owned(),
            };
            let text = format!("the API server keeps events for an hour by default; {oldest}");
            known.lacks((None, Some(reach)), GapCause::Expired, text);
        }
    }
    known.not_over(until);
    known.timeline().coverage(events.first, events.last, events.count)
}
