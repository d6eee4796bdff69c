//! What holds for every input.

use super::{
    redacted, redactor,
    samples::{CERTIFICATE, base64, jwe, jws, private_keys, private_pem, word},
    stream::streamed,
};
use kubectl_escalate::redact::{Key, Redactor};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

/// Pieces of logs: secrets, what looks like them, what is broken.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pem = private_pem();
    let lines: Vec<Vec<u8>> = pem.lines().map(|line| format!("{line}\n").into_bytes()).collect();
    let (_, der) = private_keys().swap_remove(1);
    let fixed: Vec<Vec<u8>> = [
        jws(),
        jwe(),
        pem.clone(),
        pem.replace('\n', "\\n"),
        base64(pem.as_bytes()),
        base64(&der),
        CERTIFICATE.to_owned(),
        format!("2026-11-22T15:42:00Z {}", pem.replace('\n', "\n2026-11-22T15:42:00Z ")),
        "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}".to_owned(),
        "postgres://bob:halibut@db/x".to_owned(),
        "Authorization: Bearer ".to_owned(),
        "Basic Ym9iOnN3b3JkZmlzaA==".to_owned(),
        "Authorization: Basic Ym9iOnN3b3JkZmlzaDE=\",\"x\":\"".to_owned(),
        "Authorization: Digest username=\"bob\", response=\"a1b2c3\"".to_owned(),
        r#"Authorization: Digest username=\"bob\", response=\"a1b2c3\"""#.to_owned(),
        r#"Cookie: a=\"b\"; c="#.to_owned(),
        format!("gh{}{}", "p_", word(1, 36)),
        "<named-secret:0123456789abcdef0123>".to_owned(),
        "\"password\":\"".to_owned(),
        "\\\"token\\\":\\\"".to_owned(),
        "password: |\n  ".to_owned(),
        "name: DB_PASSWORD\n  value: x1y2z3\n".to_owned(),
        "x".repeat(70_000),
        "eyJhbGciOiJ9".repeat(3000),
        word(3, 140_000),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        "-----END PRIVATE KEY-----".to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    let words = [
        "password",
        "token",
        "=",
        ":",
        " ",
        "\n",
        "\"",
        "'",
        "\\",
        "\\n",
        "hunter2",
        "a1b2c3d4",
        ",",
        "{",
        "}",
        "[",
        "]",
        "--",
        "key",
        "secret",
        "client_",
        "://",
        "@",
        "u:p",
        "<",
        ">",
        "</",
        "bearer ",
        "basic ",
        "cookie",
        "eyJ",
        ".",
        "sig=",
        "?",
        "&",
        "kty",
        "name",
        "value",
        "2026-11-22T15:42:00Z ",
        "- ",
        "  ",
        "|",
        "é",
        "\r\n",
        "abcdef.0123456789abcdef",
    ];
    prop_oneof![
        8 => prop::sample::select(words.map(|word| word.as_bytes().to_vec()).to_vec()),
        3 => prop::sample::select(fixed),
        2 => prop::sample::select(lines),
        1 => vec(any::<u8>(), 0..20),
        2 => "[a-zA-Z0-9_=:\" ]{0,30}".prop_map(String::into_bytes),
    ]
}

fn mixture(pieces: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 0..pieces).prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = Value> {
    let text =
        mixture(6).prop_map(|text| Value::String(String::from_utf8_lossy(&text[..text.len().min(4000)]).into_owned()));
    let name = prop::sample::select(vec![
        "password",
        "env",
        "name",
        "value",
        "data",
        "kind",
        "metadata",
        "annotations",
        "args",
        "secret",
        "kty",
        "d",
        "auth",
        "authorization",
        "x",
        "items",
        "token",
    ]);
    let leaf = prop_oneof![4 => text, 1 => any::<i64>().prop_map(Value::from), 1 => Just(Value::Null), 1 => Just(Value::from("Secret")), 1 => Just(Value::from("DB_PASSWORD"))];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((name.clone(), inner.clone()), 0..6)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            inner.prop_map(|value| Value::String(value.to_string())),
        ]
    })
}

