//! Owns where a log's lines begin and end, whatever its chunks are, and the rank of each: when it
//! is its turn to be left out.
//!
//! A line's rank is its level first and its distance from the incident second. A line that does not
//! begin with the kubelet's timestamp belongs to the line before it and shares its fate: together
//! they are a group.

use super::level::{LOOK, Level, Levels, begins_panic};
use crate::bundle::Manifest;
use chrono::{DateTime, SecondsFormat, Utc};
use std::io;

/// Longest timestamp of a kubelet: nine digits and an offset.
const STAMP: usize = 35;
/// Steps of distance for each doubling of it: neighbours differ by one part in 64.
const STEPS: usize = 64;
/// Steps of distance in all; the last is for all that is more than 17 years away.
const DISTANCES: usize = 35 * STEPS;
/// How many ranks there are.
pub(super) const RANKS: usize = 4 * DISTANCES;
/// A group of more bytes has the last rank, for one like it may be larger than all there is room for.
pub(super) const LONG: u64 = 1 << 20;

/// A timestamp as the kubelet wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([u8; STAMP], u8);

impl Stamp {
    fn new(text: &[u8]) -> Self {
        let mut stamp = Self([0; STAMP], 0);
        let length = text.len().min(STAMP);
        stamp.0[..length].copy_from_slice(&text[..length]);
        stamp.1 = u8::try_from(length).unwrap_or_default();
        stamp
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.0[..usize::from(self.1)]).unwrap_or_default()
    }

    pub(super) fn time(&self) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc3339(self.text()).ok().map(|at| at.with_timezone(&Utc))
    }
}

/// From where nearness counts, in milliseconds since 1970: the incident, or, when none was named,
/// the window's end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    from: i64,
    to: i64,
}

impl Near {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let from = manifest.incident_start.unwrap_or(manifest.window_end);
        let to = manifest.incident_end.filter(|_| manifest.incident_start.is_some()).unwrap_or(from).max(from);
        Self { from: from.timestamp_millis(), to: to.timestamp_millis() }
    }

    /// Within the incident its beginning and its end are the nearest, and all of it is nearer than
    /// what lies outside.
    fn distance(self, at: i64) -> u64 {
        let within = (at - self.from).min(self.to - at);
        let half = (self.to - self.from) / 2;
        u64::try_from(if within >= 0 { within } else { half - within }).unwrap_or_default()
    }

    fn rank(self, level: Level, at: i64) -> usize {
        level as usize * DISTANCES + step(self.distance(at))
    }
}

/// Steps that widen with the distance: a millisecond at first, and never more than a 64th of it.
fn step(distance: u64) -> usize {
    let octave = (u64::BITS - 1).saturating_sub(distance.leading_zeros()).saturating_sub(STEPS.ilog2());
    let within = usize::try_from(distance >> octave).unwrap_or_default();
    (octave as usize * STEPS + within).min(DISTANCES - 1)
}

/// A line, or a part of one that is long.
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether the line begins with it.
    pub(super) begins: bool,
    /// The line's timestamp; none where it has none of its own.
    pub(super) stamp: Option<Stamp>,
    /// When that is, or when the line before it was, in milliseconds since 1970.
    pub(super) at: i64,
    pub(super) level: Level,
    /// The smaller, the longer it stays.
    pub(super) rank: usize,
    /// Number of its group in the log.
    pub(super) group: u64,
}

/// Takes one log apart.
pub(super) struct Lines<'a> {
    levels: &'a Levels,
    near: Near,
    /// Numbers of the groups that are long, as far as is known.
    long: &'a [u64],
    clock: Clock,
    /// The beginning of a line of which too little has come to judge it.
    head: Vec<u8>,
    in_line: bool,
    in_panic: bool,
    level: Level,
    at: i64,
    rank: usize,
    group: u64,
}

