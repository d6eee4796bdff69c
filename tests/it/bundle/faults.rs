//! Disks that fail: every write of a run in its turn, and disks of every size that is too small.

use super::{clean, dense, finish, log, ls, put, started, to};
use crate::support::needs::{self, SmallDisk};
use kubectl_escalate::{
    bundle::{
        BundleError, BundleReader, BundleWriter, EntryPath, Finished, Written, layout, salvage,
        storage::{Disk, Stay, Storage, StoreFile},
        verify,
    },
    redact::Clean,
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};
use tempfile::tempdir;

/// A disk with a limited number of bytes, and of calls before one fails.
struct Faulty {
    size: u64,
    used: AtomicU64,
    calls: AtomicU64,
    /// The call that fails, and whether all later ones do too.
    fails: Option<(u64, bool)>,
    kind: io::ErrorKind,
}

impl Faulty {
    fn new() -> Self {
        Self {
            size: u64::MAX,
            used: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            fails: None,
            kind: io::ErrorKind::StorageFull,
        }
    }

    fn call(&self) -> io::Result<()> {
        let n = self.calls.fetch_add(1, SeqCst);
        match self.fails {
            Some((at, _)) if n == at => Err(self.kind.into()),
            Some((at, true)) if n > at => Err(self.kind.into()),
            _ => Ok(()),
        }
    }

    fn grow(&self, from: u64, to: u64) -> io::Result<()> {
        let more = to.saturating_sub(from);
        if more == 0 {
            return Ok(());
        }
        let fits = |used: u64| Some(used + more).filter(|sum| *sum <= self.size);
        let grown = self.used.fetch_update(SeqCst, SeqCst, fits);
        grown.map(drop).map_err(|_| io::ErrorKind::StorageFull.into())
    }
}

#[derive(Clone)]
struct Shared(Arc<Faulty>);

impl Storage for Shared {
    fn create(&self, path: &Path, stay: Stay) -> io::Result<Box<dyn StoreFile>> {
        self.0.call()?;
        let file = Disk.create(path, stay)?;
        Ok(Box::new(FaultyFile { file, disk: self.clone(), len: Mutex::new(0), stay }))
    }
    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.call()?;
        Disk.publish(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.call()?;
        Disk.sync_folder(folder)
    }
    fn exists(&self, path: &Path) -> bool {
        Disk.exists(path)
    }
    fn free(&self, _: &Path) -> Option<u64> {
        None
    }
}

struct FaultyFile {
    file: Box<dyn StoreFile>,
    disk: Shared,
    len: Mutex<u64>,
    stay: Stay,
}

impl StoreFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut len = self.len.lock().expect("no panic");
        let end = at + bytes.len() as u64;
        if let Err(error) = self.disk.0.call() {
            // A write that fails has often written something.
            let half = &bytes[..bytes.len() / 2];
            self.file.write_at(half, at)?;
            *len = (*len).max(at + half.len() as u64);
            return Err(error);
        }
        self.disk.0.grow(*len, end)?;
        self.file.write_at(bytes, at)?;
        *len = (*len).max(end);
        Ok(())
    }
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(buf, at)
    }
    fn set_len(&self, to: u64) -> io::Result<()> {
        let mut len = self.len.lock().expect("no panic");
        self.disk.0.call()?;
        self.file.set_len(to)?;
        self.disk.0.used.fetch_sub(len.saturating_sub(to).min(self.disk.0.used.load(SeqCst)), SeqCst);
        *len = to;
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        self.disk.0.call()?;
        self.file.sync()
    }
}

impl Drop for FaultyFile {
    fn drop(&mut self) {
        if self.stay == Stay::Scratch {
            let len = *self.len.lock().expect("no panic");
            let used = self.disk.0.used.load(SeqCst);
            self.disk.0.used.fetch_sub(len.min(used), SeqCst);
        }
    }
}

struct Run {
    acknowledged: Vec<Written>,
    partial: PathBuf,
    finished: Result<Finished, BundleError>,
    calls: u64,
}

/// What is written: made once, for it is written many times.
static CONTENTS: LazyLock<Vec<Clean>> = LazyLock::new(|| {
    let contents = |n: usize| {
        if n % 4 == 2 { dense(1_200_000) } else { log(n * 20) }
    };
    (0..8).map(|n| clean(contents(n))).collect()
});

