//! Owns the full bundle: its entries, what a copy may do with each, and how they are read. Each entry is checked
//! against the manifest before it is used.

use super::unknown::unknown;
use crate::bundle::{
    compress::{Compressor, CountingSink},
    error::{BundleError, is_damage},
    format::{EntryRecord, Manifest, Outcome},
    hash,
    layout::{self, EntryPath},
    names::{BundleName, NamePart},
    reader::{BundleReader, EntryInfo},
    zip_headers::DosTime,
};
use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    path::Path,
    sync::mpsc,
    thread,
};

/// What is read at a time.
const CHUNK: usize = 256 * 1024;
/// How many chunks may be read ahead.
const AHEAD: usize = 4;
/// An entry of fewer bytes is read by the calling thread.
const SMALL: u64 = 1 << 20;

/// Most unknown fields that are named.
const NAMED: usize = 20;

/// Observes the making of a copy, and can stop it.
pub trait Watch: Sync {
    /// About this many bytes will be read.
    fn expect(&self, bytes: u64);
    /// This many more bytes were read.
    fn read(&self, bytes: u64);
    /// Whether to stop, and to remove the unfinished copy.
    fn is_stopped(&self) -> bool;
}

/// What a copy may do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// It has to keep it.
    Stays,
    /// A log. It may leave out lines.
    Log,
    /// A description. It may leave it out, because it can be generated again from the tables.
    Description,
    /// An object that is also in its table. It may leave it out.
    Object,
}

/// One entry of the full bundle.
pub(super) struct Piece<'a> {
    pub(super) info: &'a EntryInfo,
    pub(super) record: &'a EntryRecord,
    /// Its path, with the names in it.
    pub(super) entry: EntryPath,
    pub(super) role: Role,
    /// How many bytes it takes in the copy as a whole. Another program may have zipped it without compressing it.
    pub(super) size: u64,
}

impl<'a> Piece<'a> {
    pub(super) fn path(&self) -> &'a str {
        &self.record.path
    }
}

