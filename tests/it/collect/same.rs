//! Same evidence, same key: the same manifest and the same bytes; and what every manifest holds.

use crate::support::{Piece, Reply, Run, World, run::Bundle};
use kubectl_escalate::bundle::{Manifest, Outcome};
use std::collections::BTreeMap;

const KEY: &str = "a key of more than sixteen bytes";

/// A world with something to redact in a log and in an object.
fn collect(key: &str) -> Bundle {
    let mut world = World::one();
    world.log(
        "tdd-one",
        "spirl-server-7f9c-aaaaa",
        false,
        "2024-03-05T14:00:00Z {\"password\":\"correct-horse-battery\"}\n",
    );
    let api = world.serve();
    let run = Run::collect(&api);
    let key = run.file("key", key);
    run.args(["--note", "password: correct-horse-battery", "--redaction-key"]).args([key]).finish().exits(0).bundle()
}

/// Hashes of all but the files about the run itself, which say when it was.
fn evidence(bundle: &Bundle) -> BTreeMap<String, String> {
    let entries = bundle.manifest().entries.iter().filter(|entry| !says_when(&entry.path));
    entries.map(|entry| (entry.path.clone(), entry.sha256.clone())).collect()
}

/// Whether a file is about the run itself, or says at what time something was stated.
fn says_when(path: &str) -> bool {
    let ends = ["cluster.json", ".objects.json", "queries.txt", "samples.openmetrics"];
    let about = ["README.txt", "report.html", "report.md", "findings.json", "facts.json"];
    about.contains(&path) || ends.iter().any(|end| path.ends_with(end))
}

/// A manifest without what differs between two runs by nature: times, and the clocks' difference.
fn timeless(manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.started = manifest.window_start;
    manifest.finished = None;
    manifest.clusters.iter_mut().for_each(|cluster| cluster.clock_skew_ms = None);
    for query in &mut manifest.queries {
        (query.start, query.end) = (manifest.window_start, manifest.window_start);
        for reading in [&mut query.answer.worst, &mut query.answer.at_incident].into_iter().flatten() {
            reading.at = manifest.window_start;
        }
        (query.answer.alert_from, query.answer.alert_to) = (None, None);
    }
    for item in &mut manifest.checklist {
        item.detail.clear();
        item.command = None;
    }
    for task in &mut manifest.tasks {
        (task.started, task.duration_ms) = (None, 0);
    }
    for entry in &mut manifest.entries {
        (entry.started, entry.ended) = (None, None);
        if says_when(&entry.path) {
            (entry.bytes, entry.compressed) = (0, 0);
            entry.sha256.clear();
        }
    }
    manifest
}

#[test]
fn same_evidence_and_key_make_the_same_bundle() {
    let (one, other) = (collect(KEY), collect(KEY));
    assert_eq!(evidence(&one), evidence(&other));
    let text = |bundle: &Bundle| String::from_utf8(timeless(bundle.manifest()).to_json().expect("JSON")).expect("text");
    similar(&text(&one), &text(&other));
}

#[track_caller]
fn similar(one: &str, other: &str) {
    let first = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    assert!(one == other, "{first:?}");
}

#[test]
fn another_key_makes_other_marks_and_neither_secret_is_there() {
    let (one, other) = (collect(KEY), collect("another key of sixteen bytes"));
    assert_ne!(evidence(&one), evidence(&other));
    assert_ne!(one.manifest().redaction_key_id, other.manifest().redaction_key_id);
    for bundle in [one, other] {
        assert!(!bundle.holds("correct-horse-battery") && !bundle.holds(KEY));
        assert!(bundle.manifest().redactions_total > 0);
    }
}

#[test]
fn every_task_has_one_outcome_and_its_words() {
    let api = World::one().serve();
    api.on_path("/api/v1/namespaces/tdd-one/services", |_| Reply::forbidden());
    api.on_path("/api/v1/namespaces/tdd-one/configmaps", |_| Reply::pieces([Piece::Reset]));
    let bundle = Run::collect(&api).finish().bundle();
    let mut ids = bundle.ids();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), bundle.manifest().tasks.len());
    for task in &bundle.manifest().tasks {
        let is_well = matches!(task.outcome, Outcome::Collected | Outcome::Empty);
        assert!(is_well || !task.causes.is_empty(), "{task:#?}");
        assert_eq!(
            task.outcome == Outcome::Collected,
            !task.entries.is_empty() && task.outcome != Outcome::Empty,
            "{task:#?}"
        );
    }
    for entry in &bundle.manifest().entries {
        assert!(!entry.source.is_empty(), "{entry:#?}");
        assert!(entry.task.is_empty() || bundle.ids().contains(&entry.task.as_str()), "{entry:#?}");
    }
}

#[test]
fn describing_asks_for_nothing() {
    let asked = |skipped: &str| {
        let api = World::one().serve();
        let bundle = Run::collect(&api).args(["--skip", skipped]).finish().exits(0).bundle();
        let described = bundle.paths().iter().filter(|path| path.ends_with("describe.txt")).count();
        let mut asked: Vec<String> = api.asked().iter().map(|asked| asked.path.clone()).collect();
        asked.sort_unstable();
        (described, asked)
    };
    let ((none, without), (some, with)) = (asked("leases,descriptions"), asked("leases"));
    assert!(none == 0 && some > 2, "{none} and {some} descriptions");
    assert_eq!(without, with);
}

#[test]
fn the_manifest_says_who_this_is() {
    let api = World::one().serve();
    let ended = Run::collect(&api).args(["--ticket", "SUP-1"]).finish().exits(0);
    let bundle = ended.bundle();
    let manifest = bundle.manifest();
    assert_eq!(manifest.trust_domain.as_deref(), Some("example.org"));
    assert_eq!(manifest.trust_domain_deployment.as_deref(), Some("one"));
    assert_eq!(manifest.region.as_deref(), Some("eu-west-1"));
    assert_eq!(manifest.ticket.as_deref(), Some("SUP-1"));
    assert_eq!(manifest.redaction_key_id.len(), bundle.manifest().redaction_key_id.trim_matches(['<', '>']).len());
    assert!(manifest.complete && manifest.finished.is_some());
    let name = &ended.files()[0];
    assert!(name.starts_with("escalation-example.org-eu-west-1-20"), "{name}");
    assert_eq!(format!("{}.zip", bundle.reader.folder()), *name);
}

#[test]
fn no_secret_is_ever_asked_for_and_data_of_the_server_by_metadata_only() {
    let mut world = World::one();
    world.object("secrets", "tdd-one", "keys", serde_json::json!({ "data": { "key": "c2VjcmV0" } }));
    world.object("serverconfigs", "tdd-one", "config", serde_json::json!({ "spec": { "wrapped": "a-wrapped-key" } }));
    let api = world.serve();
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let asked = api.asked();
    assert!(asked.iter().all(|asked| asked.method == "GET"));
    assert!(!asked.iter().any(|asked| asked.path.contains("secrets")));
    let data: Vec<_> = asked
        .iter()
        .filter(|asked| asked.path.contains("data.spirl.com/") && asked.path.contains("serverconfigs"))
        .collect();
    assert!(
        !data.is_empty() && data.iter().all(|asked| asked.header("accept").contains("PartialObjectMetadata")),
        "{data:#?}"
    );
    assert!(!bundle.holds("a-wrapped-key"));
}
