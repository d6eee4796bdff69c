//! Owns [`Region`]: the stretch of one line that a detector may read, and the part of it that it may replace.

/// A stretch of text within one line. Detectors read from `floor` to `end`, and replace from `start` on. All positions
/// are byte offsets into `text`.
#[derive(Clone, Copy)]
pub(crate) struct Region<'a> {
    pub(crate) text: &'a [u8],
    /// Where what may be read begins.
    pub(crate) floor: usize,
    /// Where what may be replaced begins.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether `floor` is the start of the line.
    pub(crate) from_head: bool,
    /// Whether `end` is the end of the line.
    pub(crate) to_tail: bool,
}

impl<'a> Region<'a> {
    /// The byte at `at`, or none at the end.
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        if at < self.end { Some(self.text[at]) } else { None }
    }

    /// The byte before `at`, or none at the floor.
    pub(crate) fn before(&self, at: usize) -> Option<u8> {
        if at > self.floor { Some(self.text[at - 1]) } else { None }
    }

    /// Everything from `at` on.
    pub(crate) fn rest(&self, at: usize) -> &'a [u8] {
        &self.text[at.min(self.end)..self.end]
    }

    /// Everything before `at`.
    pub(crate) fn head(&self, at: usize) -> &'a [u8] {
        &self.text[self.floor..at]
    }

    /// Where the run of bytes of `class` that begins at `at` ends.
    pub(crate) fn run(&self, at: usize, class: fn(u8) -> bool) -> usize {
        let rest = self.rest(at);
        at + rest.iter().position(|byte| !class(*byte)).unwrap_or(rest.len())
    }

    /// Whether more of the line could follow at `at`.
    pub(crate) fn cut_at(&self, at: usize) -> bool {
        at >= self.end && !self.to_tail
    }

    /// Where what follows the spaces and tabs at `at` begins.
    pub(crate) fn skip_spaces(&self, at: usize) -> usize {
        let spaces = self.rest(at).iter().take(64).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        at + spaces
    }

    /// Whether no letter, digit or underscore stands before `at`. The letter of an escape such as `\n` does not count.
    pub(crate) fn begins_word(&self, at: usize) -> bool {
        match self.before(at) {
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' => {
                self.before(at - 1) == Some(b'\\') || self.head(at).ends_with(b"\\u0026") || is_percent(self.head(at))
            }
            _ => true,
        }
    }
}

/// Whether `head` ends in a percent-encoded byte.
fn is_percent(head: &[u8]) -> bool {
    matches!(head, [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}
