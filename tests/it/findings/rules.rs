//! Each rule of the server's profile is met by something, and not by a server that is well.

use super::{
    case::{Case, NAMESPACE, ago, now, pod, wrong},
    incidents,
};
use kubectl_escalate::{
    bundle::{
        Judged, Outcome,
        facts::{AutoscalerFacts, Condition, RunState},
    },
    findings,
    profile::Profile,
};
use serde_json::json;
use std::collections::BTreeSet;

/// What meets the rules that no incident of the stand-in server does.
fn others() -> Vec<(&'static str, Case)> {
    let well = Case::well;
    let condition = |kind: &str, status: &str, reason: &str| Condition {
        kind: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        ..Condition::default()
    };
    let with = |change: &dyn Fn(&mut Case)| {
        let mut case = well();
        change(&mut case);
        case
    };
    let autoscaler =
        |max, conditions| AutoscalerFacts { min: 1, max, current: 5, desired: 5, conditions, ..Default::default() };
    vec![
        ("container-not-created", well().waits("CreateContainerConfigError")),
        (
            "pods-not-made",
            with(&|case| {
                case.facts.workloads[0].conditions = vec![condition("ReplicaFailure", "True", "FailedCreate")]
            }),
        ),
        ("node-trouble", well().event("Pod/tdd-one-spirl-server-6f84f6f48f-aaaaa", "NodeNotReady", 1)),
        ("custom-resource-missing", with(&|case| case.facts.custom_resources[0].names.clear())),
        ("ready-check-down", well().ready_down("someNewCheck")),
        (
            "first-start",
            with(&|case| {
                *case = case.clone().not_ready();
                case.facts.workloads[0].created = Some(ago(2));
            }),
        ),
        (
            "memory-growing",
            well().query("memory", Judged::Unhealthy, "0.7", &[]).query("memory-trend", Judged::Value, "40000", &[]),
        ),
        ("calls-slow", well().query("api-latency", Judged::Alert, "2", &[])),
        ("hpa-at-maximum", with(&|case| case.facts.autoscalers = vec![autoscaler(5, Vec::new())])),
        (
            "hpa-blind",
            with(&|case| {
                let blind = condition("ScalingActive", "False", "FailedGetResourceMetric");
                case.facts.autoscalers = vec![autoscaler(9, vec![blind])];
            }),
        ),
        ("resources-below-recommended", well().container(|of| of.limits.clear())),
        (
            "version-skew",
            with(&|case| {
                let mut other = pod();
                other.pod = "other".to_owned();
                other.containers[0].image = "registry.example.org/spirl-server:0.41.0".to_owned();
                case.facts.pods.push(other);
            }),
        ),
        ("debug-logging", well().container(|of| of.env = [("SPIRL_LOG_DEBUG".to_owned(), "True".to_owned())].into())),
        (
            "metrics-port-closed",
            with(&|case| {
                for task in case.manifest.tasks.iter_mut().filter(|task| task.kind == "scrape") {
                    task.outcome = Outcome::Absent;
                }
            }),
        ),
        ("latency-not-measured", well().query("mint-latency", Judged::NoData, "", &[])),
    ]
}

#[test]
fn each_rule_is_met_by_something_and_not_by_a_server_that_is_well() {
    let mut met: BTreeSet<String> = BTreeSet::new();
    for (id, case) in others() {
        let findings = case.judge();
        assert!(findings.findings.iter().any(|it| it.id == id), "{id} is not met: {:?}", wrong(&findings));
        met.extend(findings.findings.into_iter().map(|it| it.id));
    }
    met.extend(incidents::met());
    let well = Case::well().judge();
    assert_eq!(well.findings.len(), 0, "{:?}", well.findings);
    for rule in &Case::well().profile.findings {
        assert!(met.contains(&rule.id), "nothing meets {}", rule.id);
    }
}

#[test]
fn a_server_that_is_well_has_an_answer_to_each_query() {
    let well = Case::well();
    let is_missing = |id: &&String| !well.manifest.queries.iter().any(|record| record.id == **id);
    let missing: Vec<&String> = well.profile.queries.iter().map(|rule| &rule.id).filter(is_missing).collect();
    assert!(
        missing.is_empty(),
        "add what a healthy server answers to {missing:?} to `Case::prometheus` in tests/it/findings/case.rs"
    );
}

