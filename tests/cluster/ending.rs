//! A run that is ended before its end: by Ctrl-C and by its deadline there is a valid bundle, and
//! after a kill `salvage` makes one of every entry that was acknowledged.

use crate::{
    bundle::{Bundle, other_programs_accept, text},
    kubernetes::{incidents, until},
    tool::{Run, Running, collect, program_text, start_collecting},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Collects everything there is: some seconds of work.
fn start() -> Running {
    incidents();
    start_collecting(&["-A"])
}

/// Waits until this many entries are acknowledged; gives the journal, or nothing if the run ended.
fn acknowledged(running: &mut Running, least: usize) -> Option<PathBuf> {
    until(&format!("{least} entries are in the journal"), Duration::from_secs(60), || {
        if running.child.try_wait().expect("the program").is_some() {
            return Ok(None);
        }
        let mut paths =
            running.folder.path().read_dir().expect("the folder").map(|entry| entry.expect("an entry").path());
        let journal = paths.find(|path| path.to_string_lossy().ends_with(".journal")).ok_or("no journal yet")?;
        let count = entries_of(&journal).len();
        if count >= least { Ok(Some(journal)) } else { Err(format!("{count} entries")) }
    })
}

/// Path and hash of every entry in the journal; a last line that is not whole does not count.
fn entries_of(journal: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(journal).unwrap_or_default();
    let entry = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        let entry = line.get("entry")?;
        Some((entry["path"].as_str()?.to_owned(), entry["sha256"].as_str()?.to_owned()))
    };
    text.lines().filter_map(entry).collect()
}

fn signal(running: &Running, signal: &str) {
    let sent = Command::new("kill").arg(signal).arg(running.child.id().to_string()).status();
    assert!(sent.expect("kill is there").success());
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn ctrl_c_closes_the_bundle() {
    let mut running = start();
    acknowledged(&mut running, 60).expect("the run was still at work");
    signal(&running, "-INT");
    let Running { child, folder, .. } = running;
    let run = Run::of(child.wait_with_output().expect("the program ends"), folder).expect(130);
    let bundle = run.bundle();
    bundle.assert_sound();
    assert_eq!((&bundle.manifest["ended"], &bundle.manifest["complete"]), (&"interrupted".into(), &false.into()));
    assert!(bundle.with_outcome("cancelled").count() > 0, "it was interrupted before its end");
    assert!(bundle.manifest["entries"].as_array().expect("entries").len() >= 60, "what was acknowledged is there");
    assert_eq!(run.left(), [bundle.path], "nothing else is left");
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_deadline_closes_the_bundle() {
    incidents();
    // Too early, no cluster has answered yet, and there is no bundle; too late, all is there.
    let mut runs = ["1s", "2s", "4s", "8s"].into_iter().map(|deadline| collect(&["-A", "--deadline", deadline]));
    let run = runs.find(|run| run.code != 4).expect("an answer within 8 s").expect(3);
    let bundle = run.bundle();
    bundle.assert_sound();
    assert_eq!(bundle.manifest["ended"], "deadline");
    let late: Vec<&Value> = bundle.with_outcome("timed-out").collect();
    assert!(
        !late.is_empty() && late.iter().all(|task| text(&task["hint"]).contains("--deadline")),
        "{:?}",
        late.first()
    );
    assert_eq!(run.left().len(), 1);
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_killed_run_is_salvaged() {
    let mut killed = 0;
    for least in [1, 7, 40, 150, 400, 700, 1000] {
        let mut running = start();
        // A run that was faster than that has nothing to salvage.
        let journal = acknowledged(&mut running, least);
        signal_if_running(&mut running);
        let Some(journal) = journal else { continue };
        killed += 1;
        let partial = PathBuf::from(journal.to_string_lossy().trim_end_matches(".journal"));
        let entries = entries_of(&journal);
        if !partial.exists() {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let made = program_text(&["salvage", &partial.to_string_lossy(), "--to", &folder.path().to_string_lossy()]);
        let path = PathBuf::from(made.trim());
        other_programs_accept(&path);
        let bundle = Bundle::open(&path);
        assert_eq!(bundle.manifest["ended"], "salvaged");
        program_text(&["verify", &path.to_string_lossy()]);
        let hashes: Vec<&str> = bundle.manifest["entries"]
            .as_array()
            .expect("entries")
            .iter()
            .map(|entry| text(&entry["sha256"]))
            .collect();
        for (path, sha256) in &entries {
            assert!(hashes.contains(&sha256.as_str()), "{path} was acknowledged and is not there");
        }
        assert!(entries.len() >= least);
        eprintln!("killed after {} entries: all are there", entries.len());
    }
    assert!(killed >= 3, "only {killed} runs were killed at work");
}

fn signal_if_running(running: &mut Running) {
    if running.child.try_wait().expect("the program").is_none() {
        signal(running, "-KILL");
    }
    running.child.wait().expect("the program ends");
}
