//! Owns how many lines of each level a log has in each minute, and when the minute's first error was.

use crate::bundle::facts::{Level, Minute};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Most minutes that are counted, as many as a week has. Lines of more minutes count for the last one.
const MOST: usize = 7 * 24 * 60;
const LEVELS: [Level; 6] = [Level::Fatal, Level::Error, Level::Warn, Level::Info, Level::Debug, Level::None];

type Counts = [u64; LEVELS.len()];

/// The lines of one minute.
#[derive(Debug, Default)]
struct Tally {
    counts: Counts,
    first_error: Option<DateTime<Utc>>,
}

impl Tally {
    fn add(&mut self, more: &Self) {
        self.counts.iter_mut().zip(&more.counts).for_each(|(count, more)| *count += more);
        self.first_error = self.first_error.or(more.first_error);
    }
}

/// The lines of one log, by minute.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    /// By minutes since 1970.
    minutes: BTreeMap<i64, Tally>,
    /// The minute of the last line.
    minute: Option<i64>,
    /// The lines of that minute since the minute before.
    tally: Tally,
    /// Lines before the first timestamp.
    without: Tally,
}

impl Minutes {
    /// Counts a line. One without a timestamp counts for the minute of the line before.
    pub(super) fn count(&mut self, at: Option<DateTime<Utc>>, level: Level) {
        let minute = at.map(|at| at.timestamp().div_euclid(60)).or(self.minute);
        if minute != self.minute {
            self.flush();
            self.minute = minute;
        }
        let tally = if self.minute.is_some() { &mut self.tally } else { &mut self.without };
        tally.counts[level as usize] += 1;
        if level <= Level::Error {
            tally.first_error = tally.first_error.or(at);
        }
    }

    fn flush(&mut self) {
        let tally = std::mem::take(&mut self.tally);
        let Some(minute) = self.minute else { return };
        let is_full = self.minutes.len() >= MOST && !self.minutes.contains_key(&minute);
        let minute = self.minutes.last_key_value().map(|(last, _)| *last).filter(|_| is_full).unwrap_or(minute);
        self.minutes.entry(minute).or_default().add(&tally);
    }

    /// The number of lines of each level, in all and by minute.
    pub(super) fn finish(mut self) -> (BTreeMap<Level, u64>, Vec<Minute>) {
        self.flush();
        let mut all = self.without;
        self.minutes.values().for_each(|tally| all.add(tally));
        let minute = |(minute, tally): (&i64, &Tally)| {
            let at = DateTime::from_timestamp(minute * 60, 0)?;
            Some(Minute { at, levels: levels(&tally.counts), first_error: tally.first_error })
        };
        (levels(&all.counts), self.minutes.iter().filter_map(minute).collect())
    }
}

fn levels(counts: &Counts) -> BTreeMap<Level, u64> {
    LEVELS.iter().copied().zip(counts.iter().copied()).filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_stand_where_they_are_counted() {
        assert!(LEVELS.iter().enumerate().all(|(at, level)| *level as usize == at));
    }

    fn at(stamp: &str) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc3339(stamp).ok().map(|at| at.to_utc())
    }

    #[test]
    fn the_first_error_of_a_minute_is_known() {
        let mut minutes = Minutes::default();
        let lines = [
            ("2026-11-26T15:04:01Z", Level::Info),
            ("2026-11-26T15:04:05.5Z", Level::Error),
            ("2026-11-26T15:04:06Z", Level::Fatal),
            ("2026-11-26T15:05:00Z", Level::Warn),
            ("2026-11-26T15:06:00.25Z", Level::Fatal),
        ];
        lines.iter().for_each(|(stamp, level)| minutes.count(at(stamp), *level));
        let (_, minutes) = minutes.finish();
        let first = |at: usize| minutes[at].first_error.map(|at| at.timestamp_subsec_millis());
        assert_eq!((first(0), first(1), first(2)), (Some(500), None, Some(250)));
    }

    #[test]
    fn minutes_are_counted_whatever_the_zone_and_the_order() {
        let mut minutes = Minutes::default();
        minutes.count(None, Level::Info);
        for stamp in
            ["2026-11-26T15:04:05Z", "2026-11-26T17:04:59+02:00", "2026-11-26T17:04:59+01:00", "2026-99-26T15:04:00Z"]
        {
            minutes.count(at(stamp), Level::Warn);
        }
        minutes.count(at("2026-11-26T15:04:07Z"), Level::Error);
        minutes.count(None, Level::Error);
        let (levels, minutes) = minutes.finish();
        assert_eq!(levels, BTreeMap::from([(Level::Info, 1), (Level::Warn, 4), (Level::Error, 2)]));
        let told: Vec<_> = minutes.iter().map(|it| (it.at.to_rfc3339(), it.levels.clone())).collect();
        let first = ("2026-11-26T15:04:00+00:00".to_owned(), BTreeMap::from([(Level::Warn, 2), (Level::Error, 2)]));
        assert_eq!(told, [first, ("2026-11-26T16:04:00+00:00".to_owned(), BTreeMap::from([(Level::Warn, 2)]))]);
    }

    #[test]
    fn more_minutes_than_a_week_has_are_one() {
        let mut minutes = Minutes::default();
        for minute in 0..MOST + 500 {
            minutes.count(DateTime::from_timestamp(minute as i64 * 60, 0), Level::Info);
        }
        let (levels, minutes) = minutes.finish();
        assert_eq!(levels, BTreeMap::from([(Level::Info, MOST as u64 + 500)]));
        assert_eq!((minutes.len(), minutes.last().map(|last| last.levels[&Level::Info])), (MOST, Some(501)));
    }
}
