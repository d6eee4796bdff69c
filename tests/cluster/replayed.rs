//! Owns the round trip: a bundle is replayed as the cluster that it was collected from, and collecting
//! from that gives the same objects, tables, logs and descriptions. `outcomes` takes it with every incident.

use crate::{
    bundle::{Bundle, text},
    describe::Describer,
    tool::demo,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a replay gives again: all but what tells of the collection itself.
fn evidence(bundle: &Bundle) -> BTreeMap<String, String> {
    let cluster = text(&bundle.manifest["clusters"][0]["name"]);
    let mut files = BTreeMap::new();
    for (path, bytes) in &bundle.files {
        let Some(within) = path.strip_prefix(&format!("clusters/{cluster}/")) else { continue };
        // Ages in these count from the collection; below they are made anew, as of one moment.
        if within == "cluster.json" || within.ends_with("describe.txt") || is_of_prometheus(within) {
            continue;
        }
        let mut shown = String::from_utf8_lossy(bytes).into_owned();
        if path.ends_with(".json")
            && let Ok(mut table) = serde_json::from_slice::<Value>(bytes)
            && let Some(members) = table.as_object_mut()
        {
            // A list of metadata has a resource version of its own in the cluster, and none here.
            members.remove("metadata");
            shown = table.to_string();
        }
        files.insert(within.to_owned(), shown);
    }
    let then = "2026-12-01T00:00:00Z".parse().expect("a time");
    for (object, shown) in Describer::of(bundle).texts(None, then) {
        files.insert(format!("described {object:?}"), shown);
    }
    files
}

/// Whether a file is what a Prometheus answered, or what it was asked: it is not replayed.
fn is_of_prometheus(within: &str) -> bool {
    within.starts_with("metrics/") && !within.starts_with("metrics/scrapes/")
}

/// Which tasks ended how; a log that can be had no more in the cluster is none in its replay either.
fn outcomes(bundle: &Bundle) -> BTreeMap<String, String> {
    let of = |task: &Value| {
        // The cluster's name comes first, and may be another.
        let id = text(&task["id"]).split_once('/').map_or("", |(_, rest)| rest).to_owned();
        (id, text(&task["outcome"]).to_owned())
    };
    let kinds = ["prometheus", "query", "samples", "alerts", "rules", "targets"];
    bundle.tasks().filter(|task| !kinds.contains(&text(&task["kind"]))).map(of).collect()
}

/// Panics unless the bundle comes back; returns how many files and descriptions did.
pub(crate) fn comes_back(name: &str, first: &Bundle) -> (usize, usize) {
    let again = demo(&["--bundle", &first.path.to_string_lossy()]).bundle();
    let (was, is) = (evidence(first), evidence(&again));
    let mut differ: Vec<&String> =
        was.iter().filter(|(path, text)| is.get(*path) != Some(text)).map(|(path, _)| path).collect();
    differ.extend(is.keys().filter(|path| !was.contains_key(*path)));
    assert!(differ.is_empty(), "{name}, replayed: {differ:#?}");
    let described = was.keys().filter(|path| path.starts_with("described ")).count();
    let files = was.len() - described;
    let (was, is) = (outcomes(first), outcomes(&again));
    let differ: Vec<_> = was.iter().filter(|(id, outcome)| is.get(*id) != Some(outcome)).collect();
    assert!(differ.is_empty() && was.len() == is.len(), "{name}, replayed: {differ:#?} became something else");
    (files, described)
}
