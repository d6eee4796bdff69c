//! Every incident of the stand-in server, in the shapes that its log, its pod and its metrics have, with the finding
//! that has to be the root cause: with a Prometheus, with two scrapes, with logs alone and with objects alone, in any wording.

use super::case::{Case, ago, wrong};
use kubectl_escalate::bundle::{
    Judged,
    facts::{Condition, ContainerFacts, RunState},
    findings::IssuanceState,
};
use serde_json::json;
use std::collections::BTreeSet;

const AGENT: &str = "com.spirl.agent.v1.agent.API";
/// Between them the documentation has the table.
const MARKS: [&str; 2] =
    ["<!-- incidents: printed by tests/it/findings/incidents.rs -->\n", "<!-- end of incidents -->"];
const SESSION: &str = "com.spirl.agent.v1.session.API";

/// Which evidence there is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum With {
    Prometheus,
    Scrapes,
    Logs,
    Objects,
}

/// An incident; the root causes with a Prometheus, with scrapes, with logs alone, with objects alone; "" for none.
type Incident = (&'static str, [&'static str; 4], fn(Case) -> Case);

fn call(case: Case, logger: &str, service: &str, method: &str, code: &str) -> Case {
    case.says(
        40,
        "error",
        logger,
        json!({ "grpc.component": "server", "grpc.service": service, "grpc.method": method, "grpc.code": code,
                "error": "x", "grpc.time_ms": 0.1, "peer.address": "127.0.0.1:1" }),
    )
}

fn mint(case: Case, status: &str, code: &str) -> Case {
    let case = case.says(
        40,
        "error",
        "server.agentServer",
        json!({ "svid_type": "x509", "spiffe_id": "", "took": 0.001, "status_code": status, "error": "x" }),
    );
    let case = call(case, "server.agentServer", AGENT, "MintX509SVID", code);
    let labels = [("svid_type", "x509"), ("status_code", status)];
    let case =
        case.query("mint-success", Judged::Alert, "0.5", &[]).query("mint-failures", Judged::Alert, "1", &labels);
    failing(case, AGENT, "MintX509SVID", code)
}

fn failing(case: Case, service: &str, method: &str, code: &str) -> Case {
    let labels = [("grpc_code", code), ("grpc_method", method), ("grpc_service", service)];
    let case = case.query("api-errors", Judged::Alert, "1.2", &labels);
    if service.contains("agent") { case.query("agent-api-errors", Judged::Alert, "0.4", &[]) } else { case }
}

fn grpc(case: Case, service: &str, method: &str, code: &str) -> Case {
    failing(call(case, "server.agentServer", service, method, code), service, method, code)
}

fn check(case: Case, check: &str, logger: &str, fields: serde_json::Value) -> Case {
    case.ready_down(check).says(200, "error", logger, fields).event(
        "Pod/tdd-one-spirl-server-6f84f6f48f-aaaaa",
        "Unhealthy",
        40,
    )
}

fn crashing(case: Case, reason: &str, code: i64) -> Case {
    let case = case.ended(reason, code, 8).waits("CrashLoopBackOff").event(
        "Pod/tdd-one-spirl-server-6f84f6f48f-aaaaa",
        "BackOff",
        20,
    );
    case.query(
        "restarts",
        Judged::Alert,
        "6",
        &[("namespace", "tdd-one"), ("pod", "tdd-one-spirl-server-6f84f6f48f-aaaaa"), ("container", "spirl-server")],
    )
}

fn no_mints(case: Case) -> Case {
    case.query("mint-success", Judged::NoData, "", &[]).query("agent-api-errors", Judged::NoData, "", &[])
}

fn never_ran(mut case: Case) -> Case {
    case.facts.logs.clear();
    for task in case.manifest.tasks.iter_mut().filter(|task| task.is_log()) {
        task.outcome = kubectl_escalate::bundle::Outcome::Absent;
        task.entries.clear();
    }
    no_mints(case)
}

