//! Every incident becomes a sound bundle whose tasks ended as the incident makes them end, and which
//! collecting from its replay gives again.

use crate::{
    bundle::text,
    kubernetes::incidents,
    logs::{flood, settled},
    replayed,
    tool::collect,
};
use serde_json::Value;
use std::{sync::Mutex, thread};

/// How one log or scrape may end: what it is, the outcomes, and what the cause says then.
type Expected = (&'static str, &'static [&'static str], &'static str);

const COLLECTED: &[&str] = &["collected"];
const ABSENT: &[&str] = &["absent"];
/// A container that restarts all the time is met running or waiting.
const EITHER: &[&str] = &["collected", "absent"];
/// A run that has just begun has not said anything yet.
const ANY: &[&str] = &["collected", "absent", "empty"];

/// A server that runs and has never ended.
const STEADY: &[Expected] = &[
    ("log spirl-server", COLLECTED, ""),
    ("previous-log spirl-server", ABSENT, "was not restarted"),
    ("scrape metrics", COLLECTED, ""),
];
/// Each line fills a file, which is then rotated away: the one that is read may have none yet.
const LONG_LINES: &[Expected] = &[
    ("log spirl-server", &["collected", "empty"], "nothing was written"),
    ("previous-log spirl-server", ABSENT, "was not restarted"),
    ("scrape metrics", COLLECTED, ""),
];
/// A server that ends soon after each start. Its node keeps the log of one run before the last
/// end only, so between an end and the next start there may be none left of the run before.
const RESTARTING: &[Expected] = &[
    ("log spirl-server", ANY, "is not running"),
    ("previous-log spirl-server", &["collected", "absent", "failed"], "unable to retrieve container logs"),
    ("scrape metrics", EITHER, "connection refused"),
];
/// A server that was never there.
const NEVER: &[Expected] = &[
    ("log spirl-server", ABSENT, "is waiting to start"),
    ("previous-log spirl-server", ABSENT, "was not restarted"),
    ("scrape metrics", ABSENT, ""),
];
const UNSCHEDULABLE: &[Expected] = &[
    ("log spirl-server", ABSENT, "the pod is not scheduled"),
    ("previous-log spirl-server", ABSENT, "was not restarted"),
    ("scrape metrics", ABSENT, "no address"),
];
const INIT_FAILS: &[Expected] = &[
    ("log prepare", ANY, "is not running"),
    ("previous-log prepare", &["collected", "absent", "failed"], "unable to retrieve container logs"),
    ("log spirl-server", ABSENT, "PodInitializing"),
    ("previous-log spirl-server", ABSENT, "was not restarted"),
    ("scrape metrics", ABSENT, ""),
];
const EPHEMERAL: &[Expected] = &[
    // It spoke once: long ago, where the incident is an old one.
    ("log debugger", &["collected", "empty"], "nothing was written"),
    ("previous-log debugger", ABSENT, "was not restarted"),
    ("log spirl-server", COLLECTED, ""),
    ("previous-log spirl-server", ABSENT, "was not restarted"),
    ("scrape metrics", COLLECTED, ""),
];
/// It crashed once on purpose.
const PLANTED: &[Expected] = &[
    ("log spirl-server", COLLECTED, ""),
    ("previous-log spirl-server", COLLECTED, ""),
    ("scrape metrics", COLLECTED, ""),
];

/// What an incident must give. No server that ever ran names the trust domain in the last group, so
/// its bundles are incomplete unless the user names it.
fn expected(incident: &str) -> (&'static [Expected], bool) {
    match incident {
        "memory-oom" | "crash-loop" => (RESTARTING, true),
        "exit-1" | "exit-2" => (RESTARTING, false),
        "image-pull" | "image-never" => (NEVER, false),
        "unschedulable" => (UNSCHEDULABLE, false),
        "init-fails" => (INIT_FAILS, false),
        "ephemeral" => (EPHEMERAL, true),
        "long-line" => (LONG_LINES, true),
        "planted" => (PLANTED, true),
        _ => (STEADY, true),
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn every_incident_gives_a_true_bundle() {
    let incidents: Vec<(&str, &str)> = incidents().all().collect();
    assert!(incidents.len() >= 40, "the catalogue has shrunk to {}", incidents.len());
    let (todo, rows) = (Mutex::new(incidents.iter()), Mutex::new(Vec::new()));
    // Two at once, and every failure is shown, not the first alone.
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = todo.lock().expect("the list").next();
                    let Some(&(name, namespace)) = next else { break };
                    let row = thread::spawn(move || look_at(name, namespace)).join();
                    let row = row.map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default());
                    rows.lock().expect("the rows").push((name, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("the rows");
    rows.sort_by_key(|(name, _)| *name);
    for (name, row) in &rows {
        eprintln!("{name:24} {}", row.as_ref().unwrap_or_else(|why| why));
    }
    let failed: Vec<&str> = rows.iter().filter(|(_, row)| row.is_err()).map(|(name, _)| *name).collect();
    assert!(failed.is_empty(), "not as expected: {failed:?}");
}

/// Collects one incident and checks the bundle; returns its row of the table.
fn look_at(name: &str, namespace: &str) -> String {
    let (expected, is_identified) = expected(name);
    let collect = || collect(&["-n", namespace]);
    let run = if name == "log-flood" { flood(collect) } else { settled(collect) };
    let bundle = run.bundle();
    bundle.assert_sound();
    for item in bundle.manifest["checklist"].as_array().expect("a checklist") {
        assert!(run.stderr.contains(text(&item["text"])), "the summary lacks {}:\n{}", item["text"], run.stderr);
    }

    let mut row = format!("exit {}", run.code);
    let mut seen = 0;
    // None was to be asked.
    for task in bundle.tasks().filter(|task| task["kind"] != "prometheus") {
        let (kind, outcome) = (text(&task["kind"]), text(&task["outcome"]));
        let Some(what) = what(task) else {
            assert!(["collected", "empty", "absent"].contains(&outcome), "{name}: {task:#}");
            continue;
        };
        let rule = expected.iter().find(|(held, ..)| *held == what);
        let (_, outcomes, cause) = rule.unwrap_or_else(|| panic!("{name}: {what} was not expected"));
        assert!(outcomes.contains(&outcome), "{name}: {what} is {outcome}: {task:#}");
        let causes = task["causes"].to_string();
        let other_causes = ["was not restarted", "not found", "is waiting to start", "nothing was written"];
        assert!(
            outcome == "collected"
                || causes.contains(cause)
                || (outcomes.len() > 1 && other_causes.iter().any(|other| causes.contains(other))),
            "{name}: {what}: {causes}"
        );
        assert!(
            ["log", "previous-log", "scrape"].contains(&kind) && task["required"] == true,
            "{name}: {what} is required"
        );
        row.push_str(&format!("  {what}={outcome}"));
        seen += 1;
    }
    let pods = crate::kubernetes::pods(namespace).len();
    assert_eq!(seen, expected.len() * pods, "{name}: logs and scrapes of {pods} pods:{row}");

    let is_whole = bundle
        .tasks()
        .all(|task| task["required"] != true || !["failed", "truncated"].contains(&text(&task["outcome"])));
    let known = !bundle.manifest["trust_domain"].is_null();
    assert!(
        known == is_identified || expected == RESTARTING,
        "{name}: trust domain {}",
        bundle.manifest["trust_domain"]
    );
    // The region is the node's, and there may be none.
    let region = if expected == UNSCHEDULABLE { Value::Null } else { "eu-west-1".into() };
    assert_eq!(bundle.manifest["region"], region, "{name}: region");
    assert_eq!(run.code, if is_whole && known { 0 } else { 3 }, "{name}: exit code; it said:\n{}", run.stderr);
    let (files, described) = replayed::comes_back(name, &bundle);
    assert!(files >= 20 && described >= 5, "{name}: only {files} files and {described} descriptions came back");
    format!("{row}  {files} files and {described} descriptions come back")
}

/// What a log or a scrape is of: its kind with its container or endpoint.
fn what(task: &Value) -> Option<String> {
    let (kind, target) = (text(&task["kind"]), text(&task["target"]));
    match kind {
        "log" | "previous-log" => Some(format!("{kind} {}", target.rsplit_once('/')?.1)),
        "scrape" => Some(format!("{kind} {}", target.split_once(' ')?.0)),
        _ => None,
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_trust_domain_that_is_named_makes_it_complete() {
    let namespace = incidents().namespace("image-never");
    let bundle = collect(&["-n", namespace, "--trust-domain", "example.org"]).expect(0).bundle();
    assert_eq!(bundle.manifest["trust_domain"], "example.org");
    assert_eq!(bundle.manifest["trust_domain_source"], "--trust-domain");
}
