//! A real Thanos before the Prometheus: it answers as that does, and tells when a part of it does not answer.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{incidents, until},
    metrics::{queries, that_are, values},
    prometheus::{Server, free},
    scraping::scraping,
    tool::collect,
};
use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::Value;
use std::{process::Command, time::Duration};
use tempfile::TempDir;

/// What stands beside a Prometheus and gives its samples; returns it and where others ask it.
fn sidecar(of: &str, folder: &TempDir) -> (Server, String) {
    let (http, grpc) = (free("127.0.0.1"), free("127.0.0.1"));
    let mut command = Command::new("thanos");
    command.args(["sidecar", &format!("--prometheus.url={of}"), &format!("--tsdb.path={}", folder.path().display())]);
    command.args([format!("--http-address={http}"), format!("--grpc-address={grpc}")]);
    (Server::start(&mut command, &http, "/-/ready"), grpc)
}

/// What asks sidecars, the replicas as one.
fn query(endpoints: &[String]) -> Server {
    let (http, grpc) = (free("127.0.0.1"), free("127.0.0.1"));
    let mut command = Command::new("thanos");
    command.args(["query", "--query.replica-label=prometheus_replica", "--endpoint.info-timeout=1s"]);
    command.args([format!("--http-address={http}"), format!("--grpc-address={grpc}")]).args(endpoints);
    let server = Server::start(&mut command, &http, "/-/ready");
    until("Thanos has found its store", Duration::from_secs(60), || {
        let answer = server.ask("/api/v1/query", &[("query", "count(up)"), ("partial_response", "true")])?;
        if answer["result"][0].is_null() { Err(answer.to_string()) } else { Ok(()) }
    });
    server
}

/// Only metrics, of a time that is over.
fn metrics_of(incident: &str, at: &str, thanos: &Server) -> Bundle {
    let namespace = incidents().namespace(incident);
    let url = format!("http://{}", thanos.address);
    let args = ["-n", namespace, "--incident-time", at, "--before", "10m", "--after", "0s", "--prometheus", &url];
    collect(&[&args[..], &["--skip", "logs,previous-logs,descriptions"]].concat()).expect(0).bundle()
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn thanos_says_the_same_and_what_is_missing() {
    let scraping = scraping();
    let folder = tempfile::tempdir().expect("a folder");
    let (_sidecar, store) = sidecar(&scraping.prometheus.url(), &folder);
    let thanos = query(&[format!("--endpoint={store}")]);
    // What has been scraped by now is not added to.
    let at = (Utc::now() - TimeDelta::seconds(20)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut total = 0;
    let incidents = [
        ("healthy", None),
        ("mint-signing-failed", Some("mint-success")),
        ("slow", Some("mint-latency")),
        ("grpc-unavailable", Some("api-errors")),
        ("control-plane-away", Some("control-plane-errors")),
    ];
    for (incident, shown) in incidents {
        let bundle = metrics_of(incident, &at, &thanos);
        assert!(that_are(&bundle, "not-answered").is_empty(), "{incident}: {:#}", bundle.manifest["queries"]);
        let alerts = that_are(&bundle, "alert");
        assert!(shown.is_none_or(|id| alerts.contains(&id)), "{incident}: {:#}", bundle.manifest["queries"]);
        assert!(shown.is_some() || alerts.is_empty(), "{incident}: {:#}", bundle.manifest["queries"]);
        for query in queries(&bundle).filter(|query| query["of_objects"] != true) {
            let file: Value = serde_json::from_slice(bundle.file(text(&query["entry"]))).expect("JSON");
            let step = query["step_seconds"].to_string();
            let parameters = [
                ("query", text(&query["expr"])),
                ("start", text(&query["start"])),
                ("end", text(&query["end"])),
                ("step", &step),
            ];
            let id = text(&query["id"]);
            let same =
                scraping.prometheus.ask("/api/v1/query_range", &parameters).unwrap_or_else(|why| panic!("{id}: {why}"));
            let (was, is) = (values(&file["answer"]["result"]), values(&same["result"]));
            assert_eq!(was, is, "{incident}, {id}");
            total += was.len();
        }
    }
    assert!(total > 40, "{total} values");
    eprintln!("Thanos answers {total} values, all as Prometheus does");

    // One of two does not answer: what the other has is told, and nothing is well by it.
    let away = free("127.0.0.1");
    let parted = query(&[format!("--endpoint={store}"), format!("--endpoint-strict={away}")]);
    let bundle = metrics_of("healthy", &at, &parted);
    let asked: Vec<&Value> = queries(&bundle).filter(|query| query["of_objects"] != true).collect();
    assert!(asked.iter().all(|query| query["partial"] == true), "{asked:#?}");
    assert!(asked.iter().any(|query| query["warnings"].to_string().contains(&away)), "{asked:#?}");
    assert!(that_are(&bundle, "healthy").is_empty(), "{:#}", bundle.manifest["queries"]);
    let bundle = metrics_of("mint-signing-failed", &at, &parted);
    assert!(that_are(&bundle, "alert").contains(&"mint-success"), "{:#}", bundle.manifest["queries"]);
}
