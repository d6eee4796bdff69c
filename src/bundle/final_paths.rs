//! Owns the naming of a bundle: the final path of every entry, and the headers that state it, changed in place.
//!
//! Until then, each entry is written below [`PLACEHOLDER`], a folder name longer than any bundle's name. A header with
//! the final, shorter name keeps its length: an extra field without meaning fills the rest. So nothing moves, however
//! large the bundle is.

use super::{
    compress,
    format::EntryRecord,
    layout::{self, EntryPath, Shortening},
    names::{BundleName, by_hash},
    storage::StoreFile,
    stored::{Stored, Written},
    zip_headers::{self, PADDING_MIN},
};
use crate::redact::Clean;
use std::{
    collections::{BTreeMap, HashSet},
    io,
    sync::Arc,
};

/// The folder of a bundle while it has no name yet.
pub(super) const PLACEHOLDER: &str =
    "escalation-unfinished----------------------------------------------------------------------salvage";

const _: () = assert!(PLACEHOLDER.len() >= BundleName::MAX + PADDING_MIN);

/// The bundle once its name is known: where each entry is.
pub struct FinalPaths {
    name: BundleName,
    shortening: Shortening,
    entries: BTreeMap<EntryPath, (Arc<Written>, String)>,
    dropped: Vec<Written>,
}

impl FinalPaths {
    pub(super) fn new(name: &BundleName, stored: &[Stored], dropped: Vec<Written>) -> Self {
        let paths = stored.iter().map(|s| s.written.path.as_str());
        let shortening = Shortening::of(name, paths);
        let mut settled = Self { name: name.clone(), shortening, entries: BTreeMap::new(), dropped };
        let mut taken = HashSet::new();
        for one in stored {
            let path = settled.unique(&one.written.path, &mut taken);
            settled.entries.insert(one.written.path.clone(), (one.written.clone(), path));
        }
        settled
    }

    fn unique(&self, path: &EntryPath, taken: &mut HashSet<String>) -> String {
        let settled = self.shortening.shorten(path.as_str());
        if taken.insert(settled.to_ascii_lowercase()) {
            return settled;
        }
        // Two hashes of ten digits are equal. Longer ones differ.
        by_hash(path.as_str())
    }

    /// The bundle's name.
    #[must_use]
    pub fn name(&self) -> &BundleName {
        &self.name
    }

    /// The path that `path` has in the bundle's folder, also of a file yet to be written.
    #[must_use]
    pub fn path(&self, path: &EntryPath) -> String {
        let known = self.entries.get(path).map(|(_, settled)| settled.clone());
        known.unwrap_or_else(|| self.shortening.shorten(path.as_str()))
    }

    /// One record for every acknowledged entry, sorted by path, with path, names, sizes and hash
    /// filled in and all else left empty.
    #[must_use]
    pub fn records(&self) -> Vec<EntryRecord> {
        let mut all: Vec<_> = self.entries.values().map(|(w, path)| record_of(w, path)).collect();
        all.sort_by(|a, b| a.path.cmp(&b.path));
        all
    }

    /// [`Self::records`], each with the path it was written under.
    pub(super) fn records_with_paths(&self) -> Vec<(String, EntryRecord)> {
        let of = |(w, path): &(Arc<Written>, String)| (w.path.to_string(), record_of(w, path));
        self.entries.values().map(of).collect()
    }

    /// The record of an acknowledged entry; none when there is no such entry, or it was lost to a
    /// full disk.
    #[must_use]
    pub fn record(&self, path: &EntryPath) -> Option<EntryRecord> {
        self.entries.get(path).map(|(written, settled)| record_of(written, settled))
    }

    /// The record of a file that will be returned together with the manifest.
    #[must_use]
    pub fn measure(&self, path: &EntryPath, clean: &Clean) -> EntryRecord {
        self.measure_bytes(path, clean.as_bytes())
    }

    pub(super) fn measure_bytes(&self, path: &EntryPath, bytes: &[u8]) -> EntryRecord {
        // Counting compressed bytes does not use the disk, so nothing can fail.
        let (compressed, sha256) = compress::measure(bytes).unwrap_or_default();
        let settled = self.path(path);
        let mut record = EntryRecord::new(settled, bytes.len() as u64, compressed, sha256);
        record.names = path.changed_names(&record.path);
        record
    }

    /// Acknowledged entries that had to make room for the manifest on a full disk.
    #[must_use]
    pub fn dropped(&self) -> &[Written] {
        &self.dropped
    }

    /// Gives every header in `file` its final name, and returns the central directory that belongs
    /// at `end`.
    pub(super) fn apply(&self, file: &dyn StoreFile, stored: &[Stored], end: u64) -> io::Result<Vec<u8>> {
        let mut names = Vec::with_capacity(stored.len());
        for one in stored {
            let name = format!("{}/{}", self.name, self.path(&one.written.path));
            debug_assert!(name.len() <= layout::MAX_PATH);
            file.write_at(&one.header.local(&name, one.header_len), one.offset)?;
            names.push(name);
        }
        let entries = stored.iter().zip(&names).map(|(s, n)| (n.as_str(), s.header, s.offset));
        Ok(zip_headers::directory(entries, end))
    }
}

fn record_of(written: &Written, settled: &str) -> EntryRecord {
    let mut record = EntryRecord::new(settled.to_owned(), written.bytes, written.compressed, written.sha256.clone());
    record.names = written.path.changed_names(settled);
    record
}
