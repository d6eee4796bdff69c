//! Owns the members of a JSON object in text, found without parsing their values. A line may be cut, or end in
//! something else; its members up to there are found.

use std::ops::Range;

/// The members of an object, in order: where in the text the key stands, without its quotes, and where the value.
pub struct Members<'a> {
    text: &'a [u8],
    /// Where the brace or the comma before the next key is, if there is a next key.
    next: Option<usize>,
}

impl<'a> Members<'a> {
    /// The members of the object that `text` begins with.
    #[must_use]
    pub fn of(text: &'a [u8]) -> Self {
        Self { text, next: text.starts_with(b"{").then_some(0) }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Range<usize>, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let comma = self.next.take()?;
        let key = self.behind_blanks(comma + 1);
        let behind = key + string(self.text.get(key..)?)?;
        let colon = self.behind_blanks(behind);
        let value = self.behind_blanks(colon + usize::from(self.text.get(colon) == Some(&b':')));
        (value > colon).then_some(())?;
        let rest = self.text.get(value..)?;
        let end = end(rest);
        let behind_value = self.behind_blanks(value + end);
        self.next = (self.text.get(behind_value) == Some(&b',')).then_some(behind_value);
        Some((key + 1..behind - 1, value..value + rest.get(..end)?.trim_ascii_end().len()))
    }
}

impl Members<'_> {
    fn behind_blanks(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    }
}

/// Most strings are shorter than this (bytes), and faster to search byte by byte.
const FEW: usize = 24;

/// The length of the string, with its quotes, that `text` begins with.
pub(super) fn string(text: &[u8]) -> Option<usize> {
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
        Members::of(text.as_bytes()).map(|(key, value)| (text[key].to_owned(), text[value].to_owned())).collect()
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
