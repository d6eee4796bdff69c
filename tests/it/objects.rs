//! What objects say, taken one by one: in order, within bounds, and whatever the objects are.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kubectl_escalate::{
    bundle::facts::Facts,
    facts::objects::{MOST_CHANGES, MOST_EVENTS, MOST_PODS, ObjectContext, ObjectFacts, ObjectReader},
    plan::Resource,
    redact::{CleanJson, Key, Redactor},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::LazyLock};

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&Key::random()));

/// The collection's start, so many seconds later.
fn at(seconds: i64) -> String {
    let start: DateTime<Utc> = "2026-11-22T16:00:00Z".parse().expect("a time");
    (start + TimeDelta::seconds(seconds)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn clean(object: Value) -> CleanJson {
    REDACTOR.object(object).0
}

fn object_context() -> ObjectContext {
    ObjectContext {
        cluster: "prod".to_owned(),
        since: at(-24 * 3600).parse().expect("a time"),
        servers: [("tdd-one".to_owned(), BTreeSet::from(["server-a".to_owned()]))].into(),
        groups: BTreeSet::from(["data.spirl.com".to_owned()]),
        env: BTreeSet::from(["SPIRL_LOG_DEBUG".to_owned()]),
    }
}

fn take(objects: impl IntoIterator<Item = (&'static str, Value)>) -> ObjectFacts {
    let mut extract = ObjectReader::new(object_context());
    for (resource, object) in objects {
        let resource = Resource::named(resource);
        extract.add(&resource, &resource.short(), &clean(object));
    }
    extract.into_facts()
}

fn facts(objects: impl IntoIterator<Item = (&'static str, Value)>) -> Facts {
    take(objects).into_facts()
}

fn pod(name: &str, ready: &str) -> Value {
    json!({
        "metadata": { "namespace": "tdd-one", "name": name, "creationTimestamp": at(-9_000_000) },
        "status": { "conditions": [{ "type": "Ready", "status": ready }] },
    })
}

fn event(name: &str, kind: &str, reason: &str, about: (&str, &str), last: i64) -> Value {
    json!({
        "metadata": { "namespace": "tdd-one", "name": name }, "type": kind, "reason": reason, "message": "words",
        "involvedObject": { "kind": about.0, "name": about.1 }, "lastTimestamp": at(last),
    })
}

#[test]
fn a_server_is_one_of_the_pods_that_were_selected() {
    let facts = facts([("pods", pod("server-a", "True")), ("pods", pod("job-b", "True"))]);
    let servers: Vec<_> = facts.pods.iter().map(|pod| (pod.pod.as_str(), pod.is_server)).collect();
    assert_eq!(servers, [("job-b", false), ("server-a", true)]);
    assert_eq!(facts.pods[1].entry, "clusters/prod/namespaces/tdd-one/pods/server-a/pod.yaml");
    assert!(facts.pods.iter().all(|pod| pod.cluster == "prod"));
    assert_eq!(facts.format, 1);
}

#[test]
fn of_too_many_pods_the_servers_and_the_unready_stay_and_the_rest_is_counted() {
    let name = |n: usize| format!("pod-{n:05}");
    let mut objects: Vec<_> = (0..MOST_PODS + 10).map(|n| ("pods", pod(&name(n), "True"))).collect();
    objects.push(("pods", pod("zz-not-ready", "False")));
    objects.push(("pods", pod("server-a", "True")));
    let facts = facts(objects);
    assert_eq!(facts.pods.len(), MOST_PODS);
    assert_eq!(facts.left_out["pods"], 12);
    let has = |name: &str| facts.pods.iter().any(|pod| pod.pod == name);
    assert!(has("server-a") && has("zz-not-ready") && !has(&name(MOST_PODS + 9)));
}

#[test]
fn of_too_many_events_warnings_about_servers_stay_then_warnings_then_the_latest() {
    let normal = |n: usize| {
        let name = format!("normal-{n}");
        ("events", event(&name, "Normal", "Pulled", ("Pod", "server-a"), n as i64 - 5_000))
    };
    let mut objects: Vec<_> = (0..MOST_EVENTS + 100).map(normal).collect();
    objects.push(("events", event("old", "Warning", "BackOff", ("Pod", "server-a"), -9_000)));
    objects.push(("events", event("other", "Warning", "FailedMount", ("Pod", "other"), -9_000)));
    let facts = facts(objects);
    assert_eq!(facts.events.len(), MOST_EVENTS);
    assert_eq!(facts.left_out["events"], 102);
    let warnings: Vec<_> = facts.events.iter().filter(|event| event.kind == "Warning").collect();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    let latest = facts.events.last().and_then(|event| event.last);
    assert_eq!(latest, at((MOST_EVENTS + 99) as i64 - 5_000).parse().ok());
    assert!(facts.events.is_sorted_by_key(|event| event.last));
    assert_eq!(facts.events[0].entry, "clusters/prod/namespaces/tdd-one/events.json");
}

#[test]
fn custom_resources_are_named_dated_and_known_to_be_missing() {
    let resource = Resource::named("serverconfigs.data.spirl.com");
    let mut extract = ObjectReader::new(object_context());
    for (name, made) in [("b", -100), ("a", -9_000_000)] {
        let object = json!({ "metadata": { "namespace": "tdd-one", "name": name, "creationTimestamp": at(made) } });
        extract.add(&resource, &resource.short(), &clean(object));
    }
    extract.add_listed(&resource, &resource.short(), "tdd-one");
    extract.add_listed(&resource, &resource.short(), "tdd-two");
    extract.add_listed(&Resource::named("configmaps"), "configmaps", "tdd-two");
    let facts = extract.into_facts().into_facts();
    let [one, two] = &facts.custom_resources[..] else { panic!("{:#?}", facts.custom_resources) };
    assert_eq!((&one.names[..], one.newest), (&["a".to_owned(), "b".to_owned()][..], at(-100).parse().ok()));
    assert_eq!((two.namespace.as_str(), two.names.len(), two.newest), ("tdd-two", 0, None));
    assert_eq!(two.entry, "clusters/prod/namespaces/tdd-two/serverconfigs.data.spirl.com.json");
    let made: Vec<_> = facts.changes.iter().map(|change| change.object.as_str()).collect();
    assert_eq!(made, ["serverconfigs.data.spirl.com tdd-one/b"]);
}

fn set(name: &str, revision: &str, image: &str, made: i64) -> Value {
    json!({
        "metadata": {
            "namespace": "tdd-one", "name": name, "creationTimestamp": at(made),
            "annotations": { "deployment.kubernetes.io/revision": revision },
            "ownerReferences": [{ "kind": "Deployment", "name": "server", "uid": "uid-server" }],
        },
        "spec": { "replicas": 0, "template": { "spec": { "containers": [{ "name": "server", "image": image }] } } },
        "status": { "replicas": 0 },
    })
}

#[test]
fn changes_are_those_of_the_last_day_the_oldest_first() {
    let config = json!({ "metadata": {
        "namespace": "tdd-one", "name": "config", "creationTimestamp": at(-9_000_000),
        "managedFields": [{ "manager": "helm", "time": at(-7200) }, { "manager": "old", "time": at(-86_401) }],
    }, "data": { "key": "what it is configured with" } });
    let scaler = json!({
        "metadata": { "namespace": "tdd-one", "name": "server", "creationTimestamp": at(-9_000_000) },
        "spec": { "maxReplicas": 5 }, "status": { "desiredReplicas": 5, "lastScaleTime": at(-60) },
    });
    let scaling = |last| event("e", "Normal", "SuccessfulRescale", ("HorizontalPodAutoscaler", "server"), last);
    let objects = |last| {
        vec![
            ("horizontalpodautoscalers.autoscaling", scaler.clone()),
            ("events", scaling(last)),
            ("configmaps", config.clone()),
            ("replicasets.apps", set("server-2", "2", "server:2", -3600)),
            ("replicasets.apps", set("server-1", "1", "server:1", -9_000_000)),
        ]
    };
    let lines = |facts: &Facts| -> Vec<String> {
        let line = |change: &kubectl_escalate::bundle::facts::Change| {
            let by = change.by.as_deref().unwrap_or("-");
            format!("{} {} {} {by}", change.kind, change.object, change.what)
        };
        facts.changes.iter().map(line).collect()
    };
    let both = facts(objects(-58));
    assert_eq!(
        lines(&both),
        [
            "config configmaps tdd-one/config was changed helm",
            "rollout replicasets.apps tdd-one/server-2 revision 2 replaced 1: image of server: server:1 → server:2 -",
            "scale horizontalpodautoscalers.autoscaling tdd-one/server words -",
        ]
    );
    assert!(both.workloads.is_empty(), "sets without pods are no workload: {:#?}", both.workloads);
    let apart = facts(objects(-600));
    assert_eq!(apart.changes.len(), 4, "two scalings: {:#?}", lines(&apart));
    assert!(lines(&apart)[3].ends_with("scaled to 5 pods -"), "{:#?}", lines(&apart));
    let text = serde_json::to_string(&both).expect("JSON");
    assert!(!text.contains("what it is configured with"));
}

#[test]
fn of_too_many_changes_the_latest_stay() {
    let made = |n: usize| {
        let at = at(n as i64 - 3 * 3600);
        ("pods", json!({ "metadata": { "namespace": "x", "name": format!("p{n}"), "creationTimestamp": at } }))
    };
    let facts = facts((0..MOST_CHANGES + 5).map(made));
    assert_eq!((facts.changes.len(), facts.left_out["changes"]), (MOST_CHANGES, 5));
    assert_eq!(facts.changes[0].object, "pods x/p5");
    assert!(facts.changes.is_sorted_by_key(|change| change.at));
}

#[test]
fn a_table_of_a_bundle_says_what_its_objects_said() {
    let objects = [pod("server-a", "False"), pod("b", "True")];
    let rows: Vec<Value> = objects.iter().map(|object| json!({ "cells": [], "object": object })).collect();
    let mut extract = ObjectReader::new(object_context());
    extract.add_table(&Resource::named("pods"), "pods", &clean(json!({ "kind": "Table", "rows": rows })));
    assert_eq!(extract.into_facts().into_facts(), facts(objects.map(|object| ("pods", object))));
}

#[test]
fn lists_joined_in_any_order_say_the_same() {
    let parts = || {
        [
            take([("pods", pod("server-a", "True"))]),
            take([("pods", pod("b", "False")), ("events", event("e", "Warning", "BackOff", ("Pod", "b"), -5))]),
            take([("replicasets.apps", set("server-2", "2", "server:2", -3600))]),
            take([("replicasets.apps", set("server-1", "1", "server:1", -9_000_000))]),
        ]
    };
    let joined = |order: [usize; 4]| {
        let mut parts = parts().map(Some);
        let mut all = ObjectFacts::default();
        order.into_iter().filter_map(|at| parts[at].take()).for_each(|part| all.join(part));
        all.into_facts()
    };
    let facts = joined([0, 1, 2, 3]);
    assert!(facts.changes[0].what.contains("replaced 1"), "{:#?}", facts.changes);
    assert_eq!(facts, joined([3, 1, 2, 0]));
}

/// Any JSON, with the keys that are looked at among its own.
fn any_json() -> impl Strategy<Value = Value> {
    const KEYS: &[&str] = &[
        "metadata",
        "spec",
        "status",
        "name",
        "namespace",
        "conditions",
        "containers",
        "containerStatuses",
        "state",
        "waiting",
        "terminated",
        "resources",
        "limits",
        "env",
        "type",
        "reason",
        "message",
        "count",
        "series",
        "involvedObject",
        "kind",
        "metrics",
        "resource",
        "target",
        "averageUtilization",
        "currentMetrics",
        "template",
        "managedFields",
        "time",
        "annotations",
        "ownerReferences",
        "creationTimestamp",
        "lastScaleTime",
        "replicas",
        "object",
        "rows",
        "uid",
    ];
    let key = prop_oneof![4 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => ".{0,8}"];
    let text = prop_oneof![
        ".{0,12}",
        prop::sample::select(
            &["Warning", "Deployment", "Resource", "2026-11-22T15:00:00Z", "250m", "9e999", "12Mi"][..]
        )
        .prop_map(str::to_owned),
        "[äx]{1100}",
    ];
    crate::support::json::of(text, key)
}

proptest! {
    #[test]
    fn arbitrary_objects_are_no_harm(
        mut object in any_json(),
        spec in any_json(),
        status in any_json(),
        resource in prop::sample::select(&[
            "pods", "events", "events.events.k8s.io", "deployments.apps", "replicasets.apps", "daemonsets.apps",
            "horizontalpodautoscalers.autoscaling", "configmaps", "nodes", "serverconfigs.data.spirl.com", "x.y.z",
        ][..]),
    ) {
        if let Some(members) = object.as_object_mut() {
            members.insert("spec".to_owned(), spec);
            members.insert("status".to_owned(), status);
            let metadata = members.entry("metadata").or_insert_with(|| json!({}));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("name".to_owned(), "a".into());
            }
        }
        let resource = Resource::named(resource);
        let mut extract = ObjectReader::new(object_context());
        extract.add(&resource, "t", &clean(object.clone()));
        extract.add_table(&resource, "t", &clean(json!({ "rows": [{ "object": object }] })));
        let facts = extract.into_facts().into_facts();
        let text = serde_json::to_vec(&facts).expect("JSON");
        prop_assert_eq!(serde_json::from_slice::<Facts>(&text).expect("what was written"), facts);
    }
}
