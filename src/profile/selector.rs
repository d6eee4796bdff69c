//! Checks the label selectors of a profile, before a cluster has to.

/// What a selector's text amounts to.
pub(super) struct Selector {
    /// Whether it asks for the presence of anything, so that it does not mean nearly all there is.
    pub(super) selects: bool,
}

/// Checks a selector as `kubectl -l` takes it, and says what is wrong with it.
pub(super) fn check(text: &str) -> Result<Selector, String> {
    let wrong = |why: &str| Err(format!("`{text}` is no label selector: {why}"));
    if text.trim().is_empty() {
        return Err("an empty label selector selects everything; write one such as `app=spirl-server`".to_owned());
    }
    let mut selects = false;
    for requirement in requirements(text) {
        let requirement = requirement.trim();
        let (key, values, positive) = if let Some(key) = requirement.strip_prefix('!') {
            (key, Vec::new(), false)
        } else if let Some((key, value)) = requirement.split_once("!=") {
            (key, vec![value], false)
        } else if let Some((key, value)) = requirement.split_once("==").or_else(|| requirement.split_once('=')) {
            (key, vec![value], true)
        } else if let Some((head, rest)) = requirement.split_once('(') {
            let Some(list) = rest.strip_suffix(')') else { return wrong("a list has to end in `)`") };
            let mut head = head.split_whitespace();
            let positive = match (head.next(), head.next(), head.next()) {
                (Some(key), Some("in"), None) => (key, true),
                (Some(key), Some("notin"), None) => (key, false),
                _ => return wrong("a list goes with `in` or `notin`, as in `app in (a, b)`"),
            };
            (positive.0, list.split(',').collect(), positive.1)
        } else {
            (requirement, Vec::new(), true)
        };
        if !is_label_key(key.trim()) {
            return wrong(&format!("`{}` is no label's name", key.trim()));
        }
        if let Some(value) = values.iter().map(|value| value.trim()).find(|value| !is_label_value(value)) {
            return wrong(&format!("`{value}` is no label's value"));
        }
        selects |= positive;
    }
    Ok(Selector { selects })
}

/// Splits at the commas outside of lists.
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

/// Whether `text` may name a label or an annotation: `prefix/name`, or the name alone.
pub(super) fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => super::name::is_subdomain(prefix) && !name.is_empty() && is_label_value(name),
        None => !text.is_empty() && is_label_value(text),
    }
}

fn is_label_value(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && (text.is_empty() || text.starts_with(ends) && text.ends_with(ends))
}
