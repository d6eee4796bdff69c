//! Owns the tables of the evidence: rows as compact bytes, indexed by what requests select them by.

use super::pod_summary;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

/// How much of an object is held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    All,
    /// All but managed fields, which are half of most objects and never in a description.
    WithoutManagedFields,
    /// The same, and the summary of each pod.
    PodsWithSummary,
}

/// One object, and the cells that the API server printed for it.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) cells: Bytes,
    pub(super) object: Bytes,
    /// A pod's summary, which descriptions of other objects need.
    pub(super) summary: Option<Bytes>,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) kind: String,
    /// As JSON; empty when there are none.
    labels: Box<str>,
    /// Fields that lists are selected by, by their path. Each of thousands of rows has a few, too few for a map.
    fields: Box<[(&'static str, Box<str>)]>,
}

/// The rows of one entry.
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    pub(super) columns: Bytes,
    pub(super) resource_version: String,
    /// Rows by the name of the object that an event is about.
    about: OnceLock<HashMap<String, Vec<usize>>>,
    names: OnceLock<HashMap<String, Vec<usize>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow, default)]
    column_definitions: Option<&'a RawValue>,
    #[serde(default)]
    metadata: Option<RawMeta>,
    #[serde(borrow)]
    rows: Vec<RawRow<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawMeta {
    resource_version: String,
}

#[derive(Deserialize)]
struct RawRow<'a> {
    #[serde(borrow)]
    cells: &'a RawValue,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// The fields of an object that lists are selected by.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SelectedBy<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Option<Spec<'a>>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
    #[serde(borrow)]
    involved_object: Option<About<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
    #[serde(borrow)]
    managed_fields: Option<&'a RawValue>,
}

// In objects of other kinds, these fields may have any type.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    node_name: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow)]
    phase: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct About<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    field_path: Cow<'a, str>,
    #[serde(borrow)]
    api_version: Cow<'a, str>,
}

impl Table {
    pub(super) fn read(bytes: &Bytes, keep: Keep) -> serde_json::Result<Self> {
        let raw: Raw = serde_json::from_slice(bytes)?;
        let metadata = raw.metadata.unwrap_or_default();
        Ok(Self {
            rows: raw.rows.iter().map(|row| Row::read(row, keep)).collect(),
            columns: copied(raw.column_definitions.map_or("[]", RawValue::get)),
            resource_version: metadata.resource_version,
            about: OnceLock::new(),
            names: OnceLock::new(),
        })
    }

    /// The same table with a summary of each pod in place of the pod.
    pub(super) fn summaries(&self) -> Self {
        let summary =
            |row: &Row| Row { object: row.summary.clone().unwrap_or_else(|| row.object.clone()), ..row.clone() };
        Self {
            rows: self.rows.iter().map(summary).collect(),
            columns: self.columns.clone(),
            resource_version: self.resource_version.clone(),
            about: OnceLock::new(),
            names: OnceLock::new(),
        }
    }

    /// The row of this name; with a namespace, only that of the namespace.
    pub(super) fn named(&self, namespace: Option<&str>, name: &str) -> Option<&Row> {
        let names = self.names.get_or_init(|| index(&self.rows, |row| Some(row.name.as_str())));
        let found = names.get(name)?.iter().map(|at| &self.rows[*at]);
        found.into_iter().find(|row| namespace.is_none_or(|namespace| row.namespace == namespace))
    }

    /// Events that are about an object of this name.
    pub(super) fn about(&self, name: &str) -> impl Iterator<Item = &Row> {
        let about = self.about.get_or_init(|| {
            index(&self.rows, |row| Some(row.field("involvedObject.name")).filter(|name| !name.is_empty()))
        });
        about.get(name).into_iter().flatten().map(|at| &self.rows[*at])
    }
}

fn index(rows: &[Row], key: impl Fn(&Row) -> Option<&str>) -> HashMap<String, Vec<usize>> {
    let mut index: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        if let Some(key) = key(row) {
            index.entry(key.to_owned()).or_default().push(at);
        }
    }
    index
}

impl Row {
    fn read(row: &RawRow<'_>, keep: Keep) -> Self {
        let text = row.object.get();
        // What cannot be read as an object is listed all the same.
        let selected_by: SelectedBy = serde_json::from_str(text).unwrap_or_default();
        let SelectedBy { kind, metadata, spec, status, involved_object } = selected_by;
        let summary = if keep == Keep::PodsWithSummary { pod_summary::summary(text).map(Bytes::from) } else { None };
        let object = match metadata.managed_fields.filter(|_| keep != Keep::All) {
            Some(fields) => without(text, fields.get()),
            None => copied(text),
        };
        let string = |raw: Option<&RawValue>| raw.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let mut fields: Vec<(&'static str, Box<str>)> = Vec::new();
        let mut add = |name: &'static str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                fields.push((name, value.into()));
            }
        };
        add("spec.nodeName", string(spec.and_then(|spec| spec.node_name)));
        add("status.phase", string(status.and_then(|status| status.phase)));
        if let Some(about) = involved_object {
            add("involvedObject.kind", Some(about.kind.into_owned()));
            add("involvedObject.namespace", Some(about.namespace.into_owned()));
            add("involvedObject.name", Some(about.name.into_owned()));
            add("involvedObject.uid", Some(about.uid.into_owned()));
            add("involvedObject.fieldPath", Some(about.field_path.into_owned()));
            add("involvedObject.apiVersion", Some(about.api_version.into_owned()));
        }
        Self {
            cells: copied(row.cells.get()),
            object,
            summary,
            namespace: metadata.namespace.into_owned(),
            name: metadata.name.into_owned(),
            kind: kind.into_owned(),
            labels: metadata.labels.map_or("", RawValue::get).into(),
            fields: fields.into(),
        }
    }

    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.labels).unwrap_or_default()
    }

    /// The value of a field that lists may be selected by; empty where the object has none.
    pub(super) fn field(&self, name: &str) -> &str {
        match name {
            "metadata.name" => &self.name,
            "metadata.namespace" => &self.namespace,
            name => self.fields.iter().find(|field| field.0 == name).map_or("", |field| &field.1),
        }
    }
}

fn copied(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// `object` without its managed fields. `fields` is their value, a part of the same text.
fn without(object: &str, fields: &str) -> Bytes {
    let from = fields.as_ptr() as usize - object.as_ptr() as usize;
    let (mut start, mut end) = (from, from + fields.len());
    let key = "\"managedFields\":";
    if !object[..start].ends_with(key) {
        return copied(object);
    }
    start -= key.len();
    if object[end..].starts_with(',') {
        end += 1;
    } else if object[..start].ends_with(',') {
        start -= 1;
    }
    [&object[..start], &object[end..]].concat().into()
}
