//! `collect` changes nothing: every object of the namespace is the one it was, and no request but
//! reading is possible with the role it prints, which `users` shows to be enough.

use crate::{
    bundle::text,
    kubernetes::{incidents, kubectl_json, kubectl_text, until},
    tool::collect,
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// Name and version of every object in the namespace. What the cluster measures anew all the time
/// is left out: metrics, and the status of the autoscaler, of which the wish must stay.
fn state(namespace: &str) -> BTreeMap<String, String> {
    let resources = kubectl_text(&["api-resources", "--namespaced", "--verbs=list", "-o", "name"]);
    let resources: Vec<&str> =
        resources.lines().filter(|name| !name.ends_with("metrics.k8s.io") && *name != "events.events.k8s.io").collect();
    let objects = kubectl_json(&["get", &resources.join(","), "-n", namespace]);
    let mut state = BTreeMap::new();
    for object in objects["items"].as_array().expect("items") {
        let meta = &object["metadata"];
        let version = match text(&object["kind"]) {
            "HorizontalPodAutoscaler" => object["spec"].to_string(),
            _ => text(&meta["resourceVersion"]).to_owned(),
        };
        state.insert(format!("{} {} {}", text(&object["kind"]), text(&meta["name"]), text(&meta["uid"])), version);
    }
    state
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn nothing_in_the_cluster_is_changed() {
    // Not "healthy": other tests give rights there.
    for incident in ["idle", "ephemeral"] {
        let namespace = incidents().namespace(incident);
        // The cluster may change something on its own account in between, but not each time.
        let count = until("all stays as it is during a collection", Duration::from_secs(60), || {
            let before = state(namespace);
            collect(&["-n", namespace]).expect(0);
            let after = state(namespace);
            let changed: Vec<&String> =
                after.iter().filter(|(key, version)| before.get(*key) != Some(version)).map(|(key, _)| key).collect();
            if before == after { Ok(before.len()) } else { Err(format!("changed: {changed:?}")) }
        });
        assert!(count > 10, "only {count} objects were compared");
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_dry_run_asks_for_the_plan_only() {
    let namespace = incidents().namespace("healthy");
    let run = collect(&["-n", namespace, "--dry-run", "-o", "json"]).expect(0);
    assert!(run.left().is_empty(), "a dry run wrote {:?}", run.left());
    let plan: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let mut planned: Vec<String> = ids(&plan);
    let bundle = collect(&["-n", namespace]).expect(0).bundle();
    // What was listed answers questions that nobody is asked.
    let asked = bundle.tasks().filter(|task| text(&task["kind"]) != "query" && text(&task["kind"]) != "samples");
    let mut done: Vec<String> = asked.map(|task| text(&task["id"]).to_owned()).collect();
    // The manifest's ids begin with the cluster's name.
    done.iter_mut().for_each(|id| *id = id.split_once('/').map_or(id.clone(), |(_, rest)| rest.to_owned()));
    planned.sort();
    done.sort();
    assert_eq!(planned, done, "the plan, and what was done");
}

/// Every `id` in the JSON of the plan.
fn ids(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("id").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(ids)).collect()
        }
        Value::Array(items) => items.iter().flat_map(ids).collect(),
        _ => Vec::new(),
    }
}