/// The full bundle.
pub(super) struct Source<'a> {
    path: &'a Path,
    reader: &'a BundleReader,
    watch: &'a dyn Watch,
    pub(super) name: BundleName,
    /// Size of its file in bytes.
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl<'a> Source<'a> {
    pub(super) fn new(reader: &'a BundleReader, bytes: u64, watch: &'a dyn Watch) -> Result<Self, BundleError> {
        let path = reader.path();
        let read = |error| BundleError::io("read", path, error);
        let file = File::open(path).map_err(read)?;
        let sha256 = hash::of_file(&file, bytes).map_err(read)?;
        let name = BundleName::of_folder(reader.folder()).unwrap_or_else(|| name(reader.manifest()));
        Ok(Self { path, reader, watch, name, bytes, sha256 })
    }

    pub(super) fn manifest(&self) -> &'a Manifest {
        self.reader.manifest()
    }

    pub(super) fn reader(&self) -> &'a BundleReader {
        self.reader
    }

    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    pub(super) fn watch(&self) -> &'a dyn Watch {
        self.watch
    }

    /// Its entries in their order in the zip, without those that are written again, and remarks on those that a copy
    /// cannot have.
    pub(super) fn pieces(&self) -> Result<(Vec<Piece<'a>>, Vec<String>), BundleError> {
        let manifest = self.manifest();
        let mut remarks = Vec::new();
        let fields = unknown(&self.reader.read(layout::MANIFEST, u64::MAX)?);
        if !fields.is_empty() {
            let more = if fields.len() > NAMED { ", …" } else { "" };
            let names = fields.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
            remarks.push(format!(
                "This copy lacks fields of manifest.json that the version that made it does not know: {names}{more}."
            ));
        }
        let mut records = HashMap::new();
        for record in &manifest.entries {
            if records.insert(record.path.as_str(), record).is_some() {
                return Err(BundleError::damaged(self.path, &format!("its manifest names {} twice", record.path)));
            }
            if self.reader.info(&record.path).is_none() {
                remarks.push(format!("{} was taken out of the full bundle before this copy was made.", record.path));
            }
        }
        let collected: HashMap<&str, bool> =
            manifest.tasks.iter().map(|task| (task.id.as_str(), task.outcome == Outcome::Collected)).collect();
        let is_in_table = |record: &EntryRecord| {
            let table = layout::table_of(&record.path).filter(|table| self.reader.info(table).is_some());
            let of_table = table.and_then(|table| records.get(table.as_str()).map(|table| &table.task));
            of_table == Some(&record.task) && collected.get(record.task.as_str()) == Some(&true)
        };
        let mut pieces = Vec::new();
        for info in self.reader.entries() {
            if [layout::MANIFEST, layout::README].contains(&info.path.as_str()) {
                continue;
            }
            let Some(record) = records.get(info.path.as_str()).copied() else {
                // Nothing shows that it was redacted.
                remarks.push(format!("{} is not in this copy, because the manifest does not name it.", info.path));
                continue;
            };
            let entry = EntryPath::new(&info.path)?.with_names(record.names.clone());
            if self.name.as_str().len() + 1 + info.path.len() > layout::MAX_PATH {
                let why = format!("its entry {:?} has a longer path than any of this program's", info.path);
                return Err(BundleError::NotABundle { path: self.path.to_owned(), why });
            }
            let role = if layout::is_log(&record.path, &record.names) && info.bytes > 0 {
                Role::Log
            } else if layout::is_description(&record.path) && self.reader.info(&described(&record.path)).is_some() {
                Role::Description
            } else if is_in_table(record) {
                Role::Object
            } else {
                Role::Stays
            };
            let size = if info.stored { self.compressed_size(info)? } else { info.compressed };
            pieces.push(Piece { info, record, entry, role, size });
        }
        pieces.sort_by_key(|piece| piece.info.at);
        Ok((pieces, remarks))
    }

    /// Fails if the observer has asked to stop.
    pub(super) fn go_on(&self) -> Result<(), BundleError> {
        if self.watch.is_stopped() { Err(BundleError::Stopped { path: self.path.to_owned() }) } else { Ok(()) }
    }

    /// Hands on the contents of an entry. Another thread reads a long one ahead.
    pub(super) fn read(
        &self,
        info: &EntryInfo,
        mut take: impl FnMut(&[u8]) -> Result<(), BundleError>,
    ) -> Result<(), BundleError> {
        let mut reader = self.reader.open_entry(&info.path)?;
        let mut pass = |chunk: &[u8]| {
            self.go_on()?;
            take(chunk)?;
            self.watch.read(chunk.len() as u64);
            Ok(())
        };
        if info.bytes < SMALL {
            let mut chunk = Vec::with_capacity(usize::try_from(info.bytes).unwrap_or_default());
            reader.read_to_end(&mut chunk).map_err(|error| self.failed(info, error))?;
            return pass(&chunk);
        }
        thread::scope(|scope| {
            let (filled, chunks) = mpsc::sync_channel(AHEAD);
            scope.spawn(move || {
                loop {
                    let mut chunk = Vec::with_capacity(CHUNK);
                    let read = reader.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
                    let is_last = read.is_err() || chunk.is_empty();
                    // If the reader has failed, nothing receives it.
                    if filled.send(read.map(|_| chunk)).is_err() || is_last {
                        return;
                    }
                }
            });
            for chunk in chunks {
                pass(&chunk.map_err(|error| self.failed(info, error))?)?;
            }
            Ok(())
        })
    }

    fn compressed_size(&self, info: &EntryInfo) -> Result<u64, BundleError> {
        let failed = |error| BundleError::io("measure", self.path, error);
        let mut compressor = Compressor::new(CountingSink::default());
        self.read(info, |chunk| compressor.write(chunk).map_err(failed))?;
        Ok(compressor.finish(DosTime::default()).map_err(failed)?.header.compressed)
    }

    /// Checks that an entry is what the manifest says.
    pub(super) fn check(&self, piece: &Piece<'_>, sha256: &str) -> Result<(), BundleError> {
        if piece.record.sha256 == sha256 {
            return Ok(());
        }
        let why = format!("the SHA-256 of {} is {sha256}, not {}", piece.record.path, piece.record.sha256);
        Err(BundleError::damaged(self.path, &why))
    }

    pub(super) fn failed(&self, info: &EntryInfo, error: io::Error) -> BundleError {
        if is_damage(&error) {
            BundleError::damaged(self.path, &format!("{}: {error}", info.path))
        } else {
            BundleError::io("read", self.path, error)
        }
    }
}

/// The path of the object that a description describes.
fn described(path: &str) -> String {
    match path.strip_suffix("/describe.txt") {
        Some(pod) => format!("{pod}/pod.yaml"),
        None => format!("{}.yaml", path.trim_end_matches(".describe.txt")),
    }
}

/// The name of a bundle with this manifest, if its folder has a name that no bundle can have.
fn name(manifest: &Manifest) -> BundleName {
    let part = |value: &Option<String>| NamePart::of(value.as_deref(), None);
    BundleName::new(&part(&manifest.trust_domain), &part(&manifest.region), manifest.started)
}
