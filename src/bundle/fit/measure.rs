//! Owns the first pass over a log: how many lines of which rank it has, and about how many bytes
//! each rank takes in the zip.

use super::{
    level::Levels,
    lines::{LONG, Lines, Near, Part, RANKS, Stamp, stamp_of},
    logs::scaled,
    source::{Piece, Source},
    thin::{Thinned, marker},
};
use crate::bundle::{
    BundleError, LeftOut,
    compress::{Compressor, Count},
    hash::hex,
    zip_headers::DosTime,
};
use sha2::{Digest, Sha256};
use std::io;

/// Of each level's lines the first [`SAMPLE`] bytes of every [`CYCLE`] are compressed, to know how
/// far that level can be.
const CYCLE: u64 = 1 << 20;
const SAMPLE: u64 = 128 << 10;
/// No more of a line than this is in a sample.
const SOME: usize = 16 << 10;
/// A sample below this says less than the log as a whole.
const LEAST: u64 = 16 << 10;
/// What sizes are multiplied by for ratios.
const WHOLE: u64 = 1 << 20;

/// What is known of one log before anything is left out.
pub(super) struct Measured {
    /// About how many compressed bytes the lines of each rank take, ranks that it has in order.
    pub(super) sizes: Vec<(u16, u32)>,
    /// Numbers of its groups of lines that are long.
    pub(super) long: Vec<u64>,
    /// All that is left of it when no line is.
    pub(super) marker: String,
    /// The log that is this marker and nothing else.
    pub(super) least: Thinned,
}

/// Measures logs, one after the other.
pub(super) struct Measurer<'a> {
    levels: &'a Levels,
    near: Near,
    /// Bytes by rank, as they are in the log.
    bytes: Vec<u64>,
}

impl<'a> Measurer<'a> {
    pub(super) fn new(levels: &'a Levels, near: Near) -> Self {
        Self { levels, near, bytes: vec![0; RANKS] }
    }

    /// Reads a log to its end, and checks that it is the one the manifest speaks of.
    pub(super) fn measure(&mut self, source: &Source<'_>, log: &Piece<'_>) -> Result<Measured, BundleError> {
        let start = source.manifest().window_start;
        let mut lines = Lines::new(self.levels, self.near, start, &[]);
        let start = stamp_of(start);
        let mut tally = Tally {
            bytes: &mut self.bytes,
            samples: Default::default(),
            lines: LeftOut::default(),
            first: None,
            last: start,
            group: Group::default(),
            long: Vec::new(),
            line: 0,
        };
        let mut sha = Sha256::new();
        // Nothing here reaches a disk.
        let failed = |error| BundleError::io("measure", source.path(), error);
        source.read(log.info, |chunk| {
            sha.update(chunk);
            lines.push(chunk, |part| tally.take(&part)).map_err(failed)
        })?;
        source.check(log, &hex(&sha.finalize()))?;
        lines.finish(|part| tally.take(&part)).map_err(failed)?;
        tally.finish(log).map_err(failed)
    }
}

/// What is added up of one log.
struct Tally<'a> {
    bytes: &'a mut [u64],
    samples: [Sample; 4],
    lines: LeftOut,
    first: Option<Stamp>,
    last: Stamp,
    group: Group,
    long: Vec<u64>,
    /// How much of the line there was.
    line: usize,
}

/// The lines that belong together and have come so far.
#[derive(Default)]
struct Group {
    number: u64,
    rank: usize,
    bytes: u64,
}

