//! Owns the answers in the API server's own forms: objects, lists, tables, Status.

use super::{
    place::Place,
    request::ListQuery,
    selectors::LabelSelector,
    table::{Row, Table},
};
use crate::bundle::{Outcome, TaskRecord};
use bytes::Bytes;
use http::{Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use std::{collections::HashSet, fmt::Write as _, sync::Arc};

/// The kind under which an API server gives objects by their metadata only.
pub(super) const PARTIAL: &str = "PartialObjectMetadata";

/// An answer with what was collected.
pub(super) struct Answer {
    status: StatusCode,
    body: Body,
    content: &'static str,
}

impl Answer {
    pub(super) fn json(body: Bytes) -> Self {
        Self { status: StatusCode::OK, body: body.into(), content: "application/json" }
    }

    pub(super) fn text(body: impl Into<Body>) -> Self {
        Self { status: StatusCode::OK, body: body.into(), content: "text/plain" }
    }

    /// The same with this status; a number that is none becomes 500.
    pub(super) fn with_status(self, code: u16) -> Self {
        Self { status: StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), ..self }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(self.content));
        response
    }
}

/// An answer that says why there is nothing.
#[derive(Debug)]
pub(super) struct Refusal {
    code: u16,
    reason: &'static str,
    message: String,
    /// What the evidence lacks, in one line; none where the evidence is complete.
    pub(super) missing: Option<String>,
}

impl Refusal {
    pub(super) fn new(code: u16, reason: &'static str, message: &str) -> Self {
        Self { code, reason, message: message.to_owned(), missing: None }
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self::new(404, "NotFound", message)
    }

    /// The evidence itself cannot be read.
    pub(super) fn broken(message: &str) -> Self {
        Self::new(500, "InternalError", message).missing(message)
    }

    pub(super) fn missing(mut self, what: &str) -> Self {
        self.missing = Some(what.to_owned());
        self
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let Self { code, reason, message, .. } = self;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        Answer::json(status.to_string().into()).with_status(code).into_response()
    }
}

/// Says why there is nothing, from the outcomes of the tasks that asked for it.
pub(super) fn refusal(records: &[&TaskRecord], what: &str, is_served: bool) -> Refusal {
    if records.is_empty() && !is_served {
        return Refusal::not_found("the server could not find the requested resource");
    }
    let Some(first) = records.first() else {
        let message = format!("{what} was not collected: no task requested it");
        return Refusal::not_found(&message).missing(&message);
    };
    let lines: Vec<String> = records.iter().map(|record| outcome_line(record)).collect();
    let message = format!("{what} was not collected: {}", lines.join("; "));
    // The evidence is complete: there is none in the cluster.
    if records.iter().all(|record| record.outcome == Outcome::Absent) {
        return Refusal::not_found(&first.causes.join(": "));
    }
    let any = |outcomes: &[Outcome]| records.iter().any(|record| outcomes.contains(&record.outcome));
    let refusal = if any(&[Outcome::Forbidden]) {
        Refusal::new(403, "Forbidden", &message)
    } else if any(&[Outcome::TimedOut]) {
        Refusal::new(504, "Timeout", &message)
    } else if any(&[Outcome::Failed, Outcome::Cancelled]) {
        // It may well exist.
        Refusal::new(500, "InternalError", &message)
    } else {
        Refusal::not_found(&message)
    };
    refusal.missing(&lines.join("; "))
}

/// The outcome of a task and its reason, in one line.
pub(super) fn outcome_line(record: &TaskRecord) -> String {
    let causes = record.causes.join(": ");
    let word = serde_json::to_value(record.outcome).ok().and_then(|value| value.as_str().map(str::to_owned));
    let word = word.unwrap_or_default();
    let within = record.namespace.as_deref().map(|name| format!(" of namespace {name}")).unwrap_or_default();
    let why = if causes.is_empty() { word } else { format!("{word}: {causes}") };
    format!("{}{within} ({why})", record.target)
}

/// One object, or its metadata.
pub(super) fn object(object: Bytes, place: &Place, metadata_only: bool, kind: impl Fn() -> String) -> Answer {
    let is_metadata = is_metadata(&object);
    if metadata_only == is_metadata {
        return Answer::json(object);
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(&object) else { return Answer::json(object) };
    if metadata_only {
        to_metadata(&mut value);
    } else {
        // It was collected by metadata only, and came with the kind of that form.
        value["apiVersion"] = place.api_version().into();
        value["kind"] = kind().into();
    }
    Answer::json(value.to_string().into())
}

fn is_metadata(object: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, default)]
        kind: std::borrow::Cow<'a, str>,
    }
    serde_json::from_slice::<Kind>(object).is_ok_and(|object| object.kind == PARTIAL)
}

