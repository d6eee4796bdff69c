//! What objects alone show of an incident, where no Prometheus is asked and nothing is scraped.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{incidents, until},
    tool::collect,
};
use std::time::Duration;

/// Each incident that objects can show, with the queries that show it; others may, too.
const SHOWN: &[(&str, &[&str])] = &[
    ("healthy", &[]),
    ("idle", &[]),
    ("memory-oom", &["oom-killed", "restarts"]),
    ("exit-1", &["restarts"]),
    ("exit-2", &["restarts"]),
    ("crash-loop", &["restarts"]),
    ("port-taken", &["not-ready", "replicas-missing"]),
    ("ready-configcache", &["not-ready", "replicas-missing"]),
    ("ready-bundlecache", &["not-ready", "replicas-missing"]),
    // A pod without a node has no condition that says whether it is ready.
    ("unschedulable", &["replicas-missing"]),
    ("image-pull", &["not-ready", "replicas-missing"]),
    ("init-fails", &["not-ready", "replicas-missing"]),
    ("cpu-bound", &["cpu"]),
];

fn alerts(bundle: &Bundle) -> Vec<&str> {
    let queries = bundle.manifest["queries"].as_array().expect("queries").iter();
    queries.filter(|query| query["verdict"] == "alert").map(|query| text(&query["id"])).collect()
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn each_incident_that_objects_can_show_is_shown_by_them_alone() {
    for (incident, shown) in SHOWN {
        let namespace = incidents().namespace(incident);
        // What a metrics server says is of a minute, and what runs for seconds is not seen by each.
        let alerts = until(&format!("{incident} is shown by objects"), Duration::from_secs(90), || {
            let bundle = collect(&["-n", namespace, "--skip", "scrapes,logs,previous-logs,descriptions"]).bundle();
            let queries = bundle.manifest["queries"].as_array().expect("queries");
            assert!(queries.iter().all(|query| query["of_objects"] == true && query["verdict"] != "healthy"));
            let alerts = alerts(&bundle);
            assert!(!shown.is_empty() || alerts.is_empty(), "{incident}: {queries:#?}");
            match shown.iter().find(|id| !alerts.contains(id)) {
                Some(id) => Err(format!("{id} does not show it: {queries:#?}")),
                None => Ok(alerts.join(", ")),
            }
        });
        eprintln!("{incident:24} by objects: {alerts}");
    }
}
