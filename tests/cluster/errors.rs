//! What the program says, and leaves, when there is nothing to collect from.

use crate::{
    bundle::text,
    kubernetes::{incidents, kubeconfig, kubeconfig_of},
    tool::{collect, collect_as},
};
use serde_json::{Value, json};

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn an_unknown_namespace_is_a_mistake() {
    let run = collect(&["-n", "tdd-isnotthere"]).expect(2);
    assert!(run.stderr.contains("tdd-isnotthere") && run.stderr.contains("kubectl get namespaces"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    assert!(run.left().is_empty(), "{:?}", run.left());
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_namespace_that_may_not_be_read_cannot_be_told() {
    // Users have rights in the namespace of `healthy` at most.
    for namespace in [incidents().namespace("idle"), "tdd-isnotthere"] {
        let run = collect_as(&kubeconfig_of("viewer"), &["-n", namespace]).expect(3);
        assert!(
            run.stderr.contains(&format!("cannot check whether the namespace {namespace} exists")),
            "{}",
            run.stderr
        );
        let bundle = run.bundle();
        bundle.assert_sound();
        let required: Vec<&Value> = bundle.tasks().filter(|task| task["required"] == true).collect();
        assert!(required.len() >= 2 && required.iter().all(|task| task["outcome"] == "forbidden"), "{required:#?}");
        assert!(bundle.with_outcome("forbidden").all(|task| !text(&task["hint"]).is_empty()));
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_cluster_that_does_not_answer_gives_no_bundle() {
    let config: Value = serde_yaml::from_slice(&std::fs::read(kubeconfig()).expect("a kubeconfig")).expect("YAML");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kubeconfig");
    let mut dead = config.clone();
    dead["clusters"][0]["cluster"] = json!({"server": "https://127.0.0.1:1"});
    std::fs::write(&path, dead.to_string()).expect("a kubeconfig");
    let run = collect_as(&path, &["-n", "tdd-any"]).expect(4);
    assert!(run.stderr.contains("127.0.0.1:1") && run.stderr.contains("kubectl"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    assert!(run.left().is_empty(), "{:?}", run.left());

    // A server that answers, but is not the one whose certificate was promised.
    let mut other = config;
    other["clusters"][0]["cluster"].as_object_mut().expect("a cluster").remove("certificate-authority-data");
    std::fs::write(&path, other.to_string()).expect("a kubeconfig");
    let run = collect_as(&path, &["-n", "tdd-any"]).expect(4);
    assert!(run.stderr.to_lowercase().contains("certificate"), "{}", run.stderr);
    assert!(run.left().is_empty(), "{:?}", run.left());
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn words_that_are_wrong_leave_nothing() {
    let namespace = incidents().namespace("healthy");
    let wrong: [&[&str]; 4] = [
        &["--incident-time", "yesterday-ish"],
        &["--context", "no-such-context"],
        &["--skip", "no-such-kind"],
        &["--profile", "no-such-profile"],
    ];
    for words in wrong {
        let run = collect(&[&["-n", namespace], words].concat()).expect(2);
        assert!(run.stderr.contains(words[1]), "{words:?}: {}", run.stderr);
        assert!(run.left().is_empty(), "{words:?}: {:?}", run.left());
    }
}