fn to_metadata(value: &mut Value) {
    *value = json!({ "kind": PARTIAL, "apiVersion": "meta.k8s.io/v1", "metadata": value["metadata"].take() });
}

/// The kinds in a document of aggregated discovery, by group and plural.
pub(super) fn kinds(document: &Value) -> Vec<((String, String), String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut kinds = Vec::new();
    for group in list(&document["items"]) {
        for resource in list(&group["versions"]).iter().flat_map(|version| list(&version["resources"])) {
            let key = (text(&group["metadata"]["name"]), text(&resource["resource"]));
            kinds.push((key, text(&resource["responseKind"]["kind"])));
        }
    }
    kinds
}

/// A guess of a kind by its plural, where discovery was not collected.
pub(super) fn kind_of(plural: &str) -> String {
    let mut letters = plural.strip_suffix('s').unwrap_or(plural).chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// A list, in the requested form.
pub(super) fn list(
    tables: &[Arc<Table>],
    place: &Place,
    query: &ListQuery,
    accept: &str,
    kind: impl Fn() -> String,
) -> Result<Answer, Refusal> {
    let labels =
        match &query.labels {
            None => None,
            Some(text) => Some(LabelSelector::of(text).ok_or_else(|| {
                Refusal::new(400, "BadRequest", &format!("unable to parse the label selector {text:?}"))
            })?),
        };
    let mut seen = HashSet::new();
    let selected = tables.iter().flat_map(|table| match query.fields.exactly("involvedObject.name") {
        Some(name) => Box::new(table.about(name)) as Box<dyn Iterator<Item = &Row>>,
        None => Box::new(table.rows.iter()),
    });
    let mut rows: Vec<&Row> = selected
        .filter(|row| place.namespace.as_deref().is_none_or(|namespace| row.namespace == namespace))
        .filter(|row| labels.as_ref().is_none_or(|labels| labels.select(&row.labels())))
        .filter(|row| query.fields.hold(|name| row.field(name)))
        .filter(|row| seen.insert((&row.namespace, &row.name)))
        .collect();
    if tables.len() > 1 {
        // As an API server lists: in the order of its keys.
        rows.sort_by_cached_key(|row| format!("{}/{}", row.namespace, row.name));
    }
    let end = if query.limit == 0 { rows.len() } else { (query.from + query.limit).min(rows.len()) };
    let page = rows.get(query.from..end).unwrap_or_default();
    let first = tables.first();
    let mut metadata = json!({ "resourceVersion": first.map_or("", |table| table.resource_version.as_str()) });
    if end < rows.len() {
        metadata["continue"] = end.to_string().into();
        metadata["remainingItemCount"] = (rows.len() - end).into();
    }
    let is_table = accept.contains("as=Table") && first.is_some_and(|table| table.columns.len() > 2);
    let metadata_only = accept.contains("as=PartialObjectMetadataList");
    let mut body = String::new();
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    if is_table {
        let columns = first.map(|table| text(&table.columns)).unwrap_or_default();
        let _ = write!(
            body,
            r#"{{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{metadata},"columnDefinitions":{columns},"rows":["#
        );
    } else {
        let (kind, version) = match metadata_only {
            true => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
            false => (format!("{}List", kind()), place.api_version()),
        };
        let _ =
            write!(body, r#"{{"kind":{},"apiVersion":{},"metadata":{metadata},"items":["#, json!(kind), json!(version));
    }
    let mut body = body.into_bytes();
    for (at, row) in page.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        let object = match (is_table, query.include_object.as_str(), metadata_only) {
            // The description of a controller selects its pods by labels.
            (false, _, false) if query.labels.is_some() => row.summary.as_ref().unwrap_or(&row.object).clone(),
            (true, "Object", _) | (false, _, false) => row.object.clone(),
            (true, "None", _) => Bytes::from_static(b"null"),
            _ => metadata_of(&row.object),
        };
        if is_table {
            body.extend_from_slice(b"{\"cells\":");
            body.extend_from_slice(&row.cells);
            body.extend_from_slice(b",\"object\":");
            body.extend_from_slice(&object);
            body.push(b'}');
        } else {
            body.extend_from_slice(&object);
        }
    }
    body.extend_from_slice(b"]}");
    Ok(Answer::json(body.into()))
}

fn metadata_of(object: &Bytes) -> Bytes {
    if is_metadata(object) {
        return object.clone();
    }
    match serde_json::from_slice::<Value>(object) {
        Ok(mut value) => {
            to_metadata(&mut value);
            value.to_string().into()
        }
        Err(_) => object.clone(),
    }
}
