//! Which deployments and clusters are collected: one of several, all of them, several contexts.

use crate::{
    bundle::text,
    kubernetes::{incidents, kubeconfig},
    tool::{collect, collect_as},
};
use serde_json::{Value, json};
use std::path::PathBuf;
use tempfile::TempDir;

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn several_deployments_are_listed_with_ready_commands() {
    incidents();
    let run = collect(&[]).expect(2);
    assert_eq!(run.stdout, "");
    assert!(run.left().is_empty(), "{:?}", run.left());
    for (_, namespace) in incidents().all() {
        let command = format!("kubectl escalate collect -n {namespace} ");
        assert!(run.stderr.contains(&command), "{}", run.stderr);
    }
    assert!(run.stderr.contains("-A"), "{}", run.stderr);
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn all_of_them_are_collected_on_demand() {
    incidents();
    let bundle = collect(&["-A", "--before", "20s"]).bundle();
    bundle.assert_sound();
    let clusters = bundle.manifest["clusters"].as_array().expect("clusters");
    let namespaces: Vec<&str> = clusters[0]["namespaces"].as_array().expect("namespaces").iter().map(text).collect();
    for (incident, namespace) in incidents().all() {
        assert!(namespaces.contains(&namespace), "{incident} is missing");
        assert!(bundle.find(&format!("namespaces/{namespace}/pods.txt")).is_some(), "{incident} has no pods.txt");
    }
    for other in ["default", "kube-system", "kube-public"] {
        assert!(!namespaces.contains(&other), "{other} has no server");
    }
    let others = bundle.files.keys().filter(|path| path.contains("/namespaces/kube-system/"));
    assert_eq!(others.count(), 0);
    assert_eq!(bundle.manifest["ended"], "finished");
    let path = bundle.path.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(path.starts_with("escalation-example.org-eu-west-1-"), "{path}");
}

/// A kubeconfig with the cluster under two contexts, and a cluster that does not answer.
fn several_contexts() -> (TempDir, PathBuf) {
    let config: Value = serde_yaml::from_slice(&std::fs::read(kubeconfig()).expect("a kubeconfig")).expect("YAML");
    let context = config["contexts"][0]["context"].clone();
    let mut dead = context.clone();
    dead["cluster"] = "dead".into();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "users": config["users"], "current-context": "east",
        "clusters": [config["clusters"][0], {"name": "dead", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "east", "context": context}, {"name": "west", "context": context}, {"name": "dead", "context": dead}],
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, config.to_string()).expect("a kubeconfig");
    (folder, path)
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn two_contexts_make_one_bundle() {
    let namespace = incidents().namespace("healthy");
    let (_folder, kubeconfig) = several_contexts();
    let contexts = ["--context", "east", "--context", "west", "--cluster-name", "west=blue"];
    let bundle = collect_as(&kubeconfig, &[&contexts[..], &["-n", namespace]].concat()).expect(0).bundle();
    bundle.assert_sound();
    for cluster in ["east", "blue"] {
        let path = format!("clusters/{cluster}/namespaces/{namespace}/pods.txt");
        assert!(bundle.files.contains_key(&path), "{path} is missing");
    }
    let renamed = bundle.manifest["clusters"].to_string();
    assert!(!renamed.contains("west\""), "a renamed context keeps its name to itself: {renamed}");
    let of = |cluster: &str| bundle.tasks().filter(|task| task["cluster"] == cluster).count();
    assert_eq!(of("east"), of("blue"));
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_dead_context_costs_only_itself() {
    let namespace = incidents().namespace("healthy");
    let (_folder, kubeconfig) = several_contexts();
    let run = collect_as(&kubeconfig, &["--context", "dead", "--context", "east", "-n", namespace]).expect(3);
    assert!(run.stderr.contains("dead"), "{}", run.stderr);
    let bundle = run.bundle();
    bundle.assert_sound();
    let clusters = bundle.manifest["clusters"].as_array().expect("clusters");
    let of = |name: &str| {
        clusters.iter().find(|cluster| cluster["name"] == name).unwrap_or_else(|| panic!("no cluster {name}"))
    };
    assert!(of("dead")["error"].as_array().is_some_and(|causes| !causes.is_empty()), "{:#}", of("dead"));
    assert!(of("east")["error"].is_null());
    // No Prometheus was to be asked.
    for task in bundle.tasks().filter(|task| task["kind"] != "prometheus") {
        assert!(["collected", "empty", "absent"].contains(&text(&task["outcome"])), "{task:#}");
    }
    assert!(bundle.text("README.txt").contains("not reached"), "{}", bundle.text("README.txt"));
}
