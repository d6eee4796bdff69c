//! The recordings of tests/recordings, made by `tests/record` from a real cluster: that today's
//! program reads them, and that collecting from one, served as an API server, gives it again.

use crate::support::{Run, recorded, run::Bundle};
use kubectl_escalate::{
    bundle::{BundleReader, FORMAT, Outcome},
    describe,
    replay::Replay,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

fn recordings() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let files = std::fs::read_dir(folder).expect("the folder of recordings");
    let mut paths: Vec<_> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|end| end == "zip"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "tests/record makes recordings");
    paths
}

#[test]
fn every_recording_opens_and_every_file_is_as_it_was_written() {
    for path in recordings() {
        let bundle = Bundle::open(&path);
        assert!(bundle.manifest().format <= FORMAT && bundle.manifest().complete, "{}", path.display());
        assert!(std::fs::metadata(&path).expect("its size").len() <= 200 << 10, "{} is large", path.display());
    }
}

#[test]
fn no_recording_names_the_machine_it_was_made_on() {
    for path in recordings() {
        let bundle = Bundle::open(&path);
        for word in ["/root/", "/home/", "/work/", ".kubeconfig"] {
            let found = bundle.paths().into_iter().filter(|path| {
                path.ends_with(".txt") || path.ends_with("manifest.json") || path.ends_with("cluster.json")
            });
            let found: Vec<_> = found.filter(|path| bundle.text(path).contains(word)).collect();
            assert!(found.is_empty(), "{word} in {found:?} of {}", path.display());
        }
    }
}

/// Objects by their path, rows of tables, logs and scrapes: all that a replay gives.
fn evidence(bundle: &Bundle, cluster: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for path in bundle.paths() {
        let Some(within) = path.strip_prefix(&format!("clusters/{cluster}/")) else { continue };
        // Ages in a description count from the collection: these are made anew below.
        let is_of_now = within.ends_with("describe.txt") || within.ends_with(".objects.json");
        if is_of_now || ["cluster.json", "metrics/queries.txt", "metrics/samples.openmetrics"].contains(&within) {
            continue;
        }
        let text = if path.ends_with(".json") {
            let mut value: Value = bundle.json(path);
            // A list of metadata has no resource version of its own here.
            if let Some(table) = value.as_object_mut() {
                table.remove("metadata");
            }
            value.to_string()
        } else {
            bundle.text(path)
        };
        files.insert(within.to_owned(), text);
    }
    let described = Mutex::new(Vec::new());
    let reader = BundleReader::open(bundle.reader.path()).expect("a bundle");
    let replay = Replay::to_describe(Arc::new(reader), cluster);
    let now = "2026-12-01T00:00:00Z".parse().expect("a time");
    describe::all(&replay, now, |one| described.lock().expect("no panic").push(one));
    for describe::Described { object, text } in described.into_inner().expect("no panic") {
        let within = object.namespace.unwrap_or_default();
        files.insert(format!("{} {within}/{} described", object.resource.plural, object.name), text);
    }
    files
}

#[test]
fn described_part_by_part_and_all_at_once_is_the_same() {
    let mut nodes = 0;
    for path in recordings() {
        let cluster = Bundle::open(&path).manifest().clusters[0].name.clone();
        let reader = BundleReader::open(&path).expect("a bundle");
        let replay = Replay::to_describe(Arc::new(reader), &cluster);
        let now = "2026-12-01T00:00:00Z".parse().expect("a time");
        let described = |parts: &[Replay]| {
            let found = Mutex::new(BTreeMap::new());
            for part in parts {
                describe::each(part, &part.objects(), now, |one| {
                    let object = one.object;
                    let key = (object.resource.kind, object.namespace, object.name);
                    let before = found.lock().expect("no panic").insert(key.clone(), one.text);
                    assert_eq!(before, None, "{key:?} is described twice");
                });
            }
            found.into_inner().expect("no panic")
        };
        let parts: Vec<_> = replay.parts().collect();
        assert!(parts.len() > 1, "{} has what is in no namespace, and a namespace", path.display());
        let at_once = described(std::slice::from_ref(&replay));
        let is_node = |((kind, ..), text): &(&(String, _, _), &String)| kind == "Node" && text.contains("spirl-server");
        nodes += at_once.iter().filter(is_node).count();
        assert_eq!(described(&parts), at_once, "{}", path.display());
    }
    assert!(nodes > 0, "nodes with pods of other parts are among them");
}

#[test]
fn collecting_from_a_recording_gives_it_again() {
    for path in recordings() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let recorded = Bundle::open(&path);
        let manifest = recorded.manifest();
        let api = recorded::serve(&path);
        let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339();
        let incident = format!("{}/{}", time(manifest.window_start), time(manifest.window_end));
        let namespace = &manifest.clusters[0].namespaces[0];
        let run = Run::collect_of(&api, &incident).args([
            "--before",
            "0",
            "--after",
            "0",
            "-n",
            namespace,
            "--request-timeout",
            "5s",
        ]);
        let key = run.file("key", "the key of the recordings, no secret");
        let ended = run.args(["--redaction-key".as_ref(), key.as_os_str()]).finish();
        assert!(matches!(ended.code, Some(0 | 3)), "{name}: {}", ended.stderr);
        let again = ended.bundle();
        let (was, is) = (evidence(&recorded, &manifest.clusters[0].name), evidence(&again, "prod"));
        let mut differ: Vec<_> =
            was.iter().filter(|(path, text)| is.get(*path) != Some(text)).map(|(path, _)| path.clone()).collect();
        differ.extend(is.keys().filter(|path| !was.contains_key(*path)).cloned());
        assert!(differ.is_empty(), "{name}: {differ:#?}");
        let logs = |bundle: &Bundle| {
            bundle
                .manifest()
                .tasks
                .iter()
                .filter(|task| task.kind.ends_with("log") && task.outcome == Outcome::Collected)
                .count()
        };
        assert_eq!(logs(&again), logs(&recorded), "{name}");
    }
}
