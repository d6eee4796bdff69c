//! Owns the writing of a bundle: the partial file, what is acknowledged in it, and its end.
//!
//! The order is what makes it safe. An entry is compressed by whoever writes it, appended whole,
//! and then acknowledged in the journal; only what is acknowledged counts. A write that fails takes
//! the file back to the last acknowledged entry. Room for the files that come last is set aside
//! from the start, so that a full disk does not keep the bundle from being finished.

use super::{
    entry::EntryWriter,
    error::{BundleError, is_full},
    journal::{Acknowledged, Journal, Line},
    layout::EntryPath,
    names::BundleName,
    pack::{Packed, Packer},
    place::{Destination, Place},
    reader::EntryReader,
    record::{DosTime, Facts},
    reserve::Reserve,
    settle::{PLACEHOLDER, Settled, Stored},
    spool::{InMemory, Spool},
    storage::{Disk, Section, Storage, StoreFile},
};
use crate::redact::Clean;
use chrono::{DateTime, Utc};
use std::{
    collections::{HashMap, HashSet},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What the last files' lines in the journal need, and more, on a disk without any room.
const JOURNAL_ROOM: u64 = 64 << 10;

/// What is copied into the bundle at a time.
const CHUNK: usize = 256 * 1024;

/// An acknowledged entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its path as asked for; where it ends up is known once the bundle is [`Settled`].
    pub path: EntryPath,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its size in the zip, in bytes.
    pub compressed: u64,
    /// SHA-256 of its contents, lower-case hex.
    pub sha256: String,
}

/// A finished bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file, lower-case hex.
    pub sha256: String,
}

impl Finished {
    /// Gives it the name of one that this run has made before, which it has all of.
    ///
    /// # Errors
    /// When the system refuses; both are there then.
    pub fn in_place_of(self, other: &Self) -> Result<Self, BundleError> {
        let renamed = std::fs::rename(&self.path, &other.path);
        renamed.map_err(|e| BundleError::io("replace the first bundle by", &self.path, e))?;
        Ok(Self { path: other.path.clone(), ..self })
    }
}

/// A bundle being written. Clones write to the same one, from any thread. Dropped without
/// [`finish`](Self::finish) or [`abandon`](Self::abandon) it leaves what [`super::salvage`] can use.
#[derive(Clone)]
pub struct BundleWriter(Arc<Core>);

impl BundleWriter {
    /// Begins a bundle: creates `<name>.zip.partial` and its journal where the bundle is to be,
    /// readable by this user only.
    ///
    /// # Errors
    /// When there is no place to write, too little room, or the file is already there.
    pub fn create(to: &Destination, started: DateTime<Utc>) -> Result<Self, BundleError> {
        Self::create_on(Arc::new(Disk), to, started)
    }

    /// [`Self::create`] on another storage than this machine's disks.
    ///
    /// # Errors
    /// As those of [`Self::create`].
    pub fn create_on(storage: Arc<dyn Storage>, to: &Destination, started: DateTime<Utc>) -> Result<Self, BundleError> {
        let (place, file, journal) = Place::open(&storage, to, started)?;
        let reserve = Reserve::create(&storage, &place.partial).inspect_err(|_| {
            // Nothing is in it yet.
            let _ = storage.remove(&place.partial);
            let _ = storage.remove(journal.path());
        })?;
        let state = State {
            open: true,
            file: file.into(),
            journal,
            reserve: Some(reserve),
            end: 0,
            stored: Vec::new(),
            taken: HashSet::new(),
        };
        let time = DosTime::of(started);
        let core =
            Core { storage, place, time, spools: AtomicU64::new(0), in_memory: Arc::default(), state: state.into() };
        Ok(Self(Arc::new(core)))
    }

    /// Where the bundle grows until it is finished.
    #[must_use]
    pub fn partial(&self) -> &Path {
        &self.0.place.partial
    }

    /// Begins an entry. Its bytes are hashed and compressed on the thread that writes them.
    ///
    /// # Errors
    /// [`BundleError::Taken`] when the bundle has one of this path, also when only upper and lower
    /// case differ; [`BundleError::Closed`] when it is finished.
    pub fn entry(&self, path: EntryPath) -> Result<EntryWriter, BundleError> {
        self.0.take(&path)?;
        Ok(EntryWriter::new(Arc::clone(&self.0), path))
    }

    /// Whether it has no entry of this path.
    #[must_use]
    pub fn is_free(&self, path: &EntryPath) -> bool {
        !self.0.lock().taken.contains(&path.as_str().to_ascii_lowercase())
    }

