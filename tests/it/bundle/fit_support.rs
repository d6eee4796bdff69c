//! What the tests of smaller copies share: logs of all levels around an incident, a bundle of them,
//! and what became of each line in a copy.

use super::{Noise, clean, dense, name, put, started, to};
use chrono::{DateTime, TimeDelta, Utc};
use kubectl_escalate::{
    bundle::{
        BundleError, BundleReader, BundleWriter, CheckState, ChecklistItem, Coverage, Destination, Ended, EntryPath,
        Finished, Fit, Fitted, GapCause, LeftOut, Manifest, TaskRecord, Watch, Words, fit, layout, verify,
    },
    report,
};
use std::path::{Path, PathBuf};

/// Somebody who waits to the end and wants to hear nothing.
pub(super) struct Nobody;

impl Watch for Nobody {
    fn expect(&self, _: u64) {}
    fn read(&self, _: u64) {}
    fn is_stopped(&self) -> bool {
        false
    }
}

/// What the command line has a copy say.
pub(super) fn words<T>(make: impl FnOnce(&Words<'_>) -> T) -> T {
    make(&Words {
        readme: &|manifest| clean(report::readme(manifest)),
        manifest: &|manifest| clean(manifest.to_json().expect("JSON")),
    })
}

pub(super) fn try_fit(bundle: &Path, max: u64) -> Result<Fit, BundleError> {
    let to = Destination::of_copy(bundle, None).expect("a place");
    words(|words| fit(bundle, &to, max, words, &Nobody))
}

/// A copy that has at most so many bytes, is sound, and says what it is.
#[track_caller]
pub(super) fn fitted(bundle: &Path, max: u64) -> (Finished, Fitted) {
    let Fit::Made { finished, fitted } = try_fit(bundle, max).expect("a copy") else { panic!("no copy was needed") };
    let size = std::fs::metadata(&finished.path).expect("a file").len();
    assert!(size == finished.bytes && size <= max, "{size} bytes, where {max} were asked for");
    let report = verify(&finished.path).expect("a bundle");
    assert!(report.is_sound(), "{:?}", report.problems);
    let reader = BundleReader::open(&finished.path).expect("a bundle");
    assert_eq!(reader.manifest().fitted.as_ref(), Some(&fitted));
    let readme = reader.read(layout::README, 1 << 20).expect("a README");
    let readme = String::from_utf8(readme).expect("text");
    let head: String = readme.lines().take(6).collect();
    assert!(head.contains("THIS IS A SMALLER COPY") && head.contains(&fitted.bundle), "{readme}");
    (finished, fitted)
}

pub(super) const LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];

/// A line of a log, as it was written.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) text: Vec<u8>,
    /// Place in [`LEVELS`].
    pub(super) level: usize,
    pub(super) at: DateTime<Utc>,
}

/// The incident of all these bundles: in the middle of their half hour.
pub(super) fn incident() -> DateTime<Utc> {
    started() + TimeDelta::minutes(15)
}

pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}

/// `count` lines over half an hour, in order, of all levels and in the forms of some loggers.
pub(super) fn lines(count: usize, seed: u64) -> Vec<Line> {
    let mut noise = Noise(seed + 1);
    (0..count)
        .map(|n| {
            let at = started() + TimeDelta::nanoseconds(1_800_000_000_000 / count as i64 * n as i64 + 1);
            let (id, more) = (noise.next(), noise.next());
            let level = [0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3][(id % 12) as usize];
            let word = LEVELS[level];
            let text = match more % 7 {
                0 => format!("2026-11-22T15:42:00.1Z\t{}\tserver\tran for {id}", word.to_uppercase()),
                1 => format!("{{\"ts\":1.5,\"LEVEL\": \"{}\",\"msg\":\"x\",\"id\":\"{id:x}\"}}", word.to_uppercase()),
                2 if level < 3 => format!("{}1122 15:42:00.000000 1 x.go:12] {id}", ["E", "W", "I"][level]),
                3 if level == 2 => format!("said {id:x} without a level"),
                _ => format!(
                    "{{\"level\":\"{word}\",\"ts\":1.5,\"msg\":\"signed an SVID\",\"request\":\"{id:016x}{more:016x}\"}}"
                ),
            };
            Line { text: format!("{} {text}\n", stamp(at)).into_bytes(), level, at }
        })
        .collect()
}

