//! Owns an entry while it is being written.

use super::{
    compress::Compressor, error::BundleError, layout::EntryPath, partial::PartialBundle, spool::Spool, stored::Written,
};
use crate::redact::Clean;
use std::sync::Arc;

/// One entry being written. If it is dropped unfinished, it never existed, and its path is free again.
pub struct EntryWriter {
    core: Arc<PartialBundle>,
    path: EntryPath,
    compressor: Option<Compressor<Spool>>,
    acknowledged: bool,
}

impl EntryWriter {
    pub(super) fn new(core: Arc<PartialBundle>, path: EntryPath) -> Self {
        let compressor = Some(Compressor::new(core.spool()));
        Self { core, path, compressor, acknowledged: false }
    }

    /// The path under which it was started.
    #[must_use]
    pub fn path(&self) -> &EntryPath {
        &self.path
    }

    /// Gives it another path, and frees the one that it had.
    ///
    /// # Errors
    /// [`BundleError::Taken`], [`BundleError::Closed`] like [`super::BundleWriter::entry`]; it then keeps its path.
    pub fn rename(&mut self, path: EntryPath) -> Result<(), BundleError> {
        if path == self.path {
            return Ok(());
        }
        self.core.take(&path)?;
        self.core.release(&std::mem::replace(&mut self.path, path));
        Ok(())
    }

    /// Adds bytes. Hashing and compression are done on this thread; memory does not grow with the number of bytes.
    ///
    /// # Errors
    /// If they cannot be spooled. The entry is then lost, and all later calls on it fail; the bundle is unharmed.
    pub fn write(&mut self, clean: &Clean) -> Result<(), BundleError> {
        let Some(compressor) = &mut self.compressor else {
            return Err(BundleError::Broken { path: self.path.to_string() });
        };
        let wrote = compressor.write(clean.as_bytes());
        wrote.map_err(|error| {
            let at = self.spool_path();
            // Frees the disk at once: the contents of the spool are no longer needed.
            self.compressor = None;
            BundleError::io("spool an entry to", &at, error)
        })
    }

    /// Appends the entry to the bundle. When this returns, the entry is acknowledged: it survives
    /// whatever happens to this process.
    ///
    /// # Errors
    /// When it cannot be appended; the entries before it are unharmed, and it never existed.
    pub fn finish(mut self) -> Result<Written, BundleError> {
        let at = self.spool_path();
        let Some(compressor) = self.compressor.take() else {
            return Err(BundleError::Broken { path: self.path.to_string() });
        };
        let packed = compressor.finish(self.core.time);
        let packed = packed.map_err(|e| BundleError::io("spool an entry to", &at, e))?;
        let written = self.core.admit(self.path.clone(), packed)?;
        self.acknowledged = true;
        Ok(written)
    }

    fn spool_path(&self) -> std::path::PathBuf {
        self.compressor.as_ref().map(|p| p.sink().path().to_owned()).unwrap_or_default()
    }
}

impl Drop for EntryWriter {
    fn drop(&mut self) {
        if !self.acknowledged {
            self.core.release(&self.path);
        }
    }
}
