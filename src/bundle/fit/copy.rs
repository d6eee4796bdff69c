//! Owns the making of a copy: which files it leaves out, and, if that is not enough, the writing of copies whose lines
//! are left out from one rank on.
//!
//! All logs are cut at one rank. It is estimated from the sizes of the lines, and the copy is written. Only then is its
//! size known exactly. If it is too large, or leaves much room, another is written with a better estimate. The largest
//! copy that fits waits on the disk meanwhile, so none is written twice.

use super::{
    bands::{Bands, Near, Rank},
    lines::{Lines, Sizes, Thinned, Thinner},
    manifest::{Contents, LastFiles, Words},
    search::{Edges, Search},
    source::{Piece, Role, Source},
};
use crate::{
    bundle::{
        compress::{Compressed, Compressor, CountingSink},
        destination::Destination,
        error::BundleError,
        final_paths::FinalPaths,
        fitted::Fitted,
        partial::Finished,
        spool::Spool,
        stored::Written,
        writer::BundleWriter,
        zip_headers::{DosTime, EntryHeader},
    },
    redact::Clean,
    text::hex,
};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    io,
};

/// A log that compresses to only this many bytes more than its marker is kept whole.
const WORTH: u64 = 256;
/// Writes the copy of at most `max` bytes.
pub(super) fn make(
    source: &Source<'_>,
    to: &Destination,
    max: u64,
    words: &Words<'_>,
) -> Result<(Finished, Fitted), BundleError> {
    let (pieces, remarks) = source.pieces()?;
    let mut contents = Contents { max, kept: Vec::new(), given_up: Vec::new(), thinned: HashMap::new(), remarks };
    let is_enough = give_up_files(&mut contents, &pieces, |contents| contents.last_files(source, words).total <= max);
    let maker = Maker { source, words, near: Near::of(source.manifest()), start: source.manifest().window_start };
    let bytes: u64 = contents.kept.iter().map(|piece| piece.info.bytes).sum();
    if is_enough {
        source.watch().expect(bytes);
        contents.kept.iter().try_for_each(|piece| maker.check(piece))?;
        return maker.write(to, contents, &HashMap::new(), Rank::LONG)?.0.finish(source);
    }
    let of_logs = contents.kept.iter().filter(|piece| piece.role == Role::Log).map(|piece| piece.info.bytes);
    source.watch().expect(bytes + of_logs.sum::<u64>());
    let mut bands = Bands::default();
    let mut logs = HashMap::new();
    for piece in &contents.kept {
        if piece.role != Role::Log {
            maker.check(piece)?;
            continue;
        }
        let (last, least) = maker.measure(piece, &mut bands)?;
        if piece.size > least.header.compressed + WORTH {
            logs.insert(piece.path(), last);
            contents.thinned.insert(piece.path(), least);
        }
    }
    let least = contents.last_files(source, words).total;
    if least > max {
        // A copy also says of each log what it lacks, so it may be smaller with small logs as a whole.
        let whole = Contents { thinned: HashMap::new(), ..contents.clone() };
        let total = |contents: &Contents<'_>, max| Contents { max, ..contents.clone() }.last_files(source, words).total;
        let least = smallest_request(|max| total(&contents, max).min(total(&whole, max)));
        return Err(BundleError::TooSmall { path: source.path().to_owned(), max, least });
    }
    maker.search(to, &contents, &logs, &bands, least)
}

/// More than the number of bytes by which another limit changes the compressed size of the few files that name it.
const SPARE: u64 = 32;

/// The smallest limit from which on a copy fits. The copy contains the limit, and its `total` size changes by some bytes
/// with it, so a limit that is enough is found first, and then those below it are tried.
fn smallest_request(total: impl Fn(u64) -> u64) -> u64 {
    let mut max = 0;
    loop {
        let least = total(max);
        if least <= max {
            break;
        }
        max = least + SPARE;
    }
    while total(max) <= max {
        max -= 1;
    }
    max + 1
}

