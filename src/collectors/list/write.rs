//! Owns writing a list: a table for each namespace, and a file for each of its objects.

use super::{Kept, table_text};
use crate::{
    bundle::{BundleError, layout},
    collect::{ClusterContext, Entry, Writing},
    plan::ListTask,
    redact::{Clean, Counts},
    source::kubernetes::ListHead,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::{sync::mpsc, task::JoinHandle};

/// The result of a list: its entries, and why it ended.
type Written = (Vec<Entry>, Option<BundleError>);

/// Above this many objects, a separate thread for writing is worthwhile.
const MANY: usize = 100;

/// The way of the rows to the writer, which is beside the parser once the list proves long.
pub(super) struct Pipe {
    writer: Option<Box<Writer>>,
    beside: Option<Beside>,
    batch: Vec<Kept>,
    count: usize,
}

/// A writer on a thread of its own.
struct Beside {
    sender: mpsc::Sender<Vec<Kept>>,
    thread: JoinHandle<Box<Writer>>,
}

impl Pipe {
    pub(super) fn new(context: &ClusterContext, list: &ListTask, request: String) -> Self {
        let writer = Writer {
            context: context.clone(),
            list: list.clone(),
            request,
            head: ListHead::default(),
            open: None,
            ended: BTreeSet::new(),
            late: BTreeMap::new(),
            entries: Vec::new(),
            failed: None,
        };
        Self { writer: Some(Box::new(writer)), beside: None, batch: Vec::new(), count: 0 }
    }

    /// The list says what it is, before its first row.
    pub(super) fn begin(&mut self, head: ListHead) {
        // A list that starts again has the columns it had.
        if let Some(writer) = &mut self.writer {
            writer.head = head;
        }
    }

    /// The next row.
    pub(super) fn row(&mut self, row: Kept) {
        self.count += 1;
        match &mut self.writer {
            Some(writer) => writer.row(row),
            None => self.batch.push(row),
        }
    }

    /// Lets the writer catch up, so that only rows that arrived since the last time are held.
    pub(super) async fn hand_over(&mut self) {
        if let Some(mut writer) = self.writer.take_if(|_| self.count > MANY) {
            let (sender, mut receiver) = mpsc::channel::<Vec<Kept>>(1);
            let thread = tokio::task::spawn_blocking(move || {
                while let Some(batch) = receiver.blocking_recv() {
                    batch.into_iter().for_each(|row| writer.row(row));
                }
                writer
            });
            self.beside = Some(Beside { sender, thread });
        }
        if let Some(Beside { sender, .. }) = self.beside.as_ref().filter(|_| !self.batch.is_empty()) {
            // A writer that is gone has panicked, which the end of the list says.
            let _ = sender.send(std::mem::take(&mut self.batch)).await;
        }
    }

    /// Ends the list; `head` is what it said of itself, unless it failed.
    pub(super) async fn finish(self, head: Option<&ListHead>) -> Written {
        let Self { writer, beside, batch, .. } = self;
        let mut writer = match (writer, beside) {
            (Some(writer), _) => writer,
            (None, Some(Beside { sender, thread })) => {
                drop(sender);
                thread.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
            }
            (None, None) => return (Vec::new(), None),
        };
        if let Some(head) = head {
            writer.head = head.clone();
        }
        let complete = head.is_some();
        writer.end(batch, complete)
    }
}

/// Writes rows as they come, which is namespace by namespace: so the API server keeps them.
struct Writer {
    context: ClusterContext,
    list: ListTask,
    request: String,
    head: ListHead,
    open: Option<Open>,
    ended: BTreeSet<String>,
    /// Rows of namespaces whose tables have ended: an aggregated API may list in any order.
    late: BTreeMap<String, Vec<Kept>>,
    entries: Vec<Entry>,
    failed: Option<BundleError>,
}

/// The namespace whose rows come now; empty for objects of the cluster.
struct Open {
    namespace: String,
    table: Writing,
    cells: Vec<Clean>,
    counts: Counts,
}

impl Writer {
    fn row(&mut self, row: Kept) {
        if self.failed.is_some() {
            return;
        }
        if let Err(error) = self.write(row) {
            self.failed = Some(error);
        }
    }

    fn write(&mut self, row: Kept) -> Result<(), BundleError> {
        if self.ended.contains(&self.namespace_of(&row)) {
            self.late.entry(row.namespace.clone()).or_default().push(row);
            return Ok(());
        }
        let mut open = match self.open.take() {
            Some(open) if open.namespace == self.namespace_of(&row) => open,
            before => {
                if let Some(before) = before {
                    self.close(before, "")?;
                }
                self.begin(&self.namespace_of(&row), "")?
            }
        };
        self.object(&mut open, row)?;
        self.open = Some(open);
        Ok(())
    }

    /// Cluster-scoped kinds have one table, and so has what is listed by a query over namespaces.
    fn namespace_of(&self, row: &Kept) -> String {
        if self.list.resource.namespaced && !self.list.is_of_neighbours() {
            row.namespace.clone()
        } else {
            String::new()
        }
    }

    /// Ends what is open, and writes what has no rows: that there are none is evidence, too, for a
    /// replay answers an empty list then, and not "not collected".
    fn end(mut self, last: Vec<Kept>, complete: bool) -> Written {
        last.into_iter().for_each(|row| self.row(row));
        if self.failed.is_none() {
            self.failed = self.end_all(complete).err();
        }
        (self.entries, self.failed)
    }

    fn end_all(&mut self, complete: bool) -> Result<(), BundleError> {
        if let Some(open) = self.open.take() {
            self.close(open, "")?;
        }
        for (namespace, rows) in std::mem::take(&mut self.late) {
            let mut open = self.begin(&namespace, "-more")?;
            for row in rows {
                self.object(&mut open, row)?;
            }
            self.close(open, "-more")?;
        }
        let asked = match &self.list.namespace {
            _ if !complete => Vec::new(),
            Some(namespace) => vec![namespace.clone()],
            None if self.list.resource.namespaced && !self.list.is_of_neighbours() => {
                self.context.basis.place.namespaces.keys().cloned().collect()
            }
            None => vec![String::new()],
        };
        for namespace in asked {
            if !self.ended.contains(&namespace) {
                let open = self.begin(&namespace, "")?;
                self.close(open, "")?;
            }
        }
        Ok(())
    }

    fn begin(&self, namespace: &str, part: &str) -> Result<Open, BundleError> {
        let path = layout::resource_table(&self.context.cluster, self.within(namespace), &self.short(part));
        let mut table = self.context.begin(path, &self.request)?;
        let version = self.context.run.redactor.object(json!({ "resourceVersion": self.head.resource_version })).0;
        let columns = self.context.run.redactor.object(Value::Array(self.head.columns.clone())).0;
        table.write(&Clean::literal("{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":"))?;
        table.write(&version.to_clean())?;
        table.write(&Clean::literal(",\"columnDefinitions\":"))?;
        table.write(&columns.to_clean())?;
        table.write(&Clean::literal(",\"rows\":["))?;
        Ok(Open { namespace: namespace.to_owned(), table, cells: Vec::new(), counts: Counts::default() })
    }

    fn object(&mut self, open: &mut Open, row: Kept) -> Result<(), BundleError> {
        let Kept { name, cells, object, mut counts, .. } = row;
        let cells = cells.to_clean();
        let first = open.cells.is_empty();
        open.table.write(&Clean::literal(if first { "{\"cells\":" } else { ",{\"cells\":" }))?;
        open.table.write(&cells)?;
        open.table.write(&Clean::literal(",\"object\":"))?;
        open.table.write(&object.to_clean())?;
        open.table.write(&Clean::literal("}"))?;
        open.cells.push(cells);
        open.counts.merge(&counts);
        // An event says no more as YAML than in its table, and a neighbour is there for its node's
        // description only; thousands of files would hide the rest.
        if self.list.resource.plural == "events" || self.list.is_of_neighbours() {
            return Ok(());
        }
        let path = match self.within(&open.namespace) {
            Some(namespace) if self.list.resource.is("", "pods") => {
                layout::pod_yaml(&self.context.cluster, namespace, &name)
            }
            namespace => layout::object_yaml(&self.context.cluster, namespace, &self.short(""), &name),
        };
        let (text, more) = self.context.run.redactor.yaml(&object);
        counts.merge(&more);
        self.entries.push(self.context.write(path, &self.request, &text, counts)?);
        Ok(())
    }

    fn close(&mut self, open: Open, part: &str) -> Result<(), BundleError> {
        let Open { namespace, mut table, cells, counts } = open;
        table.write(&Clean::literal("]}"))?;
        self.entries.push(table.finish(counts, None)?);
        if !cells.is_empty() && !self.head.columns.is_empty() {
            let rows = cells.iter().filter_map(|cells| serde_json::from_slice::<Vec<Value>>(cells.as_bytes()).ok());
            let text = table_text::print(&self.head.columns, &rows.collect::<Vec<_>>());
            let (clean, counts) = self.context.run.redactor.text(text.as_bytes());
            let path = layout::table_text(&self.context.cluster, self.within(&namespace), &self.short(part));
            self.entries.push(self.context.write(path, &self.request, &clean, counts)?);
        }
        self.ended.insert(namespace);
        Ok(())
    }

    fn within<'n>(&self, namespace: &'n str) -> Option<&'n str> {
        Some(namespace).filter(|_| self.list.resource.namespaced && !self.list.is_of_neighbours())
    }

    fn short(&self, part: &str) -> String {
        format!("{}{part}", self.list.table())
    }
}
