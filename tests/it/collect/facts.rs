//! `facts.json`: what the objects said while they were collected, the same from the finished bundle, and joined
//! with that of an earlier one.

use crate::support::{
    Reply, Run, World,
    run::Bundle,
    world::{NAMESPACE, POD},
};
use chrono::{SecondsFormat, TimeDelta, Utc};
use kubectl_escalate::{
    bundle::{
        EntryPath,
        facts::{Change, Facts},
    },
    facts::objects::{CHANGED_WITHIN, ObjectContext, ObjectReader},
    plan::Resource,
    redact::{Key, Redactor},
    yaml,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SECRET: &str = "correct-horse-battery";

fn ago(minutes: i64) -> String {
    (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A server in a crash loop after a rollout, with an autoscaler at its maximum.
fn troubled() -> World {
    let mut world = World::one();
    world.change("pods", POD, |pod| {
        let status = &mut pod["status"]["containerStatuses"][0];
        status["ready"] = false.into();
        status["restartCount"] = 4.into();
        status["state"] =
            json!({ "waiting": { "reason": "CrashLoopBackOff", "message": format!("password={SECRET}") } });
        status["lastState"] =
            json!({ "terminated": { "reason": "Error", "exitCode": 2, "finishedAt": "2024-03-05T14:00:00Z" } });
    });
    let managed = json!([{ "manager": "helm", "operation": "Update", "time": ago(60) }]);
    world.object(
        "deployments",
        NAMESPACE,
        "spirl-server",
        json!({
            "metadata": { "creationTimestamp": ago(9000), "managedFields": managed },
            "spec": { "replicas": 1 }, "status": { "replicas": 1 },
        }),
    );
    for (name, revision, image, made) in
        [("spirl-server-1", "1", "server:1", 9000), ("spirl-server-2", "2", "server:2", 59)]
    {
        world.object("replicasets", NAMESPACE, name, json!({
            "metadata": {
                "creationTimestamp": ago(made), "annotations": { "deployment.kubernetes.io/revision": revision },
                "ownerReferences": [{ "kind": "Deployment", "name": "spirl-server", "uid": "uid-spirl-server", "apiVersion": "apps/v1" }],
            },
            "spec": { "replicas": 1, "template": { "spec": { "containers": [{ "name": "server", "image": image }] } } },
        }));
    }
    world.object(
        "horizontalpodautoscalers",
        NAMESPACE,
        "spirl-server",
        json!({
            "metadata": { "creationTimestamp": ago(9000) },
            "spec": { "maxReplicas": 1, "scaleTargetRef": { "kind": "Deployment", "name": "spirl-server" } },
            "status": { "conditions": [{ "type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas" }] },
        }),
    );
    world.object(
        "events",
        NAMESPACE,
        "spirl-server.1",
        json!({
            "type": "Warning", "reason": "BackOff", "message": "Back-off restarting failed container", "count": 9,
            "involvedObject": { "kind": "Pod", "name": POD, "namespace": NAMESPACE }, "lastTimestamp": ago(2),
        }),
    );
    world.object(
        "events",
        "default",
        "node-a.1",
        json!({
            "type": "Normal", "reason": "NodeNotReady", "message": "Node node-a status is now: NodeNotReady",
            "involvedObject": { "kind": "Node", "name": "node-a" }, "lastTimestamp": ago(3),
        }),
    );
    world.object(
        "serverconfigs",
        NAMESPACE,
        "config",
        json!({
            "metadata": { "creationTimestamp": ago(9000) }, "spec": { "key": SECRET },
        }),
    );
    world.change("nodes", "node-a", |node| {
        node["metadata"]["creationTimestamp"] = ago(9000).into();
        let pressure = json!({ "type": "MemoryPressure", "status": "True", "reason": "KubeletHasInsufficientMemory" });
        node["status"]["conditions"] = json!([pressure]);
        node["status"]["conditions"][0]["lastTransitionTime"] = ago(30).into();
    });
    world
}

fn facts(bundle: &Bundle) -> Facts {
    serde_json::from_slice(&bundle.bytes("facts.json")).expect("facts")
}

/// The same, out of a bundle's tables and objects.
fn facts_of_evidence(bundle: &Bundle) -> Facts {
    let manifest = bundle.manifest();
    let cluster = &manifest.clusters[0];
    let skew = TimeDelta::milliseconds(cluster.clock_skew_ms.unwrap_or_default());
    let mut extract = ObjectReader::new(ObjectContext {
        cluster: cluster.name.clone(),
        since: manifest.started + skew - CHANGED_WITHIN,
        servers: [(NAMESPACE.to_owned(), BTreeSet::from([POD.to_owned()]))].into(),
        groups: BTreeSet::from(["data.spirl.com".to_owned()]),
        env: BTreeSet::new(),
    });
    let redactor = Redactor::new(&Key::random());
    for task in &manifest.tasks {
        let full = if task.kind == "object" { task.target.split('/').next() } else { Some(task.target.as_str()) };
        let resource = Resource::named(full.expect("a resource"));
        for path in &task.entries {
            match (task.kind.as_str(), path.strip_suffix(".json")) {
                ("list", Some(table)) => {
                    let table = table.rsplit('/').next().expect("a name");
                    extract.add_table(&resource, table, &redactor.object(bundle.json(path)).0);
                    extract.add_listed(&resource, table, NAMESPACE);
                }
                ("object", None) if path.ends_with(".yaml") => {
                    let object: Value = yaml::from_str(&bundle.text(path)).expect("an object");
                    extract.add(&resource, &resource.short(), &redactor.object(object).0);
                }
                _ => {}
            }
        }
    }
    let mut facts = extract.into_facts().into_facts();
    facts.assign_paths(|path| bundle.reader.find(&EntryPath::new(path).ok()?).map(str::to_owned));
    facts
}

/// Those of objects alone.
fn of_objects(facts: Facts) -> Facts {
    Facts { logs: Vec::new(), patterns: Vec::new(), ..facts }
}

#[test]
fn what_is_taken_while_collecting_is_what_the_bundle_says() {
    let api = troubled().serve();
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let facts = facts(&bundle);
    let pod = facts.pods.iter().find(|pod| pod.pod == POD).expect("the server");
    assert!(pod.is_server && pod.node.as_deref() == Some("node-a"));
    assert_eq!(pod.containers[0].state.as_ref().map(|state| state.reason.as_str()), Some("CrashLoopBackOff"));
    let events: Vec<_> = facts.events.iter().map(|event| (event.about.as_str(), event.reason.as_str())).collect();
    assert_eq!(events, [("Node/node-a", "NodeNotReady"), ("Pod/spirl-server-7f9c-aaaaa", "BackOff")]);
    assert_eq!(facts.autoscalers[0].conditions[0].reason, "TooManyReplicas");
    assert_eq!(facts.custom_resources[0].names, ["config"]);
    assert_eq!(facts.workloads.len(), 3);
    let kinds: Vec<_> = facts.changes.iter().map(|change| (change.kind.as_str(), change.by.as_deref())).collect();
    assert_eq!(kinds, [("object", Some("helm")), ("rollout", None), ("node", None)], "{:#?}", facts.changes);
    assert!(!bundle.holds(SECRET));
    let entries = facts.pods.iter().map(|it| &it.entry).chain(facts.events.iter().map(|it| &it.entry));
    let entries = entries.chain(facts.changes.iter().filter_map(|it| it.entry.as_ref()));
    for entry in entries.chain(facts.custom_resources.iter().map(|it| &it.entry)) {
        assert!(bundle.paths().contains(&entry.as_str()), "{entry}");
    }
    assert_eq!(facts_of_evidence(&bundle), of_objects(facts));
}

#[test]
fn paths_are_those_of_the_bundle_when_they_are_shortened() {
    let mut world = troubled();
    let long = format!("{}-config", "a".repeat(240));
    world.object("configmaps", NAMESPACE, &long, json!({ "metadata": { "creationTimestamp": ago(10) } }));
    let bundle = Run::collect(&world.serve()).finish().exits(0).bundle();
    let facts = facts(&bundle);
    let made = facts.changes.iter().find(|change| change.object.ends_with(&long)).expect("a change");
    let entry = made.entry.as_deref().expect("a file");
    assert!(entry.contains('~') && bundle.paths().contains(&entry), "{entry}");
    assert_eq!(facts_of_evidence(&bundle), of_objects(facts));
}

#[test]
fn that_there_is_no_custom_resource_is_told_only_where_they_were_listed() {
    let path = "/apis/data.spirl.com/v1/namespaces/tdd-one/serverconfigs";
    let api = World::one().serve();
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let [none] = &facts(&bundle).custom_resources[..] else { panic!("one kind") };
    assert!(none.names.is_empty() && none.resource == "serverconfigs.data.spirl.com");
    api.on_path(path, |_| Reply::forbidden());
    let bundle = Run::collect(&api).finish().bundle();
    assert_eq!(facts(&bundle).custom_resources, []);
}

#[test]
fn a_bundle_that_completes_another_has_what_only_that_had() {
    let first = Run::collect(&troubled().serve()).finish().exits(0);
    let was = facts(&first.bundle());
    let mut world = World::one();
    world.server(NAMESPACE, "spirl-server-7f9c-bbbbb");
    let api = world.serve();
    let run = Run::new(["collect", "--into", first.stdout.trim_end()]).context("prod", &api.url());
    let out = run.out();
    let bundle = run.args(["--to".as_ref(), out.as_os_str()]).finish().exits(0).bundle();
    let is = facts(&bundle);
    let pods: Vec<_> =
        is.pods.iter().map(|pod| (pod.pod.as_str(), pod.is_ready(), pod.containers[0].restarts)).collect();
    assert_eq!(pods, [(POD, true, 0), ("spirl-server-7f9c-bbbbb", true, 0)], "the later state");
    assert!(!was.autoscalers.is_empty() && is.autoscalers.is_empty(), "what is listed again is as it is now");
    let note = |facts: &Facts| facts.events.iter().map(|event| event.note.clone()).collect::<Vec<_>>();
    assert_eq!(note(&is), note(&was));
    assert!(is.events[1].entry.starts_with("earlier/"), "of the events there is a later list: {:#?}", is.events);
    assert!(is.custom_resources[0].names.is_empty(), "it is gone by now: {:#?}", is.custom_resources);
    let has = |change: &Change| is.changes.iter().any(|now| (now.at, &now.what) == (change.at, &change.what));
    assert!(was.changes.iter().all(has), "{:#?}", is.changes);
    for entry in is.events.iter().map(|it| &it.entry).chain(is.changes.iter().filter_map(|it| it.entry.as_ref())) {
        assert!(bundle.paths().contains(&entry.as_str()), "{entry} among {:#?}", bundle.paths());
    }
}
