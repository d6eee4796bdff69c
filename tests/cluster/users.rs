//! Users with few rights: they get all they may have, and the name of each rule they lack.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{Made, apply, bind, incidents, kubeconfig, kubeconfig_of, let_view, wait_for_right},
    tool::{Run, collect_as, program_text},
};
use serde_json::{Value, json};
use std::path::PathBuf;
use tempfile::TempDir;

/// A copy of a user's kubeconfig whose context has this namespace.
fn kubeconfig_in(user: &str, namespace: &str) -> (TempDir, PathBuf) {
    let mut config: Value =
        serde_yaml::from_slice(&std::fs::read(kubeconfig_of(user)).expect("a kubeconfig")).expect("YAML");
    for context in config["contexts"].as_array_mut().expect("contexts") {
        context["context"]["namespace"] = namespace.into();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, config.to_string()).expect("a copy");
    (folder, path)
}

/// Every refusal names the rule that would grant it, in the manifest; the summary names some, and
/// README.txt all.
fn assert_refusals_are_named(run: &Run, bundle: &Bundle) {
    let forbidden: Vec<&Value> = bundle.with_outcome("forbidden").collect();
    assert!(!forbidden.is_empty(), "nothing was refused");
    for task in &forbidden {
        let hint = text(&task["hint"]);
        let verb = if ["list", "prometheus"].contains(&text(&task["kind"])) { "list" } else { "get" };
        assert!(hint.contains("needs") && hint.contains(verb), "{task:#}");
        assert!(task["causes"].to_string().to_lowercase().contains("forbidden"), "{task:#}");
        assert!(
            bundle.text("README.txt").contains(hint.split(';').next().unwrap_or_default()),
            "README.txt lacks: {hint}"
        );
    }
    assert!(run.stderr.contains("forbidden"), "{}", run.stderr);
    for outcome in ["failed", "timed-out", "cancelled", "truncated"] {
        assert_eq!(bundle.with_outcome(outcome).count(), 0, "{outcome}");
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn someone_who_may_read_pods_and_logs_gets_just_these() {
    let (user, namespace) = ("podlogs", incidents().namespace("healthy"));
    let mut made = Made::default();
    made.add(&["role", "-n", namespace, "escalate-test-podlogs"]);
    let rules = json!([
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    ]);
    let meta = json!({"name": "escalate-test-podlogs", "namespace": namespace});
    apply(
        &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": rules})
            .to_string(),
    );
    bind(
        &mut made,
        namespace,
        user,
        &json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "escalate-test-podlogs"}),
    );
    wait_for_right(user, true, &["get", "pods/log", "-n", namespace]);

    // Events are required, and were refused.
    let run = collect_as(&kubeconfig_of(user), &["-n", namespace]).expect(3);
    let bundle = run.bundle();
    bundle.assert_sound();
    assert_refusals_are_named(&run, &bundle);
    assert!(run.stderr.contains(&format!("cannot check whether the namespace {namespace} exists")), "{}", run.stderr);
    assert_eq!(
        bundle.outcomes(&["log"]).iter().filter(|(_, outcome)| outcome == "collected").count(),
        2,
        "{:?}",
        bundle.outcomes(&["log"])
    );
    let lists = bundle.with_outcome("collected").filter(|task| task["kind"] == "list");
    assert_eq!(lists.map(|task| text(&task["target"])).collect::<Vec<_>>(), ["pods"]);
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn someone_who_may_view_a_namespace_need_not_name_it() {
    let (user, namespace) = ("viewer", incidents().namespace("healthy"));
    let mut made = Made::default();
    let_view(&mut made, namespace, user);
    let (_folder, kubeconfig) = kubeconfig_in(user, namespace);

    let run = collect_as(&kubeconfig, &[]).expect(3);
    let bundle = run.bundle();
    bundle.assert_sound();
    assert_refusals_are_named(&run, &bundle);
    assert!(run.stderr.contains(namespace) && run.stderr.contains("the context's namespace"), "{}", run.stderr);
    let had = |target: &str| bundle.with_outcome("collected").any(|task| task["target"] == target);
    for target in [
        "pods",
        "events",
        "deployments.apps",
        "configmaps",
        "services",
        "horizontalpodautoscalers.autoscaling",
        "poddisruptionbudgets.policy",
    ] {
        assert!(had(target), "{target} may be viewed");
    }
    // Stock `view` reaches neither nodes nor the proxy of pods.
    let refused: Vec<&str> = bundle.with_outcome("forbidden").map(|task| text(&task["kind"])).collect();
    assert!(refused.contains(&"scrape") && refused.contains(&"object"), "{refused:?}");
}

/// Roles, ClusterRoles and their bindings.
fn roles_of(namespace: &str, user: &str) -> Vec<Value> {
    let kubeconfig = kubeconfig();
    let text = program_text(&[
        "rbac",
        "--kubeconfig",
        &kubeconfig.to_string_lossy(),
        "-n",
        namespace,
        "--user",
        user,
        "--name",
        "escalate-test-rbac",
    ]);
    let documents = serde_yaml::Deserializer::from_str(&text);
    documents.map(|document| serde::Deserialize::deserialize(document).expect("YAML")).collect()
}

fn apply_all(made: &mut Made, objects: &[Value]) {
    for object in objects {
        let (kind, name) = (text(&object["kind"]).to_lowercase(), text(&object["metadata"]["name"]));
        match object["metadata"]["namespace"].as_str() {
            Some(namespace) => made.add(&[&kind, "-n", namespace, name]),
            None => made.add(&[&kind, name]),
        }
    }
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string());
}

