//! Owns which fields of an object are Kubernetes' own: those that name, refer and identify, and so are no secret,
//! whatever they are called.

use crate::redact::detectors::secret_names::{NameKind, classify};
use serde_json::{Map, Value};

/// What a field of an object's metadata is.
pub(super) enum Metadata {
    /// Names and numbers that identify the object.
    Own,
    Annotations,
    /// What Kubernetes does not know.
    Other,
}

/// Judges a field of metadata.
pub(super) fn metadata(name: &str) -> Metadata {
    match name {
        "annotations" => Metadata::Annotations,
        "name" | "generateName" | "namespace" | "labels" | "uid" | "resourceVersion" | "generation"
        | "creationTimestamp" | "deletionTimestamp" | "selfLink" | "finalizers" | "ownerReferences"
        | "managedFields" | "continue" => Metadata::Own,
        _ => Metadata::Other,
    }
}

/// Whether the member `name` is a field of Kubernetes' own that identifies or
/// refers, by its name and by what it holds.
pub(super) fn is_own(name: &str, value: &Value) -> bool {
    match name {
        // References to Secrets: their name, and the key in them.
        "secretName"
        | "secretNamespace"
        | "tokenSecretName"
        | "secretKeyRef"
        | "configMapKeyRef"
        | "fieldRef"
        | "resourceFieldRef"
        | "imagePullSecrets"
        | "nodePublishSecretRef"
        | "nodeStageSecretRef"
        | "nodeExpandSecretRef"
        | "controllerPublishSecretRef"
        | "controllerExpandSecretRef"
        | "automountServiceAccountToken" => refers(value),
        "secretRef"
        | "configMapRef"
        | "credentialsSecretRef"
        | "tokenSecretRef"
        | "passwordSecretRef"
        | "privateKeySecretRef" => refers(value),
        // The names of Secrets in a ServiceAccount, and a volume's source.
        "secrets" => value.as_array().is_some_and(|items| items.iter().all(is_reference)),
        // A quota counts Secrets as `secrets`.
        "hard" | "used" => value.as_object().is_some_and(|members| {
            let is_counted = |name: &str| {
                matches!(name, "secrets" | "count/secrets") || classify(name.as_bytes()) == NameKind::Plain
            };
            members.iter().all(|(name, value)| is_counted(name) && is_amount(value))
        }),
        "secret" | "serviceAccountToken" => value.is_object() && is_volume_source(value),
        // What identifies an object, an image, a process.
        "image" | "imageID" | "containerID" | "uid" | "resourceVersion" | "apiVersion" | "kind" | "nodeName"
        | "podIP" | "hostIP" | "serviceAccountName" | "serviceAccount" | "schedulerName" | "storageClassName"
        | "volumeName" | "claimName" => value.is_string(),
        "matchLabels" | "nodeSelector" | "labelSelector" | "involvedObject" | "regarding" | "ownerReferences"
        | "managedFields" | "fieldsV1" | "fieldsType" => true,
        _ => false,
    }
}

/// Whether `value` has the form of a reference: a name, or an object or list of a
/// few short names.
fn refers(value: &Value) -> bool {
    match value {
        Value::String(_) | Value::Bool(_) | Value::Null => true,
        Value::Object(_) => is_reference(value),
        Value::Array(items) => items.iter().all(is_reference),
        Value::Number(_) => false,
    }
}

fn is_reference(value: &Value) -> bool {
    let Value::Object(members) = value else { return false };
    members.keys().all(|name| {
        matches!(
            name.as_str(),
            "name"
                | "namespace"
                | "key"
                | "optional"
                | "kind"
                | "apiVersion"
                | "apiGroup"
                | "uid"
                | "fieldPath"
                | "resourceVersion"
                | "containerName"
                | "resource"
                | "divisor"
                | "group"
        )
    })
}

/// Whether `value` is an amount as Kubernetes writes it: `10`, `500m`, `1.5Gi`, `1e3`.
fn is_amount(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let exponent = suffix.strip_prefix(['e', 'E']).map(|exponent| exponent.trim_start_matches(['+', '-']));
    let is_unit =
        ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].contains(&suffix);
    digits(whole) && digits(fraction) && (is_unit || exponent.is_some_and(digits))
}

fn is_volume_source(value: &Value) -> bool {
    let Value::Object(members) = value else { return false };
    members.keys().all(|name| {
        matches!(
            name.as_str(),
            "secretName" | "name" | "items" | "defaultMode" | "optional" | "audience" | "expirationSeconds" | "path"
        )
    })
}

/// The name of the variable, argument or header that `members` gives a value, and
/// whether it is a header.
pub(super) fn variable(members: &Map<String, Value>) -> Option<(&str, bool)> {
    let value = ["value", "values"].into_iter().find_map(|name| members.get(name))?;
    if !(value.is_string() || value.is_array()) {
        return None;
    }
    let name = ["name", "key", "header"].into_iter().find_map(|name| members.get(name).and_then(Value::as_str))?;
    let kind = classify(name.as_bytes());
    (kind != NameKind::Plain).then_some((name, matches!(kind, NameKind::Authorization | NameKind::Cookie)))
}

/// Whether the member `name` of something that is called a secret holds the secret
/// itself.
pub(super) fn holds_value(name: &str) -> bool {
    matches!(
        name,
        "value"
            | "data"
            | "raw"
            | "plain"
            | "plaintext"
            | "plainText"
            | "string"
            | "stringValue"
            | "text"
            | "literal"
            | "inline"
            | "content"
            | "contents"
            | "base64"
            | "hex"
            | "pem"
            | "bytes"
    )
}
