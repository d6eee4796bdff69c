//! An incident that never was, of any size, as manifest, findings, facts and curves: a control plane that is away, and
//! what hangs on it.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use kubectl_escalate::{
    bundle::{Manifest, facts::Facts, findings::Findings},
    report::{self, Series},
};
use serde_json::{Value, json};

/// All that a report is made of.
#[derive(Clone)]
pub(crate) struct Incident {
    pub(crate) manifest: Manifest,
    pub(crate) findings: Findings,
    pub(crate) facts: Facts,
    pub(crate) series: Vec<Series>,
}

const CLUSTER: &str = "prod-eu";
const NAMESPACE: &str = "tdd-one";

fn at(seconds: i64) -> String {
    let start: DateTime<Utc> = "2026-11-22T15:27:00Z".parse().expect("a time");
    (start + Duration::milliseconds(seconds * 1000 + seconds % 7 * 111)).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The moment in the middle of the window.
const INCIDENT: i64 = 900;

fn pod(number: usize) -> String {
    format!("tdd-one-spirl-server-7d9f6b5c4-{number:05x}")
}

fn log(number: usize) -> String {
    format!("clusters/{CLUSTER}/namespaces/{NAMESPACE}/pods/{}/logs/spirl-server.log", pod(number))
}

fn pod_yaml(number: usize) -> String {
    format!("clusters/{CLUSTER}/namespaces/{NAMESPACE}/pods/{}/pod.yaml", pod(number))
}

fn in_namespace(file: &str) -> String {
    format!("clusters/{CLUSTER}/namespaces/{NAMESPACE}/{file}")
}

impl Incident {
    /// With so many pods, each of which has so many error lines.
    pub(crate) fn of(pods: usize, lines: usize) -> Self {
        let queries = queries();
        let of = |query: &Value| {
            let record = serde_json::from_value(query.clone()).expect("a record");
            report::series(&record, answer(query["id"].as_str().unwrap_or_default(), pods).as_bytes())
        };
        let answered = queries.iter().filter(|query| query["verdict"] != "no-data");
        let series = answered.flat_map(of).collect();
        let manifest = manifest(pods, &queries);
        Self {
            manifest: serde_json::from_value(manifest).expect("a manifest"),
            findings: serde_json::from_value(findings(pods)).expect("findings"),
            facts: serde_json::from_value(facts(pods, lines)).expect("facts"),
            series,
        }
    }

    /// The same with `more` behind every text that anybody but this program could have written.
    pub(crate) fn with(&self, more: &str) -> Self {
        let manifest = spoilt(serde_json::to_value(&self.manifest).expect("JSON"), more);
        let findings = spoilt(serde_json::to_value(&self.findings).expect("JSON"), more);
        let facts = spoilt(serde_json::to_value(&self.facts).expect("JSON"), more);
        let mut series = self.series.clone();
        for one in &mut series {
            one.query.push_str(more);
            one.cluster.push_str(more);
            one.labels =
                one.labels.iter().map(|(name, value)| (format!("{name}{more}"), format!("{value}{more}"))).collect();
        }
        Self {
            manifest: serde_json::from_value(manifest).expect("a manifest"),
            findings: serde_json::from_value(findings).expect("findings"),
            facts: serde_json::from_value(facts).expect("facts"),
            series,
        }
    }

    pub(crate) fn page(&self) -> String {
        report::page(&self.manifest, &self.findings, &self.facts, &self.series)
    }

    pub(crate) fn markdown(&self) -> String {
        report::markdown(&self.manifest, &self.findings, &self.facts)
    }
}

/// What has a closed list of words, or is a path that links depend on.
const FIXED: [&str; 18] = [
    "level",
    "severity",
    "verdict",
    "outcome",
    "ended",
    "cause",
    "gap_cause",
    "entry",
    "entries",
    "path",
    "root_cause",
    "explained_by",
    "id",
    "explains",
    "healthy",
    "alert",
    "levels",
    "state",
];

fn spoilt(value: Value, more: &str) -> Value {
    match value {
        Value::String(text) if DateTime::parse_from_rfc3339(&text).is_ok() => Value::String(text),
        Value::String(text) => Value::String(text + more),
        Value::Array(all) => all.into_iter().map(|one| spoilt(one, more)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| match name.as_str() {
                // A container's state is an object, the others' are words.
                "state" if value.is_object() => (name, spoilt(value, more)),
                "id" if !value.as_str().is_some_and(|id| id.starts_with("query-")) => (name, value),
                "id" => (name, spoilt(value, more)),
                // Words that decide where something is shown.
                "what" if value.as_str().is_some_and(|what| what == "trust_domain") => (name, value),
                "kind" | "reason" | "about" | "phase" | "status" => (name, value),
                fixed if FIXED.contains(&fixed) => (name, value),
                _ => (name, spoilt(value, more)),
            })
            .collect(),
        other => other,
    }
}

fn manifest(pods: usize, queries: &[Value]) -> Value {
    let mut entries: Vec<String> = (0..pods).flat_map(|number| [log(number), pod_yaml(number)]).collect();
    entries.extend(["events.json", "deployments/tdd-one-spirl-server.yaml"].map(in_namespace));
    entries.push(in_namespace("horizontalpodautoscalers/tdd-one.yaml"));
    entries.extend(queries.iter().filter_map(|query| query["entry"].as_str().map(str::to_owned)));
    let entries: Vec<_> = entries.into_iter().map(|path| json!({ "path": path, "bytes": 1, "sha256": "" })).collect();
    json!({
        "format": 1, "trust_domain": "example.org", "trust_domain_source": "spirl_application_info by scrape",
        "trust_domain_deployment": "prod", "region": "eu-central-1", "region_source": "nodes",
        "incident_start": at(INCIDENT), "incident_end": at(INCIDENT), "window_start": at(0), "window_end": at(1800),
        "ticket": "CASE-1234", "tool": "kubectl-escalate", "tool_version": "0.1.0",
        "profile": "trust-domain-server", "profile_version": "9",
        "started": at(1805), "finished": at(1841), "complete": true, "ended": "finished",
        "checklist": [
            { "id": "logs", "text": "logs from 15 minutes before to 15 minutes after", "state": "partial",
              "detail": "3 of 4 containers covered; spirl-server: 4 min missing, rotated away",
              "command": "kubectl escalate collect --incident-time 2026-11-22T15:42:00Z --rotated-logs" },
            { "id": "metrics", "text": "metric values and their PromQL", "state": "yes", "detail": "5 of 5 answered" },
            { "id": "identity", "text": "trust domain and deployment region", "state": "yes",
              "detail": "example.org, eu-central-1" },
            { "id": "priority", "text": "priority", "state": "no", "detail": "not said", "command": "--production" },
        ],
        "clusters": [{ "name": CLUSTER, "version": "v1.34.4", "namespaces": [NAMESPACE] }],
        "tasks": [{ "id": "services", "kind": "list", "target": "services", "outcome": "forbidden",
            "causes": ["services is forbidden"], "hint": "needs list services in namespace tdd-one" }],
        "entries": entries, "queries": queries,
        "remarks": ["objects are not described, because the run was cut short"],
    })
}

fn queries() -> Vec<Value> {
    let query = |id: &str, measures: &str, unit: &str, healthy: &str, verdict: &str, worst: &str| {
        json!({ "cluster": CLUSTER, "id": id, "scenario": "mint-failures", "measures": measures, "unit": unit,
            "healthy": healthy, "expr": format!("sum by (pod) (rate({id}{{spirl_component=\"server\"}}[5m]))"),
            "start": at(0), "end": at(1800), "step_seconds": 30,
            "entry": format!("clusters/{CLUSTER}/metrics/queries/{id}.json"), "verdict": verdict, "series": 3,
            "steps": 61, "steps_with_data": 61, "worst": { "value": worst, "at": at(INCIDENT + 60), "labels": {} } })
    };
    vec![
        query("query-mint-success", "share of mints that succeed", "", "> 0.99", "alert", "0.62"),
        query(
            "query-control-plane-errors",
            "calls to the control plane that fail",
            "per second",
            "< 0.1",
            "alert",
            "4.2",
        ),
        query("query-p95-mint", "95th percentile of minting", "seconds", "< 0.5", "healthy", "0.21"),
        query("query-cpu", "CPU, of the limit", "%", "< 70", "healthy", "31"),
        json!({ "cluster": CLUSTER, "id": "query-oom", "measures": "OOM kills", "expr": "sum(x)", "start": at(0),
            "end": at(1800), "step_seconds": 30, "verdict": "no-data" }),
    ]
}

fn answer(id: &str, pods: usize) -> String {
    let value = |pod: usize, step: i64| {
        let is_late = step > 30;
        let wave = ((step * 7 + pod as i64 * 13) % 11) as f64 / 11.0;
        match id {
            "query-mint-success" if is_late => 0.62 + wave * 0.1,
            "query-mint-success" => 0.995 + wave * 0.005,
            "query-control-plane-errors" if is_late => 3.0 + wave * 1.2,
            "query-control-plane-errors" => 0.0,
            "query-p95-mint" => 0.12 + wave * 0.09,
            _ => 22.0 + wave * 9.0,
        }
    };
    let first = DateTime::parse_from_rfc3339(&at(0)).expect("a time").timestamp();
    let step = |pod: usize, step: i64| json!([first + step * 30, value(pod, step).to_string()]);
    // Of one pod a part is missing.
    let has = |pod: usize, step: i64| pod != 1 || !(10..16).contains(&step);
    let row = |number: usize| {
        let values: Vec<_> = (0..61).filter(|at| has(number, *at)).map(|at| step(number, at)).collect();
        json!({ "metric": { "pod": pod(number) }, "values": values })
    };
    let rows: Vec<_> = (0..pods).map(row).collect();
    json!({ "question": {}, "answer": { "resultType": "matrix", "result": rows }, "verdict": {} }).to_string()
}

fn line(number: usize, line: usize) -> String {
    format!(
        "{{\"level\":\"error\",\"ts\":{line}.5,\"logger\":\"relay\",\"msg\":\"stream to control plane ended\",\
         \"error\":\"rpc error: code = Unavailable desc = connection refused\",\"attempt\":{line},\"pod\":{number}}}"
    )
}

fn facts(pods: usize, lines: usize) -> Value {
    let log_facts = |number: usize| {
        let moment = |line: usize| at(INCIDENT + 5 + (line * 870 / lines.max(1)) as i64);
        let errors: Vec<_> = (0..lines)
            .map(|one| {
                json!({ "level": if one % 5 == 4 { "fatal" } else { "error" },
                    "line": { "at": moment(one), "text": line(number, one) },
                    "before": [{ "at": moment(one), "text": "{\"level\":\"info\",\"msg\":\"dialing\"}" }] })
            })
            .collect();
        let minutes: Vec<_> = (0..30)
            .map(|minute| json!({ "at": at(minute * 60), "levels": if minute < 15 { json!({ "info": 20, "warn": minute % 3 }) } else { json!({ "info": 20, "warn": 3, "error": 4 + minute % 5 }) } }))
            .collect();
        json!({ "entry": log(number), "cluster": CLUSTER, "namespace": NAMESPACE, "pod": pod(number),
            "container": "spirl-server", "kind": "log", "levels": { "info": 600, "warn": 60, "error": lines },
            "minutes": minutes, "errors": errors,
            "templates": [
                { "text": "stream to control plane ended error <*> attempt <*>", "level": "error", "logger": "relay",
                  "count": lines, "first": { "at": moment(0), "text": line(number, 0) }, "last": at(1790), "is_new": true },
                { "text": "slow request <*> ms", "level": "warn", "count": 60,
                  "first": { "at": at(3), "text": "slow request 900 ms" }, "last": at(1700) } ] })
    };
    let pod_facts = |number: usize| {
        let is_down = number == 1;
        let state = if is_down {
            json!({ "kind": "waiting", "reason": "CrashLoopBackOff", "message": "back-off 40s" })
        } else {
            json!({ "kind": "running", "started": at(-9000) })
        };
        let last = json!({ "kind": "terminated", "reason": "Error", "exit_code": 1, "started": at(INCIDENT + 300),
            "finished": at(INCIDENT + 420) });
        json!({ "entry": pod_yaml(number), "cluster": CLUSTER, "namespace": NAMESPACE, "pod": pod(number),
            "is_server": true, "node": format!("ip-10-0-0-{number}.eu-central-1"), "phase": "Running",
            "created": at(-9100), "conditions": [{ "kind": "Ready", "status": if is_down { "False" } else { "True" } }],
            "containers": [{ "name": "spirl-server", "image": "registry.example/spirl-server:1.42.0",
                "restarts": if is_down { 4 } else { 0 }, "ready": !is_down, "state": state,
                "last_state": if is_down { last } else { Value::Null } }] })
    };
    let event = |about: &str, reason: &str, note: &str, first: i64, last: i64| {
        json!({ "entry": in_namespace("events.json"), "cluster": CLUSTER, "namespace": NAMESPACE, "about": about,
            "kind": "Warning", "reason": reason, "note": note, "count": 7, "first": at(first), "last": at(last) })
    };
    json!({
        "format": 1,
        "logs": (0..pods).map(log_facts).collect::<Vec<_>>(),
        "pods": (0..pods).map(pod_facts).collect::<Vec<_>>(),
        "autoscalers": [{ "entry": in_namespace("horizontalpodautoscalers/tdd-one.yaml"), "cluster": CLUSTER,
            "namespace": NAMESPACE, "name": "tdd-one", "target": "Deployment/tdd-one-spirl-server", "min": 2, "max": 6,
            "current": 3, "desired": 4, "last_scaled": at(INCIDENT + 240) }],
        "events": [
            event(&format!("Pod/{}", pod(1)), "BackOff", "Back-off restarting failed container", INCIDENT + 430, INCIDENT + 700),
            event(&format!("Pod/{}", pod(0)), "Unhealthy", "Readiness probe failed: 503", INCIDENT + 30, INCIDENT + 760),
        ],
        "changes": changes(),
    })
}

fn changes() -> Value {
    json!([
        { "at": at(-70_000), "cluster": CLUSTER, "kind": "config", "object": "configmaps tdd-one/tdd-one-config",
          "what": "data changed", "by": "helm" },
        { "at": at(INCIDENT - 130), "cluster": CLUSTER, "kind": "rollout",
          "object": "deployments.apps tdd-one/tdd-one-spirl-server", "what": "a new replica set, 1.41.3 to 1.42.0",
          "by": "helm", "entry": in_namespace("deployments/tdd-one-spirl-server.yaml") },
    ])
}

fn findings(pods: usize) -> Value {
    let all: Vec<String> = (0..pods).map(|number| format!("{CLUSTER}/{NAMESPACE}/{}", pod(number))).collect();
    json!({
        "format": 1, "profile": "trust-domain-server", "profile_version": "9", "at": at(1841),
        "issuance": { "state": "affected", "why": "The share of mints that succeed fell to 0.62.",
            "shown_by": [{ "quote": "mint-success", "value": "0.62", "entry": format!("clusters/{CLUSTER}/metrics/queries/query-mint-success.json") }] },
        "root_cause": "control-plane-away",
        "root_cause_why": "It began before the others, and what is stuck needs the control plane.",
        "findings": [
            { "id": "crash-loop", "severity": "warning", "scenario": "Pod restarts", "title": "A server restarts again and again",
              "means": "One of the servers ends with exit code 1 soon after each start.", "since": at(INCIDENT + 420),
              "pods": [all.get(1)], "of_pods": pods, "explained_by": "control-plane-away",
              "shown_by": [{ "quote": "lastState.terminated: exitCode 1, reason Error", "entry": pod_yaml(1) }],
              "next": [{ "text": "Read what it said before it ended.",
                  "command": format!("kubectl logs -n {NAMESPACE} {} --previous", pod(1)) }] },
            { "id": "control-plane-away", "severity": "critical", "scenario": "Control plane connectivity",
              "title": "The control plane cannot be reached", "since": at(INCIDENT + 5), "until": at(1790),
              "means": "The servers go on with the configuration they have. They get no changes, and no signing key is rotated.",
              "pods": all, "of_pods": pods, "explains": ["crash-loop"],
              "shown_by": [
                { "quote": line(0, 3), "entry": log(0), "at": at(INCIDENT + 5), "times": 48 },
                { "quote": "", "query": "control-plane-errors", "value": "4.2 per second", "labels": { "grpc_code": "Unavailable" },
                  "expr": "sum by (grpc_code) (rate(grpc_client_handled_total{grpc_code!=\"OK\"}[5m]))",
                  "entry": format!("clusters/{CLUSTER}/metrics/queries/query-control-plane-errors.json") } ],
              "next": [
                { "text": "Look whether the network lets the servers out.", "command": format!("kubectl debug -it -n {NAMESPACE} {} --image=public.ecr.aws/d1i7q6j7/spirldbg:latest --target=spirl-server --profile=general -- spirldbg network-diagnostics", pod(0)) },
                { "text": "See the status page of Defakto." } ] },
            { "id": "debug-logging", "severity": "info", "scenario": "Baseline", "title": "Debug logging is on",
              "means": "It was left on, and makes the logs larger.", "of_pods": pods,
              "shown_by": [{ "quote": "SPIRL_LOG_DEBUG=true", "entry": pod_yaml(0) }] },
        ],
        "not_checked": [{ "id": "cpu-throttled", "title": "The servers' CPU is throttled", "why": "no Prometheus has container metrics" }],
        "not_found": ["oom-killed", "hpa-at-maximum"],
        "baseline": [
            { "id": "b1", "signal": "Mints that succeed", "expected": "> 99 %", "state": "not-as-expected", "value": "62 %", "why": "mint-success" },
            { "id": "b2", "signal": "95th percentile of minting", "expected": "< 0.5 s", "state": "as-expected", "value": "0.21 s", "why": "p95-mint" },
            { "id": "b3", "signal": "CPU throttling", "expected": "none", "state": "not-checked", "why": "no Prometheus has container metrics" },
        ],
        "changes": changes(),
    })
}
