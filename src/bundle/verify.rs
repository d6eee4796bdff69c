//! Owns the check of a whole bundle: each file against its hash, and the manifest against the zip.

use super::{
    error::{BundleError, is_damage},
    format::Ended,
    hash,
    layout::MANIFEST,
    reader::BundleReader,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The result of [`verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The bundle's file.
    pub path: PathBuf,
    /// Number of files in it, the manifest included.
    pub entries: usize,
    /// Their size in bytes, uncompressed.
    pub bytes: u64,
    /// Whether the manifest says that the run was not cut short.
    pub complete: bool,
    /// How the run ended.
    pub ended: Ended,
    /// What is wrong, sorted by path.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Something wrong with a bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A file is not as it was written.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// Path of the file, inside the bundle's folder.
        path: String,
        /// What does not match.
        why: String,
    },
    /// A file that the manifest does not name.
    #[error("{path} is in the zip, but the manifest does not name it")]
    Unnamed {
        /// Path of the file, inside the bundle's folder.
        path: String,
    },
    /// A file that the zip does not have.
    #[error("{path} is named by the manifest, but is not in the zip")]
    Missing {
        /// Path of the file, inside the bundle's folder.
        path: String,
    },
    /// The manifest names a file twice.
    #[error("{path} is named by the manifest twice")]
    Twice {
        /// Path of the file, inside the bundle's folder.
        path: String,
    },
    /// A task names an entry that the manifest does not have.
    #[error("task {task} names {path}, which is not an entry of the manifest")]
    Dangling {
        /// Path that the task names.
        path: String,
        /// Id of the task.
        task: String,
    },
}

/// Reads all of a bundle and checks every file's hash, and that the manifest names every file and
/// no other.
///
/// # Errors
/// When it cannot be opened as a bundle at all, or the disk fails.
pub fn verify(path: &Path) -> Result<Report, BundleError> {
    let reader = BundleReader::open(path)?;
    let manifest = reader.manifest();
    let mut problems = Vec::new();
    let mut named = BTreeMap::new();
    for record in &manifest.entries {
        if named.insert(record.path.as_str(), record).is_some() {
            problems.push(Problem::Twice { path: record.path.clone() });
        }
        if reader.info(&record.path).is_none() {
            problems.push(Problem::Missing { path: record.path.clone() });
        }
    }
    for task in &manifest.tasks {
        let strays = task.entries.iter().filter(|path| !named.contains_key(path.as_str()));
        problems.extend(strays.map(|path| Problem::Dangling { path: path.clone(), task: task.id.clone() }));
    }
    let mut bytes = 0;
    for info in reader.entries() {
        bytes += info.bytes;
        let damaged = |why: String| Problem::Damaged { path: info.path.clone(), why };
        let hash = match hash::of_reader(reader.open_entry(&info.path)?) {
            Ok(hash) => hash,
            Err(e) if is_damage(&e) => {
                problems.push(damaged(e.to_string()));
                continue;
            }
            Err(e) => return Err(BundleError::io("read", path, e)),
        };
        match named.get(info.path.as_str()) {
            Some(record) if record.sha256 != hash => {
                problems.push(damaged(format!("its SHA-256 is {hash}, not {}", record.sha256)));
            }
            Some(record) if record.bytes != info.bytes => {
                problems.push(damaged(format!("it has {} bytes, not {}", info.bytes, record.bytes)));
            }
            Some(_) => {}
            // No file can hold its own hash.
            None if info.path == MANIFEST => {}
            None => problems.push(Problem::Unnamed { path: info.path.clone() }),
        }
    }
    problems.sort();
    Ok(Report {
        path: path.to_owned(),
        entries: reader.entries().len(),
        bytes,
        complete: manifest.complete,
        ended: manifest.ended,
        problems,
    })
}
