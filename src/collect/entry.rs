//! Owns how a collector writes an entry of the bundle, and what only the collector knows about it.

use crate::{
    bundle::{BundleError, Coverage, EntryPath, EntryWriter},
    redact::{Clean, Counts},
};
use chrono::{DateTime, Utc};
use std::{
    sync::mpsc::{self, SyncSender},
    thread::{self, JoinHandle},
};

/// An entry being written.
pub(crate) struct Writing {
    writer: EntryWriter,
    source: String,
    started: DateTime<Utc>,
}

impl Writing {
    /// An entry that is started now, with data from this source.
    pub(crate) fn new(writer: EntryWriter, source: &str) -> Self {
        Self { writer, source: source.to_owned(), started: Utc::now() }
    }

    pub(crate) fn write(&mut self, clean: &Clean) -> Result<(), BundleError> {
        if clean.is_empty() { Ok(()) } else { self.writer.write(clean) }
    }

    pub(crate) fn rename(&mut self, path: EntryPath) -> Result<(), BundleError> {
        self.writer.rename(path)
    }

    pub(crate) fn finish(self, redactions: Counts, coverage: Option<Coverage>) -> Result<Entry, BundleError> {
        let Self { writer, source, started } = self;
        let written = writer.finish()?;
        Ok(Entry { path: written.path, source, started, ended: Utc::now(), coverage, redactions })
    }
}

/// An entry that is written on its own thread while the rest of it is still being read, for large ones.
pub(crate) struct Piped {
    blocks: Option<SyncSender<Clean>>,
    writer: JoinHandle<Result<Writing, BundleError>>,
}

/// At most this many blocks wait. If packing lags behind while more data arrives, it catches up before the next answer
/// begins.
const WAITING: usize = 48;

impl Piped {
    pub(crate) fn new(mut writing: Writing) -> Self {
        let (blocks, received) = mpsc::sync_channel(WAITING);
        // Ends with the sender, also if its task is given up: then the entry never existed.
        let writer = thread::spawn(move || {
            received.iter().try_for_each(|block: Clean| writing.write(&block))?;
            Ok(writing)
        });
        Self { blocks: Some(blocks), writer }
    }

    /// Hands on a block. An error in writing it is reported at the end.
    pub(crate) fn write(&self, block: Clean) {
        if let Some(blocks) = &self.blocks {
            // The other end is gone when a block could not be written.
            let _ = blocks.send(block);
        }
    }

    pub(crate) fn finish(mut self, redactions: Counts, coverage: Option<Coverage>) -> Result<Entry, BundleError> {
        self.blocks = None;
        let written = self.writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written?.finish(redactions, coverage)
    }
}

/// An entry that is in the bundle, with what only its collector knows of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Below the bundle's folder.
    pub path: EntryPath,
    /// Where it came from: the request, or this program.
    pub source: String,
    /// When its first byte was requested.
    pub started: DateTime<Utc>,
    /// When it was complete.
    pub ended: DateTime<Utc>,
    /// Which part of the window it covers.
    pub coverage: Option<Coverage>,
    /// What was redacted in it.
    pub redactions: Counts,
}
