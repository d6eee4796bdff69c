//! Owns what is kept of an object if only its metadata is requested.

use serde_json::Value;

/// An object's metadata, and its kind. A server may send the whole object, even if only the metadata was requested.
/// Which fields were set is left out: keys of lists and items of sets are values.
pub(super) fn metadata_of(mut object: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.retain(|name, _| matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
    }
    let managers = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
    for manager in managers.into_iter().flatten().filter_map(Value::as_object_mut) {
        manager.remove("fieldsV1");
    }
    object
}
