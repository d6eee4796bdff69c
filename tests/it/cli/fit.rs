//! `fit`, and `collect --max-size`: paths on standard output, exit codes, and what is left behind.

use crate::support::{
    Ended, Run, World,
    run::{Bundle, files},
    world::{NAMESPACE, POD},
};
use kubectl_escalate::{
    bundle::{BundleName, BundleWriter, Destination, Ended as RunEnded, Manifest, NamePart, layout, verify},
    redact::{Clean, Key, Redactor},
    report,
};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// A server whose log has some thousand lines, none like the other.
fn talkative() -> World {
    let mut world = World::one();
    let mut log = String::new();
    let mut number = 1_u64;
    for n in 0..6000 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let level = ["debug", "debug", "info", "debug", "warn", "error"][n % 6];
        let (minute, second) = (50 + n / 200, n % 200 * 3 / 10);
        let (hour, minute) = (13 + minute / 60, minute % 60);
        writeln!(
            log,
            "2024-03-05T{hour}:{minute:02}:{second:02}.{:09}Z {{\"level\":\"{level}\",\"id\":\"{number:016x}\"}}",
            n % 200 * 1_000_000 + 1
        )
        .expect("room");
    }
    world.log(NAMESPACE, POD, false, log);
    world
}

fn fit(arguments: &[&std::ffi::OsStr]) -> Ended {
    Run::new(["fit"]).without_kubeconfig().args(arguments).finish()
}

/// The paths that standard output names.
fn paths(ended: &Ended) -> Vec<PathBuf> {
    ended.stdout.lines().map(PathBuf::from).collect()
}

#[test]
fn a_collection_leaves_the_full_bundle_and_the_smaller_one() {
    let api = talkative().serve();
    let ended = Run::collect(&api).args(["--max-size", "90kB"]).finish().exits(0);
    let paths = paths(&ended);
    let [full, copy] = &paths[..] else { panic!("{}", ended.stdout) };
    assert_eq!(copy.to_string_lossy(), full.to_string_lossy().replace(".zip", "-fitted.zip"));
    assert_eq!(ended.files().len(), 2, "{:?}", ended.files());
    assert!(std::fs::metadata(copy).expect("a file").len() <= 90_000);
    let (full, copy) = (Bundle::open(full), Bundle::open(copy));
    let fitted = copy.manifest().fitted.as_ref().expect("it says so");
    assert!(full.manifest().fitted.is_none() && fitted.lines.debug > 0 && fitted.lines.error == 0, "{fitted:?}");
    assert!(fitted.files.iter().any(|path| path.ends_with("/describe.txt")), "{:?}", fitted.files);
    assert!(fitted.files.iter().any(|path| path.ends_with("/pod.yaml")), "{:?}", fitted.files);
    assert!(!fitted.files.iter().any(|path| path.contains("nodes/node-a.yaml")), "the node is in no table");
    let readme = copy.text("README.txt");
    assert!(readme.contains("THIS IS A SMALLER COPY") && readme.contains(&fitted.sha256), "{readme}");
    assert!(readme.contains("[partly]  logs from"), "{readme}");
    assert!(ended.stderr.contains("fitted   ") && ended.stderr.contains("left out "), "{}", ended.stderr);
    // The same again, by its own verb.
    let by_verb = fit(&[full.reader.path().as_os_str(), "--max-size".as_ref(), "60kB".as_ref()]).exits(0);
    assert_eq!(self::paths(&by_verb).len(), 1);
    let again = Bundle::open(&self::paths(&by_verb)[0]);
    assert_eq!(again.manifest().entries.len(), copy.manifest().entries.len());
    assert!(again.reader.path().to_string_lossy().ends_with("-fitted-2.zip"));
}

