//! Two things at once: which is the cause, and in which order the rest is told.

use super::{
    case::{Case, ago, wrong},
    incidents::{control_plane_away, crashing_for_memory, slow},
};
use kubectl_escalate::bundle::{Judged, findings::Severity};
use serde_json::json;

#[test]
fn a_control_plane_that_is_away_explains_a_bundle_that_is_not_assembled() {
    let case = control_plane_away(Case::well()).ready_down("bundleCache").says(
        200,
        "error",
        "server.regionAuthorityCache",
        json!({ "partial_bundles": 1 }),
    );
    for case in [case.clone(), case.clone().scrapes(), case.without_metrics().without_objects()] {
        let findings = case.judge();
        assert_eq!(findings.root_cause.as_deref(), Some("control-plane-outbound"), "{:?}", wrong(&findings));
        let of = |id: &str| findings.findings.iter().find(|it| it.id == id).unwrap_or_else(|| panic!("{id}"));
        assert_eq!(of("bundle-cache-down").explained_by.as_deref(), Some("control-plane-outbound"));
        assert!(of("control-plane-outbound").explains.contains(&"bundle-cache-down".to_owned()));
        assert_eq!(findings.findings[0].id, "control-plane-outbound");
        assert!(
            findings.root_cause_why.contains("it explains") && findings.root_cause_why.contains("cannot be assembled")
        );
        // What is there only explains what is there.
        let ids: Vec<&String> = findings.findings.iter().map(|it| &it.id).collect();
        assert!(findings.findings.iter().flat_map(|it| &it.explains).all(|id| ids.contains(&id)));
    }
}

#[test]
fn a_cause_is_as_severe_as_what_comes_of_it() {
    let findings = control_plane_away(Case::well()).judge();
    assert_eq!(findings.findings[0].severity, Severity::Warning);
    let findings = control_plane_away(Case::well()).ready_down("bundleCache").judge();
    assert_eq!(findings.findings[0].severity, Severity::Critical, "no server is ready any more");
}

#[test]
fn memory_explains_a_crash_loop() {
    let findings = crashing_for_memory(Case::well()).judge();
    assert_eq!(wrong(&findings)[0], "oom-killed");
    let loops = findings.findings.iter().find(|it| it.id == "crash-loop").expect("the loop");
    assert_eq!(loops.explained_by.as_deref(), Some("oom-killed"));
    // Use alone, without a word of how the run ended, is the best that is left.
    let case = Case::well().waits("CrashLoopBackOff").query("memory", Judged::Alert, "0.97", &[]);
    assert_eq!(case.root_cause().as_deref(), Some("memory-high"));
}

#[test]
fn slow_mints_are_explained_by_the_processor() {
    let case = slow(Case::well()).query("cpu-throttled", Judged::Value, "0.6", &[]);
    let findings = case.judge();
    assert_eq!(wrong(&findings), ["cpu-saturated", "mints-slow"]);
    assert!(findings.root_cause_why.starts_with("it explains 1 other finding"), "{}", findings.root_cause_why);
    assert_eq!(slow(Case::well()).root_cause().as_deref(), Some("mints-slow"));
}

#[test]
fn of_two_causes_the_more_severe_is_the_root_cause_and_then_the_earlier() {
    let signing = |case: Case| case.query("mint-failures", Judged::Alert, "1", &[("status_code", "signing_failed")]);
    let findings = signing(control_plane_away(Case::well())).judge();
    assert_eq!(findings.root_cause.as_deref(), Some("mint-signing-failed"));
    assert!(findings.root_cause_why.contains("it is the most severe"), "{}", findings.root_cause_why);
    let last = findings.findings.iter().rposition(|it| it.explained_by.as_deref() == Some("mint-signing-failed"));
    let other = findings.findings.iter().position(|it| it.id == "control-plane-outbound");
    assert!(last < other, "consequences follow the root cause");

    let mut case = control_plane_away(slow(Case::well()));
    for record in case.manifest.queries.iter_mut().filter(|record| record.id == "mint-latency") {
        record.answer.alert_from = Some(ago(25));
    }
    assert_eq!(case.root_cause().as_deref(), Some("mints-slow"));
}

#[test]
fn a_missing_custom_resource_explains_what_waits_for_it() {
    let mut case = Case::well().ready_down("configCache");
    case.facts.custom_resources[0].names.clear();
    assert_eq!(case.root_cause().as_deref(), Some("custom-resource-missing"));
}

#[test]
fn a_first_installation_is_given_its_six_minutes() {
    let young = |minutes| {
        let mut case =
            Case::well().ready_down("configCache").event("Pod/tdd-one-spirl-server-6f84f6f48f-aaaaa", "Unhealthy", 40);
        case.facts.workloads[0].created = Some(ago(minutes));
        case.facts.custom_resources.clear();
        for task in case.manifest.tasks.iter_mut().filter(|task| task.target.ends_with(".data.spirl.com")) {
            task.outcome = kubectl_escalate::bundle::Outcome::Empty;
        }
        case
    };
    let findings = young(5).judge();
    assert_eq!(wrong(&findings), [""; 0]);
    assert!(findings.findings.iter().any(|it| it.id == "first-start"));
    assert_eq!(young(7).root_cause().as_deref(), Some("custom-resource-missing"));
}
