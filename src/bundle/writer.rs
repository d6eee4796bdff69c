//! Owns the writing of a bundle, as its users see it: entries from any number of threads, and the end.

use super::{
    destination::Destination,
    entry::EntryWriter,
    error::BundleError,
    final_paths::FinalPaths,
    layout::EntryPath,
    names::BundleName,
    partial::{Finished, PartialBundle},
    reader::EntryReader,
    spool::Spool,
    storage::{Disk, Section, Storage, StoreFile},
    stored::{Stored, Written},
    zip_headers::EntryHeader,
};
use crate::redact::Clean;
use chrono::{DateTime, Utc};
use std::{collections::HashMap, io::Read, path::Path, sync::Arc};

/// A bundle being written. Clones write to the same bundle, from any thread. If it is dropped without
/// [`finish`](Self::finish) or [`abandon`](Self::abandon), it leaves files for [`super::salvage`].
#[derive(Clone)]
pub struct BundleWriter(Arc<PartialBundle>);

impl BundleWriter {
    /// Begins a bundle: creates `<name>.zip.partial` and its journal where the bundle is to be,
    /// readable by this user only.
    ///
    /// # Errors
    /// When there is no place to write, too little room, or the file is already there.
    pub fn create(to: &Destination, started: DateTime<Utc>) -> Result<Self, BundleError> {
        Self::create_on(Arc::new(Disk), to, started)
    }

    /// [`Self::create`] on another storage than this machine's disks.
    ///
    /// # Errors
    /// As those of [`Self::create`].
    pub fn create_on(storage: Arc<dyn Storage>, to: &Destination, started: DateTime<Utc>) -> Result<Self, BundleError> {
        Ok(Self(Arc::new(PartialBundle::create(storage, to, started)?)))
    }

    /// Where the bundle grows until it is finished.
    #[must_use]
    pub fn partial(&self) -> &Path {
        self.0.path()
    }

    /// Begins an entry. Its bytes are hashed and compressed on the thread that writes them.
    ///
    /// # Errors
    /// [`BundleError::Taken`] if the bundle has an entry with this path, ignoring case; [`BundleError::Closed`] if it
    /// is finished.
    pub fn entry(&self, path: EntryPath) -> Result<EntryWriter, BundleError> {
        self.0.take(&path)?;
        Ok(EntryWriter::new(Arc::clone(&self.0), path))
    }

    /// Whether it has no entry with this path.
    #[must_use]
    pub fn is_free(&self, path: &EntryPath) -> bool {
        self.0.is_free(path)
    }

    /// Leaves a draft of the manifest for [`super::salvage`], in place of any earlier draft. It is not part of the
    /// bundle.
    ///
    /// # Errors
    /// If it cannot be written as JSON, or the journal cannot be written.
    pub fn draft(&self, manifest: &Clean) -> Result<(), BundleError> {
        let draft = serde_json::from_slice(manifest.as_bytes()).map_err(BundleError::Manifest)?;
        self.0.draft(draft)
    }

    /// The entries acknowledged so far, for reading.
    #[must_use]
    pub fn so_far(&self) -> WrittenEntries {
        let state = self.0.lock();
        let entries = state.stored.iter().map(|one| (one.written.path.clone(), one.clone())).collect();
        WrittenEntries { file: state.file.clone(), entries }
    }

    /// Ends the bundle under its final name. `last` gets every entry's final path and returns the
    /// files that say what is in the bundle, `manifest.json` last of all. Entries still being
    /// written are lost.
    ///
    /// If the name is taken, the bundle gets the next free one: `<name>-2.zip`.
    ///
    /// # Errors
    /// [`BundleError::Unfinished`]; what is on the disk can then be salvaged.
    pub fn finish(
        self,
        name: &BundleName,
        last: impl FnOnce(&FinalPaths) -> Vec<(EntryPath, Clean)>,
    ) -> Result<Finished, BundleError> {
        self.finish_with(name, |settled| Ok(last(settled)), Clean::as_bytes)
    }

    /// [`Self::finish`] for `salvage`, whose manifest is made from text that was already clean, and for `fit`, which
    /// discards the bundle if it is not as planned.
    pub(super) fn finish_with<B>(
        self,
        name: &BundleName,
        last: impl FnOnce(&FinalPaths) -> Result<Vec<(EntryPath, B)>, BundleError>,
        bytes: impl Fn(&B) -> &[u8],
    ) -> Result<Finished, BundleError> {
        self.0.finish(name, last, bytes)
    }

    /// Gives up the bundle and removes all of it from the disk. A finished bundle stays.
    pub fn abandon(self) {
        self.0.abandon();
    }

    /// Room for contents that wait for [`copy`](Self::copy).
    pub(super) fn spool(&self) -> Spool {
        self.0.spool()
    }

    /// Appends contents that are already compressed and checked.
    pub(super) fn copy(&self, written: Written, header: EntryHeader, from: impl Read) -> Result<(), BundleError> {
        self.0.copy(written, header, from)
    }
}

/// The entries of a bundle that is still being written. Later ones are not included.
pub struct WrittenEntries {
    file: Arc<dyn StoreFile>,
    entries: HashMap<EntryPath, Stored>,
}

impl WrittenEntries {
    /// The paths that entries were written under, by every path that they can have in a bundle.
    #[must_use]
    pub fn by_final_path(&self) -> HashMap<String, &str> {
        let forms = |path| super::layout::candidates(path).map(move |settled| (settled, path));
        self.entries.keys().flat_map(|path| forms(path.as_str())).collect()
    }

    /// SHA-256 of an entry, lower-case hex, by the path it was written under.
    #[must_use]
    pub fn sha256(&self, path: &str) -> Option<&str> {
        self.entries.get(path).map(|one| one.written.sha256.as_str())
    }

    /// The size of an entry in bytes, by the path it was written under.
    #[must_use]
    pub fn size(&self, path: &str) -> Option<u64> {
        self.entries.get(path).map(|one| one.written.bytes)
    }

    /// Reads an entry as a stream, by the path it was written under.
    ///
    /// # Errors
    /// [`BundleError::Missing`] when there is none yet.
    pub fn open_entry(&self, path: &str) -> Result<EntryReader, BundleError> {
        let one = self.entries.get(path).ok_or_else(|| BundleError::Missing { path: path.to_owned() })?;
        let section = Section::new(self.file.clone(), one.offset + one.header_len as u64, one.header.compressed);
        Ok(EntryReader::new(section, false, one.header.bytes, one.header.crc))
    }
}
