//! What shows a finding, what to do next, and what is said of evidence that is not there.

use super::{
    case::{Case, NAMESPACE, POD, ago, servers, wrong},
    incidents::control_plane_away,
};
use kubectl_escalate::{
    bundle::{
        Judged, Outcome,
        facts::Facts,
        findings::{BaselineState, Finding, Findings, IssuanceState},
    },
    findings,
};
use serde_json::json;

#[track_caller]
fn of<'a>(findings: &'a Findings, id: &str) -> &'a Finding {
    findings.findings.iter().find(|it| it.id == id).unwrap_or_else(|| panic!("{id} is not found"))
}

#[track_caller]
fn why<'a>(findings: &'a Findings, id: &str) -> &'a str {
    let not = findings.not_checked.iter().find(|it| it.id == id);
    &not.unwrap_or_else(|| panic!("{id} is checked")).why
}

#[test]
fn evidence_is_quoted_with_its_place_time_count_and_value() {
    let findings = control_plane_away(Case::well()).judge();
    let root = of(&findings, "control-plane-outbound");
    assert_eq!((root.since, root.pods.len(), root.of_pods), (Some(ago(20)), 1, 1));
    assert_eq!(root.pods[0], format!("east/{NAMESPACE}/{POD}"));
    let answer = root.shown_by.iter().find(|it| it.query.is_some()).expect("an answer");
    assert_eq!(answer.value.as_deref(), Some("0.500 per second"));
    assert!(answer.expr.as_ref().is_some_and(|expr| expr.contains("grpc_client_handled_total")));
    assert_eq!(answer.labels["grpc_code"], "Unavailable");
    let line = root.shown_by.iter().find(|it| it.query.is_none()).expect("a line");
    assert!(line.quote.contains("\"logger\":\"server.ingestServiceSink\""), "{}", line.quote);
    assert_eq!((line.times, line.at), (300, Some(ago(20))));
    assert!(line.entry.as_ref().is_some_and(|entry| entry.ends_with("spirl-server.log")));

    let findings = Case::well().ended("OOMKilled", 137, 3).judge();
    let oom = &of(&findings, "oom-killed").shown_by[0];
    assert!(oom.quote.contains("ended with exit code 137: OOMKilled (limit 512Mi)"), "{}", oom.quote);
    assert_eq!(oom.at, Some(ago(15)));
}

#[test]
fn commands_are_filled_in_and_quoted() {
    let findings = control_plane_away(Case::well()).judge();
    let command = of(&findings, "control-plane-outbound").next[0].command.clone().expect("a command");
    assert!(
        command.starts_with(&format!("kubectl --context='prod east' -n {NAMESPACE} debug -it {POD} --image="))
            && command.contains(" --target=spirl-server "),
        "{command}"
    );
    let mut case = Case::well().query("mint-success", Judged::Alert, "0.2", &[]);
    case.manifest.clusters[0].context = None;
    let findings = case.judge();
    let steps = &of(&findings, "mint-failing").next;
    let ask = steps[0].command.as_ref().expect("a command");
    assert!(ask.contains("query='1 - (sum(rate(spirl_server_mint_svid_total"), "{ask}");
    let log = steps[1].command.as_ref().expect("a command");
    assert!(log.starts_with(&format!("kubectl -n {NAMESPACE} logs ")), "kubectl's own context: {log}");
    // Of lines alone, it is the rule's own query, if that was sent, and never that of another rule.
    let fields = json!({ "svid_type": "x509", "took": 1.1 });
    let case = Case::well().says(300, "warn", "server.agentServer", fields);
    let command = |case: &Case| of(&case.judge(), "mints-slow").next[0].command.clone();
    assert!(command(&case).is_some_and(|it| it.contains("spirl_server_mint_svid_duration_seconds_bucket")));
    let mut case = case;
    case.manifest.queries.retain(|record| record.id != "mint-latency");
    assert_eq!(command(&case), None);
    // What comes from a cluster is one word, whatever is in it.
    let mut case = Case::well().ended("OOMKilled", 137, 3);
    case.facts.pods[0].pod = "x; rm -rf $HOME '".to_owned();
    let findings = case.judge();
    let command = of(&findings, "oom-killed").next[1].command.clone().expect("a command");
    assert!(command.contains(r"logs 'x; rm -rf $HOME '\''' -c"), "{command}");
}

#[test]
fn every_rule_says_what_it_lacks_where_there_is_no_evidence() {
    let mut case = Case::well();
    case.facts = Facts::default();
    case.manifest.tasks.clear();
    case.manifest.queries.clear();
    let findings = case.judge();
    assert_eq!((findings.findings.len(), findings.not_found.len()), (0, 0), "{:?}", findings.not_found);
    let ids: Vec<&str> = findings.not_checked.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, servers().findings.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>());
    assert!(findings.not_checked.iter().all(|it| !it.why.is_empty()));
    assert!(findings.baseline.iter().all(|line| line.state == BaselineState::NotChecked && !line.why.is_empty()));
    assert_eq!((findings.issuance.state, findings.root_cause), (IssuanceState::NotChecked, None));
}

