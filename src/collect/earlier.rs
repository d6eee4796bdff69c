//! Owns the bundle that a run completes: its logs, which this run continues, and all other evidence that this run did
//! not collect itself.
//!
//! Its bytes were redacted when they were written. They are redacted again, because the file may come from anywhere,
//! and this version may recognise secrets that an earlier version did not.

use super::Entry;
use crate::{
    bundle::{
        BundleError, BundleReader, BundleWriter, Coverage, EntryPath, EntryReader, EntryRecord, Manifest, Outcome,
        WrittenEntries, facts::Facts, layout,
    },
    plan::LogTask,
    redact::Redactor,
};
use std::{
    collections::{BTreeSet, HashMap},
    io::Read as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// How much is copied at a time (bytes).
const CHUNK: usize = 64 << 10;

/// The most that is read of its facts (bytes).
const LONGEST_FACTS: u64 = 64 << 20;

/// An earlier bundle.
pub struct Earlier {
    reader: BundleReader,
    /// Paths of its logs that are a part of this bundle's logs.
    continued: Mutex<BTreeSet<String>>,
    /// Whether this same run made it, before it followed the logs.
    is_of_this_run: bool,
}

/// Why a bundle cannot be completed.
#[derive(Debug, thiserror::Error)]
pub enum EarlierError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] BundleError),
    /// It is a smaller copy, which lacks lines.
    #[error("{path} is a smaller copy of {full}; complete that one")]
    Copy {
        /// The file that `--into` names.
        path: String,
        /// The name of the bundle that it was copied from.
        full: String,
    },
}

/// An entry of the earlier bundle that was copied into this one.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Its record in the earlier manifest.
    pub record: EntryRecord,
    /// The copy.
    pub entry: Entry,
    /// The path under which a later state of the same object was written, if there is one.
    pub later: Option<EntryPath>,
}

/// What was copied from an earlier bundle.
#[derive(Debug, Default)]
pub struct Carriage {
    /// The entries that were copied.
    pub entries: Vec<Carried>,
    /// The paths of entries that could not be read, and why.
    pub unread: Vec<(String, String)>,
}

impl Earlier {
    /// Opens a bundle to complete it.
    ///
    /// # Errors
    /// When it cannot be read, or is a smaller copy.
    pub fn open(path: &Path) -> Result<Self, EarlierError> {
        let reader = BundleReader::open(path)?;
        if let Some(fitted) = &reader.manifest().fitted {
            return Err(EarlierError::Copy { path: path.display().to_string(), full: fitted.bundle.clone() });
        }
        Ok(Self { reader, continued: Mutex::default(), is_of_this_run: false })
    }

