//! Owns one log: the rank of each line, the bytes that its lines take, and the log that remains when lines are left
//! out.
//!
//! A line that does not begin with the kubelet's timestamp belongs to the line before it, and has that line's rank.
//!
//! A marker stands where lines are missing, in the place of the first one, so the log stays sorted by its timestamps.
//! Kept lines that follow a marker are held back, up to [`HELD`] bytes and [`SPAN`] of time, so that the same marker
//! can also count the lines missing between them. A log that loses every other line therefore has one marker a minute.

use super::bands::{Bands, LEVELS, Near, Rank};
use crate::{
    bundle::{
        compress::{Compressed, Compressor, CountingSink, Sink},
        fitted::LeftOut,
        zip_headers::{DosTime, EntryHeader},
    },
    kubelet_log::{Level, LinePart, LineSplitter, Stamp, level, split},
};
use chrono::{DateTime, SecondsFormat, Utc};
use std::io;

/// A line of more bytes is too long: a single one may exceed the limit.
const LONG: usize = 1 << 20;
/// How much of a line decides its level, in bytes.
const LOOK: usize = 4096;
/// Most bytes of kept lines that one marker spans.
const HELD: usize = 64 * 1024;
/// Longest time between the first line that a marker counts and a kept line that it still spans, in milliseconds.
const SPAN: u64 = 60_000;
/// Of each level's lines, the first [`SAMPLE`] bytes of every [`CYCLE`] are compressed, to estimate how well they
/// compress.
const CYCLE: u64 = 1 << 20;
const SAMPLE: u64 = 128 << 10;
/// A sample of fewer bytes says less than the log as a whole.
const LEAST: u64 = 16 << 10;

/// A line of a log.
pub(super) struct Line<'a> {
    /// With its line break. For a line that is too long, only its beginning.
    bytes: &'a [u8],
    /// None when it does not begin with one.
    stamp: Option<Stamp<'a>>,
    /// When it, or the line that it belongs to, was written, in milliseconds since 1970.
    at: i64,
    level: Level,
    rank: Rank,
}

/// Reads a log's lines.
pub(super) struct Lines {
    splitter: LineSplitter,
    ranking: Ranking,
}

/// What decides a line's rank.
struct Ranking {
    near: Near,
    /// The parts so far of a line that arrives in parts.
    held: Vec<u8>,
    is_long: bool,
    in_panic: bool,
    /// Those of the last line that had a timestamp.
    at: i64,
    level: Level,
    rank: Rank,
}

impl Lines {
    /// Lines before the first timestamp count as written at `start`, the window's start.
    pub(super) fn new(near: Near, start: DateTime<Utc>) -> Self {
        let (at, level) = (start.timestamp_millis(), Level::None);
        let rank = Rank::new(level, near.distance(at));
        let ranking = Ranking { near, held: Vec::new(), is_long: false, in_panic: false, at, level, rank };
        Self { splitter: LineSplitter::new(0), ranking }
    }