/// Leaves out as few files as necessary: descriptions before objects, and the largest of each first. Returns false if
/// leaving out all of them is not enough.
fn give_up_files<'a>(
    contents: &mut Contents<'a>,
    pieces: &'a [Piece<'a>],
    fits: impl Fn(&Contents<'a>) -> bool,
) -> bool {
    let mut candidates: Vec<&Piece<'_>> =
        pieces.iter().filter(|piece| matches!(piece.role, Role::Description | Role::Object)).collect();
    candidates.sort_by_key(|piece| (piece.role, Reverse(piece.size)));
    let mut give_up = |count: usize| {
        contents.given_up = candidates[..count].to_vec();
        let paths: HashSet<&str> = contents.given_up.iter().map(|piece| piece.path()).collect();
        contents.kept = pieces.iter().filter(|piece| !paths.contains(piece.path())).collect();
        fits(contents)
    };
    if !give_up(candidates.len()) {
        return false;
    }
    let (mut low, mut high) = (0, candidates.len());
    while low < high {
        let middle = low.midpoint(high);
        if give_up(middle) { high = middle } else { low = middle + 1 }
    }
    give_up(high)
}

/// What every attempt at a copy is made from.
struct Maker<'a> {
    source: &'a Source<'a>,
    words: &'a Words<'a>,
    near: Near,
    /// The window's start.
    start: DateTime<Utc>,
}

impl<'a> Maker<'a> {
    /// Checks that an entry is what the manifest says.
    fn check(&self, piece: &Piece<'_>) -> Result<(), BundleError> {
        let mut sha = Sha256::new();
        self.source.read(piece.info, |chunk| {
            sha.update(chunk);
            Ok(())
        })?;
        self.source.check(piece, &hex(&sha.finalize()))
    }

    /// Checks a log, and adds the sizes of its lines to `bands`. Returns the rank of the line that is left out first,
    /// and the log without any lines.
    fn measure(&self, piece: &Piece<'_>, bands: &mut Bands) -> Result<(Rank, Thinned), BundleError> {
        let mut sha = Sha256::new();
        let mut sizes = Sizes::new();
        let mut thinner = Thinner::new(CountingSink::default(), Rank::NONE, self.start);
        let mut lines = Lines::new(self.near, self.start);
        // Nothing here uses a disk.
        let failed = |error| BundleError::io("measure", self.source.path(), error);
        self.source.read(piece.info, |chunk| {
            sha.update(chunk);
            lines.push(chunk, |line| sizes.take(line).and_then(|()| thinner.take(line))).map_err(failed)
        })?;
        self.source.check(piece, &hex(&sha.finalize()))?;
        lines.finish(|line| sizes.take(line).and_then(|()| thinner.take(line))).map_err(failed)?;
        let last = sizes.add_to(bands, (piece.size, piece.info.bytes)).map_err(failed)?;
        let (_, least) = thinner.finish(self.time()).map_err(failed)?;
        Ok((last, least))
    }

    fn time(&self) -> DosTime {
        DosTime::of(self.source.manifest().started)
    }

    /// Finds the rank at which to cut `logs`. `contents` has the logs without lines, and takes `least` bytes; the rest
    /// of the limit is for lines.
    fn search(
        &self,
        to: &Destination,
        contents: &Contents<'a>,
        logs: &HashMap<&'a str, Rank>,
        bands: &Bands,
        least: u64,
    ) -> Result<(Finished, Fitted), BundleError> {
        let last = logs.values().copied().max().unwrap_or(Rank::NONE);
        let mut search = Search::new(bands, contents.max.saturating_sub(least), last);
        let mut best: Option<Copy> = None;
        loop {
            let to = match to {
                // The file's own partial file is the best copy so far.
                Destination::File(file) if best.is_some() => &Destination::Next(file.clone()),
                to => to,
            };
            let (copy, edges) = match self.write(to, contents.clone(), logs, search.cut()) {
                Ok(written) => written,
                // There may be no room for another beside the best one.
                Err(error) => {
                    let best = best.filter(|_| error.is_disk_full());
                    return best.map_or(Err(error), |best| best.finish(self.source));
                }
            };
            let goes_on = search.goes_on(copy.last.total.saturating_sub(least), edges);
            if copy.last.total <= contents.max || best.is_none() && !goes_on {
                best = Some(copy);
            }
            if let Some(best) = best.take_if(|_| !goes_on) {
                return best.finish(self.source);
            }
        }
    }

    /// Writes a copy whose logs are cut at `cut`, except for its end. `logs` has the rank of the line of each that is
    /// left out first. Also returns the lines on both sides of the cut.
    fn write(
        &self,
        to: &Destination,
        mut contents: Contents<'a>,
        logs: &HashMap<&'a str, Rank>,
        cut: Rank,
    ) -> Result<(Copy, Edges), BundleError> {
        let unfinished = Unfinished(BundleWriter::create(to, self.source.manifest().started)?);
        let edges = self.write_entries(&unfinished.0, &mut contents, logs, cut)?;
        let last = contents.last_files(self.source, self.words);
        Ok((Copy { unfinished, max: contents.max, last }, edges))
    }

