//! Owns the check of a label selector, as `kubectl -l` accepts it, so that no cluster has to refuse it.

use super::name::is_subdomain;

/// What a valid selector selects.
pub(super) struct LabelSelector {
    /// Whether a requirement asks for a label to be present. Without one, nearly every object is selected.
    pub(super) is_positive: bool,
}

/// Checks a selector. The error says what is wrong and what to write instead.
pub(super) fn check(text: &str) -> Result<LabelSelector, String> {
    let wrong = |why: &str| Err(format!("`{text}` is not a label selector: {why}"));
    if text.trim().is_empty() {
        return Err("an empty label selector selects everything; write one such as `app=spirl-server`".to_owned());
    }
    let mut is_positive = false;
    for requirement in requirements(text) {
        let requirement = requirement.trim();
        let (key, values, positive) = if let Some(key) = requirement.strip_prefix('!') {
            (key, Vec::new(), false)
        } else if let Some((key, value)) = requirement.split_once("!=") {
            (key, vec![value], false)
        } else if let Some((key, value)) = requirement.split_once("==").or_else(|| requirement.split_once('=')) {
            (key, vec![value], true)
        } else if let Some((head, rest)) = requirement.split_once('(') {
            let Some(list) = rest.strip_suffix(')') else { return wrong("end the list with `)`") };
            let mut head = head.split_whitespace();
            let (key, positive) = match (head.next(), head.next(), head.next()) {
                (Some(key), Some("in"), None) => (key, true),
                (Some(key), Some("notin"), None) => (key, false),
                _ => return wrong("write a key and `in` or `notin` before a list, for example `app in (a, b)`"),
            };
            (key, list.split(',').collect(), positive)
        } else {
            (requirement, Vec::new(), true)
        };
        if !is_label_key(key.trim()) {
            return wrong(&format!("`{}` is not a label key", key.trim()));
        }
        if let Some(value) = values.iter().map(|value| value.trim()).find(|value| !is_label_value(value)) {
            return wrong(&format!("`{value}` is not a label value"));
        }
        is_positive |= positive;
    }
    Ok(LabelSelector { is_positive })
}

/// The requirements of a selector: its parts between the commas that are outside of lists.
pub(super) fn requirements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut from, mut depth) = (0, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[from..]);
    found
}

/// Whether `text` can be the key of a label or an annotation: `NAME` or `PREFIX/NAME`.
pub(super) fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && !name.is_empty() && is_label_value(name),
        None => !text.is_empty() && is_label_value(text),
    }
}

fn is_label_value(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && (text.is_empty() || text.starts_with(ends) && text.ends_with(ends))
}
