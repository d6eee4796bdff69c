//! Owns the fields of a manifest that another version wrote and this version does not know. Nothing shows whether they
//! are true of a copy, so a copy leaves them out and says so.

use crate::bundle::format::Manifest;
use serde_json::{Value, value::RawValue};
use std::collections::{BTreeMap, BTreeSet};

/// The fields that this version does not know, by their paths: `entries.encoding`.
pub(super) fn unknown(manifest: &[u8]) -> BTreeSet<String> {
    let schema = serde_json::to_value(schemars::schema_for!(Manifest)).unwrap_or_default();
    let mut found = BTreeSet::new();
    if let Ok(raw) = serde_json::from_slice::<&RawValue>(manifest) {
        compare(raw, &schema, &schema, "", &mut found);
    }
    found
}

/// Adds the fields of `raw`, which is at `at`, that `known`, a part of the schema, does not have.
fn compare(raw: &RawValue, known: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    let known = resolve(known, schema);
    if let Some(items) = known.get("items") {
        let all: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        all.into_iter().for_each(|one| compare(one, items, schema, at, found));
    } else if let Some(known) = known.get("properties") {
        // If it is null, it has no fields.
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        for (name, value) in fields {
            let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            match known.get(&name) {
                Some(known) => compare(value, known, schema, &path, found),
                None => _ = found.insert(path),
            }
        }
    }
}

/// What a reference in the schema stands for, also of a value that may be null.
fn resolve<'v>(known: &'v Value, schema: &'v Value) -> &'v Value {
    let either = known.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let known = either.into_iter().find(|one| one.get("$ref").is_some()).unwrap_or(known);
    let reference = known.get("$ref").and_then(Value::as_str);
    reference.and_then(|name| schema.pointer(name.trim_start_matches('#'))).unwrap_or(known)
}