    /// Opens the bundle that this run has made, before it followed the logs.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_this_run(path: &Path) -> Result<Self, EarlierError> {
        Ok(Self { is_of_this_run: true, ..Self::open(path)? })
    }

    /// Whether this same run made it, before it followed the logs.
    #[must_use]
    pub fn is_of_this_run(&self) -> bool {
        self.is_of_this_run
    }

    /// As the earlier bundle's `manifest.json` says.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.reader.manifest()
    }

    /// Its facts; none where it has none, or they cannot be read.
    pub(crate) fn facts(&self) -> Option<Facts> {
        let text = self.reader.read(layout::FACTS, LONGEST_FACTS).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The name of the bundle.
    #[must_use]
    pub fn name(&self) -> &str {
        self.reader.folder()
    }

    /// Its log of a container's run, if this run can continue it: it has no gap up to its end, as far as the node had the
    /// lines.
    pub(crate) fn log(&self, cluster: &str, log: &LogTask) -> Option<EarlierLog<'_>> {
        let manifest = self.manifest();
        let started = log.started?;
        let container = manifest.containers.iter().find(|it| {
            (it.cluster.as_str(), it.namespace.as_str(), it.pod.as_str(), it.container.as_str())
                == (cluster, log.namespace.as_str(), log.pod.as_str(), log.container.as_str())
                && it.uid.as_deref() == Some(log.uid.as_str())
        })?;
        let run = container.runs.iter().find(|run| run.started == Some(started))?;
        let record = manifest.entries.iter().find(|entry| Some(&entry.path) == run.log.as_ref())?;
        let coverage = record.coverage.as_ref()?;
        let task = manifest.tasks.iter().find(|task| task.id == record.task)?;
        let until = coverage.covered.last()?.to;
        let is_prefix = !coverage.gaps.iter().any(|gap| gap.missing && gap.from < until);
        // What was missing before that moment may still be in the node's files.
        let is_all = is_prefix || log.files.is_none() || record.is_of_node_files();
        let is_wanted = task.outcome == Outcome::Collected && is_all;
        let is_whole = run.ended.is_some() && coverage.complete;
        is_wanted.then_some(EarlierLog { reader: &self.reader, record, coverage, is_whole })
    }

    /// Whether one of its logs is a part of this bundle's log.
    pub(crate) fn was_continued(&self, path: &str) -> bool {
        self.continued.lock().unwrap_or_else(PoisonError::into_inner).contains(path)
    }

    /// Records that one of its logs is a part of this bundle's log.
    pub(crate) fn mark_continued(&self, path: String) {
        self.continued.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
    }

    /// Copies what the bundle does not have: under the same path, or in the folder `earlier` where a later state has that
    /// path. Also returns why not everything was copied, if the bundle could not be written.
    pub fn carry(&self, bundle: &BundleWriter, redactor: &Redactor) -> (Carriage, Option<BundleError>) {
        let continued = self.continued.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = bundle.so_far();
        let held = Held { bundle, settled: so_far.by_final_path(), so_far: &so_far };
        let changed = self.changed(&held);
        let mut carriage = Carriage::default();
        for record in &self.manifest().entries {
            let is_anew = is_stated(record) && held.settled.contains_key(&record.path);
            if continued.contains(&record.path) || is_about(&record.path) || is_anew {
                continue;
            }
            let carried = match self.place(&held, record, &changed) {
                Ok(None) => continue,
                Ok(Some((path, later))) => self.copy(bundle, redactor, record, path).map(|entry| (entry, later)),
                Err(error) => Err(error),
            };
            match carried {
                Ok((entry, later)) => carriage.entries.push(Carried { record: record.clone(), entry, later }),
                Err(error @ (BundleError::Damaged { .. } | BundleError::Missing { .. } | BundleError::Path { .. })) => {
                    carriage.unread.push((record.path.clone(), error.causes_without_paths().join(": ")));
                }
                Err(error) => return (carriage, Some(error)),
            }
        }
        (carriage, None)
    }

    /// Tasks whose evidence has changed since. Where the objects are the same, so are their tables and descriptions, though
    /// ages in them differ.
    fn changed(&self, held: &Held<'_>) -> BTreeSet<&str> {
        let (mut objects, mut changed) = (BTreeSet::new(), BTreeSet::new());
        for record in self.manifest().entries.iter().filter(|record| record.path.ends_with(".yaml")) {
            objects.insert(record.task.as_str());
            if !held.is_same(record) {
                changed.insert(record.task.as_str());
            }
        }
        let others = self.manifest().tasks.iter().filter(|task| task.outcome != Outcome::Empty);
        changed.extend(others.map(|task| task.id.as_str()).filter(|id| !objects.contains(id)));
        changed
    }

    /// The path for the copy of an entry, and the path of the later state, where there is one. None where the bundle has
    /// the same content already.
    fn place(
        &self,
        held: &Held<'_>,
        record: &EntryRecord,
        changed: &BTreeSet<&str>,
    ) -> Result<Option<(EntryPath, Option<EntryPath>)>, BundleError> {
        let path = record.entry_path()?;
        let says_no_more = !record.task.is_empty() && !changed.contains(record.task.as_str());
        let later = match held.settled.get(&record.path) {
            Some(_) if says_no_more || held.is_same(record) => return Ok(None),
            Some(later) => EntryPath::new(later)?,
            None if held.bundle.is_free(&path) => return Ok(Some((path, None))),
            None => path.clone(),
        };
        // A bundle that completed another one may have such a folder of the same moment already.
        let mut n = 1;
        loop {
            let moved = layout::earlier(self.manifest().started, n, &path)?;
            if held.bundle.is_free(&moved) && self.reader.info(moved.as_str()).is_none() {
                return Ok(Some((moved, Some(later))));
            }
            n += 1;
        }
    }

    fn copy(
        &self,
        bundle: &BundleWriter,
        redactor: &Redactor,
        record: &EntryRecord,
        path: EntryPath,
    ) -> Result<Entry, BundleError> {
        let mut from = self.reader.open_entry(&record.path)?;
        let mut stream = redactor.stream();
        let mut writer = bundle.entry(path)?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from.read(&mut chunk).map_err(|error| BundleError::Damaged {
                path: self.reader.path().to_owned(),
                why: error.to_string(),
            })?;
            if read == 0 {
                break;
            }
            let clean = stream.push(&chunk[..read]);
            if !clean.is_empty() {
                writer.write(&clean)?;
            }
        }
        let (clean, redactions) = stream.finish();
        if !clean.is_empty() {
            writer.write(&clean)?;
        }
        let path = writer.finish()?.path;
        let EntryRecord { source, started, ended, coverage, .. } = record.clone();
        let made = self.manifest().started;
        let (started, ended) = (started.unwrap_or(made), ended.unwrap_or(made));
        Ok(Entry { path, source, started, ended, coverage, redactions })
    }
}

