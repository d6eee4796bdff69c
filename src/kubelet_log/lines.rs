//! Owns where the lines of a stream begin and end, whatever its chunks are.

/// Splits a stream into lines. It hands out slices of what it is given. It copies only a line's beginning, where a
/// chunk ends in it.
#[derive(Debug, Default)]
pub struct LineSplitter {
    /// So much of a line is needed to tell what it is (bytes).
    needed: usize,
    /// The beginning of a line of which more is needed.
    held: Vec<u8>,
    /// The beginning that [`Self::push`] hands out.
    given: Vec<u8>,
    in_line: bool,
}

impl LineSplitter {
    /// A splitter that holds a line back until `needed` bytes of it have come, or all of it.
    #[must_use]
    pub fn new(needed: usize) -> Self {
        Self { needed, ..Self::default() }
    }

    /// Takes the next bytes of the stream, and hands out the lines of which enough has come, in two blocks.
    pub fn push<'a>(&'a mut self, mut chunk: &'a [u8]) -> [Block<'a>; 2] {
        self.given.clear();
        if !self.held.is_empty() {
            let missing = chunk.len().min(self.needed - self.held.len());
            let missing = memchr::memchr(b'\n', &chunk[..missing]).map_or(missing, |end| end + 1);
            let (head, rest) = chunk.split_at(missing);
            self.held.extend_from_slice(head);
            chunk = rest;
            self.in_line = !self.held.ends_with(b"\n");
            if self.in_line && self.held.len() < self.needed {
                self.in_line = false;
                return [Block::default(); 2];
            }
            self.given = std::mem::take(&mut self.held);
        }
        let is_rest = self.in_line;
        let whole = memchr::memrchr(b'\n', chunk).map_or(0, |end| end + 1);
        let (lines, tail) = chunk.split_at(whole);
        let is_held = tail.len() < self.needed && (whole > 0 || !is_rest);
        let bytes = if is_held { lines } else { chunk };
        if is_held {
            self.held.extend_from_slice(tail);
        }
        self.in_line = bytes.last().map_or(is_rest, |last| *last != b'\n');
        [Block { bytes: &self.given, is_rest: false }, Block { bytes, is_rest }]
    }

    /// Hands out the last line's beginning, where the stream has ended before enough of it came.
    pub fn finish(&mut self) -> Block<'_> {
        self.given = std::mem::take(&mut self.held);
        self.in_line |= !self.given.is_empty();
        Block { bytes: &self.given, is_rest: false }
    }

    /// Starts again with another stream. What is held of a line is discarded.
    pub fn restart(&mut self) {
        self.held.clear();
        self.in_line = false;
    }

    /// The beginning of a line of which more is needed; empty if there is none.
    #[must_use]
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// Whether the last line has no end yet.
    #[must_use]
    pub fn is_within_line(&self) -> bool {
        self.in_line || !self.held.is_empty()
    }
}

/// Lines that follow each other in one slice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Block<'a> {
    bytes: &'a [u8],
    /// Whether it begins with the rest of a line.
    is_rest: bool,
}

impl<'a> Block<'a> {
    /// A text that begins with a line.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, is_rest: false }
    }

    /// All of its bytes. Its parts are slices of them, one behind the other.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the rest of a line that it may begin with.
    #[must_use]
    pub fn without_rest(self) -> Self {
        let rest = self.parts().next().filter(|part| !part.is_start).map_or(0, |part| part.bytes.len());
        Self::of(&self.bytes[rest..])
    }

    /// Its lines; the first and the last one may be parts of longer ones.
    pub fn parts(self) -> impl Iterator<Item = LinePart<'a>> {
        let Self { mut bytes, mut is_rest } = self;
        std::iter::from_fn(move || {
            let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
            let (part, rest) = bytes.split_at(end);
            bytes = rest;
            let is_start = !std::mem::take(&mut is_rest);
            (!part.is_empty()).then_some(LinePart { bytes: part, is_start })
        })
    }
}

/// A line, or a part of one that is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinePart<'a> {
    /// Its bytes, with the newline.
    pub bytes: &'a [u8],
    /// Whether the line begins with it. Otherwise it continues the part before.
    pub is_start: bool,
}

impl<'a> LinePart<'a> {
    /// Whether it has the newline.
    #[must_use]
    pub fn is_end(self) -> bool {
        self.bytes.ends_with(b"\n")
    }

