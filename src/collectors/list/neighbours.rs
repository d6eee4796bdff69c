//! Owns the pods of other workloads on a node, reduced to what `kubectl describe node` prints about them: their names,
//! ages, requests and limits. What they run, and with which settings, is not collected.

use serde_json::{Map, Value};

/// The pod without the rest.
pub(super) fn brief(pod: &Value) -> Value {
    let container = &["name", "resources", "restartPolicy"][..];
    let status = &["name", "resources", "allocatedResources"][..];
    let mut brief = pick(pod, &["apiVersion", "kind"]);
    brief.insert("metadata".into(), pick(&pod["metadata"], &["name", "namespace", "uid", "creationTimestamp"]).into());
    let mut spec = pick(&pod["spec"], &["nodeName", "overhead", "resources"]);
    each(&mut spec, &pod["spec"], &["containers", "initContainers"], container);
    brief.insert("spec".into(), spec.into());
    let mut said = pick(&pod["status"], &["phase"]);
    each(&mut said, &pod["status"], &["containerStatuses", "initContainerStatuses"], status);
    each(&mut said, &pod["status"], &["conditions"], &["type", "status", "reason"]);
    brief.insert("status".into(), said.into());
    brief.into()
}

fn pick(value: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), value.get(key)?.clone()))).collect()
}

fn each(into: &mut Map<String, Value>, from: &Value, lists: &[&str], keys: &[&str]) {
    for list in lists {
        if let Some(items) = from[*list].as_array() {
            let items: Vec<Value> = items.iter().map(|item| pick(item, keys).into()).collect();
            into.insert((*list).to_owned(), items.into());
        }
    }
}
