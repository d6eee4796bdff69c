//! Replay: what was collected answered as the API server does, and what was not refused with its
//! outcome.

use crate::support::evidence::{Fake, list_task, task};
use http_body_util::BodyExt as _;
use kubectl_escalate::{bundle::Outcome, replay::Replay};
use serde_json::{Value, json};
use std::sync::Arc;

const JSON: &str = "application/json";
const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

fn ask_text(replay: &Replay, target: &str, accept: &str) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let request = http::Request::get(target).header("accept", accept);
        let request = request.body(kube::client::Body::empty()).expect("a request");
        let response = replay.client().send(request).await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    })
}

fn ask(replay: &Replay, target: &str, accept: &str) -> (u16, Value) {
    let (status, text) = ask_text(replay, target, accept);
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{target}: {error}: {text}")))
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().or(list["rows"].as_array()).expect("items");
    let object = |item: &Value| if item["object"].is_object() { item["object"].clone() } else { item.clone() };
    items.iter().map(|item| object(item)["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

fn pod(namespace: &str, name: &str, labels: Value, node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "spec": { "nodeName": node }, "status": { "phase": "Running" },
        "metadata": { "name": name, "namespace": namespace, "labels": labels, "managedFields": [{ "manager": "x" }] },
    })
}

fn event(name: &str, about: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": { "name": name, "namespace": "one" },
        "involvedObject": { "kind": "Pod", "name": about, "namespace": "one" },
    })
}

/// Pods of two namespaces, events of one, and tasks that came to nothing.
fn evidence() -> Fake {
    let mut fake = Fake::default();
    let pods = [pod("one", "a", json!({ "app": "x" }), "n1"), pod("one", "b", json!({ "app": "y" }), "n2")];
    fake.table("/api/v1/namespaces/one/pods", "namespaces/one/pods.json", &pods);
    fake.table("/api/v1/namespaces/two/pods", "namespaces/two/pods.json", &[pod("two", "c", json!({}), "n1")]);
    fake.table(
        "/api/v1/namespaces/one/events",
        "namespaces/one/events.json",
        &[event("e1", "a"), event("e2", "b"), event("e3", "a")],
    );
    fake.table("/api/v1/namespaces/one/services", "namespaces/one/services.json", &[]);
    fake.add(list_task("/api/v1/namespaces/one/configmaps", Outcome::Forbidden, "needs list configmaps"));
    fake.add(list_task("/api/v1/namespaces/one/leases", Outcome::TimedOut, "took too long"));
    fake.add(list_task("/api/v1/namespaces/one/endpoints", Outcome::Failed, "connection reset"));
    fake.add(list_task("/api/v1/namespaces/one/limitranges", Outcome::Cancelled, "interrupted by the user"));
    fake.add(list_task("/api/v1/namespaces/one/podtemplates", Outcome::Skipped, "left out by --skip"));
    fake.add(task("log", "/api/v1/namespaces/one/pods/b/log?container=d", Outcome::TimedOut, "no data arrived"));
    fake.add(list_task(
        "/apis/metrics.k8s.io/v1beta1/namespaces/one/pods",
        Outcome::Absent,
        "the API server does not serve it",
    ));
    let log = b"2026-01-01T00:00:01.5Z one\n2026-01-01T00:00:02Z two\n2026-01-01T00:00:03Z three\n".to_vec();
    let path = "/api/v1/namespaces/one/pods/a/log?container=c&timestamps=true";
    fake.file(task("log", path, Outcome::Collected, ""), "namespaces/one/pods/a/logs/c.log", log);
    let path = "/api/v1/namespaces/one/pods/a/log?container=c&timestamps=true&previous=true";
    fake.add(task("previous-log", path, Outcome::Absent, "the container was not restarted"));
    fake.file(
        task("object", "/api/v1/nodes/n1", Outcome::Collected, ""),
        "nodes/n1.yaml",
        b"apiVersion: v1\nkind: Node\nmetadata:\n  name: n1\n".to_vec(),
    );
    fake.file(
        task("version", "/version", Outcome::Collected, ""),
        "api/version.json",
        br#"{"gitVersion":"v1.34.4"}"#.to_vec(),
    );
    fake.file(
        task("health", "/livez?verbose", Outcome::Collected, ""),
        "api/livez.txt",
        b"[+]ping ok\nlivez check passed\n".to_vec(),
    );
    let cause = "the API server answered with status 500: a check failed";
    fake.file(
        task("health", "/readyz?verbose", Outcome::Collected, cause),
        "api/readyz.txt",
        b"[-]etcd failed\nreadyz check failed\n".to_vec(),
    );
    fake
}

