//! Owns Prometheus' text format: reading the samples of some metrics from clean text while it arrives, and writing series
//! and values.
//!
//! The format is <https://prometheus.io/docs/instrumenting/exposition_formats/>. We read it ourselves, because
//! prometheus-parse 0.2 silently skips samples whose labels have an escaped quote, and openmetrics-parser 0.5 refuses an
//! answer in which the samples of one metric have different labels.

use crate::{
    promql::{Labels, NAME},
    redact::Clean,
};
use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

/// Most samples of an endpoint; a server has some hundred.
const MOST: usize = 20_000;
/// Most bytes of a line that may be a sample.
const LONGEST_LINE: usize = 64 << 10;

/// A sample: its series as the line writes it, `name{label="value"}`, and its value. A map of the labels would take ten
/// times the memory.
pub type TextSample = (Box<str>, f64);

/// Reads the samples of some metrics while the text arrives.
#[derive(Clone, Debug)]
pub struct SampleReader {
    wanted: Arc<BTreeSet<String>>,
    rest: Vec<u8>,
    is_too_long: bool,
    found: Vec<TextSample>,
    is_cut: bool,
}

impl SampleReader {
    /// A reader of the metrics with these names.
    #[must_use]
    pub fn new(wanted: impl Into<Arc<BTreeSet<String>>>) -> Self {
        Self { wanted: wanted.into(), rest: Vec::new(), is_too_long: false, found: Vec::new(), is_cut: false }
    }

    /// Takes the next clean bytes.
    pub fn push(&mut self, clean: &Clean) {
        if self.wanted.is_empty() {
            return;
        }
        let mut bytes = clean.as_bytes();
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, after) = bytes.split_at(end);
            match (self.is_too_long, self.rest.is_empty()) {
                (true, _) => {}
                (false, true) => self.line(line),
                (false, false) => {
                    self.rest.extend_from_slice(line);
                    let line = std::mem::take(&mut self.rest);
                    self.line(&line);
                }
            }
            self.is_too_long = false;
            self.rest.clear();
            bytes = &after[1..];
        }
        self.is_too_long |= self.rest.len() + bytes.len() > LONGEST_LINE;
        match self.is_too_long {
            true => self.rest.clear(),
            false => self.rest.extend_from_slice(bytes),
        }
    }

    /// The samples, and whether there were more than are held.
    #[must_use]
    pub fn finish(mut self) -> (Vec<TextSample>, bool) {
        let line = std::mem::take(&mut self.rest);
        self.line(&line);
        (self.found, self.is_cut)
    }

    fn line(&mut self, line: &[u8]) {
        if self.found.len() >= MOST {
            self.is_cut = true;
            return;
        }
        if let Some((series, pairs, value)) = std::str::from_utf8(line).ok().and_then(parse_line)
            && name_of(&pairs).is_some_and(|name| self.wanted.contains(name))
        {
            self.found.push((series.into(), value));
        }
    }
}

/// The labels (with the metric's name) and the value of a line; `None` if it is no sample.
#[must_use]
pub fn parse_sample(line: &str) -> Option<(Labels, f64)> {
    parse_line(line).map(|(_, pairs, value)| (pairs.into_iter().collect(), value))
}

/// The labels (with the metric's name) of a series, as [`TextSample`] has it.
#[must_use]
pub fn parse_series(series: &str) -> Option<Labels> {
    split_series(series).map(|(pairs, _)| pairs.into_iter().collect())
}

/// Labels in the order of the line.
pub(super) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The metric's name; of several, the last counts.
fn name_of<'a>(pairs: &'a Pairs<'_>) -> Option<&'a str> {
    pairs.iter().rfind(|(label, _)| label == NAME).map(|(_, name)| name.as_ref()).filter(|name| !name.is_empty())
}

