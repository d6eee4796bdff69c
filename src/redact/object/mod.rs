//! Owns redaction of objects: JSON in, JSON of the same structure out, in which only strings changed.
//!
//! Structure tells more than text can: which strings are names, labels and references of Kubernetes' own and stay, and
//! which are the value of an environment variable or the data of a Secret. All other strings are redacted as text.
//!
//! The object's own numbers have a type and stay. Those of a document within a string are text, and judged as such.

mod embedded_json;
mod kubernetes_fields;

use self::kubernetes_fields::{self as fields, Metadata};
use super::{
    clean::Counts,
    detectors::{
        http_headers, jwk,
        secret_names::{NAMED, NameKind, classify},
        value_rules,
    },
    key::Key,
    keywords::KeywordHits,
    rule::{Rule, token_length},
    stream,
};
use memchr::memmem;
use serde_json::{Map, Number, Value, value::RawValue};
use std::sync::Arc;

static SECRET_DATA: Rule = Rule {
    id: "secret-data",
    replaces: "a value of a Secret's data or stringData",
    is_of_objects: true,
    matches: &[
        r#"{"kind":"Secret","data":{"user":"«Ym9i»"},"metadata":{"name":"db"}}"#,
        r#"{"kind":"SecretList","items":[{"stringData":{"user":"«bob»"}}]}"#,
    ],
    keeps: &[r#"{"kind":"ConfigMap","data":{"user":"Ym9i"}}"#],
};

static BINARY_DATA: Rule = Rule {
    id: "binary-data",
    replaces: "a value of binaryData",
    is_of_objects: true,
    matches: &[r#"{"kind":"ConfigMap","binaryData":{"blob":"«{base64*20}»"}}"#],
    keeps: &[r#"{"kind":"ConfigMap","data":{"blob":"plain"}}"#],
};

static LAST_APPLIED: Rule = Rule {
    id: "last-applied",
    replaces: "the annotation kubectl.kubernetes.io/last-applied-configuration",
    is_of_objects: true,
    matches: &[
        r#"{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"«a copy of the object»"}}}"#,
    ],
    keeps: &[r#"{"metadata":{"annotations":{"example.org/last-applied":"a copy of the object"}}}"#],
};

/// The rules that only the structure of an object shows.
pub(super) static RULES: [&Rule; 3] = [&SECRET_DATA, &BINARY_DATA, &LAST_APPLIED];

/// JSON within strings of JSON is parsed down to this level, and redacted as text below it.
const DEEPEST: usize = 4;

/// What the place of a value says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Nothing: a string is redacted as text.
    Text,
    /// It is the value of a name of this kind.
    Named(NameKind),
    /// It is the value of an HTTP header with such a name.
    Header(NameKind),
    /// It is inside an object whose name suggests a secret.
    Within,
    /// It is the data of a ConfigMap.
    Data,
    /// All strings in it are secrets of this rule.
    All(&'static Rule),
    /// It is the metadata of an object.
    Metadata,
    /// It is the annotations of an object.
    Annotations,
    /// It is the items of a list of this kind, which do not name their kind.
    Items(Kind),
    /// It is Kubernetes' own, and stays.
    Own,
}

/// The kinds of objects whose data is redacted in a way of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Secret,
    ConfigMap,
    Other,
}

impl Kind {
    fn of(object: &Map<String, Value>) -> Self {
        match object.get("kind").and_then(Value::as_str) {
            Some("Secret") => Self::Secret,
            Some("ConfigMap") => Self::ConfigMap,
            _ => Self::Other,
        }
    }

    fn of_list(object: &Map<String, Value>) -> Self {
        match object.get("kind").and_then(Value::as_str) {
            Some("SecretList") => Self::Secret,
            Some("ConfigMapList") => Self::ConfigMap,
            _ => Self::Other,
        }
    }
}

/// Redacts the strings of `object` in place.
pub(super) fn redact(key: &Arc<Key>, object: &mut Value) -> Counts {
    let mut walk = Walk { key, counts: Counts::default(), depth: 0, lower: Vec::new() };
    walk.value(object);
    walk.counts
}

/// Managed fields hold names of fields, which stay, but also the items of sets, which may be secrets. None when they
/// are secrets by the set's name, or when what remains without a secret is not JSON.
pub(super) fn managed_fields(key: &Arc<Key>, text: Box<RawValue>, counts: &mut Counts) -> Option<Box<RawValue>> {
    if has_set_of_secrets(text.get()) {
        return None;
    }
    match changed(key, text.get(), &mut Vec::new()) {
        None => Some(text),
        Some((clean, more)) => {
            let clean = RawValue::from_string(clean).ok()?;
            counts.merge(&more);
            Some(clean)
        }
    }
}

/// Whether items of a set are shown whose name says that they are secrets. A set has nothing but items, so the last
/// field named before one is the set.
fn has_set_of_secrets(managed_fields: &str) -> bool {
    memmem::find_iter(managed_fields.as_bytes(), b"\"v:").any(|item| {
        let before = managed_fields[..item].rsplit_once("\"f:");
        let name = before.and_then(|(_, behind)| behind.split('"').next());
        name.is_some_and(|name| classify(name.as_bytes()).is_value())
    })
}

/// A text without its secrets, or none when it has no secret. `lower` is room for the keyword search.
fn changed(key: &Arc<Key>, text: &str, lower: &mut Vec<u8>) -> Option<(String, Counts)> {
    // Of most strings a stream would not look at a single line.
    KeywordHits::new(text.as_bytes(), lower).next(0)?;
    Some(stream::redact_str(key, text)).filter(|(_, counts)| !counts.is_empty())
}

struct Walk<'a> {
    key: &'a Arc<Key>,
    counts: Counts,
    /// How many strings of JSON this is inside of.
    depth: usize,
    /// Room for the keyword search in one string.
    lower: Vec<u8>,
}

impl Walk<'_> {
    /// Without recursion: an object may be nested deeper than a stack allows.
    fn value(&mut self, value: &mut Value) {
        let mut todo = vec![(value, Role::Text)];
        while let Some((value, role)) = todo.pop() {
            match value {
                Value::String(text) => self.string(text, role),
                Value::Array(items) => self.array(items, role, &mut todo),
                Value::Object(members) => self.members(members, role, &mut todo),
                Value::Number(number) => {
                    if let Some(token) = self.number(number, role) {
                        *value = Value::String(token);
                    }
                }
                Value::Null | Value::Bool(_) => {}
            }
        }
    }

    /// The token for a number that is a secret.
    fn number(&mut self, number: &Number, role: Role) -> Option<String> {
        let Role::Named(kind) = role else { return None };
        if self.depth == 0 || !kind.is_value() {
            return None;
        }
        let text = number.to_string();
        let rule = value_rules::named_secret(kind, text.as_bytes())?;
        self.counts.add(rule);
        Some(self.key.token(rule, text.as_bytes()))
    }

    fn array<'v>(&mut self, items: &'v mut [Value], role: Role, todo: &mut Vec<(&'v mut Value, Role)>) {
        let mut option = None;
        for item in items {
            let role = match (option.take(), &role) {
                (Some(kind), Role::Text) if item.as_str().is_some_and(|text| !text.starts_with('-')) => {
                    Role::Named(kind)
                }
                // A name may say secret and yet hold objects that only refer to some.
                (_, Role::Named(_)) if item.is_object() => Role::Within,
                (_, role) => *role,
            };
            option = item.as_str().and_then(option_class);
            todo.push((item, role));
        }
    }

    fn members<'v>(&mut self, members: &'v mut Map<String, Value>, role: Role, todo: &mut Vec<(&'v mut Value, Role)>) {
        if role == Role::Own {
            return;
        }
        let kind = match (role, Kind::of(members)) {
            (Role::Items(kind), Kind::Other) => kind,
            (_, kind) => kind,
        };
        let items = Kind::of_list(members);
        let variable = fields::variable(members).map(|(name, is_header)| {
            let kind = classify(name.as_bytes());
            if is_header || matches!(kind, NameKind::Authorization | NameKind::Cookie) {
                Role::Header(kind)
            } else {
                Role::Named(kind)
            }
        });
        let is_jwk = members.get("kty").is_some_and(Value::is_string);
        for (name, value) in members {
            let role = match (role, name.as_str()) {
                (Role::All(_), _) => role,
                (Role::Metadata, name) => match fields::metadata(name) {
                    Metadata::Own => Role::Own,
                    Metadata::Annotations => Role::Annotations,
                    Metadata::Other => member(name, value, Role::Text),
                },
                (Role::Annotations, "kubectl.kubernetes.io/last-applied-configuration") => Role::All(&LAST_APPLIED),
                (Role::Annotations, name) => member(name.rsplit('/').next().unwrap_or(name), value, Role::Text),
                (Role::Data, name) => data(name),
                (_, "data" | "stringData") if kind == Kind::Secret => Role::All(&SECRET_DATA),
                (_, "data") if kind == Kind::ConfigMap => Role::Data,
                (_, "binaryData") => Role::All(&BINARY_DATA),
                (_, "items") if items != Kind::Other && value.is_array() => Role::Items(items),
                (_, "metadata") if value.is_object() => Role::Metadata,
                (_, name) if is_jwk && jwk::is_private(name) => Role::All(&jwk::JWK),
                (_, "value" | "values") if variable.is_some() && !value.is_object() => variable.unwrap_or(Role::Text),
                (_, name) if fields::is_own(name, value) => Role::Own,
                (role, name) => member(name, value, role),
            };
            todo.push((value, role));
        }
    }

    fn string(&mut self, text: &mut String, role: Role) {
        let rule = match role {
            Role::Own => return,
            Role::All(rule) => (!text.is_empty() && token_length(text.as_bytes()) != Some(text.len())).then_some(rule),
            Role::Named(NameKind::Auth) => http_headers::is_user_and_password(text.as_bytes()).then_some(&NAMED),
            Role::Named(kind) if kind.is_value() => value_rules::object_secret(kind, text.as_bytes()),
            Role::Named(NameKind::Authorization | NameKind::Cookie) | Role::Header(_) => {
                return self.header(text, role);
            }
            _ => None,
        };
        match rule {
            Some(rule) => {
                *text = self.key.token(rule, text.as_bytes());
                self.counts.add(rule);
            }
            None => self.text(text),
        }
    }

    /// The value of a header is redacted as text behind its name.
    fn header(&mut self, text: &mut String, role: Role) {
        let name = match role {
            Role::Header(NameKind::Authorization) | Role::Named(NameKind::Authorization) => "Authorization: ",
            Role::Header(NameKind::Cookie) | Role::Named(NameKind::Cookie) => "Cookie: ",
            Role::Header(kind) if kind.is_value() => return self.string(text, Role::Named(kind)),
            _ => return self.text(text),
        };
        if text.contains('\n') {
            return self.text(text);
        }
        let (clean, counts) = stream::redact_str(self.key, &format!("{name}{text}"));
        if let Some(clean) = clean.strip_prefix(name).filter(|_| !counts.is_empty()) {
            *text = clean.to_owned();
            self.counts.merge(&counts);
        }
        self.text(text);
    }

    fn text(&mut self, text: &mut String) {
        if self.depth < DEEPEST
            && let Some(mut inner) = embedded_json::parse(text)
        {
            let before = self.counts.total();
            self.depth += 1;
            self.value(&mut inner);
            self.depth -= 1;
            if self.counts.total() > before {
                *text = embedded_json::print(&inner, text);
            }
            return;
        }
        if let Some((name, length)) = option_value(text) {
            let kind = classify(name.as_bytes());
            let value = &text.as_bytes()[length..];
            if kind.is_value()
                && let Some(rule) = value_rules::named_secret(kind, value)
            {
                let token = self.key.token(rule, value);
                text.truncate(length);
                text.push_str(&token);
                self.counts.add(rule);
                return;
            }
        }
        if let Some((clean, counts)) = changed(self.key, text, &mut self.lower) {
            *text = clean;
            self.counts.merge(&counts);
        }
    }
}

/// The role of the member `name` of something whose own role is `role`.
fn member(name: &str, value: &Value, role: Role) -> Role {
    let kind = classify(name.as_bytes());
    match (kind, value) {
        (NameKind::Plain, _) if role == Role::Within => match value {
            Value::String(_) if fields::holds_value(name) => Role::Named(NameKind::Secret),
            _ => Role::Text,
        },
        (NameKind::Plain, _) => Role::Text,
        (_, Value::Object(_)) => Role::Within,
        (kind, _) => Role::Named(kind),
    }
}

/// The role of the file `name` of a ConfigMap.
fn data(name: &str) -> Role {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let kind = [name, stem].map(|name| classify(name.as_bytes()));
    match kind.into_iter().find(|kind| kind.is_value()) {
        Some(kind) => Role::Named(kind),
        None => Role::Text,
    }
}

/// The kind of the option that `text` is, its value being the next argument.
fn option_class(text: &str) -> Option<NameKind> {
    let name = text.strip_prefix('-')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let kind = classify(name.as_bytes());
    (is_name && kind != NameKind::Plain).then_some(kind)
}

/// The name of the option that `text` gives a value, and where that begins.
fn option_value(text: &str) -> Option<(&str, usize)> {
    let name = text.strip_prefix('-')?;
    let length = name.find('=')?;
    let is_name = name[..length].bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    is_name.then_some((&name[..length], length + 2))
}
