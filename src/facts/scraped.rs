//! The samples of some metrics, out of the clean text that an endpoint answered. Pure.
//!
//! The format is read here, line by line: <https://prometheus.io/docs/instrumenting/exposition_formats/>. Of the
//! libraries, prometheus-parse 0.2 passes over samples whose labels have an escaped quote, without a word, and
//! openmetrics-parser 0.5 refuses a whole answer in which one metric's samples have different labels.

use crate::{
    promql::{Labels, NAME},
    redact::Clean,
};
use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

/// More samples of an endpoint are not held; a server has some hundred.
const MOST: usize = 20_000;
/// Longer lines are no samples.
const LONGEST_LINE: usize = 64 << 10;

/// A series as a line has it, its name and labels, and the value; a map of its labels would be ten times as large.
pub type Series = (Box<str>, f64);

/// Reads samples while the text streams by.
#[derive(Clone, Debug)]
pub struct Extract {
    wanted: Arc<BTreeSet<String>>,
    rest: Vec<u8>,
    is_too_long: bool,
    found: Vec<Series>,
    is_cut: bool,
}

impl Extract {
    /// Of the metrics of these names.
    #[must_use]
    pub fn of(wanted: impl Into<Arc<BTreeSet<String>>>) -> Self {
        Self { wanted: wanted.into(), rest: Vec::new(), is_too_long: false, found: Vec::new(), is_cut: false }
    }

    /// Looks at the next clean bytes.
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

    /// What was found, and whether that is not all.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Series>, bool) {
        let line = std::mem::take(&mut self.rest);
        self.line(&line);
        (self.found, self.is_cut)
    }

    fn line(&mut self, line: &[u8]) {
        if self.found.len() >= MOST {
            self.is_cut = true;
            return;
        }
        if let Some((series, pairs, value)) = std::str::from_utf8(line).ok().and_then(read)
            && name_of(&pairs).is_some_and(|name| self.wanted.contains(name))
        {
            self.found.push((series.into(), value));
        }
    }
}

/// A line's labels, the metric's name among them, and its value; none of a comment and of what is no sample.
#[must_use]
pub fn sample(line: &str) -> Option<(Labels, f64)> {
    read(line).map(|(_, pairs, value)| (pairs.into_iter().collect(), value))
}

/// The labels of a series as a line has it, its name among them.
#[must_use]
pub fn labels(series: &str) -> Option<Labels> {
    series_of(series).map(|(pairs, _)| pairs.into_iter().collect())
}

/// Labels as they are written, before they are put in order.
pub(super) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The metric's name: of several the last counts.
fn name_of<'a>(pairs: &'a Pairs<'_>) -> Option<&'a str> {
    pairs.iter().rfind(|(label, _)| label == NAME).map(|(_, name)| name.as_ref()).filter(|name| !name.is_empty())
}

/// A line's series, its labels, the metric's name among them, and its value.
pub(super) fn read(line: &str) -> Option<(&str, Pairs<'_>, f64)> {
    let line = line.trim();
    let (pairs, rest) = series_of(line)?;
    let series = line[..line.len() - rest.len()].trim_end();
    // A time may follow, and an exemplar.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    name_of(&pairs)?;
    Some((series, pairs, value))
}

/// The labels that a text begins with, and what follows them.
fn series_of(text: &str) -> Option<(Pairs<'_>, &str)> {
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

/// Reads labels up to the closing brace, and gives what follows it.
fn braces<'a>(mut rest: &'a str, pairs: &mut Pairs<'a>) -> Option<&'a str> {
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        let (name, after) = match rest.strip_prefix('"') {
            Some(within) => quoted(within)?,
            None => {
                let end = rest.find(|char: char| !(char.is_alphanumeric() || "_:.".contains(char)))?;
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        rest = after.trim_start();
        match rest.strip_prefix('=') {
            Some(after) => {
                let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
                if !name.is_empty() {
                    pairs.push((name, value));
                }
                rest = after.trim_start();
            }
            // A metric's name of other letters stands in quotes among the labels.
            None => pairs.push((Cow::Borrowed(NAME), name)),
        }
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// Writes a text in quotes, as the format has it.
pub fn quote(out: &mut String, text: &str) {
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

/// Reads a text up to its closing quote, and gives what follows it.
fn quoted(rest: &str) -> Option<(Cow<'_, str>, &str)> {
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
