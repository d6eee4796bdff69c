//! Objects of one kind: one request gives the Table that the server renders, with its objects.
//!
//! Rows are redacted one by one while the list is still being received, and held as compact bytes.

use super::{Done, Entry, Site, table_text};
use crate::{
    bundle::{BundleError, Outcome, layout},
    facts::identity,
    plan::{self, ListTask, Place, Planned, Pod, Request, Resource, Task},
    redact::{Clean, Counts, Redactor},
    source::kubernetes::{ListEnd, Row, Rows, SourceError},
    yaml,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

pub(super) async fn collect(site: &Site, task: &Task, list: &ListTask) -> Done {
    let gather = Gather {
        redactor: site.redactor.clone(),
        request: site.request.clone(),
        place: site.place.clone(),
        names: site.names.clone(),
        cluster: site.cluster.clone(),
        resource: list.resource.clone(),
        // Node events lie in a namespace that need not be the workload's; the query chose them.
        everywhere: list.fields.is_some() || !list.resource.namespaced,
        held: Held::default(),
    };
    let listed = site.kubernetes.list(&task.path(), list.metadata_only, gather).await;
    let (gather, end) = match listed {
        Ok(listed) => listed,
        Err(error) => return refused(site, task, list, &error),
    };
    let (site, list, request) = (site.clone(), list.clone(), task.request());
    // Rendering and compressing thousands of objects would hold up the streams beside it.
    let written = tokio::task::spawn_blocking(move || write(&site, &list, &request, gather.held, &end)).await;
    written
        .unwrap_or_else(|panic| Done { causes: vec![format!("internal error: {panic}")], ..Done::new(Outcome::Failed) })
}

/// What may not be listed over the cluster may still be listed in a namespace.
fn refused(site: &Site, task: &Task, list: &ListTask, error: &SourceError) -> Done {
    if error.code() == Some(403) && list.namespace.is_none() && list.resource.namespaced {
        let instead = plan::one_by_one(task, &site.place).into_iter().map(Planned::from).collect();
        let cause = "listing over the cluster is forbidden; each namespace is listed instead".to_owned();
        return Done { causes: vec![cause], instead, ..Done::new(Outcome::Skipped) };
    }
    Done::failed(error, task)
}

/// One object, redacted, and how the server prints it.
struct Kept {
    name: String,
    cells: Clean,
    object: Clean,
    counts: Counts,
}

#[derive(Default)]
struct Held {
    rows: BTreeMap<String, Vec<Kept>>,
    pods: Vec<Pod>,
    claims: Vec<crate::bundle::IdentityClaim>,
}

struct Gather {
    redactor: Redactor,
    request: Arc<Request>,
    place: Arc<Place>,
    names: Arc<identity::Names>,
    cluster: String,
    resource: Resource,
    everywhere: bool,
    held: Held,
}

impl Rows for Gather {
    fn row(&mut self, row: Row) {
        let metadata = |key: &str| row.object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (metadata("namespace"), metadata("name"));
        if !self.everywhere {
            let scope = self.place.namespaces.get(&namespace);
            if !scope.is_some_and(|scope| scope.holds(&self.resource, &row.object)) {
                return;
            }
        }
        let (object, mut counts) = self.redactor.object(row.object);
        let (cells, more) = self.redactor.object(Value::Array(row.cells));
        counts.merge(&more);
        if self.resource.is("", "pods") {
            self.held.pods.extend(Pod::read(&self.request, object.value()));
            if self.place.namespaces.get(&namespace).is_some_and(|scope| scope.pods.contains(&name)) {
                self.held.claims.extend(identity::of_pod(&self.names, &object, &self.cluster));
            }
        }
        let kept = Kept { name, cells: cells.to_clean(), object: object.to_clean(), counts };
        self.held.rows.entry(namespace).or_default().push(kept);
    }

    fn restart(&mut self) {
        self.held = Held::default();
    }
}

/// Above so many objects, a second thread pays: the API server has handed all over and is idle.
const MANY: usize = 200;

fn write(site: &Site, list: &ListTask, request: &str, held: Held, end: &ListEnd) -> Done {
    let mut rows = held.rows;
    // That there are none is evidence, too: a replay answers an empty list, not "not collected".
    let asked: Vec<String> = match &list.namespace {
        Some(namespace) => vec![namespace.clone()],
        None if list.resource.namespaced => site.place.namespaces.keys().cloned().collect(),
        None => vec![String::new()],
    };
    for namespace in asked {
        rows.entry(namespace).or_default();
    }
    let found = rows.values().map(Vec::len).sum::<usize>();
    let namespaces = Mutex::new(rows.into_iter());
    let work = || {
        let mut entries = Vec::new();
        loop {
            // A statement of its own: as a loop's condition it would hold the lock while writing.
            let next = namespaces.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((namespace, rows)) = next else { return (entries, None) };
            let namespace = Some(namespace.as_str()).filter(|_| list.resource.namespaced);
            if let Err(error) = write_namespace(site, list, request, namespace, rows, end, &mut entries) {
                return (entries, Some(error));
            }
        }
    };
    let results = std::thread::scope(|scope| {
        let helper = (found > MANY).then(|| scope.spawn(work));
        let own = work();
        let helped = helper.map(|helper| helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        [Some(own), helped]
    });
    let mut entries = Vec::new();
    let mut failed = None;
    for (written, error) in results.into_iter().flatten() {
        entries.extend(written);
        failed = failed.or(error);
    }
    if let Some(error) = failed {
        return Done { entries, ..error.into() };
    }
    let outcome = match found {
        0 => Outcome::Empty,
        _ => Outcome::Collected,
    };
    Done { outcome, pods: held.pods, claims: held.claims, ..Done::collected(entries) }
}

fn write_namespace(
    site: &Site,
    list: &ListTask,
    request: &str,
    namespace: Option<&str>,
    rows: Vec<Kept>,
    end: &ListEnd,
    entries: &mut Vec<Entry>,
) -> Result<(), BundleError> {
    let short = match &list.fields {
        // A second list of the same kind in the same namespace: node events beside the pods' own.
        Some(fields) => format!("{}-{}", list.resource.short(), fields.rsplit('=').next().unwrap_or_default()),
        None => list.resource.short(),
    };
    let mut table = site.begin(layout::resource_table(&site.cluster, namespace, &short), request)?;
    table.write(&Clean::literal("{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":"))?;
    table.write(&site.redactor.object(json!({ "resourceVersion": end.resource_version })).0.to_clean())?;
    table.write(&Clean::literal(",\"columnDefinitions\":"))?;
    table.write(&site.redactor.object(Value::Array(end.columns.clone())).0.to_clean())?;
    table.write(&Clean::literal(",\"rows\":["))?;
    let mut all = Counts::default();
    for (at, kept) in rows.iter().enumerate() {
        all.merge(&kept.counts);
        table.write(&Clean::literal(if at == 0 { "{\"cells\":" } else { ",{\"cells\":" }))?;
        table.write(&kept.cells)?;
        table.write(&Clean::literal(",\"object\":"))?;
        table.write(&kept.object)?;
        table.write(&Clean::literal("}"))?;
    }
    table.write(&Clean::literal("]}"))?;
    entries.push(table.finish(all, None)?);
    let is_event = list.resource.plural == "events";
    let mut cells = Vec::new();
    for kept in rows {
        if let Ok(printed) = serde_json::from_slice::<Vec<Value>>(kept.cells.as_bytes()) {
            cells.push(printed);
        }
        // An event says no more as YAML than in its table; thousands of files would hide the rest.
        if is_event {
            continue;
        }
        let Ok(object) = serde_json::from_slice::<Value>(kept.object.as_bytes()) else { continue };
        let path = match namespace {
            Some(namespace) if list.resource.is("", "pods") => layout::pod_yaml(&site.cluster, namespace, &kept.name),
            namespace => layout::object_yaml(&site.cluster, namespace, &short, &kept.name),
        };
        let text = yaml::object(&object);
        // The object is clean already; the scan is for what only its text shows.
        let (clean, mut counts) = site.redactor.text(text.as_bytes());
        counts.merge(&kept.counts);
        entries.push(site.write(path, request, &clean, counts)?);
    }
    if !cells.is_empty() && !end.columns.is_empty() {
        let text = table_text::print(&end.columns, &cells);
        let (clean, counts) = site.redactor.text(text.as_bytes());
        entries.push(site.write(layout::table_text(&site.cluster, namespace, &short), request, &clean, counts)?);
    }
    Ok(())
}
