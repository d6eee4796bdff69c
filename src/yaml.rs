//! Owns YAML: reads profiles, and writes Kubernetes objects. No other file knows which crate reads.
//!
//! `serde_yaml` reads. Its author has archived it, so it gets no more releases. It stays because it is complete and has
//! no known vulnerability, because its only input is a small file that the user chose, and because it reports the line
//! and the column of a key that it does not know. To replace it, change [`from_str`] and [`locate`]; tests/it/yaml.rs
//! and tests/it/profile.rs hold a replacement to the same behaviour.
//!
//! This file writes by itself, from JSON values. `serde_yaml` decides by YAML 1.2 which texts need no quotes, while
//! many programs that read a bundle follow YAML 1.1, and take `yes`, `12:30`, `2026-11-22` or `=` for something else
//! than the text that it is. Here, everything that could be read in two ways is quoted.

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use std::fmt::{self, Write};

/// Why a text cannot be read as YAML of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong, without its place in the text.
    pub message: String,
    /// The line, counted from 1. None when the reader does not tell it.
    pub line: Option<usize>,
    /// The column, counted from 1. None when the reader does not tell it.
    pub column: Option<usize>,
}

impl From<serde_yaml::Error> for Error {
    fn from(error: serde_yaml::Error) -> Error {
        let place = error.location();
        let whole = error.to_string();
        let mut message = whole.as_str();
        // Whoever knows the file's name prints the place, so the message does not repeat it.
        if let Some(place) = &place {
            message = message
                .strip_suffix(&format!(" at line {} column {}", place.line(), place.column()))
                .unwrap_or(message);
        }
        // Nor does it repeat the path to the place, as in `objects[3].resource: …`.
        if let Some((way, rest)) = message.split_once(": ")
            && way.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.[]?".contains(&b))
        {
            message = rest;
        }
        Error {
            message: message.to_owned(),
            line: place.as_ref().map(serde_yaml::Location::line),
            column: place.as_ref().map(serde_yaml::Location::column),
        }
    }
}

/// Reads one document.
///
/// # Errors
/// When the text is not YAML, or does not have the form of a `T`.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_yaml::from_str(text).map_err(Error::from)
}

/// Writes a Kubernetes object as kubectl does: keys are sorted, lists are not indented, and a line break ends it.
pub fn object(value: &Value) -> String {
    let mut writer = Writer { out: String::new() };
    writer.node(value, 0);
    writer.out
}

/// One step from a YAML node to one inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(&'static str),
    /// An item of a list, from 0.
    Item(usize),
}

/// The line and the column, counted from 1, of the node that `path` leads to. If the text does not have it, those of
/// the last node on the path that it has.
pub fn locate(text: &str, path: &[Step]) -> Option<(usize, usize)> {
    // The reader tells a place only in an error. So walk to the node, and fail there.
    let error = Walk(path).deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    error.location().map(|place| (place.line(), place.column()))
}

struct Walk<'p>(&'p [Step]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// What is not handled here is an error by serde's default, which ends the walk.
impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end of the walk")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let Some((Step::Key(wanted), rest)) = self.0.split_first() {
            while let Some(key) = map.next_key::<String>()? {
                if key == *wanted {
                    return map.next_value_seed(Walk(rest));
                }
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(A::Error::custom("here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if let Some((Step::Item(wanted), rest)) = self.0.split_first() {
            for _ in 0..*wanted {
                list.next_element::<IgnoredAny>()?;
            }
            list.next_element_seed(Walk(rest))?;
        }
        Err(A::Error::custom("here"))
    }
}

/// Longer keys, in bytes, are written behind a `?`, which YAML requires from 1024 on.
const LONGEST_KEY: usize = 512;

struct Writer {
    out: String,
}