#[test]
fn evidence_that_was_refused_or_failed_is_named() {
    let findings = Case::well().without_metrics().judge();
    assert!(why(&findings, "calls-slow").contains("no Prometheus was queried: absent, no service looks like one"));
    let findings = Case::well().without_objects().judge();
    assert!(why(&findings, "image-pull").contains("pods: forbidden, needs another right"));
    let findings = Case::well().without_logs().judge();
    assert!(why(&findings, "panic").contains("forbidden, needs another right"));
    assert!(why(&findings, "ready-check-down").contains("forbidden"));
    let mut case = Case::well();
    case.facts.logs[0].ready.clear();
    assert_eq!(why(&case.judge(), "ready-check-down"), "no log has a line about ready checks");
    // One list of two that failed.
    let mut case = Case::well();
    let mut other = case.manifest.tasks.iter().find(|task| task.target == "events").expect("events").clone();
    (other.id, other.outcome) = ("west/list/x/events".to_owned(), Outcome::TimedOut);
    case.manifest.tasks.push(other);
    assert_eq!(why(&case.judge(), "probes-failing"), "events: timed-out");
    let mut case = Case::well();
    case.manifest.clusters[0].error = Some(vec!["no route".to_owned()]);
    assert_eq!(why(&case.judge(), "version-skew"), "the cluster east was not reached");
}

#[test]
fn what_was_looked_at_with_all_its_evidence_is_not_found() {
    let findings = Case::well().judge();
    for id in ["panic", "image-pull", "grpc-internal", "mint-signing-failed", "mints-slow", "cpu-saturated"] {
        assert!(
            findings.not_found.iter().any(|it| it == id) || id == "cpu-saturated",
            "{id}: {:?}",
            findings.not_checked
        );
    }
    // Two scrapes accuse and never acquit.
    assert!(why(&Case::well().scrapes().judge(), "mints-slow").contains("two scrapes"));
}

#[test]
fn a_bundle_of_a_profile_that_did_not_look_for_a_line_cannot_tell() {
    let mut case = Case::well();
    case.manifest.profile_sha256 = "another".to_owned();
    assert!(why(&case.judge(), "panic").contains("did not look for it in the logs"));
    case.facts.patterns = findings::patterns(&case.profile).into_iter().map(|pattern| pattern.id).collect();
    assert!(case.judge().not_found.contains(&"panic".to_owned()));
}

#[test]
fn an_alert_that_was_over_before_the_window_is_none_of_it() {
    let mut case = Case::well().query("control-plane-events-errors", Judged::Alert, "1", &[]);
    case.manifest.queries.last_mut().expect("a query").answer.alert_to = Some(ago(31));
    assert_eq!(wrong(&case.judge()), [""; 0]);
    case.manifest.queries.last_mut().expect("a query").answer.alert_to = Some(ago(29));
    assert_eq!(case.root_cause().as_deref(), Some("control-plane-outbound"));
}

#[test]
fn lines_that_the_counters_deny_are_only_worth_knowing() {
    let fields = json!({ "svid_type": "x509", "status_code": "signing_failed" });
    let said = Case::well().says(50, "error", "server.agentServer", fields);
    let findings = said.judge();
    assert_eq!((wrong(&findings).len(), findings.findings[0].id.as_str()), (0, "mint-failures-logged"));
    let without = said.clone().without_metrics();
    assert_eq!(without.root_cause().as_deref(), Some("mint-signing-failed"));
    assert_eq!(without.judge().issuance.state, IssuanceState::Affected);
    assert_eq!(
        said.query("mint-success", Judged::Alert, "0.4", &[]).root_cause().as_deref(),
        Some("mint-signing-failed")
    );
}

#[test]
fn the_baseline_is_told_line_by_line() {
    let state = |case: &Case, id: &str| {
        case.judge().baseline.into_iter().find(|line| line.id == id).unwrap_or_else(|| panic!("{id}")).state
    };
    let well = Case::well();
    for id in ["mint-success", "api-errors", "mint-latency", "control-plane-errors", "restarts", "cpu", "memory"] {
        assert_eq!(state(&well, id), BaselineState::AsExpected, "{id}");
    }
    let case = Case::well().query("cpu", Judged::Unhealthy, "0.6", &[]);
    assert_eq!(state(&case, "cpu"), BaselineState::NotAsExpected);
    assert_eq!(
        case.judge().baseline.iter().find(|it| it.id == "cpu").and_then(|it| it.value.clone()).as_deref(),
        Some("60.0 %")
    );
    let bare = Case::well().without_metrics();
    assert_eq!(state(&bare, "restarts"), BaselineState::AsExpected, "pods tell it");
    assert_eq!(state(&bare, "mint-success"), BaselineState::NotChecked);
    assert_eq!(state(&bare.clone().ended("Error", 1, 2), "restarts"), BaselineState::NotAsExpected);
    assert_eq!(state(&bare.uses("cpu", 0.1), "cpu"), BaselineState::NotChecked);
}
