//! Owns making text from the evidence safe to show in the page, in Markdown and in a terminal. Logs, names, annotations
//! and labels may contain anything.

use std::borrow::Cow;

/// Whether a character is invisible, or changes the order or position of others.
fn is_hidden(char: char) -> bool {
    matches!(char,
        '\u{00ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
        || char.is_control()
}

/// Writes every hidden character as an escape such as `\u{202e}`. Line feeds and tabs stay. The page's template escapes
/// the text again, as HTML.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let stays = |char: char| matches!(char, '\n' | '\t') || !is_hidden(char);
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 32);
    text.chars().for_each(|char| if stays(char) { out.push(char) } else { out.extend(char.escape_unicode()) });
    Cow::Owned(out)
}

/// At most `most` characters of the text. A redaction token is kept whole or left out, because half a token looks like
/// a secret.
#[must_use]
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(most) else { return Cow::Borrowed(text) };
    let (kept, _) = text.split_at(end);
    let is_token = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '-' | ':');
    let whole = kept.rfind('<').map(|at| kept.split_at(at));
    let whole = whole.filter(|(_, rest)| rest.chars().skip(1).all(is_token)).map_or(kept, |(before, _)| before);
    Cow::Owned(format!("{whole}…"))
}

/// At most `most` characters as one line, hidden characters escaped.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    let mut out = String::new();
    for char in cut(text.trim(), most).chars() {
        match char {
            '\n' | '\t' => out.push(' '),
            hidden if is_hidden(hidden) => out.extend(hidden.escape_unicode()),
            char => out.push(char),
        }
    }
    out
}

/// At most `most` characters as a Markdown code span, in which nothing is markup, a mention, a link or an emoji.
#[must_use]
pub fn code(text: &str, most: usize) -> String {
    let text = line(text, most);
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A backtick at an end would change the fence; Markdown strips one space from both ends.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Whether a word is plain text: neither Markdown nor something that a ticket system turns into a link or a mention.
fn is_plain(word: &str) -> bool {
    let inner = word.trim_matches(['.', ',', ';', ':', '(', ')', '"', '\'', '?', '%', '“', '”']);
    let is_inside =
        |char: char| char.is_alphanumeric() || matches!(char, '-' | '\'' | '/' | ',' | '%' | '’' | '–' | '…');
    // A word with a dot inside may be an address, unless it is a number.
    let is_number = inner.parse::<f64>().is_ok();
    let begins = word.chars().next().is_some_and(|first| first.is_alphanumeric() || matches!(first, '(' | '"' | '“'));
    // `1)` starts a list; `ABC-12` is a reference to a ticket.
    let is_marker = inner.chars().all(|char| char.is_ascii_digit()) && word.ends_with([')', '.']);
    let is_reference =
        inner.rsplit_once('-').is_some_and(|(_, end)| !end.is_empty() && end.chars().all(|char| char.is_ascii_digit()));
    is_number && !is_marker || begins && !is_marker && !is_reference && inner.chars().all(is_inside)
}

/// The punctuation around words that become code: an opening parenthesis before, and what ends a sentence or a part of
/// one behind. A parenthesis that is closed inside belongs to the words.
fn edges(text: &str) -> (&str, &str, &str) {
    let has_open = |text: &str| text.matches('(').count() > text.matches(')').count();
    let has_closed = |text: &str| text.matches('(').count() < text.matches(')').count();
    let mut inner = text;
    while inner.ends_with(['.', ',', ';', ':', '?']) || inner.ends_with(')') && has_closed(inner) {
        inner = &inner[..inner.len() - 1];
    }
    let end = inner.len();
    while inner.starts_with('(') && has_open(inner) {
        inner = &inner[1..];
    }
    match inner {
        "" => ("", text, ""),
        _ => (&text[..end - inner.len()], inner, &text[end..]),
    }
}

/// Text as Markdown prose: words that could act as Markdown become code spans.
#[must_use]
pub fn prose(text: &str, most: usize) -> String {
    let text = line(text, most);
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let is_one = |one: &str, other: &str| !one.ends_with(';') && !other.starts_with('(');
    let parts = words.chunk_by(|one, other| is_plain(one) == is_plain(other) && is_one(one, other));
    let part = |words: &[&str]| {
        let joined = words.join(" ");
        if words.iter().all(|word| is_plain(word)) {
            return joined;
        }
        let (before, inner, after) = edges(&joined);
        format!("{before}{}{after}", code(inner, usize::MAX))
    };
    parts.map(part).collect::<Vec<_>>().join(" ")
}

/// Text for a terminal: every control character but a line feed becomes a space or an escape.
#[must_use]
pub fn terminal(text: &str) -> String {
    let shown = |char: char| if char.is_control() && char != '\n' { ' ' } else { char };
    let text: String = text.chars().map(shown).collect();
    visible(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_seen_becomes_visible() {
        assert_eq!(visible("a\u{202e}b\u{1b}[31m\n\tc"), "a\\u{202e}b\\u{1b}[31m\n\tc");
        assert_eq!(line("\na\nb\u{2066} c", 4), "a b\\u{2066}…");
        assert_eq!(line("a <jws-signature:0123456789abcdef0123> b", 20), "a …");
        assert!(matches!(visible("größer 漢字 🦀"), Cow::Borrowed(_)));
    }

    #[test]
    fn words_that_mean_something_are_code() {
        for (text, markdown) in [
            (
                "Minting fails with auth_failed on 3 pods, since 99.5 %.",
                "Minting fails with `auth_failed` on 3 pods, since 99.5 `%`.",
            ),
            ("ask @all of #12 at https://a.example", "ask `@all` of `#12` at `https://a.example`"),
            ("<b>bold</b> *star* [x](y)", "`<b>bold</b> *star* [x](y)`"),
            (
                "set it with --region; worst_of (> 0), max_of(x); a.b",
                "set it with `--region`; `worst_of` (`>` 0), `max_of(x)`; `a.b`",
            ),
            ("in (a_b) and (a_b c_d): ()", "in `(a_b)` and `(a_b c_d)`: `()`"),
            ("a ` b `` c", "a ``` ` ``` b ``` `` ``` c"),
            ("1. - + GH-12 a.example", "`1. - + GH-12 a.example`"),
            ("", ""),
        ] {
            assert_eq!(prose(text, 500), markdown.replace("``` ` ```", "`` ` ``"), "{text}");
        }
        assert_eq!(code("``a", 9), "``` ``a ```");
    }

    proptest! {
        #[test]
        fn a_code_span_holds_what_it_was_given(text in "[`a \\\\<\n]{0,20}") {
            let shown = code(&text, usize::MAX);
            let fence = shown.len() - shown.trim_start_matches('`').len();
            let inner = shown.get(fence..shown.len() - fence).unwrap_or_default();
            // No run of backticks inside is as long as the fence.
            prop_assert!(inner.split(|char| char != '`').all(|run| run.len() < fence.max(1)));
            prop_assert_eq!(inner.trim(), line(&text, usize::MAX));
        }

        #[test]
        fn a_terminal_gets_nothing_to_obey(text in any::<String>()) {
            prop_assert!(!terminal(&text).chars().any(|char| char != '\n' && is_hidden(char)));
        }
    }
}
