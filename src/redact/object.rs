//! Objects: JSON in, JSON of the same structure out, only strings changed.
//!
//! Structure tells more than text can: which strings are names, labels and
//! references of Kubernetes' own and stay, which are the value of an environment
//! variable or the data of a Secret. All other strings are redacted as text.
//!
//! The object's own numbers have a type and stay. Those of a document within a
//! string are text, and judged as such.

use super::{
    Redactor,
    clean::Counts,
    document,
    fields::{self, Metadata},
    headers, judge,
    names::{self, Class},
    prefilter::Clues,
    rules::{Rule, token_length},
};
use memchr::memmem;
use serde_json::{Map, Number, Value, value::RawValue};

/// JSON within a string within JSON is looked into this deep; text deeper down.
const DEEPEST: usize = 4;

/// What a value is to what it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Text.
    Text,
    /// The value of a name that says so.
    Named(Class),
    /// The value of an HTTP header.
    Header(Class),
    /// Inside of something whose name says secret.
    Within,
    /// Data of a ConfigMap.
    Data,
    /// All strings are secrets of this rule.
    All(Rule),
    /// Metadata of an object.
    Metadata,
    Annotations,
    /// The items of a list of this kind, which leave their kind out.
    Items(Kind),
    /// Kubernetes' own; stays.
    Own,
}

/// The kinds that need care of their own.
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
pub(super) fn redact(redactor: &Redactor, object: &mut Value) -> Counts {
    let mut walk = Walk { redactor, counts: Counts::default(), depth: 0, lower: Vec::new() };
    walk.value(object);
    walk.counts
}

/// Managed fields are names of fields, and stay; but the items of a set are names, too. Nothing, if these are secrets by
/// the set's name, or if what is left when a secret was taken out is no JSON.
pub(super) fn managed_fields(redactor: &Redactor, text: Box<RawValue>, counts: &mut Counts) -> Option<Box<RawValue>> {
    if has_set_of_secrets(text.get()) {
        return None;
    }
    match changed(redactor, text.get(), &mut Vec::new()) {
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
        name.is_some_and(|name| names::classify(name.as_bytes()).is_value())
    })
}

/// A text without its secrets; nothing where it has none. `lower` is room for its clues.
fn changed(redactor: &Redactor, text: &str, lower: &mut Vec<u8>) -> Option<(String, Counts)> {
    // Of most strings a stream would not look at a single line.
    Clues::new(text.as_bytes(), lower).next(0)?;
    Some(redactor.string(text)).filter(|(_, counts)| !counts.is_empty())
}

