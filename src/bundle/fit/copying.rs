//! Owns the copy while it is written: entries as they are, logs thinned, and the end.

use super::{
    Words,
    level::Levels,
    lines::{Lines, Near, stamp_of},
    logs::{self, Log},
    say::Shape,
    source::{Piece, Source},
    thin::{Thinned, Thinner},
};
use crate::{
    bundle::{
        BundleError, BundleWriter, Destination, FinalPaths, Finished, Fitted,
        compress::{Compressed, Compressor},
        hash::hex,
        spool::Spool,
        stored::Written,
        zip_headers::{DosTime, EntryHeader},
    },
    redact::Clean,
};
use sha2::{Digest, Sha256};
use std::{collections::HashSet, io};

/// The copy while it is written.
pub(super) struct Copying<'a> {
    source: &'a Source<'a>,
    words: &'a Words<'a>,
    shape: Shape<'a>,
    writer: BundleWriter,
    time: DosTime,
    levels: Levels,
}

impl<'a> Copying<'a> {
    /// Begins it: `shape` says what will be in it, with every log that can be thinned as its marker.
    pub(super) fn new(
        source: &'a Source<'a>,
        to: &Destination,
        words: &'a Words<'a>,
        shape: Shape<'a>,
    ) -> Result<Self, BundleError> {
        let started = source.manifest().started;
        let writer = BundleWriter::create(to, started)?;
        Ok(Self { source, words, shape, writer, time: DosTime::of(started), levels: Levels::new() })
    }

    /// Writes all of it, `logs` into `room` bytes. Where that fails, nothing is left on the disk.
    pub(super) fn make(mut self, logs: &[Log<'a>], room: u64) -> Result<(Finished, Fitted), BundleError> {
        let made = self.write(logs, room);
        if made.is_err() {
            self.writer.clone().abandon();
        }
        made
    }

    fn write(&mut self, logs: &[Log<'a>], room: u64) -> Result<(Finished, Fitted), BundleError> {
        let thinned: HashSet<&str> = logs.iter().map(Log::path).collect();
        for piece in self.shape.kept.clone() {
            if !thinned.contains(piece.record.path.as_str()) {
                self.check(piece)?;
                self.copy(piece)?;
            }
        }
        logs::write(self, logs, room)?;
        let last = self.shape.last(self.source, self.words);
        if last.total > self.shape.max {
            let path = self.source.path().to_owned();
            return Err(BundleError::TooSmall { path, max: self.shape.max, least: last.total });
        }
        self.source.go_on()?;
        let partial = self.writer.partial().to_owned();
        let files = |settled: &FinalPaths| {
            // A full disk has taken entries back: the copy would lack what it says it has.
            let full = || BundleError::io("finish", &partial, io::ErrorKind::StorageFull.into());
            settled.dropped().is_empty().then_some(last.files).ok_or_else(full)
        };
        match self.writer.clone().finish_with(&self.source.name, files, Clean::as_bytes) {
            // The size was known to the byte. Should it not have been, what is too large is no copy.
            Ok(finished) if finished.bytes > self.shape.max => {
                let _ = std::fs::remove_file(&finished.path);
                let path = self.source.path().to_owned();
                Err(BundleError::TooSmall { path, max: self.shape.max, least: finished.bytes })
            }
            Ok(finished) => Ok((finished, last.fitted)),
            // What is there is worth nothing without its end: the full bundle has all of it.
            Err(BundleError::Unfinished { source, .. }) => Err(*source),
            Err(error) => Err(error),
        }
    }

    /// That an entry is what the manifest says.
    fn check(&self, piece: &Piece<'_>) -> Result<(), BundleError> {
        let mut sha = Sha256::new();
        self.source.read(piece.info, |chunk| {
            sha.update(chunk);
            Ok(())
        })?;
        self.source.check(piece, &hex(&sha.finalize()))
    }

    /// Copies an entry that was checked.
    pub(super) fn copy(&mut self, piece: &Piece<'_>) -> Result<(), BundleError> {
        let (info, path) = (piece.info, piece.path.clone());
        self.shape.thinned.remove(piece.record.path.as_str());
        let sha256 = piece.record.sha256.clone();
        if info.stored {
            let spool = self.writer.spool();
            let failed = spool.failed();
            let mut compressor = Compressor::new(spool);
            self.source.read(info, |chunk| compressor.write(chunk).map_err(&failed))?;
            let Compressed { sink, header, sha256 } = compressor.finish(self.time).map_err(&failed)?;
            return self.append(piece, sink, header, sha256);
        }
        let header = EntryHeader { crc: info.crc, compressed: info.compressed, bytes: info.bytes, time: self.time };
        let written = Written { path, bytes: header.bytes, compressed: header.compressed, sha256 };
        self.writer.copy(written, header, self.source.reader().compressed(info))
    }

    fn append(&self, piece: &Piece<'_>, sink: Spool, header: EntryHeader, sha256: String) -> Result<(), BundleError> {
        let written = Written { path: piece.path.clone(), bytes: header.bytes, compressed: header.compressed, sha256 };
        self.writer.copy(written, header, sink.reader())
    }

    /// Thins a log to the ranks below `cut`; nothing of it is in the copy yet.
    pub(super) fn thin(&self, log: &Log<'_>, cut: usize) -> Result<(Spool, Thinned), BundleError> {
        let start = self.source.manifest().window_start;
        let spool = self.writer.spool();
        let failed = spool.failed();
        let mut thinner = Thinner::new(Compressor::new(spool), cut, stamp_of(start));
        let mut lines = Lines::new(&self.levels, Near::of(self.source.manifest()), start, &log.measured.long);
        self.source.read(log.piece.info, |chunk| lines.push(chunk, |part| thinner.take(part)).map_err(&failed))?;
        lines.finish(|part| thinner.take(part)).map_err(&failed)?;
        thinner.finish(self.time).map_err(&failed)
    }

    /// Whether the zip, with this log as it was thinned, has as many bytes as it may have.
    pub(super) fn fits(&self, log: &Log<'a>, thinned: &Thinned) -> bool {
        let mut shape = self.shape.clone();
        shape.settle(log.path(), thinned.clone());
        shape.last(self.source, self.words).total <= shape.max
    }

    /// Takes a thinned log into the copy.
    pub(super) fn take(&mut self, log: &Log<'a>, sink: Spool, thinned: Thinned) -> Result<(), BundleError> {
        self.append(log.piece, sink, thinned.header, thinned.sha256.clone())?;
        self.shape.settle(log.path(), thinned);
        Ok(())
    }

    /// Takes a log into the copy of which nothing is left but its marker.
    pub(super) fn take_marker(&mut self, log: &Log<'a>) -> Result<(), BundleError> {
        let spool = self.writer.spool();
        let failed = spool.failed();
        let mut compressor = Compressor::new(spool);
        compressor.write(log.measured.marker.as_bytes()).map_err(&failed)?;
        let Compressed { sink, header, sha256 } = compressor.finish(self.time).map_err(&failed)?;
        self.append(log.piece, sink, header, sha256)
    }
}
