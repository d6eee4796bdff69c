//! Owns the bundle: the one zip a run leaves behind. What is in it ([`layout`], [`Manifest`]), how
//! it is written so that nothing acknowledged is ever lost ([`BundleWriter`], [`salvage`]), how it is read
//! ([`BundleReader`], [`verify`]), and how it is made smaller ([`fit`]).
//!
//! Nothing reaches the zip but [`Clean`](crate::redact::Clean) bytes, and nothing in here knows
//! Kubernetes: an entry is a path and some bytes.

mod coverage;
mod entry;
mod error;
mod evidence;
pub mod facts;
pub mod findings;
mod fit;
mod format;
mod journal;
pub mod layout;
mod names;
mod pack;
mod place;
mod queries;
mod reader;
mod record;
mod reserve;
mod salvage;
mod settle;
mod spool;
mod stamp;
pub mod storage;
mod verify;
mod writer;

use sha2::{Digest, Sha256};
use std::io::{self, Read};

pub use coverage::{ContainerCoverage, Coverage, Gap, GapCause, Interval, LogRun};
pub use entry::EntryWriter;
pub use error::BundleError;
pub use evidence::{Evidence, Gathered};
pub use fit::{Fit, Fitted, LeftOut, Watch, Words, fit};
pub use format::{
    CheckState, ChecklistItem, ClusterInfo, Ended, EntryRecord, FORMAT, GonePod, IdentityClaim, IdentityKind, Manifest,
    Outcome, TaskRecord,
};
pub use layout::EntryPath;
pub use names::{BundleName, NamePart};
pub use pack::BLOCK;
pub use place::{Destination, free_bytes};
pub use queries::{Backend, Judged, QueryRecord, Reading, Verdict};
pub use reader::{BundleReader, EntryInfo, EntryReader};
pub use salvage::{Salvaged, salvage};
pub use settle::Settled;
pub use verify::{Problem, Report, verify};
pub use writer::{BundleWriter, Finished, SoFar, Written};

/// Lower-case hex.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// SHA-256 of the first `len` bytes of a file, lower-case hex.
fn hash_file(file: &dyn storage::StoreFile, len: u64) -> io::Result<String> {
    let mut all = storage::Section::new(file, 0, len);
    let mut sha = Sha256::new();
    let mut chunk = vec![0; 256 * 1024];
    loop {
        match all.read(&mut chunk)? {
            0 => return Ok(hex(&sha.finalize())),
            n => sha.update(&chunk[..n]),
        }
    }
}
