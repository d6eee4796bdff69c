//! Owns the times of an incident: what the user states, and the window that follows from it.
//!
//! Pure. The time and the zone are arguments, so every rule here can be tested at any time and in any zone, including
//! days on which clocks change.

use crate::text::{duration, utc};
use chrono::{DateTime, NaiveDate, NaiveTime, SubsecRound, TimeDelta, TimeZone, Utc};

mod text;

pub use text::{format_duration, parse_duration, parse_incident};

/// What Defakto's support asks for on either side of an incident.
pub const RECOMMENDED: TimeDelta = TimeDelta::minutes(15);
/// How far the window reaches back from now when no incident is given.
pub const WITHOUT_INCIDENT: TimeDelta = TimeDelta::minutes(30);
/// The longest window.
pub const LONGEST: TimeDelta = TimeDelta::days(7);
/// How far ahead of this machine's clock an incident may be, since clocks differ.
pub(crate) const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(1);

/// The instant or the interval that went wrong. An instant starts and ends at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incident {
    /// When it began.
    pub start: DateTime<Utc>,
    /// When it was over.
    pub end: DateTime<Utc>,
}

/// The time to collect evidence for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first moment inside.
    pub start: DateTime<Utc>,
    /// The last moment inside; it may be in the future.
    pub end: DateTime<Utc>,
    /// The incident that it surrounds, if one was given.
    pub incident: Option<Incident>,
}

/// The forms an incident may be given in, for help and errors.
pub const INCIDENT_FORMS: &str = "give 2026-11-22T14:05:00Z, 14:05 (the latest one, local time), 14:05Z, -20m, now, START/END, or START/ (until now)";

/// Why there is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The text is not in any form of an incident.
    #[error("cannot read `{text}` as a time; {INCIDENT_FORMS}")]
    NotATime {
        /// What was given.
        text: String,
    },
    /// The text is not in any form of a duration.
    #[error("cannot read `{text}` as a duration; give 15m, 90s, 1h30m or 2d")]
    NotADuration {
        /// What was given.
        text: String,
    },
    /// A duration below zero.
    #[error("`{text}` is negative; give the length alone, as in 15m")]
    Negative {
        /// What was given.
        text: String,
    },
    /// Local clocks were put forward over this time.
    #[error(
        "{text} did not exist in this machine's zone on {date}, when clocks went forward; give it in UTC, as in 14:05Z"
    )]
    Skipped {
        /// The time of day.
        text: NaiveTime,
        /// The day.
        date: NaiveDate,
    },
    /// The incident has not happened yet.
    #[error("{} is in the future, {} from now; an incident must have started; START/ means until now", utc(*.at), .ahead)]
    Future {
        /// The time that was given.
        at: DateTime<Utc>,
        /// How far ahead it is, in words.
        ahead: String,
    },
    /// The incident is before Kubernetes existed.
    #[error("{} is too long ago; give the year in full, as in 2026-11-22T14:05:00Z", utc(*.at))]
    TooOld {
        /// The time that was given.
        at: DateTime<Utc>,
    },
    /// The interval ends before it starts.
    #[error("the incident ends at {}, before it starts at {}", utc(*.end), utc(*.start))]
    Backwards {
        /// The start that was given.
        start: DateTime<Utc>,
        /// The end that was given.
        end: DateTime<Utc>,
    },
    /// It is more time than a bundle may cover.
    #[error("{what} is longer than 7 days; give a shorter time around what went wrong")]
    TooLong {
        /// As the message names it.
        what: String,
    },
    /// `--after` was given without an incident.
    #[error("--after needs an incident time; also give --incident-time")]
    NothingToFollow,
}

impl Window {
    /// The window from `before` the incident to `after` it, 15 minutes each unless given; without an incident, the 30
    /// minutes (or `before`) up to now. The end may be in the future.
    pub fn new(
        incident: Option<Incident>,
        before: Option<TimeDelta>,
        after: Option<TimeDelta>,
        now: DateTime<Utc>,
    ) -> Result<Window, WindowError> {
        let before = checked("the time before", before)?;
        let after = checked("the time after", after)?;
        let (from, to) = match &incident {
            Some(incident) => {
                check(incident, now)?;
                (incident.start, incident.end)
            }
            None if after.is_some() => return Err(WindowError::NothingToFollow),
            None => (now, now),
        };
        let before = before.unwrap_or(if incident.is_some() { RECOMMENDED } else { WITHOUT_INCIDENT });
        let after = after.unwrap_or(if incident.is_some() { RECOMMENDED } else { TimeDelta::zero() });
        let too_long = || WindowError::TooLong { what: "the window".to_owned() };
        let start = from.checked_sub_signed(before).ok_or_else(too_long)?;
        let end = to.checked_add_signed(after).ok_or_else(too_long)?;
        if end - start > LONGEST {
            return Err(too_long());
        }
        Ok(Window { start, end, incident })
    }

