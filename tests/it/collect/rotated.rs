//! Logs from the node's files: all of them, in order, each line once, whatever the node does to them
//! while they are read.

use super::logs::CURRENT;
use crate::support::{
    Api, Asked, Bundle, Ended, Piece, Reply, Run, World,
    world::{LOG, POD},
};
use flate2::{Compression, write::GzEncoder};
use kubectl_escalate::bundle::{GapCause, Outcome, TaskRecord};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Arc, Mutex},
};

const FOLDER: &str =
    "/api/v1/nodes/node-a/proxy/logs/pods/tdd-one_spirl-server-7f9c-aaaaa_uid-spirl-server-7f9c-aaaaa/server/";

/// What a node does between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Nothing,
    /// The container writes so many pieces of lines.
    Writes(u64),
    /// The kubelet renames the newest file, to which the container still writes.
    SetsAside,
    /// The runtime begins a new file.
    Reopens,
    /// The kubelet compresses all that were set aside but the last.
    Compresses,
    Deletes,
}

/// For so many requests a file that was set aside while they are made is there.
const LIFE: u32 = 4;

/// A container's folder of logs.
#[derive(Clone, Debug, Default)]
struct Folder {
    files: BTreeMap<String, Vec<u8>>,
    writing: String,
    pieces: u64,
    rotations: u32,
    /// How many requests there were, and when each file was set aside.
    asked: u32,
    set_aside: BTreeMap<u32, u32>,
}

impl Folder {
    fn new() -> Self {
        let mut folder = Self::default();
        folder.act(Act::Reopens);
        folder
    }

    fn after(acts: &[Act]) -> Self {
        let mut folder = Self::new();
        acts.iter().for_each(|act| folder.act(*act));
        folder
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Nothing => {}
            Act::Writes(pieces) => (0..pieces).for_each(|_| self.write()),
            Act::SetsAside => {
                if let Some(bytes) = self.files.remove("0.log") {
                    self.rotations += 1;
                    self.writing = format!("0.log.20240305-14{:04}", self.rotations);
                    self.files.insert(self.writing.clone(), bytes);
                    self.set_aside.insert(self.rotations, self.asked);
                }
            }
            Act::Reopens => {
                self.files.entry("0.log".to_owned()).or_default();
                "0.log".clone_into(&mut self.writing);
            }
            Act::Compresses => {
                for name in self.aside().into_iter().rev().skip(1).filter(|name| !name.ends_with(".gz")) {
                    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                    encoder.write_all(&self.files.remove(&name).expect("the file")).expect("memory");
                    self.files.insert(format!("{name}.gz"), encoder.finish().expect("memory"));
                }
            }
            Act::Deletes => {
                if let Some(oldest) =
                    self.aside().first().filter(|oldest| **oldest != self.writing && !self.is_new(oldest))
                {
                    self.files.remove(oldest);
                }
            }
        }
    }

    /// A kubelet deletes a file at a later rotation than the one that sets it aside, which is 10 s later at least. What
    /// came and went between two looks nobody could tell of.
    fn is_new(&self, name: &str) -> bool {
        let number = name.trim_end_matches(".gz").rsplit_once("-14").and_then(|(_, number)| number.parse().ok());
        let at = number.and_then(|number: u32| self.set_aside.get(&number)).copied().unwrap_or_default();
        at > 0 && self.asked < at + LIFE
    }

    fn aside(&self) -> Vec<String> {
        self.files.keys().filter(|name| *name != "0.log").cloned().collect()
    }

    /// Every third line comes in two pieces.
    fn write(&mut self) {
        let (number, half) = (self.pieces / 4 * 3 + (self.pieces % 4).min(2), self.pieces % 4);
        let time = format!("2024-03-05T14:{:02}:{:02}.{:03}Z", number / 60_000, number / 1000 % 60, number % 1000);
        let piece = match half {
            0 | 1 => format!("{time} stdout F line {number}.\n"),
            2 => format!("{time} stdout P line \n"),
            _ => format!("{time} stdout F {number}.\n"),
        };
        self.pieces += 1;
        self.files.get_mut(&self.writing).expect("the file that is written to").extend_from_slice(piece.as_bytes());
    }

    /// The lines that have ended.
    fn lines(&self) -> u64 {
        self.pieces / 4 * 3 + (self.pieces % 4).min(2)
    }

    /// As Go's file server does.
    fn answer(&self, name: &str, asked: &Asked, ranges: bool) -> Reply {
        if name.is_empty() {
            return page(self.files.keys().map(String::as_str));
        }
        let Some(bytes) = self.files.get(name) else {
            return Reply::text("404 page not found\n").with_status(404);
        };
        let range = asked.header("range").strip_prefix("bytes=").and_then(|range| range.split_once('-'));
        let Some((from, to)) = range.filter(|_| ranges) else { return Reply::text(bytes.clone()) };
        let (from, to) = (from.parse().unwrap_or(0), to.parse().map_or(bytes.len(), |to: usize| to + 1));
        match bytes.get(from..to.min(bytes.len())) {
            Some(part) if !part.is_empty() => Reply::text(part).with_status(206),
            _ => Reply::text("invalid range: failed to overlap\n").with_status(416),
        }
    }
}

