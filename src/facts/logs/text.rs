//! Owns how the text of a line is cut.

use crate::{
    bundle::facts::Line,
    kubelet_log::{split, without_bom},
};
use std::borrow::Cow;

/// So much of a line is kept (bytes).
pub(super) const LINE: usize = 2 << 10;

/// The lines of a text, the last one first.
pub(super) fn backwards(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memrchr(b'\n', text);
        rest = end.and_then(|end| text.get(..end));
        text.get(end.map_or(0, |end| end + 1)..)
    })
}

/// A line and its timestamp; none without one.
pub(super) fn line_of(line: &[u8]) -> Option<Line> {
    let (stamp, text) = split(line);
    Some(Line { at: stamp?.at(), text: cut(&lossy(without_bom(text)), LINE) })
}

/// Bytes as text, copied only where they are not UTF-8.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Text of at most `most` bytes. Where it is cut, it ends in an ellipsis.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}…", up_to(text, most.saturating_sub('…'.len_utf8())))
}

/// The first `most` bytes of a text, or fewer, in whole characters.
pub(super) fn up_to(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