#[test]
fn what_is_not_of_the_incident_or_not_of_a_server_meets_nothing() {
    // A run that ended days ago, a pod of a job, an autoscaler that may have one number of pods only.
    let long_ago = Case::well().ended("OOMKilled", 137, 3).container(|of| {
        of.last_state = of.last_state.take().map(|run| RunState { finished: Some(ago(60 * 48)), ..run });
    });
    let mut job = Case::well();
    let mut other = Case::well().waits("CrashLoopBackOff").facts.pods.remove(0);
    (other.is_server, other.pod) = (false, "job".to_owned());
    job.facts.pods.push(other);
    let job = job.event("Pod/job", "Unhealthy", 50);
    let mut fixed = Case::well();
    fixed.facts.autoscalers = vec![AutoscalerFacts { min: 2, max: 2, current: 2, desired: 2, ..Default::default() }];
    let mut starting = Case::well().not_ready();
    for condition in &mut starting.facts.pods[0].conditions {
        condition.since = Some(now());
    }
    for (what, case) in [("long ago", long_ago), ("a job", job), ("fixed", fixed), ("just now", starting)] {
        assert_eq!(wrong(&case.judge()), [""; 0], "{what}");
    }
}

#[test]
fn one_of_two_servers_that_is_not_ready_is_no_outage() {
    let mut case = Case::well();
    let mut other = Case::well().waits("ErrImagePull").facts.pods.remove(0);
    other.pod = "other".to_owned();
    case.facts.pods.push(other);
    let findings = case.judge();
    assert_eq!(wrong(&findings), ["image-pull", "not-ready"]);
    let root = &findings.findings[0];
    assert_eq!((root.pods.as_slice(), root.of_pods), ([format!("east/{NAMESPACE}/other")].as_slice(), 2));
}

#[test]
fn a_use_that_is_close_to_the_limit_is_seen_without_a_prometheus() {
    let case = Case::well().without_metrics().uses("memory", 500.0 * 1048576.0);
    assert_eq!(case.root_cause().as_deref(), Some("memory-high"));
    let case = Case::well().without_metrics();
    assert!(case.judge().not_checked.iter().any(|it| it.id == "memory-high" && it.why.contains("no metrics server")));
}

#[test]
fn only_the_worst_series_of_an_answer_is_known() {
    let labels = [("status_code", "signing_failed")];
    let mut case = Case::well().query("mint-failures", Judged::Alert, "1", &labels);
    case.manifest.queries.last_mut().expect("a query").answer.series = 2;
    let findings = case.judge();
    assert_eq!(findings.root_cause.as_deref(), Some("mint-signing-failed"));
    let why = findings.not_checked.iter().find(|it| it.id == "mint-template-error").map(|it| it.why.as_str());
    assert!(why.is_some_and(|why| why.contains("only the labels of the worst one")), "{why:?}");
    // The log knows the others.
    let case = case.query("mint-success", Judged::Alert, "0.4", &[]);
    let case = case.says(9, "error", "server.agentServer", json!({ "status_code": "template_error" }));
    assert!(wrong(&case.judge()).contains(&"mint-template-error"));
}

#[test]
fn agents_have_rules_of_their_own() {
    let mut case = Case::well();
    case.profile = Profile::load("agent", &kubectl_escalate::collectors::optional()).expect("the profile");
    case.manifest.profile_sha256 = case.profile.sha256().to_owned();
    assert_eq!(wrong(&case.judge()), [""; 0]);
    assert_eq!(case.clone().waits("ErrImagePull").root_cause().as_deref(), Some("image-pull"));
    assert_eq!(case.ended("OOMKilled", 137, 2).root_cause().as_deref(), Some("oom-killed"));
}

#[test]
fn every_pattern_has_an_id_of_its_own_that_is_of_what_it_looks_for() {
    let profile = Case::well().profile;
    let ids: Vec<String> = findings::patterns(&profile).into_iter().map(|pattern| pattern.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(ids.len() > 20);
    assert_eq!(findings::variables(&profile).into_iter().collect::<Vec<_>>(), ["SPIRL_LOG_DEBUG"]);
}
