//! Owns what a line says: its logger, message, error and fields, whether it is JSON or written for a console.

use crate::kubelet_log::{self, Members};
use serde_json::Value;
use std::borrow::Cow;

/// A line that was taken apart. It may have more lines behind it, which belong to it.
pub(super) struct Said<'a> {
    /// The members of the object that it is, or that stands at its end.
    members: Vec<(&'a str, &'a str)>,
    /// Of a console's line: level, logger and message.
    console: [Option<Cow<'a, str>>; 3],
    /// Its first line.
    head: &'a str,
}

/// Most members of an object that are looked at.
const MEMBERS: usize = 256;
/// Few have more.
const USUAL: usize = 16;
const CONSOLE: [&str; 3] = ["level", "logger", "msg"];

impl<'a> Said<'a> {
    /// Takes a line without its stamp apart, and those that belong to it.
    pub(super) fn of(text: &'a str) -> Self {
        let head = text.lines().next().unwrap_or_default();
        if text.starts_with('{') {
            return Self { members: members(text), console: [None, None, None], head };
        }
        let object = text.find("\t{").and_then(|at| text.get(at + 1..));
        Self { members: object.map(members).unwrap_or_default(), console: console(head), head }
    }

    /// The value of a field, as text: dots may be a part of its name, or step into objects.
    pub(super) fn field(&self, name: &str) -> Option<Cow<'a, str>> {
        if let Some(value) = self.member(name) {
            return Some(text_of(value));
        }
        if let Some(at) = CONSOLE.iter().position(|field| *field == name)
            && let Some(Some(said)) = self.console.get(at)
        {
            return Some(said.clone());
        }
        // Each way to part the name is tried, the longest key first.
        name.rmatch_indices('.').find_map(|(at, _)| {
            let object: Value = serde_json::from_str(self.member(name.get(..at)?)?).ok()?;
            nested(&object, name.get(at + 1..)?).map(Cow::Owned)
        })
    }

    /// The value of a field that holds more than text.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.member(name)?).ok()
    }

    /// The first of these fields that it has.
    fn first(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.field(name)).filter(|text| !text.is_empty())
    }

    /// Who says it.
    pub(super) fn logger(&self) -> Option<Cow<'a, str>> {
        self.first(&["logger"])
    }

    /// What is alike in lines that are: logger, message and error. An object without a message is known by its
    /// keys.
    pub(super) fn gist(&self) -> String {
        let message = self.first(&["msg", "message"]).unwrap_or_else(|| match self.members[..] {
            [] => Cow::Borrowed(self.head),
            _ => Cow::Owned(self.members.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(" ")),
        });
        let (logger, error) = (self.logger().unwrap_or_default(), self.first(&["error", "err"]));
        let mut gist =
            String::with_capacity(logger.len() + message.len() + error.as_ref().map_or(0, |it| it.len()) + 3);
        gist.extend([&*logger, " ", &*message]);
        error.iter().for_each(|error| gist.extend([": ", &**error]));
        gist
    }

    fn member(&self, name: &str) -> Option<&'a str> {
        self.members.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

fn members(text: &str) -> Vec<(&str, &str)> {
    let mut members = Vec::with_capacity(USUAL);
    let all = Members::of(text.as_bytes());
    members.extend(all.filter_map(|(key, value)| Some((text.get(key)?, text.get(value)?))).take(MEMBERS));
    members
}

/// What stands in an object that was parsed, under a name with dots.
fn nested(value: &Value, name: &str) -> Option<String> {
    let within = || {
        let (key, rest) = name.split_once('.')?;
        nested(value.get(key)?, rest)
    };
    match value.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
        None => within(),
    }
}

/// A string's content, and any other value as it is written.
fn text_of(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"') else { return Cow::Borrowed(value) };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str(value).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// Level, logger and message of a console's line. Its parts are parted by tabs, as zap does; what is not is a
/// message alone.
fn console(head: &str) -> [Option<Cow<'_, str>>; 3] {
    let plain: Cow<'_, str> = match kubelet_log::without_colors(head.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(head),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    };
    let parts: Vec<&str> = plain.split('\t').take_while(|part| !part.starts_with('{')).collect();
    let owned = |text: &str| Some(Cow::Owned(text.to_owned()));
    let Some(at) = parts.iter().take(3).position(|part| kubelet_log::level_word(part.as_bytes()).is_some()) else {
        return [None, None, Some(plain)];
    };
    let (said, behind) = (parts.get(at).copied().unwrap_or_default(), parts.get(at + 1..).unwrap_or_default());
    // Between the two there may be where it was called: `sink/sink.go:118`.
    let logger = behind.first().filter(|part| behind.len() > 1 && !part.contains([' ', ':']));
    [owned(said), logger.and_then(|logger| owned(logger)), behind.last().and_then(|message| owned(message))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str, name: &str) -> Option<String> {
        Said::of(text).field(name).map(Cow::into_owned)
    }

    #[test]
    fn fields_are_found_under_flat_and_nested_names() {
        let text = r#"{"grpc.code":"Unavailable","a":{"b":{"c":7},"d.e":"x"},"n":null,"s":"a \"b\" \u00e9","t":true}"#;
        let is = |name: &str, value: Option<&str>| assert_eq!(field(text, name).as_deref(), value, "{name}");
        is("grpc.code", Some("Unavailable"));
        is("a.b.c", Some("7"));
        is("a.d.e", Some("x"));
        is("a.b", Some(r#"{"c":7}"#));
        is("n", Some("null"));
        is("s", Some("a \"b\" é"));
        is("t", Some("true"));
        for none in ["b", "a.x", "grpc", "a.b.c.d", "", "."] {
            is(none, None);
        }
    }

    #[test]
    fn a_console_line_has_fields_too() {
        let text = "2026-11-26T15:04:05.000Z\t\u{1b}[31mERROR\u{1b}[0m\tserver.sink\tsink/sink.go:9\tnot sent\t{\n  \"seq\": 4,\n  \"error\": \"rpc error\"\n}\nmain.run";
        let is = |name: &str, value: &str| assert_eq!(field(text, name).as_deref(), Some(value), "{name}");
        is("logger", "server.sink");
        is("msg", "not sent");
        is("level", "ERROR");
        is("seq", "4");
        is("error", "rpc error");
        assert_eq!(Said::of(text).gist(), "server.sink not sent: rpc error");
        assert_eq!(Said::of("E1126 15:04:05 x.go:1] bad").gist(), " E1126 15:04:05 x.go:1] bad");
        assert_eq!(Said::of(r#"{"class_uid":1,"time":2}"#).gist(), " class_uid time");
    }
}