fn put_clean(bundle: &BundleWriter, path: EntryPath, all: &Clean) -> Result<Written, BundleError> {
    let mut entry = bundle.entry(path)?;
    entry.write(all)?;
    entry.finish()
}

/// Writes small entries and two that are spooled; goes on after what fails, as the collector does.
fn run(folder: &Path, disk: Faulty) -> Result<Run, BundleError> {
    let disk = Shared(Arc::new(disk));
    let bundle = BundleWriter::create_on(Arc::new(disk.clone()), &to(folder), started())?;
    let partial = bundle.partial().to_owned();
    let mut acknowledged = Vec::new();
    for n in 0..8 {
        let path = layout::pod_log("c", "ns", &format!("p{n}"), "x", false);
        match put_clean(&bundle, path, &CONTENTS[n]) {
            Ok(written) => acknowledged.push(written),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let finished = finish(bundle);
    Ok(Run { acknowledged, partial, finished, calls: disk.0.calls.load(SeqCst) })
}

/// Whatever failed: either there is a whole bundle or one that can be salvaged, and every entry that
/// was acknowledged is in it.
fn assert_nothing_lost(folder: &Path, run: &Run, what: &str) {
    let Run { acknowledged, partial, finished, .. } = run;
    let path = match finished {
        Ok(finished) => {
            assert_eq!(ls(folder).len(), 1, "{what}: {:?}", ls(folder));
            finished.path.clone()
        }
        Err(error) => {
            assert!(matches!(error, BundleError::Unfinished { .. }), "{what}: {error:?}");
            if acknowledged.is_empty() {
                return;
            }
            let salvaged = salvage(partial, &to(folder)).expect(what);
            assert!(salvaged.lost.is_empty(), "{what}: {:?}", salvaged.lost);
            salvaged.finished.path
        }
    };
    let report = verify(&path).expect(what);
    assert!(report.is_sound(), "{what}: {:?}", report.problems);
    let reader = BundleReader::open(&path).expect(what);
    for one in acknowledged {
        let settled = reader.find(&one.path).unwrap_or_else(|| panic!("{what}: no {}", one.path));
        assert_eq!(reader.info(settled).map(|i| i.bytes), Some(one.bytes), "{what}");
    }
}

#[test]
fn any_one_call_may_fail_and_any_may_be_the_last() {
    let dir = tempdir().expect("a folder");
    let whole = run(dir.path(), Faulty::new()).expect("a bundle");
    assert!(whole.finished.is_ok() && whole.acknowledged.len() == 8);
    for (stays, kind) in
        [(false, io::ErrorKind::StorageFull), (true, io::ErrorKind::StorageFull), (false, io::ErrorKind::Other)]
    {
        // Setting room aside is 64 calls, and again at the end, that are all alike.
        let dull = |n: &u64| (6..64).contains(n) || (whole.calls - 85..whole.calls - 30).contains(n);
        for n in (0..whole.calls).filter(|n| !dull(n) || n % 25 == 0) {
            let what = format!("call {n} fails with {kind}, and all after it: {stays}");
            let dir = tempdir().expect("a folder");
            let disk = Faulty { fails: Some((n, stays)), kind, ..Faulty::new() };
            match run(dir.path(), disk) {
                Ok(run) => assert_nothing_lost(dir.path(), &run, &what),
                Err(error) => {
                    assert_eq!(error.is_disk_full(), kind == io::ErrorKind::StorageFull);
                    assert_eq!(ls(dir.path()), Vec::<String>::new(), "{what}");
                }
            }
        }
    }
}

#[test]
fn a_disk_of_any_size_gives_a_bundle_of_what_it_had_room_for() {
    let mut sizes = std::collections::BTreeMap::new();
    for size in (3_500..14_000).step_by(250) {
        let dir = tempdir().expect("a folder");
        let size = size * 1000;
        match run(dir.path(), Faulty { size, ..Faulty::new() }) {
            Ok(run) => {
                let what = format!("a disk of {size} bytes");
                assert!(run.finished.is_ok(), "{what}: {:?}", run.finished);
                assert_nothing_lost(dir.path(), &run, &what);
                sizes.insert(run.acknowledged.len(), size);
            }
            Err(error) => {
                assert!(error.is_disk_full() && size < 5_000_000, "{size}: {error}");
                assert_eq!(ls(dir.path()), Vec::<String>::new());
            }
        }
    }
    assert!(sizes.len() > 1 && sizes.contains_key(&8), "{sizes:?}");
}

/// A disk that shrinks while the run goes on: somebody else fills it, the reserve too.
#[test]
fn what_has_to_make_room_for_the_manifest_is_named_in_it() {
    let dir = tempdir().expect("a folder");
    let small = Shared(Arc::new(Faulty { size: 9 << 20, ..Faulty::new() }));
    let bundle = BundleWriter::create_on(Arc::new(small.clone()), &to(dir.path()), started()).expect("room");
    for n in 0..6 {
        put(&bundle, layout::note(n), &dense(400_000)).expect("room");
    }
    // Once the reserve is given up there is exactly nothing left.
    small.0.used.store((9 << 20) + (17 << 18), SeqCst);
    let finished = finish(bundle).expect("a bundle");
    assert!(verify(&finished.path).expect("a bundle").is_sound());
    let reader = BundleReader::open(&finished.path).expect("a bundle");
    let lost = reader.manifest().remarks.len();
    assert!(lost > 0 && lost < 6, "{:?}", reader.manifest().remarks);
    assert_eq!(reader.entries().len(), 2 + 6 - lost);
}

/// A disk for this test alone, as small as a disk can be.
#[cfg(target_os = "linux")]
#[test]
fn a_real_disk_that_is_full() {
    let dir = tempdir().expect("a folder");
    let Some(_disk) = SmallDisk::mount(dir.path()) else { return };
    let bundle = BundleWriter::create(&to(dir.path()), started()).expect("room to begin");
    let mut acknowledged = Vec::new();
    let mut full = 0;
    for n in 0..30 {
        match put(&bundle, layout::note(n), &dense(2 << 20)) {
            Ok(written) => acknowledged.push(written),
            Err(error) => {
                assert!(error.is_disk_full(), "{error:?}");
                full += 1;
            }
        }
    }
    assert!(full > 0 && !acknowledged.is_empty());
    let partial = bundle.partial().to_owned();
    let run = Run { acknowledged, partial, finished: finish(bundle), calls: 0 };
    assert!(run.finished.is_ok(), "{:?}", run.finished);
    assert_nothing_lost(dir.path(), &run, "a full tmpfs");
}

/// A limit on the size of a file, which no reserve beside it can help with.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_the_size_of_a_file() {
    if !needs::programs(&[("bash", "bash")]) {
        return;
    }
    let dir = tempdir().expect("a folder");
    // The shell's unit is 1024 bytes. SIGXFSZ is ignored, for else the first write would end it.
    let exe = std::env::current_exe().expect("this program");
    let script = "trap '' XFSZ; ulimit -f 6000; exec \"$0\" --ignored --exact \
                  bundle::faults::child_under_a_limit";
    let mut child = std::process::Command::new("bash");
    child.args(["-c", script]).arg(exe).env("BUNDLE_LIMITED", dir.path());
    let out = child.output().expect("a shell");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    assert_eq!(ls(dir.path()).len(), 1, "{:?}", ls(dir.path()));
}

#[test]
#[ignore = "run by a_limit_on_the_size_of_a_file, under that limit"]
fn child_under_a_limit() {
    let Some(folder) = std::env::var_os("BUNDLE_LIMITED").map(PathBuf::from) else {
        return;
    };
    let bundle = BundleWriter::create(&to(&folder), started()).expect("a bundle");
    let mut dropped = 0;
    for n in 0..6 {
        if let Err(error) = put(&bundle, layout::note(n), &dense(2 << 20)) {
            assert!(error.is_disk_full(), "{error:?}");
            dropped += 1;
        }
    }
    let finished = finish(bundle).expect("a bundle");
    let report = verify(&finished.path).expect("a bundle");
    assert!(report.is_sound() && report.entries > 2 && dropped > 0, "{report:?}, {dropped}");
}
