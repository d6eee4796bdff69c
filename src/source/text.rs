//! Owns the shortening of texts that a backend sent, so that they fit an error.

/// The start of a text as one line without control characters, at most `most` characters long.
pub(super) fn first_words(text: &str, most: usize) -> String {
    let shown = text.replace(|char: char| char.is_control(), " ");
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The start of a page's text, without its HTML tags.
pub(super) fn page_words(page: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(&page[..page.len().min(4096)]).into_owned();
    let mut words = String::new();
    let mut in_tag = false;
    for char in text.chars() {
        match char {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                words.push(' ');
            }
            _ if in_tag => {}
            _ => words.push(char),
        }
    }
    first_words(&words, most)
}
