//! Owns the objects of one kind: one request gives the Table that the server renders, with its objects.
//!
//! Rows are redacted and written one by one while the list is still arriving, so that memory holds a few objects and
//! not the list.

mod events;
mod neighbours;
mod table_text;
mod write;

use super::metadata::metadata_of;
use crate::{
    bundle::{IdentityClaim, Outcome},
    collect::{ClusterContext, TaskResult},
    facts::{
        identity,
        object_series::{AllObjectSeries, of_object},
        objects,
    },
    plan::{ListTask, Pod, Priority, Resource, Right, Role, Shown, Task, TaskSpec, with_query},
    redact::{CleanJson, Counts},
    source::kubernetes::{ListHead, ListedObject, Row, Rows, SourceError},
};
use events::EventsReach;
use serde_json::Value;
use std::time::Duration;
use write::Pipe;

/// Longest time for all pages of a list.
const LONGEST: Duration = Duration::from_secs(120);

impl TaskSpec for ListTask {
    fn id(&self) -> String {
        let within = self.namespace.as_deref().map(|name| format!("{name}/")).unwrap_or_default();
        let fields = self.fields.as_deref().map(|fields| format!("?{fields}")).unwrap_or_default();
        format!("list/{within}{}{fields}", self.resource)
    }

    fn kind(&self) -> &'static str {
        "list"
    }

    fn target(&self) -> String {
        self.resource.to_string()
    }

    fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    fn path(&self) -> String {
        let path = self.resource.path(self.namespace.as_deref());
        let selectors = [("labelSelector", &self.labels), ("fieldSelector", &self.fields)];
        with_query(path, selectors.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))))
    }

    fn right(&self) -> Option<Right> {
        Some(Right::within(self.namespace.as_deref(), "list", &self.resource.group, &self.resource.plural))
    }

    fn priority(&self) -> Priority {
        let is_volatile = self.resource.is("", "pods") || self.resource.is("", "events");
        if is_volatile && !self.is_of_neighbours() { Priority::Volatile } else { Priority::Lasting }
    }

    fn limit(&self) -> Option<Duration> {
        // It sees to its own, so that what came in that time is kept.
        None
    }

    fn role(&self) -> Role {
        match self {
            _ if self.is_of_events() => Role::Events,
            _ if self.resource.is("", "pods") && !self.is_of_neighbours() => Role::Pods,
            _ => Role::Other,
        }
    }

    fn by_namespace(&self, namespaces: &mut dyn Iterator<Item = &String>) -> Vec<Task> {
        if self.namespace.is_some() || !self.resource.namespaced {
            return Vec::new();
        }
        let within = |namespace: &String| Self { namespace: Some(namespace.clone()), ..self.clone() };
        namespaces.map(|namespace| Task::new(within(namespace))).collect()
    }

    fn resource(&self) -> Option<&Resource> {
        Some(&self.resource)
    }
}

pub(super) async fn collect(context: &ClusterContext, task: &Task, list: &ListTask) -> TaskResult {
    let mut gather = Gather {
        context: context.clone(),
        // Node events lie in a namespace that need not be the workload's; the query chose them.
        everywhere: list.fields.is_some() || !list.resource.namespaced,
        list: list.clone(),
        pipe: Pipe::new(context, list, task.request()),
        reach: EventsReach::new(context, list),
        objects: objects::ObjectReader::new(context.object_context()),
        table: list.table(),
        pods: Vec::new(),
        claims: Vec::new(),
        object_series: AllObjectSeries::default(),
        found: 0,
    };
    let path = task.path();
    let listing = context.kubernetes.list(&path, list.metadata_only, &mut gather);
    let listed = tokio::time::timeout(LONGEST, listing).await;
    let listed = listed.unwrap_or(Err(SourceError::TimedOut { what: "the whole list", after: LONGEST }));
    let Gather { pipe, reach, mut objects, table, pods, claims, object_series, found, .. } = gather;
    context.add_object_series(object_series, listed.is_ok());
    if listed.is_ok() {
        let all = || context.basis.place.namespaces.keys().map(String::as_str).collect();
        for namespace in list.namespace.as_deref().map_or_else(all, |namespace| vec![namespace]) {
            objects.add_listed(&list.resource, &table, namespace);
        }
    }
    let objects = Some(Box::new(objects.into_facts()));
    let (mut entries, failed) = pipe.finish(listed.as_ref().ok()).await;
    let mut told = None;
    if let Some(reach) = reach {
        let unwritten = failed.as_ref().map(|error| error.causes_without_paths().join(": "));
        let broken = listed.as_ref().err().map(|error| error.causes().join(": ")).or(unwritten);
        reach.cover(context, list, &mut entries, broken.as_deref());
        told = Some(reach.told);
    }
    if let Some(error) = failed {
        let shown = Shown { pods, ..Shown::default() };
        return TaskResult { entries, shown, claims, objects, told, ..error.into() };
    }
    let restarted = listed.as_ref().is_ok_and(|head| head.restarted);
    let mut result = match listed {
        Ok(_) => TaskResult::new(if found == 0 { Outcome::Empty } else { Outcome::Collected }),
        Err(error) => match refused(task, list, &error) {
            // What has come is in the bundle; only the rest is missing.
            result if found > 0 && result.outcome == Outcome::Failed => {
                TaskResult { outcome: Outcome::Truncated, ..result }
            }
            result => result,
        },
    };
    if restarted {
        result.causes.push(
            "the list took longer than the server keeps its state, so its end is newer than its beginning".to_owned(),
        );
    }
    let shown = Shown { pods, ..result.shown };
    TaskResult { entries, shown, claims, objects, told, ..result }
}

