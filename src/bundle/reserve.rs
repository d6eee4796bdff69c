//! Owns the disk space that is reserved for the end of a bundle: its report, its manifest and its directory.

use super::{
    destination::beside,
    error::BundleError,
    storage::{Stay, Storage, StoreFile},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Room for the report and everything else that does not grow with the number of entries.
const BASE: u64 = 4 << 20;
/// Room for each entry: its record in the manifest, those of its task, its place in the directory.
const PER_ENTRY: u64 = 4 << 10;
/// How much it grows by at a time.
const STEP: u64 = 256 << 10;

/// A file full of zeros. Dropped, its room is free.
pub(super) struct Reserve {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    file: Box<dyn StoreFile>,
    len: u64,
}

impl Reserve {
    /// Reserves room beside the bundle.
    pub(super) fn create(storage: &Arc<dyn Storage>, partial: &Path) -> Result<Self, BundleError> {
        let path = beside(partial, ".reserve");
        let file = storage.create(&path, Stay::Scratch);
        let file = file.map_err(|e| BundleError::io("set room aside in", &path, e))?;
        let mut reserve = Self { storage: Arc::clone(storage), path, file, len: 0 };
        reserve.cover(0)?;
        Ok(reserve)
    }

    /// Room for a bundle of `entries`, in bytes.
    pub(super) fn size(entries: usize) -> u64 {
        BASE + PER_ENTRY * entries as u64
    }

    /// Grows until it is enough for `entries`.
    pub(super) fn cover(&mut self, entries: usize) -> Result<(), BundleError> {
        let want = Self::size(entries);
        if want <= self.len {
            return Ok(());
        }
        let want = want.next_multiple_of(STEP);
        let grown = zeros(self.file.as_ref(), self.len, want);
        grown.map_err(|e| BundleError::io("set room aside in", &self.path, e))?;
        self.len = want;
        Ok(())
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        // Emptied first: if the file has no name, its room is free only once it is closed, which happens later.
        let _ = self.file.set_len(0);
        let _ = self.storage.remove(&self.path);
    }
}

/// Fills a stretch of a file with zeros that take up room: a hole would not.
pub(super) fn zeros(file: &dyn StoreFile, from: u64, to: u64) -> io::Result<()> {
    let block = [0; 64 << 10];
    let mut at = from;
    while at < to {
        let n = usize::try_from(to - at).unwrap_or(block.len()).min(block.len());
        file.write_at(&block[..n], at)?;
        at += n as u64;
    }
    Ok(())
}