/// One thing that a role allows.
struct Single {
    role: usize,
    rule: usize,
    resource: usize,
    /// For `kubectl auth can-i`.
    words: Vec<String>,
}

fn singles(roles: &[Value]) -> Vec<Single> {
    let mut found = Vec::new();
    for (role, object) in roles.iter().enumerate() {
        for (rule, held) in object["rules"].as_array().into_iter().flatten().enumerate() {
            // Kubernetes allows everybody the paths that are no resources (`system:public-info-viewer`), so leaving one
            // out of the role would change nothing.
            for (resource, name) in held["resources"].as_array().into_iter().flatten().enumerate() {
                let (name, group) = (text(name), text(&held["apiGroups"][0]));
                let (plural, sub) = name.split_once('/').unwrap_or((name, ""));
                let mut words = vec![
                    text(&held["verbs"][0]).to_owned(),
                    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") },
                ];
                if let Some(named) = held["resourceNames"][0].as_str() {
                    words[1].push_str(&format!("/{named}"));
                }
                if !sub.is_empty() {
                    words.push(format!("--subresource={sub}"));
                }
                if let Some(namespace) = object["metadata"]["namespace"].as_str() {
                    words.extend(["-n".to_owned(), namespace.to_owned()]);
                }
                found.push(Single { role, rule, resource, words });
            }
        }
    }
    found
}

/// The roles without one of the things they allow.
fn without(roles: &[Value], single: &Single) -> Value {
    let mut role = roles[single.role].clone();
    let rules = role["rules"].as_array_mut().expect("rules");
    let resources = rules[single.rule]["resources"].as_array_mut().expect("resources");
    resources.remove(single.resource);
    if resources.is_empty() {
        rules.remove(single.rule);
    }
    role
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_printed_role_is_enough_and_the_least() {
    let (user, namespace) = ("rbacuser", incidents().namespace("healthy"));
    let roles = roles_of(namespace, user);
    let rules = || roles.iter().flat_map(|role| role["rules"].as_array().into_iter().flatten());
    for rule in rules() {
        assert!(rule["verbs"] == json!(["get"]) || rule["verbs"] == json!(["list"]), "{rule}");
        let written = rule["resources"].to_string();
        assert!(
            !["secrets", "exec", "attach", "portforward", "ephemeralcontainers", "*"]
                .iter()
                .any(|never| written.contains(never)),
            "{rule}"
        );
    }
    let paths: Vec<&Value> = rules().map(|rule| &rule["nonResourceURLs"]).filter(|paths| !paths.is_null()).collect();
    assert_eq!(paths, [&json!(["/livez", "/readyz"])]);
    let mut made = Made::default();
    apply_all(&mut made, &roles);
    let singles = singles(&roles);
    let words = |single: &Single| -> Vec<String> { single.words.clone() };
    for single in &singles {
        wait_for_right(user, true, &words(single).iter().map(String::as_str).collect::<Vec<_>>());
    }
    let run = collect_as(&kubeconfig_of(user), &["-n", namespace, "--prometheus", "none"]).expect(0);
    let bundle = run.bundle();
    bundle.assert_sound();
    for task in bundle.tasks().filter(|task| task["kind"] != "prometheus") {
        assert!(["collected", "empty", "absent"].contains(&text(&task["outcome"])), "{task:#}");
    }

    let mut needless = Vec::new();
    for single in &singles {
        let words = words(single);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        apply(&without(&roles, single).to_string());
        wait_for_right(user, false, &words);
        let bundle = collect_as(&kubeconfig_of(user), &["-n", namespace, "--prometheus", "none"]).bundle();
        if bundle.with_outcome("forbidden").count() == 0 {
            needless.push(words.join(" "));
        }
        apply(&roles[single.role].to_string());
        wait_for_right(user, true, &words);
    }
    eprintln!("{} rights, each left out once", singles.len());
    // Asked only where a pod may have been replaced under its name, which no incident shows.
    needless.retain(|right| *right != format!("get pods -n {namespace}"));
    assert!(needless.is_empty(), "without these nothing was refused: {needless:#?}");
}