impl Writer {
    /// Writes a node, its second and further lines indented by `indent`, and the line break behind it.
    fn node(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => self.map(map, indent),
            Value::Array(list) if !list.is_empty() => {
                for (at, item) in list.iter().enumerate() {
                    self.indent_unless_first(at, indent);
                    self.out.push_str("- ");
                    self.node(item, indent + 2);
                }
            }
            scalar => {
                self.scalar(scalar, indent);
                self.out.push('\n');
            }
        }
    }

    fn map(&mut self, map: &Map<String, Value>, indent: usize) {
        let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
        // Sorted already, unless some crate of the build turns serde_json's `preserve_order` on.
        pairs.sort_by_key(|(key, _)| *key);
        for (at, (key, value)) in pairs.into_iter().enumerate() {
            self.indent_unless_first(at, indent);
            if key.len() > LONGEST_KEY {
                self.out.push_str("? ");
                self.line(key);
                self.new_line(indent);
            } else {
                self.line(key);
            }
            self.out.push(':');
            match value {
                Value::Object(map) if !map.is_empty() => {
                    self.new_line(indent + 2);
                    self.map(map, indent + 2);
                }
                Value::Array(list) if !list.is_empty() => {
                    self.new_line(indent);
                    self.node(value, indent);
                }
                scalar => {
                    self.out.push(' ');
                    self.node(scalar, indent + 2);
                }
            }
        }
    }

    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => self.number(number),
            Value::String(text) if fits_block(text) => self.block(text, indent.max(2)),
            Value::String(text) => self.line(text),
            Value::Array(_) => self.out.push_str("[]"),
            Value::Object(_) => self.out.push_str("{}"),
        }
    }

    fn number(&mut self, number: &Number) {
        let text = number.to_string();
        // YAML 1.1 takes `1e16` for text: it wants a dot, and a sign in the exponent.
        match text.split_once('e') {
            Some((digits, exponent)) => {
                let dot = if digits.contains('.') { "" } else { ".0" };
                let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
                let _ = write!(self.out, "{digits}{dot}e{sign}{exponent}");
            }
            None => self.out.push_str(&text),
        }
    }

    /// Writes a text on one line, in quotes if it could be read as anything else.
    fn line(&mut self, text: &str) {
        if is_plain(text) {
            self.out.push_str(text);
            return;
        }
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                c if is_shown(c) => self.out.push(c),
                c => {
                    let code = u32::from(c);
                    let _ = match code {
                        0..=0xff => write!(self.out, "\\x{code:02x}"),
                        0x100..=0xffff => write!(self.out, "\\u{code:04x}"),
                        _ => write!(self.out, "\\U{code:08x}"),
                    };
                }
            }
        }
        self.out.push('"');
    }

    /// Writes a text of several lines as a block, without its last line break.
    fn block(&mut self, text: &str, indent: usize) {
        let body = text.strip_suffix('\n');
        self.out.push_str(match body {
            None => "|-",
            Some(body) if body.ends_with('\n') => "|+",
            Some(_) => "|",
        });
        for line in body.unwrap_or(text).split('\n') {
            self.out.push('\n');
            if !line.is_empty() {
                self.indent(indent);
                self.out.push_str(line);
            }
        }
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn indent_unless_first(&mut self, at: usize, indent: usize) {
        if at > 0 {
            self.indent(indent);
        }
    }

    fn new_line(&mut self, indent: usize) {
        self.out.push('\n');
        self.indent(indent);
    }
}

/// Whether every YAML reader reads the text as itself when it has no quotes. When in doubt it does not: a quoted text
/// is never wrong.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"];
    let mut chars = text.chars();
    let starts_well = match chars.next() {
        Some(c) if c.is_alphabetic() || c == '/' || c == '_' => true,
        // A quantity such as 100Mi. Without a letter that no number has, it might be one, or a date.
        Some(c) if c.is_ascii_digit() => {
            !text.contains(':') && text.bytes().any(|b| b.is_ascii_alphabetic() && !b"abcdefoxABCDEFOX".contains(&b))
        }
        // A flag of a command.
        Some('-') => chars.next() == Some('-') && chars.next().is_some_and(|c| c.is_ascii_alphabetic()),
        _ => false,
    };
    let mut before = '\0';
    let mut goes_on = |c: char| {
        let is_mark = matches!((before, c), (':', ' ') | (' ', '#'));
        before = c;
        !is_mark && ((' '..='~').contains(&c) || c.is_alphanumeric())
    };
    starts_well
        && text.chars().all(&mut goes_on)
        && !text.ends_with([' ', ':'])
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a text has several lines that a block can show as they are.
fn fits_block(text: &str) -> bool {
    text.contains('\n')
        // A block finds its indentation by its first line.
        && !text.starts_with([' ', '\t', '\n'])
        // Spaces before a line break are lost to the eye and to editors.
        && !text.contains(" \n")
        && !text.ends_with(' ')
        && text.chars().all(|c| c == '\n' || c == '\t' || is_shown(c))
}

/// Whether YAML allows a character as it is, and a reader can see it. That excludes control characters, line breaks
/// that only YAML 1.1 knows, and marks that change the direction of text.
fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
