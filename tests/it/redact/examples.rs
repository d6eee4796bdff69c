//! The examples of every rule, in every kind of text: what a rule matches goes, and what only looks similar stays.

use super::{
    redacted, redactor,
    samples::{base64, hex, noise, word},
    stream::streamed,
};
use kubectl_escalate::redact::{Rule, rules};
use serde_json::{Value, json};

/// An example with characters in place of `{word*36}` and its like, which differ from place to place.
fn filled(example: &str) -> String {
    let mut filled = String::new();
    let mut rest = example;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        filled.push_str(before);
        let close = from.find('}').map_or(from.len(), |close| close + 1);
        match from[1..close].strip_suffix('}').and_then(|inner| characters(inner, filled.len())) {
            Some(characters) => {
                filled.push_str(&characters);
                rest = &from[close..];
            }
            None => {
                filled.push('{');
                rest = &from[1..];
            }
        }
    }
    filled + rest
}

/// The characters that `word*36` stands for.
fn characters(inner: &str, seed: usize) -> Option<String> {
    let (class, length) = inner.split_once('*')?;
    let (seed, length) = (seed as u64 + 1, length.parse().ok()?);
    let encoded = || base64(&noise(seed, length))[..length].to_owned();
    Some(match class {
        "word" => word(seed, length),
        "lower" => word(seed, length).to_lowercase(),
        "upper" => word(seed, length).to_uppercase(),
        "hex" => hex(seed, length),
        "base64" => encoded(),
        "base64url" => encoded().replace('+', "-").replace('/', "_"),
        _ => return None,
    })
}

/// The text of an example, and its secrets.
fn text_and_secrets(example: &str) -> (String, Vec<String>) {
    let example = filled(example);
    let secrets = example.split('«').skip(1).map(|rest| rest.split('»').next().expect("an end").to_owned()).collect();
    (example.replace(['«', '»'], ""), secrets)
}

/// Checks that `clean` is the example with a token of the rule in place of each secret.
#[track_caller]
fn is_redacted(clean: &str, example: &str, rule: &Rule) {
    let mut rest = clean;
    let example = filled(example);
    for (number, part) in example.split('«').enumerate() {
        let kept = if number == 0 { part } else { part.split('»').nth(1).expect("an end") };
        if number > 0 {
            let token = rest.strip_prefix(&format!("<{}:", rule.id)).and_then(|rest| rest.get(20..));
            rest = token.and_then(|rest| rest.strip_prefix('>')).unwrap_or_else(|| panic!("no token in {clean}"));
        }
        rest = rest.strip_prefix(kept).unwrap_or_else(|| panic!("{example} became {clean}"));
    }
    assert_eq!(rest, "", "{example} became {clean}");
    let (again, counts) = redactor().string(clean);
    assert!(again == clean && counts.is_empty(), "{clean} is not stable: {again}");
}

fn of_text() -> impl Iterator<Item = &'static Rule> {
    rules().into_iter().filter(|rule| !rule.is_of_objects)
}

#[test]
fn every_rule_has_examples() {
    for rule in rules() {
        assert!(!rule.matches.is_empty() && !rule.keeps.is_empty(), "{} has no examples", rule.id);
        assert!(rule.matches.iter().all(|example| example.contains('«')), "{}: mark the secret with «»", rule.id);
        assert!(!rule.keeps.iter().any(|example| example.contains('«')), "{}: nothing goes, so mark nothing", rule.id);
    }
}

#[test]
fn what_matches_goes() {
    for rule in of_text() {
        for example in rule.matches {
            let (text, secrets) = text_and_secrets(example);
            let (clean, counts) = redactor().string(&text);
            is_redacted(&clean, example, rule);
            assert_eq!(counts.iter().collect::<Vec<_>>(), [(rule.id, secrets.len() as u64)], "{clean}");
            for size in [1, 7, 64] {
                let chunked = streamed(text.as_bytes(), &[size]);
                assert_eq!(String::from_utf8_lossy(&chunked), clean, "in chunks of {size} bytes");
            }
            let lines = redacted(&format!("a line before\n{text}\na line behind\n"));
            assert_eq!(lines, format!("a line before\n{clean}\na line behind\n"));
        }
    }
}

#[test]
fn what_matches_goes_from_strings_of_json_and_of_objects() {
    for rule in of_text() {
        for example in rule.matches {
            let (text, secrets) = text_and_secrets(example);
            let line = json!({ "level": "error", "msg": &text }).to_string();
            let (object, _) = redactor().object(json!({ "kind": "Pod", "status": { "message": &text } }));
            for clean in [redacted(&line), object.value().to_string()] {
                // As much of a secret as no escape can change.
                let longest =
                    |secret: &String| secret.split(['\\', '"', '/', '+']).map(str::to_owned).max_by_key(String::len);
                let left = secrets.iter().filter_map(longest).find(|secret| clean.contains(secret.as_str()));
                assert_eq!(left, None, "{example} became {clean}");
                assert_eq!(redacted(&clean), clean, "not stable");
            }
        }
    }
}

#[test]
fn what_only_looks_similar_stays() {
    for example in of_text().flat_map(|rule| rule.keeps) {
        let text = filled(example);
        assert_eq!(redacted(&text), text);
        assert_eq!(String::from_utf8_lossy(&streamed(text.as_bytes(), &[7])), text);
        let lines = format!("a line before\n{text}\na line behind\n");
        assert_eq!(redacted(&lines), lines);
        let object = json!({ "kind": "Pod", "status": { "message": text } });
        assert_eq!(*redactor().object(object.clone()).0.value(), object);
    }
}

#[test]
fn objects_lose_what_their_structure_shows() {
    let parsed = |text: &str| -> Value { serde_json::from_str(text).expect("an object") };
    for rule in rules().into_iter().filter(|rule| rule.is_of_objects) {
        for example in rule.matches {
            let (text, secrets) = text_and_secrets(example);
            let (clean, counts) = redactor().object(parsed(&text));
            is_redacted(&clean.value().to_string(), &parsed(&filled(example)).to_string(), rule);
            assert_eq!(counts.iter().collect::<Vec<_>>(), [(rule.id, secrets.len() as u64)]);
        }
        for example in rule.keeps {
            let object = parsed(&filled(example));
            assert_eq!(*redactor().object(object.clone()).0.value(), object);
        }
    }
}
