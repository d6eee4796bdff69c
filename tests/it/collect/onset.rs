//! Where no incident was named, one is proposed from the evidence, with the command that collects around it.

use crate::support::{Reply, Run, World, prometheus, world::POD};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kubectl_escalate::bundle::ChecklistItem;
use serde_json::json;

fn ago(minutes: i64) -> DateTime<Utc> {
    Utc::now() - TimeDelta::minutes(minutes)
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The first item of the checklist, of a pod that ended at `ended` and logs so many errors at these moments.
fn logs_of(ended: Option<DateTime<Utc>>, errors: &[(DateTime<Utc>, usize)]) -> ChecklistItem {
    let mut world = World::one();
    world.change("pods", POD, |pod| {
        let status = &mut pod["status"]["containerStatuses"][0];
        status["state"] = json!({ "running": { "startedAt": stamp(ended.unwrap_or(ago(600))) } });
        if let Some(ended) = ended {
            status["restartCount"] = 1.into();
            status["lastState"] =
                json!({ "terminated": { "exitCode": 2, "startedAt": stamp(ago(300)), "finishedAt": stamp(ended) } });
        }
    });
    let api = world.serve();
    let info =
        |at: DateTime<Utc>| format!("{} {{\"level\":\"info\"}}\n", at.to_rfc3339_opts(SecondsFormat::Nanos, true));
    let mut log = info(ago(25));
    for (at, count) in errors {
        log += &info(*at).replace("info", "error").repeat(*count);
    }
    api.on_log(POD, false, move |_| Reply::text(log.clone()));
    api.on_log(POD, true, move |_| Reply::text(""));
    let run = Run::new(["collect"]).context("prod", &api.url());
    let out = run.out();
    let ended = run.args(["--to".as_ref(), out.as_os_str()]).finish().exits(0);
    let item = ended.bundle().manifest().checklist[0].clone();
    assert!(ended.stderr.contains(item.command.as_ref().expect("a command")), "{}", ended.stderr);
    item
}

#[test]
fn nothing_is_proposed_where_nothing_happened() {
    let item = logs_of(None, &[(ago(8), 2)]);
    assert!(!item.detail.contains("may have begun"), "{item:?}");
    assert!(item.command.expect("a command").ends_with("--incident-time TIME"));
}

#[test]
fn a_jump_of_errors_is() {
    let (at, usual) = (ago(8), [ago(20), ago(19)].map(|at| (at, 1)));
    let item = logs_of(None, &[&usual[..], &[(at, 40)]].concat());
    let said = format!("it may have begun at {}: errors of {POD}/server rise from 0 to 40 a minute", stamp(at));
    assert!(item.detail.contains(&said), "{item:?}");
    assert!(item.command.expect("a command").ends_with(&format!("--incident-time {}", stamp(at))));
}

#[test]
fn so_is_the_first_alert_that_began_within_the_window_and_fires() {
    let (api, server) = (World::one().serve(), prometheus::serve());
    let (first, others) = (ago(11), [(ago(900), "firing"), (ago(14), "pending"), (ago(7), "firing")]);
    let alert = |at: DateTime<Utc>, state: &str| json!({ "labels": { "alertname": "MintErrors", "namespace": "tdd-one" }, "state": state, "activeAt": stamp(at) });
    let alerts: Vec<_> = others.iter().map(|(at, state)| alert(*at, state)).chain([alert(first, "firing")]).collect();
    let answer = json!({ "status": "success", "data": { "alerts": alerts } });
    server.on(move |asked| asked.path.ends_with("/alerts").then(|| Reply::json(&answer)));
    let run = Run::new(["collect", "--prometheus", &server.url()]).context("prod", &api.url());
    let out = run.out();
    let bundle = run.args(["--to".as_ref(), out.as_os_str()]).finish().exits(0).bundle();
    let item = &bundle.manifest().checklist[0];
    let said = format!("it may have begun at {}: the alert MintErrors begins", stamp(first));
    assert!(item.detail.contains(&said), "{item:?}");
}

#[test]
fn so_is_the_first_restart_when_it_came_first() {
    let at = ago(12);
    let item = logs_of(Some(at), &[(ago(4), 40)]);
    assert!(item.detail.contains(&format!("{POD}/server ended and restarted")), "{item:?}");
    assert!(!item.detail.contains("go from"), "{item:?}");
    assert!(item.command.expect("a command").ends_with(&format!("--incident-time {}", stamp(at))));
}
