//! Owns the compressed bytes of an entry until they are appended: in memory while they are few, otherwise in a file
//! beside the bundle, never in a shared temporary folder.

use super::{
    compress::Sink,
    error::BundleError,
    storage::{Section, Stay, Storage, StoreFile},
};
use std::{
    io::{self, Read},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Most compressed bytes of one entry in memory.
const IN_MEMORY: usize = 256 * 1024;
/// Most compressed bytes in memory of all open entries, not counting the first bytes of each, so that a small entry
/// needs no file: while logs are followed, hundreds are open, for an hour.
const IN_MEMORY_TOGETHER: usize = 2 * 1024 * 1024;

/// How many bytes all spools of a bundle have in memory.
#[derive(Default)]
pub(super) struct InMemory(AtomicUsize);

impl InMemory {
    /// Whether there is room for more; if so, it is taken.
    fn take(&self, bytes: usize) -> bool {
        let more = |held: usize| held.checked_add(bytes).filter(|held| *held <= IN_MEMORY_TOGETHER);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Compressed bytes, waiting.
pub(super) struct Spool {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    in_memory: Arc<InMemory>,
    held: Vec<u8>,
    /// How many of these count towards the limit for all.
    counted: usize,
    file: Option<Box<dyn StoreFile>>,
    written: u64,
}

impl Spool {
    /// An empty one, which spills into a file at `path`.
    pub(super) fn new(storage: Arc<dyn Storage>, path: PathBuf, in_memory: Arc<InMemory>) -> Self {
        Self { storage, path, in_memory, held: Vec::new(), counted: 0, file: None, written: 0 }
    }

    /// Where it spills to: what an error names.
    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Turns a failed write into an error about the bundle.
    pub(super) fn failed(&self) -> impl Fn(io::Error) -> BundleError + use<> {
        let at = self.path.clone();
        move |error| BundleError::io("spool an entry to", &at, error)
    }

    /// Opens the file, and moves the bytes in memory to it.
    fn spill(&mut self) -> io::Result<()> {
        let file = self.storage.create(&self.path, Stay::Scratch)?;
        // Its owner removes it, whatever happens to its contents.
        self.file.insert(file).write_at(&self.held, 0)?;
        self.written = self.held.len() as u64;
        self.held = Vec::new();
        self.in_memory.give_back(std::mem::take(&mut self.counted));
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
        if self.file.is_none() {
            let more = if self.held.is_empty() { 0 } else { bytes.len() };
            if self.held.len() + bytes.len() <= IN_MEMORY && self.in_memory.take(more) {
                self.held.extend_from_slice(bytes);
                self.counted += more;
                return Ok(());
            }
            self.spill()?;
        }
        if let Some(file) = &self.file {
            file.write_at(bytes, self.written)?;
            self.written += bytes.len() as u64;
        }
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
        self.in_memory.give_back(self.counted);
        if self.file.take().is_some() {
            // Where a file can live without a name, its name is gone since its first moment.
            let _ = self.storage.remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::storage::Disk, *};

    #[test]
    fn all_together_keep_to_the_limit_and_what_came_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let in_memory = Arc::new(InMemory::default());
        let spool = |n: usize| {
            let path = folder.path().join(format!("spool-{n}"));
            Spool::new(Arc::new(Disk), path, in_memory.clone())
        };
        let mut spools: Vec<Spool> = (0..40).map(spool).collect();
        let block = |n: usize, round: usize| vec![(n * 7 + round) as u8; 64 << 10];
        for round in 0..3 {
            for (n, spool) in spools.iter_mut().enumerate() {
                spool.push(&block(n, round)).expect("room");
                assert!(in_memory.0.load(Ordering::Relaxed) <= IN_MEMORY_TOGETHER);
            }
        }
        let in_files = spools.iter().filter(|spool| spool.file.is_some()).count();
        assert!((1..40).contains(&in_files), "{in_files} of 40 are in files");
        for (n, spool) in spools.iter().enumerate() {
            let mut read = Vec::new();
            spool.reader().read_to_end(&mut read).expect("what was written");
            assert!(read == (0..3).flat_map(|round| block(n, round)).collect::<Vec<_>>(), "{n}");
            assert_eq!(spool.len(), read.len() as u64);
        }
        drop(spools);
        assert_eq!(in_memory.0.load(Ordering::Relaxed), 0, "all was given back");
        // A small one needs no file, however many others there are.
        let held: Vec<_> = (0..40).map(spool).collect();
        assert!(in_memory.take(IN_MEMORY_TOGETHER));
        for mut small in held {
            small.push(b"a few bytes").expect("room");
            assert!(small.file.is_none());
        }
    }
}
