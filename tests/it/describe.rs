//! Descriptions: that what is missing is named, and that nothing panics whatever an object is.

use crate::support::evidence::{Fake, list_task};
use kubectl_escalate::{bundle::Outcome, describe, replay::Replay};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

fn described(fake: Fake) -> BTreeMap<String, String> {
    let found = Mutex::new(BTreeMap::new());
    let now = "2026-12-01T00:00:00Z".parse().expect("a time");
    describe::all(&Replay::to_describe(Arc::new(fake), "prod"), now, |one| {
        let name = format!("{}/{}", one.object.resource.plural, one.object.name);
        found.lock().expect("no panic").insert(name, one.text);
    });
    found.into_inner().expect("no panic")
}

fn object(api_version: &str, kind: &str, name: &str) -> Value {
    json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name, "namespace": "one" } })
}

#[test]
fn relations_that_were_not_collected_are_named() {
    let mut fake = Fake::default();
    fake.table("/api/v1/namespaces/one/services", "namespaces/one/services.json", &[object("v1", "Service", "s")]);
    fake.add(list_task(
        "/apis/discovery.k8s.io/v1/namespaces/one/endpointslices",
        Outcome::Forbidden,
        "needs list endpointslices",
    ));
    fake.table("/api/v1/namespaces/one/events", "namespaces/one/events.json", &[]);
    let text = &described(fake)["services/s"];
    assert!(text.starts_with("Name:") && text.contains("Events:"), "{text}");
    assert!(text.contains("\nNot collected: ") && text.contains("needs list endpointslices"), "{text}");
}

#[test]
fn what_is_complete_has_nothing_below_it() {
    let mut fake = Fake::default();
    fake.table(
        "/api/v1/namespaces/one/serviceaccounts",
        "namespaces/one/serviceaccounts.json",
        &[object("v1", "ServiceAccount", "a")],
    );
    fake.table("/api/v1/namespaces/one/events", "namespaces/one/events.json", &[]);
    let text = &described(fake)["serviceaccounts/a"];
    assert!(text.trim_end().ends_with("<none>") && !text.contains("Not collected"), "{text}");
}

#[test]
fn metadata_alone_shows_what_is_there() {
    let mut fake = Fake::default();
    let mut metadata = object("meta.k8s.io/v1", "PartialObjectMetadata", "main");
    metadata["metadata"]["labels"] = json!({ "revision": "42" });
    fake.table(
        "/apis/data.spirl.com/v1/namespaces/one/serverconfigs",
        "namespaces/one/serverconfigs.json",
        &[metadata],
    );
    fake.table("/api/v1/namespaces/one/events", "namespaces/one/events.json", &[]);
    let text = &described(fake)["serverconfigs/main"];
    assert!(text.contains("revision=42") && text.contains("Only its metadata was collected."), "{text}");
    assert!(text.contains("data.spirl.com/v1") && !text.contains("PartialObjectMetadata"), "{text}");
}

#[test]
fn what_cannot_be_described_says_so() {
    let mut fake = Fake::default();
    fake.table(
        "/api/v1/namespaces/one/configmaps",
        "namespaces/one/configmaps.json",
        &[object("v1", "ConfigMap", "c")],
    );
    fake.add(list_task("/api/v1/namespaces/one/events", Outcome::Forbidden, "needs list events"));
    let text = &described(fake)["configmaps/c"];
    assert!(
        text.starts_with("The ConfigMap c could not be described: ") && text.contains("needs list events"),
        "{text}"
    );
}

/// What deskribe alone would print otherwise; that kubectl prints it so, a real cluster shows.
#[test]
fn it_is_in_the_words_of_kubectl() {
    let reference = |path: &str| json!({ "fieldRef": { "apiVersion": "v1", "fieldPath": path } });
    let mut pod = object("v1", "Pod", "p");
    pod["metadata"]["uid"] = "53156dc0".into();
    pod["metadata"]["labels"] = json!({ "app": "server" });
    pod["metadata"]["annotations"] = json!({ "odd": "one (v1:metadata.uid) other" });
    pod["spec"] = json!({ "containers": [{
        "name": "c",
        "env": [
            { "name": "UID", "valueFrom": reference("metadata.uid") },
            { "name": "APP", "valueFrom": reference("metadata.labels['app']") },
            { "name": "NAME", "valueFrom": reference("metadata.name") },
            { "name": "ODD", "valueFrom": reference("metadata.annotations['odd']") },
        ],
        "resources": { "limits": { "cpu": "001m" }, "requests": { "memory": "64Mi" } },
        "livenessProbe": { "httpGet": { "path": "/it's(all)!", "port": 80, "scheme": "HTTP" } },
        "volumeMounts": [{ "name": "v", "mountPath": "/v", "subPath": "a\u{200b}\"b" }],
    }], "volumes": [{ "name": "v", "ephemeral": { "volumeClaimTemplate": { "spec": { "volumeName": "given" } } } }] });
    let mut node = object("v1", "Node", "n");
    node["metadata"] = json!({ "name": "n" });
    node["status"] = json!({ "nodeInfo": { "kubeProxyVersion": "v1.30.0", "kubeletVersion": "v1.30.0" } });
    let mut fake = Fake::default();
    fake.table("/api/v1/namespaces/one/pods", "namespaces/one/pods.json", &[pod]);
    fake.table("/api/v1/namespaces/one/events", "namespaces/one/events.json", &[]);
    fake.table("/api/v1/nodes", "nodes.json", &[node]);
    let texts = described(fake);
    let pod = &texts["pods/p"];
    for line in [
        "      UID:    (v1:metadata.uid)",
        "      APP:    (v1:metadata.labels['app'])",
        "      NAME:  p (v1:metadata.name)",
        "      ODD:    (v1:metadata.annotations['odd'])",
        "      cpu:  001m",
        "http-get http://:80/it%27s%28all%29%21 delay=",
        "/v from v (rw,path=\"a\\u200b\\\"b\")",
        "    Capacity:      0",
    ] {
        assert!(pod.contains(line), "{line}\n{pod}");
    }
    let node = &texts["nodes/n"];
    assert!(node.contains("Kubelet Version:") && !node.contains("Kube-Proxy"), "{node}");
}

