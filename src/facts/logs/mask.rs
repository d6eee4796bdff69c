//! Owns what is masked in a message before it is compared with others: numbers, ids, addresses, quoted names.

use super::text::up_to;

/// Stands where similar lines differ.
pub(super) const WILDCARD: &str = "<*>";
/// So much of a message is read (bytes).
const LONGEST: usize = 512;
/// The longest name between quotes (bytes).
const QUOTED: usize = 128;
/// So many digits are a number in hexadecimal, though they begin with letters.
const HEX: usize = 8;

/// A message with wildcards for what differs from line to line, its words separated by single blanks.
pub(super) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len().min(LONGEST));
    let mut rest = up_to(text, LONGEST).trim();
    while let Some(first) = rest.chars().next() {
        let behind = rest.get(first.len_utf8()..).unwrap_or_default();
        let is_free = masked.chars().next_back().is_none_or(|before| !before.is_alphanumeric());
        if matches!(first, '"' | '\'' | '`')
            && is_free
            && let Some(end) = behind.find(first).filter(|end| *end <= QUOTED)
        {
            put_wildcard(&mut masked);
            rest = behind.get(end + 1..).unwrap_or_default();
        } else if first.is_whitespace() || first.is_control() {
            if !masked.ends_with(' ') {
                masked.push(' ');
            }
            rest = behind;
        } else {
            let end = rest.find(|part: char| !is_word(part)).unwrap_or(rest.len()).max(first.len_utf8());
            let (word, behind) = rest.split_at(end);
            let name = word.trim_end_matches(['.', ':', '-', '/']);
            if is_variable(name) {
                put_wildcard(&mut masked);
                masked.push_str(word.get(name.len()..).unwrap_or_default());
            } else {
                masked.push_str(word);
            }
            rest = behind;
        }
    }
    masked
}

/// Adds a wildcard, one for several that touch.
fn put_wildcard(masked: &mut String) {
    if !masked.ends_with(WILDCARD) {
        masked.push_str(WILDCARD);
    }
}

fn is_word(part: char) -> bool {
    part.is_alphanumeric() || "_.:-/@%+#<>~*&?!".contains(part)
}

/// Whether a word looks like a number, an id, an address, or a name with one of these in it. A few digits at the end,
/// as in `x509`, `http2` or `v1`, are a part of a usual word.
fn is_variable(name: &str) -> bool {
    let is_digit = |part: char| part.is_ascii_digit();
    if name.contains("://") || name.contains('@') {
        return true;
    }
    let letters = name.trim_end_matches(is_digit);
    let is_plain = !letters.is_empty() && letters.chars().all(|part| part.is_alphabetic());
    let is_hex = name.len() >= HEX && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.contains(is_digit) && !(is_plain && !is_hex && name.len() - letters.len() <= 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_differs_is_masked() {
        for (text, masked) in [
            ("took 12ms of 1.5s, 3 tries", "took <*> of <*>, <*> tries"),
            ("id 550e8400-e29b-41d4-a716-446655440000 gone", "id <*> gone"),
            ("from 10.0.0.1:443: refused", "from <*>: refused"),
            ("trace deadbeef01 of [fe80::1]:9", "trace <*> of [<*>]<*>"),
            ("resource \"configuration\" not found", "resource <*> not found"),
            ("can't, won't: 'a b' is", "can't, won't: <*> is"),
            ("spiffe://example.org/ns/a of me@example.org", "<*> of <*>"),
            ("x509 over http2 with sha256, v1", "x509 over http2 with sha256, v1"),
            ("the token <bearer:0123456789abcdef0123> was", "the token <*> was"),
            ("pod-7f9c-aaaaa\t  (code = Unavailable)\r\n", "<*> (code = Unavailable)"),
            ("an \"open quote", "an \"open quote"),
            ("", ""),
        ] {
            assert_eq!(mask(text), masked, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_masked_to_something_no_longer(text in "\\PC{0,80}", more in any::<String>()) {
            prop_assert!(mask(&text).len() <= text.len() * WILDCARD.len());
            prop_assert!(mask(&more.repeat(40)).len() <= LONGEST * WILDCARD.len());
        }
    }
}
