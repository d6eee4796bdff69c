//! Owns the hash of what is read.

use super::storage::{Section, StoreFile};
use crate::text::hex;
use sha2::{Digest, Sha256};
use std::io::{self, Read};

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
