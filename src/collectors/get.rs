//! Owns single objects that are requested by name: a node, a namespace, a definition.

use super::metadata::metadata_of;
use crate::{
    bundle::layout,
    collect::{ClusterContext, TaskResult},
    facts::{identity, objects::ObjectReader},
    plan::{GetTask, Resource, Right, Task, TaskSpec},
};
use serde_json::Value;
use std::collections::BTreeSet;

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

impl TaskSpec for GetTask {
    fn id(&self) -> String {
        let within = self.namespace.as_deref().map(|name| format!("{name}/")).unwrap_or_default();
        format!("get/{within}{}/{}", self.resource, self.name)
    }

    fn kind(&self) -> &'static str {
        "object"
    }

    fn target(&self) -> String {
        format!("{}/{}", self.resource, self.name)
    }

    fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    fn path(&self) -> String {
        format!("{}/{}", self.resource.path(self.namespace.as_deref()), self.name)
    }

    fn right(&self) -> Option<Right> {
        // A namespace's own object lies, for RBAC, in that namespace.
        let is_namespace = self.resource.is("", "namespaces");
        let within = if is_namespace { Some(self.name.as_str()) } else { self.namespace.as_deref() };
        Some(Right::within(within, "get", &self.resource.group, &self.resource.plural).named(&self.name))
    }

    fn resource(&self) -> Option<&Resource> {
        Some(&self.resource)
    }
}

pub(super) async fn collect(context: &ClusterContext, task: &Task, get: &GetTask) -> TaskResult {
    let accept = if get.metadata_only { METADATA } else { "application/json" };
    let mut object: Value = match context.kubernetes.get_json(&task.path(), accept).await {
        Ok(object) => object,
        Err(error) => return TaskResult::failed(&error, task),
    };
    if get.metadata_only {
        object = metadata_of(object);
    }
    let is_node = get.resource.is("", "nodes");
    if let Some(images) = context.images().filter(|_| is_node && !context.basis.request.node_neighbours) {
        leave_out_images(&mut object, images);
    }
    let (clean, mut counts) = context.run.redactor.object(object);
    let claims = if is_node {
        identity::of_labels(&context.run.searches.names, &clean, "node", &context.cluster)
    } else {
        Vec::new()
    };
    let mut objects = ObjectReader::new(context.object_context());
    objects.add(&get.resource, &get.resource.short(), &clean);
    let objects = Some(Box::new(objects.into_facts()));
    let path = match get.namespace.as_deref() {
        None if is_node => layout::node_yaml(&context.cluster, &get.name),
        namespace => layout::object_yaml(&context.cluster, namespace, &get.resource.short(), &get.name),
    };
    let (text, more) = context.run.redactor.yaml(&clean);
    counts.merge(&more);
    match context.write(path, &task.request(), &text, counts) {
        Ok(entry) => TaskResult { claims, objects, ..TaskResult::collected(vec![entry]) },
        Err(error) => error.into(),
    }
}

/// A node names every image it holds, other tenants' too: keeps ours, and says how many are left out.
fn leave_out_images(node: &mut Value, ours: &BTreeSet<String>) {
    // Not by an index, which would write what the node has not.
    let Some(images) = node.pointer_mut("/status/images").and_then(Value::as_array_mut) else { return };
    let before = images.len();
    let is_ours = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        // A pod may say `nginx` where the node says `docker.io/library/nginx:latest`.
        ours.iter().any(|image| {
            let tagged = image.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
            let image = if tagged { image.clone() } else { format!("{image}:latest") };
            name == image || name.ends_with(&format!("/{image}")) || name.starts_with(&format!("{image}@"))
        })
    };
    images.retain(|image| image["names"].as_array().into_iter().flatten().any(is_ours));
    let left_out = before - images.len();
    if left_out > 0 {
        node["metadata"]["annotations"]["kubectl-escalate/images-left-out"] = left_out.to_string().into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_that_is_known_by_its_metadata_gets_no_status() {
        let metadata = json!({ "kind": "Node", "metadata": { "name": "node-a" } });
        let mut node = metadata.clone();
        leave_out_images(&mut node, &BTreeSet::new());
        assert_eq!(node, metadata);
    }
}