/// What this run's bundle has so far.
struct Held<'a> {
    bundle: &'a BundleWriter,
    so_far: &'a WrittenEntries,
    /// Paths by their final form, in which the earlier bundle has them.
    settled: HashMap<String, &'a str>,
}

impl Held<'_> {
    /// Whether it has the same entry with the same content.
    fn is_same(&self, record: &EntryRecord) -> bool {
        let path = self.settled.get(&record.path);
        path.and_then(|path| self.so_far.sha256(path)) == Some(record.sha256.as_str())
    }
}

/// Whether a file is about the other files, so that each bundle has its own.
fn is_about(path: &str) -> bool {
    use layout::{FACTS, FINDINGS, MANIFEST, README, REPORT_HTML, REPORT_MD};
    let is_of_cluster = |within: &str| ["cluster.json", "metrics/queries.txt"].contains(&within);
    within(path).is_some_and(is_of_cluster)
        || [FACTS, FINDINGS, MANIFEST, README, REPORT_HTML, REPORT_MD].contains(&path)
}

/// Whether a file has values of one moment, which the objects state or two scrapes show.
fn is_stated(EntryRecord { path, source, .. }: &EntryRecord) -> bool {
    let is_of_now = |within: &str| within.ends_with(".objects.json") || within == "metrics/samples.openmetrics";
    source == env!("CARGO_PKG_NAME") && within(path).is_some_and(is_of_now)
}

/// A path inside a cluster's folder.
fn within(path: &str) -> Option<&str> {
    path.strip_prefix("clusters/").and_then(|path| path.split_once('/')).map(|(_, within)| within)
}

/// The part of a log that an earlier bundle has.
pub(crate) struct EarlierLog<'a> {
    reader: &'a BundleReader,
    record: &'a EntryRecord,
    coverage: &'a Coverage,
    is_whole: bool,
}

impl EarlierLog<'_> {
    pub(crate) fn open(&self) -> Result<EntryReader, BundleError> {
        self.reader.open_entry(&self.record.path)
    }

    pub(crate) fn path(&self) -> &str {
        &self.record.path
    }

    /// Which part of the window it covers.
    pub(crate) fn coverage(&self) -> &Coverage {
        self.coverage
    }

    /// Whether the run has ended and its log is complete.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }
}
