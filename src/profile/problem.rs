//! Owns what is wrong with a profile: the list of broken rules, the checks that several keys share, and the line and
//! column of each problem.

use super::{name::is_dns_label, pattern, threshold::Threshold};
use crate::{
    promql,
    yaml::{self, Step},
};
use std::{fmt, time::Duration};

/// The longest duration that a profile may write: a year, as PromQL counts it.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One reason why the text of a profile is refused. Printed as `LINE:COLUMN: MESSAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1. None when the YAML reader does not tell it.
    pub line: Option<usize>,
    /// The column, counted from 1. None when the YAML reader does not tell it.
    pub column: Option<usize>,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Problem {
    /// A text that cannot be read as YAML with the keys of a profile.
    pub(super) fn of_yaml(error: yaml::Error) -> Self {
        // serde speaks of fields and variants; whoever writes YAML knows keys and values.
        let message = error
            .message
            .replace("unknown field `", "unknown key `")
            .replace("missing field `", "missing key `")
            .replace("duplicate field `", "duplicate key `")
            .replace("unknown variant `", "unknown value `")
            .replace(
                "deserializing from YAML containing more than one document is not supported",
                "the file contains several YAML documents; keep one",
            );
        Self { line: error.line, column: error.column, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// The rules that a profile breaks, each with the path to the key that breaks it.
#[derive(Default)]
pub(super) struct Problems(Vec<(Vec<Step>, String)>);

impl Problems {
    /// All of them with their places in `text`, the profile's YAML, in the text's order.
    pub(super) fn located(self, text: &str) -> Vec<Problem> {
        let locate = |(path, message): (Vec<Step>, String)| {
            let place = yaml::locate(text, &path);
            Problem { line: place.map(|(line, _)| line), column: place.map(|(_, column)| column), message }
        };
        let mut located: Vec<Problem> = self.0.into_iter().map(locate).collect();
        located.sort_by_key(|problem| (problem.line, problem.column));
        located
    }

    /// Notes what is wrong at a path of the document.
    pub(super) fn add(&mut self, path: &[Step], message: impl Into<String>) {
        self.0.push((path.to_vec(), message.into()));
    }

    /// Adds a problem unless `holds`.
    pub(super) fn require(&mut self, holds: bool, path: &[Step], message: impl FnOnce() -> String) {
        if !holds {
            self.add(path, message());
        }
    }

    /// Adds the problem that `checked` is, if it is one.
    pub(super) fn require_ok<T>(&mut self, checked: Result<T, String>, path: &[Step]) {
        if let Err(message) = checked {
            self.add(path, message);
        }
    }

    /// Requires that every item of a list passes `test`. `what` says what an item has to be, and how to write it.
    pub(super) fn require_each(&mut self, path: &[Step], items: &[String], test: impl Fn(&str) -> bool, what: &str) {
        for (at, item) in items.iter().enumerate() {
            let path: Vec<Step> = path.iter().copied().chain([Step::Item(at)]).collect();
            self.require(test(item), &path, || format!("`{item}` is not {what}"));
        }
    }

    /// Requires a name that is a DNS label and that no other item of its list has.
    pub(super) fn require_name(&mut self, path: &[Step], name: &str, what: &str, is_new: bool) {
        self.require(is_dns_label(name), path, || {
            format!("`{name}` is not a valid {what} name; use lower-case letters, digits and `-`")
        });
        self.require(is_new, path, || format!("two items are named `{name}`; rename one"));
    }

    /// Requires one line of text.
    pub(super) fn require_line(&mut self, path: &[Step], text: &str) {
        let is_line = !text.trim().is_empty() && !text.contains(char::is_control);
        self.require(is_line, path, || "write one line of text".to_owned());
    }

    /// Requires a regular expression.
    pub(super) fn require_pattern(&mut self, path: &[Step], pattern: &str) {
        self.require_ok(pattern::anywhere(pattern), path);
    }

    /// Requires a duration as PromQL writes it, if there is one.
    pub(super) fn require_duration(&mut self, path: &[Step], text: Option<&String>) {
        let Some(text) = text else { return };
        match promql::duration(text) {
            None => self.add(path, format!("`{text}` is not a duration; write one such as `30s`, `6m` or `24h`")),
            Some(duration) => {
                self.require(duration <= LONGEST, path, || format!("`{text}` is too long; write at most `1y`"));
            }
        }
    }

    /// Requires a comparison with a number, if there is one.
    pub(super) fn require_threshold(&mut self, path: &[Step], text: Option<&String>) {
        let Some(text) = text else { return };
        self.require(text.parse::<Threshold>().is_ok(), path, || {
            format!("`{text}` is not a comparison; write an operator and a number, for example `> 0.99`")
        });
    }

    /// Whether no rule is broken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
