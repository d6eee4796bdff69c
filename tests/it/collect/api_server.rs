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
fn its_own_answer_is_kept_at_once_with_its_status() {
    const READY: &str = "[+]ping ok\nreadyz check passed\n";
    for (status, body) in [(200, READY), (200, "ok"), (500, NOT_READY), (503, NOT_READY)] {
        let api = World::one().serve();
        api.on_path("/readyz", move |_| Reply::text(body).with_status(status));
        let bundle = Run::collect(&api).finish().exits(0).bundle();
        let task = bundle.outcome("health/readyz", Outcome::Collected);
        assert_eq!((task.http_status, task.causes.is_empty()), (Some(status), status == 200), "{body}");
        assert_eq!(api.asked_for("/readyz").len(), 1, "{status} {body}");
    }
}

#[test]
fn what_something_before_it_answers_is_not_its_health() {
    const PAGE: &str = "<html>\n<head><title>502 Bad Gateway</title></head>\n</html>\n";
    for (status, body, said, attempts) in [
        (502, PAGE, "status 502: Bad Gateway: <html>", 2),
        (503, "no healthy upstream", "status 503: Service Unavailable: no healthy upstream", 2),
        (500, "", "status 500: Internal Server Error", 1),
        (200, "", "status 200: OK", 1),
        (200, "<html>Sign in</html>", "status 200: OK: <html>Sign in</html>", 1),
    ] {
        let api = World::one().serve();
        api.on_path("/readyz", move |_| Reply::text(body).with_status(status));
        let bundle = Run::collect(&api).finish().exits(0).bundle();
        let task = bundle.outcome("health/readyz", Outcome::Failed);
        let [cause, answer] = &task.causes[..] else { panic!("{task:?}") };
        assert!(cause.contains("lists no checks") && answer.starts_with(said), "{task:?}");
        assert!(task.hint.as_deref().is_some_and(|hint| hint.contains("load balancer")), "{task:?}");
        assert!(task.http_status.is_none() && task.entries.is_empty(), "{task:?}");
        assert_eq!(api.asked_for("/readyz").len(), attempts, "{status} {body}");
    }
}

#[test]
fn while_it_restarts_its_health_is_requested_again() {
    for status in [429, 502, 503, 504] {
        let api = World::one().serve();
        api.on_path("/readyz", move |asked| match asked.earlier {
            0 => Reply::text("no healthy upstream").with_status(status),
            _ => Reply::text(NOT_READY).with_status(500),
        });
        let bundle = Run::collect(&api).finish().exits(0).bundle();
        assert_eq!(bundle.outcome("health/readyz", Outcome::Collected).http_status, Some(500), "{status}");
    }
}

#[test]
fn its_own_refusal_is_told_as_one() {
    let api = World::one().serve();
    api.on_path("/readyz", |_| Reply::status(500, "InternalError", "the request could not be authorized"));
    api.on_path("/livez", |_| Reply::text("404 page not found\n").with_status(404));
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let task = bundle.outcome("health/readyz", Outcome::Failed);
    assert!(task.causes.concat().contains("could not be authorized") && task.hint.is_none(), "{task:?}");
    bundle.outcome("health/livez", Outcome::Absent);
}

#[test]
fn its_health_comes_back_from_the_bundle_that_a_refused_run_completed() {
    let well = World::one().serve();
    well.on_path("/readyz", |_| Reply::text("[+]ping ok\nreadyz check passed\n"));
    let first = Run::collect(&well).finish().exits(0);
    let api = World::one().serve();
    api.on_path("/readyz", |_| Reply::forbidden());
    let run = Run::new(["collect", "--into", first.stdout.trim_end()]).context("prod", &api.url());
    let out = run.out();
    let bundle = run.args(["--to".as_ref(), out.as_os_str()]).finish().exits(0).bundle();
    let task = bundle.outcome("health/readyz", Outcome::Collected);
    assert!(task.http_status == Some(200) && task.causes.concat().contains("the later attempt failed"), "{task:?}");
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
