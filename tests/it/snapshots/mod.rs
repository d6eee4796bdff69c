//! What people read, word for word: what the terminal shows of each recorded incident, its README.txt and its report.md,
//! and what is said to a mistake or where something is in the way.
//!
//! Each text is compared with the file of its name beside this one. After a change that is meant,
//! `INSTA_UPDATE=always cargo test --locked --test it snapshots::` writes them anew, and `git diff` shows what people will
//! read instead. Without that, a text that differs from its file, or has none, fails its test.

use crate::support::{Ended, Reply, Run, World, needs::SmallDisk, run::Bundle, world};
use regex_automata::meta::Regex;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const RECORDINGS: [&str; 5] = ["crash-loop", "healthy", "init-fails", "planted", "unschedulable"];
/// What is kept of each recording.
const OF_EACH: [&str; 3] = ["terminal", "README.txt", "report.md"];
/// What else there is.
const OTHERS: [&str; 4] = ["report", "mistakes", "in-the-way", "full-disk"];

/// What differs from run to run, and what stands for it: the hour, the place, and what depends on their length.
const CHANGING: &[(&str, &str)] = &[
    (r"[0-9]{8}T[0-9]{6}Z", "<started>"),
    (r"collected     [0-9TZ:.-]+", "collected     <time>"),
    (r"[0-9]+ (years|d|h|min|s)( [0-9]+ (h|min|s))? ago", "<time> ago"),
    (r"[0-9]+ years from now", "<time> from now"),
    // The window of a run without an incident, which ends now.
    (r"\nfrom  [0-9-]+T[0-9:]+Z  [0-9-]+ [0-9:]+ \+00:00", "\nfrom  <time>"),
    (r"\nto    [0-9-]+T[0-9:]+Z  [0-9-]+ [0-9:]+ \+00:00", "\nto    <time>"),
    (r"size     [0-9.]+ [kM]?B, sha256 [0-9a-f]{64}", "size     <size>, sha256 <hash>"),
    (r"[0-9.]+ [kM]?B uncompressed", "<size> uncompressed"),
    (r"os error [0-9]+", "os error <number>"),
    (r"127\.0\.0\.1:[0-9]+", "127.0.0.1:<port>"),
    (r"kubectl-escalate [0-9]+\.[0-9]+\.[0-9]+", "kubectl-escalate <version>"),
];

fn recording(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/recordings/{name}.zip"))
}

/// A text without what changes from run to run.
fn settled(text: &str, home: &Path) -> String {
    let text = text.replace(&*home.to_string_lossy(), "<home>");
    CHANGING.iter().fold(text, |text, (pattern, instead)| {
        let pattern = Regex::new(pattern).expect("a pattern");
        let (mut settled, mut from) = (String::new(), 0);
        for found in pattern.find_iter(&text) {
            settled.push_str(&text[from..found.start()]);
            settled.push_str(instead);
            from = found.end();
        }
        settled.push_str(&text[from..]);
        settled
    })
}