pub(super) fn text(lines: &[Line]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.text.clone()).collect()
}

/// The records of a bundle that has these logs, each of a pod of its own, and objects.
#[derive(Default)]
pub(super) struct Full {
    pub(super) logs: Vec<Vec<u8>>,
    pub(super) objects: usize,
    /// Bytes of an attachment.
    pub(super) attached: usize,
    pub(super) change: Option<fn(&mut Manifest)>,
}

pub(super) fn log_path(n: usize) -> EntryPath {
    layout::pod_log("prod", "spirl", &format!("server-{n}"), "server", false)
}

fn task(id: &str, kind: &str, entries: &[EntryPath]) -> TaskRecord {
    let entries: Vec<&str> = entries.iter().map(EntryPath::as_str).collect();
    let json =
        serde_json::json!({ "id": id, "kind": kind, "required": true, "outcome": "collected", "entries": entries });
    serde_json::from_value(json).expect("a task")
}

impl Full {
    pub(super) fn of(logs: &[Vec<Line>]) -> Self {
        Self { logs: logs.iter().map(|lines| text(lines)).collect(), ..Self::default() }
    }

    pub(super) fn write(&self, folder: &Path) -> PathBuf {
        let bundle = BundleWriter::create(&to(folder), started()).expect("a bundle");
        let mut tasks = Vec::new();
        put(&bundle, layout::note(1), b"what the user said\n").expect("an entry");
        put(&bundle, layout::attachment("x.log"), &dense(3000.max(self.attached))).expect("an entry");
        for resource in ["deployments", "pods"].iter().take(self.objects) {
            let table = layout::resource_table("prod", Some("spirl"), resource);
            put(&bundle, table.clone(), b"{\"kind\":\"Table\"}").expect("an entry");
            let mut entries = vec![table];
            for n in 0..self.objects {
                let (yaml, described) = match *resource {
                    "pods" => {
                        let pod = format!("server-{n}");
                        (layout::pod_yaml("prod", "spirl", &pod), layout::pod_describe("prod", "spirl", &pod))
                    }
                    _ => {
                        let name = format!("server-{n}");
                        let of = |make: fn(&str, Option<&str>, &str, &str) -> EntryPath| {
                            make("prod", Some("spirl"), resource, &name)
                        };
                        (of(layout::object_yaml), of(layout::object_describe))
                    }
                };
                put(&bundle, yaml.clone(), &dense(1000 + n)).expect("an entry");
                put(&bundle, described.clone(), &dense(2000 + n)).expect("an entry");
                entries.extend([yaml, described]);
            }
            tasks.push(task(resource, "list", &entries));
        }
        let node = layout::node_yaml("prod", "node-a");
        put(&bundle, node.clone(), b"kind: Node\n").expect("an entry");
        tasks.push(task("node", "object", &[node]));
        for (n, log) in self.logs.iter().enumerate() {
            put(&bundle, log_path(n), log).expect("an entry");
            tasks.push(task(&format!("log-{n}"), "log", &[log_path(n)]));
        }
        let finished = bundle.finish(&name(), |settled| {
            let mut manifest = Manifest::new(started(), started(), started() + TimeDelta::minutes(30));
            manifest.trust_domain = Some("example.org".into());
            manifest.incident_start = Some(incident());
            manifest.incident_end = Some(incident());
            manifest.complete = true;
            manifest.ended = Ended::Finished;
            manifest.checklist = vec![ChecklistItem {
                id: "logs".into(),
                text: "logs".into(),
                state: CheckState::Yes,
                detail: "2 logs; more".into(),
                command: None,
            }];
            manifest.entries = settled.records();
            for record in &mut manifest.entries {
                if let Some(task) = tasks.iter().find(|task| task.entries.contains(&record.path)) {
                    record.task.clone_from(&task.id);
                }
                if record.path.contains("/logs/") {
                    let gap = Some("the window was not over".to_owned());
                    let gap_cause = Some(GapCause::WindowNotOver);
                    record.coverage =
                        Some(Coverage { lines: 7, complete: true, gap, gap_cause, ..Coverage::default() });
                }
                record.redactions = [("bearer".to_owned(), 2)].into();
            }
            manifest.redactions_total = 2 * manifest.entries.len() as u64;
            manifest.tasks = tasks;
            if let Some(change) = self.change {
                change(&mut manifest);
            }
            let readme = clean("the full one\n");
            manifest.entries.push(settled.measure(&layout::readme(), &readme));
            vec![(layout::readme(), readme), (layout::manifest(), clean(manifest.to_json().expect("JSON")))]
        });
        finished.expect("a bundle").path
    }
}

