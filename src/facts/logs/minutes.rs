//! Owns the stamps that lines begin with, and how many lines of each level there are in each minute.

use crate::bundle::facts::{Level, Minute};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Longest stamp.
const STAMP: usize = 36;
/// A stamp up to its minute: `2026-11-26T15:04`.
const UP_TO_MINUTE: usize = 16;
/// Minutes that are told apart: those of a week. What is of another one is added to the last.
const MOST: usize = 7 * 24 * 60;
const LEVELS: [Level; 6] = [Level::Fatal, Level::Error, Level::Warn, Level::Info, Level::Debug, Level::None];

type Counts = [u64; LEVELS.len()];

/// How many lines there are.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    minutes: BTreeMap<i64, Counts>,
    /// The last line's minute, as its stamp writes it, and its number.
    text: [u8; UP_TO_MINUTE],
    minute: Option<i64>,
    /// What was counted of it.
    counts: Counts,
    /// Of lines before any that has a stamp.
    without: Counts,
}

/// Parts a line into the node's stamp and what the container wrote.
pub(super) fn part(line: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let has_shape = line.len() > UP_TO_MINUTE && line[0].is_ascii_digit() && line[4] == b'-' && line[10] == b'T';
    let head = line.get(..STAMP).unwrap_or(line);
    match memchr::memchr(b' ', head).filter(|_| has_shape) {
        Some(at) => (line.get(..at), line.get(at + 1..).unwrap_or_default()),
        None => (None, line),
    }
}

/// The moment of a stamp.
pub(super) fn moment(stamp: &[u8]) -> Option<DateTime<Utc>> {
    let stamp = std::str::from_utf8(stamp).ok()?;
    DateTime::parse_from_rfc3339(stamp).ok().map(|at| at.with_timezone(&Utc))
}

impl Minutes {
    /// Counts a line; one without a stamp is of the minute of the line before it.
    pub(super) fn count(&mut self, stamp: Option<&[u8]>, level: Level) {
        if let Some(stamp) = stamp {
            // Only what is UTC has the same minute whenever it has the same text.
            let is_same = stamp.starts_with(&self.text) && stamp.ends_with(b"Z");
            if !is_same && let Some(at) = moment(stamp) {
                self.flush();
                self.minute = Some(at.timestamp().div_euclid(60));
                self.text.copy_from_slice(&stamp[..UP_TO_MINUTE]);
                if !stamp.ends_with(b"Z") {
                    self.text = [0; UP_TO_MINUTE];
                }
            }
        }
        let counts = if self.minute.is_some() { &mut self.counts } else { &mut self.without };
        counts[level as usize] += 1;
    }

    fn flush(&mut self) {
        let counts = std::mem::take(&mut self.counts);
        let Some(minute) = self.minute else { return };
        let is_full = self.minutes.len() >= MOST && !self.minutes.contains_key(&minute);
        let minute = self.minutes.last_key_value().map(|(last, _)| *last).filter(|_| is_full).unwrap_or(minute);
        add(self.minutes.entry(minute).or_default(), &counts);
    }

    /// How many lines of each level there are, in all and by the minute.
    pub(super) fn finish(mut self) -> (BTreeMap<Level, u64>, Vec<Minute>) {
        self.flush();
        let mut all = self.without;
        self.minutes.values().for_each(|counts| add(&mut all, counts));
        let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0);
        let minutes = self.minutes.iter().filter_map(|(minute, counts)| Some((at(*minute)?, levels(counts))));
        (levels(&all), minutes.map(|(at, levels)| Minute { at, levels }).collect())
    }
}

fn add(counts: &mut Counts, more: &Counts) {
    counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
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

    #[test]
    fn lines_are_parted_from_their_stamp() {
        let (stamp, text) = part(b"2026-11-26T15:04:05.123456789Z hello you");
        assert_eq!((stamp.and_then(moment).map(|at| at.timestamp()), text), (Some(1_795_705_445), &b"hello you"[..]));
        assert_eq!(part(b"2026-11-26T15:04:05+02:00 "), (Some(&b"2026-11-26T15:04:05+02:00"[..]), &b""[..]));
        for none in ["", "hello you", "2026-11-26T15:04:05Z", "2026", &"2026-11-26T".repeat(9)] {
            assert_eq!(part(none.as_bytes()), (None, none.as_bytes()), "{none}");
        }
    }

    #[test]
    fn minutes_are_counted_whatever_the_zone_and_the_order() {
        let mut minutes = Minutes::default();
        minutes.count(None, Level::Info);
        for stamp in
            ["2026-11-26T15:04:05Z", "2026-11-26T17:04:59+02:00", "2026-11-26T17:04:59+01:00", "2026-99-26T15:04:00Z"]
        {
            minutes.count(Some(stamp.as_bytes()), Level::Warn);
        }
        minutes.count(Some(b"2026-11-26T15:04:07Z"), Level::Error);
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
            let at = DateTime::from_timestamp(minute as i64 * 60, 0).expect("a moment");
            minutes.count(Some(at.to_rfc3339().as_bytes()), Level::Info);
        }
        let (levels, minutes) = minutes.finish();
        assert_eq!(levels, BTreeMap::from([(Level::Info, MOST as u64 + 500)]));
        assert_eq!((minutes.len(), minutes.last().map(|last| last.levels[&Level::Info])), (MOST, Some(501)));
    }
}
