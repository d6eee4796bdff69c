//! The demo: a recorded incident, collected again from replay of it, on a machine with nothing.

use crate::support::{Ended, Run, run::Bundle};
use kubectl_escalate::bundle::TaskRecord;
use std::{collections::BTreeMap, path::PathBuf};

fn recording() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cli/demo.zip")
}

/// What became of each task; a recording has no Prometheus that could be asked again.
fn outcomes(tasks: &[TaskRecord]) -> BTreeMap<&str, String> {
    let tasks = tasks.iter().filter(|task| task.kind != "prometheus" && !task.is_derived());
    tasks.map(|task| (task.id.as_str(), format!("{:?} {:?}", task.outcome, task.causes))).collect()
}

fn demo(more: &[&std::ffi::OsStr]) -> Ended {
    let run = Run::new(["demo"]).without_kubeconfig();
    let out = run.out();
    run.args(["--to".as_ref(), out.as_os_str()]).args(more).finish()
}

#[test]
fn it_ends_with_a_bundle_in_hand_and_asks_nobody() {
    let ended = demo(&[]).exits(0);
    assert!(ended.stderr.contains("no cluster is asked") && ended.stderr.contains("README.txt"), "{}", ended.stderr);
    assert!(ended.stdout.trim_end().ends_with(".zip"), "{}", ended.stdout);
    let bundle = ended.bundle();
    assert!(bundle.manifest().complete);
    assert!(bundle.paths().iter().any(|path| path.ends_with("/describe.txt")));
    assert!(bundle.paths().iter().any(|path| path.ends_with(".previous.log")));
}

/// What is planned today was planned when it was recorded, and comes out as it did: else it is time
/// for `tests/record --demo`.
#[test]
fn the_recording_fits_the_program() {
    let recorded = Bundle::open(&recording());
    let bundle = demo(&[]).bundle();
    assert_eq!(outcomes(&bundle.manifest().tasks), outcomes(&recorded.manifest().tasks));
    let (is, was) = (bundle.manifest(), recorded.manifest());
    assert_eq!((&is.trust_domain, &is.region, is.incident_start), (&was.trust_domain, &was.region, was.incident_start));
    assert_eq!((is.window_start, is.window_end), (was.window_start, was.window_end));
}

#[test]
fn it_is_small() {
    assert!(std::fs::metadata(recording()).expect("a recording").len() < 300_000);
}

#[test]
fn any_bundle_can_take_its_place() {
    let other = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/unschedulable.zip");
    let bundle = demo(&["--bundle".as_ref(), other.as_os_str()]).bundle();
    assert_eq!(outcomes(&bundle.manifest().tasks).len(), outcomes(&Bundle::open(&other).manifest().tasks).len());
}
