//! Owns the parsing of what a user writes for an incident or a duration. The file above decides which times are
//! allowed.

use super::{Incident, WindowError, check};
use chrono::{DateTime, FixedOffset, MappedLocalTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};

/// Reads a duration as kubectl and Prometheus write them: `15m`, `1h30m`,
/// `90s`, `1.5h`, `2d`, `1w`. A number needs its unit, except for `0`.
pub fn parse_duration(text: &str) -> Result<TimeDelta, WindowError> {
    let trimmed = text.trim();
    if let Some(rest) = trimmed.strip_prefix('-')
        && duration(rest).is_some()
    {
        return Err(WindowError::Negative { text: shown(text) });
    }
    let nanos = duration(trimmed).ok_or_else(|| WindowError::NotADuration { text: shown(text) })?;
    let nanos = i64::try_from(nanos).map_err(|_| WindowError::TooLong { what: format!("`{}`", shown(text)) })?;
    Ok(TimeDelta::nanoseconds(nanos))
}

/// Writes a duration so that [`parse_duration`] reads it: `1h30m`, `0s`.
pub fn format_duration(length: TimeDelta) -> String {
    let mut rest = i128::from(length.num_nanoseconds().unwrap_or(i64::MAX));
    let units = [("h", 3_600 * SECOND), ("m", 60 * SECOND), ("s", SECOND), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
    let mut text = String::new();
    for (unit, nanos) in units {
        if rest >= nanos {
            text.push_str(&format!("{}{unit}", rest / nanos));
            rest %= nanos;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads an incident:
///
/// - RFC 3339 with any offset, a space for the `T` allowed, and seconds or the offset left out
///   (then it is in `zone`);
/// - `14:05`, `14:05:30`: the latest one past, in `zone`; `14:05Z`: the latest one past in UTC;
/// - `-20m`: that long before `now`; and `now`;
/// - `START/END`, both in any of these forms. An end that is only a time of day is the first
///   one after the start, in the start's offset if that has one and the end has none;
/// - `START/`: until `now`.
///
/// A local time that clocks skipped is refused. One that they showed twice is the later of the two, unless that one is
/// in the future.
pub fn parse_incident(text: &str, now: DateTime<Utc>, zone: &impl TimeZone) -> Result<Incident, WindowError> {
    let not_a_time = || WindowError::NotATime { text: shown(text) };
    let incident = match text.trim().split_once('/') {
        None => {
            let at = Point::read(text, now).ok_or_else(not_a_time)?.latest(now, now, zone)?;
            Incident { start: at, end: at }
        }
        Some((start, "")) => {
            let start = Point::read(start, now).ok_or_else(not_a_time)?.latest(now, now, zone)?;
            // Clocks differ: a start that is seconds ahead of ours has begun all the same.
            Incident { start, end: start.max(now) }
        }
        Some((start, end)) => {
            let start = Point::read(start, now).ok_or_else(not_a_time)?;
            let end = Point::read(end, now).ok_or_else(not_a_time)?.with_offset_of(&start);
            // A time of day is looked for before the end, when that is known without it.
            let limit = match end {
                Point::Clock { date: None, .. } => now,
                _ => now.min(end.latest(now, now, zone)?),
            };
            let start = start.latest(limit, now, zone)?;
            Incident { start, end: end.first(start, now, zone)? }
        }
    };
    check(&incident, now)?;
    Ok(incident)
}

/// One side of an incident, as far as its text alone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Moment(DateTime<Utc>),
    Clock { date: Option<NaiveDate>, time: NaiveTime, offset: Option<FixedOffset> },
}

impl Point {
    fn read(text: &str, now: DateTime<Utc>) -> Option<Point> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("now") {
            return Some(Point::Moment(now));
        }
        if let Some(ago) = text.strip_prefix('-') {
            let ago = TimeDelta::nanoseconds(i64::try_from(duration(ago)?).ok()?);
            return now.checked_sub_signed(ago).map(Point::Moment);
        }
        let mut rest = text;
        let date = date(&mut rest);
        if date.is_some() {
            // No `trim_start`: one separator, and never a line break.
            rest = rest.strip_prefix(['T', 't', ' '])?;
        }
        let time = time(&mut rest)?;
        let offset = match rest.strip_prefix(' ').unwrap_or(rest) {
            "" if rest.is_empty() => None,
            text => Some(offset(text)?),
        };
        Some(Point::Clock { date, time, offset })
    }

    /// An end without an offset has its start's, as in ISO 8601.
    fn with_offset_of(self, start: &Point) -> Point {
        match (self, start) {
            (Point::Clock { date, time, offset: None }, Point::Clock { offset, .. }) => {
                Point::Clock { date, time, offset: *offset }
            }
            _ => self,
        }
    }

    /// The latest matching moment that is not after `limit`; one with a date or without a time of day is fixed.
    fn latest(
        self,
        limit: DateTime<Utc>,
        now: DateTime<Utc>,
        zone: &impl TimeZone,
    ) -> Result<DateTime<Utc>, WindowError> {
        match self {
            Point::Moment(at) => Ok(at),
            Point::Clock { date: Some(date), time, offset: Some(offset) } => exact(date, time, now, &offset),
            Point::Clock { date: Some(date), time, offset: None } => exact(date, time, now, zone),
            Point::Clock { date: None, time, offset: Some(offset) } => last_before(time, limit, &offset),
            Point::Clock { date: None, time, offset: None } => last_before(time, limit, zone),
        }
    }

    /// The first matching moment that is not before `start`; one with a date or without a time of day is fixed.
    fn first(
        self,
        start: DateTime<Utc>,
        now: DateTime<Utc>,
        zone: &impl TimeZone,
    ) -> Result<DateTime<Utc>, WindowError> {
        match self {
            Point::Clock { date: None, time, offset: Some(offset) } => first_after(time, start, &offset),
            Point::Clock { date: None, time, offset: None } => first_after(time, start, zone),
            known => known.latest(now, now, zone),
        }
    }
}

/// The moments that a zone's clocks showed `date` and `time`, earliest first.
fn moments(date: NaiveDate, time: NaiveTime, zone: &impl TimeZone) -> Vec<DateTime<Utc>> {
    let mut found = match zone.from_local_datetime(&date.and_time(time)) {
        MappedLocalTime::None => Vec::new(),
        MappedLocalTime::Single(at) => vec![at.to_utc()],
        MappedLocalTime::Ambiguous(one, other) => vec![one.to_utc(), other.to_utc()],
    };
    found.sort();
    found
}

fn exact(
    date: NaiveDate,
    time: NaiveTime,
    now: DateTime<Utc>,
    zone: &impl TimeZone,
) -> Result<DateTime<Utc>, WindowError> {
    let found = moments(date, time, zone);
    let past = found.iter().rev().find(|at| **at <= now);
    past.or(found.first()).copied().ok_or(WindowError::Skipped { text: time, date })
}

fn last_before(time: NaiveTime, limit: DateTime<Utc>, zone: &impl TimeZone) -> Result<DateTime<Utc>, WindowError> {
    let local = limit.with_timezone(zone).naive_local();
    // From tomorrow: if clocks went back over midnight, its first minutes may already be in the past.
    let days = std::iter::successors(local.date().succ_opt(), |day| day.pred_opt()).take(4);
    for date in days {
        let found = moments(date, time, zone);
        if let Some(at) = found.iter().rev().find(|at| **at <= limit) {
            return Ok(*at);
        }
        // The day before would be a guess: whoever names a time of last night means last night.
        if found.is_empty() && date.and_time(time) <= local {
            return Err(WindowError::Skipped { text: time, date });
        }
    }
    Err(WindowError::Skipped { text: time, date: local.date() })
}

fn first_after(time: NaiveTime, start: DateTime<Utc>, zone: &impl TimeZone) -> Result<DateTime<Utc>, WindowError> {
    let local = start.with_timezone(zone).naive_local();
    let days = std::iter::successors(local.date().pred_opt(), |day| day.succ_opt()).take(4);
    for date in days {
        let found = moments(date, time, zone);
        if let Some(at) = found.iter().find(|at| **at >= start) {
            return Ok(*at);
        }
        if found.is_empty() && date.and_time(time) >= local {
            return Err(WindowError::Skipped { text: time, date });
        }
    }
    Err(WindowError::Skipped { text: time, date: local.date() })
}

/// Takes `2026-11-22` from the front, or nothing.
fn date(rest: &mut &str) -> Option<NaiveDate> {
    let mut ahead = *rest;
    let year = digits(&mut ahead, 4..=4)?;
    ahead = ahead.strip_prefix('-')?;
    let month = digits(&mut ahead, 2..=2)?;
    ahead = ahead.strip_prefix('-')?;
    let day = digits(&mut ahead, 2..=2)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    *rest = ahead;
    Some(date)
}

/// Takes `14:05`, `14:05:30` or `14:05:30.25` from the front.
fn time(rest: &mut &str) -> Option<NaiveTime> {
    let hour = digits(rest, 1..=2)?;
    *rest = rest.strip_prefix(':')?;
    let minute = digits(rest, 2..=2)?;
    let (mut second, mut nanos) = (0, 0);
    if let Some(ahead) = rest.strip_prefix(':') {
        *rest = ahead;
        second = digits(rest, 2..=2)?;
        if let Some(ahead) = rest.strip_prefix('.') {
            let all = ahead.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, ahead) = ahead.split_at(all);
            *rest = ahead;
            nanos = format!("{:0<9}", fraction.get(..all.min(9)).filter(|text| !text.is_empty())?).parse().ok()?;
        }
    }
    if second == 60 {
        // Kubernetes' clocks have no leap seconds: use the last moment before it.
        (second, nanos) = (59, 999_999_999);
    }
    NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)
}

