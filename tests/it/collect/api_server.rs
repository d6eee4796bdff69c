//! What the API server says of itself.

use crate::support::{Reply, Run, World};
use kubectl_escalate::bundle::Outcome;

const NOT_READY: &str =
    "[+]ping ok\n[-]etcd failed: dial postgres://jane:correct-horse-battery@db:5432\nreadyz check failed\n";

#[test]
fn its_version_is_kept_as_it_was_answered() {
    let api = World::one().serve();
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    bundle.outcome("version", Outcome::Collected);
    let version: serde_json::Value = bundle.json("clusters/prod/api/version.json");
    assert!(version["gitVersion"].is_string(), "{version}");
}

#[test]
fn which_of_its_checks_fail_is_kept_whatever_the_status() {
    let api = World::one().serve();
    api.on_path("/readyz", |_| Reply::text(NOT_READY).with_status(500));
    api.on_path("/livez", |_| Reply::text("[+]ping ok\nlivez check passed\n"));
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let task = bundle.outcome("health/readyz", Outcome::Collected);
    assert_eq!(task.causes, ["the API server answered with status 500: a check failed"]);
    let text = bundle.text("clusters/prod/api/readyz.txt");
    assert!(text.contains("[-]etcd failed") && !text.contains("correct-horse-battery"), "{text}");
    assert!(bundle.outcome("health/livez", Outcome::Collected).causes.is_empty());
    assert_eq!(bundle.text("clusters/prod/api/livez.txt"), "[+]ping ok\nlivez check passed\n");
    let asked = api.asked_for("/readyz");
    assert_eq!(asked.iter().map(|asked| asked.target.as_str()).collect::<Vec<_>>(), ["/readyz?verbose"]);
}

#[test]
fn a_health_that_may_not_be_asked_for_is_forbidden_and_not_required() {
    let api = World::one().serve();
    for path in ["/readyz", "/livez"] {
        api.on_path(path, |_| Reply::forbidden());
    }
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let task = bundle.outcome("health/livez", Outcome::Forbidden);
    let hint = task.hint.as_deref().unwrap_or_default();
    assert!(!task.required && hint.contains("get the path /livez") && hint.contains("rbac"), "{hint}");
}

#[test]
fn the_role_for_its_health_names_paths() {
    let api = World::one().serve();
    let ended = Run::new(["rbac"]).context("prod", &api.url()).finish().exits(0);
    let roles: Vec<&str> = ended.stdout.split("---\n").filter(|role| role.contains("nonResourceURLs")).collect();
    let [role] = roles[..] else { panic!("{roles:#?}") };
    assert!(role.contains("kind: ClusterRole") && role.contains("/livez") && role.contains("/readyz"), "{role}");
}

#[test]
fn its_health_can_be_left_out() {
    let api = World::one().serve();
    let bundle = Run::collect(&api).args(["--skip", "api-server-health"]).finish().exits(0).bundle();
    bundle.outcome("kind/api-server-health", Outcome::Skipped);
    assert!(api.asked_for("/readyz").is_empty());
}
