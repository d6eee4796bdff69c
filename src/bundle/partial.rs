//! Owns the partial file of a bundle, from its first entry to its final name.
//!
//! The order of the steps makes it safe. The thread that writes an entry compresses it. The entry is then appended
//! whole, and acknowledged in the journal. Only acknowledged entries count: if a write fails, the file is truncated to
//! the last of them. Room for the last files is reserved at the start, so that a full disk does not keep the bundle
//! from being finished.

use super::{
    compress::{Compressed, Compressor},
    destination::{Destination, OutputPaths, beside},
    error::{BundleError, is_full},
    final_paths::{FinalPaths, PLACEHOLDER},
    hash,
    journal::{Acknowledged, Journal, Line},
    layout::EntryPath,
    names::BundleName,
    reserve::{self, Reserve},
    spool::{InMemory, Spool},
    storage::{Storage, StoreFile},
    stored::{Stored, Written},
    zip_headers::{DosTime, EntryHeader},
};
use chrono::{DateTime, Utc};
use std::{
    collections::HashSet,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// More than the last files' lines in the journal need, for a disk without free space.
const JOURNAL_ROOM: u64 = 64 << 10;

/// How much is copied into the bundle at a time.
const CHUNK: usize = 256 * 1024;

/// A finished bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file, lower-case hex.
    pub sha256: String,
}

impl Finished {
    /// Gives it the name of a bundle that this run has made before, all of which it contains.
    ///
    /// # Errors
    /// If the system refuses; both then exist.
    pub fn in_place_of(self, other: &Self) -> Result<Self, BundleError> {
        let renamed = std::fs::rename(&self.path, &other.path);
        renamed.map_err(|e| BundleError::io("replace the first bundle by", &self.path, e))?;
        Ok(Self { path: other.path.clone(), ..self })
    }
}

/// What all clones of a writer, and all its entries, share.
pub(super) struct PartialBundle {
    storage: Arc<dyn Storage>,
    place: OutputPaths,
    pub(super) time: DosTime,
    spools: AtomicU64,
    in_memory: Arc<InMemory>,
    state: Mutex<State>,
}

pub(super) struct State {
    open: bool,
    /// Whether it has its final name.
    published: bool,
    pub(super) file: Arc<dyn StoreFile>,
    journal: Journal,
    reserve: Option<Reserve>,
    /// The byte after the last acknowledged entry.
    end: u64,
    pub(super) stored: Vec<Stored>,
    /// Paths in use, in lower case, because many file systems do not distinguish case.
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

impl PartialBundle {
    /// Creates the file, its journal and its reserve.
    pub(super) fn create(
        storage: Arc<dyn Storage>,
        to: &Destination,
        started: DateTime<Utc>,
    ) -> Result<Self, BundleError> {
        let (place, file, journal) = OutputPaths::open(&storage, to, started)?;
        let reserve = Reserve::create(&storage, &place.partial).inspect_err(|_| {
            // Nothing is in it yet.
            let _ = storage.remove(&place.partial);
            let _ = storage.remove(journal.path());
        })?;
        let state = State {
            open: true,
            published: false,
            file: file.into(),
            journal,
            reserve: Some(reserve),
            end: 0,
            stored: Vec::new(),
            taken: HashSet::new(),
        };
        let time = DosTime::of(started);
        Ok(Self { storage, place, time, spools: AtomicU64::new(0), in_memory: Arc::default(), state: state.into() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.place.partial
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
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
        let path = beside(&self.place.partial, &format!(".spool-{n}"));
        Spool::new(Arc::clone(&self.storage), path, Arc::clone(&self.in_memory))
    }

    /// Whether it has no entry of this path.
    pub(super) fn is_free(&self, path: &EntryPath) -> bool {
        !self.lock().taken.contains(&path.as_str().to_ascii_lowercase())
    }

    /// Keeps a path for an entry.
    pub(super) fn take(&self, path: &EntryPath) -> Result<(), BundleError> {
        self.lock_for(path)?.take(path)
    }

    /// Frees a path that no entry used.
    pub(super) fn release(&self, path: &EntryPath) {
        self.lock().taken.remove(&path.as_str().to_ascii_lowercase());
    }

    /// Appends a finished entry and acknowledges it.
    pub(super) fn admit(&self, path: EntryPath, packed: Compressed<Spool>) -> Result<Written, BundleError> {
        let Compressed { sink, header, sha256 } = packed;
        let (bytes, compressed) = (header.bytes, header.compressed);
        let written = Written { path, bytes, compressed, sha256 };
        let mut state = self.lock_for(&written.path)?;
        self.append(&mut state, written.clone().into(), header, sink.reader())?;
        Ok(written)
    }

    /// Appends contents that are already compressed and checked, and acknowledges them.
    pub(super) fn copy(&self, written: Written, header: EntryHeader, from: impl Read) -> Result<(), BundleError> {
        let mut state = self.lock_for(&written.path)?;
        state.take(&written.path)?;
        self.append(&mut state, written.into(), header, from)
    }

    /// Puts a draft of the manifest into the journal.
    pub(super) fn draft(&self, manifest: serde_json::Value) -> Result<(), BundleError> {
        let mut state = self.lock();
        if !state.open {
            return Err(BundleError::Closed { path: super::layout::MANIFEST.to_owned() });
        }
        let journal = &mut state.journal;
        let wrote = journal.write(&Line::Draft(manifest));
        wrote.map_err(|e| BundleError::io("write to the journal", journal.path(), e))
    }

    /// Ends the bundle under its final name.
    pub(super) fn finish<B>(
        &self,
        name: &BundleName,
        last: impl FnOnce(&FinalPaths) -> Result<Vec<(EntryPath, B)>, BundleError>,
        bytes: impl Fn(&B) -> &[u8],
    ) -> Result<Finished, BundleError> {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.open, false) {
            return Err(BundleError::Closed { path: name.to_string() });
        }
        let done = self.close(&mut state, name, last, bytes);
        state.published = done.is_ok();
        done.map_err(|source| BundleError::Unfinished { partial: self.place.partial.clone(), source: Box::new(source) })
    }

    /// Removes all of it from the disk, unless it has its final name.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.open = false;
        state.reserve = None;
        if !state.published {
            // Nothing can be done about a file that will not go.
            let _ = self.storage.remove(&self.place.partial);
            let _ = self.storage.remove(state.journal.path());
        }
    }