/// `Z`, `+01:00`, `+0100` or `+01`.
fn offset(text: &str) -> Option<FixedOffset> {
    if text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0);
    }
    let (sign, mut rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let hours = digits(&mut rest, 2..=2)?;
    let minutes = match rest.strip_prefix(':') {
        Some(ahead) => {
            rest = ahead;
            digits(&mut rest, 2..=2)?
        }
        None if rest.is_empty() => 0,
        None => digits(&mut rest, 2..=2)?,
    };
    if !rest.is_empty() || minutes > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?)
}

/// Takes as many ASCII digits from the front as there are, if their number is allowed.
fn digits(rest: &mut &str, allowed: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    if !allowed.contains(&count) {
        return None;
    }
    let (number, ahead) = rest.split_at(count);
    *rest = ahead;
    number.parse().ok()
}

/// A duration without a sign, in nanoseconds.
fn duration(text: &str) -> Option<i128> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (whole, ahead) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        let (fraction, ahead) = match ahead.strip_prefix('.') {
            Some(ahead) => ahead.split_at(ahead.bytes().take_while(u8::is_ascii_digit).count()),
            None => ("", ahead),
        };
        let end = ahead.find(|c: char| c.is_ascii_digit()).unwrap_or(ahead.len());
        let (unit, ahead) = ahead.split_at(end);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3_600 * SECOND,
            "d" => 86_400 * SECOND,
            "w" => 7 * 86_400 * SECOND,
            "y" => 365 * 86_400 * SECOND,
            _ => return None,
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        // The checks are for numbers of forty digits, which are durations, only too long ones.
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(i128::MAX) };
        let fraction: i128 = format!("{:0<9}", fraction.get(..fraction.len().min(9))?).parse().ok()?;
        total = total.saturating_add(whole.saturating_mul(unit)).saturating_add(fraction * unit / SECOND);
        rest = ahead;
    }
    (!text.is_empty()).then_some(total)
}

/// A second in nanoseconds.
const SECOND: i128 = 1_000_000_000;

/// What was given, fit for one line of an error.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}
