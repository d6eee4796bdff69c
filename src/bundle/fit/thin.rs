//! Owns the thinning of one log: lines stay whole or are left out, and a marker stands where any
//! are missing.
//!
//! A marker stands where the first line that it counts stood, so the log still sorts by its
//! timestamps. What is kept after it is held back for a while, up to [`HELD`] bytes and [`SPAN`] of
//! time: lines left out among that are counted by the same marker. So a log in which every other
//! line is left out has a marker a minute, not one for each.

use super::{
    level::Level,
    lines::{Part, Stamp},
};
use crate::bundle::{
    LeftOut,
    compress::{Compressed, Compressor, Sink},
    zip_headers::{DosTime, EntryHeader},
};
use std::io;

/// Most bytes of kept lines that one marker speaks for.
const HELD: usize = 64 * 1024;
/// Longest time from the first line that a marker counts to a kept line that it still speaks for, in
/// milliseconds.
const SPAN: u64 = 60_000;

/// What became of a log.
#[derive(Clone, Debug)]
pub(super) struct Thinned {
    pub(super) header: EntryHeader,
    pub(super) sha256: String,
    /// Lines that are still there; markers are not counted.
    pub(super) kept: u64,
    pub(super) left_out: LeftOut,
    /// Timestamps of the first and the last line that are still there.
    pub(super) first: Option<Stamp>,
    pub(super) last: Option<Stamp>,
}

impl Thinned {
    /// A log of which all lines are left out.
    pub(super) fn of_marker(header: EntryHeader, sha256: String, left_out: LeftOut) -> Self {
        Self { header, sha256, kept: 0, left_out, first: None, last: None }
    }
}

/// Lines left out since the last marker.
struct Gap {
    first: Stamp,
    last: Stamp,
    at: i64,
    lines: LeftOut,
}

/// Takes a log's lines in order, and leaves what is kept of them compressed in a sink.
pub(super) struct Thinner<S> {
    compressor: Compressor<S>,
    /// The first rank that is left out.
    cut: usize,
    /// Stands for the timestamp that lines ahead of any do not have.
    start: Stamp,
    gap: Option<Gap>,
    /// What comes behind the marker of that gap.
    held: Vec<u8>,
    kept: u64,
    left_out: LeftOut,
    first: Option<Stamp>,
    last: Option<Stamp>,
}

impl<S: Sink> Thinner<S> {
    /// Keeps the lines of a rank below `cut`.
    pub(super) fn new(compressor: Compressor<S>, cut: usize, start: Stamp) -> Self {
        Self {
            compressor,
            cut,
            start,
            gap: None,
            held: Vec::new(),
            kept: 0,
            left_out: LeftOut::default(),
            first: None,
            last: None,
        }
    }

    pub(super) fn take(&mut self, part: Part<'_>) -> io::Result<()> {
        if part.rank >= self.cut {
            if part.begins {
                self.leave_out(&part);
            }
            return Ok(());
        }
        if part.begins {
            self.kept += 1;
            self.first = self.first.or(part.stamp);
            self.last = part.stamp.or(self.last);
        }
        let is_full = self.held.len() + part.bytes.len() > HELD;
        if self.gap.as_ref().is_some_and(|gap| is_full || part.begins && part.at.abs_diff(gap.at) > SPAN) {
            self.close()?;
        }
        if self.gap.is_some() {
            self.held.extend_from_slice(part.bytes);
            return Ok(());
        }
        self.compressor.write(part.bytes)
    }

    fn leave_out(&mut self, part: &Part<'_>) {
        self.left_out.add(part.level, 1);
        let first = part.stamp.unwrap_or(self.start);
        let gap = self.gap.get_or_insert(Gap { first, last: first, at: part.at, lines: LeftOut::default() });
        gap.lines.add(part.level, 1);
        gap.last = part.stamp.unwrap_or(gap.last);
    }

    fn close(&mut self) -> io::Result<()> {
        if let Some(gap) = self.gap.take() {
            self.compressor.write(marker(&gap.first, &gap.last, &gap.lines).as_bytes())?;
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

/// The line that stands for lines left out: the first one's timestamp, and JSON that counts them by
/// level and has the last one's timestamp.
pub(super) fn marker(first: &Stamp, last: &Stamp, lines: &LeftOut) -> String {
    let mut text = format!("{} {{\"kubectl-escalate\":\"lines left out\"", first.text());
    for (level, word) in
        [(Level::Debug, "debug"), (Level::Info, "info"), (Level::Warn, "warn"), (Level::Error, "error")]
    {
        if lines.of(level) > 0 {
            text.push_str(&format!(",\"{word}\":{}", lines.of(level)));
        }
    }
    text.push_str(&format!(",\"until\":\"{}\"}}\n", last.text()));
    text
}
