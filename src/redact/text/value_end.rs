//! Owns where a value without quotes ends.

use super::region::Region;
use crate::redact::rule::token_length;

/// The end of a value; whether the window ends before it is known.
pub(crate) struct ValueEnd {
    pub(crate) end: usize,
    pub(crate) cut: bool,
}

/// Whether `byte` can be in a value without quotes.
pub(crate) fn is_bare(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !byte.is_ascii_control() && !matches!(byte, b'"' | b'\'' | b'`')
}

/// Whether `byte` can be in a value of a URL's query.
pub(crate) fn is_query(byte: u8) -> bool {
    is_bare(byte) && !matches!(byte, b'&' | b';' | b'#' | b'\\' | b'<' | b'>' | b')' | b']' | b'}' | b',')
}

/// A value without quotes that begins at `start`. Commas, brackets and the like
/// end it only where what follows says so: a password may hold any of them.
pub(crate) fn bare(region: &Region<'_>, start: usize) -> ValueEnd {
    let mut at = start;
    // Brackets that the value itself has opened, as `${NAME}` does.
    let mut open = [0_u32; 4];
    while let Some(byte) = region.byte(at) {
        match byte {
            _ if !is_bare(byte) => break,
            b'(' | b'[' | b'{' => {
                open[bracket(byte)] += 1;
                at += 1;
            }
            b')' | b']' | b'}' | b'>' if open[bracket(byte)] > 0 => {
                open[bracket(byte)] -= 1;
                at += 1;
            }
            b'\\' => {
                let slashes = region.rest(at).iter().take_while(|byte| **byte == b'\\').count();
                if is_escape(region.rest(at + slashes)) {
                    break;
                }
                at += slashes;
            }
            b'<' => match token_length(region.rest(at)) {
                Some(token) => at += token,
                None if region.byte(at + 1) == Some(b'/') => break,
                None => {
                    open[bracket(byte)] += 1;
                    at += 1;
                }
            },
            b',' | b';' | b'&' | b'|' | b')' | b']' | b'}' | b'>' if is_separator(region, at) => break,
            _ => at += 1,
        }
    }
    ValueEnd { end: at, cut: region.cut_at(at) }
}

/// Which pair a bracket belongs to.
fn bracket(byte: u8) -> usize {
    match byte {
        b'(' | b')' => 0,
        b'[' | b']' => 1,
        b'{' | b'}' => 2,
        _ => 3,
    }
}

/// Whether `rest`, behind a backslash, is an escape that ends a value.
fn is_escape(rest: &[u8]) -> bool {
    match rest {
        [b'n' | b'r' | b't' | b'"' | b'\'', ..] => true,
        [b'u', digits @ ..] => digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

fn is_separator(region: &Region<'_>, at: usize) -> bool {
    match region.byte(at + 1) {
        None => true,
        Some(byte) if !is_bare(byte) => true,
        Some(b'\\' | b',' | b';' | b')' | b']' | b'}' | b'>') => true,
        Some(_) if matches!(region.text[at], b',' | b';' | b'&' | b'|') => begins_pair(region.rest(at + 1)),
        Some(_) => false,
    }
}

/// Whether `text` begins with `name=` or `name:`.
fn begins_pair(text: &[u8]) -> bool {
    let name = text
        .iter()
        .take(48)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        .count();
    name > 0 && matches!(text.get(name), Some(b'=' | b':'))
}

/// A plain scalar of YAML: to the end of the line, or of the string that holds
/// the line, or to a comment.
pub(crate) fn plain_scalar(region: &Region<'_>, start: usize) -> ValueEnd {
    let mut at = start;
    while let Some(byte) = region.byte(at) {
        match byte {
            b'\\' => {
                let slashes = region.rest(at).iter().take_while(|byte| **byte == b'\\').count();
                if is_escape(region.rest(at + slashes)) {
                    break;
                }
                at += slashes;
            }
            b'"' | b'`' => break,
            b'#' if region.text[at - 1] == b' ' => break,
            _ => at += 1,
        }
    }
    let cut = region.cut_at(at);
    let text = region.text[start..at].trim_ascii_end();
    ValueEnd { end: start + text.len(), cut }
}
