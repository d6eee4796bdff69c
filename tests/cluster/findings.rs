//! The root cause of each incident, alone and in pairs, and whatever words its log has: the true cause, by what a
//! collection has with a Prometheus and without one.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{Made, apply, incident, incidents, kubectl_json, until},
    scraping::scraping,
    tool::collect,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// The root cause, by logs, objects and two scrapes; none where nothing is above "info".
const ROOT_CAUSES: [(&str, Option<&str>); 34] = [
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
    // Its lines say that mints failed, and its counters that none did.
    ("log-flood", None),
    ("long-line", None),
    ("non-utf8", None),
    ("mixed-log", None),
    ("ephemeral", None),
];

/// Incidents in other words, some of them two at once: what each is made of, and the root cause.
const REWORDED: [(&str, &[&str], &str); 10] = [
    ("mint-signing-failed", &[], "mint-signing-failed"),
    ("grpc-unavailable", &[], "grpc-unavailable"),
    ("control-plane-inbound", &[], "control-plane-inbound"),
    ("slow", &[], "mints-slow"),
    ("exit-1", &[], "exit-at-start"),
    ("crash-loop", &[], "panic"),
    // No bundle is assembled, for it takes the control plane to rotate keys.
    ("control-plane-away", &["READY_DOWN=bundleCache"], "control-plane-outbound"),
    ("memory-oom", &["CRASH_AFTER=60s"], "oom-killed"),
    ("cpu-bound", &["MINT_DELAY=700ms"], "cpu-saturated"),
    ("mint-attestation-failed", &["CONTROL_PLANE_AWAY=true"], "mint-attestation-failed"),
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

const BY_SCRAPES: [&str; 4] = ["--prometheus", "none", "--scrape-gap", "4s"];

fn findings(bundle: &Bundle) -> Value {
    serde_json::from_slice(bundle.file("findings.json")).expect("JSON")
}

/// The root cause; an error if it is not the expected one.
fn root_cause(name: &str, expected: Option<&str>, bundle: &Bundle) -> Result<String, String> {
    let found = findings(bundle);
    if found["root_cause"].as_str() != expected {
        let said = bundle.manifest["queries"].as_array().into_iter().flatten().map(|it| {
            let of = |key: &str| it[key].to_string();
            let of = ["id", "verdict", "steps_with_data", "steps", "narrowed", "partial", "of_scrapes"].map(of);
            of.join(" ")
        });
        let said: Vec<String> = said.collect();
        let (found_root, why, all) = (&found["root_cause"], &found["root_cause_why"], &found["findings"]);
        return Err(format!("{name}: the root cause is {found_root}, because {why}: {all:#}\n{}", said.join("\n")));
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
    Ok(found["root_cause"].as_str().unwrap_or("-").to_owned())
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_true_cause_is_the_root_cause_and_nothing_is_where_all_is_well() {
    each(&ROOT_CAUSES, |(name, expected)| {
        let found = wait_for_root_cause(name, incidents().namespace(name), *expected, &BY_SCRAPES);
        eprintln!("{name:24} {found}");
    });
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_true_cause_is_the_root_cause_with_a_prometheus_too() {
    // It is there for as long as this is held.
    let scraping = scraping();
    let url = scraping.prometheus.url();
    each(&ROOT_CAUSES, |(name, expected)| {
        // Counters deny lines over all of the window alone, and this Prometheus is some minutes old.
        let window: &[&str] = if *name == "log-flood" { &["--before", "1m"] } else { &[] };
        let args = [&["--prometheus", &url][..], window].concat();
        let found = wait_for_root_cause(name, incidents().namespace(name), *expected, &args);
        eprintln!("{name:24} {found}");
    });
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_true_cause_is_the_root_cause_in_other_words_and_out_of_two() {
    let mut made = Made::default();
    let namespace = |at: usize| format!("tdd-reworded{at:02}");
    for (at, (name, settings, _)) in REWORDED.iter().enumerate() {
        let namespace = namespace(at);
        let seed = at.to_string();
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--env", *setting]).collect();
        made.add(&["namespace", &namespace]);
        let args = ["manifest", name, "--namespace", &namespace, "--reword", &seed];
        apply(&incident(&[&args[..], &settings].concat()).expect("a manifest"));
    }
    let numbered: Vec<_> = REWORDED.iter().enumerate().collect();
    each(&numbered, |(at, (name, settings, expected))| {
        let found = wait_for_root_cause(name, &namespace(*at), Some(*expected), &BY_SCRAPES);
        eprintln!("{:48} {found}", [&[*name][..], settings].concat().join(" "));
    });
}

/// Does it for each, some at a time: they mostly wait.
fn each<T: Sync>(all: &[T], does: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    does(one);
                }
            });
        }
    });
}

/// Waits until the root cause is the expected one. A container that restarts has no log of its run before for a moment; a
/// metrics server has no word for a minute.
fn wait_for_root_cause(name: &str, namespace: &str, expected: Option<&str>, args: &[&str]) -> String {
    until(&format!("{name} has its root cause"), Duration::from_secs(120), || {
        let bundle = collect(&[&["-n", namespace][..], args].concat()).bundle();
        // Whether it was a Prometheus that answered: else a test of one would be none.
        let asked = args.get(1).filter(|at| **at != "none").copied();
        assert_eq!(bundle.manifest["clusters"][0]["prometheus"]["at"].as_str(), asked, "{name}");
        root_cause(name, expected, &bundle)
    })
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_check_that_keeps_a_server_from_getting_ready_is_the_root_cause_after_its_first_start() {
    for (name, expected) in NOT_READY {
        let namespace = incidents().namespace(name);
        let made = kubectl_json(&["get", "deployments", "-n", namespace]);
        let made: DateTime<Utc> = text(&made["items"][0]["metadata"]["creationTimestamp"]).parse().expect("a time");
        if Utc::now() - made < FIRST_START {
            let early = findings(&collect(&["-n", namespace]).bundle());
            let ids: Vec<&str> =
                early["findings"].as_array().expect("findings").iter().map(|it| text(&it["id"])).collect();
            assert!(ids.contains(&"first-start") && early["root_cause"].is_null(), "{name}: {ids:?}");
            let rest = made + FIRST_START - Utc::now();
            std::thread::sleep(rest.to_std().unwrap_or_default() + Duration::from_secs(1));
        }
        let found = until(&format!("{name} has its root cause"), Duration::from_secs(60), || {
            root_cause(name, Some(expected), &collect(&["-n", namespace]).bundle())
        });
        eprintln!("{name:24} {found}");
    }
}
