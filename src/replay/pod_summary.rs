//! Owns the summary of a pod: the fields that descriptions of its node and its controller need. A node shows what the
//! pod's containers request, a controller counts its pods by phase.
//!
//! The summaries of all namespaces are held at once to describe the nodes, so they are small.

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
    /// A condition says that the node cannot resize the pod.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    conditions: Raw<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    container_statuses: Option<Vec<Container<'a>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    init_container_statuses: Option<Vec<Container<'a>>>,
}

/// A container of the spec, or the status of one.
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

/// The summary of a pod, as JSON; none for what is not a pod.
pub(super) fn summary(pod: &str) -> Option<String> {
    serde_json::to_string(&serde_json::from_str::<Pod>(pod).ok()?).ok()
}
