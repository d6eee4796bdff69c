//! Of a pod, what others are described by: its node by what its containers ask for, its controller by its owner and
//! its phase. Each pod is looked at twice for these, and those of all namespaces are held at once for their nodes.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

type Raw<'a> = Option<&'a RawValue>;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pod<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    api_version: Raw<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    kind: Raw<'a>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Spec<'a>,
    #[serde(borrow)]
    status: Status<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    namespace: Raw<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    uid: Raw<'a>,
    #[serde(borrow)]
    creation_timestamp: Raw<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    owner_references: Raw<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    init_containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    node_name: Raw<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    overhead: Raw<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    resources: Raw<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    phase: Raw<'a>,
    /// A resize that the node cannot do is told here.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    conditions: Raw<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    container_statuses: Option<Vec<Container<'a>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    init_container_statuses: Option<Vec<Container<'a>>>,
}

/// A container of the specification, or what became of it.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Container<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    name: Raw<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    restart_policy: Raw<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    resources: Raw<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    allocated_resources: Raw<'a>,
}

/// The pod with as much of it; none for what is not as pods are.
pub(super) fn of(pod: &str) -> Option<String> {
    serde_json::to_string(&serde_json::from_str::<Pod>(pod).ok()?).ok()
}
