//! Owns a fake Prometheus, for what a real one cannot be made to do: by its address, or behind a service of the
//! fake API server.

use super::{Api, Asked, Reply, World};
use kubectl_escalate::profile::Profile;
use serde_json::{Value, json};

/// The window of [`super::run::INCIDENT`], in seconds since 1970, and its incident.
pub(crate) const START: i64 = 1_709_646_600;
pub(crate) const INCIDENT: i64 = START + 15 * 60;
pub(crate) const END: i64 = START + 30 * 60;

/// How many queries the default profile has.
pub(crate) fn queries_of_profile() -> usize {
    let profile = Profile::load("trust-domain-server", &kubectl_escalate::collectors::optional());
    profile.expect("the profile").queries.len()
}

/// What it answers, but for what a test has it answer otherwise.
pub(crate) fn answer(asked: &Asked) -> Option<Reply> {
    let path = api_path(asked)?;
    let query = asked.parameter("query");
    Some(Reply::json(&match path {
        "/api/v1/status/buildinfo" => success(json!({ "version": "3.16.0" })),
        "/api/v1/alerts" => success(json!({ "alerts": [
            { "labels": { "alertname": "MintErrors", "namespace": "tdd-one" }, "state": "firing", "activeAt": "2024-03-05T14:03:00Z" },
            { "labels": { "alertname": "SomebodyElses", "namespace": "shop" }, "state": "firing" },
        ] })),
        "/api/v1/rules" => success(json!({ "groups": [
            { "name": "ours", "rules": [{ "name": "MintErrors", "query": "rate(spirl_server_mint_svid_total[5m]) > 0", "alerts": [] }] },
            { "name": "others", "rules": [{ "name": "Shop", "query": "rate(shop_total[5m]) > 0" }] },
        ] })),
        "/api/v1/targets" => success(json!({ "activeTargets": [
            { "labels": { "namespace": "tdd-one", "pod": super::world::POD }, "health": "up" },
            { "labels": { "namespace": "shop" }, "health": "down" },
        ] })),
        "/api/v1/query" if query.contains("count_over_time") => {
            has(&[(json!({ "spirl_trust_domain": "example.org" }), 120)])
        }
        "/api/v1/query" => matrix(&[(
            json!({ "__name__": "spirl_server_mint_svid_total", "status_code": "ok" }),
            &[(START, "1"), (END, "2")],
        )]),
        "/api/v1/query_range" => matrix(&[(json!({}), &[(START, "0.999"), (INCIDENT, "0.5"), (END, "0.998")])]),
        _ => return None,
    }))
}

/// The path of its API, behind whatever way to it.
fn api_path(asked: &Asked) -> Option<&str> {
    asked.path.find("/api/v1/").map(|_| &asked.path[asked.path.rfind("/api/v1/").unwrap_or(0)..])
}

pub(crate) fn success(data: Value) -> Value {
    json!({ "status": "success", "data": data })
}

/// So many samples of series with these labels.
pub(crate) fn has(series: &[(Value, u32)]) -> Value {
    let one = |(labels, count): &(Value, u32)| json!({ "metric": labels, "value": [END, count.to_string()] });
    success(json!({ "resultType": "vector", "result": series.iter().map(one).collect::<Vec<_>>() }))
}

/// Series with points.
pub(crate) fn matrix(series: &[(Value, &[(i64, &str)])]) -> Value {
    let one = |(labels, points): &(Value, &[(i64, &str)])| json!({ "metric": labels, "values": points });
    success(json!({ "resultType": "matrix", "result": series.iter().map(one).collect::<Vec<_>>() }))
}

/// A refusal as its API words it.
pub(crate) fn refusal(code: u16, kind: &str, error: &str) -> Reply {
    Reply::json(&json!({ "status": "error", "errorType": kind, "error": error })).with_status(code)
}

/// One that listens by itself.
pub(crate) fn serve() -> Api {
    Api::new(answer)
}

/// A service of this name that it may be behind.
pub(crate) fn service(world: &mut World, namespace: &str, name: &str, port: u16) {
    world.namespace(namespace);
    let port = json!({ "name": "web", "port": port, "protocol": "TCP" });
    world.object("services", namespace, name, json!({ "spec": { "ports": [port] } }));
}

/// Has what is behind a service answer.
pub(crate) fn behind(api: &Api, service: &str, answer: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static) {
    let (namespace, name) = service.split_once('/').expect("NAMESPACE/NAME:PORT");
    let proxy = format!("/api/v1/namespaces/{namespace}/services/{name}/proxy");
    api.on(move |asked| asked.path.starts_with(&proxy).then(|| answer(asked))?);
}