#[track_caller]
fn compare(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(".");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// What a run printed and how it ended, as somebody at a terminal sees it.
fn seen(command: &str, ended: &Ended) -> String {
    let home = ended.out().parent().expect("a home").to_owned();
    let code = ended.code.expect("an exit code");
    settled(&format!("$ kubectl-escalate {command}\n{}{}[exit code {code}]\n", ended.stderr, ended.stdout), &home)
}

#[test]
fn a_recorded_incident_is_shown_as_ever() {
    for name in RECORDINGS {
        let run = Run::new(["demo", "--to", "out", "--bundle"]).without_kubeconfig().args([recording(name)]);
        let ended = run.finish();
        compare(&format!("{name}.terminal"), &seen(&format!("demo --bundle {name}.zip --to out"), &ended));
        let home = ended.out().parent().expect("a home").to_owned();
        let bundle = Bundle::open(&home.join(ended.stdout.trim_end()));
        for file in ["README.txt", "report.md"] {
            compare(&format!("{name}.{file}"), &settled(&bundle.text(file), &home));
        }
    }
}

#[test]
fn a_report_is_printed_as_ever() {
    let ended = Run::new(["report"]).args([recording("crash-loop")]).finish().exits(0);
    compare("report", &seen("report crash-loop.zip", &ended));
}

#[test]
fn a_mistake_is_answered_as_ever() {
    let mut all = String::new();
    for command in [
        "collect --befor 5m",
        "collect --before soon",
        "collect --incident-time yesterday",
        "collect --incident-time 2999-01-01T00:00:00Z",
        "collect --incident-time 2024-03-05T14:05:00Z/2024-03-05T14:00:00Z",
        "collect --context staging",
        "collect --kubeconfig none.yaml",
        "collect --profile none",
        "collect --profile ./none.yaml",
        "collect --profile ./unknown-key.yaml",
        "collect --skip unicorns",
        "collect --log-limit much",
        "collect --attach none.txt",
        "collect --attach binary",
        "collect --redaction-key short-key",
        "collect --to no-such-folder",
        "collect --into none.zip",
        "collect -A -n x",
        "report none.zip",
        "report binary",
        "verify damaged.zip",
        "fit damaged.zip --max-size 100kB",
        "fit sound.zip --max-size 1kB",
        "fit sound.zip --max-size small",
        "salvage none.zip.partial",
        "profiles none",
        "colect",
    ] {
        let run = Run::new(command.split(' ')).context("prod", "http://127.0.0.1:1");
        run.file("unknown-key.yaml", "name: mine\nversion: 1\ndescription: x\nselekt: {}\n");
        run.file("binary", [0, 1, 2, 255]);
        run.file("short-key", "short");
        let sound = fs::read(recording("healthy")).expect("a recording");
        let mut damaged = sound.clone();
        damaged[sound.len() / 2] ^= 1;
        run.file("sound.zip", sound);
        run.file("damaged.zip", damaged);
        let ended = run.finish();
        assert_ne!(ended.code, Some(0), "{command}: {}", ended.stdout);
        all += &format!("{}\n", seen(command, &ended));
    }
    let ended = Run::new(["collect"]).without_kubeconfig().finish();
    compare("mistakes", &(all + "without a kubeconfig:\n" + &seen("collect", &ended)));
}

#[test]
fn what_is_in_the_way_is_named_as_ever() {
    const COMMAND: &str = "collect -n tdd-one --incident-time 2024-03-05T14:05:00Z --to out";
    let collect = |url: &str| Run::new(COMMAND.split(' ')).context("prod", url).finish();
    let mut all = String::new();
    let mut add = |what: &str, ended: &Ended| all += &format!("{what}:\n{}\n", seen(COMMAND, ended));
    add("nobody listens", &collect("http://127.0.0.1:1"));
    let refused = World::one().serve();
    refused.on(|_| Some(Reply::status(401, "Unauthorized", "Unauthorized")));
    add("not logged in", &collect(&refused.url()));
    let forbidden = World::one().serve();
    forbidden.on(|_| Some(Reply::forbidden()));
    add("nothing is allowed", &collect(&forbidden.url()));
    let ended =
        Run::new(COMMAND.split(' ')).context("prod", "https://127.0.0.1:1").login("echo no >&2; exit 1").finish();
    add("the login fails", &ended);
    let empty = World::default().serve();
    add("there is no such namespace", &collect(&empty.url()));
    compare("in-the-way", &all);
}

#[test]
fn a_full_disk_is_named_as_ever() {
    let api = World::one().serve();
    let run = Run::collect(&api).args(["-n", world::NAMESPACE]);
    let out = run.out();
    let Some(disk) = SmallDisk::mount(&out) else { return };
    let mut fill = fs::File::create(out.join("full")).expect("a file");
    let error = std::iter::repeat_with(|| std::io::Write::write_all(&mut fill, &[0; 1 << 16])).find_map(Result::err);
    assert_eq!(error.expect("an end of the disk").kind(), std::io::ErrorKind::StorageFull);
    drop(fill);
    let ended = run.finish();
    drop(disk);
    compare("full-disk", &seen("collect --to out", &ended));
}

#[test]
fn every_snapshot_is_compared() {
    let names = RECORDINGS.iter().flat_map(|name| OF_EACH.map(|file| format!("{name}.{file}")));
    let known: BTreeSet<_> = names.chain(OTHERS.map(str::to_owned)).map(|name| format!("{name}.snap")).collect();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
    let files = fs::read_dir(folder).expect("the snapshots").map(|entry| entry.expect("an entry").file_name());
    let files = files.map(|name| name.to_string_lossy().into_owned());
    assert_eq!(files.filter(|name| name.ends_with(".snap")).collect::<BTreeSet<_>>(), known);
}

#[test]
fn what_changes_is_told_from_what_does_not() {
    let text = "to  2026-11-27T09:34:46Z  3 d 13 h ago /tmp/x/out/escalation-a-20261130T230726Z.zip at 127.0.0.1:4711";
    let said = "to  2026-11-27T09:34:46Z  <time> ago <home>/out/escalation-a-<started>.zip at 127.0.0.1:<port>";
    assert_eq!(settled(text, Path::new("/tmp/x")), said);
}