/// What a kubelet shows of a folder.
fn page<'a>(names: impl IntoIterator<Item = &'a str>) -> Reply {
    let link = |name: &str| format!("<a href=\"{name}\">{name}</a>\n");
    let page = format!("<pre>\n{}</pre>\n", names.into_iter().map(link).collect::<String>());
    Reply::text(page).header("content-type", "text/html; charset=utf-8")
}

/// A world whose node has this folder, and does the next two of these acts before each answer of it.
fn serve(folder: Folder, acts: Vec<Act>, ranges: bool) -> (Api, Arc<Mutex<Folder>>) {
    let api = World::one().serve();
    let folder = Arc::new(Mutex::new(folder));
    let (shared, acts) = (folder.clone(), Mutex::new(acts.into_iter()));
    api.on(move |asked| {
        let name = asked.path.strip_prefix(FOLDER)?;
        let mut folder = shared.lock().expect("no panic");
        folder.asked += 1;
        acts.lock().expect("no panic").by_ref().take(2).for_each(|act| folder.act(act));
        Some(folder.answer(name, asked, ranges))
    });
    (api, folder)
}

fn collect(api: &Api) -> Ended {
    Run::collect(api).args(["--request-timeout", "5s", "--rotated-logs"]).finish()
}

/// The lines of the log without their times.
fn lines(ended: &Ended) -> Vec<String> {
    let text = ended.bundle().entry(CURRENT).1;
    let untimed = |line: &str| {
        let (time, rest) = line.split_once(' ').expect("a time");
        assert_eq!(time.len(), 30, "{line}");
        rest.to_owned()
    };
    text.lines().map(untimed).collect()
}

fn number(line: &str) -> Option<u64> {
    line.strip_prefix("line ")?.strip_suffix('.')?.parse().ok()
}

/// The numbers of the lines of the log; panics if one is not whole, but the last, of which only the
/// first piece may have been written.
fn numbers(ended: &Ended) -> Vec<u64> {
    let mut lines = lines(ended);
    if lines.last().is_some_and(|line| line == "line ") {
        lines.pop();
    }
    lines.iter().map(|line| number(line).unwrap_or_else(|| panic!("a line as it was written: {line}"))).collect()
}

/// The same, where of a line a piece may be lost: the second one says its number.
fn numbers_of_pieces(ended: &Ended) -> Vec<u64> {
    let second = |line: &str| line.strip_suffix('.')?.parse().ok();
    let lines = lines(ended);
    let numbered = lines.iter().filter(|line| *line != "line ");
    let number = |line: &String| number(line).or_else(|| second(line));
    numbered.map(|line| number(line).unwrap_or_else(|| panic!("a line or a piece of one: {line}"))).collect()
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Nothing),
        4 => (1..40_u64).prop_map(Act::Writes),
        3 => Just(Act::SetsAside),
        4 => Just(Act::Reopens),
        2 => Just(Act::Compresses),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_line_comes_once_and_in_order_whatever_the_node_does(
        before in proptest::collection::vec(act(), 1..20),
        during in proptest::collection::vec(act(), 0..60),
        ranges in proptest::bool::weighted(0.8),
    ) {
        let folder = Folder::after(&[&[Act::Writes(10)], &before[..], &[Act::Reopens, Act::Writes(1)]].concat());
        let had = folder.lines();
        // In the end the node always has a file to write to.
        let during = [&during[..], &[Act::Reopens, Act::Writes(4)]].concat();
        let (api, folder) = serve(folder, during, ranges);
        let ended = collect(&api);
        let got = numbers(&ended);
        let written = folder.lock().expect("no panic").lines();
        prop_assert!(got.iter().copied().eq(0..got.len() as u64), "{got:?}");
        prop_assert!((had..=written).contains(&(got.len() as u64)), "{had} <= {} <= {written}", got.len());
        ended.bundle().outcome(CURRENT, Outcome::Collected);
    }

    #[test]
    fn what_the_node_deletes_before_its_turn_is_told(
        before in proptest::collection::vec(act(), 1..20),
        during in proptest::collection::vec(prop_oneof![3 => act(), 2 => Just(Act::Deletes)], 0..60),
    ) {
        let folder = Folder::after(&[&[Act::Writes(10)], &before[..], &[Act::Reopens, Act::Writes(4)]].concat());
        let (api, _) = serve(folder, [&during[..], &[Act::Reopens, Act::Writes(4)]].concat(), true);
        let ended = collect(&api);
        let bundle = ended.bundle();
        let lost = bundle.task(CURRENT).outcome == Outcome::Empty;
        let got = if lost { Vec::new() } else { numbers_of_pieces(&ended) };
        prop_assert!(got.windows(2).all(|pair| pair[0] < pair[1]), "{got:?}");
        let container = &bundle.manifest().containers[0];
        prop_assert!(!container.complete, "the log begins within the window: {container:?}");
        for pair in got.windows(2).filter(|pair| pair[0] + 1 != pair[1]) {
            let time = |number: u64| format!("2024-03-05T14:00:{:02}.{:03}Z", number / 1000, number % 1000);
            let at = |number: u64| time(number).parse::<chrono::DateTime<chrono::Utc>>().expect("a time");
            let (from, to) = (at(pair[0]), at(pair[1]));
            // Of the lines at its ends there may be pieces.
            let is_told = container.gaps.iter().any(|gap| {
                gap.missing && gap.cause == GapCause::RotatedAway && gap.from <= to && gap.to >= from
            });
            prop_assert!(is_told, "from {from} to {to}: {:?}", container.gaps);
        }
    }
}

