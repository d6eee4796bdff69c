//! A server in a namespace that it shares: what belongs to it is collected, and nothing of the
//! others, not even their events.

use crate::{
    bundle::text,
    kubernetes::{Made, apply, incident, incidents, kubectl_json, until},
    tool::collect,
};
use serde_json::{Value, json};
use std::time::Duration;

/// Outside the profile's pattern.
const NAMESPACE: &str = "escalate-team-a";

/// An application that says its own name in each of its objects, its log and its events.
fn other_application() -> Value {
    let labels = json!({"app": "strangerweb"});
    let meta = |name: &str| json!({"name": name, "namespace": NAMESPACE, "labels": labels});
    let container = json!({
        "name": "strangerweb", "image": "localhost/busybox:1", "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", "while :; do echo strangerweb speaks; sleep 1; done"],
        "envFrom": [{"configMapRef": {"name": "strangerweb-config"}}],
    });
    let deployment = json!({
        "replicas": 1, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}},
    });
    let items = json!([
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("strangerweb-config"), "data": {"PLACE": "strangerweb"}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("strangerweb")},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta("strangerweb"), "spec": {"selector": labels, "ports": [{"port": 80}]}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta("strangerweb"), "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("strangerweb"), "spec": deployment},
    ]);
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn only_what_belongs_to_the_server_is_collected() {
    incidents();
    let mut made = Made::default();
    made.add(&["namespace", NAMESPACE]);
    apply(&incident(&["manifest", "idle", "--namespace", NAMESPACE]).expect("the manifest of an incident"));
    apply(&other_application().to_string());
    until("both run", Duration::from_secs(90), || {
        let pods = kubectl_json(&["get", "pods", "-n", NAMESPACE]);
        let ready = |pod: &&Value| pod["status"]["containerStatuses"][0]["ready"] == true;
        let count = pods["items"].as_array().expect("pods").iter().filter(ready).count();
        if count == 2 { Ok(()) } else { Err(format!("{count} pods are ready")) }
    });

    let run = collect(&["-n", NAMESPACE]).expect(0);
    let bundle = run.bundle();
    bundle.assert_sound();
    for (path, bytes) in &bundle.files {
        assert!(!path.contains("strangerweb"), "{path}");
        let found = memchr::memmem::find(bytes, b"strangerweb");
        let shown = found.map(|at| {
            String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 200).min(bytes.len())]).into_owned()
        });
        assert!(shown.is_none(), "{path} speaks of another application: {}", shown.unwrap_or_default());
    }
    assert_eq!(bundle.outcomes(&["log"]).len(), 1);
    let app = format!("{NAMESPACE}-spirl-server");
    for (resource, name) in [
        ("deployments", app.as_str()),
        ("configmaps", &format!("{app}-config")),
        ("services", &format!("{app}-agent")),
        ("serviceaccounts", &app),
        ("horizontalpodautoscalers", &app),
        ("poddisruptionbudgets", &app),
        ("networkpolicies", &app),
    ] {
        bundle.file(&format!("{NAMESPACE}/{resource}/{name}.yaml"));
    }
    let events = bundle.text("events.txt");
    assert!(events.contains("spirl-server"), "{events}");
    let replica_sets = bundle.files.keys().filter(|path| path.contains("/replicasets/") && path.ends_with(".yaml"));
    assert_eq!(replica_sets.count(), 1);
    assert_eq!(text(&bundle.manifest["trust_domain"]), "example.org");
}
