//! Owns label and field selectors, as the API server understands them.

use std::collections::BTreeMap;

/// A field selector: terms that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSelector(Vec<(String, bool, String)>);

impl FieldSelector {
    /// Reads `a=b,c!=d`. What is not a term is ignored.
    pub(super) fn of(text: &str) -> Self {
        let term = |term: &str| {
            let (name, equal, value) = match term.split_once("!=") {
                Some((name, value)) => (name, false, value),
                None => {
                    let (name, value) = term.split_once('=')?;
                    (name, true, value.strip_prefix('=').unwrap_or(value))
                }
            };
            Some((name.trim().to_owned(), equal, value.trim().to_owned()))
        };
        Self(text.split(',').filter_map(term).collect())
    }

    /// Whether `other` selects everything that this selects.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        other.0.iter().all(|term| self.0.contains(term))
    }

    /// The value that a field must have.
    pub(super) fn exactly(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|term| term.0 == name && term.1).map(|term| term.2.as_str())
    }

    /// Whether all terms hold. `value` returns a field's value, empty for a field that is not there.
    pub(super) fn hold<'v>(&self, value: impl Fn(&str) -> &'v str) -> bool {
        self.0.iter().all(|(name, equal, wanted)| (value(name) == wanted) == *equal)
    }
}

/// A label selector: requirements that must all hold.
#[derive(Debug)]
pub(super) struct LabelSelector(Vec<Requirement>);

#[derive(Debug)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl LabelSelector {
    /// Reads `a=b,c in (d,e),!f`; none for what is not a selector.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let (mut depth, mut from) = (0_i32, 0);
        for (at, c) in text.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                ',' if depth == 0 => {
                    parts.push(&text[from..at]);
                    from = at + 1;
                }
                _ => {}
            }
        }
        parts.push(&text[from..]);
        parts
            .into_iter()
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(requirement)
            .collect::<Option<_>>()
            .map(Self)
    }

    /// Whether an object with these labels is selected.
    pub(super) fn select(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Requirement::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::Absent(key) => !labels.contains_key(key),
        })
    }
}

fn requirement(text: &str) -> Option<Requirement> {
    let set = |rest: &str| -> Option<Vec<String>> {
        let inner = rest.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|value| value.trim().to_owned()).collect())
    };
    if let Some((key, rest)) = text.split_once(" notin ") {
        return Some(Requirement::NotIn(key.trim().to_owned(), set(rest)?));
    }
    if let Some((key, rest)) = text.split_once(" in ") {
        return Some(Requirement::In(key.trim().to_owned(), set(rest)?));
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Some(Requirement::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = text.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Some(Requirement::In(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    match text.strip_prefix('!') {
        Some(key) => Some(Requirement::Absent(key.trim().to_owned())),
        None => Some(Requirement::Exists(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{FieldSelector, LabelSelector};

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        LabelSelector::of(selector).expect("a selector").select(&labels)
    }

    #[test]
    fn labels_are_selected_as_the_api_server_does() {
        let labels = [("app", "a"), ("tier", "")];
        for yes in [
            "",
            "app=a",
            "app==a",
            "app in (b, a)",
            "app notin (b)",
            "owner!=helm",
            "tier",
            "!owner",
            "app,tier=,x notin (y)",
        ] {
            assert!(selects(yes, &labels), "{yes}");
        }
        for no in ["app=b", "app!=a", "app in (b)", "app notin (a,b)", "owner", "!app", "app=a,tier=x"] {
            assert!(!selects(no, &labels), "{no}");
        }
        assert!(LabelSelector::of("app in a").is_none());
    }

    #[test]
    fn fields_are_selected_by_all_terms() {
        let value = |name: &str| if name == "spec.nodeName" { "n1" } else { "" };
        assert!(FieldSelector::of("spec.nodeName=n1,status.phase!=Failed").hold(value));
        assert!(!FieldSelector::of("spec.nodeName==n2").hold(value));
        assert!(FieldSelector::of("metadata.name=").hold(value));
        let narrow = FieldSelector::of("involvedObject.name=a,involvedObject.kind=Node,involvedObject.uid=1");
        assert!(narrow.is_within(&FieldSelector::of("involvedObject.kind=Node,involvedObject.name=a")));
        assert!(!FieldSelector::of("involvedObject.kind=Node").is_within(&narrow));
        assert_eq!(narrow.exactly("involvedObject.uid"), Some("1"));
    }
}
