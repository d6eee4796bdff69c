//! Where the workload is looked for and found, and what of a shared namespace is left alone.

use crate::support::{Reply, Run, World, world::pod};
use kubectl_escalate::bundle::Outcome;
use serde_json::json;

fn two() -> World {
    let mut world = World::one();
    world.server("tdd-two", "spirl-server-two");
    world
}

#[test]
fn the_servers_are_found_by_label_over_the_cluster() {
    let api = World::one().serve();
    let ended = Run::collect(&api).finish().exits(0);
    assert!(
        ended.stderr.contains("namespace tdd-one (by label app.kubernetes.io/name=spirl-server)"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.bundle().manifest().clusters[0].namespaces, ["tdd-one"]);
}

#[test]
fn where_that_is_forbidden_by_the_names_of_namespaces() {
    let api = World::one().serve();
    api.on(|asked| (asked.path == "/api/v1/pods").then(Reply::forbidden));
    let ended = Run::collect(&api).finish().exits(0);
    assert!(ended.stderr.contains("namespace tdd-one (by the namespaces' names)"), "{}", ended.stderr);
}

#[test]
fn and_last_in_the_namespace_of_the_context() {
    let api = World::one().serve();
    api.on(|asked| ["/api/v1/pods", "/api/v1/namespaces"].contains(&asked.path.as_str()).then(Reply::forbidden));
    let ended = Run::collect(&api).context_namespace("tdd-one").finish().exits(0);
    assert!(ended.stderr.contains("the context's namespace"), "{}", ended.stderr);
    ended.bundle().outcome("log/tdd-one/spirl-server-7f9c-aaaaa/server", Outcome::Collected);
}

#[test]
fn several_deployments_are_listed_each_with_its_command() {
    let api = two().serve();
    let ended = Run::collect(&api).finish().exits(2);
    for command in ["kubectl escalate collect -n tdd-one ", "kubectl escalate collect -n tdd-two "] {
        assert!(ended.stderr.contains(command), "{}", ended.stderr);
    }
    assert!(ended.files().is_empty() && ended.stdout.is_empty());
}

#[test]
fn the_command_of_each_deployment_works() {
    let api = two().serve();
    let bundle = Run::collect(&api).args(["-n", "tdd-two"]).finish().exits(0).bundle();
    assert!(bundle.manifest().tasks.iter().all(|task| task.namespace.as_deref() != Some("tdd-one")));
    assert!(!bundle.holds("spirl-server-7f9c-aaaaa"));
}

#[test]
fn all_namespaces_takes_those_of_the_profile_and_never_more() {
    let mut world = two();
    world.namespace("somebody-else");
    world.add("pods", {
        let mut theirs = pod("somebody-else", "theirs");
        theirs["metadata"]["labels"] = json!({});
        theirs
    });
    let api = world.serve();
    let bundle = Run::collect(&api).args(["-A"]).finish().exits(0).bundle();
    assert_eq!(bundle.manifest().clusters[0].namespaces, ["tdd-one", "tdd-two"]);
    assert!(!bundle.holds("theirs"));
}

#[test]
fn a_namespace_that_is_not_there_is_the_users_mistake() {
    let api = World::one().serve();
    let ended = Run::collect(&api).args(["-n", "tdd-typo"]).finish().exits(2);
    assert!(ended.stderr.contains("there is no namespace \"tdd-typo\""), "{}", ended.stderr);
    assert!(ended.files().is_empty());
}

/// A server between other tenants' pods, all in one namespace.
fn shared() -> World {
    let mut world = World::default();
    world.server("shared", "spirl-server-7f9c-aaaaa");
    world.object("replicasets", "shared", "spirl-server-7f9c", json!({}));
    let mut theirs = pod("shared", "tenant-1");
    theirs["metadata"]["labels"] = json!({ "app": "tenant" });
    theirs["metadata"]["ownerReferences"][0]["uid"] = "uid-tenant".into();
    theirs["metadata"]["ownerReferences"][0]["name"] = "tenant".into();
    world.add("pods", theirs);
    world.log("shared", "tenant-1", false, "2024-03-05T14:00:00Z words of the tenant\n");
    world.object("configmaps", "shared", "settings-of-the-tenant", json!({}));
    world.object(
        "services",
        "shared",
        "spirl",
        json!({ "spec": { "selector": { "app.kubernetes.io/name": "spirl-server" } } }),
    );
    world.object("services", "shared", "service-of-the-tenant", json!({ "spec": { "selector": { "app": "tenant" } } }));
    let about = |name: &str| json!({ "involvedObject": { "kind": "Pod", "name": name, "uid": format!("uid-{name}") } });
    world.object("events", "shared", "ours.1", about("spirl-server-7f9c-aaaaa"));
    world.object("events", "shared", "ours-gone.1", about("spirl-server-7f9c-bbbbb"));
    world.object("events", "shared", "event-of-the-tenant", about("tenant-1"));
    world
}

#[test]
fn of_a_shared_namespace_only_what_is_ours_is_taken() {
    let api = shared().serve();
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    assert!(!bundle.holds("tenant"), "{:#?}", bundle.paths());
    bundle.outcome("log/shared/spirl-server-7f9c-aaaaa/server", Outcome::Collected);
    let events = bundle.json("clusters/prod/namespaces/shared/events.json");
    assert_eq!(events["rows"].as_array().map(Vec::len), Some(2));
    assert!(bundle.holds("clusters/prod/namespaces/shared/services/spirl.yaml"));
    assert!(!api.asked().iter().any(|asked| asked.target.contains("tenant")));
}
