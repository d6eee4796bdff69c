//! Owns the compressed bytes of an entry until they are appended: in memory while they are few, in
//! a file beside the bundle when they are not. Never in a shared temporary folder.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::error::BundleError;
use super::pack::Sink;
use super::storage::{Section, Stay, Storage, StoreFile};

/// Most compressed bytes of one entry in memory.
const IN_MEMORY: usize = 1024 * 1024;
/// What is written to the file at a time.
const CHUNK: usize = 256 * 1024;

/// Compressed bytes, waiting.
pub(super) struct Spool {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    held: Vec<u8>,
    file: Option<Box<dyn StoreFile>>,
    written: u64,
}

impl Spool {
    /// An empty one, that would spill into a file at `path`.
    pub(super) fn new(storage: Arc<dyn Storage>, path: PathBuf) -> Self {
        Self { storage, path, held: Vec::new(), file: None, written: 0 }
    }

    /// Where it spills to: what an error names.
    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// What a write of it that failed is to the one who waits for the bundle.
    pub(super) fn failed(&self) -> impl Fn(io::Error) -> BundleError + use<> {
        let at = self.path.clone();
        move |error| BundleError::io("spool an entry to", &at, error)
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(self.storage.create(&self.path, Stay::Scratch)?);
        }
        if let Some(file) = &self.file {
            file.write_at(&self.held, self.written)?;
        }
        self.written += self.held.len() as u64;
        // Gives the megabyte back: from now on a quarter of it is enough.
        self.held = Vec::with_capacity(CHUNK);
        Ok(())
    }

    /// All of it, from the start.
    pub(super) fn reader(&self) -> impl Read + '_ {
        let file = self.file.as_deref().map(|file| Section::new(file, 0, self.written));
        FromFile(file).chain(&self.held[..])
    }
}

impl Sink for Spool {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let limit = if self.file.is_some() { CHUNK } else { IN_MEMORY };
        if self.held.len() + bytes.len() > limit {
            self.spill()?;
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    fn len(&self) -> u64 {
        self.written + self.held.len() as u64
    }
}

struct FromFile<'a>(Option<Section<&'a dyn StoreFile>>);

impl Read for FromFile<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(0), |section| section.read(buf))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Where a file can live without a name, its name is gone since its first moment.
            let _ = self.storage.remove(&self.path);
        }
    }
}
