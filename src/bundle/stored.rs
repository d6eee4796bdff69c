//! Owns the record of an entry that is in the partial bundle: what it is, and where.

use super::{layout::EntryPath, zip_headers::EntryHeader};
use std::sync::Arc;

/// An acknowledged entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The path that was requested; its final one is known when the bundle ends.
    pub path: EntryPath,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its size in the zip, in bytes.
    pub compressed: u64,
    /// SHA-256 of its contents, lower-case hex.
    pub sha256: String,
}

/// An entry in the partial bundle.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Shared with readers of the partial bundle, and with its final paths.
    pub(super) written: Arc<Written>,
    pub(super) header: EntryHeader,
    /// Where its header begins.
    pub(super) offset: u64,
    /// Length of that header.
    pub(super) header_len: usize,
}

impl Stored {
    /// The byte after its last.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.header_len as u64 + self.header.compressed
    }
}
