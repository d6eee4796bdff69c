//! Owns redaction of a page of HTML that this program made. In it, `<`, `>`, `&` and quotes of others' text are
//! character references, so a token that was put in as it is would be an element.

use super::{
    clean::{Clean, Counts},
    key::Key,
    stream,
};
use std::{borrow::Cow, sync::Arc};

/// As the page's template writes them.
const REFERENCES: [(&str, &str); 5] = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];

/// Text as it is read in a browser.
fn read(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let found = REFERENCES.iter().find_map(|(name, sign)| Some((*sign, from.strip_prefix(name)?)));
        let (sign, behind) = found.unwrap_or_else(|| ("&", from.strip_prefix('&').unwrap_or_default()));
        out.push_str(sign);
        rest = behind;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The other way.
fn written(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, char| {
        match REFERENCES.iter().find(|(_, sign)| sign.starts_with(char)) {
            Some((name, _)) => out.push_str(name),
            None => out.push(char),
        }
        out
    })
}

/// The page, redacted as it is read: each text and each attribute's value on its own.
pub(super) fn redact(key: &Arc<Key>, page: &str) -> (Clean, Counts) {
    let (_, counts) = stream::redact_str(key, &read(page));
    if counts.is_empty() {
        return (Clean::new(page.as_bytes().to_vec()), counts);
    }
    let (mut out, mut counts) = (String::with_capacity(page.len()), Counts::default());
    let mut push = |out: &mut String, part: &str| {
        let (clean, found) = stream::redact_str(key, &read(part));
        match found.is_empty() {
            true => out.push_str(part),
            false => out.push_str(&written(&clean)),
        }
        counts.merge(&found);
    };
    let mut rest = page;
    while !rest.is_empty() {
        let is_tag = rest.starts_with('<');
        let length = if is_tag { rest.find('>').map(|at| at + 1) } else { rest.find('<') };
        let (part, behind) = rest.split_at(length.unwrap_or(rest.len()));
        rest = behind;
        if !is_tag {
            push(&mut out, part);
            continue;
        }
        // Between quotes are the values; all else of a tag is our own.
        for (number, piece) in part.split('"').enumerate() {
            match number {
                0 => out.push_str(piece),
                _ if number % 2 == 0 => out.extend(["\"", piece]),
                _ => {
                    out.push('"');
                    push(&mut out, piece);
                }
            }
        }
    }
    (Clean::new(out.into_bytes()), counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Arc<Key> {
        Arc::new(Key::from_bytes(b"a key for tests, sixteen or more").expect("long enough"))
    }

    #[test]
    fn a_secret_becomes_a_token_that_is_text() {
        let page = "<p title=\"password=hunter3hunter3\">password=hunter2hunter2 &#60;b&#62;</p>";
        let (clean, counts) = redact(&key(), page);
        let clean = String::from_utf8(clean.as_bytes().to_vec()).expect("text");
        assert!(clean.starts_with("<p title=\"password=&#60;named-secret:"), "{clean}");
        assert!(clean.contains("&#62;\">password=&#60;named-secret:"), "{clean}");
        assert!(clean.ends_with("&#62; &#60;b&#62;</p>") && !clean.contains("hunter"), "{clean}");
        assert_eq!(counts.total(), 2);
        let again = redact(&key(), &clean);
        assert_eq!((again.0.as_bytes(), again.1.total()), (clean.as_bytes(), 0));
    }

    #[test]
    fn references_are_read_and_written() {
        assert_eq!(read("&#38;#60; &amp; &#60;&"), "&#60; &amp; <&");
        assert_eq!(read(&written("<a href='x'>&\"</a>")), "<a href='x'>&\"</a>");
    }
}
