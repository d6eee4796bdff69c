//! Queries that objects answer, where no Prometheus does.

use super::metrics::{check, metrics, query, run};
use crate::support::{
    Run, World, prometheus,
    world::{NAMESPACE, POD},
};
use chrono::{SecondsFormat, TimeDelta, Utc};
use kubectl_escalate::bundle::{CheckState, Judged};
use serde_json::json;

/// A server that was killed for want of memory some minutes ago, and is not ready since.
fn killed(minutes: i64) -> World {
    let ended = (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut world = World::one();
    world.change("pods", POD, |pod| {
        pod["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "500m", "memory": "96Mi"}});
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
        let status = &mut pod["status"]["containerStatuses"][0];
        status["restartCount"] = json!(7);
        status["lastState"] =
            json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": ended, "finishedAt": ended}});
    });
    world
}

#[test]
fn what_they_state_is_an_answer_as_of_now() {
    let bundle = Run::collect(&killed(20).serve()).finish().exits(0).bundle();
    for id in ["oom-killed", "restarts", "not-ready"] {
        let record = query(&bundle, id);
        assert_eq!((record.answer.verdict, record.answer.of_objects), (Judged::Alert, true), "{id}: {record:?}");
        let worst = record.answer.worst.as_ref().expect("a value");
        assert_eq!((worst.value.as_str(), worst.labels["pod"].as_str()), ("1", POD), "{id}");
        let entry = record.entry.as_deref().expect("an entry");
        assert!(entry.ends_with(&format!("/{id}.objects.json")), "{entry}");
        assert_eq!(bundle.json(entry)["answer"]["result"][0]["metric"]["namespace"], NAMESPACE);
    }
    // Nothing states a use of memory, so nothing is said of it.
    assert!(bundle.manifest().queries.iter().all(|record| record.id != "memory"));
    let text = bundle.text(&metrics("queries.txt"));
    assert!(text.contains("ALERT (> 0), worst 1 of") && text.contains("from the objects at"), "{text}");
    let (state, detail, _) = check(&bundle);
    assert_eq!(state, CheckState::Partial, "{detail}");
    let samples = bundle.text(&metrics("samples.openmetrics"));
    let lines = [
        "kube_pod_container_resource_limits{container=\"server\",namespace=\"tdd-one\",node=\"node-a\",pod=\"spirl-server-7f9c-aaaaa\",region=\"eu-west-1\",resource=\"memory\",trust_domain=\"example.org\",",
        "kube_pod_container_status_restarts_total{container=\"server\",namespace=\"tdd-one\",",
    ];
    for line in lines {
        assert!(samples.contains(line), "{line} in\n{samples}");
    }
    assert!(samples.ends_with("# EOF\n") && samples.contains("} 100663296 "), "{samples}");
}

#[test]
fn what_is_over_is_not_told_as_of_now() {
    let bundle = Run::collect(&killed(70).serve()).finish().exits(0).bundle();
    for id in ["oom-killed", "restarts"] {
        assert!(bundle.manifest().queries.iter().all(|record| record.id != id), "{id}");
    }
}

#[test]
fn a_prometheus_that_has_a_value_has_the_last_word() {
    let (api, server) = (killed(20).serve(), prometheus::serve());
    let bundle = run(&api, &server).finish().exits(0).bundle();
    let record = query(&bundle, "restarts");
    assert!(
        !record.answer.of_objects && !record.entry.as_deref().unwrap_or_default().contains("objects"),
        "{record:?}"
    );
    assert!(bundle.paths().iter().all(|path| !path.ends_with(".objects.json")));
    // What the objects state is among the samples all the same.
    let samples = bundle.text(&metrics("samples.openmetrics"));
    assert!(samples.contains("kube_pod_container_status_last_terminated_reason{"), "{samples}");
}