fn replay() -> Replay {
    Replay::new(Arc::new(evidence()), "prod")
}

#[test]
fn lists_are_answered_in_the_form_that_is_asked_for() {
    let replay = replay();
    let (status, list) = ask(&replay, "/api/v1/namespaces/one/pods", JSON);
    assert_eq!((status, &list["kind"], names(&list)), (200, &json!("PodList"), vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(list["items"][0]["metadata"]["managedFields"], json!([{ "manager": "x" }]));
    let (_, table) = ask(&replay, "/api/v1/namespaces/one/pods?includeObject=Object", TABLE);
    assert_eq!((&table["kind"], &table["rows"][1]["cells"]), (&json!("Table"), &json!(["b"])));
    assert_eq!(table["rows"][1]["object"]["spec"]["nodeName"], "n2");
    let (_, table) = ask(&replay, "/api/v1/namespaces/one/pods?includeObject=None", TABLE);
    assert_eq!(table["rows"][0]["object"], Value::Null);
    let (_, list) = ask(&replay, "/api/v1/namespaces/one/pods", METADATA);
    assert_eq!((&list["items"][0]["kind"], &list["items"][0]["spec"]), (&json!("PartialObjectMetadata"), &Value::Null));
    let (status, list) = ask(&replay, "/api/v1/namespaces/one/services", JSON);
    assert_eq!((status, names(&list).len()), (200, 0), "that there are none was seen");
}

#[test]
fn selectors_and_pages_cut_a_list() {
    let replay = replay();
    let of = |query: &str| {
        let (_, list) = ask(&replay, &format!("/api/v1/pods?{query}"), JSON);
        names(&list)
    };
    assert_eq!(of(""), ["a", "b", "c"]);
    assert_eq!(of("labelSelector=app%3Dx"), ["a"]);
    assert_eq!(of("labelSelector=app%20notin%20(x)"), ["b", "c"]);
    assert_eq!(of("fieldSelector=spec.nodeName%3Dn1%2Cstatus.phase%21%3DFailed"), ["a", "c"]);
    assert_eq!(of("fieldSelector=metadata.name%3Db"), ["b"]);
    let (_, page) = ask(&replay, "/api/v1/pods?limit=2", JSON);
    assert_eq!(names(&page), ["a", "b"]);
    assert_eq!(page["metadata"]["remainingItemCount"], 1);
    let token = page["metadata"]["continue"].as_str().expect("a token");
    let (_, page) = ask(&replay, &format!("/api/v1/pods?limit=2&continue={token}"), JSON);
    assert_eq!(names(&page), ["c"]);
    assert_eq!(page["metadata"]["continue"], Value::Null);
    let (_, events) = ask(
        &replay,
        "/api/v1/namespaces/one/events?fieldSelector=involvedObject.name%3Da%2CinvolvedObject.kind%3DPod",
        JSON,
    );
    assert_eq!(names(&events), ["e1", "e3"]);
    let (status, _) = ask(&replay, "/api/v1/pods?labelSelector=a%20in%20b", JSON);
    assert_eq!(status, 400);
}

#[test]
fn objects_are_found_in_their_lists_and_in_files_of_their_own() {
    let replay = replay();
    assert_eq!(ask(&replay, "/api/v1/namespaces/one/pods/b", JSON).1["spec"]["nodeName"], "n2");
    assert_eq!(ask(&replay, "/api/v1/nodes/n1", JSON).1["kind"], "Node");
    assert_eq!(ask(&replay, "/version", JSON).1["gitVersion"], "v1.34.4");
    let (status, answer) = ask(&replay, "/api/v1/namespaces/one/pods/z", JSON);
    assert_eq!((status, &answer["reason"]), (404, &json!("NotFound")));
    assert!(replay.take_refused().is_empty(), "that there is no such pod was seen");
    let described = Replay::to_describe(Arc::new(evidence()), "prod");
    let (_, pod) = ask(&described, "/api/v1/namespaces/one/pods/b", JSON);
    assert_eq!((&pod["metadata"]["managedFields"], &pod["metadata"]["name"]), (&Value::Null, &json!("b")));
}

#[test]
fn to_describe_others_pods_are_told_in_brief() {
    let described = Replay::to_describe(Arc::new(evidence()), "prod");
    let (_, of_controller) = ask(&described, "/api/v1/namespaces/one/pods?labelSelector=app%3Dx", JSON);
    let brief = json!({
        "apiVersion": "v1", "kind": "Pod", "spec": { "nodeName": "n1" }, "status": { "phase": "Running" },
        "metadata": { "name": "a", "namespace": "one", "creationTimestamp": null },
    });
    assert_eq!(of_controller["items"], json!([brief]));
    // Who asks without labels, such as a claim for the pods that use it, gets all of them.
    let (_, all) = ask(&described, "/api/v1/namespaces/one/pods", JSON);
    assert_eq!(all["items"][0]["metadata"]["labels"], json!({ "app": "x" }));
    let (_, all) = ask(&replay(), "/api/v1/namespaces/one/pods?labelSelector=app%3Dx", JSON);
    assert_eq!(all["items"][0]["metadata"]["managedFields"], json!([{ "manager": "x" }]));
}

#[test]
fn what_a_nodes_pods_are_told_by_is_the_same_whether_their_namespaces_were_read_before() {
    let on_node = |replay: &Replay| ask(replay, "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", JSON).1;
    let before = |names: &mut Vec<String>| {
        let described = Replay::to_describe(Arc::new(evidence()), "prod");
        let mut last = None;
        for part in described.parts() {
            let objects = part.objects();
            names.extend(objects.iter().map(|object| format!("{:?} {}", object.namespace, object.name)));
            last = Some(part);
        }
        on_node(&last.expect("a part"))
    };
    let mut names = Vec::new();
    let read = before(&mut names);
    assert_eq!(names, ["Some(\"one\") a", "Some(\"one\") b", "Some(\"two\") c", "None n1"]);
    let described = Replay::to_describe(Arc::new(evidence()), "prod");
    let fresh = on_node(&described.parts().last().expect("a part"));
    assert_eq!((self::names(&read), &read), (vec!["a".to_owned(), "c".to_owned()], &fresh));
}

#[test]
fn what_was_not_collected_is_refused_with_its_outcome_and_never_empty() {
    let replay = replay();
    for (path, status, said) in [
        ("/api/v1/namespaces/one/configmaps", 403, "needs list configmaps"),
        ("/api/v1/namespaces/one/configmaps/x", 403, "needs list configmaps"),
        ("/api/v1/namespaces/one/leases", 504, "took too long"),
        ("/api/v1/namespaces/one/leases/x", 504, "took too long"),
        ("/api/v1/namespaces/one/endpoints", 500, "connection reset"),
        ("/api/v1/namespaces/one/limitranges", 500, "interrupted by the user"),
        ("/api/v1/namespaces/one/podtemplates", 404, "left out by --skip"),
        ("/api/v1/namespaces/one/pods/b/log?container=d", 504, "no data arrived"),
        ("/api/v1/namespaces/one/secrets", 404, "no task requested it"),
        ("/api/v1/namespaces/three/pods", 404, "no task requested it"),
        ("/api/v1/namespaces/one/pods/b/log?container=c", 404, "no task requested it"),
    ] {
        let (code, answer) = ask(&replay, path, JSON);
        assert_eq!((code, &answer["kind"], &answer["code"]), (status, &json!("Status"), &json!(status)), "{path}");
        assert!(answer["message"].as_str().is_some_and(|message| message.contains(said)), "{path}: {answer}");
        assert!(!replay.take_refused().is_empty(), "{path}");
    }
    // That something is not there was seen, and is no gap.
    assert_eq!(ask(&replay, "/apis/metrics.k8s.io/v1beta1/namespaces/one/pods", JSON).0, 404);
    assert!(replay.take_refused().is_empty());
}

#[test]
fn logs_are_cut_as_asked() {
    let replay = replay();
    let log = |query: &str| {
        let path = format!("/api/v1/namespaces/one/pods/a/log?container=c{query}");
        ask_text(&replay, &path, "*/*")
    };
    assert_eq!(log("").1, "one\ntwo\nthree\n");
    assert_eq!(log("&timestamps=true&limitBytes=22").1, "2026-01-01T00:00:01.5Z");
    assert_eq!(log("&sinceTime=2026-01-01T00:00:02Z").1, "two\nthree\n");
    assert_eq!(log("&tailLines=1&timestamps=true").1, "2026-01-01T00:00:03Z three\n");
    let (status, said) = log("&previous=true");
    assert!(status == 400 && said.contains("was not restarted"), "{status} {said}");
}

#[test]
fn the_health_comes_back_with_the_status_that_it_had() {
    let ask_readyz = |status, causes: &[&str], body: &str| {
        let mut health = task("health", "/readyz?verbose", Outcome::Collected, "");
        health.causes = causes.iter().map(|&cause| cause.to_owned()).collect();
        health.http_status = status;
        let mut fake = Fake::default();
        fake.file(health, "api/readyz.txt", body.as_bytes().to_vec());
        ask_text(&Replay::new(Arc::new(fake), "prod"), "/readyz?verbose", "*/*")
    };
    let (well, ill) = ("[+]ping ok\nreadyz check passed\n", "[-]etcd failed\nreadyz check failed\n");
    // As a bundle has it that completed another one, and was refused the second answer.
    let kept = ["collected at 2026-11-22T15:00:00Z; the later attempt failed: forbidden"];
    assert_eq!(ask_readyz(Some(200), &kept, well), (200, well.to_owned()));
    assert_eq!(ask_readyz(Some(503), &["a check failed"], ill), (503, ill.to_owned()));
    // Without a recorded status, the checks tell it.
    assert_eq!(ask_readyz(None, &kept, well).0, 200);
    assert_eq!(ask_readyz(None, &[], ill).0, 500);
    assert_eq!(ask_text(&Replay::new(Arc::new(Fake::default()), "prod"), "/readyz?verbose", "*/*").0, 404);
}

#[test]
fn what_a_collector_recorded_comes_back_whatever_it_is() {
    let mut fake = evidence();
    let (issuer, widgets) = ("/.well-known/openid-configuration", "/apis/example.com/v1/widgets");
    let (config, node, graph) = ("/api/v1/nodes/n1/configz", "/apis/example.com/v1/nodes/n1", "/graph?depth=1");
    for (path, file, body) in [
        (issuer, "api/issuer.json", r#"{"issuer":"https://issuer.example"}"#),
        (widgets, "widgets.json", r#"{"items":["a widget"]}"#),
        (config, "nodes/n1.configz.json", r#"{"kubeletconfig":{}}"#),
        (node, "nodes/n1.usage.json", r#"{"usage":{"cpu":"1"}}"#),
        (graph, "graph.json", r#"{"depth":1}"#),
        ("/graph?depth=2", "deeper.json", r#"{"depth":2}"#),
    ] {
        fake.file(task("anything", path, Outcome::Collected, ""), file, body.as_bytes().to_vec());
    }
    fake.add(task("anything", "/nothing", Outcome::Empty, ""));
    fake.add(task("anything", "/slow", Outcome::TimedOut, "took too long"));
    fake.add(task("anything", "/apis/example.com/v1/gadgets", Outcome::Failed, "connection reset"));
    fake.add(task("anything", "/apis/example.com/v1/gadgets/g", Outcome::Forbidden, "needs get gadgets"));
    let replay = Replay::new(Arc::new(fake), "prod");
    assert_eq!(ask(&replay, issuer, JSON), (200, json!({ "issuer": "https://issuer.example" })));
    assert_eq!(ask(&replay, widgets, JSON), (200, json!({ "items": ["a widget"] })));
    assert_eq!(ask(&replay, &format!("{widgets}?limit=500"), JSON).1["items"], json!(["a widget"]));
    assert_eq!(ask(&replay, config, JSON), (200, json!({ "kubeletconfig": {} })));
    assert_eq!(ask(&replay, node, JSON), (200, json!({ "usage": { "cpu": "1" } })));
    assert_eq!(ask(&replay, graph, JSON).1["depth"], 1);
    assert_eq!(ask(&replay, "/graph?depth=2", JSON).1["depth"], 2);
    assert_eq!(ask(&replay, "/graph?depth=3", JSON).0, 404, "another question has another answer");
    assert_eq!(ask_text(&replay, "/nothing", "*/*"), (200, String::new()));
    assert!(ask(&replay, "/slow", JSON).0 == 504 && replay.take_refused()[0].contains("took too long"));
    assert_eq!(ask(&replay, "/apis/example.com/v1/gadgets", JSON).0, 500);
    assert_eq!(ask(&replay, "/apis/example.com/v1/gadgets/g", JSON).0, 403);
}

#[test]
fn nothing_but_reading_is_answered() {
    let replay = replay();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let status = runtime.block_on(async {
        let request = http::Request::post("/api/v1/namespaces/one/pods").body(kube::client::Body::empty());
        replay.client().send(request.expect("a request")).await.expect("an answer").status().as_u16()
    });
    assert_eq!(status, 405);
}