/// Paths below which objects of a kind are listed.
const KINDS: &[(&str, &str, &str)] = &[
    ("v1", "Pod", "/api/v1/namespaces/one/pods"),
    ("apps/v1", "Deployment", "/apis/apps/v1/namespaces/one/deployments"),
    ("apps/v1", "ReplicaSet", "/apis/apps/v1/namespaces/one/replicasets"),
    ("apps/v1", "StatefulSet", "/apis/apps/v1/namespaces/one/statefulsets"),
    ("apps/v1", "DaemonSet", "/apis/apps/v1/namespaces/one/daemonsets"),
    ("batch/v1", "Job", "/apis/batch/v1/namespaces/one/jobs"),
    ("batch/v1", "CronJob", "/apis/batch/v1/namespaces/one/cronjobs"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "/apis/autoscaling/v2/namespaces/one/horizontalpodautoscalers"),
    ("policy/v1", "PodDisruptionBudget", "/apis/policy/v1/namespaces/one/poddisruptionbudgets"),
    ("v1", "Service", "/api/v1/namespaces/one/services"),
    ("v1", "ConfigMap", "/api/v1/namespaces/one/configmaps"),
    ("v1", "Event", "/api/v1/namespaces/one/events"),
    ("v1", "PersistentVolumeClaim", "/api/v1/namespaces/one/persistentvolumeclaims"),
    ("v1", "ResourceQuota", "/api/v1/namespaces/one/resourcequotas"),
    ("v1", "LimitRange", "/api/v1/namespaces/one/limitranges"),
    ("discovery.k8s.io/v1", "EndpointSlice", "/apis/discovery.k8s.io/v1/namespaces/one/endpointslices"),
    ("networking.k8s.io/v1", "Ingress", "/apis/networking.k8s.io/v1/namespaces/one/ingresses"),
    ("networking.k8s.io/v1", "NetworkPolicy", "/apis/networking.k8s.io/v1/namespaces/one/networkpolicies"),
    ("v1", "Node", "/api/v1/nodes"),
    ("example.org/v1", "Widget", "/apis/example.org/v1/namespaces/one/widgets"),
];

/// Names that describing looks for, and some that it does not.
const WORDS: &[&str] = &[
    "spec",
    "status",
    "metadata",
    "name",
    "namespace",
    "labels",
    "containers",
    "initContainers",
    "image",
    "ports",
    "env",
    "resources",
    "requests",
    "limits",
    "cpu",
    "memory",
    "conditions",
    "type",
    "reason",
    "volumes",
    "volumeMounts",
    "livenessProbe",
    "httpGet",
    "port",
    "path",
    "selector",
    "matchLabels",
    "matchExpressions",
    "replicas",
    "template",
    "strategy",
    "rollingUpdate",
    "maxSurge",
    "metrics",
    "currentMetrics",
    "target",
    "minAvailable",
    "maxUnavailable",
    "lastTransitionTime",
    "startTime",
    "state",
    "terminated",
    "waiting",
    "rules",
    "http",
    "paths",
    "backend",
    "service",
    "endpoints",
    "addresses",
    "data",
    "binaryData",
    "hard",
    "used",
    "capacity",
    "taints",
    "tolerations",
    "effect",
    "key",
    "operator",
    "value",
    "count",
    "series",
    "involvedObject",
    "source",
    "message",
    "ownerReferences",
    "controller",
    "kind",
    "annotations",
    "schedule",
    "behavior",
    "scaleUp",
    "policies",
    "allocatable",
    "nodeInfo",
    "x",
];

fn json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,12}",
        Just("100m".to_owned()),
        Just("1Gi".to_owned()),
        Just("50%".to_owned()),
        Just("2026-01-01T00:00:00Z".to_owned()),
        Just("9999999999999999999999999".to_owned()),
        Just("Terminating".to_owned()),
        "\\PC{0,6}",
    ];
    let key = prop_oneof![9 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => "\\PC{0,5}"];
    crate::support::json::of(text, key)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_object_makes_it_panic_or_say_nothing(parts in prop::collection::vec((json(), json(), json()), KINDS.len())) {
        let mut fake = Fake::default();
        for ((api_version, kind, path), (spec, status, rest)) in KINDS.iter().zip(parts) {
            let mut one = rest.as_object().cloned().unwrap_or_default();
            let mut metadata = one.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
            metadata.insert("name".to_owned(), "x".into());
            metadata.insert("namespace".to_owned(), if *kind == "Node" { "".into() } else { "one".into() });
            one.insert("metadata".to_owned(), metadata.into());
            one.insert("apiVersion".to_owned(), (*api_version).into());
            one.insert("kind".to_owned(), (*kind).into());
            one.insert("spec".to_owned(), spec);
            one.insert("status".to_owned(), status);
            fake.table(path, &format!("{}.json", path.trim_start_matches('/').replace('/', "-")), &[one.into()]);
        }
        let texts = described(fake);
        prop_assert_eq!(texts.len(), KINDS.len() - 1, "all but the event: {:?}", texts.keys());
        for (name, text) in texts {
            prop_assert!(!text.trim().is_empty(), "{} is described by nothing", name);
        }
    }
}
