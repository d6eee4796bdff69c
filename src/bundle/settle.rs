//! Owns the moment at which a bundle gets its name: where every entry ends up, and the headers that
//! say so, changed in place.
//!
//! Until then each entry is written below [`PLACEHOLDER`], a folder longer than any bundle's name
//! can be. A header under the final, shorter name keeps its length: what is left becomes a field
//! that says nothing. So nothing moves, however large the bundle is.

use super::{
    format::EntryRecord,
    layout::{self, EntryPath, Settlement},
    names::{BundleName, by_hash},
    record::{self, Facts, PADDING_MIN},
    storage::StoreFile,
    writer::Written,
};
use crate::redact::Clean;
use std::{
    collections::{BTreeMap, HashSet},
    io,
    sync::Arc,
};

/// The folder of a bundle that has no name yet.
pub(super) const PLACEHOLDER: &str =
    "escalation-unfinished----------------------------------------------------------------------salvage";

const _: () = assert!(PLACEHOLDER.len() >= BundleName::MAX + PADDING_MIN);

/// An entry in the partial bundle.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Shared with whoever reads or settles it.
    pub(super) written: Arc<Written>,
    pub(super) facts: Facts,
    /// Where its header begins.
    pub(super) offset: u64,
    /// Length of that header.
    pub(super) header: usize,
}

impl Stored {
    /// The byte after its last.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.header as u64 + self.facts.compressed
    }
}

/// The bundle once its name is known: where each entry is.
pub struct Settled {
    name: BundleName,
    settlement: Settlement,
    entries: BTreeMap<EntryPath, (Arc<Written>, String)>,
    dropped: Vec<Written>,
}

impl Settled {
    pub(super) fn new(name: &BundleName, stored: &[Stored], dropped: Vec<Written>) -> Self {
        let paths = stored.iter().map(|s| s.written.path.as_str());
        let settlement = Settlement::of(name, paths);
        let mut settled = Self { name: name.clone(), settlement, entries: BTreeMap::new(), dropped };
        let mut taken = HashSet::new();
        for one in stored {
            let path = settled.settle(&one.written.path, &mut taken);
            settled.entries.insert(one.written.path.clone(), (one.written.clone(), path));
        }
        settled
    }

    fn settle(&self, path: &EntryPath, taken: &mut HashSet<String>) -> String {
        let settled = self.settlement.settle(path.as_str());
        if taken.insert(settled.to_ascii_lowercase()) {
            return settled;
        }
        // Two hashes of ten digits met. A longer one does not.
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
        known.unwrap_or_else(|| self.settlement.settle(path.as_str()))
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

    /// The record of a file that is about to be returned beside the manifest.
    #[must_use]
    pub fn measure(&self, path: &EntryPath, clean: &Clean) -> EntryRecord {
        self.measure_bytes(path, clean.as_bytes())
    }

    pub(super) fn measure_bytes(&self, path: &EntryPath, bytes: &[u8]) -> EntryRecord {
        // Counting compressed bytes reaches no disk: there is nothing that could fail.
        let (compressed, sha256) = super::pack::measure(bytes).unwrap_or_default();
        let settled = self.path(path);
        let mut record = EntryRecord::new(settled, bytes.len() as u64, compressed, sha256);
        record.names = path.changed_names(&record.path);
        record
    }

    /// Entries that had been acknowledged and had to make room for the manifest on a full disk.
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
            file.write_at(&one.facts.local(&name, one.header), one.offset)?;
            names.push(name);
        }
        let entries = stored.iter().zip(&names).map(|(s, n)| (n.as_str(), s.facts, s.offset));
        Ok(record::directory(entries, end))
    }
}

fn record_of(written: &Written, settled: &str) -> EntryRecord {
    let mut record = EntryRecord::new(settled.to_owned(), written.bytes, written.compressed, written.sha256.clone());
    record.names = written.path.changed_names(settled);
    record
}
