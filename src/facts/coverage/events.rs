//! Owns how far back the events of a namespace reach.

use super::Observations;
use crate::{
    bundle::{Coverage, GapCause, Interval},
    text::utc,
};
use chrono::{DateTime, TimeDelta, Utc};

/// How long an API server keeps an event after its last time, by default.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// A list of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// Time of the request.
    pub asked: DateTime<Utc>,
    /// The last time of the oldest event in the list, even one that is not the workload's: all events are kept for the
    /// same time.
    pub oldest: Option<DateTime<Utc>>,
    /// The last time of the oldest event in the entry.
    pub first: Option<DateTime<Utc>>,
    /// The last time of the newest event in the entry.
    pub last: Option<DateTime<Utc>>,
    /// How many are in the entry.
    pub count: u64,
    /// Why the list is not complete; none where it is.
    pub broken: Option<String>,
}

/// Which part of the window the events cover. An event counts at its last time, and everything since the oldest event is
/// still kept.
#[must_use]
pub fn of_events(window: Interval, events: &Events) -> Coverage {
    let mut observations = Observations::new(window);
    let until = observations.reach(events.asked);
    match &events.broken {
        // A list is ordered by names, so its beginning is not of any particular time.
        Some(why) => observations.explain((None, Some(until)), GapCause::StreamFailed, why.as_str()),
        None => {
            let expected = events.asked - KEPT;
            let reach = events.oldest.map_or(expected, |oldest| oldest.min(expected));
            observations.cover(reach, until);
            let oldest = match events.oldest {
                Some(oldest) => format!("the oldest here is from {}", utc(oldest)),
                None => "there is none here".to_owned(),
            };
            let text = format!("the API server keeps events for an hour by default; {oldest}");
            observations.explain((None, Some(reach)), GapCause::Expired, text);
        }
    }
    observations.not_over(until);
    observations.timeline().coverage(events.first, events.last, events.count)
}