    /// Its bytes without the newline, and without the carriage return before that.
    #[must_use]
    pub fn text(self) -> &'a [u8] {
        self.bytes.strip_suffix(b"\n").map_or(self.bytes, |text| text.strip_suffix(b"\r").unwrap_or(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet_log::{STAMP, Stamp, split};
    use proptest::prelude::*;

    /// What a stream is when its lines are read one by one, each with what is known of it by its beginning.
    fn naive(text: &[u8], needed: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| (line[..line.len().min(needed)].to_vec(), line.to_vec())).collect()
    }

    fn split_up<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, needed: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut splitter = LineSplitter::new(needed);
        let mut lines = Vec::<(Vec<u8>, Vec<u8>)>::new();
        let mut take = |block: Block<'_>| {
            for part in block.parts() {
                if part.is_start {
                    lines.push((part.bytes[..part.bytes.len().min(needed)].to_vec(), Vec::new()));
                }
                lines.last_mut().expect("a line begins before it goes on").1.extend_from_slice(part.bytes);
            }
        };
        for chunk in chunks {
            splitter.push(chunk).into_iter().for_each(&mut take);
            assert!(splitter.held().len() < needed.max(1));
        }
        take(splitter.finish());
        lines
    }

    /// Lines of every kind: with and without a timestamp, empty, with a carriage return, of any bytes, long.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let stamp = "2026-11-2[0-9]T15:04:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:30)";
        let line = prop_oneof![
            (stamp, " [a-z]{0,80}").prop_map(|(stamp, text)| (stamp + &text).into_bytes()),
            Just(Vec::new()),
            stamp.prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..60),
            (0..400_usize).prop_map(|length| vec![b'x'; length]),
        ];
        let end = prop_oneof![Just(&b"\n"[..]), Just(&b"\r\n"[..])];
        (proptest::collection::vec((line, end), 0..20), any::<bool>()).prop_map(|(lines, has_end)| {
            let mut text: Vec<u8> = lines.into_iter().flat_map(|(line, end)| [line, end.to_vec()].concat()).collect();
            if !has_end {
                text.truncate(text.len().saturating_sub(1));
            }
            text
        })
    }

    proptest! {
        #[test]
        fn lines_are_the_same_whatever_the_chunks_are(
            text in text(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
            needed in prop_oneof![Just(0_usize), 1..8_usize, Just(STAMP), Just(100)],
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]);
            let lines = split_up(chunks, needed);
            prop_assert_eq!(&lines, &naive(&text, needed));
            if needed >= STAMP {
                for (head, line) in &lines {
                    prop_assert_eq!(Stamp::read(head), Stamp::read(line));
                }
            }
        }

        #[test]
        fn a_line_is_its_timestamp_its_text_and_its_end(text in text()) {
            for part in Block::of(&text).parts() {
                let (stamp, said) = split(part.text());
                let rest = &part.bytes[stamp.map_or(0, |stamp| stamp.text().len())..];
                let rest = rest.strip_prefix(b" ").filter(|_| stamp.is_some()).unwrap_or(rest);
                prop_assert!(rest.starts_with(said) && [&b""[..], b"\n", b"\r\n"].contains(&&rest[said.len()..]));
            }
        }
    }

    #[test]
    fn a_line_of_a_mebibyte_is_never_held_whole() {
        let mut text = vec![b'x'; 1 << 20];
        text.extend_from_slice(b"\nnext\n");
        for size in [1, 7, 4096, 64 << 10] {
            assert_eq!(split_up(text.chunks(size), STAMP), naive(&text, STAMP));
        }
    }

    #[test]
    fn the_rest_of_a_line_is_told_from_the_next() {
        let mut splitter = LineSplitter::new(4);
        assert_eq!(splitter.push(b"a long")[1].bytes(), b"a long");
        assert!(splitter.is_within_line());
        let [_, block] = splitter.push(b" line\nan");
        assert_eq!((block.bytes(), block.without_rest().bytes()), (&b" line\n"[..], &b""[..]));
        assert_eq!((splitter.held(), splitter.is_within_line()), (&b"an"[..], true));
        splitter.restart();
        let [_, block] = splitter.push(b"other\r\n");
        let parts: Vec<LinePart<'_>> = block.parts().collect();
        assert_eq!(parts, [LinePart { bytes: b"other\r\n", is_start: true }]);
        assert_eq!((parts[0].text(), parts[0].is_end()), (&b"other"[..], true));
        assert!(!splitter.is_within_line());
    }
}