/// What may not be listed over the cluster may still be listed in a namespace.
fn refused(task: &Task, list: &ListTask, error: &SourceError) -> TaskResult {
    if error.code() == Some(403) && list.namespace.is_none() && list.resource.namespaced {
        let cause = "listing in the whole cluster is forbidden; each namespace is listed instead".to_owned();
        let shown = Shown { is_refused: true, ..Shown::default() };
        return TaskResult { causes: vec![cause], shown, ..TaskResult::new(Outcome::Skipped) };
    }
    TaskResult::failed(error, task)
}

/// One object, redacted, and how the server prints it.
struct Kept {
    namespace: String,
    name: String,
    cells: CleanJson,
    object: CleanJson,
    counts: Counts,
}

/// Takes the rows as they come: cuts the list to what is ours, redacts, sees what planning needs.
struct Gather {
    context: ClusterContext,
    list: ListTask,
    everywhere: bool,
    pipe: Pipe,
    /// Of a list of events.
    reach: Option<EventsReach>,
    objects: objects::ObjectReader,
    /// The name of the list's table.
    table: String,
    pods: Vec<Pod>,
    claims: Vec<IdentityClaim>,
    object_series: AllObjectSeries,
    found: usize,
}

impl Rows for Gather {
    type Object = ListedObject;

    fn begins(&mut self, head: &ListHead) {
        self.pipe.begin(head.clone());
    }

    fn row(&mut self, row: Row<ListedObject>) {
        let ListedObject { value: object, managed_fields } = row.object;
        let metadata = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (metadata("namespace"), metadata("name"));
        if let Some(reach) = &mut self.reach {
            reach.see(&object);
        }
        let scope = self.context.basis.place.namespaces.get(&namespace);
        let is_ours = scope.is_some_and(|scope| scope.holds(&self.list.resource, &object));
        let are_neighbours = self.list.is_of_neighbours();
        if if are_neighbours { is_ours } else { !is_ours && !self.everywhere } {
            return;
        }
        if let Some(reach) = &mut self.reach {
            reach.keep(&self.context.cluster, &namespace, &object);
        }
        let object = match self.list.metadata_only {
            true => metadata_of(object),
            false if are_neighbours => neighbours::brief(&object),
            false => object,
        };
        let (object, mut counts) = self
            .context
            .run
            .redactor
            .object_with_managed_fields(object, managed_fields.filter(|_| !are_neighbours && !self.list.metadata_only));
        let (cells, more) = self.context.run.redactor.object(Value::Array(row.cells));
        counts.merge(&more);
        if !are_neighbours {
            self.objects.add(&self.list.resource, &self.table, &object);
        }
        if self.list.resource.is("", "pods") && !are_neighbours {
            self.pods.extend(Pod::read(&self.context.basis.request, object.value()));
            if scope.is_some_and(|scope| scope.pods.contains(&name)) {
                self.claims.extend(identity::of_pod(&self.context.run.searches.names, &object, &self.context.cluster));
            }
        }
        if !are_neighbours {
            let resource = &self.list.resource;
            self.object_series.add(|| of_object(&resource.group, &resource.plural, &object));
        }
        self.found += 1;
        self.pipe.row(Kept { namespace, name, cells, object, counts });
    }

    async fn pause(&mut self) {
        self.pipe.hand_over().await;
    }
}
