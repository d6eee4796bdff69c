//! Owns how the regular expressions of a profile are compiled, and the error for one that is invalid.

use regex_automata::meta::{BuildError, Regex};

/// Compiles an expression that may match anywhere in a text.
pub(super) fn anywhere(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("`{pattern}` is not a regular expression: {}", reason(&error)))
}

/// Compiles an expression that has to match the whole of a text.
pub(super) fn whole(pattern: &str) -> Result<Regex, String> {
    // First by itself: `a)|(b` becomes a valid expression only inside of brackets.
    anywhere(pattern)?;
    anywhere(&format!("^(?:{pattern})$"))
}

/// Why an expression is refused, without the picture of it that takes several lines.
fn reason(error: &BuildError) -> String {
    let text = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
