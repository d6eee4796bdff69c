//! Owns a recording served as an API server: what a bundle holds, answered as it was answered.

use super::{Api, Asked, Reply, run::Bundle};
use serde_json::{Value, json};
use std::path::Path;

/// Serves a bundle's only cluster.
pub(crate) fn serve(path: &Path) -> Api {
    let bundle = Bundle::open(path);
    let cluster = bundle.manifest().clusters[0].name.clone();
    Api::new(move |asked| answer(&bundle, &format!("clusters/{cluster}"), asked))
}

fn answer(bundle: &Bundle, cluster: &str, asked: &Asked) -> Option<Reply> {
    let file = |path: String| bundle.reader.info(&path).map(|_| bundle.bytes(&path));
    if let Some((namespace, pod, container, previous)) = asked.log() {
        let ending = if previous { ".previous.log" } else { ".log" };
        let log = file(format!("{cluster}/namespaces/{namespace}/pods/{pod}/logs/{container}{ending}"));
        let limit = asked.parameter("limitBytes").parse().unwrap_or(usize::MAX);
        return Some(match log {
            Some(log) => Reply::text(&log[..log.len().min(limit)]),
            None => again(bundle, asked),
        });
    }
    let parts: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
    let object = |path: String| Some(file(path).map_or_else(|| again(bundle, asked), |text| yaml(&text)));
    let json = |bytes: Vec<u8>| Reply::json(&serde_json::from_slice(&bytes).expect("JSON"));
    match parts[..] {
        ["version"] => file(format!("{cluster}/api/version.json")).map(json),
        [root @ ("api" | "apis")] => file(format!("{cluster}/api/{root}.json")).map(json),
        ["api", _, "namespaces", namespace, "pods", pod, "proxy", ..] => {
            let pod = pod.trim_start_matches("https:").split(':').next()?;
            let scrape = file(format!("{cluster}/metrics/scrapes/{namespace}/{pod}.0.prom"));
            Some(scrape.map_or_else(|| again(bundle, asked), Reply::text))
        }
        ["api", _, "nodes", node] => object(format!("{cluster}/nodes/{node}.yaml")),
        ["api", _, "namespaces", name] => object(format!("{cluster}/namespaces/{name}.yaml")),
        ["api", _, "namespaces", namespace, "pods", pod] => {
            object(format!("{cluster}/namespaces/{namespace}/pods/{pod}/pod.yaml"))
        }
        ["apis", _, _, "namespaces", namespace, plural, name] => {
            object(format!("{cluster}/namespaces/{namespace}/{plural}/{name}.yaml"))
        }
        ["apis", _, _, plural, name] => object(format!("{cluster}/{plural}/{name}.yaml")),
        ["api", _, "pods"] => {
            let tables = bundle.paths().into_iter().filter(|path| path.ends_with("/pods.json"));
            let tables: Vec<Value> = tables.map(|path| bundle.json(path)).collect();
            Some(select(asked, tables))
        }
        ["api", _, "namespaces", namespace, plural] => Some(table(bundle, cluster, asked, namespace, plural, "")),
        ["apis", group, _, "namespaces", namespace, plural] => {
            Some(table(bundle, cluster, asked, namespace, plural, group))
        }
        _ => Some(again(bundle, asked)),
    }
}

fn table(bundle: &Bundle, cluster: &str, asked: &Asked, namespace: &str, plural: &str, group: &str) -> Reply {
    let at = |short: String| format!("{cluster}/namespaces/{namespace}/{short}.json");
    // A group of its own comes first: `pods` of the metrics server are not the pods.
    let mut names = vec![format!("{plural}.{group}"), plural.to_owned()];
    if let Some(node) =
        asked.parameter("fieldSelector").rsplit('=').next().filter(|_| asked.query.contains_key("fieldSelector"))
    {
        names = vec![format!("{plural}-{node}")];
    }
    let found = names.into_iter().map(at).find(|path| bundle.reader.info(path).is_some());
    found.map_or_else(|| again(bundle, asked), |path| select(asked, vec![bundle.json(&path)]))
}

/// Rows of tables whose labels are asked for.
fn select(asked: &Asked, mut tables: Vec<Value>) -> Reply {
    let selector = asked.parameter("labelSelector");
    let fits = |row: &Value| match selector.split_once('=') {
        Some((key, value)) if !key.ends_with('!') => row["object"]["metadata"]["labels"][key] == value,
        _ => true,
    };
    let rows: Vec<Value> = tables
        .iter()
        .flat_map(|table| table["rows"].as_array().into_iter().flatten())
        .filter(|row| fits(row))
        .cloned()
        .collect();
    if asked.header("accept").contains("as=PartialObjectMetadataList") {
        let items: Vec<_> = rows.iter().map(|row| row["object"].clone()).collect();
        return Reply::json(
            &json!({ "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": items }),
        );
    }
    let mut table = tables.swap_remove(0);
    table["rows"] = rows.into();
    Reply::json(&table)
}

/// What the same request met with when it was recorded: nothing there, or a refusal.
fn again(bundle: &Bundle, asked: &Asked) -> Reply {
    let request = format!("GET {}", asked.target);
    let task = bundle.manifest().tasks.iter().find(|task| task.request == request);
    let said = task.and_then(|task| task.causes.last()).map_or("not recorded", String::as_str);
    if asked.path.ends_with("/log") || asked.path.contains("/proxy/") {
        // A log that was empty in the window, or was never there.
        return match task.map(|task| task.outcome) {
            Some(kubectl_escalate::bundle::Outcome::Empty) => Reply::text(""),
            _ if said.starts_with("the kubelet answered") => Reply::text(said.rsplit(": ").next().unwrap_or_default()),
            _ if asked.path.contains("/proxy/") => Reply::status(503, "ServiceUnavailable", said),
            _ => Reply::status(400, "BadRequest", &format!("not found: {said}")),
        };
    }
    Reply::status(404, "NotFound", said)
}

fn yaml(text: &[u8]) -> Reply {
    let value: Value = serde_yaml::from_slice(text).expect("YAML");
    Reply::json(&value)
}