fn all() -> Vec<Incident> {
    fn same(root: &'static str) -> [&'static str; 4] {
        [root, root, root, ""]
    }
    vec![
        ("healthy", same(""), |case| case),
        ("idle", same(""), no_mints),
        ("mint-attestation-failed", same("mint-attestation-failed"), |c| {
            mint(c, "attestation_failed", "PermissionDenied")
        }),
        ("mint-auth-failed", same("mint-auth-failed"), |c| mint(c, "auth_failed", "Unauthenticated")),
        ("mint-invalid-public-key", same("mint-invalid-public-key"), |c| {
            mint(c, "invalid_public_key", "InvalidArgument")
        }),
        ("mint-invalid-request", same("mint-invalid-request"), |c| mint(c, "invalid_request", "InvalidArgument")),
        ("mint-signing-failed", same("mint-signing-failed"), |c| mint(c, "signing_failed", "Internal")),
        ("mint-template-error", same("mint-template-error"), |c| mint(c, "template_error", "InvalidArgument")),
        ("grpc-failedprecondition", same("grpc-failed-precondition"), |c| {
            grpc(c, AGENT, "MintX509SVID", "FailedPrecondition")
        }),
        ("grpc-unauthenticated", same("grpc-unauthenticated"), |c| grpc(c, AGENT, "MintJWTSVID", "Unauthenticated")),
        ("grpc-permissiondenied", same("grpc-permission-denied"), |c| {
            grpc(c, AGENT, "MintX509SVID", "PermissionDenied")
        }),
        ("grpc-invalidargument", same("grpc-invalid-argument"), |c| grpc(c, AGENT, "MintX509SVID", "InvalidArgument")),
        ("grpc-notfound", same("grpc-session-not-found"), |c| grpc(c, SESSION, "NewSession", "NotFound")),
        ("grpc-internal", same("grpc-internal"), |c| grpc(c, AGENT, "MintX509SVID", "Internal")),
        ("grpc-unknown", same("grpc-internal"), |c| grpc(c, AGENT, "MintX509SVID", "Unknown")),
        ("grpc-unavailable", same("grpc-unavailable"), |c| grpc(c, AGENT, "MintX509SVID", "Unavailable")),
        ("control-plane-away", same("control-plane-outbound"), control_plane_away),
        ("control-plane-inbound", same("control-plane-inbound"), |c| {
            let service = "com.spirl.private.signer.api.v1.regionauthority.API";
            let labels = [("grpc_code", "Internal"), ("grpc_method", "SyncAuthority")];
            let c = c.query("control-plane-errors", Judged::Alert, "0.2", &[]);
            let c = c.query("control-plane-calls-errors", Judged::Alert, "0.3", &labels);
            failing(call(c, "server.relay", service, "SyncAuthority", "Internal"), service, "SyncAuthority", "Internal")
        }),
        ("slow", same("mints-slow"), slow),
        ("cpu-bound", ["cpu-saturated", "cpu-saturated", "mints-slow", "cpu-saturated"], |c| {
            let c = slow(c).query("cpu", Judged::Alert, "0.99", &[("container", "spirl-server")]);
            let c = c.query("cpu-throttled", Judged::Value, "0.9", &[]);
            c.uses("cpu", 0.98)
        }),
        ("memory-oom", ["oom-killed", "oom-killed", "", "oom-killed"], |c| {
            let fields = json!({ "sessions": 3000, "cache_bytes": 31457280 });
            let c = c.says(9, "warn", "server.agentServer.session", fields);
            crashing(c.query("memory", Judged::Alert, "0.95", &[]), "OOMKilled", 137)
        }),
        ("exit-1", ["exit-at-start"; 4], |c| config_error(c, 1)),
        ("exit-2", ["exit-at-start"; 4], |c| config_error(c, 2)),
        ("crash-loop", ["panic", "panic", "panic", "exit-at-start"], |c| panicked(crashing(c, "Error", 2))),
        ("port-taken", ["agent-server-down", "agent-server-down", "agent-server-down", "probes-failing"], |c| {
            check(no_mints(c), "agentServer", "server.subsystems", json!({ "subsystem": "agentServer", "error": "x" }))
        }),
        ("ready-configcache", ["config-cache-down", "config-cache-down", "config-cache-down", "probes-failing"], |c| {
            let c = grpc(c, AGENT, "MintX509SVID", "FailedPrecondition");
            check(c, "configCache", "server.crbackend", json!({ "resource": "configuration", "error": "x" }))
        }),
        ("ready-bundlecache", ["bundle-cache-down", "bundle-cache-down", "bundle-cache-down", "probes-failing"], |c| {
            let fields = json!({ "partial_bundles": 1, "expected": 3, "error": "x" });
            check(c, "bundleCache", "server.regionAuthorityCache", fields)
        }),
        ("ready-agentserver", ["agent-server-down", "agent-server-down", "agent-server-down", "probes-failing"], |c| {
            check(no_mints(c), "agentServer", "server.subsystems", json!({ "subsystem": "agentServer", "error": "x" }))
        }),
        (
            "ready-jwtkeycache",
            ["jwt-key-cache-down", "jwt-key-cache-down", "jwt-key-cache-down", "probes-failing"],
            |c| {
                let c = grpc(no_mints(c), SESSION, "NewSession", "FailedPrecondition");
                check(c, "jwtKeyCache", "server.subsystems", json!({ "subsystem": "jwtKeyCache", "error": "x" }))
            },
        ),
        ("ready-jwkscache", ["jwks-cache-down", "jwks-cache-down", "jwks-cache-down", "probes-failing"], |c| {
            check(c, "jwksCache", "server.subsystems", json!({ "subsystem": "jwksCache", "error": "x" }))
        }),
        // A flood of lines that look like failed mints, while every mint is counted as good. Of logs alone the
        // counters cannot be asked.
        ("log-flood", ["", "", "mint-attestation-failed", ""], |c| {
            let fields = json!({ "seq": 1, "svid_type": "x509", "status_code": "attestation_failed", "error": "x" });
            let c = c.says(9000, "error", "server.agentServer", fields);
            c.says(900_000, "debug", "server.agentServer", json!({ "seq": 2, "grpc.code": "OK" }))
        }),
        ("long-line", same(""), |c| c.says(90, "debug", "server.configWatcher", json!({ "seq": 1, "resources": "x" }))),
        ("non-utf8", same(""), |c| c.says(90, "warn", "server.agentServer", json!({ "attribute": "caf\u{fffd}" }))),
        ("mixed-log", same(""), |mut c| {
            let console = "2026-11-22T15:42:00.000Z\tERROR\tserver.ingestServiceSink\tx\t{";
            c.prints(90, console);
            c.prints(90, "  \"error\": \"rpc error: code = Unavailable desc = connection error\"");
            c.prints(90, r#"{"class_uid":3002,"severity_id":1,"status_id":1}"#);
            c.prints(90, "2026-11-22T15:42:00.000Z\t\u{1b}[33mWARN\u{1b}[0m\tserver.configWatcher\tx\t{\"seq\": 1}");
            c
        }),
        ("init-fails", ["init-fails", "init-fails", "", "init-fails"], |c| {
            let mut c =
                never_ran(c).waits("PodInitializing").event("Pod/tdd-one-spirl-server-6f84f6f48f-aaaaa", "BackOff", 20);
            c.facts.pods[0].containers.push(ContainerFacts {
                name: "prepare".to_owned(),
                kind: "init".to_owned(),
                restarts: 6,
                state: Some(RunState {
                    kind: "waiting".to_owned(),
                    reason: "CrashLoopBackOff".to_owned(),
                    ..RunState::default()
                }),
                last_state: Some(RunState {
                    kind: "terminated".to_owned(),
                    reason: "Error".to_owned(),
                    exit_code: Some(3),
                    finished: Some(ago(3)),
                    ..RunState::default()
                }),
                ..ContainerFacts::default()
            });
            c
        }),
        ("ephemeral", same(""), |mut c| {
            let failed = RunState {
                kind: "terminated".to_owned(),
                reason: "Error".to_owned(),
                exit_code: Some(1),
                finished: Some(ago(3)),
                ..RunState::default()
            };
            let of = ContainerFacts { name: "debugger".to_owned(), kind: "ephemeral".to_owned(), ..Default::default() };
            c.facts.pods[0].containers.push(ContainerFacts { state: Some(failed), ..of });
            c
        }),
        ("unschedulable", ["unschedulable", "unschedulable", "", "unschedulable"], |c| {
            let mut c =
                never_ran(c).not_ready().event("Pod/tdd-one-spirl-server-6f84f6f48f-aaaaa", "FailedScheduling", 5);
            c.facts.pods[0].phase = "Pending".to_owned();
            c.facts.pods[0].containers[0].state = None;
            c.facts.pods[0].conditions = vec![Condition {
                kind: "PodScheduled".to_owned(),
                status: "False".to_owned(),
                reason: "Unschedulable".to_owned(),
                ..Condition::default()
            }];
            c
        }),
        ("image-pull", ["image-pull", "image-pull", "", "image-pull"], |c| {
            never_ran(c)
                .waits("ImagePullBackOff")
                .event("Pod/tdd-one-spirl-server-6f84f6f48f-aaaaa", "Failed", 20)
                .event("Pod/tdd-one-spirl-server-6f84f6f48f-aaaaa", "BackOff", 20)
        }),
        ("image-never", ["image-pull", "image-pull", "", "image-pull"], |c| never_ran(c).waits("ErrImageNeverPull")),
        ("planted", ["panic", "panic", "panic", "exit-at-start"], |c| {
            let c = c.says(9, "error", "server.ingestServiceSink", json!({ "user": "ingest" }));
            let c =
                c.says(9, "error", "server.agentServer", json!({ "kind": "status", "value": "invalid_public_key" }));
            let c = c.says(9, "error", "server.relay", json!({ "headers": {} }));
            panicked(c.ended("Error", 2, 1))
        }),
    ]
}

pub(super) fn control_plane_away(c: Case) -> Case {
    let fields = json!({ "grpc.component": "client", "grpc.service": "com.spirl.events.v1.ingest.API",
                         "grpc.method": "SendEvents", "events": 12, "grpc.code": "Unavailable", "error": "x" });
    let c = c.says(300, "error", "server.ingestServiceSink", fields);
    let c = c.says(60, "error", "server.relay", json!({ "error": "x", "grpc.code": "Unavailable" }));
    let labels = [("grpc_code", "Unavailable"), ("grpc_method", "SendEvents")];
    let c = c.query("control-plane-errors", Judged::Alert, "1", &[]);
    c.query("control-plane-events-errors", Judged::Alert, "0.5", &labels)
}

pub(super) fn slow(c: Case) -> Case {
    let fields = json!({ "svid_type": "x509", "spiffe_id": "spiffe://x/y", "took": 1.1 });
    c.says(300, "warn", "server.agentServer", fields).query(
        "mint-latency",
        Judged::Alert,
        "1.2",
        &[("svid_type", "x509")],
    )
}

fn config_error(c: Case, code: i64) -> Case {
    let c = no_mints(c).says(8, "error", "server", json!({ "error": "x", "exit_code": code }));
    crashing(c, "Error", code)
}

pub(super) fn panicked(c: Case) -> Case {
    let mut c = c.says(1, "error", "server.agentServer.session", json!({ "session_count": -1 }));
    c.prints(1, "panic: assignment to entry in nil map");
    c
}

/// Ids of all that the incidents meet.
pub(super) fn met() -> BTreeSet<String> {
    let judged = all().into_iter().map(|(_, _, make)| make(Case::well()).judge());
    judged.flat_map(|judged| judged.findings).map(|finding| finding.id).collect()
}

pub(super) fn crashing_for_memory(c: Case) -> Case {
    crashing(c.query("memory", Judged::Alert, "0.95", &[]), "OOMKilled", 137)
}

#[test]
#[expect(clippy::print_stdout, reason = "whoever changes a rule wants to see the table")]
fn every_incident_is_led_by_its_cause_with_whatever_evidence_there_is() {
    let mut table =
        "\n| incident | with a Prometheus | by two scrapes | logs alone | objects alone |\n|---|---|---|---|---|\n"
            .to_owned();
    for (name, roots, make) in all() {
        let mut row = format!("| {name} |");
        for (with, root) in [With::Prometheus, With::Scrapes, With::Logs, With::Objects].into_iter().zip(roots) {
            for wording in ["usual", "said in other words"] {
                let case = make(Case { wording, ..Case::well() });
                let case = match with {
                    With::Prometheus => case,
                    With::Scrapes => case.scrapes(),
                    With::Logs => case.without_metrics().without_objects(),
                    With::Objects => case.without_metrics().without_logs(),
                };
                let findings = case.judge();
                assert_eq!(
                    findings.root_cause.as_deref().unwrap_or_default(),
                    root,
                    "{name} with {with:?}: {:?}, {}",
                    wrong(&findings),
                    findings.root_cause_why
                );
                if root.is_empty() {
                    assert_eq!(wrong(&findings), [""; 0], "{name} with {with:?}");
                }
            }
            row.push_str(&format!(" {} |", if root.is_empty() { "-".to_owned() } else { format!("`{root}`") }));
        }
        table.push_str(&format!("{row}\n"));
    }
    println!("{table}");
    hold(&table);
}

/// Fails when the documentation has another table; with UPDATE=1 writes it first.
fn hold(table: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FINDINGS.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(MARKS[0]).expect("the first mark");
    let (_, after) = rest.split_once(MARKS[1]).expect("the last mark");
    let made = format!("{before}{}{table}\n{}{after}", MARKS[0], MARKS[1]);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &made).expect("the page can be written");
        return;
    }
    assert!(
        page == made,
        "docs/FINDINGS.md is out of date; write it anew with `UPDATE=1 cargo test --test it findings`"
    );
}

#[test]
fn whether_svids_are_minted_is_told_by_what_fails_or_by_a_prometheus() {
    let state = |case: &Case| case.judge().issuance.state;
    assert_eq!(state(&Case::well()), IssuanceState::NotAffected);
    assert_eq!(state(&Case::well().scrapes()), IssuanceState::NotChecked);
    assert_eq!(state(&Case::well().without_metrics()), IssuanceState::NotChecked);
    assert_eq!(state(&no_mints(Case::well())), IssuanceState::NotChecked);
    for (name, _, make) in all() {
        if name.starts_with("mint-") || name.starts_with("grpc-") || name.starts_with("ready-") {
            let case = make(Case::well());
            assert_eq!(state(&case), IssuanceState::Affected, "{name}");
            assert!(!case.judge().issuance.shown_by.is_empty(), "{name}");
        }
    }
    let why = Case::well().without_metrics().judge().issuance.why;
    assert!(
        why.matches("no service looks like one").count() == 1,
        "a reason once, however many queries have it: {why}"
    );
    assert_eq!(state(&control_plane_away(Case::well())), IssuanceState::NotAffected);
}