    fn append(
        &self,
        state: &mut State,
        written: Arc<Written>,
        header: EntryHeader,
        from: impl Read,
    ) -> Result<(), BundleError> {
        let State { file, journal, reserve, end, stored, .. } = state;
        if let Some(reserve) = reserve {
            reserve.cover(stored.len() + 1)?;
        }
        let name = format!("{PLACEHOLDER}/{}", written.path);
        let header_len = header.local_len(name.len());
        let one = Stored { written, header, offset: *end, header_len };
        let put = copy_in(file.as_ref(), &header.local(&name, header_len), from, *end)
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
        last: impl FnOnce(&FinalPaths) -> Result<Vec<(EntryPath, B)>, BundleError>,
        bytes: impl Fn(&B) -> &[u8],
    ) -> Result<Finished, BundleError> {
        let partial = &self.place.partial;
        state.reserve = None;
        let dropped = self.make_room(state)?;
        let settled = FinalPaths::new(name, &state.stored, dropped);
        for (path, body) in last(&settled)? {
            state.take(&path)?;
            // In memory, like its source: the disk may have no room for one more file.
            let mut compressor = Compressor::new(Vec::new());
            let packed = compressor.write(bytes(&body)).and_then(|()| compressor.finish(self.time));
            let packed = packed.map_err(|e| BundleError::io("compress into", partial, e))?;
            let Compressed { sink, header, sha256 } = packed;
            let (bytes, compressed) = (header.bytes, header.compressed);
            let written = Written { path, bytes, compressed, sha256 };
            self.append(state, written.into(), header, &sink[..])?;
        }
        let sealed = self.seal(state, &settled);
        let (bytes, sha256) = sealed.map_err(|e| BundleError::io("finish", partial, e))?;
        let path = self.place.publish(self.storage.as_ref(), name)?;
        // The bundle is complete and has its name. A disk that cannot sync a folder, or a journal that cannot be
        // removed, does not change that.
        let _ = self.storage.sync_folder(&self.place.folder);
        let _ = self.storage.remove(state.journal.path());
        Ok(Finished { path, bytes, sha256 })
    }

    /// Sets the final names and writes the directory; returns size and SHA-256 of the whole.
    fn seal(&self, state: &mut State, settled: &FinalPaths) -> io::Result<(u64, String)> {
        let file = state.file.as_ref();
        let directory = settled.apply(file, &state.stored, state.end)?;
        file.write_at(&directory, state.end)?;
        let bytes = state.end + directory.len() as u64;
        file.set_len(bytes)?;
        file.sync()?;
        Ok((bytes, hash::of_file(file, bytes)?))
    }

    /// Ensures that the last files will fit, by filling their place with zeros while this can still be undone. If they
    /// would not fit, entries at the end are dropped; returns those.
    fn make_room(&self, state: &mut State) -> Result<Vec<Written>, BundleError> {
        let State { file, end, stored, taken, .. } = state;
        let file = file.as_ref();
        let refuse = |error| BundleError::io("write to", &self.place.partial, error);
        let want = Reserve::size(stored.len());
        // Most bundles need far less than what is reserved for the largest.
        let least = want / 4;
        let tried = [want, least].map(|room| fill(file, *end, room));
        let [Err(error), Err(_)] = tried else {
            return Ok(Vec::new());
        };
        let Some(last) = stored.last().filter(|_| is_full(&error)) else {
            return Err(refuse(error));
        };
        // An entry that is dropped is lost in any case, so first make sure that its place can be overwritten. Its
        // header is written over with the same bytes.
        let name = format!("{PLACEHOLDER}/{}", last.written.path);
        let header = last.header.local(&name, last.header_len);
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
        header: one.header_len as u64,
        bytes: one.written.bytes,
        compressed: one.written.compressed,
        crc32: one.header.crc,
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

/// Really allocates `room` bytes from `at`: a disk may promise more than it has.
fn fill(file: &dyn StoreFile, at: u64, room: u64) -> io::Result<()> {
    reserve::zeros(file, at, at + room).inspect_err(|_| {
        let _ = file.set_len(at);
    })
}