    /// Leaves word for [`super::salvage`]: the manifest as far as it is known now, in place of any
    /// earlier one. It is not in the bundle.
    ///
    /// # Errors
    /// When it is no JSON, or the journal cannot be written.
    pub fn draft(&self, manifest: &Clean) -> Result<(), BundleError> {
        let draft = serde_json::from_slice(manifest.as_bytes()).map_err(BundleError::Manifest)?;
        let mut state = self.0.lock();
        if !state.open {
            return Err(BundleError::Closed { path: super::layout::MANIFEST.to_owned() });
        }
        let journal = &mut state.journal;
        let path = journal.path().to_owned();
        let wrote = journal.write(&Line::Draft(draft));
        wrote.map_err(|e| BundleError::io("write to the journal", &path, e))
    }

    /// What is acknowledged by now, to read it again.
    #[must_use]
    pub fn so_far(&self) -> SoFar {
        let state = self.0.lock();
        let entries = state.stored.iter().map(|one| (one.written.path.clone(), one.clone())).collect();
        SoFar { file: state.file.clone(), entries }
    }

    /// Ends the bundle under its final name. `last` gets every entry's settled path and returns the
    /// files that say what is in the bundle, `manifest.json` last of all. Entries still being
    /// written are lost.
    ///
    /// When the name is taken by then, the bundle gets the next free one: `<name>-2.zip`.
    ///
    /// # Errors
    /// [`BundleError::Unfinished`]; what is on the disk can then be salvaged.
    pub fn finish(
        self,
        name: &BundleName,
        last: impl FnOnce(&Settled) -> Vec<(EntryPath, Clean)>,
    ) -> Result<Finished, BundleError> {
        self.finish_with(name, |settled| Ok(last(settled)), Clean::as_bytes)
    }

    /// [`Self::finish`] for `salvage`, whose manifest is made of what had been clean before, and for
    /// `fit`, which does without the bundle when it is not as planned.
    pub(super) fn finish_with<B>(
        self,
        name: &BundleName,
        last: impl FnOnce(&Settled) -> Result<Vec<(EntryPath, B)>, BundleError>,
        bytes: impl Fn(&B) -> &[u8],
    ) -> Result<Finished, BundleError> {
        let core = self.0;
        let mut state = core.lock();
        if !state.open {
            return Err(BundleError::Closed { path: name.to_string() });
        }
        state.open = false;
        let done = core.close(&mut state, name, last, bytes);
        done.map_err(|source| BundleError::Unfinished { partial: core.place.partial.clone(), source: Box::new(source) })
    }

    /// Gives the bundle up and removes all of it from the disk.
    pub fn abandon(self) {
        let mut state = self.0.lock();
        if !std::mem::replace(&mut state.open, false) {
            return;
        }
        state.reserve = None;
        // Nothing can be done about a file that will not go.
        let _ = self.0.storage.remove(&self.0.place.partial);
        let _ = self.0.storage.remove(state.journal.path());
    }

    /// Removes what [`finish`](Self::finish) has left when it failed, as [`abandon`](Self::abandon)
    /// does ahead of it: of a copy nothing is worth salvaging.
    pub(super) fn discard(&self) {
        let mut state = self.0.lock();
        state.open = false;
        state.reserve = None;
        // Nothing can be done about a file that will not go.
        let _ = self.0.storage.remove(&self.0.place.partial);
        let _ = self.0.storage.remove(state.journal.path());
    }

    /// Room for contents that wait for [`copy`](Self::copy).
    pub(super) fn spool(&self) -> Spool {
        self.0.spool()
    }

    /// Appends contents that are already compressed and checked.
    pub(super) fn copy(&self, written: Written, facts: Facts, from: impl Read) -> Result<(), BundleError> {
        let mut state = self.0.lock_for(&written.path)?;
        state.take(&written.path)?;
        self.0.append(&mut state, written.into(), facts, from)
    }
}

/// The entries of a bundle that is still being written. Those that come later are not in it.
pub struct SoFar {
    file: Arc<dyn StoreFile>,
    entries: HashMap<EntryPath, Stored>,
}

impl SoFar {
    /// The paths that entries were written under, by every path that they can have in a bundle.
    #[must_use]
    pub fn by_settled(&self) -> HashMap<String, &str> {
        let forms = |path| super::layout::candidates(path).map(move |settled| (settled, path));
        self.entries.keys().flat_map(|path| forms(path.as_str())).collect()
    }

    /// SHA-256 of an entry, lower-case hex, by the path it was written under.
    #[must_use]
    pub fn sha256(&self, path: &str) -> Option<&str> {
        self.entries.get(path).map(|one| one.written.sha256.as_str())
    }

