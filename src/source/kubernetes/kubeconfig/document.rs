//! Owns the text of one kubeconfig: encodings, JSON or YAML, keys given twice, merge keys, more than one document.

use super::Fault;
use serde_json::{Map, Value};

/// Reads the text of a kubeconfig. Of several documents, the first counts, and of a key given twice, the last.
pub(super) fn read(bytes: &[u8]) -> Result<Value, Fault> {
    let text = decode(bytes)?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        // Tabs may indent JSON, but not YAML.
        if let Ok(value) = serde_json::from_str(text) {
            return Ok(value);
        }
    }
    let mut value: Value = crate::yaml::from_str(first_document(text)).map_err(|why| match (why.line, why.column) {
        (Some(line), Some(column)) => format!("line {line}, column {column}: {}", why.message),
        _ => why.message,
    })?;
    merge_keys(&mut value);
    Ok(value)
}

fn decode(bytes: &[u8]) -> Result<String, Fault> {
    let wide = |units: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = units.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_| "it is not UTF-16".to_owned())
    };
    match bytes {
        [0xFF, 0xFE, units @ ..] => wide(units, u16::from_le_bytes),
        [0xFE, 0xFF, units @ ..] => wide(units, u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).map_err(|_| "it is not UTF-8".to_owned()),
    }
}

fn first_document(text: &str) -> &str {
    let mut at = 0;
    let mut has_begun = false;
    for line in text.split_inclusive('\n') {
        let is_mark = |mark: &str| {
            line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        };
        if has_begun && (is_mark("---") || is_mark("...")) {
            return &text[..at];
        }
        has_begun |= !line.trim().is_empty() && !line.starts_with(['#', '%', '-']) || line.starts_with("- ");
        at += line.len();
    }
    text
}

/// Puts the keys of `<<: *anchor` where they belong. Keys that are there already win.
fn merge_keys(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let from = match map.remove("<<") {
                Some(Value::Array(all)) => all,
                Some(one) => vec![one],
                None => Vec::new(),
            };
            map.values_mut().for_each(merge_keys);
            for mut one in from {
                merge_keys(&mut one);
                let Value::Object(keys) = one else { continue };
                keys.into_iter().for_each(|(key, value)| insert_new(map, key, value));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(merge_keys),
        _ => {}
    }
}

fn insert_new(map: &mut Map<String, Value>, key: String, value: Value) {
    map.entry(key).or_insert(value);
}
