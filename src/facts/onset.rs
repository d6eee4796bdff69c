//! Owns the proposal of an incident's start, if the user named none: from jumps of errors in logs, and from restarts.

use crate::bundle::facts::{Level, Minute};
use chrono::{DateTime, TimeDelta, Utc};

/// Fewest errors in a minute that are a jump.
const LEAST: u64 = 5;
/// A jump has this many times the errors of the minutes before.
const TIMES: u64 = 5;
/// Fewest minutes of the log before a jump, without which the usual rate is unknown.
const BEFORE: i64 = 3;

/// A time at which something changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Onset {
    /// The time (UTC).
    pub at: DateTime<Utc>,
    /// What happened, in words.
    pub what: String,
}

/// The first minute with many more errors than the minutes before it, in the log of `who` that starts at `first`.
#[must_use]
pub fn jump(minutes: &[Minute], first: DateTime<Utc>, who: &str) -> Option<Onset> {
    let errors = |minute: &Minute| minute.levels.range(..=Level::Error).map(|(_, count)| count).sum::<u64>();
    let number = |at: DateTime<Utc>| at.timestamp().div_euclid(60);
    let mut before = 0;
    for minute in minutes {
        let (count, passed) = (errors(minute), number(minute.at) - number(first));
        let usual = before / u64::try_from(passed.max(1)).unwrap_or(1);
        if passed >= BEFORE && count >= LEAST && count >= (usual + 1) * TIMES {
            let what = format!("errors of {who} rise from {usual} to {count} a minute");
            return Some(Onset { at: minute.first_error.unwrap_or(minute.at), what });
        }
        before += count;
    }
    None
}

/// The earliest onset. One that follows within a minute is named with it.
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

    fn log(counts: &[u64]) -> Vec<Minute> {
        let minute = |(minute, count): (i64, &u64)| Minute {
            at: at(minute, 0),
            levels: [(Level::Error, *count), (Level::Warn, 100)].into(),
            first_error: (*count > 0).then(|| at(minute, 7)),
        };
        (0..).zip(counts).map(minute).collect()
    }

    #[test]
    fn a_jump_is_many_times_what_was_usual() {
        let jump = |counts: &[u64]| jump(&log(counts), at(0, 0), "pod/server").map(|onset| (onset.at, onset.what));
        assert_eq!(
            jump(&[0, 0, 0, 0, 5]),
            Some((at(4, 7), "errors of pod/server rise from 0 to 5 a minute".to_owned()))
        );
        assert_eq!(jump(&[2, 3, 2, 2, 20]).map(|jump| jump.0), Some(at(4, 7)));
        assert_eq!(jump(&[2, 3, 2, 2, 14, 9]), None, "not so many");
        assert_eq!(jump(&[50, 60, 50, 60, 50]), None, "as always");
        assert_eq!(jump(&[0, 40, 40, 40]), None, "what is usual is not known yet");
        assert_eq!(jump(&[0, 0, 0, 0, 4]), None, "a few");
    }

    #[test]
    fn the_earliest_is_proposed_with_what_is_near_it() {
        let onset = |minute, what: &str| Onset { at: at(minute, 0), what: what.to_owned() };
        assert_eq!(propose(Vec::new()), None);
        let both = propose(vec![onset(9, "late"), onset(5, "errors jump"), onset(4, "a restart")]);
        assert_eq!(both, Some(onset(4, "a restart, and errors jump")));
    }
}
