//! Owns the errors of bundles: what was tried, why it failed, and what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

/// What went wrong with a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A path that no entry may have.
    #[error("cannot use {path:?} as a path in the bundle: {why}")]
    Path {
        /// The refused path.
        path: String,
        /// Which rule it breaks.
        why: String,
    },
    /// Two entries have the same path.
    #[error("the bundle already has an entry {path:?}: two tasks wrote to one path")]
    Taken {
        /// The path that both wrote to.
        path: String,
    },
    /// The bundle, or the work file beside it, is already there.
    #[error("cannot create {}: it already exists; {advice}", path.display())]
    Exists {
        /// The file that exists.
        path: PathBuf,
        /// What the user can do.
        advice: String,
    },
    /// The bundle cannot be written where the user said.
    #[error("cannot write the bundle to {}: {why}; {advice}", path.display())]
    Destination {
        /// What the user named.
        path: PathBuf,
        /// Why it cannot be used.
        why: String,
        /// What the user can do.
        advice: String,
    },
    /// No room was left.
    #[error("cannot {doing} {}: the disk is full; free some space, or choose another disk with --to", path.display())]
    DiskFull {
        /// What was tried: a verb and its object.
        doing: &'static str,
        /// The file that was written to.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The system refused a read or a write.
    #[error("cannot {doing} {}: {}", path.display(), advice(doing, source))]
    Io {
        /// What was tried: a verb and its object.
        doing: &'static str,
        /// The file that was read or written.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Something was written to a bundle that is finished or abandoned.
    #[error("cannot add {path:?}: the bundle is already closed")]
    Closed {
        /// Path of the entry, inside the bundle's folder.
        path: String,
    },
    /// An entry had failed before.
    #[error("cannot continue to write {path:?}: an earlier write of it failed")]
    Broken {
        /// Path of the entry, inside the bundle's folder.
        path: String,
    },
    /// The bundle could not be finished. Everything acknowledged is still on the disk.
    #[error(
        "the bundle could not be finished; what was collected is in {0}: free some space and run \
         `kubectl escalate salvage {0}`", partial.display()
    )]
    Unfinished {
        /// The partial bundle.
        partial: PathBuf,
        /// The error that ended it.
        source: Box<BundleError>,
    },
    /// The file is no bundle.
    #[error("cannot read {} as a bundle: {why}", path.display())]
    NotABundle {
        /// The file that was opened.
        path: PathBuf,
        /// What it lacks.
        why: String,
    },
    /// This version does not know the bundle's format.
    #[error(
        "cannot read {}: its format is {format}, and this version knows formats up to {known}; \
         use a newer version of this program", path.display()
    )]
    Newer {
        /// The file that was opened.
        path: PathBuf,
        /// Number of its format.
        format: u64,
        /// Number of the newest format that this version reads.
        known: u32,
    },
    /// The bundle, or an entry of it, is not as it was written.
    #[error("{} is damaged: {why}; ask for it to be sent again", path.display())]
    Damaged {
        /// The bundle's file.
        path: PathBuf,
        /// What does not match.
        why: String,
    },
    /// Reading would have taken more than the limit.
    #[error("cannot read {path:?}: it is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Path of the entry, inside the bundle's folder.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The bundle has no such entry.
    #[error("the bundle has no entry {path:?}; its manifest lists those it has")]
    Missing {
        /// Path of the entry, inside the bundle's folder.
        path: String,
    },
    /// A partial bundle is still being written.
    #[error("cannot salvage {}: a process is still writing it; wait for it, or end it", path.display())]
    Busy {
        /// The partial bundle's file.
        path: PathBuf,
    },
    /// There is nothing in a partial bundle that could be salvaged.
    #[error("cannot salvage {}: {why}", path.display())]
    NothingToSalvage {
        /// The partial bundle's file.
        path: PathBuf,
        /// What was not found.
        why: String,
    },
    /// No copy can be made as small as that.
    #[error(
        "cannot fit {} into {max} bytes: the smallest possible copy has {least}; give --max-size {least}B or more",
        path.display()
    )]
    TooSmall {
        /// The full bundle's file.
        path: PathBuf,
        /// The requested limit in bytes.
        max: u64,
        /// The smallest possible limit in bytes.
        least: u64,
    },
    /// The bundle to copy is itself a copy.
    #[error("cannot fit {}: it is already a smaller copy; fit the full bundle, {full}, instead", path.display())]
    Copy {
        /// The copy's file.
        path: PathBuf,
        /// File name of the full bundle.
        full: String,
    },
    /// The user stopped the making of a copy.
    #[error("interrupted: no copy of {} was made", path.display())]
    Stopped {
        /// The full bundle's file.
        path: PathBuf,
    },
    /// The manifest could not be written as JSON.
    #[error("cannot write the manifest as JSON")]
    Manifest(#[source] serde_json::Error),
}

impl BundleError {
    /// Whether the disk, a quota or a limit on a file's size was reached. Acknowledged entries can still be finished
    /// into a bundle, whose end is [`super::Ended::DiskFull`].
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::DiskFull { .. } => true,
            Self::Unfinished { source, .. } => source.is_disk_full(),
            _ => false,
        }
    }

    /// What went wrong and why, outermost first, without any path of this machine: for the bundle
    /// itself, which leaves it.
    #[must_use]
    pub fn causes_without_paths(&self) -> Vec<String> {
        match self {
            Self::DiskFull { source, .. } => vec!["the disk of the bundle is full".to_owned(), source.to_string()],
            Self::Io { doing, source, .. } => {
                vec![format!("cannot {doing} the disk of the bundle"), source.to_string()]
            }
            Self::Path { .. } | Self::Taken { .. } | Self::Closed { .. } | Self::Broken { .. } => {
                vec![self.to_string()]
            }
            _ => vec!["the bundle could not be written".to_owned()],
        }
    }

    /// `path` is not as it was written.
    pub(super) fn damaged(path: &Path, why: &str) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.to_owned() }
    }

    /// `source`, which occurred while trying to do `doing` to `path`.
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if is_full(&source) { Self::DiskFull { doing, path, source } } else { Self::Io { doing, path, source } }
    }
}

/// Whether an error of reading an entry is one of its contents, not of the disk.
pub(super) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// Whether `error` says that there is no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// What to do about an error; the source has the system's own message.
fn advice(doing: &str, error: &io::Error) -> &'static str {
    let is_read = doing == "open" || doing.starts_with("read");
    match error.kind() {
        io::ErrorKind::NotFound if is_read => "there is no such file; check the path",
        io::ErrorKind::NotFound => "there is no such folder; create it, or name another with --to",
        io::ErrorKind::PermissionDenied if is_read => "you may not read it; check its permissions",
        io::ErrorKind::PermissionDenied => "you may not write there; name another place with --to",
        io::ErrorKind::ReadOnlyFilesystem => "the disk is mounted read-only; name another place with --to",
        _ if is_read => "the system could not read it",
        _ => "the system refused; name another place with --to",
    }
}