    /// Hands on the lines that end in the next bytes.
    pub(super) fn push(&mut self, chunk: &[u8], mut take: impl FnMut(&Line<'_>) -> io::Result<()>) -> io::Result<()> {
        let Self { splitter, ranking } = self;
        let blocks = splitter.push(chunk);
        blocks.into_iter().flat_map(|block| block.parts()).try_for_each(|part| ranking.part(part, &mut take))
    }

    /// Hands on the last line, when it has no end.
    pub(super) fn finish(mut self, mut take: impl FnMut(&Line<'_>) -> io::Result<()>) -> io::Result<()> {
        if self.ranking.held.is_empty() { Ok(()) } else { self.ranking.held(&mut take) }
    }
}

impl Ranking {
    fn part(&mut self, part: LinePart<'_>, take: &mut impl FnMut(&Line<'_>) -> io::Result<()>) -> io::Result<()> {
        if part.is_start && part.is_end() {
            return self.line(part.bytes, take);
        }
        self.is_long |= self.held.len() + part.bytes.len() > LONG;
        if !self.is_long || self.held.len() < LOOK {
            self.held.extend_from_slice(part.bytes);
        }
        if part.is_end() { self.held(take) } else { Ok(()) }
    }

    fn held(&mut self, take: &mut impl FnMut(&Line<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut held = std::mem::take(&mut self.held);
        let taken = self.line(&held, take);
        held.clear();
        self.held = held;
        self.is_long = false;
        taken
    }

    fn line(&mut self, bytes: &[u8], take: &mut impl FnMut(&Line<'_>) -> io::Result<()>) -> io::Result<()> {
        let (stamp, text) = split(bytes);
        if let Some(stamp) = stamp {
            let text = text.get(..LOOK).unwrap_or(text).trim_ascii_end();
            let said = level(text);
            // The last lines of a dying process have no level of their own.
            self.in_panic = match said {
                Level::Fatal => !text.starts_with(b"{"),
                Level::None => self.in_panic,
                _ => false,
            };
            self.level = if said == Level::None && self.in_panic { Level::Error } else { said };
            self.at = stamp.at().timestamp_millis();
            self.rank = Rank::new(self.level, self.near.distance(self.at));
        }
        if self.is_long {
            self.rank = Rank::LONG;
        }
        take(&Line { bytes, stamp, at: self.at, level: self.level, rank: self.rank })
    }
}

/// The bytes that a log's lines take.
pub(super) struct Sizes {
    bands: Bands,
    samples: [Sample; LEVELS],
    last: Rank,
}

impl Sizes {
    pub(super) fn new() -> Self {
        Self { bands: Bands::default(), samples: Default::default(), last: Rank::NONE }
    }

    pub(super) fn take(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.last = self.last.max(line.rank);
        self.bands.add(line.rank, line.bytes.len() as u64);
        self.samples.get_mut(line.rank.level()).map_or(Ok(()), |sample| sample.take(line.bytes))
    }

    /// Adds an estimate of what the lines take in the zip to `bands`; the whole log takes `compressed` for its `bytes`.
    /// Returns the rank of the line that is left out first.
    pub(super) fn add_to(self, bands: &mut Bands, (compressed, bytes): (u64, u64)) -> io::Result<Rank> {
        let mut ratios = [(compressed, bytes); LEVELS];
        for (ratio, sample) in ratios.iter_mut().zip(self.samples) {
            *ratio = sample.ratio()?.unwrap_or(*ratio);
        }
        bands.add_scaled(&self.bands, ratios);
        Ok(self.last)
    }
}

/// Some lines of one level, compressed.
#[derive(Default)]
struct Sample {
    seen: u64,
    compressor: Option<Compressor<CountingSink>>,
}

impl Sample {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let is_in = self.seen % CYCLE < SAMPLE;
        self.seen += bytes.len() as u64;
        if !is_in {
            return Ok(());
        }
        self.compressor.get_or_insert_with(|| Compressor::new(CountingSink::default())).write(bytes)
    }

    /// Compressed bytes and bytes, unless there were too few.
    fn ratio(self) -> io::Result<Option<(u64, u64)>> {
        let Some(compressor) = self.compressor else { return Ok(None) };
        let header = compressor.finish(DosTime::default())?.header;
        Ok((header.bytes >= LEAST).then_some((header.compressed, header.bytes)))
    }
}

/// A log of which lines were left out.
#[derive(Clone, Debug)]
pub(super) struct Thinned {
    pub(super) header: EntryHeader,
    pub(super) sha256: String,
    /// Lines that are still there, without markers.
    pub(super) kept: u64,
    pub(super) left_out: LeftOut,
    /// When the first and the last line that are still there were written.
    pub(super) first: Option<DateTime<Utc>>,
    pub(super) last: Option<DateTime<Utc>>,
}

/// Lines left out since the last marker.
struct Gap {
    /// Timestamps of the first and the last one, as they are written.
    first: Vec<u8>,
    last: Vec<u8>,
    at: i64,
    lines: LeftOut,
}

/// Takes a log's lines in order, and leaves what is kept of them compressed in a sink.
pub(super) struct Thinner<S> {
    compressor: Compressor<S>,
    /// Lines below this rank are kept.
    cut: Rank,
    /// The timestamp for lines that have none and follow none.
    start: String,
    gap: Option<Gap>,
    /// Kept lines that follow the marker of that gap.
    held: Vec<u8>,
    kept: u64,
    left_out: LeftOut,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
}

impl<S: Sink> Thinner<S> {
    pub(super) fn new(sink: S, cut: Rank, start: DateTime<Utc>) -> Self {
        Self {
            compressor: Compressor::new(sink),
            cut,
            start: start.to_rfc3339_opts(SecondsFormat::Nanos, true),
            gap: None,
            held: Vec::new(),
            kept: 0,
            left_out: LeftOut::default(),
            first: None,
            last: None,
        }
    }

    pub(super) fn take(&mut self, line: &Line<'_>) -> io::Result<()> {
        if line.rank >= self.cut {
            self.leave_out(line);
            return Ok(());
        }
        let at = line.stamp.map(Stamp::at);
        self.kept += 1;
        self.first = self.first.or(at);
        self.last = at.or(self.last);
        let is_full = self.held.len() + line.bytes.len() > HELD;
        if self.gap.as_ref().is_some_and(|gap| is_full || line.at.abs_diff(gap.at) > SPAN) {
            self.close()?;
        }
        if self.gap.is_some() {
            self.held.extend_from_slice(line.bytes);
            return Ok(());
        }
        self.compressor.write(line.bytes)
    }

    fn leave_out(&mut self, line: &Line<'_>) {
        self.left_out.add(line.level);
        let stamp = line.stamp.map(Stamp::text);
        let gap = self.gap.get_or_insert_with(|| {
            let first = stamp.unwrap_or(self.start.as_bytes()).to_vec();
            Gap { last: first.clone(), first, at: line.at, lines: LeftOut::default() }
        });
        gap.lines.add(line.level);
        if let Some(stamp) = stamp {
            gap.last.clear();
            gap.last.extend_from_slice(stamp);
        }
    }

    fn close(&mut self) -> io::Result<()> {
        if let Some(gap) = self.gap.take() {
            self.compressor.write(gap.marker().as_bytes())?;
            self.compressor.write(&self.held)?;
            self.held.clear();
        }
        Ok(())
    }

    pub(super) fn finish(mut self, time: DosTime) -> io::Result<(S, Thinned)> {
        self.close()?;
        let Self { compressor, kept, left_out, first, last, .. } = self;
        let Compressed { sink, header, sha256 } = compressor.finish(time)?;
        Ok((sink, Thinned { header, sha256, kept, left_out, first, last }))
    }
}

impl Gap {
    /// The line that stands for the lines left out: the first one's timestamp, and JSON that counts them by level and
    /// has the last one's timestamp.
    fn marker(&self) -> String {
        let LeftOut { debug, info, warn, error } = self.lines;
        let counts = [("debug", debug), ("info", info), ("warn", warn), ("error", error)];
        let counts = counts.iter().filter(|(_, lines)| *lines > 0);
        let counts: String = counts.map(|(level, lines)| format!(",\"{level}\":{lines}")).collect();
        let [first, last] = [&self.first, &self.last].map(|stamp| String::from_utf8_lossy(stamp));
        format!("{first} {{\"kubectl-escalate\":\"lines left out\"{counts},\"until\":\"{last}\"}}\n")
    }
}