    /// The size of an entry in bytes, by the path it was written under.
    #[must_use]
    pub fn size(&self, path: &str) -> Option<u64> {
        self.entries.get(path).map(|one| one.written.bytes)
    }

    /// Reads an entry as a stream, by the path it was written under.
    ///
    /// # Errors
    /// [`BundleError::Missing`] when there is none yet.
    pub fn open_entry(&self, path: &str) -> Result<EntryReader, BundleError> {
        let one = self.entries.get(path).ok_or_else(|| BundleError::Missing { path: path.to_owned() })?;
        let section = Section::new(self.file.clone(), one.offset + one.header as u64, one.facts.compressed);
        Ok(EntryReader::new(section, false, one.facts.bytes, one.facts.crc))
    }
}

/// What all clones of a writer, and all its entries, share.
pub(super) struct Core {
    pub(super) storage: Arc<dyn Storage>,
    place: Place,
    pub(super) time: DosTime,
    spools: AtomicU64,
    in_memory: Arc<InMemory>,
    state: Mutex<State>,
}

pub(super) struct State {
    open: bool,
    file: Arc<dyn StoreFile>,
    journal: Journal,
    reserve: Option<Reserve>,
    /// The byte after the last acknowledged entry.
    end: u64,
    stored: Vec<Stored>,
    /// Paths in use, in lower case: what half of all file systems would not tell apart.
    taken: HashSet<String>,
}

impl State {
    fn take(&mut self, path: &EntryPath) -> Result<(), BundleError> {
        if self.taken.insert(path.as_str().to_ascii_lowercase()) {
            return Ok(());
        }
        Err(BundleError::Taken { path: path.to_string() })
    }
}