#[test]
fn files_before_the_window_are_not_read() {
    let old = |hour: u32| format!("2024-03-05T{hour}:00:00Z stdout F old\n").into_bytes();
    let mut folder = Folder::after(&[Act::Writes(8)]);
    folder.files.extend([
        ("0.log.20240305-110000".to_owned(), old(10)),
        ("0.log.20240305-120000".to_owned(), old(11)),
        ("0.log.20240305-135000".to_owned(), old(12)),
    ]);
    let (api, _) = serve(folder, Vec::new(), true);
    let ended = collect(&api).exits(0);
    assert_eq!(numbers(&ended), (0..6).collect::<Vec<_>>());
    let read = |name: &str| {
        let asked = api.asked_for(&format!("{FOLDER}{name}"));
        asked.iter().filter(|asked| asked.header("range").is_empty()).count()
    };
    assert_eq!((read("0.log.20240305-110000"), read("0.log.20240305-120000")), (0, 0));
    assert_eq!((read("0.log.20240305-135000"), read("0.log")), (1, 1));
    let bundle = ended.bundle();
    let container = &bundle.manifest().containers[0];
    assert!(container.complete, "the files begin before the window: {container:?}");
    assert_eq!(bundle.entry(CURRENT).0.source, format!("GET {FOLDER}"));
}

#[test]
fn without_the_right_the_newest_file_is_taken_and_the_right_is_named() {
    let (api, _) = serve(Folder::new(), Vec::new(), true);
    api.on(|asked| asked.path.starts_with(FOLDER).then(Reply::forbidden));
    let ended = collect(&api).exits(0);
    let bundle = ended.bundle();
    assert_eq!(bundle.entry(CURRENT).1, LOG);
    let task = bundle.outcome(CURRENT, Outcome::Collected);
    assert!(task.hint.as_deref().is_some_and(|hint| hint.contains("get nodes/proxy")), "{task:?}");
    assert!(task.causes.concat().contains("only the newest file"), "{task:?}");
}

#[test]
fn files_of_another_form_and_none_at_all_leave_it_to_the_kubelet() {
    let mut docker = Folder::new();
    docker.files.insert("0.log".to_owned(), b"{\"log\":\"hello\\n\",\"stream\":\"stdout\"}\n".to_vec());
    for folder in [docker, Folder::default()] {
        let (api, _) = serve(folder, Vec::new(), true);
        let ended = collect(&api).exits(0);
        let bundle = ended.bundle();
        assert_eq!(bundle.entry(CURRENT).1, LOG);
        assert!(bundle.outcome(CURRENT, Outcome::Collected).causes.concat().contains("only the newest file"));
    }
}