    /// Whether a moment is inside.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && at <= self.end
    }

    /// How long it is.
    pub fn length(&self) -> TimeDelta {
        self.end - self.start
    }

    /// The first lines of a run: each moment in UTC, in the given zone, and how long ago, ending in a line break.
    pub fn echo(&self, now: DateTime<Utc>, zone: &impl TimeZone) -> String {
        let mut moments = vec![("from", self.start)];
        match self.incident {
            Some(incident) if incident.start == incident.end => moments.push(("incident", incident.start)),
            Some(incident) => moments.extend([("incident from", incident.start), ("incident to", incident.end)]),
            None => {}
        }
        moments.push(("to", self.end));
        let width = moments.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        moments
            .into_iter()
            .map(|(name, at)| {
                let local = at.with_timezone(zone).fixed_offset().format("%Y-%m-%d %H:%M:%S %:z");
                format!("{name:width$}  {}  {local}  {}\n", utc(at), relative(at, now))
            })
            .collect()
    }

    /// Warnings, one for each side of the incident that has less than the 15 minutes support asks for;
    /// without an incident, what comes before now.
    pub fn shortfalls(&self) -> Vec<String> {
        let sides = match self.incident {
            Some(incident) => {
                vec![
                    ("before", "the incident", incident.start - self.start),
                    ("after", "the incident", self.end - incident.end),
                ]
            }
            None => vec![("before", "now", self.length())],
        };
        let short = sides.into_iter().filter(|(.., had)| *had < RECOMMENDED);
        let warning = |(side, what, had)| {
            format!("only {} {side} {what}; support asks for at least 15 min (--{side} 15m)", duration(had))
        };
        short.map(warning).collect()
    }

    /// The message if part of the window is in the future, so that a run now cannot collect it, or waits for it; or if
    /// there is nothing to wait for.
    pub fn unfinished(&self, now: DateTime<Utc>, waits: bool) -> Option<String> {
        let what = match waits {
            true => "the logs are followed until then",
            false => "what happens until then is not in this bundle; --wait includes it",
        };
        if self.end <= now {
            return waits.then(|| "the window has ended, so there is nothing to wait for".to_owned());
        }
        Some(format!("the window ends in {}, at {}; {what}", duration(self.end - now), utc(self.end)))
    }
}

/// Cut to whole seconds, downwards: clients round `sinceTime` to the second, and rounding up would lose lines.
pub fn seconds_floor(start: DateTime<Utc>) -> DateTime<Utc> {
    // Truncation drops a positive part in chrono, before 1970 as well.
    start.trunc_subsecs(0)
}

/// Whether `at` is before anything that a cluster could have evidence of.
pub(crate) fn is_before_kubernetes(at: DateTime<Utc>) -> bool {
    chrono::Datelike::year(&at) <= 2000
}

/// Whether an incident is one that can be collected.
fn check(incident: &Incident, now: DateTime<Utc>) -> Result<(), WindowError> {
    let Incident { start, end } = *incident;
    for at in [start, end] {
        if is_before_kubernetes(at) {
            return Err(WindowError::TooOld { at });
        }
        if at - now > CLOCKS_DIFFER {
            return Err(WindowError::Future { at, ahead: duration(at - now) });
        }
    }
    if end < start {
        return Err(WindowError::Backwards { start, end });
    }
    if end - start > LONGEST {
        return Err(WindowError::TooLong { what: "the incident".to_owned() });
    }
    Ok(())
}

fn checked(what: &str, length: Option<TimeDelta>) -> Result<Option<TimeDelta>, WindowError> {
    match length {
        Some(length) if length < TimeDelta::zero() => Err(WindowError::Negative { text: what.to_owned() }),
        Some(length) if length > LONGEST => Err(WindowError::TooLong { what: what.to_owned() }),
        _ => Ok(length),
    }
}

/// `22 min ago`, `in 8 min`, `now`.
fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match now - at {
        zero if zero.num_seconds() == 0 => "now".to_owned(),
        past if past > TimeDelta::zero() => format!("{} ago", duration(past)),
        future => format!("in {}", duration(-future)),
    }
}
