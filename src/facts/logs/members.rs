//! Owns the members of a JSON object in text, found without parsing what they hold. A line may be cut, or end in
//! something else: what can be told of it is.

/// The members of an object, each a key as it is written and the text of its value, in their order.
pub(super) struct Members<'a> {
    /// From the brace or the comma before the next key on.
    rest: &'a [u8],
}

impl<'a> Members<'a> {
    /// Those of the object that `text` begins with.
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { rest: text.strip_prefix(b"{").map_or(&[], |_| text) }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let text = std::mem::take(&mut self.rest).get(1..)?.trim_ascii_start();
        let (key, behind) = text.split_at_checked(string(text)?)?;
        let value = behind.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (value, behind) = value.split_at_checked(end(value))?;
        let behind = behind.trim_ascii_start();
        self.rest = if behind.first() == Some(&b',') { behind } else { &[] };
        Some((key.get(1..key.len() - 1)?, value.trim_ascii_end()))
    }
}

/// Most strings are shorter than this (bytes), and sooner looked through one by one.
const FEW: usize = 24;

/// The length of the string, with its quotes, that `text` begins with.
fn string(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    text.strip_prefix(b"\"")?;
    loop {
        let rest = text.get(at..)?;
        let is_sign = |byte: &u8| matches!(byte, b'"' | b'\\');
        let near = rest.iter().take(FEW).position(is_sign);
        at += near.or_else(|| Some(FEW + memchr::memchr2(b'"', b'\\', rest.get(FEW..)?)?))?;
        match text.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// The length of the value that `text` begins with; all of it, where its end is missing.
fn end(text: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => match text.get(at..).and_then(string) {
                Some(length) => at += length - 1,
                None => return text.len(),
            },
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn members(text: &str) -> Vec<(String, String)> {
        let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Members::of(text.as_bytes()).map(|(key, value)| (text_of(key), text_of(value))).collect()
    }

    #[test]
    fn members_are_those_of_the_outermost_object() {
        let text = r#"{ "a" : "x\"},\\" , "b":{"a":[1,{"c":"]"}]},"c": -1.5e3 ,"d":[],"e":null}, "f":1"#;
        let found = members(text);
        let found: Vec<(&str, &str)> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let b = r#"{"a":[1,{"c":"]"}]}"#;
        assert_eq!(found, [("a", r#""x\"},\\""#), ("b", b), ("c", "-1.5e3"), ("d", "[]"), ("e", "null")]);
    }

    #[test]
    fn what_can_be_told_of_a_cut_object_is() {
        assert_eq!(members(r#"{"a":1,"b":"cut"#), [("a".into(), "1".into()), ("b".into(), "\"cut".into())]);
        assert_eq!(members(r#"{"a":1,"b"#), [("a".into(), "1".into())]);
        for none in ["", "{", "{}", "[1]", "{a:1}", "x{\"a\":1}", "{\"a\"", "{\"a\\", "{\"a\\\""] {
            assert_eq!(members(none), [], "{none}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_some_members_or_none(text in ".{0,40}") {
            let _ = members(&text);
            let _ = members(&format!("{{{text}"));
            let _ = members(&format!("{{\"a\":{text}"));
        }

        #[test]
        fn members_are_those_that_a_parser_finds(keys in proptest::collection::btree_map("[a-z\"\\\\{},:]{0,6}", ".{0,12}", 0..6)) {
            let text = serde_json::to_string(&keys).expect("JSON");
            let parse = |text: &str| serde_json::from_str::<String>(text).expect("a string");
            let found = members(&text).into_iter().map(|(key, value)| (parse(&format!("\"{key}\"")), parse(&value)));
            prop_assert_eq!(found.collect::<std::collections::BTreeMap<_, _>>(), keys);
        }
    }
}