/// A marker, read back.
#[derive(Debug)]
pub(super) struct Marker {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    pub(super) lines: LeftOut,
}

pub(super) fn marker(line: &[u8]) -> Option<Marker> {
    let (at, json) = std::str::from_utf8(line).ok()?.trim_end().split_once(' ')?;
    let json: serde_json::Value = serde_json::from_str(json).ok()?;
    (json["kubectl-escalate"] == "lines left out").then(|| Marker {
        from: at.parse().expect("a time"),
        until: json["until"].as_str().expect("a time").parse().expect("a time"),
        lines: serde_json::from_value(json).expect("counts"),
    })
}

/// What became of a log: every line of the copy is one of the log or a marker, in order; markers
/// count what is missing where it is missing. Gives the lines kept, those left out, and the markers.
#[track_caller]
pub(super) fn compare(log: &[Line], copy: &[u8]) -> (Vec<Line>, Vec<Line>, Vec<Marker>) {
    let mut rest = log.iter();
    let (mut kept, mut left_out, mut markers) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = started();
    for line in copy.split_inclusive(|byte| *byte == b'\n') {
        if let Some(marker) = marker(line) {
            assert!(marker.from >= last, "a marker is out of order");
            last = marker.from;
            markers.push(marker);
            continue;
        }
        let found = loop {
            match rest.next() {
                Some(found) if found.text == line => break found,
                Some(missing) => left_out.push(missing.clone()),
                None => panic!("cut, changed or out of order: {:?}", String::from_utf8_lossy(line)),
            }
        };
        assert!(found.at >= last, "a line is out of order");
        last = found.at;
        kept.push(found.clone());
    }
    left_out.extend(rest.cloned());
    for marker in &markers {
        let mut counts = [0; 4];
        let within = |line: &&Line| line.at >= marker.from && line.at <= marker.until;
        left_out.iter().filter(within).for_each(|line| counts[line.level] += 1);
        let LeftOut { debug, info, warn, error } = marker.lines;
        assert_eq!(counts, [error, warn, info, debug], "{marker:?}");
    }
    let counted: u64 = markers.iter().map(|marker| marker.lines.total()).sum();
    assert_eq!(counted, left_out.len() as u64);
    (kept, left_out, markers)
}

/// That nothing was kept where something more important was left out: a higher level, or the same one
/// nearer to `near`, to the millisecond.
#[track_caller]
pub(super) fn assert_least_first(kept: &[Line], left_out: &[Line], near: DateTime<Utc>) {
    let distance = |line: &Line| (line.at - near).abs();
    for (level, word) in LEVELS.iter().enumerate() {
        let of =
            |lines: &[Line], level: usize| lines.iter().filter(|line| line.level == level).cloned().collect::<Vec<_>>();
        let far = of(kept, level).iter().map(distance).max();
        let nearest = of(left_out, level).iter().map(distance).min();
        if let (Some(far), Some(nearest)) = (far, nearest) {
            assert!(far <= nearest + TimeDelta::milliseconds(2), "{word}: kept at {far}, left out at {nearest}");
        }
        let more_telling = (0..level).any(|higher| !of(left_out, higher).is_empty());
        assert!(of(kept, level).is_empty() || !more_telling, "a {word} line was kept");
    }
}

pub(super) fn contents(bundle: &Path, path: &EntryPath) -> Vec<u8> {
    let reader = BundleReader::open(bundle).expect("a bundle");
    reader.read(path.as_str(), 1 << 30).expect("contents")
}