/// The text of a line's series, its labels (with the metric's name), and its value.
pub(super) fn parse_line(line: &str) -> Option<(&str, Pairs<'_>, f64)> {
    let line = line.trim();
    let (pairs, rest) = split_series(line)?;
    let series = line[..line.len() - rest.len()].trim_end();
    // A timestamp and an exemplar may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    name_of(&pairs)?;
    Some((series, pairs, value))
}

/// The labels of the series that a text begins with, and the text after it.
fn split_series(text: &str) -> Option<(Pairs<'_>, &str)> {
    let end = text.find(|char: char| char == '{' || char.is_whitespace()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let mut pairs = Vec::new();
    if name.starts_with('#') {
        return None;
    }
    if !name.is_empty() {
        pairs.push((Cow::Borrowed(NAME), Cow::Borrowed(name)));
    }
    let rest = match rest.trim_start().strip_prefix('{') {
        Some(within) => braces(within, &mut pairs)?,
        None => rest,
    };
    Some((pairs, rest))
}

/// Parses labels up to the closing brace, and returns the text after it.
fn braces<'a>(mut rest: &'a str, pairs: &mut Pairs<'a>) -> Option<&'a str> {
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        let (name, after) = match rest.strip_prefix('"') {
            Some(within) => parse_quoted(within)?,
            None => {
                let end = rest.find(|char: char| !(char.is_alphanumeric() || "_:.".contains(char)))?;
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        rest = after.trim_start();
        match rest.strip_prefix('=') {
            Some(after) => {
                let (value, after) = parse_quoted(after.trim_start().strip_prefix('"')?)?;
                if !name.is_empty() {
                    pairs.push((name, value));
                }
                rest = after.trim_start();
            }
            // A metric's name with other characters is quoted, among the labels.
            None => pairs.push((Cow::Borrowed(NAME), name)),
        }
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// Appends a text in quotes, escaped as the format requires.
fn append_quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        let (plain, special) = rest.split_at(at);
        let escaped = match special.as_bytes()[0] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        };
        out.extend([plain, escaped]);
        rest = &special[1..];
    }
    out.extend([rest, "\""]);
}

/// A series as a line begins with it: `name{label="value"}`.
#[must_use]
pub fn write_series(labels: &Labels) -> String {
    let mut text = String::new();
    let name = labels.get(NAME).unwrap_or_default();
    append_series(&mut text, name, labels.iter().filter(|(label, _)| *label != NAME));
    text
}

/// Appends a series with this name and these labels.
pub(super) fn append_series<'a>(text: &mut String, name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) {
    // A name with other characters is written among the labels.
    let mut between = match is_plain(name, true) {
        true => {
            text.extend([name, "{"]);
            ""
        }
        false => {
            text.push('{');
            append_quoted(text, name);
            ","
        }
    };
    for (label, value) in labels {
        text.push_str(between);
        match is_plain(label, false) {
            true => text.push_str(label),
            false => append_quoted(text, label),
        }
        text.push('=');
        append_quoted(text, value);
        between = ",";
    }
    text.push('}');
}

/// Whether a name needs no quotes, since it has only the characters that names had at first.
fn is_plain(name: &str, is_metric: bool) -> bool {
    let first = |char: char| char.is_ascii_alphabetic() || char == '_' || is_metric && char == ':';
    name.starts_with(first) && name.chars().all(|char| first(char) || char.is_ascii_digit())
}

/// A value as Prometheus writes it: `0.5`, `NaN`, `+Inf`.
#[must_use]
pub fn write_value(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        value => value.to_string(),
    }
}

/// Parses a text up to its closing quote, and returns the text after it.
fn parse_quoted(rest: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = rest.find(['"', '\\'])?;
    if rest[end..].starts_with('"') {
        return Some((Cow::Borrowed(&rest[..end]), &rest[end + 1..]));
    }
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((Cow::Owned(text), &rest[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => text.push('\n'),
                escaped @ ('"' | '\\') => text.push(escaped),
                other => text.extend(['\\', other]),
            },
            char => text.push(char),
        }
    }
    None
}
