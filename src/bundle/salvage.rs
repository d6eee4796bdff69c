//! Owns the recovery of a bundle from the partial one that a killed run left.
//!
//! The entries that the journal acknowledges come first, then any whole entries after them. Each is read to its end and
//! checked before it counts. The partial file is only read, so nothing is lost if the recovery is killed, too.

use super::{
    destination::{Destination, beside},
    error::{BundleError, is_damage},
    final_paths::FinalPaths,
    format::{Ended, EntryRecord, Manifest},
    hash,
    journal::{self, Line},
    layout::{self, EntryPath},
    names::{BundleName, NamePart},
    partial::Finished,
    reader::EntryReader,
    storage::{Section, StoreFile},
    stored::Written,
    writer::BundleWriter,
    zip_headers::{DosTime, EntryHeader, LOCAL_FIXED, LOCAL_MARK, LocalHeader},
};
use crate::text::counted;
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The result of [`salvage`].
#[derive(Clone, Debug)]
pub struct Salvaged {
    /// The new bundle.
    pub finished: Finished,
    /// Entries in it that the killed run had written.
    pub entries: Vec<Written>,
    /// Entries that were acknowledged and could not be read back: their paths, and why.
    pub lost: Vec<(String, String)>,
    /// Whether there was a journal. Without one, full names and times are not known.
    pub journal: bool,
    /// The partial bundle, which is still there and can now be removed, and its journal.
    pub leftovers: Vec<PathBuf>,
}

/// Whether no process is writing the file. A child process that the writer has just forked holds its lock until it runs
/// its own program, which takes a moment.
fn is_unlocked(file: &File) -> bool {
    for _ in 0..40 {
        if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    false
}

/// Makes a bundle from what a killed run left: `partial`, and the journal beside it if there is one. The manifest says
/// that it was salvaged; the partial bundle is not changed.
///
/// # Errors
/// When a process is still writing it ([`BundleError::Busy`]), when there is nothing in it
/// ([`BundleError::NothingToSalvage`]), and those of [`BundleWriter`].
pub fn salvage(partial: &Path, to: &Destination) -> Result<Salvaged, BundleError> {
    let file = File::open(partial).map_err(|e| BundleError::io("open", partial, e))?;
    if !is_unlocked(&file) {
        return Err(BundleError::Busy { path: partial.to_owned() });
    }
    let journal_path = beside(partial, ".journal");
    let lines = match fs::read(&journal_path) {
        Ok(text) => journal::read(&text),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(BundleError::io("read the journal", &journal_path, e)),
    };
    let journal = !lines.is_empty();
    let mut source = Source::open(partial, file)?;
    source.take_lines(lines)?;
    source.scan()?;
    if source.found.is_empty() {
        let why = "it has no complete entry".to_owned();
        return Err(BundleError::NothingToSalvage { path: partial.to_owned(), why });
    }
    let finished = source.write(to)?;
    let mut leftovers = vec![partial.to_owned()];
    leftovers.extend(journal.then_some(journal_path));
    let entries = source.found.into_iter().map(|found| found.written).collect();
    Ok(Salvaged { finished, entries, lost: source.lost, journal, leftovers })
}

/// An entry that was read to its end.
struct WholeEntry {
    written: Written,
    header: EntryHeader,
    /// Where its compressed contents begin.
    data: u64,
}

/// A partial bundle, and the entries found in it.
struct Source<'a> {
    path: &'a Path,
    file: Arc<dyn StoreFile>,
    len: u64,
    started: Option<DateTime<Utc>>,
    draft: Option<serde_json::Value>,
    found: Vec<WholeEntry>,
    lost: Vec<(String, String)>,
    /// Where acknowledged entries end.
    end: u64,
}

impl<'a> Source<'a> {
    fn open(path: &'a Path, file: File) -> Result<Self, BundleError> {
        let len = file.metadata().map_err(|e| BundleError::io("read", path, e))?.len();
        Ok(Self {
            path,
            file: Arc::new(file),
            len,
            started: None,
            draft: None,
            found: Vec::new(),
            lost: Vec::new(),
            end: 0,
        })
    }

