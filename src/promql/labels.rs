//! Owns the labels of a series, and their selection by `by`, `without`, `on` and `ignoring`.

use promql_parser::parser::LabelModifier;
use serde::{Deserialize, Serialize, Serializer};
use std::{cmp::Ordering, collections::BTreeMap, fmt, sync::Arc};

/// The label with the metric's name.
pub const NAME: &str = "__name__";

/// Labels about the metric, which the result of an operation does not have.
const ABOUT: [&str; 3] = [NAME, "__type__", "__unit__"];

/// The labels of a series, with its name as `__name__`, sorted, without empty values. They are one text, because a query
/// may have tens of thousands of series, and maps would take ten times the memory.
#[derive(Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub struct Labels {
    /// Names and values, concatenated.
    text: Arc<str>,
    /// The ends of each name and each value in `text`.
    ends: Arc<[usize]>,
}

impl Labels {
    /// No labels.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The labels as names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut from = 0;
        self.ends.chunks_exact(2).map(move |ends| {
            let (name, value) = (&self.text[from..ends[0]], &self.text[ends[0]..ends[1]]);
            from = ends[1];
            (name, value)
        })
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(label, value)| (label == name).then_some(value))
    }

    /// All labels but this one.
    pub(super) fn without(&self, name: &str) -> Self {
        self.only(|label| label != name)
    }

    /// The labels whose names are selected.
    fn only(&self, mut is_meant: impl FnMut(&str) -> bool) -> Self {
        if self.iter().all(|(label, _)| is_meant(label)) {
            return self.clone();
        }
        self.iter().filter(|(label, _)| is_meant(label)).collect()
    }

    /// The labels without those about the metric.
    pub(super) fn unnamed(&self) -> Self {
        self.only(|label| !ABOUT.contains(&label))
    }

    /// The labels that `by` or `on` names, or that `without` or `ignoring` does not name. The metric's name is kept only if
    /// it is named.
    pub(super) fn picked(&self, modifier: &LabelModifier) -> Self {
        self.only(|label| is_meant(modifier, label) && (label != NAME || modifier.is_include()))
    }

    /// As [`picked`](Self::picked), but `without` and `ignoring` keep the metric's name.
    pub(super) fn kept(&self, modifier: &LabelModifier) -> Self {
        self.only(|label| is_meant(modifier, label))
    }
}

fn is_meant(modifier: &LabelModifier, label: &str) -> bool {
    modifier.labels().labels.iter().any(|named| named == label) == modifier.is_include()
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Labels {
    /// Of several values of one label, the last counts.
    fn from_iter<T: IntoIterator<Item = (N, V)>>(labels: T) -> Self {
        let mut labels: Vec<(N, V)> = labels.into_iter().collect();
        labels.sort_by(|(one, _), (other, _)| one.as_ref().cmp(other.as_ref()));
        let size = labels.iter().map(|(name, value)| name.as_ref().len() + value.as_ref().len()).sum();
        let (mut text, mut ends) = (String::with_capacity(size), Vec::with_capacity(2 * labels.len()));
        for (at, (name, value)) in labels.iter().enumerate() {
            let (name, value) = (name.as_ref(), value.as_ref());
            let is_last = labels.get(at + 1).is_none_or(|(next, _)| next.as_ref() != name);
            if is_last && !value.is_empty() {
                for part in [name, value] {
                    text.push_str(part);
                    ends.push(text.len());
                }
            }
        }
        Self { text: text.into(), ends: ends.into() }
    }
}

impl From<BTreeMap<String, String>> for Labels {
    fn from(labels: BTreeMap<String, String>) -> Self {
        labels.into_iter().collect()
    }
}

impl From<&Labels> for BTreeMap<String, String> {
    fn from(labels: &Labels) -> Self {
        labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        // Faster for series of one metric, whose labels often have the same lengths.
        if self.ends == other.ends { self.text.cmp(&other.text) } else { self.iter().cmp(other.iter()) }
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