    fn write_entries(
        &self,
        writer: &BundleWriter,
        contents: &mut Contents<'a>,
        logs: &HashMap<&'a str, Rank>,
        cut: Rank,
    ) -> Result<Edges, BundleError> {
        let mut edges = Edges::default();
        for piece in contents.kept.clone() {
            match logs.get(piece.path()) {
                Some(last) if *last >= cut => {
                    let (spool, thinned) = self.thin(writer.spool(), piece, cut)?;
                    edges.add(thinned.edges);
                    if thinned.header.compressed < piece.size {
                        append(writer, piece, spool, thinned.header, thinned.sha256.clone())?;
                        contents.thinned.insert(piece.path(), thinned);
                        continue;
                    }
                    // The markers take more bytes than the lines.
                }
                Some(last) => edges.keep(*last),
                None => {}
            }
            contents.thinned.remove(piece.path());
            self.copy(writer, piece)?;
        }
        Ok(edges)
    }

    fn thin(&self, spool: Spool, piece: &Piece<'_>, cut: Rank) -> Result<(Spool, Thinned), BundleError> {
        let failed = spool.failed();
        let mut thinner = Thinner::new(spool, cut, self.start);
        let mut lines = Lines::new(self.near, self.start);
        self.source.read(piece.info, |chunk| lines.push(chunk, |line| thinner.take(line)).map_err(&failed))?;
        lines.finish(|line| thinner.take(line)).map_err(&failed)?;
        thinner.finish(self.time()).map_err(&failed)
    }

    /// Copies an entry that was checked.
    fn copy(&self, writer: &BundleWriter, piece: &Piece<'_>) -> Result<(), BundleError> {
        let info = piece.info;
        if info.stored {
            let spool = writer.spool();
            let failed = spool.failed();
            let mut compressor = Compressor::new(spool);
            self.source.read(info, |chunk| compressor.write(chunk).map_err(&failed))?;
            let Compressed { sink, header, sha256 } = compressor.finish(self.time()).map_err(&failed)?;
            return append(writer, piece, sink, header, sha256);
        }
        self.source.go_on()?;
        let header = EntryHeader { crc: info.crc, compressed: info.compressed, bytes: info.bytes, time: self.time() };
        let written = written(piece, header, piece.record.sha256.clone());
        writer.copy(written, header, self.source.reader().compressed(info))
    }
}

fn append(
    writer: &BundleWriter,
    piece: &Piece<'_>,
    spool: Spool,
    header: EntryHeader,
    sha256: String,
) -> Result<(), BundleError> {
    writer.copy(written(piece, header, sha256), header, spool.reader())
}

fn written(piece: &Piece<'_>, header: EntryHeader, sha256: String) -> Written {
    Written { path: piece.entry.clone(), bytes: header.bytes, compressed: header.compressed, sha256 }
}

/// A copy that is removed unless it is finished: the full bundle has everything.
struct Unfinished(BundleWriter);

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.clone().abandon();
    }
}

/// A copy without its end.
struct Copy {
    unfinished: Unfinished,
    max: u64,
    last: LastFiles,
}

impl Copy {
    fn finish(self, source: &Source<'_>) -> Result<(Finished, Fitted), BundleError> {
        let Self { unfinished, max, last } = self;
        let writer = unfinished.0.clone();
        let too_small = |least| BundleError::TooSmall { path: source.path().to_owned(), max, least };
        if last.total > max {
            return Err(too_small(last.total));
        }
        source.go_on()?;
        let partial = writer.partial().to_owned();
        let files = |paths: &FinalPaths| {
            // Entries were dropped because the disk is full: the copy would lack what its manifest lists.
            let full = || BundleError::io("finish", &partial, io::ErrorKind::StorageFull.into());
            paths.dropped().is_empty().then_some(last.files).ok_or_else(full)
        };
        match writer.finish_with(&source.name, files, Clean::as_bytes) {
            // The size is predicted exactly. If the prediction was wrong and the copy is too large, it is not used.
            Ok(finished) if finished.bytes > max => {
                let _ = std::fs::remove_file(&finished.path);
                Err(too_small(finished.bytes))
            }
            Ok(finished) => Ok((finished, last.fitted)),
            // Without its end, the copy is useless.
            Err(BundleError::Unfinished { source, .. }) => Err(*source),
            Err(error) => Err(error),
        }
    }
}
