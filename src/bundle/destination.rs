//! Owns where a bundle is written: the meaning of `--to`, the partial file, and the final name.

use super::{
    error::BundleError,
    journal::Journal,
    names::BundleName,
    storage::{Disk, Stay, Storage, StoreFile},
};
use chrono::{DateTime, Utc};
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// With less free space than this, no bundle is started.
const LEAST: u64 = 16 << 20;
/// How many bundles of one name a folder may have.
const TRIES: u32 = 99;

/// Where the bundle goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A folder; the file gets the bundle's own name.
    Folder(PathBuf),
    /// A file, whose name ends in `.zip`.
    File(PathBuf),
    /// A file, or, if it exists already, the next: `<name>-2.zip`.
    Next(PathBuf),
}

impl Destination {
    /// What `--to` means: nothing is the current folder, an existing folder is a folder, and a name that ends in `.zip`
    /// is a file.
    ///
    /// # Errors
    /// [`BundleError::Destination`] when it is none of these.
    pub fn from_arg(to: Option<&Path>) -> Result<Self, BundleError> {
        let Some(to) = to else {
            return Ok(Self::Folder(PathBuf::from(".")));
        };
        if to.is_dir() {
            return Ok(Self::Folder(to.to_owned()));
        }
        let zip = to.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip"));
        if zip && !to.as_os_str().to_string_lossy().ends_with('/') {
            return Ok(Self::File(to.to_owned()));
        }
        Err(BundleError::Destination {
            path: to.to_owned(),
            why: "it is neither an existing folder nor a file name that ends in .zip".to_owned(),
            advice: "create the folder first, or add .zip".to_owned(),
        })
    }
}

/// What is appended to the name of a smaller copy.
const COPY: &str = "-fitted";

impl Destination {
    /// Where a smaller copy of `bundle` goes: beside it unless `to` says otherwise. In a folder, it gets the bundle's
    /// name with `-fitted` appended.
    ///
    /// # Errors
    /// As those of [`Self::from_arg`].
    pub fn of_copy(bundle: &Path, to: Option<&Path>) -> Result<Self, BundleError> {
        let folder = match to.map(|to| Self::from_arg(Some(to))).transpose()? {
            None => bundle.parent().unwrap_or(Path::new("")).to_owned(),
            Some(Self::Folder(folder)) => folder,
            Some(file) => return Ok(file),
        };
        let mut name = bundle.file_stem().unwrap_or_default().to_owned();
        name.push(COPY);
        name.push(".zip");
        Ok(Self::Next(folder.join(name)))
    }
}

/// Free bytes for this user on the disk that holds `folder`; none when the system does not say.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    Disk.free(folder)
}

/// `path` with more at the end of its name.
pub(super) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(more);
    PathBuf::from(name)
}

/// Where one bundle is written, and where it will be.
pub(super) struct OutputPaths {
    pub(super) folder: PathBuf,
    pub(super) partial: PathBuf,
    /// The final name, when the user chose it.
    target: Option<PathBuf>,
}

impl OutputPaths {
    /// Finds a place and creates the partial file and its journal there.
    pub(super) fn open(
        storage: &Arc<dyn Storage>,
        to: &Destination,
        started: DateTime<Utc>,
    ) -> Result<(Self, Box<dyn StoreFile>, Journal), BundleError> {
        let folder_of = |file: &Path| {
            let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
            folder.unwrap_or(Path::new(".")).to_owned()
        };
        let (folder, target) = match to {
            Destination::Folder(folder) => (folder.clone(), None),
            Destination::File(file) => {
                if storage.exists(file) {
                    let advice = "name another file with --to, or move this one away".to_owned();
                    return Err(BundleError::Exists { path: file.clone(), advice });
                }
                (folder_of(file), Some(file.clone()))
            }
            Destination::Next(file) => (folder_of(file), Some(file.clone())),
        };
        let is_fixed = matches!(to, Destination::File(_));
        if storage.free(&folder).is_some_and(|free| free < LEAST) {
            let source = io::Error::from(io::ErrorKind::StorageFull);
            return Err(BundleError::io("create a bundle in", &folder, source));
        }
        let name = BundleName::provisional(started);
        for n in 1..=TRIES {
            let base = match &target {
                Some(file) if n == 1 => file.clone(),
                Some(file) => folder.join(numbered(file.file_stem().unwrap_or_default(), n)),
                None => folder.join(numbered(name.as_str(), n)),
            };
            let partial = beside(&base, ".partial");
            match storage.create(&partial, Stay::Lasting) {
                Ok(file) => {
                    let path = beside(&partial, ".journal");
                    let journal = Journal::create(storage, path.clone(), started);
                    let journal = journal.map_err(|e| {
                        // Nothing is in it yet.
                        let _ = storage.remove(&partial);
                        BundleError::io("create the journal", &path, e)
                    })?;
                    return Ok((Self { folder, partial, target }, file, journal));
                }
                // Scripts may start two runs in one folder within one second.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && !is_fixed => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    let advice = "another run is writing it, or was killed while writing it; \
                                  `kubectl escalate salvage` makes a bundle of what it left"
                        .to_owned();
                    return Err(BundleError::Exists { path: partial, advice });
                }
                Err(e) => return Err(BundleError::io("create", &partial, e)),
            }
        }
        let advice = "remove what is no longer needed, or name another folder with --to".to_owned();
        Err(BundleError::Exists { path: folder.join(numbered(name.as_str(), TRIES)), advice })
    }

    /// Gives the partial file its final name, or the next that is free.
    pub(super) fn publish(&self, storage: &dyn Storage, name: &BundleName) -> Result<PathBuf, BundleError> {
        let stem = match &self.target {
            Some(file) => file.file_stem().unwrap_or_default().to_owned(),
            None => name.as_str().into(),
        };
        for n in 1..=TRIES {
            let path = match &self.target {
                Some(file) if n == 1 => file.clone(),
                _ => self.folder.join(numbered(&stem, n)),
            };
            match storage.publish(&self.partial, &path) {
                Ok(()) => return Ok(path),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(BundleError::io("rename the bundle to", &path, e)),
            }
        }
        let advice = "move some bundles away".to_owned();
        Err(BundleError::Exists { path: self.folder.join(stem), advice })
    }
}

fn numbered(stem: impl Into<OsString>, n: u32) -> OsString {
    let mut name = stem.into();
    if n > 1 {
        name.push(format!("-{n}"));
    }
    name.push(".zip");
    name
}
