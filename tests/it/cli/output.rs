//! Standard output and standard error that are full, closed, or that nobody reads any more, and terminals that go away:
//! no run ends by that, every bundle is whole, and lost output shows in the exit code.

use crate::support::{
    Api, Ended, Gate, Piece, Reply, Run, World,
    run::{Bundle, files},
    world::{LOG, POD},
};
use kubectl_escalate::bundle::BundleReader;
use std::path::{Path, PathBuf};

/// What stderr may be without any loss for a script, which reads stdout.
const NO_LOSS: [&str; 7] = ["2>/dev/full", "2>&-", ">&-", ">&- 2>&-", "| true", "2>&1 | true", "2>&1 | head -1"];

/// What stdout may be so that its text is lost.
const LOSS: [&str; 2] = [">/dev/full", ">/dev/full 2>&1"];

fn recording() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/crash-loop.zip")
}

/// Runs it with each of the redirections; what is said of those that lose nothing is of no interest.
fn with_each(run: impl Fn() -> Run, check: impl Fn(&Ended, &str)) {
    for how in NO_LOSS {
        let ended = run().redirected(how).finish();
        assert_eq!(ended.own_code(), 0, "{how}: {}", ended.stderr);
        check(&ended, how);
    }
    for how in LOSS {
        let ended = run().redirected(how).finish();
        assert_eq!(ended.own_code(), 3, "{how}: {}", ended.stderr);
        if !how.contains("2>&1") {
            let says = "cannot write to standard output: No space left on device";
            assert!(ended.stderr.contains(says), "{how}: {}", ended.stderr);
        }
        check(&ended, how);
    }
}

/// Asserts that one whole bundle is all there is, and that stderr names it where stdout does not.
fn is_bundle(ended: &Ended, how: &str) {
    let names = files(&ended.out());
    assert!(names.len() == 1 && names[0].ends_with(".zip"), "{how}: {names:?}");
    assert!(Bundle::open(&ended.out().join(&names[0])).manifest().complete, "{how}");
    if how == ">/dev/full" {
        assert!(ended.stderr.contains(&names[0]), "{how}: {}", ended.stderr);
    }
    if how == "2>/dev/full" {
        assert!(ended.stdout.trim_end().ends_with(&names[0]), "{how}: {}", ended.stdout);
    }
}

#[test]
fn collect_leaves_a_whole_bundle() {
    let api: Api = World::one().serve();
    with_each(|| Run::collect(&api), is_bundle);
}

#[test]
fn collect_with_two_clusters_of_whom_one_is_gone_leaves_a_whole_bundle() {
    let api = World::one().serve();
    let run = || {
        let run = Run::collect(&api).context("gone", "http://127.0.0.1:1");
        run.args(["--context", "prod", "--context", "gone", "--request-timeout", "1s"])
    };
    for how in ["2>/dev/full", "2>&1 | head -1", ">/dev/full"] {
        let ended = run().redirected(how).finish();
        assert_eq!(ended.own_code(), 3, "{how}: {}", ended.stderr);
        is_bundle(&ended, how);
    }
}

#[test]
fn demo_leaves_a_whole_bundle() {
    let run = || {
        let run = Run::new(["demo"]).without_kubeconfig();
        let out = run.out();
        run.args(["--to".as_ref(), out.as_os_str()])
    };
    with_each(run, is_bundle);
}

#[test]
fn fit_leaves_a_whole_copy() {
    let run = || {
        let run = Run::new(["fit"]).without_kubeconfig();
        let out = run.out();
        let size = std::fs::metadata(recording()).expect("a file").len();
        let max = format!("{}B", size - 1000);
        run.args([recording().as_os_str(), "--max-size".as_ref(), max.as_ref(), "--to".as_ref(), out.as_os_str()])
    };
    with_each(run, |ended, how| {
        is_bundle(ended, how);
        let names = files(&ended.out());
        let copy = BundleReader::open(&ended.out().join(&names[0])).expect("a bundle");
        assert!(copy.manifest().fitted.is_some(), "{how}");
    });
}

#[test]
fn what_only_prints_says_that_it_could_not() {
    let recording = recording();
    let bundle: &Path = &recording;
    for words in [&["verify"][..], &["report"], &["report", "-o", "json"]] {
        with_each(|| Run::new(words).without_kubeconfig().args([bundle]), |_, _| {});
    }
    for words in [&["profiles"][..], &["profiles", "trust-domain-server"], &["--help"], &["collect", "--help"]] {
        with_each(|| Run::new(words).without_kubeconfig(), |_, _| {});
    }
}

#[test]
fn a_mistake_keeps_its_exit_code_when_nobody_hears_of_it() {
    for how in ["2>/dev/full", "2>&-", "2>&1 | true", ">/dev/full 2>&1"] {
        for words in [&["verify", "no-such.zip"][..], &["collect", "--no-such-flag"], &["collect", "--before", "15"]] {
            let ended = Run::new(words).without_kubeconfig().redirected(how).finish();
            assert_eq!(ended.own_code(), 2, "{words:?} {how}: {}", ended.stderr);
        }
    }
}

/// The only bundle of a run whose output nobody saw.
#[track_caller]
fn only_bundle(ended: &Ended) -> Bundle {
    let names = files(&ended.out());
    assert!(names.len() == 1 && names[0].ends_with(".zip"), "{names:?}: {}", ended.stderr);
    Bundle::open(&ended.out().join(&names[0]))
}

#[test]
fn collect_outlives_its_terminal() {
    let api = World::one().serve();
    let gate = Gate::default();
    let rest = gate.clone();
    api.on_log(POD, false, move |_| Reply::pieces([Piece::Until(rest.clone()), Piece::Bytes(LOG.into())]));
    let running = Run::collect(&api).args(["--request-timeout", "100s"]).on_terminal_until("context prod").spawn();
    running.loses_terminal();
    gate.open();
    let ended = running.finish();
    assert_eq!(ended.code, Some(3), "the path of the bundle is lost: {}", ended.stderr);
    let bundle = only_bundle(&ended);
    assert!(bundle.manifest().complete);
    assert_eq!(bundle.entry("log/tdd-one/spirl-server-7f9c-aaaaa/server").1, LOG);
}

#[test]
fn demo_outlives_its_terminal() {
    let demo = Run::new(["demo"]).without_kubeconfig();
    let out = demo.out();
    let running = demo.args(["--to".as_ref(), out.as_os_str()]).on_terminal_until("replaying").spawn();
    running.loses_terminal();
    assert!(only_bundle(&running.finish()).manifest().complete);
}