#[test]
fn as_json_the_copy_is_a_field() {
    let api = talkative().serve();
    let json = |max: &str| -> serde_json::Value {
        let ended = Run::collect(&api).args(["--max-size", max, "-o", "json"]).finish().exits(0);
        serde_json::from_str(&ended.stdout).expect("JSON")
    };
    let said = json("60kB");
    assert!(said["fitted"]["bundle"].as_str().expect("a path").ends_with("-fitted.zip"));
    assert!(said["fitted"]["bytes"].as_u64().expect("a size") <= 90_000);
    assert_eq!(said["fitted"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(json("60MB")["fitted"], serde_json::Value::Null);
}

#[test]
fn a_bundle_that_is_small_enough_is_its_own_copy() {
    let api = World::one().serve();
    let ended = Run::collect(&api).args(["--max-size", "20MB"]).finish().exits(0);
    let [full] = &paths(&ended)[..] else { panic!("{}", ended.stdout) };
    assert!(ended.stderr.contains("no copy needed"), "{}", ended.stderr);
    let by_verb = fit(&[full.as_os_str(), "--max-size".as_ref(), "20MB".as_ref()]).exits(0);
    assert_eq!(&paths(&by_verb), std::slice::from_ref(full));
    assert!(by_verb.stderr.contains("no copy needed"), "{}", by_verb.stderr);
    assert_eq!(ended.files().len(), 1);
}

#[test]
fn what_cannot_be_made_says_what_to_do_and_leaves_the_bundle_alone() {
    let api = talkative().serve();
    let ended = Run::collect(&api).args(["--max-size", "1kB"]).finish().exits(3);
    let [full] = &paths(&ended)[..] else { panic!("{}", ended.stdout) };
    assert!(ended.stderr.contains("the smallest possible copy has"), "{}", ended.stderr);
    assert_eq!(ended.files().len(), 1, "{:?}", ended.files());
    let by_verb = fit(&[full.as_os_str(), "--max-size".as_ref(), "1kB".as_ref()]).exits(2);
    let least = by_verb.stderr.split("--max-size ").nth(1).and_then(|rest| rest.split(' ').next()).expect("the least");
    assert!(by_verb.stdout.is_empty());
    let made = fit(&[full.as_os_str(), "--max-size".as_ref(), least.as_ref()]).exits(0);
    Bundle::open(&paths(&made)[0]);
    assert_eq!(ended.files().len(), 2, "{:?}", ended.files());
}

/// Files that were given up are made again from the copy, byte for byte.
#[test]
fn what_can_be_made_again_is() {
    let recording = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cli/demo.zip");
    let folder = tempfile::tempdir().expect("a folder");
    let to = ["--to".as_ref(), folder.path().as_os_str()];
    let arguments = [&[recording.as_os_str(), "--max-size".as_ref(), "70kB".as_ref()], &to[..]].concat();
    let copy = paths(&fit(&arguments).exits(0)).remove(0);
    let given_up = Bundle::open(&copy).manifest().fitted.clone().expect("it says so").files;
    assert!(
        given_up.iter().any(|path| path.ends_with("pod.yaml"))
            && given_up.iter().any(|path| path.ends_with(".describe.txt"))
    );
    let demo = |bundle: &Path| {
        let run = Run::new(["demo", "--bundle"]).without_kubeconfig().args([bundle.as_os_str()]).args(to).finish();
        // Of the copy's log not enough may be left to say whose it is, which its manifest knows still.
        Bundle::open(&paths(&run)[0])
    };
    let (from_full, from_copy) = (demo(&recording), demo(&copy));
    for path in &given_up {
        assert_eq!(from_full.text(path), from_copy.text(path), "{path}");
    }
}

#[test]
fn mistakes_are_one_clear_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = large(folder.path(), 1);
    let other = folder.path().join("other.zip");
    std::fs::write(&other, "precious").expect("a file");
    let nowhere = folder.path().join("nowhere");
    for (exit, says, arguments) in [
        (2, "missing.zip", vec!["missing.zip".as_ref(), "--max-size".as_ref(), "1MB".as_ref()]),
        (2, "not a complete zip", vec![other.as_os_str(), "--max-size".as_ref(), "1".as_ref()]),
        (2, "20MiB", vec![bundle.as_os_str(), "--max-size".as_ref(), "small".as_ref()]),
        (2, "--max-size", vec![bundle.as_os_str()]),
        (
            2,
            "nowhere",
            vec![bundle.as_os_str(), "--max-size".as_ref(), "10kB".as_ref(), "--to".as_ref(), nowhere.as_os_str()],
        ),
        (
            4,
            "other.zip",
            vec![bundle.as_os_str(), "--max-size".as_ref(), "10kB".as_ref(), "--to".as_ref(), other.as_os_str()],
        ),
    ] {
        let ended = fit(&arguments).exits(exit);
        assert!(ended.stderr.contains(says) && ended.stdout.is_empty(), "{says:?} in {}", ended.stderr);
    }
    assert_eq!(files(folder.path()).len(), 2);
    let there = folder.path().join("there.zip");
    let arguments = [bundle.as_os_str(), "--max-size".as_ref(), "10kB".as_ref(), "--to".as_ref(), there.as_os_str()];
    assert_eq!(paths(&fit(&arguments).exits(0)), [there]);
}

/// A bundle with a log of so many megabytes, which compress to little.
fn large(folder: &Path, megabytes: usize) -> PathBuf {
    let at = "2024-03-05T14:05:00Z".parse().expect("a time");
    let bundle = BundleWriter::create(&Destination::Folder(folder.to_owned()), at).expect("a bundle");
    let mut entry = bundle.entry(layout::pod_log("c", "n", "p", "x", false)).expect("an entry");
    let redactor = Redactor::new(&Key::random());
    let text: String = (0..10_000)
        .map(|n| {
            format!(
                "2024-03-05T14:{:02}:{:02}.{n:09}Z {{\"level\":\"debug\",\"n\":{n},\"msg\":\"{:036}\"}}\n",
                n / 600,
                n / 10 % 60,
                n * 7919
            )
        })
        .collect();
    let block = redactor.text(text.as_bytes()).0;
    (0..megabytes).for_each(|_| entry.write(&block).expect("room"));
    entry.finish().expect("room");
    let name = BundleName::new(&NamePart::Several, &NamePart::Several, at);
    let clean = |bytes: Vec<u8>| -> Clean { redactor.text(&bytes).0 };
    let finished = bundle.finish(&name, |settled| {
        let mut manifest = Manifest::new(at, at, at);
        manifest.ended = RunEnded::Finished;
        manifest.entries = settled.records();
        vec![(layout::manifest(), clean(manifest.to_json().expect("JSON")))]
    });
    finished.expect("a bundle").path
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_the_full_bundle_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = large(folder.path(), 150);
    let size = std::fs::metadata(&bundle).expect("a file").len();
    let run =
        Run::new(["fit"]).args([bundle.as_os_str(), "--max-size".as_ref()]).args([(size / 2).to_string()]).spawn();
    let begun = Instant::now();
    while files(folder.path()).len() == 1 {
        assert!(begun.elapsed() < crate::support::HANG, "it never began");
        thread::sleep(Duration::from_millis(2));
    }
    run.signal(rustix::process::Signal::INT);
    let ended = run.finish().exits(130);
    assert!(ended.stdout.is_empty() && ended.stderr.contains("interrupted: no copy"), "{}", ended.stderr);
    assert_eq!(files(folder.path()).len(), 1, "{:?}", files(folder.path()));
    assert!(verify(&bundle).expect("a bundle").is_sound());
}

#[test]
fn a_large_bundle_is_shown_with_the_command_that_makes_it_smaller() {
    let at = "2024-03-05T14:05:00Z".parse().expect("a time");
    let manifest = Manifest::new(at, at, at);
    let command = "$ kubectl-escalate fit './a b.zip' --max-size 20MB\n";
    let said = |bytes, path| report::summary(&manifest, None, bytes, "f", path).contains(command);
    assert!(said(20_000_001, Some("'./a b.zip'")));
    assert!(!said(20_000_000, Some("'./a b.zip'")) && !said(30_000_000, None));
}