    fn take_lines(&mut self, lines: Vec<Line>) -> Result<(), BundleError> {
        for line in lines {
            match line {
                Line::Journal { started, .. } => {
                    self.started = DateTime::from_timestamp(started, 0);
                }
                Line::Draft(draft) => self.draft = Some(draft),
                Line::Entry(entry) => {
                    let Ok(path) = EntryPath::new(&entry.path) else {
                        continue;
                    };
                    let path = path.with_names(entry.names);
                    // The header in the file is not used: it may have been torn while it got its final name, and
                    // everything it says is here.
                    let header = EntryHeader {
                        crc: entry.crc32,
                        compressed: entry.compressed,
                        bytes: entry.bytes,
                        time: DosTime::of(self.started.unwrap_or_default()),
                    };
                    let data = entry.offset.saturating_add(entry.header);
                    let why = match self.check(header, data)? {
                        Ok(sha256) if sha256 == entry.sha256 => {
                            self.add(path, header, data, sha256);
                            self.end = self.end.max(data + entry.compressed);
                            continue;
                        }
                        Ok(_) => "its SHA-256 differs from that in the journal".to_owned(),
                        Err(why) => why,
                    };
                    self.lost.push((entry.path, why));
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: EntryPath, header: EntryHeader, data: u64, sha256: String) {
        let (bytes, compressed) = (header.bytes, header.compressed);
        let written = Written { path, bytes, compressed, sha256 };
        self.found.push(WholeEntry { written, header, data });
    }

    /// Searches for complete entries after those in the journal.
    fn scan(&mut self) -> Result<(), BundleError> {
        let mut seen: BTreeSet<String> =
            self.found.iter().map(|f| f.written.path.as_str().to_ascii_lowercase()).collect();
        let mut at = self.end;
        while let Some(offset) = self.next_mark(at)? {
            at = offset + LOCAL_MARK.len() as u64;
            let Some(local) = self.local(offset)? else {
                continue;
            };
            let inner = local.name.split_once('/').map(|(_, inner)| EntryPath::new(inner));
            let Some(Ok(path)) = inner else { continue };
            let data = offset + local.len;
            let Ok(sha256) = self.check(local.header, data)? else {
                continue;
            };
            at = data + local.header.compressed;
            if seen.insert(path.as_str().to_ascii_lowercase()) {
                self.started = self.started.or_else(|| local.header.time.read());
                self.add(path, local.header, data, sha256);
            }
        }
        // An entry that the journal describes wrongly may have been found complete after them.
        let found = |path: &str| seen.contains(&path.to_ascii_lowercase());
        self.lost.retain(|(path, _)| !found(path));
        Ok(())
    }

    /// Where the next local header begins, at or after `from`.
    fn next_mark(&self, from: u64) -> Result<Option<u64>, BundleError> {
        let mut block = vec![0; 64 * 1024];
        let mut at = from;
        while at + LOCAL_FIXED as u64 <= self.len {
            let n = self.read_up_to(&mut block, at)?;
            if let Some(n) = block[..n].windows(4).position(|w| w == LOCAL_MARK) {
                return Ok(Some(at + n as u64));
            }
            if n < LOCAL_FIXED {
                break;
            }
            // The mark may lie across two blocks.
            at += n as u64 - 3;
        }
        Ok(None)
    }

    /// The local header at `offset`, when there is one of ours and its contents are in the file.
    fn local(&self, offset: u64) -> Result<Option<LocalHeader>, BundleError> {
        let mut fixed = [0; LOCAL_FIXED];
        if self.read_up_to(&mut fixed, offset)? < LOCAL_FIXED {
            return Ok(None);
        }
        let Some((name, extra)) = LocalHeader::lengths(&fixed) else {
            return Ok(None);
        };
        let mut rest = vec![0; name + extra];
        if self.read_up_to(&mut rest, offset + LOCAL_FIXED as u64)? < rest.len() {
            return Ok(None);
        }
        let local = LocalHeader::read(&fixed, &rest);
        Ok(local.filter(|l| {
            let end = (offset + l.len).checked_add(l.header.compressed);
            end.is_some_and(|end| end <= self.len)
        }))
    }

    /// SHA-256 of an entry's contents, or what is wrong with them.
    fn check(&self, header: EntryHeader, data: u64) -> Result<Result<String, String>, BundleError> {
        let section = Section::new(Arc::clone(&self.file), data, header.compressed);
        match hash::of_reader(EntryReader::new(section, false, header.bytes, header.crc)) {
            Ok(sha256) => Ok(Ok(sha256)),
            Err(e) if is_damage(&e) => Ok(Err(e.to_string())),
            Err(e) => Err(BundleError::io("read", self.path, e)),
        }
    }

    fn read_up_to(&self, buf: &mut [u8], at: u64) -> Result<usize, BundleError> {
        let mut n = 0;
        while n < buf.len() {
            let got = StoreFile::read_at(self.file.as_ref(), &mut buf[n..], at + n as u64);
            match got {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(BundleError::io("read", self.path, e)),
            }
        }
        Ok(n)
    }

    /// Writes the new bundle.
    fn write(&mut self, to: &Destination) -> Result<Finished, BundleError> {
        let base = self.base();
        let started = base.started;
        // They describe another bundle, so they are written again below.
        self.found.retain(|f| !matches!(f.written.path.as_str(), layout::MANIFEST | layout::README));
        let name = name(&base, &self.found);
        let writer = BundleWriter::create(to, started)?;
        for one in &self.found {
            let from = Section::new(Arc::clone(&self.file), one.data, one.header.compressed);
            if let Err(error) = writer.copy(one.written.clone(), one.header, from) {
                // The partial bundle still has all of it.
                writer.abandon();
                return Err(error);
            }
        }
        let lost = &self.lost;
        writer.finish_with(&name, |settled| Ok(last_files(base, settled, lost)), Vec::as_slice)
    }

    /// What the run itself stated about the bundle: its manifest, if it got that far, otherwise its last draft,
    /// otherwise nothing.
    fn base(&self) -> Manifest {
        let manifest = self.found.iter().find(|f| f.written.path.as_str() == layout::MANIFEST);
        let written = manifest.and_then(|found| {
            let section = Section::new(Arc::clone(&self.file), found.data, found.header.compressed);
            let entry = EntryReader::new(section, false, found.header.bytes, found.header.crc);
            serde_json::from_reader(io::BufReader::new(entry)).ok()
        });
        let draft = || self.draft.clone().and_then(|draft| serde_json::from_value(draft).ok());
        written.or_else(draft).unwrap_or_else(|| {
            let started = self.started.unwrap_or_default();
            Manifest::new(started, started, started)
        })
    }
}

/// The name that the run would have given, as far as it is known.
fn name(base: &Manifest, found: &[WholeEntry]) -> BundleName {
    let namespaces: BTreeSet<&str> = found.iter().filter_map(|f| f.written.path.name("namespace")).collect();
    let one = namespaces.first().filter(|_| namespaces.len() == 1).copied();
    let claims = |value: &Option<String>| NamePart::of(value.as_deref(), one);
    BundleName::new(&claims(&base.trust_domain), &claims(&base.region), base.started)
}

/// README.txt and manifest.json of a salvaged bundle.
fn last_files(mut base: Manifest, settled: &FinalPaths, lost: &[(String, String)]) -> Vec<(EntryPath, Vec<u8>)> {
    // The record of an entry is kept, under its new path; its sizes and hash are measured.
    let mut known = std::mem::take(&mut base.entries);
    let mut moved = BTreeMap::new();
    for (inner, mut record) in settled.records_with_paths() {
        if let Some(n) = known.iter().position(|k| k.path == inner || k.path == record.path) {
            let old = known.swap_remove(n);
            moved.insert(old.path.clone(), record.path.clone());
            let EntryRecord { path, names, bytes, compressed, sha256, .. } = record;
            let names = if names.is_empty() { old.names.clone() } else { names };
            record = EntryRecord { path, names, bytes, compressed, sha256, ..old };
        } else {
            moved.insert(inner, record.path.clone());
        }
        base.entries.push(record);
    }
    let present: BTreeSet<&str> = base.entries.iter().map(|e| e.path.as_str()).collect();
    for task in &mut base.tasks {
        for path in &mut task.entries {
            if let Some(new) = moved.get(path) {
                path.clone_from(new);
            }
        }
        task.entries.retain(|path| present.contains(path.as_str()));
    }
    base.complete = false;
    base.ended = Ended::Salvaged;
    let whole = match lost.len() {
        0 => "Every entry it had acknowledged is here".to_owned(),
        some => format!("All but {some} of the entries it had acknowledged are here"),
    };
    base.remarks.push(format!(
        "The run that collected this was killed. {whole}; tasks that had not started are missing, and running ones may \
         be."
    ));
    base.remarks.extend(lost.iter().map(|(path, why)| format!("Lost: {path}: {why}.")));
    let readme = (layout::readme(), readme(&base).into_bytes());
    base.entries.push(settled.measure_bytes(&readme.0, &readme.1));
    base.entries.sort_by(|a, b| a.path.cmp(&b.path));
    // A manifest of these types can always be written as JSON.
    let manifest = base.to_json().unwrap_or_default();
    vec![readme, (layout::manifest(), manifest)]
}

fn readme(base: &Manifest) -> String {
    let remarks = base.remarks.join("\n\n");
    format!(
        "This bundle was salvaged.\n\n{remarks}\n\nIt has {} besides this one and \
         manifest.json, which lists them.\n",
        counted(base.entries.len() as u64, "file")
    )
}
