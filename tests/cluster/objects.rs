//! Objects are as kubectl shows them: tables column by column, YAML as data.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{assert_same, incidents, kubectl_json, kubectl_text, pods, until},
    tool::collect,
};
use serde_json::Value;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);

/// Whether a word is an age, such as `5d20h` or `8m15s`: all that changes while nothing happens.
fn is_age(word: &str) -> bool {
    let word = word.trim_matches(['(', ')']);
    word.chars().next().is_some_and(|first| first.is_ascii_digit())
        && word.chars().last().is_some_and(|last| "smhdy".contains(last))
        && word.chars().all(|letter| letter.is_ascii_digit() || "smhdy".contains(letter))
}

/// The words of each line, with every age written alike.
fn words(table: &str) -> Vec<String> {
    let word = |word| if is_age(word) { "AGE" } else { word };
    table.lines().map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")).collect()
}

/// Collects until kubectl said the same before and after, so that its words are those of that time.
fn collected_beside(namespace: &str, resource: &str) -> (Bundle, String, String) {
    let table = || kubectl_text(&["get", resource, "-n", namespace, "-o", "wide"]);
    until(&format!("{resource} of {namespace} stay as they are during a collection"), LIMIT, || {
        let before = table();
        let bundle = collect(&["-n", namespace]).bundle();
        let after = table();
        if words(&before) == words(&after) { Ok((bundle, before, after)) } else { Err(after) }
    })
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn tables_are_as_kubectl_prints_them() {
    for (incident, resource) in
        [("healthy", "pods"), ("healthy", "events"), ("unschedulable", "events"), ("ephemeral", "deployments")]
    {
        let namespace = incidents().namespace(incident);
        let (bundle, before, after) = collected_beside(namespace, resource);
        let ours = bundle.text(&format!("namespaces/{namespace}/{resource}.txt"));
        assert!(ours.lines().count() > 1, "{incident}: {resource}: {ours}");
        assert_same(&format!("{incident}: {resource}"), &words(ours), &words(&before));
        // Where not even an age changed, the widths of the columns are the same, too.
        if before == after {
            assert_eq!(ours, before, "{incident}: {resource}");
        }
    }
}

/// kubectl hides who manages which field, and so the comparison does.
fn without_managed_fields(mut object: Value) -> Value {
    object["metadata"].as_object_mut().expect("metadata").remove("managedFields");
    object
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn objects_are_as_kubectl_gets_them() {
    let namespace = incidents().namespace("healthy");
    let resources = [
        "deployments",
        "replicasets",
        "services",
        "configmaps",
        "serviceaccounts",
        "poddisruptionbudgets",
        "networkpolicies",
        "endpointslices",
    ];
    let bundle = collect(&["-n", namespace]).bundle();
    let mut seen = 0;
    for resource in resources {
        for object in kubectl_json(&["get", resource, "-n", namespace])["items"].as_array().expect("items") {
            let ending = format!("{namespace}/{resource}/{}.yaml", text(&object["metadata"]["name"]));
            assert_eq!(
                bundle.record(&ending)["redactions"].as_object().map_or(0, |counts| counts.len()),
                0,
                "{ending}"
            );
            let ours: Value = serde_yaml::from_slice(bundle.file(&ending)).expect("YAML");
            assert_eq!(without_managed_fields(ours), without_managed_fields(object.clone()), "{ending}");
            seen += 1;
        }
    }
    assert!(seen >= 8, "only {seen} objects were compared");
    // A pod's status changes on its own account; its specification does not.
    for pod in pods(namespace) {
        let ours: Value = serde_yaml::from_slice(bundle.file(&format!("{pod}/pod.yaml"))).expect("YAML");
        let theirs = kubectl_json(&["get", "pod", "-n", namespace, &pod]);
        assert_eq!(ours["spec"], theirs["spec"]);
        assert_eq!(ours["metadata"]["uid"], theirs["metadata"]["uid"]);
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn custom_resources_come_without_their_contents() {
    let namespace = incidents().namespace("healthy");
    let wrapped = kubectl_json(&["get", "datas.data.spirl.com", "-n", namespace, "configuration"]);
    let wrapped = text(&wrapped["spec"]["wrappedKeys"][0]["ciphertext"]).to_owned();
    assert!(wrapped.len() > 40, "the incident has a wrapped key");
    let bundle = collect(&["-n", namespace]).bundle();
    let ours: Value = serde_yaml::from_slice(bundle.file("datas.data.spirl.com/configuration.yaml")).expect("YAML");
    assert!(ours["metadata"]["creationTimestamp"].is_string() && ours.get("spec").is_none(), "{ours:#}");
    for (path, bytes) in &bundle.files {
        assert!(memchr::memmem::find(bytes, wrapped.as_bytes()).is_none(), "{path} holds a wrapped key");
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn autoscaler_and_metrics_show_real_use() {
    let namespace = incidents().namespace("healthy");
    until("the autoscaler has a reading", LIMIT, || {
        let scaler = kubectl_json(&["get", "horizontalpodautoscalers", "-n", namespace]);
        let current = &scaler["items"][0]["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"];
        current.as_u64().ok_or_else(|| scaler["items"][0]["status"].to_string())
    });
    let bundle = collect(&["-n", namespace]).expect(0).bundle();
    let table = bundle.text("horizontalpodautoscalers.txt");
    assert!(table.contains("%/70%") && !table.contains("<unknown>"), "{table}");
    let usage = bundle.text("pods.metrics.k8s.io.txt");
    for pod in pods(namespace) {
        assert!(usage.contains(&pod), "{usage}");
        let of_pod: Value =
            serde_yaml::from_slice(bundle.file(&format!("pods.metrics.k8s.io/{pod}.yaml"))).expect("YAML");
        assert!(!text(&of_pod["containers"][0]["usage"]["cpu"]).is_empty(), "{of_pod:#}");
    }
}
