//! Owns hashes, and how they are written: SHA-256 in lower-case hex.

use super::storage::{Section, StoreFile};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    io::{self, Read},
};

/// `bytes` in lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// SHA-256 of all that is read from `from`.
pub(super) fn of_reader(mut from: impl Read) -> io::Result<String> {
    let mut sha = Sha256::new();
    let mut chunk = vec![0; 256 * 1024];
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(hex(&sha.finalize())),
            n => sha.update(&chunk[..n]),
        }
    }
}

/// SHA-256 of the first `len` bytes of a file.
pub(super) fn of_file(file: &dyn StoreFile, len: u64) -> io::Result<String> {
    of_reader(Section::new(file, 0, len))
}
