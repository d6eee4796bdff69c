//! `--dry-run`: asks only what planning takes, writes nothing, and prints the very plan that runs.

use crate::support::{
    Run, World, prometheus,
    world::{NAMESPACE, POD},
};
use kubectl_escalate::{collectors, profile::Profile};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn world() -> World {
    let mut world = World::one();
    world.server(NAMESPACE, "spirl-server-7f9c-bbbbb");
    world.change("pods", POD, |pod| {
        pod["status"]["containerStatuses"][0]["restartCount"] = 1.into();
        pod["status"]["containerStatuses"][0]["lastState"] =
            json!({ "terminated": { "exitCode": 1, "finishedAt": "2024-03-05T09:59:00Z" } });
    });
    world
}

/// Tasks by id: the request, or why there is none.
type Plan = BTreeMap<String, (String, bool)>;

fn planned(arguments: &[&str], world: World) -> Plan {
    let api = world.serve();
    let ended =
        Run::collect(&api).args(["--dry-run", "-o", "json", "--prometheus", "none"]).args(arguments).finish().exits(0);
    assert!(ended.files().is_empty(), "{:?}", ended.files());
    let plan: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let tasks = plan["clusters"][0]["tasks"].as_array().expect("tasks").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    tasks.map(|task| (text(&task["id"]), (text(&task["request"]), task["required"] == true))).collect()
}

fn ran(arguments: &[&str], world: World) -> Plan {
    let api = world.serve();
    // Without logs and scrapes nobody says who this is.
    let bundle = Run::collect(&api)
        .args(["--trust-domain", "example.org", "--prometheus", "none"])
        .args(arguments)
        .finish()
        .exits(0)
        .bundle();
    let request = |task: &kubectl_escalate::bundle::TaskRecord| {
        if task.started.is_some() { task.request.clone() } else { String::new() }
    };
    // What is answered by what was listed was not planned.
    let tasks = bundle.manifest().tasks.iter().filter(|task| !task.is_derived());
    tasks
        .map(|task| (task.id.strip_prefix("prod/").expect("its cluster").to_owned(), (request(task), task.required)))
        .collect()
}

#[test]
fn it_asks_only_for_version_discovery_the_selection_and_pods() {
    let api = world().serve();
    let ended = Run::collect(&api).args(["--dry-run"]).finish().exits(0);
    assert!(ended.files().is_empty());
    let neighbours = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    for asked in api.asked() {
        let known = ["/version", "/api", "/apis", "/api/v1/pods", "/api/v1/namespaces", &neighbours];
        assert!(known.contains(&asked.path.as_str()), "{}", asked.target);
    }
    assert!(
        ended.stdout.contains("nothing was written") && ended.stdout.contains("limits   deadline 5 min"),
        "{}",
        ended.stdout
    );
}

#[test]
fn the_plan_is_the_one_that_runs() {
    for arguments in [&[][..], &["--skip", "previous-logs,configmaps"], &["-n", NAMESPACE, "--skip", "logs,scrapes"]] {
        let (plan, run) = (planned(arguments, world()), ran(arguments, world()));
        assert_eq!(plan, run, "with {arguments:?}");
    }
}

#[test]
fn a_cluster_that_is_not_reached_has_no_plan() {
    let ended = Run::new(["collect", "--dry-run"]).context("away", "http://127.0.0.1:1").finish().exits(4);
    assert!(ended.stderr.contains("was not reached"), "{}", ended.stderr);
}

#[test]
fn what_a_prometheus_will_be_asked_is_planned() {
    let (api, server) = (world().serve(), prometheus::serve());
    let of = ["--prometheus", &server.url(), "--query", "own=up"];
    let ended = Run::collect(&api).args(["--dry-run", "-o", "json"]).args(of).finish().exits(0);
    assert!(server.asked().is_empty());
    let plan: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let ids = |tasks: &Value| -> Vec<String> {
        let ids = tasks.as_array().expect("tasks").iter().filter_map(|task| task["id"].as_str());
        let mut ids: Vec<_> = ids.map(|id| id.trim_start_matches("prod/").to_owned()).collect();
        ids.retain(|id| ["query/", "prometheus", "samples"].iter().any(|kind| id.starts_with(kind)));
        ids.sort();
        ids
    };
    let bundle = Run::collect(&api).args(of).finish().exits(0).bundle();
    let ran = serde_json::to_value(&bundle.manifest().tasks).expect("JSON");
    assert_eq!(ids(&plan["clusters"][0]["tasks"]), ids(&ran));
    // Every query of the profile and the user's own, the Prometheus, three kinds of what it has, and the samples.
    let queries = Profile::load("trust-domain-server", &collectors::optional()).expect("a profile").queries.len();
    assert_eq!(ids(&ran).len(), queries + 1 + 1 + 3 + 1);
}

#[test]
fn second_scrapes_are_planned_for_where_no_prometheus_answers() {
    let second = |arguments: &[&str]| {
        let api = world().serve();
        let ended = Run::collect(&api).args(["--dry-run"]).args(arguments).finish().exits(0);
        ended.stdout.lines().filter(|line| line.contains("once more")).map(str::to_owned).collect::<Vec<_>>()
    };
    let planned = second(&["--scrape-gap", "10s"]);
    assert_eq!(planned.len(), 2, "{planned:#?}");
    for line in planned {
        assert!(line.contains("/proxy/metrics, if no Prometheus answers for the servers"), "{line}");
    }
    assert_eq!(second(&["--scrape-gap", "0s"]).len(), 0);
}