impl Core {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves `end` and `stored` in step: they change after all that can fail.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_for(&self, path: &EntryPath) -> Result<MutexGuard<'_, State>, BundleError> {
        let state = self.lock();
        if state.open { Ok(state) } else { Err(BundleError::Closed { path: path.to_string() }) }
    }

    /// A spool of its own for one entry.
    pub(super) fn spool(&self) -> Spool {
        let n = self.spools.fetch_add(1, Ordering::Relaxed);
        let path = super::place::beside(&self.place.partial, &format!(".spool-{n}"));
        Spool::new(Arc::clone(&self.storage), path, Arc::clone(&self.in_memory))
    }

    /// Keeps a path for an entry.
    pub(super) fn take(&self, path: &EntryPath) -> Result<(), BundleError> {
        self.lock_for(path)?.take(path)
    }

    /// Makes a path free again that no entry came to.
    pub(super) fn release(&self, path: &EntryPath) {
        self.lock().taken.remove(&path.as_str().to_ascii_lowercase());
    }

    /// Appends a finished entry and acknowledges it.
    pub(super) fn admit(&self, path: EntryPath, packed: Packed<Spool>) -> Result<Written, BundleError> {
        let Packed { sink, facts, sha256 } = packed;
        let (bytes, compressed) = (facts.bytes, facts.compressed);
        let written = Written { path, bytes, compressed, sha256 };
        let mut state = self.lock_for(&written.path)?;
        self.append(&mut state, written.clone().into(), facts, sink.reader())?;
        Ok(written)
    }

    fn append(
        &self,
        state: &mut State,
        written: Arc<Written>,
        facts: Facts,
        from: impl Read,
    ) -> Result<(), BundleError> {
        let State { file, journal, reserve, end, stored, .. } = state;
        if let Some(reserve) = reserve {
            reserve.cover(stored.len() + 1)?;
        }
        let name = format!("{PLACEHOLDER}/{}", written.path);
        let header = facts.local_len(name.len());
        let one = Stored { written, facts, offset: *end, header };
        let put = copy_in(file.as_ref(), &facts.local(&name, header), from, *end)
            .map_err(|e| BundleError::io("write to", &self.place.partial, e));
        let acknowledged = put.and_then(|()| {
            let line = Line::Entry(acknowledgement(&one));
            let wrote = journal.write(&line);
            wrote.map_err(|e| BundleError::io("write to the journal", journal.path(), e))
        });
        if let Err(error) = acknowledged {
            // Gives the room back. Should even that fail, the next entry is written over it.
            let _ = file.set_len(*end);
            return Err(error);
        }
        *end = one.end();
        stored.push(one);
        Ok(())
    }

    fn close<B>(
        &self,
        state: &mut State,
        name: &BundleName,
        last: impl FnOnce(&Settled) -> Result<Vec<(EntryPath, B)>, BundleError>,
        bytes: impl Fn(&B) -> &[u8],
    ) -> Result<Finished, BundleError> {
        let partial = &self.place.partial;
        state.reserve = None;
        let dropped = self.make_room(state)?;
        let settled = Settled::new(name, &state.stored, dropped);
        for (path, body) in last(&settled)? {
            state.take(&path)?;
            // In memory, as what it is made of is: the disk may have no room for one more file.
            let mut packer = Packer::new(Vec::new());
            let packed = packer.write(bytes(&body)).and_then(|()| packer.finish(self.time));
            let packed = packed.map_err(|e| BundleError::io("compress into", partial, e))?;
            let Packed { sink, facts, sha256 } = packed;
            let (bytes, compressed) = (facts.bytes, facts.compressed);
            let written = Written { path, bytes, compressed, sha256 };
            self.append(state, written.into(), facts, &sink[..])?;
        }
        let sealed = self.seal(state, &settled);
        let (bytes, sha256) = sealed.map_err(|e| BundleError::io("finish", partial, e))?;
        let path = self.place.publish(self.storage.as_ref(), name)?;
        // The bundle is whole and has its name. A disk that cannot sync a folder, or a journal that
        // will not go, takes nothing from that.
        let _ = self.storage.sync_folder(&self.place.folder);
        let _ = self.storage.remove(state.journal.path());
        Ok(Finished { path, bytes, sha256 })
    }

    /// Settles the names and writes the directory; returns size and SHA-256 of the whole.
    fn seal(&self, state: &mut State, settled: &Settled) -> io::Result<(u64, String)> {
        let file = state.file.as_ref();
        let directory = settled.apply(file, &state.stored, state.end)?;
        file.write_at(&directory, state.end)?;
        let bytes = state.end + directory.len() as u64;
        file.set_len(bytes)?;
        file.sync()?;
        Ok((bytes, super::hash_file(file, bytes)?))
    }

    /// Sees to it that the last files will fit, by filling their place with zeros while there still
    /// is a way back. Where they would not, entries at the end give up theirs; returns those.
    fn make_room(&self, state: &mut State) -> Result<Vec<Written>, BundleError> {
        let State { file, end, stored, taken, .. } = state;
        let file = file.as_ref();
        let refuse = |error| BundleError::io("write to", &self.place.partial, error);
        let want = Reserve::size(stored.len());
        // Most bundles need far less than what is set aside for the largest.
        let least = want / 4;
        let tried = [want, least].map(|room| fill(file, *end, room));
        let [Err(error), Err(_)] = tried else {
            return Ok(Vec::new());
        };
        let Some(last) = stored.last().filter(|_| is_full(&error)) else {
            return Err(refuse(error));
        };
        // What gives up its place is lost whatever comes next, so first it must be sure that what
        // is there can be written over. The header gets the bytes it has.
        let name = format!("{PLACEHOLDER}/{}", last.written.path);
        let header = last.facts.local(&name, last.header);
        file.write_at(&header, last.offset).map_err(refuse)?;
        let mut dropped = Vec::new();
        let full = *end;
        while full - *end < least + JOURNAL_ROOM
            && let Some(gone) = stored.pop()
        {
            *end = gone.offset;
            taken.remove(&gone.written.path.as_str().to_ascii_lowercase());
            dropped.push(Arc::unwrap_or_clone(gone.written));
        }
        if full - *end > least {
            let _ = file.set_len(*end + least);
        }
        Ok(dropped)
    }
}

fn acknowledgement(one: &Stored) -> Acknowledged {
    Acknowledged {
        path: one.written.path.to_string(),
        names: one.written.path.names(),
        offset: one.offset,
        header: one.header as u64,
        bytes: one.written.bytes,
        compressed: one.written.compressed,
        crc32: one.facts.crc,
        sha256: one.written.sha256.clone(),
    }
}

/// Writes `head` and then all of `from` at `at`.
fn copy_in(file: &dyn StoreFile, head: &[u8], mut from: impl Read, at: u64) -> io::Result<()> {
    let mut at = at;
    let mut chunk = Vec::with_capacity(CHUNK);
    chunk.extend_from_slice(head);
    loop {
        let room = (CHUNK - chunk.len()) as u64;
        from.by_ref().take(room).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            return Ok(());
        }
        file.write_at(&chunk, at)?;
        at += chunk.len() as u64;
        if chunk.len() < CHUNK {
            return Ok(());
        }
        chunk.clear();
    }
}

/// Takes `room` bytes from `at` on, for real: a disk may promise more than it has.
fn fill(file: &dyn StoreFile, at: u64, room: u64) -> io::Result<()> {
    super::reserve::zeros(file, at, at + room).inspect_err(|_| {
        let _ = file.set_len(at);
    })
}
