//! Redaction: what goes, what stays, and that it does not matter how it comes.

mod examples;
mod keep;
mod object;
mod pem;
mod properties;
mod replace;
mod samples;
mod stream;

use kubectl_escalate::redact::{Key, Redactor, rules};

/// A redactor with a key that is the same in every test.
fn redactor() -> Redactor {
    Redactor::new(&Key::from_bytes(b"a key for tests, sixteen or more").expect("long enough"))
}

/// `text` redacted.
fn redacted(text: &str) -> String {
    let (clean, _) = redactor().string(text);
    clean
}

/// The hex digits of the only token in `text`.
fn hex(text: &str) -> &str {
    let start = text.find('<').expect("a token");
    let token = &text[start..start + text[start..].find('>').expect("an end")];
    token.rsplit_once(':').expect("a colon").1
}

#[test]
fn keys_are_read_from_files() {
    let plain = Key::from_bytes(b"0123456789abcdef").expect("16 bytes are enough");
    let newline = Key::from_bytes(b"0123456789abcdef\r\n").expect("the newline does not count");
    assert_eq!(plain.id(), newline.id());
    assert_ne!(plain.id(), Key::random().id());
    assert_eq!(plain.id().len(), 16);
    assert_eq!(format!("{plain:?}"), "Key { .. }");
    let error = Key::from_bytes(b"0123456789abcde\n").expect_err("15 bytes are too few");
    assert!(error.to_string().contains("has 15 bytes and needs at least 16"), "{error}");
}

#[test]
fn rules_are_named_once_and_within_the_grammar() {
    let rules = rules();
    let mut ids: Vec<_> = rules.iter().map(|rule| rule.id).collect();
    assert!(ids.iter().all(|id| id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rules.len());
    assert!(rules.iter().all(|rule| !rule.replaces.is_empty()));
}

#[test]
fn a_secret_is_one_token_wherever_it_stands() {
    let secret = ["hunter2", "-and-more"].concat();
    let texts = [
        format!("password={secret} x"),
        format!("{{\"db\":{{\"clientSecret\":\"{secret}\"}}}}"),
        format!("run --db-password {secret}"),
        format!("postgres://bob:{secret}@db/x"),
    ];
    let first = redacted(&texts[0]);
    for text in &texts {
        let clean = redacted(text);
        assert!(!clean.contains(&secret), "{clean}");
        assert_eq!(hex(&clean), hex(&first), "{clean}");
    }
    let other = Redactor::new(&Key::random());
    assert_ne!(hex(&other.string(&texts[0]).0), hex(&first));
}

#[test]
fn counts_say_what_was_done() {
    let secret = ["s3cr3t", "value"].concat();
    let (_, mut counts) = redactor().string(&format!("password={secret} token={secret} redis://:{secret}@cache"));
    assert_eq!(counts.iter().collect::<Vec<_>>(), [("named-secret", 2), ("url-password", 1)]);
    assert_eq!(counts.total(), 3);
    let (_, none) = redactor().string("nothing here");
    assert!(none.is_empty());
    counts.merge(&counts.clone());
    assert_eq!(serde_json::to_string(&counts).expect("a map"), r#"{"named-secret":4,"url-password":2}"#);
}