/// A header with a credential of any padding, in which the first item stands.
fn header() -> impl Strategy<Value = (String, String)> {
    ("[a-z]{1,3}[A-Z][a-zA-Z0-9]{9,14}[0-9]", 0..8).prop_map(|(secret, form)| {
        let digits = base64(secret.as_bytes());
        let basic = base64(format!("bob:{secret}").as_bytes());
        let nonce = base64(&secret.as_bytes()[1..]);
        match form {
            0 => (basic.clone(), format!("Authorization: Basic {basic}")),
            1 => (basic.clone(), format!("proxy-authorization: basic {basic}")),
            2 => (digits.clone(), format!("Authorization: Bearer {digits}")),
            3 => (digits.clone(), format!("Bearer {digits}")),
            4 => (basic.clone(), format!("Basic {basic}")),
            5 => {
                let rest = format!(r#"uri="/", nonce="{nonce}", qop=auth, response="{secret}""#);
                (secret, format!(r#"Authorization: Digest username="bob", realm="", {rest}"#))
            }
            6 => (digits.clone(), format!("Cookie: a=b; session={digits}")),
            _ => (secret.clone(), format!(r#"Set-Cookie: SESSION="{secret}"; Path=/"#)),
        }
    })
}

/// `value` with every string made empty.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::String(String::new()),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_do_not_matter(input in mixture(40), sizes in vec(1_usize..3000, 1..8)) {
        let (whole, _) = redactor().text(&input);
        prop_assert_eq!(streamed(&input, &sizes), whole.as_bytes());
        prop_assert_eq!(streamed(&input, &[65_536]), whole.as_bytes());
    }

    #[test]
    fn single_bytes_do_not_matter(input in mixture(12)) {
        let input = &input[..input.len().min(20_000)];
        let (whole, _) = redactor().text(input);
        prop_assert_eq!(streamed(input, &[1]), whole.as_bytes());
    }

    #[test]
    fn twice_is_once(input in mixture(30)) {
        let (once, _) = redactor().text(&input);
        let (twice, counts) = redactor().text(once.as_bytes());
        prop_assert_eq!(String::from_utf8_lossy(twice.as_bytes()), String::from_utf8_lossy(once.as_bytes()));
        prop_assert!(counts.is_empty());
        let other = Redactor::new(&Key::random());
        let (thrice, _) = other.text(once.as_bytes());
        prop_assert_eq!(thrice.as_bytes(), once.as_bytes());
    }

    #[test]
    fn newlines_stay(input in mixture(30)) {
        let (clean, _) = redactor().text(&input);
        let newlines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
        prop_assert_eq!(newlines(clean.as_bytes()), newlines(&input));
    }

    #[test]
    fn strings_are_texts(input in ".{0,200}") {
        let (text, _) = redactor().text(input.as_bytes());
        let string = redacted(&input);
        prop_assert_eq!(string.as_bytes(), text.as_bytes());
    }

    #[test]
    fn headers_end_with_their_strings(
        (secret, header) in header(),
        before in prop::sample::select(vec!["", "sent ", "a \"b\" c, ", "GET / HTTP/1.1\r\n"]),
        after in prop::sample::select(vec!["", " failed", ", x", "; y=\"z\"", " err=", "\r\nHost: x\r\n"]),
        depth in 0..3,
    ) {
        let told = format!("{before}{header}{after}");
        let others = json!({"level": "error", "list": ["x", "", 7], "zone": {"a": "b=", "c": "\"d\""}});
        let mut line = others.clone();
        line["msg"] = Value::from(told.clone());
        line["list"][1] = Value::from(told.clone());
        line["zone"]["b"] = Value::from(told);
        let mut text = line.to_string();
        for _ in 0..depth {
            text = json!({"log": text, "stream": "stderr"}).to_string();
        }
        let mut clean = redacted(&text);
        prop_assert!(!clean.contains(&secret), "{} in {}", secret, clean);
        for _ in 0..depth {
            let outer: Value = serde_json::from_str(&clean).expect("JSON still");
            prop_assert_eq!(&outer["stream"], "stderr");
            clean = outer["log"].as_str().expect("a string").to_owned();
        }
        let mut clean: Value = serde_json::from_str(&clean).expect("JSON still");
        let found = [&clean["msg"], &clean["list"][1], &clean["zone"]["b"]].map(|told| told.as_str().expect("a string"));
        let alone = redacted(&header);
        let (start, end) = (alone.find('<').expect("a token"), alone.find('>').expect("an end") + 1);
        for told in found {
            prop_assert!(told.starts_with(&format!("{before}{}", &alone[..start])), "{}", told);
        }
        // A list has no end but that of its line.
        let is_list = header.contains(['"', ';']);
        if after.is_empty() || after.starts_with('\r') || !is_list && !after.starts_with(';') {
            prop_assert!(found.iter().all(|told| told.contains(&alone[..end])), "{} is not in {:?}", alone, found);
        }
        clean["list"][1] = Value::from("");
        clean.as_object_mut().expect("an object").remove("msg");
        clean["zone"].as_object_mut().expect("an object").remove("b");
        prop_assert_eq!(clean, others);
    }

    #[test]
    fn objects_keep_their_shape(object in json()) {
        let (clean, _) = redactor().object(object.clone());
        prop_assert_eq!(shape(clean.value()), shape(&object));
        let (again, counts) = redactor().object(clean.value().clone());
        prop_assert_eq!(again.value(), clean.value());
        prop_assert!(counts.is_empty());
    }
}
