//! Owns the journal beside a partial bundle: one line of JSON for each acknowledged entry. Each line has its own
//! checksum, so each line that a killed process left can be trusted by itself.

use super::storage::{Stay, Storage, StoreFile};
use crate::text::hex;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Begins the checksum, which is the last thing in its line.
const SUM: &str = ",\"sum\":\"";
/// Hex digits of it.
const DIGITS: usize = 16;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// The first: which format this is, and when the collection started.
    Journal {
        version: u32,
        /// Seconds since 1970.
        started: i64,
    },
    /// An entry is complete in the partial bundle, and was handed to the operating system.
    Entry(Acknowledged),
    /// The manifest as far as it was known.
    Draft(serde_json::Value),
}

/// An entry, and where it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Acknowledged {
    /// The path it was written under, which is not yet final.
    pub(super) path: String,
    /// Full names of what the path names.
    #[serde(default)]
    pub(super) names: BTreeMap<String, String>,
    /// Where its header begins, in bytes from the start of the partial bundle.
    pub(super) offset: u64,
    /// Length of that header; the contents follow.
    pub(super) header: u64,
    /// Size of the contents in bytes.
    pub(super) bytes: u64,
    /// Size of the compressed contents in bytes.
    pub(super) compressed: u64,
    /// CRC-32 of the contents.
    pub(super) crc32: u32,
    /// SHA-256 of the contents.
    pub(super) sha256: String,
}

/// A journal being written.
pub(super) struct Journal {
    file: Box<dyn StoreFile>,
    path: PathBuf,
    end: u64,
}

impl Journal {
    /// Begins the journal at `path`.
    pub(super) fn create(storage: &Arc<dyn Storage>, path: PathBuf, started: DateTime<Utc>) -> io::Result<Self> {
        let file = storage.create(&path, Stay::Lasting)?;
        let mut journal = Self { file, path, end: 0 };
        let first = Line::Journal { version: 1, started: started.timestamp() };
        journal.write(&first).inspect_err(|_| {
            // There is no bundle yet that it could describe.
            let _ = storage.remove(&journal.path);
        })?;
        Ok(journal)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line. When that fails, the journal is what it was before.
    pub(super) fn write(&mut self, line: &Line) -> io::Result<()> {
        let text = render(line)?;
        if let Err(error) = self.file.write_at(text.as_bytes(), self.end) {
            // A torn line does no harm, because its checksum is wrong; this only tidies up.
            let _ = self.file.set_len(self.end);
            return Err(error);
        }
        self.end += text.len() as u64;
        Ok(())
    }
}

fn render(line: &Line) -> io::Result<String> {
    let mut text = serde_json::to_string(line)?;
    text.pop();
    let sum = checksum(&text);
    text.push_str(SUM);
    text.push_str(&sum);
    text.push_str("\"}\n");
    Ok(text)
}

/// Every valid line of a journal. Torn and foreign lines are left out.
pub(super) fn read(bytes: &[u8]) -> Vec<Line> {
    bytes.split(|b| *b == b'\n').filter_map(parse).collect()
}

fn parse(line: &[u8]) -> Option<Line> {
    let text = std::str::from_utf8(line).ok()?;
    let (body, sum) = text.strip_suffix("\"}")?.rsplit_once(SUM)?;
    if sum.len() != DIGITS || sum != checksum(body) {
        return None;
    }
    serde_json::from_str(&format!("{body}}}")).ok()
}

fn checksum(text: &str) -> String {
    let mut sum = hex(&Sha256::digest(text.as_bytes()));
    sum.truncate(DIGITS);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_and_a_changed_one_is_not() {
        let line = Line::Entry(Acknowledged {
            path: "a/b".into(),
            names: BTreeMap::from([("pod".into(), "x\",\"sum\":\"".into())]),
            offset: 1,
            header: 2,
            bytes: 3,
            compressed: 4,
            crc32: 5,
            sha256: "6".into(),
        });
        let text = render(&line).expect("a line");
        assert_eq!(read(text.as_bytes()).len(), 1);
        for at in 0..text.len() - 1 {
            let mut torn = text.clone().into_bytes();
            torn[at] ^= 1;
            assert_eq!(read(&torn).len(), 0, "byte {at} changed unnoticed");
            assert_eq!(read(&text.as_bytes()[..at]).len(), 0, "torn at {at} unnoticed");
        }
    }
}
