//! Owns a look at a list that planning needs, without collecting it as evidence: for a dry run, and while logs are
//! followed.

use crate::{
    facts::gone::MentionedPods,
    plan::{Basis, Pod, Role, Task},
    source::kubernetes::{Kubernetes, Row, Rows, SourceError},
};
use serde_json::Value;

/// What a list shows.
#[derive(Debug, Default)]
pub struct Look {
    /// The workload's pods.
    pub pods: Vec<Pod>,
    /// The pods that events mention.
    pub told: MentionedPods,
}

/// Looks at the list that a task requests.
///
/// # Errors
/// When it cannot be listed.
pub async fn look(kubernetes: &Kubernetes, basis: &Basis, cluster: &str, task: &Task) -> Result<Look, SourceError> {
    let mut looking = Looking { basis, cluster, task, look: Look::default() };
    kubernetes.list(&task.path(), false, &mut looking).await?;
    Ok(looking.look)
}

struct Looking<'a> {
    basis: &'a Basis,
    cluster: &'a str,
    task: &'a Task,
    look: Look,
}

impl Rows for Looking<'_> {
    type Object = Value;

    fn row(&mut self, row: Row<Value>) {
        let Some(resource) = self.task.resource() else { return };
        let namespace = row.object["metadata"]["namespace"].as_str().unwrap_or_default();
        let scope = self.basis.place.namespaces.get(namespace);
        if !scope.is_some_and(|scope| scope.holds(resource, &row.object)) {
            return;
        }
        if self.task.role() == Role::Pods {
            self.look.pods.extend(Pod::read(&self.basis.request, &row.object));
        } else {
            self.look.told.add_event(self.cluster, &row.object);
        }
    }
}