#[test]
fn what_a_proxy_breaks_off_is_read_on_from_there() {
    let (api, folder) =
        serve(Folder::after(&[Act::Writes(400), Act::SetsAside, Act::Reopens, Act::Writes(400)]), Vec::new(), true);
    let broken = folder.clone();
    api.on(move |asked| {
        let name = asked.path.strip_prefix(FOLDER).filter(|name| !name.is_empty())?;
        let is_whole = asked.header("range").is_empty();
        let bytes = broken.lock().expect("no panic").files.get(name)?.clone();
        (is_whole && asked.earlier < 3).then(|| Reply::pieces([Piece::Bytes(bytes[..1500].to_vec()), Piece::Reset]))
    });
    let ended = collect(&api).exits(0);
    assert_eq!(numbers(&ended), (0..600).collect::<Vec<_>>(), "{POD}");
}

/// A node that has the folders of these pods, and of the one named `GONE` two files of a container.
fn serve_pods(folders: [&'static str; 4]) -> Api {
    let (api, _) = serve(Folder::after(&[Act::Writes(8)]), Vec::new(), true);
    let gone = Folder::after(&[Act::Writes(400), Act::SetsAside, Act::Reopens, Act::Writes(40)]);
    api.on(move |asked| {
        let name = asked.path.strip_prefix(PODS)?;
        match name.split_once('/') {
            None => Some(page(folders)),
            Some((_, "")) => Some(page(["server/", "../", "a_b/"])),
            Some((pod, rest)) => {
                let name = rest.strip_prefix("server/").filter(|_| pod.contains(GONE))?;
                Some(gone.answer(name, asked, true))
            }
        }
    });
    api
}

const PODS: &str = "/api/v1/nodes/node-a/proxy/logs/pods/";
const GONE: &str = "spirl-server-7f9c-bbbbb";

#[test]
fn what_a_node_still_has_of_a_deleted_pod_is_collected() {
    let api = serve_pods([
        "tdd-one_spirl-server-7f9c-aaaaa_uid-spirl-server-7f9c-aaaaa/",
        "tdd-one_spirl-server-7f9c-bbbbb_uid-b/",
        "tdd-two_spirl-server-7f9c-ccccc_uid-c/",
        "tdd-one_spirl-server-7f9c-ddddd_uid-d/",
    ]);
    // It was made after the pods were listed.
    let new = "/api/v1/namespaces/tdd-one/pods/spirl-server-7f9c-ddddd";
    api.on_path(new, |_| Reply::json(&serde_json::json!({ "metadata": { "uid": "uid-d" } })));
    let ended = collect(&api).exits(0);
    let bundle = ended.bundle();
    let log = gone("uid-b");
    let text = bundle.entry(&log).1;
    assert_eq!(text.lines().filter(|line| line.ends_with('.')).count(), 330, "{text}");
    assert_eq!(bundle.outcome(&log, Outcome::Collected).kind, "deleted-log");
    let containers = &bundle.manifest().containers;
    let container = containers.iter().find(|container| container.pod == GONE).expect("its container");
    assert_eq!(container.runs.len(), 1, "{container:?}");
    assert_eq!((containers.len(), container.uid.as_deref()), (2, Some("uid-b")));
    assert!(!api.asked().iter().any(|asked| asked.path.contains("tdd-two_")), "it is not the workload's");
    let found = left(&bundle);
    assert_eq!(found.id, "prod/orphaned-logs/node-a");
    assert!(found.causes.concat().contains("1 log of deleted pods, each with its own task"), "{found:?}");
}

const LEFT: [&str; 4] = ["tdd-one_spirl-server-7f9c-bbbbb_uid-b/", "../", "x", "a_b_c_d/"];

fn left(bundle: &Bundle) -> TaskRecord {
    let tasks = &bundle.manifest().tasks;
    tasks.iter().find(|task| task.kind == "orphaned-logs").expect("its task").clone()
}

/// The task of a deleted pod's log.
fn gone(uid: &str) -> String {
    format!("{}/{uid}", CURRENT.replace(POD, GONE))
}

#[test]
fn pods_that_had_one_name_one_after_the_other_have_a_log_each() {
    let api =
        serve_pods(["tdd-one_spirl-server-7f9c-bbbbb_uid-b/", "tdd-one_spirl-server-7f9c-bbbbb_uid-c/", "../", "x"]);
    let new = format!("/api/v1/namespaces/tdd-one/pods/{GONE}");
    api.on_path(&new, |_| Reply::json(&serde_json::json!({ "metadata": { "uid": "uid-new" } })));
    let ended = collect(&api).exits(0);
    let bundle = ended.bundle();
    for uid in ["uid-b", "uid-c"] {
        let (record, text) = bundle.entry(&gone(uid));
        assert!(record.path.ends_with(&format!("/{GONE}/logs/server.{uid}.log")), "{}", record.path);
        assert_eq!(text.lines().filter(|line| line.ends_with('.')).count(), 330, "{text}");
    }
    let containers = bundle.manifest().containers.iter().filter(|it| it.pod == GONE);
    let uids: Vec<_> = containers.filter_map(|it| it.uid.as_deref()).collect();
    assert_eq!(uids, ["uid-b", "uid-c"]);
}

#[test]
fn a_folder_that_a_node_does_not_show_costs_none_of_the_others() {
    let api = serve_pods(["tdd-one_spirl-server-7f9c-aaaab_uid-a/", LEFT[0], "../", "x"]);
    api.on(|asked| asked.path.ends_with("aaaab_uid-a/").then(|| Reply::text("oh").with_status(500)));
    let ended = collect(&api).exits(0);
    let bundle = ended.bundle();
    bundle.outcome(&gone("uid-b"), Outcome::Collected);
    let task = left(&bundle);
    assert_eq!(task.outcome, Outcome::Failed);
    assert!(task.causes.concat().contains("the log files of spirl-server-7f9c-aaaab could not be listed"), "{task:?}");
}

#[test]
fn files_of_a_deleted_pod_that_were_not_read_are_told_by_what_the_node_answered() {
    let api = serve_pods(LEFT);
    let files = format!("{PODS}{}server/", LEFT[0]);
    let answers = [(Reply::forbidden(), Outcome::Forbidden), (Reply::text("").with_status(404), Outcome::Absent)];
    for (reply, outcome) in answers {
        let path = files.clone();
        api.on(move |asked| (asked.path == path).then(|| reply.clone()));
        let ended = collect(&api).exits(0);
        let bundle = ended.bundle();
        bundle.outcome(&gone("uid-b"), outcome);
        let container =
            bundle.manifest().containers.iter().find(|container| container.pod == GONE).expect("it had one");
        assert!(container.gaps.iter().any(|gap| gap.missing), "its log is missing: {container:?}");
    }
}

#[test]
fn where_a_later_run_begins_with_a_file_set_aside_its_head_may_be_missing() {
    let api = serve_pods(LEFT);
    let line = |at: &str| format!("2024-03-05T14:{at}.000000000Z stdout F {at}\n");
    let files = [("0.log", "00:00"), ("1.log.20240305-140200", "02:00"), ("1.log", "03:00")];
    api.on(move |asked| {
        let name = asked.path.strip_prefix(PODS)?.strip_prefix(LEFT[0])?.strip_prefix("server/")?;
        match files.iter().find(|(file, _)| *file == name) {
            Some((_, at)) => Some(Reply::text(line(at))),
            None => Some(page(files.map(|(file, _)| file))),
        }
    });
    let ended = collect(&api).exits(0);
    let bundle = ended.bundle();
    let log = gone("uid-b");
    assert_eq!(bundle.entry(&log).1.lines().count(), 3);
    let gaps = &bundle.entry(&log).0.coverage.as_ref().expect("coverage").gaps;
    let [_, gap] = &gaps[..] else { panic!("{gaps:#?}") };
    let at = |time: &str| format!("2024-03-05T14:{time}Z").parse::<chrono::DateTime<chrono::Utc>>().expect("a time");
    assert_eq!((gap.from, gap.to, gap.cause), (at("00:00"), at("02:00"), GapCause::Unknown), "{gaps:#?}");
    assert!(gap.text.contains("1.log.20240305-140200 is the oldest file of a run"), "{gaps:#?}");
}

#[test]
fn a_node_that_has_nothing_of_deleted_pods_or_shows_nothing_is_told_so() {
    let there = "tdd-one_spirl-server-7f9c-aaaaa_uid-spirl-server-7f9c-aaaaa/";
    let api = serve_pods([there, "../", "x", "a_b_c_d/"]);
    let found = |api: &Api| left(&collect(api).exits(0).bundle());
    let task = found(&api);
    assert_eq!((task.outcome, task.causes.len()), (Outcome::Empty, 1), "{task:?}");
    api.on(|asked| (asked.path == PODS).then(Reply::forbidden));
    let task = found(&api);
    assert_eq!(task.outcome, Outcome::Forbidden);
    assert!(task.hint.as_deref().is_some_and(|hint| hint.contains("rbac --rotated-logs")), "{task:?}");
}

#[test]
fn nothing_is_asked_of_a_node_without_the_flag() {
    let (api, _) = serve(Folder::new(), Vec::new(), true);
    let ended = Run::collect(&api).finish().exits(0);
    assert_eq!(ended.bundle().entry(CURRENT).1, LOG);
    assert!(!api.asked().iter().any(|asked| asked.path.contains("/nodes/node-a/proxy")));
}
