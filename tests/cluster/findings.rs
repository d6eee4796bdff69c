//! What leads for each incident: the true cause, by what a collection has without a Prometheus.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{incidents, kubectl_json, until},
    tool::collect,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::time::Duration;

/// The finding that leads, by logs, objects and one scrape; none where nothing is above "info".
const LEADS: [(&str, Option<&str>); 34] = [
    ("healthy", None),
    ("idle", None),
    ("mint-attestation-failed", Some("mint-attestation-failed")),
    ("mint-auth-failed", Some("mint-auth-failed")),
    ("mint-invalid-public-key", Some("mint-invalid-public-key")),
    ("mint-invalid-request", Some("mint-invalid-request")),
    ("mint-signing-failed", Some("mint-signing-failed")),
    ("mint-template-error", Some("mint-template-error")),
    ("grpc-failedprecondition", Some("grpc-failed-precondition")),
    ("grpc-unauthenticated", Some("grpc-unauthenticated")),
    ("grpc-permissiondenied", Some("grpc-permission-denied")),
    ("grpc-invalidargument", Some("grpc-invalid-argument")),
    ("grpc-notfound", Some("grpc-session-not-found")),
    ("grpc-internal", Some("grpc-internal")),
    ("grpc-unknown", Some("grpc-internal")),
    ("grpc-unavailable", Some("grpc-unavailable")),
    ("control-plane-away", Some("control-plane-outbound")),
    ("control-plane-inbound", Some("control-plane-inbound")),
    ("slow", Some("mints-slow")),
    ("cpu-bound", Some("cpu-saturated")),
    ("memory-oom", Some("oom-killed")),
    ("exit-1", Some("exit-at-start")),
    ("exit-2", Some("exit-at-start")),
    ("crash-loop", Some("panic")),
    ("planted", Some("panic")),
    ("init-fails", Some("init-fails")),
    ("unschedulable", Some("unschedulable")),
    ("image-pull", Some("image-pull")),
    ("image-never", Some("image-pull")),
    // Its lines say that mints failed, and without a second scrape nothing denies it.
    ("log-flood", Some("mint-attestation-failed")),
    ("long-line", None),
    ("non-utf8", None),
    ("mixed-log", None),
    ("ephemeral", None),
];

/// Those of a server that does not get ready. A first start may take six minutes, in which this is no cause for alarm.
const NOT_READY: [(&str, &str); 6] = [
    ("port-taken", "agent-server-down"),
    ("ready-configcache", "config-cache-down"),
    ("ready-bundlecache", "bundle-cache-down"),
    ("ready-agentserver", "agent-server-down"),
    ("ready-jwtkeycache", "jwt-key-cache-down"),
    ("ready-jwkscache", "jwks-cache-down"),
];
const FIRST_START: TimeDelta = TimeDelta::minutes(6);

fn findings(bundle: &Bundle) -> Value {
    serde_json::from_slice(bundle.file("findings.json")).expect("JSON")
}

/// Says what leads, or what should have.
fn lead(name: &str, expected: Option<&str>, bundle: &Bundle) -> Result<String, String> {
    let found = findings(bundle);
    if found["lead"].as_str() != expected {
        return Err(format!("{name}: {} leads, for {}: {:#}", found["lead"], found["lead_why"], found["findings"]));
    }
    for finding in found["findings"].as_array().expect("findings") {
        for shown in finding["shown_by"].as_array().expect("evidence") {
            if let Some(entry) = shown["entry"].as_str() {
                assert!(bundle.find(entry).is_some(), "{name}: {} is not there", shown["entry"]);
            }
        }
    }
    for (file, word) in [("report.html", "Findings"), ("report.md", "# Escalation")] {
        assert!(bundle.text(file).contains(word), "{name}: {file} has no {word}");
    }
    Ok(found["lead"].as_str().unwrap_or("-").to_owned())
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_true_cause_leads_and_nothing_where_all_is_well() {
    let shown = |(name, expected): &(&str, Option<&str>)| {
        let namespace = incidents().namespace(name);
        // A container that restarts has no log of its run before for a moment; a metrics server has no word for a minute.
        let lead = until(&format!("{name} has its lead"), Duration::from_secs(90), || {
            lead(name, *expected, &collect(&["-n", namespace]).bundle())
        });
        eprintln!("{name:24} {lead}");
    };
    let (even, odd): (Vec<_>, Vec<_>) = LEADS.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    std::thread::scope(|scope| {
        scope.spawn(|| even.iter().for_each(|(_, incident)| shown(incident)));
        odd.iter().for_each(|(_, incident)| shown(incident));
    });
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_check_that_keeps_a_server_from_getting_ready_leads_after_its_first_start() {
    for (name, expected) in NOT_READY {
        let namespace = incidents().namespace(name);
        let made = kubectl_json(&["get", "deployments", "-n", namespace]);
        let made: DateTime<Utc> = text(&made["items"][0]["metadata"]["creationTimestamp"]).parse().expect("a time");
        if Utc::now() - made < FIRST_START {
            let early = findings(&collect(&["-n", namespace]).bundle());
            let ids: Vec<&str> =
                early["findings"].as_array().expect("findings").iter().map(|it| text(&it["id"])).collect();
            assert!(ids.contains(&"first-start"), "{name}: {ids:?}");
            let rest = made + FIRST_START - Utc::now();
            std::thread::sleep(rest.to_std().unwrap_or_default() + Duration::from_secs(1));
        }
        let lead = until(&format!("{name} has its lead"), Duration::from_secs(60), || {
            lead(name, Some(expected), &collect(&["-n", namespace]).bundle())
        });
        eprintln!("{name:24} {lead}");
    }
}
