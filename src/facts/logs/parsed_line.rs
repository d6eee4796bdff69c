//! Owns the fields of a line, such as logger, message and error, whether it is JSON or written for a console.

use crate::kubelet_log::{self, Members};
use serde_json::Value;
use std::borrow::Cow;

/// A line that was parsed, with the lines that continue it.
pub(super) struct ParsedLine<'a> {
    /// The members of the JSON object that it is, or that it ends with.
    members: Vec<(&'a str, &'a str)>,
    /// Level, logger and message of a line for a console.
    console: [Option<Cow<'a, str>>; 3],
    /// Its first line.
    head: &'a str,
}

/// Most members of an object that are read.
const MEMBERS: usize = 256;
/// Few objects have more members.
const USUAL: usize = 16;
/// The names of [`ParsedLine::console`].
const CONSOLE: [&str; 3] = ["level", "logger", "msg"];

impl<'a> ParsedLine<'a> {
    /// Parses a line without its timestamp, and the lines that continue it.
    pub(super) fn of(text: &'a str) -> Self {
        let head = text.lines().next().unwrap_or_default();
        if text.starts_with('{') {
            return Self { members: members(text), console: [None, None, None], head };
        }
        let object = text.find("\t{").and_then(|at| text.get(at + 1..));
        Self { members: object.map(members).unwrap_or_default(), console: console(head), head }
    }

    /// The value of a field, as text. A dot may be a part of its name, or lead into an object.
    pub(super) fn field(&self, name: &str) -> Option<Cow<'a, str>> {
        if let Some(value) = self.member(name) {
            return Some(text_of(value));
        }
        if let Some(at) = CONSOLE.iter().position(|field| *field == name)
            && let Some(Some(value)) = self.console.get(at)
        {
            return Some(value.clone());
        }
        // Every way to split the name is tried, the longest key first.
        name.rmatch_indices('.').find_map(|(at, _)| {
            let object: Value = serde_json::from_str(self.member(name.get(..at)?)?).ok()?;
            nested(&object, name.get(at + 1..)?).map(Cow::Owned)
        })
    }

    /// The value of a field that is an object or a list.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.member(name)?).ok()
    }

    /// The first of these fields that the line has.
    fn first(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.field(name)).filter(|text| !text.is_empty())
    }

    /// The logger that wrote it.
    pub(super) fn logger(&self) -> Option<Cow<'a, str>> {
        self.first(&["logger"])
    }

    /// Logger, message and error, by which similar lines are grouped. The keys stand for an object without a message.
    pub(super) fn summary(&self) -> String {
        let message = self.first(&["msg", "message"]).unwrap_or_else(|| match self.members[..] {
            [] => Cow::Borrowed(self.head),
            _ => Cow::Owned(self.members.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(" ")),
        });
        let (logger, error) = (self.logger().unwrap_or_default(), self.first(&["error", "err"]));
        let mut summary =
            String::with_capacity(logger.len() + message.len() + error.as_ref().map_or(0, |it| it.len()) + 3);
        summary.extend([&*logger, " ", &*message]);
        error.iter().for_each(|error| summary.extend([": ", &**error]));
        summary
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

/// The value in an object under a name with dots.
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

/// The content of a string, or another value as it is written.
fn text_of(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"') else { return Cow::Borrowed(value) };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str(value).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// Level, logger and message of a line for a console, which zap separates by tabs. A line without tabs is a message.
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
    let (level, behind) = (parts.get(at).copied().unwrap_or_default(), parts.get(at + 1..).unwrap_or_default());
    // Between the two there may be the caller: `sink/sink.go:118`.
    let logger = behind.first().filter(|part| behind.len() > 1 && !part.contains([' ', ':']));
    [owned(level), logger.and_then(|logger| owned(logger)), behind.last().and_then(|message| owned(message))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str, name: &str) -> Option<String> {
        ParsedLine::of(text).field(name).map(Cow::into_owned)
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
        assert_eq!(ParsedLine::of(text).summary(), "server.sink not sent: rpc error");
        assert_eq!(ParsedLine::of("E1126 15:04:05 x.go:1] bad").summary(), " E1126 15:04:05 x.go:1] bad");
        assert_eq!(ParsedLine::of(r#"{"class_uid":1,"time":2}"#).summary(), " class_uid time");
    }
}
