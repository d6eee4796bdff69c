//! Owns evidence that no cluster and no bundle holds, for replay and what stands on it.

use kubectl_escalate::bundle::{BundleError, Evidence, Outcome, TaskRecord};
use serde_json::{Value, json};
use std::{collections::HashMap, io::Read};

/// Evidence of the cluster `prod`.
#[derive(Default)]
pub(crate) struct Fake {
    tasks: Vec<TaskRecord>,
    files: HashMap<String, Vec<u8>>,
}

impl Evidence for Fake {
    fn tasks(&self) -> &[TaskRecord] {
        &self.tasks
    }

    fn open<'a>(&'a self, path: &str) -> Result<Box<dyn Read + Send + 'a>, BundleError> {
        let file = self.files.get(path).ok_or_else(|| BundleError::Missing { path: path.to_owned() })?;
        Ok(Box::new(&file[..]))
    }
}

impl Fake {
    /// A task that gave nothing.
    pub(crate) fn add(&mut self, task: TaskRecord) {
        self.tasks.push(task);
    }

    /// A task that gave a file.
    pub(crate) fn file(&mut self, mut task: TaskRecord, path: &str, bytes: Vec<u8>) {
        let path = format!("clusters/prod/{path}");
        task.entries.push(path.clone());
        self.files.insert(path, bytes);
        self.tasks.push(task);
    }

    /// A list that was collected.
    pub(crate) fn table(&mut self, request: &str, path: &str, objects: &[Value]) {
        let row = |object: &Value| json!({ "cells": [object["metadata"]["name"]], "object": object });
        let table = json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": { "resourceVersion": "7" },
            "columnDefinitions": [{ "name": "Name" }], "rows": objects.iter().map(row).collect::<Vec<_>>(),
        });
        let outcome = if objects.is_empty() { Outcome::Empty } else { Outcome::Collected };
        self.file(list_task(request, outcome, ""), path, table.to_string().into_bytes());
    }
}

/// A task of the cluster, by its request.
pub(crate) fn task(kind: &str, request: &str, outcome: Outcome, cause: &str) -> TaskRecord {
    let namespace = request.split_once("/namespaces/").and_then(|(_, rest)| rest.split('/').next()).map(str::to_owned);
    TaskRecord {
        id: format!("prod/{kind}{request}"),
        kind: kind.to_owned(),
        cluster: Some("prod".to_owned()),
        namespace,
        target: request.to_owned(),
        request: format!("GET {request}"),
        required: false,
        outcome,
        causes: Some(cause.to_owned()).filter(|cause| !cause.is_empty()).into_iter().collect(),
        hint: None,
        started: None,
        duration_ms: 0,
        http_status: None,
        entries: Vec::new(),
    }
}

pub(crate) fn list_task(request: &str, outcome: Outcome, cause: &str) -> TaskRecord {
    task("list", request, outcome, cause)
}