impl Tally<'_> {
    fn take(&mut self, part: &Part<'_>) -> io::Result<()> {
        if part.group != self.group.number {
            self.end_group();
        }
        self.group.number = part.group;
        self.group.rank = part.rank;
        self.group.bytes += part.bytes.len() as u64;
        if part.begins {
            self.lines.add(part.level, 1);
            self.last = part.stamp.unwrap_or(self.last);
            self.first.get_or_insert(self.last);
            self.line = 0;
        }
        self.bytes[part.rank] += part.bytes.len() as u64;
        // The beginning of a long line says more of the others than all of it.
        let some = part.bytes.len().min(SOME.saturating_sub(self.line));
        self.line += part.bytes.len();
        self.samples[part.level as usize].take(&part.bytes[..some])
    }

    fn end_group(&mut self) {
        let Group { number, rank, bytes } = std::mem::take(&mut self.group);
        if bytes > LONG {
            self.bytes[rank] -= bytes;
            self.bytes[RANKS - 1] += bytes;
            self.long.push(number);
        }
    }

    fn finish(mut self, log: &Piece<'_>) -> io::Result<Measured> {
        self.end_group();
        let whole = (log.info.compressed * WHOLE).checked_div(log.info.bytes).unwrap_or_default();
        let mut ratios = [whole; 4];
        for (ratio, sample) in ratios.iter_mut().zip(self.samples) {
            *ratio = sample.ratio()?.unwrap_or(*ratio);
        }
        let mut sizes = Vec::new();
        for (rank, bytes) in self.bytes.iter_mut().enumerate().filter(|(_, bytes)| **bytes > 0) {
            let ratio = ratios[rank * ratios.len() / RANKS];
            let size = u128::from(std::mem::take(bytes)) * u128::from(ratio) / u128::from(WHOLE);
            sizes.push((u16::try_from(rank).unwrap_or(u16::MAX), u32::try_from(size).unwrap_or(u32::MAX)));
        }
        let marker = marker(&self.first.unwrap_or(self.last), &self.last, &self.lines);
        let mut compressor = Compressor::new(Count(0));
        compressor.write(marker.as_bytes())?;
        let least = compressor.finish(DosTime::default())?;
        let least = Thinned::of_marker(least.header, least.sha256, self.lines);
        Ok(Measured { sizes, long: self.long, marker, least })
    }
}

/// Some of the lines of one level, compressed.
#[derive(Default)]
struct Sample {
    seen: u64,
    compressor: Option<Compressor<Count>>,
}

impl Sample {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let is_in = self.seen % CYCLE < SAMPLE;
        self.seen += bytes.len() as u64;
        if is_in { self.compressor.get_or_insert_with(|| Compressor::new(Count(0))).write(bytes) } else { Ok(()) }
    }

    /// Compressed bytes for each byte, times [`WHOLE`]; none when there was too little to say.
    fn ratio(self) -> io::Result<Option<u64>> {
        let Some(compressor) = self.compressor else { return Ok(None) };
        let header = compressor.finish(DosTime::default())?.header;
        Ok((header.bytes >= LEAST).then(|| header.compressed * WHOLE / header.bytes))
    }
}

impl Measured {
    /// Whether it has a line of this rank or a later one.
    pub(super) fn reaches(&self, cut: usize) -> bool {
        self.sizes.last().is_some_and(|(rank, _)| usize::from(*rank) >= cut)
    }

    /// About how many compressed bytes the lines below a rank take.
    pub(super) fn below(&self, cut: usize) -> u64 {
        self.sizes.iter().take_while(|(rank, _)| usize::from(*rank) < cut).map(|(_, size)| u64::from(*size)).sum()
    }

    /// Where to cut for `aim` bytes, when cut at `at` they were `seen`.
    pub(super) fn cut(&self, aim: u64, seen: u64, at: usize) -> usize {
        let guessed = self.below(at);
        let mut sum = 0;
        let is_over = |(_, size): &&(u16, u32)| {
            sum += u64::from(*size);
            scaled(sum, seen, guessed) > aim
        };
        self.sizes.iter().find(is_over).map_or(RANKS, |(rank, _)| usize::from(*rank))
    }

    /// Whether any line has a rank below it.
    pub(super) fn keeps(&self, cut: usize) -> bool {
        self.sizes.first().is_some_and(|(rank, _)| usize::from(*rank) < cut)
    }

    /// The next cut above `at` that leaves out less.
    pub(super) fn after(&self, at: usize) -> usize {
        let mut rest = self.sizes.iter().map(|(rank, _)| usize::from(*rank)).skip_while(|rank| *rank < at);
        rest.nth(1).unwrap_or(RANKS)
    }

    /// The next cut below `at` that leaves out more.
    pub(super) fn before(&self, at: usize) -> usize {
        self.sizes.iter().map(|(rank, _)| usize::from(*rank)).take_while(|rank| *rank < at).last().unwrap_or_default()
    }
}