impl<'a> Lines<'a> {
    /// Lines ahead of any timestamp count as from `start`, the window's, and are the first group.
    pub(super) fn new(levels: &'a Levels, near: Near, start: DateTime<Utc>, long: &'a [u64]) -> Self {
        let at = start.timestamp_millis();
        let mut lines = Self {
            levels,
            near,
            long,
            clock: Clock::default(),
            head: Vec::new(),
            in_line: false,
            in_panic: false,
            level: Level::Info,
            at,
            rank: 0,
            group: 0,
        };
        lines.rank = lines.rank_of(0);
        lines
    }

    fn rank_of(&mut self, group: u64) -> usize {
        match self.long.split_first() {
            Some((first, rest)) if *first == group => {
                self.long = rest;
                RANKS - 1
            }
            _ => self.near.rank(self.level, self.at),
        }
    }

    /// Hands on the lines of the next bytes.
    pub(super) fn push(
        &mut self,
        mut chunk: &[u8],
        mut take: impl FnMut(Part<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if !self.head.is_empty() {
            let more = chunk.len().min(LOOK + STAMP - self.head.len());
            let more = memchr::memchr(b'\n', &chunk[..more]).map_or(more, |at| at + 1);
            self.head.extend_from_slice(&chunk[..more]);
            chunk = &chunk[more..];
            if self.head.last() != Some(&b'\n') && self.head.len() < LOOK + STAMP {
                return Ok(());
            }
            self.take_head(&mut take)?;
        }
        while !chunk.is_empty() {
            let end = memchr::memchr(b'\n', chunk).map(|at| at + 1);
            if !self.in_line && end.is_none() && chunk.len() < LOOK + STAMP {
                self.head.extend_from_slice(chunk);
                return Ok(());
            }
            let (part, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
            take(if self.in_line { self.part(part, None, false) } else { self.begin(part) })?;
            self.in_line = end.is_none();
            chunk = rest;
        }
        Ok(())
    }

    /// Hands on the last line, when it has no end.
    pub(super) fn finish(mut self, mut take: impl FnMut(Part<'_>) -> io::Result<()>) -> io::Result<()> {
        if self.head.is_empty() { Ok(()) } else { self.take_head(&mut take) }
    }

    fn take_head(&mut self, take: &mut impl FnMut(Part<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut head = std::mem::take(&mut self.head);
        let taken = take(self.begin(&head));
        self.in_line = head.last() != Some(&b'\n');
        head.clear();
        self.head = head;
        taken
    }

    fn begin<'b>(&mut self, line: &'b [u8]) -> Part<'b> {
        let Some((stamp, at)) = self.clock.read(line) else {
            return self.part(line, None, true);
        };
        let message = line.get(stamp.len() + 1..).unwrap_or_default();
        let said = self.levels.of(message);
        self.in_panic = begins_panic(message) || said.is_none() && self.in_panic;
        self.level = said.unwrap_or(if self.in_panic { Level::Error } else { Level::Info });
        self.at = at;
        self.group += 1;
        self.rank = self.rank_of(self.group);
        self.part(line, Some(Stamp::new(stamp)), true)
    }

    fn part<'b>(&self, bytes: &'b [u8], stamp: Option<Stamp>, begins: bool) -> Part<'b> {
        let Self { at, level, rank, group, .. } = *self;
        Part { bytes, begins, stamp, at, level, rank, group }
    }
}

/// The text of a moment as the kubelet writes it.
pub(super) fn stamp_of(at: DateTime<Utc>) -> Stamp {
    Stamp::new(at.to_rfc3339_opts(SecondsFormat::Nanos, true).as_bytes())
}

/// Reads timestamps. All lines of a log are of one form and most of one minute, so what was parsed
/// once is compared from then on.
#[derive(Default)]
struct Clock {
    /// `2026-11-22T15:42:` of the last line that was parsed.
    minute: [u8; 17],
    /// `Z` or the node's offset; empty before the first line.
    zone: Vec<u8>,
    /// That minute in milliseconds since 1970.
    base: i64,
}