struct Walk<'a> {
    redactor: &'a Redactor,
    counts: Counts,
    /// How many strings of JSON this is inside of.
    depth: usize,
    /// Room for the clues of one string.
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
        let Role::Named(class) = role else { return None };
        if self.depth == 0 || !class.is_value() {
            return None;
        }
        let text = number.to_string();
        let rule = judge::named_secret(class, text.as_bytes())?;
        self.counts.add(rule);
        Some(self.redactor.key().token(rule, text.as_bytes()))
    }

    fn array<'v>(&mut self, items: &'v mut [Value], role: Role, todo: &mut Vec<(&'v mut Value, Role)>) {
        let mut option = None;
        for item in items {
            let role = match (option.take(), &role) {
                (Some(class), Role::Text) if item.as_str().is_some_and(|text| !text.starts_with('-')) => {
                    Role::Named(class)
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
            let class = names::classify(name.as_bytes());
            if is_header || matches!(class, Class::Authorization | Class::Cookie) {
                Role::Header(class)
            } else {
                Role::Named(class)
            }
        });
        let jwk = members.get("kty").is_some_and(Value::is_string);
        for (name, value) in members {
            let role = match (role, name.as_str()) {
                (Role::All(_), _) => role,
                (Role::Metadata, name) => match fields::metadata(name) {
                    Metadata::Own => Role::Own,
                    Metadata::Annotations => Role::Annotations,
                    Metadata::Other => member(name, value, Role::Text),
                },
                (Role::Annotations, "kubectl.kubernetes.io/last-applied-configuration") => Role::All(Rule::LastApplied),
                (Role::Annotations, name) => member(name.rsplit('/').next().unwrap_or(name), value, Role::Text),
                (Role::Data, name) => data(name),
                (_, "data" | "stringData") if kind == Kind::Secret => Role::All(Rule::Data),
                (_, "data") if kind == Kind::ConfigMap => Role::Data,
                (_, "binaryData") => Role::All(Rule::Binary),
                (_, "items") if items != Kind::Other && value.is_array() => Role::Items(items),
                (_, "metadata") if value.is_object() => Role::Metadata,
                (_, "d" | "p" | "q" | "dp" | "dq" | "qi" | "k" | "priv") if jwk => Role::All(Rule::Jwk),
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
            Role::Named(Class::Auth) => headers::is_user_and_password(text.as_bytes()).then_some(Rule::Named),
            Role::Named(class) if class.is_value() => judge::object_secret(class, text.as_bytes()),
            Role::Named(Class::Authorization | Class::Cookie) | Role::Header(_) => return self.header(text, role),
            _ => None,
        };
        match rule {
            Some(rule) => {
                *text = self.redactor.key().token(rule, text.as_bytes());
                self.counts.add(rule);
            }
            None => self.text(text),
        }
    }

    /// The value of a header is redacted as text behind its name.
    fn header(&mut self, text: &mut String, role: Role) {
        let name = match role {
            Role::Header(Class::Authorization) | Role::Named(Class::Authorization) => "Authorization: ",
            Role::Header(Class::Cookie) | Role::Named(Class::Cookie) => "Cookie: ",
            Role::Header(class) if class.is_value() => return self.string(text, Role::Named(class)),
            _ => return self.text(text),
        };
        if text.contains('\n') {
            return self.text(text);
        }
        let (clean, counts) = self.redactor.string(&format!("{name}{text}"));
        if let Some(clean) = clean.strip_prefix(name).filter(|_| !counts.is_empty()) {
            *text = clean.to_owned();
            self.counts.merge(&counts);
        }
        self.text(text);
    }

    fn text(&mut self, text: &mut String) {
        if self.depth < DEEPEST
            && let Some(mut inner) = document::parse(text)
        {
            let before = self.counts.total();
            self.depth += 1;
            self.value(&mut inner);
            self.depth -= 1;
            if self.counts.total() > before {
                *text = document::print(&inner, text);
            }
            return;
        }
        if let Some((name, length)) = option_value(text) {
            let class = names::classify(name.as_bytes());
            let value = &text.as_bytes()[length..];
            if class.is_value()
                && let Some(rule) = judge::named_secret(class, value)
            {
                let token = self.redactor.key().token(rule, value);
                text.truncate(length);
                text.push_str(&token);
                self.counts.add(rule);
                return;
            }
        }
        if let Some((clean, counts)) = changed(self.redactor, text, &mut self.lower) {
            *text = clean;
            self.counts.merge(&counts);
        }
    }
}

/// The role of the member `name` of something whose own role is `role`.
fn member(name: &str, value: &Value, role: Role) -> Role {
    let class = names::classify(name.as_bytes());
    match (class, value) {
        (Class::Plain, _) if role == Role::Within => match value {
            Value::String(_) if fields::holds_value(name) => Role::Named(Class::Secret),
            _ => Role::Text,
        },
        (Class::Plain, _) => Role::Text,
        (_, Value::Object(_)) => Role::Within,
        (class, _) => Role::Named(class),
    }
}

/// The role of the file `name` of a ConfigMap.
fn data(name: &str) -> Role {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let class = [name, stem].map(|name| names::classify(name.as_bytes()));
    match class.into_iter().find(|class| class.is_value()) {
        Some(class) => Role::Named(class),
        None => Role::Text,
    }
}

/// The class of the option that `text` is, its value being the next argument.
fn option_class(text: &str) -> Option<Class> {
    let name = text.strip_prefix('-')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let class = names::classify(name.as_bytes());
    (is_name && class != Class::Plain).then_some(class)
}

/// The name of the option that `text` gives a value, and where that begins.
fn option_value(text: &str) -> Option<(&str, usize)> {
    let name = text.strip_prefix('-')?;
    let length = name.find('=')?;
    let is_name = name[..length].bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    is_name.then_some((&name[..length], length + 2))
}
