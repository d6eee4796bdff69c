//! Owns the stamps that lines begin with, how many lines of each level there are in each minute, and when its first
//! error was.

use crate::bundle::facts::{Level, Minute};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Longest stamp.
const STAMP: usize = 36;
/// A stamp up to its minute: `2026-11-26T15:04`, and up to its second.
const UP_TO_MINUTE: usize = 16;
const UP_TO_SECOND: usize = 19;
/// Minutes that are told apart: those of a week. What is of another one is added to the last.
const MOST: usize = 7 * 24 * 60;
const LEVELS: [Level; 6] = [Level::Fatal, Level::Error, Level::Warn, Level::Info, Level::Debug, Level::None];

type Counts = [u64; LEVELS.len()];

/// What there is of a minute.
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

/// How many lines there are.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    minutes: BTreeMap<i64, Tally>,
    /// The last line's minute, as its stamp writes it, and its number.
    text: [u8; UP_TO_MINUTE],
    minute: Option<i64>,
    /// What was counted of it.
    tally: Tally,
    /// Of lines before any that has a stamp.
    without: Tally,
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

/// The seconds and nanoseconds of a stamp in UTC: `05.123456789Z`; none where it is written in another way.
fn seconds(stamp: &[u8]) -> Option<(i64, u32)> {
    let digits = |digits: &[u8]| {
        digits
            .iter()
            .try_fold(0u32, |sum, digit| Some(sum * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?)))
    };
    let second = digits(stamp.get(UP_TO_MINUTE..UP_TO_SECOND)?.strip_prefix(b":")?).filter(|second| *second < 60)?;
    let fraction = match stamp.get(UP_TO_SECOND..)?.strip_suffix(b"Z")? {
        [] => &[][..],
        [b'.', fraction @ ..] if (1..=9).contains(&fraction.len()) => fraction,
        _ => return None,
    };
    let scale = 10u32.pow(9 - u32::try_from(fraction.len()).ok()?);
    Some((i64::from(second), digits(fraction)? * scale))
}

impl Minutes {
    /// Counts a line; one without a stamp is of the minute of the line before it.
    pub(super) fn count(&mut self, stamp: Option<&[u8]>, level: Level) {
        if let Some(stamp) = stamp.filter(|stamp| !self.is_same(stamp))
            && let Some(at) = moment(stamp)
        {
            self.flush();
            self.minute = Some(at.timestamp().div_euclid(60));
            self.text.copy_from_slice(&stamp[..UP_TO_MINUTE]);
            if !stamp.ends_with(b"Z") {
                self.text = [0; UP_TO_MINUTE];
            }
        }
        let tally = if self.minute.is_some() { &mut self.tally } else { &mut self.without };
        tally.counts[level as usize] += 1;
        if level <= Level::Error && self.tally.first_error.is_none() {
            self.tally.first_error = stamp.and_then(|stamp| self.at(stamp));
        }
    }

    /// Whether a stamp is of the last line's minute: only what is UTC has the same one whenever it has the same text.
    fn is_same(&self, stamp: &[u8]) -> bool {
        stamp.starts_with(&self.text) && stamp.ends_with(b"Z")
    }

    /// The moment of a stamp. That of the last line's minute is had sooner.
    pub(super) fn at(&self, stamp: &[u8]) -> Option<DateTime<Utc>> {
        let near = self.minute.filter(|_| self.is_same(stamp)).zip(seconds(stamp));
        let near = near.and_then(|(minute, (second, nano))| DateTime::from_timestamp(minute * 60 + second, nano));
        near.or_else(|| moment(stamp))
    }

    fn flush(&mut self) {
        let tally = std::mem::take(&mut self.tally);
        let Some(minute) = self.minute else { return };
        let is_full = self.minutes.len() >= MOST && !self.minutes.contains_key(&minute);
        let minute = self.minutes.last_key_value().map(|(last, _)| *last).filter(|_| is_full).unwrap_or(minute);
        self.minutes.entry(minute).or_default().add(&tally);
    }

    /// How many lines of each level there are, in all and by the minute.
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
    fn a_moment_that_is_had_sooner_is_the_same() {
        let mut minutes = Minutes::default();
        minutes.count(Some(b"2026-11-26T15:04:00Z"), Level::Info);
        let near = ["05Z", "59.9Z", "05.123456789Z", "05.000000001Z", "60Z", "60.5Z"];
        let odd = ["05.Z", "05.1234567891Z", "5Z", "0aZ", "05+02:00", "05.1+00:00", "99Z", "05.12 Z", "-1Z", "Z"];
        for second in near.iter().chain(&odd) {
            let stamp = format!("2026-11-26T15:04:{second}");
            assert_eq!(minutes.at(stamp.as_bytes()), moment(stamp.as_bytes()), "{stamp}");
        }
        assert!(near[..4].iter().all(|second| seconds(format!("2026-11-26T15:04:{second}").as_bytes()).is_some()));
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
        lines.iter().for_each(|(stamp, level)| minutes.count(Some(stamp.as_bytes()), *level));
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