/// Where the fraction of a second begins, and where its nine digits end.
const FRACTION: usize = 20;
const ZONE: usize = 29;

impl Clock {
    /// The timestamp that a line begins with, and when that is.
    fn read<'l>(&mut self, line: &'l [u8]) -> Option<(&'l [u8], i64)> {
        if let Some(known) = self.compare(line) {
            return Some(known);
        }
        let end = line.iter().take(STAMP + 1).position(|byte| *byte == b' ' || *byte == b'\n')?;
        let stamp = &line[..end];
        if stamp.get(10) != Some(&b'T') {
            return None;
        }
        let at = DateTime::parse_from_rfc3339(std::str::from_utf8(stamp).ok()?).ok()?.timestamp_millis();
        let is_usual = stamp.len() > ZONE
            && stamp[FRACTION - 1] == b'.'
            && stamp[FRACTION..ZONE].iter().all(u8::is_ascii_digit)
            && digits(&stamp[17..19]).is_some_and(|second| second < 60);
        if is_usual {
            self.minute.copy_from_slice(&stamp[..17]);
            self.zone = stamp[ZONE..].to_vec();
            self.base = at - at.rem_euclid(60_000);
        }
        Some((stamp, at))
    }

    fn compare<'l>(&self, line: &'l [u8]) -> Option<(&'l [u8], i64)> {
        let end = ZONE + self.zone.len();
        let is_known = !self.zone.is_empty()
            && line.len() > end
            && line[..17] == self.minute
            && line[FRACTION - 1] == b'.'
            && line[ZONE..end] == self.zone[..]
            && (line[end] == b' ' || line[end] == b'\n');
        if !is_known {
            return None;
        }
        let second = digits(&line[17..19]).filter(|second| *second < 60)?;
        digits(&line[FRACTION + 3..ZONE])?;
        Some((&line[..end], self.base + second * 1000 + digits(&line[FRACTION..FRACTION + 3])?))
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_rise_with_the_distance_and_are_never_wider_than_a_64th_of_it() {
        let mut last = 0;
        for distance in (0..5000).chain((13..40).map(|power| 1 << power)) {
            let this = step(distance);
            assert!(this >= last, "{distance}");
            last = this;
            assert_eq!(this == step(distance + 1 + distance / 32), this == DISTANCES - 1, "{distance}");
        }
        assert_eq!(step(u64::MAX), DISTANCES - 1);
    }

    #[test]
    fn within_an_incident_all_is_nearer_than_outside() {
        let near = Near { from: 1000, to: 5000 };
        assert_eq!([1000, 5000, 1300, 3000].map(|at| near.distance(at)), [0, 0, 300, 2000]);
        assert_eq!([999, 5001, 0].map(|at| near.distance(at)), [2001, 2001, 3000]);
    }

    #[test]
    fn timestamps_compared_are_those_parsed() {
        let mut clock = Clock::default();
        for text in [
            "2026-11-22T15:42:00.000000001Z",
            "2026-11-22T15:42:59.999999999Z",
            "2026-11-22T15:43:00.120000000Z",
            "2026-11-22T15:43:00.120000000+05:30",
            "2026-11-22T15:43:01.120000000+05:30",
            "2026-11-22T15:43:01Z",
            "2026-11-22T15:43:01.5Z",
        ] {
            let line = format!("{text} x");
            let (stamp, at) = clock.read(line.as_bytes()).expect(text);
            assert_eq!(stamp, text.as_bytes());
            assert_eq!(at, DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis(), "{text}");
            assert_eq!(Stamp::new(stamp).time().map(|at| at.timestamp_millis()), Some(at));
        }
        for line in [
            "",
            "x",
            "2026-11-22T15:43:01.120000000+05:30",
            "2026-11-22 15:43:01Z x",
            "2026-11-22T15:43:61.120000000+05:30 x",
            "2026-11-22T15:43:01.12000000x+05:30 x",
        ] {
            assert!(clock.read(line.as_bytes()).is_none(), "{line}");
        }
    }
}
