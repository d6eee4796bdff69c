//! Runs that were killed.

use super::{Noise, clean, dense, finish, log, ls, put, started, to};
use kubectl_escalate::bundle::{
    BundleError, BundleReader, BundleWriter, Ended, Manifest, Outcome, Salvaged, TaskRecord, layout, salvage, verify,
};
use std::{
    fs,
    io::{BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::tempdir;

/// A run that ends without a word after eight entries.
fn killed(folder: &Path) -> PathBuf {
    let bundle = BundleWriter::create(&to(folder), started()).expect("a bundle");
    for n in 0..7 {
        let pod = format!("Pod-{n}");
        put(&bundle, layout::pod_log("c", "ns", &pod, "x", false), &log(n * 100)).expect("an entry");
    }
    put(&bundle, layout::note(1), &dense(2 << 20)).expect("an entry");
    let mut draft = Manifest::new(started(), started(), started());
    draft.trust_domain = Some("example.org".into());
    draft.tasks.push(task(layout::note(1).as_str()));
    bundle.draft(&clean(draft.to_json().expect("JSON"))).expect("room");
    bundle.partial().to_owned()
}

fn task(entry: &str) -> TaskRecord {
    TaskRecord {
        id: "t".into(),
        kind: "note".into(),
        cluster: None,
        namespace: None,
        target: String::new(),
        request: String::new(),
        required: true,
        outcome: Outcome::Collected,
        causes: vec![],
        hint: None,
        started: None,
        duration_ms: 0,
        http_status: None,
        entries: vec![entry.into(), "gone.txt".into()],
    }
}

/// A bundle salvaged from a run that was killed.
pub(super) fn salvaged_sample(folder: &Path) -> Salvaged {
    salvage(&killed(folder), &to(folder)).expect("a bundle")
}

#[test]
fn a_killed_run_is_salvaged_with_all_it_knew() {
    let dir = tempdir().expect("a folder");
    let salvaged = salvaged_sample(dir.path());
    assert!(salvaged.journal && salvaged.lost.is_empty());
    assert_eq!(salvaged.entries.len(), 8);
    assert!(salvaged.leftovers.iter().all(|path| path.exists()));
    let report = verify(&salvaged.finished.path).expect("a bundle");
    assert!(report.is_sound(), "{:?}", report.problems);
    let reader = BundleReader::open(&salvaged.finished.path).expect("a bundle");
    assert_eq!(reader.folder(), "escalation-example.org-region-unknown-20261122T154200Z");
    let manifest = reader.manifest();
    assert!(!manifest.complete && manifest.ended == Ended::Salvaged);
    assert_eq!(manifest.tasks[0].entries, ["notes/1.txt"]);
    assert!(manifest.entries.iter().any(|e| e.names.get("pod").is_some_and(|p| p == "Pod-3")));
}

#[test]
fn without_its_journal_too() {
    let dir = tempdir().expect("a folder");
    let partial = killed(dir.path());
    fs::remove_file(dir.path().join(format!("{}.journal", partial.display()))).expect("a journal");
    let salvaged = salvage(&partial, &to(dir.path())).expect("a bundle");
    assert!(!salvaged.journal && salvaged.entries.len() == 8);
    let reader = BundleReader::open(&salvaged.finished.path).expect("a bundle");
    assert_eq!(reader.manifest().started, started());
    assert!(verify(&salvaged.finished.path).expect("a bundle").is_sound());
}

#[test]
fn a_torn_entry_and_a_torn_line_are_left_out() {
    let dir = tempdir().expect("a folder");
    let partial = killed(dir.path());
    let journal = PathBuf::from(format!("{}.journal", partial.display()));
    let text = fs::read(&journal).expect("a journal");
    // The journal's last line is torn, and the last entry with it.
    let torn = text[..text.len() - 1].iter().rposition(|b| *b == b'\n').expect("lines");
    fs::write(&journal, &text[..torn - 20]).expect("a journal");
    let bytes = fs::read(&partial).expect("a file");
    fs::write(&partial, &bytes[..bytes.len() - 5]).expect("a file");
    let salvaged = salvage(&partial, &to(dir.path())).expect("a bundle");
    assert_eq!(salvaged.entries.len(), 7);
    assert!(verify(&salvaged.finished.path).expect("a bundle").is_sound());
}

#[test]
fn what_cannot_be_read_back_is_named() {
    let dir = tempdir().expect("a folder");
    let partial = killed(dir.path());
    let mut bytes = fs::read(&partial).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&partial, &bytes).expect("a file");
    let salvaged = salvage(&partial, &to(dir.path())).expect("a bundle");
    assert_eq!(salvaged.lost.len(), 1);
    assert_eq!(salvaged.lost[0].0, "notes/1.txt");
    let reader = BundleReader::open(&salvaged.finished.path).expect("a bundle");
    assert!(reader.manifest().remarks.iter().any(|r| r.contains("notes/1.txt")));
    assert!(verify(&salvaged.finished.path).expect("a bundle").is_sound());
}

#[test]
fn what_is_still_being_written_is_left_alone() {
    let dir = tempdir().expect("a folder");
    let bundle = BundleWriter::create(&to(dir.path()), started()).expect("a bundle");
    put(&bundle, layout::note(1), b"x").expect("an entry");
    let error = salvage(bundle.partial(), &to(dir.path())).expect_err("it is busy");
    assert!(matches!(error, BundleError::Busy { .. }), "{error}");
    finish(bundle).expect("unharmed");
}

#[test]
fn nothing_is_made_of_nothing() {
    let dir = tempdir().expect("a folder");
    let file = dir.path().join("x.zip.partial");
    fs::write(&file, vec![b'P'; 100_000]).expect("a file");
    let error = salvage(&file, &to(dir.path())).expect_err("nothing");
    assert!(matches!(error, BundleError::NothingToSalvage { .. }), "{error}");
    assert_eq!(ls(dir.path()), ["x.zip.partial"]);
}

/// The real thing: a process that writes is killed at some moment, many times over.
#[test]
fn every_acknowledged_entry_survives_a_kill() {
    let mut noise = Noise(std::process::id().into());
    let mut acknowledged_in_all = 0;
    for _ in 0..25 {
        let dir = tempdir().expect("a folder");
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "--nocapture", "bundle::salvage::child_that_is_killed"])
            .env("BUNDLE_CHILD", dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let reader = std::thread::spawn(move || {
            let lines = out.lines().map_while(Result::ok);
            lines.filter_map(|l| l.strip_prefix("ACK ").map(str::to_owned)).collect::<Vec<_>>()
        });
        std::thread::sleep(Duration::from_millis(noise.next() % 120));
        child.kill().expect("a child");
        child.wait().expect("a child");
        let acknowledged = reader.join().expect("a thread");
        acknowledged_in_all += acknowledged.len();
        assert_survived(dir.path(), &acknowledged);
    }
    assert!(acknowledged_in_all > 0, "the children never came to write");
}

