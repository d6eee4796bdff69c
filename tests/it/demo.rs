//! The demo: a recorded incident, collected again from replay of it, on a machine with nothing.

use crate::support::{Ended, Run, run::Bundle};
use kubectl_escalate::bundle::{Outcome, TaskRecord};
use std::{collections::BTreeMap, path::PathBuf};

fn recording() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cli/demo.zip")
}

/// The outcome of each task that a recording can answer: of the kinds that were `recorded`, and of resources that the
/// recorded cluster serves. No Prometheus can be asked again.
fn outcomes<'a>(tasks: &'a [TaskRecord], recorded: &[TaskRecord]) -> BTreeMap<&'a str, String> {
    let is_recorded = |task: &&TaskRecord| recorded.iter().any(|of| of.kind == task.kind) && task.kind != "prometheus";
    let is_served = |task: &&TaskRecord| task.outcome != Outcome::Absent || recorded.iter().any(|of| of.id == task.id);
    let tasks = tasks.iter().filter(is_recorded).filter(is_served).filter(|task| !task.is_derived());
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
    assert!(
        ended.stderr.contains("no cluster is contacted") && ended.stderr.contains("README.txt"),
        "{}",
        ended.stderr
    );
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
    let was = &recorded.manifest().tasks;
    assert_eq!(outcomes(&bundle.manifest().tasks, was), outcomes(was, was));
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
    let recorded = Bundle::open(&other);
    let was = &recorded.manifest().tasks;
    assert_eq!(outcomes(&bundle.manifest().tasks, was).len(), outcomes(was, was).len());
}

/// What differs from run to run: ages, the name's time, sizes and hashes.
fn masked(text: &str) -> Vec<String> {
    let masks = [
        (r"  \d+ (years|d|h|min|s)( \d+ (h|min|s))? ago", "  AGE ago"),
        (r"-\d{8}T\d{6}Z\.zip", "-TIME.zip"),
        (r"[\d.]+ (k|M)?B", "SIZE"),
        (r"sha256 [0-9a-f]{64}", "sha256 HASH"),
    ];
    let masks = masks.map(|(mask, with)| (regex_automata::meta::Regex::new(mask).expect("a pattern"), with));
    let line = |line: &str| {
        masks.iter().fold(line.trim_end().to_owned(), |line, (mask, with)| {
            let mut out = String::new();
            let mut rest = 0;
            for found in mask.find_iter(&line) {
                out.push_str(&line[rest..found.start()]);
                out.push_str(with);
                rest = found.end();
            }
            out + &line[rest..]
        })
    };
    text.trim().lines().map(line).collect()
}

/// Where the lines of a part of the README begin among those that are printed; or else the README's first line that
/// differs, with the printed one.
fn place<'a>(part: &'a [String], printed: &'a [String], is_first: bool) -> Result<usize, (&'a str, &'a str)> {
    let are_equal = |at: usize| part.iter().zip(&printed[at..]).map(|(one, other)| one == other);
    let equal_lines = |at: &usize| {
        let leading = are_equal(*at).take_while(|is_equal| *is_equal).count();
        (leading, are_equal(*at).filter(|is_equal| *is_equal).count(), std::cmp::Reverse(*at))
    };
    let places = if is_first { 0..1 } else { 0..printed.len().max(1) };
    let at = places.max_by_key(equal_lines).unwrap_or_default();
    let same = equal_lines(&at).0;
    match part.get(same) {
        None => Ok(at),
        Some(line) => Err((line, printed.get(at + same).map_or("(nothing more)", String::as_str))),
    }
}

/// A line of dots in the README stands for lines that are left out.
#[test]
fn the_readme_shows_what_demo_prints() {
    let ended = demo(&[]).exits(0);
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let (_, block) = readme.split_once("$ kubectl escalate demo\n").expect("a run");
    let (block, _) = block.split_once("```").expect("its end");
    let path = std::path::Path::new(ended.stdout.trim()).file_name().expect("a name").to_string_lossy().into_owned();
    let printed = masked(&format!("{}\n./{path}", ended.stderr.trim()));
    let shown = masked(block);
    let mut rest = printed.as_slice();
    for (number, part) in shown.split(|line| line.trim() == "...").enumerate() {
        match place(part, rest, number == 0) {
            Ok(at) => rest = &rest[at + part.len()..],
            Err((line, instead)) => panic!(
                "under `kubectl escalate demo`, README.md has the line\n{line}\nbut now demo prints\n{instead}\n\
                 Change README.md to what `cargo run --locked -- demo` prints."
            ),
        }
    }
    assert!(rest.is_empty(), "add to README.md, at the end of what demo prints:\n{}", rest.join("\n"));
}

#[test]
fn the_first_line_of_the_readme_that_differs_is_named() {
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let printed = lines("a b c d e");
    assert_eq!(place(&lines("a b"), &printed, true), Ok(0));
    assert_eq!(place(&lines("d e"), &printed, false), Ok(3));
    assert_eq!(place(&lines("b c"), &printed, true), Err(("b", "a")));
    assert_eq!(place(&lines("a x c"), &printed, true), Err(("x", "b")));
    assert_eq!(place(&lines("c x e"), &printed, false), Err(("x", "d")));
    assert_eq!(place(&lines("x d e"), &printed, false), Err(("x", "c")));
    assert_eq!(place(&lines("d e f"), &printed, false), Err(("f", "(nothing more)")));
}
