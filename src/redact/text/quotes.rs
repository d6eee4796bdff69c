//! Owns where quoted values begin and end, also in JSON within JSON, where each quote is escaped several times.

use super::region::Region;

/// Whether `quote`, escaped `escapes` times, begins at `at`.
pub(crate) fn is_quote(region: &Region<'_>, at: usize, quote: u8, escapes: usize) -> bool {
    let rest = region.rest(at);
    rest.len() > escapes && rest[..escapes].iter().all(|byte| *byte == b'\\') && rest[escapes] == quote
}

/// Whether a quote behind `seen` backslashes ends a value whose quotes are behind
/// `escapes` of them. Each level of JSON within JSON doubles the backslashes and
/// adds one for the quote; fewer than that end what encloses the value.
pub(crate) fn ends_quoted(seen: usize, escapes: usize) -> bool {
    seen < escapes || seen % (2 * (escapes + 1)) == escapes
}

/// The next quoted text at `at` or later, without its quotes.
pub(crate) fn next_quoted(region: &Region<'_>, at: usize, quote: u8, escapes: usize) -> Option<(usize, usize)> {
    let start = at + memchr::memchr(quote, region.rest(at))? + 1;
    let end = quoted_end(region, start, quote, escapes)?;
    Some((start, end))
}

/// Where the value ends that begins at `start`, behind a quote that is escaped
/// `escapes` times.
pub(crate) fn quoted_end(region: &Region<'_>, start: usize, quote: u8, escapes: usize) -> Option<usize> {
    let rest = region.rest(start);
    memchr::memchr_iter(quote, rest).find_map(|at| {
        let seen = rest[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        ends_quoted(seen, escapes).then(|| start + at - seen.min(escapes))
    })
}