fn assert_survived(folder: &Path, acknowledged: &[String]) {
    let files = ls(folder);
    assert!(!files.iter().any(|f| f.contains("spool") || f.contains("reserve")), "{files:?}");
    let path = match files.iter().find(|f| f.ends_with(".partial")) {
        Some(partial) => match salvage(&folder.join(partial), &to(folder)) {
            Ok(salvaged) => {
                assert!(salvaged.lost.is_empty(), "{:?}", salvaged.lost);
                salvaged.finished.path
            }
            Err(BundleError::NothingToSalvage { .. }) if acknowledged.is_empty() => return,
            Err(error) => panic!("{error}, with {acknowledged:?}"),
        },
        // Killed before it began, or after it was done.
        None => match files.iter().find(|f| f.ends_with(".zip")) {
            Some(done) => folder.join(done),
            None => return assert!(acknowledged.is_empty()),
        },
    };
    let report = verify(&path).expect("a bundle");
    assert!(report.is_sound(), "{:?}", report.problems);
    let reader = BundleReader::open(&path).expect("a bundle");
    for line in acknowledged {
        let (path, sha256) = line.split_once(' ').expect("a path and a hash");
        let record = reader.manifest().entries.iter().find(|e| e.path == path);
        assert_eq!(record.map(|r| r.sha256.as_str()), Some(sha256), "{path}");
    }
}

#[test]
#[ignore = "run by every_acknowledged_entry_survives_a_kill, which kills it"]
fn child_that_is_killed() {
    let Some(folder) = std::env::var_os("BUNDLE_CHILD").map(PathBuf::from) else {
        return;
    };
    let bundle = BundleWriter::create(&to(&folder), started()).expect("a bundle");
    for n in 0..40 {
        let contents = if n % 5 == 4 { dense(2 << 20) } else { log(n * 10) };
        let written = put(&bundle, layout::note(n as u32), &contents).expect("an entry");
        let mut out = std::io::stdout().lock();
        // On a line of its own: the test harness leaves its own line open.
        writeln!(out, "\nACK {} {}", written.path, written.sha256).expect("a parent");
        out.flush().expect("a parent");
    }
    finish(bundle).expect("a bundle");
}
