//! Owns one log: the rank of each line, the bytes that its lines take, and the log that remains when lines are left
//! out.
//!
//! A line that does not begin with the kubelet's timestamp belongs to the line before it, and has that line's rank.
//!
//! A marker stands where lines are missing, in the place of the first one, so the log stays sorted by its timestamps.
//! Kept lines that follow a marker are held back, up to [`HELD`] bytes and [`SPAN`] of time, so that the same marker
//! can also count the lines missing between them. A log that loses every other line therefore has one marker a minute.

use super::{
    bands::{Bands, LEVELS, Near, Rank},
    search::Edges,
};
use crate::{
    bundle::{
        compress::{Compressed, Compressor, CountingSink, Sink},
        fitted::LeftOut,
        zip_headers::{DosTime, EntryHeader},
    },
    kubelet_log::{Level, LinePart, LineSplitter, Stamp, continues, is_last_words, level, split},
};
use chrono::{DateTime, SecondsFormat, Utc};
use std::io;

/// A line of more bytes is too long: a single one may exceed the limit.
const LONG: usize = 1 << 20;
/// How much is kept of a line that is too long: enough for its level, in bytes.
const BEGINNING: usize = 8192;
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
    /// Whether a Go program is printing its last words, and whether the line before was blank.
    in_panic: bool,
    is_behind_blank: bool,
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
        let (is_long, in_panic, is_behind_blank) = (false, false, false);
        let ranking = Ranking { near, held: Vec::new(), is_long, in_panic, is_behind_blank, at, level, rank };
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
        if !self.is_long || self.held.len() < BEGINNING {
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
            let text = text.trim_ascii_end();
            self.level = self.level_of(text);
            self.at = stamp.at().timestamp_millis();
            self.rank = Rank::new(self.level, self.near.distance(self.at));
        }
        if self.is_long {
            self.rank = Rank::LONG;
        }
        take(&Line { bytes, stamp, at: self.at, level: self.level, rank: self.rank })
    }

    /// The level of a line with a timestamp. The last words of a Go program have no level of their own. They end at a
    /// line with a level, or at a line behind a blank one that is not part of a stack.
    fn level_of(&mut self, text: &[u8]) -> Level {
        let said = level(text);
        let is_other = said != Level::None || self.is_behind_blank && !continues(text, said, self.level);
        self.in_panic = is_last_words(text) || self.in_panic && !is_other;
        self.is_behind_blank = text.is_empty();
        if said == Level::None && self.in_panic { Level::Error } else { said }
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
    pub(super) edges: Edges,
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
    edges: Edges,
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
            edges: Edges::default(),
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
        self.edges.keep(line.rank);
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
        self.edges.leave_out(line.rank);
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
        let Self { compressor, kept, left_out, edges, first, last, .. } = self;
        let Compressed { sink, header, sha256 } = compressor.finish(time)?;
        Ok((sink, Thinned { header, sha256, kept, left_out, edges, first, last }))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The level of each of these lines, a second apart.
    fn levels(text: &str) -> Vec<Level> {
        let start = DateTime::UNIX_EPOCH;
        let mut lines = Lines::new(Near::at(start), start);
        let mut levels = Vec::new();
        let mut take = |line: &Line<'_>| {
            levels.push(line.level);
            Ok(())
        };
        for (n, line) in text.lines().enumerate() {
            lines.push(format!("2026-11-22T15:42:{:02}Z {line}\n", n % 60).as_bytes(), &mut take).expect("lines");
        }
        lines.finish(take).expect("lines");
        levels
    }

    /// That of such a text, followed by lines without a level, all lines but those count as errors.
    #[track_caller]
    fn is_all_of_a_panic(text: &str) {
        let lines = text.lines().count();
        for after in ["\nstarting again\n\nready", "\nlistening on :8443\nready", "INFO starting again\nready"] {
            let levels = levels(&format!("before\n{text}\n{after}"));
            let of_panic = levels.get(1..=lines).expect("lines");
            assert!(of_panic.iter().all(|level| *level <= Level::Error), "{of_panic:?} of {text}");
            let others: Vec<&Level> = levels.iter().take(1).chain(levels.iter().skip(lines + 2)).collect();
            assert!(others.iter().all(|level| **level == Level::None), "{others:?} around {text}");
        }
    }

    #[test]
    fn the_last_words_of_a_go_program_are_errors_up_to_what_another_writes() {
        for text in [
            "panic: two\n\tlines: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:20 +0x705\nexit status 2",
            "panic: once [recovered]\n\tpanic: again: once\n\ngoroutine 1 [running]:\nmain.main.func2()\n\
             \t/app/main.go:49 +0x5b\npanic({0x4e7780?, 0x515ee8?})\n\t/usr/local/go/src/runtime/panic.go:860 +0x13a",
            "panic: runtime error: invalid memory address or nil pointer dereference\n\
             [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4da1eb]\n\n\
             goroutine 1 gp=0x1a999357e1e0 m=0 mp=0x5f9e80 [running]:\nruntime.panicmem(...)\n\
             \t/usr/local/go/src/runtime/panic.go:336",
            "runtime: goroutine stack exceeds 65536-byte limit\n\
             runtime: sp=0x3605e243e390 stack=[0x3605e243e000, 0x3605e244e000]\nfatal error: stack overflow\n\n\
             runtime stack:\nruntime.throw({0x50bf71?, 0x200000008?})\n\t/usr/local/go/src/runtime/panic.go:1229 +0x48\n\n\
             goroutine 1 gp=0x3605e23901e0 m=0 mp=0x5f9e80 [running]:\nmain.deep(...)\n\t/app/main.go:15\n\
             ...17 frames elided...\ncreated by main.main in goroutine 1\n\t/app/main.go:30 +0x765",
            "fatal error: concurrent map writes\n\ngoroutine 25 [running]:\n\
             internal/runtime/maps.fatal({0x50da7d?, 0x0?})\n\t/usr/local/go/src/runtime/panic.go:1181 +0x18\n\n\
             goroutine 1 [sleep]:\ntime.Sleep(0x3b9aca00)\n\t/usr/local/go/src/runtime/time.go:363 +0x165",
            "unexpected fault address 0x7f217f22e000\nfatal error: fault\n\
             [signal SIGSEGV: segmentation violation code=0x2 addr=0x7f217f22e000 pc=0x4da779]\n\n\
             goroutine 2 gp=0x9eafd6b0780 m=nil [force gc (idle)]:\nruntime.goexit({})",
            "SIGQUIT: quit\nPC=0x408b0e m=0 sigcode=0\n\ngoroutine 1 gp=0xf9bcef1a1e0 m=0 mp=0x5f9e80 [running]:\n\
             syscall.Kill(0x27?, 0x0?)\n\t/usr/local/go/src/syscall/zsyscall_linux_amd64.go:611 +0x25\n\n\
             rax    0x0\nrbx    0x5f9e80\nrflags 0x246",
            "SIGSEGV: segmentation violation\nPC=0x7f1 m=3 sigcode=1 addr=0x0\nsignal arrived during cgo execution\n\n\
             goroutine 1 [syscall]:\nruntime.cgocall(0x49b7a0, 0xc00)",
        ] {
            is_all_of_a_panic(text);
        }
    }

    #[test]
    fn what_follows_another_fatal_line_is_no_error() {
        for (text, after) in [
            (
                "2026-11-22 15:42:00.000 UTC [71] FATAL:  password authentication failed for user \"app\"",
                "2026-11-22 15:42:00.000 UTC [71] DETAIL:  Role \"app\" does not exist.",
            ),
            ("2026/11/22 15:42:00 [crit] 29#29: *1 SSL_do_handshake() failed", "10.0.0.1 - - \"GET / HTTP/1.1\" 200"),
            ("2026/11/22 15:42:00 [emerg] 1#1: host not found in upstream \"app\"", "nginx: configuration file failed"),
            ("{\"level\":\"panic\",\"msg\":\"x\"}", "listening"),
            ("F1122 15:42:00.000000 1 main.go:7] x", "listening"),
            ("<2>kernel: Out of memory", "listening"),
        ] {
            assert_eq!(levels(&format!("{text}\n{after}\nmore")), [Level::Fatal, Level::None, Level::None], "{text}");
        }
    }
}
