//! Owns the conversion of a node's log file to what the kubelet would answer: each timestamp with nine digits, and a line
//! that was written in fragments as one. Pure, and in bounded memory.
//!
//! A file has lines of the form `TIMESTAMP STREAM TAG TEXT`. The tag is P for a fragment that the next one continues, and
//! F for the last one:
//! <https://github.com/kubernetes/kubernetes/blob/v1.34.4/staging/src/k8s.io/cri-client/pkg/logs/logs.go>.

use crate::kubelet_log::{Block, LineSplitter, Stamp, split};

/// Most of the other stream's lines that wait for a line to end (bytes). A line that needs more is ended early.
const HELD: usize = 1 << 20;
/// Longest line of a file that is held (bytes). A fragment has 16 KiB with most runtimes.
const LONGEST: usize = 1 << 20;

/// The conversion of one log, over its files.
#[derive(Debug)]
pub(super) struct CriReader {
    splitter: LineSplitter,
    /// The stream whose line is not complete: the first letter after "std".
    open: Option<u8>,
    /// Lines of the other stream that came meanwhile, as they are in the file.
    held: Vec<u8>,
    /// Whether the file's line that is not complete is the last fragment of its line.
    is_last: bool,
    /// Whether a line of this form has come.
    pub(super) is_cri: bool,
}

impl Default for CriReader {
    fn default() -> Self {
        let splitter = LineSplitter::new(LONGEST);
        Self { splitter, open: None, held: Vec::new(), is_last: false, is_cri: false }
    }
}

impl CriReader {
    /// Converts the next bytes and appends them to `out`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.push(bytes).into_iter().for_each(|block| self.lines(block, out));
        self.splitter = splitter;
    }

    /// A file has ended, and so has its last line. A fragment may be continued in the next file.
    pub(super) fn end_file(&mut self, out: &mut Vec<u8>) {
        let mut splitter = std::mem::take(&mut self.splitter);
        let is_within_line = splitter.is_within_line() && splitter.held().is_empty();
        match splitter.finish() {
            last if !last.bytes().is_empty() => self.line(last.bytes(), true, out),
            _ if is_within_line => self.rest(b"", true, out),
            _ => {}
        }
        splitter.restart();
        self.splitter = splitter;
    }

    /// The log has ended. A line of the file without an end is still being written, and is left out.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.splitter.restart();
        while self.open.is_some() {
            self.close(out);
        }
    }

    fn lines(&mut self, block: Block<'_>, out: &mut Vec<u8>) {
        for part in block.parts() {
            let text = part.bytes.strip_suffix(b"\n").unwrap_or(part.bytes);
            match part.is_start {
                true => self.line(text, part.is_end(), out),
                false => self.rest(text, part.is_end(), out),
            }
        }
    }

    /// Takes a line of the file, or the beginning of one that is longer than [`LONGEST`].
    fn line(&mut self, line: &[u8], is_whole: bool, out: &mut Vec<u8>) {
        self.is_last = true;
        let Some((stamp, stream, goes_on, text)) = fragment(line) else {
            // A node that crashed may leave anything. It is kept as it is.
            if self.is_cri && !line.is_empty() {
                while self.open.is_some() {
                    self.close(out);
                }
                out.extend_from_slice(line);
                if is_whole {
                    out.push(b'\n');
                }
            }
            return;
        };
        self.is_cri = true;
        if self.open.is_some_and(|open| open != stream) {
            self.held.extend_from_slice(line);
            if is_whole {
                self.held.push(b'\n');
            }
            if self.held.len() >= HELD {
                self.close(out);
            }
            return;
        }
        if self.open.is_none() {
            write(stamp, out);
            out.push(b' ');
        }
        out.extend_from_slice(text);
        self.open = Some(stream);
        self.is_last = !goes_on;
        if is_whole && self.is_last {
            self.close(out);
        }
    }

    /// Takes the next part of a line that is longer than [`LONGEST`].
    fn rest(&mut self, text: &[u8], is_end: bool, out: &mut Vec<u8>) {
        if !self.is_cri {
            return;
        }
        out.extend_from_slice(text);
        if is_end && self.is_last {
            self.close(out);
        }
    }

    /// Ends the line that is not complete, and takes the lines that waited for it.
    fn close(&mut self, out: &mut Vec<u8>) {
        out.push(b'\n');
        self.open = None;
        let held = std::mem::take(&mut self.held);
        self.lines(Block::of(&held), out);
    }
}

/// The parts of a file's line: timestamp, first letter of the stream after "std", whether it goes on, and the text.
fn fragment(line: &[u8]) -> Option<(Stamp<'_>, u8, bool, &[u8])> {
    let (stamp, rest) = split(line);
    let mut words = rest.splitn(3, |byte| *byte == b' ');
    let stream = match words.next()? {
        b"stdout" => b'o',
        b"stderr" => b'e',
        _ => return None,
    };
    let goes_on = words.next()?.first() == Some(&b'P');
    // An empty line may lack the blank before its text.
    Some((stamp?, stream, goes_on, words.next().unwrap_or_default()))
}

/// Writes a timestamp as the kubelet does: with nine digits, and UTC as Z.
fn write(stamp: Stamp<'_>, out: &mut Vec<u8>) {
    let (clock, rest) = stamp.text().split_at(19);
    let digits = rest.strip_prefix(b".").unwrap_or_default();
    let digits = &digits[..digits.iter().take_while(|byte| byte.is_ascii_digit()).count()];
    let zone = if digits.is_empty() { rest } else { &rest[1 + digits.len()..] };
    out.extend_from_slice(clock);
    out.push(b'.');
    out.extend((0..9).map(|at| digits.get(at).copied().unwrap_or(b'0')));
    out.extend_from_slice(if zone == b"+00:00" || zone == b"-00:00" { b"Z" } else { zone });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "\
2026-11-25T10:00:00.1Z stdout F one
2026-11-25T10:00:01Z stderr F two words
2026-11-25T10:00:02.123456789+01:00 stdout P begins,
2026-11-25T10:00:03.5+00:00 stderr F meanwhile
2026-11-25T10:00:04Z stdout P  goes on
2026-11-25T10:00:05Z stderr F again
2026-11-25T10:00:06Z stdout F  and ends
2026-11-25T10:00:07Z stdout F 
2026-11-25T10:00:08Z stdout F
\0\0\0
2026-11-25T10:00:09Z stdout P never ends";

    const LOG: &str = "\
2026-11-25T10:00:00.100000000Z one
2026-11-25T10:00:01.000000000Z two words
2026-11-25T10:00:02.123456789+01:00 begins, goes on and ends
2026-11-25T10:00:03.500000000Z meanwhile
2026-11-25T10:00:05.000000000Z again
2026-11-25T10:00:07.000000000Z \n2026-11-25T10:00:08.000000000Z \n\0\0\0
2026-11-25T10:00:09.000000000Z never ends
";

    fn converted<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> String {
        let (mut cri, mut out) = (CriReader::default(), Vec::new());
        chunks.into_iter().for_each(|chunk| cri.push(chunk, &mut out));
        cri.end_file(&mut out);
        cri.finish(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn lines_come_as_the_kubelet_gives_them() {
        assert_eq!(converted([FILE.as_bytes()]), LOG);
    }

    #[test]
    fn a_line_still_being_written_is_left_out() {
        let (mut cri, mut out) = (CriReader::default(), Vec::new());
        cri.push(b"2026-11-25T10:00:00Z stdout F one\n2026-11-25T10:00:01Z stdout F tw", &mut out);
        cri.finish(&mut out);
        assert_eq!(out, b"2026-11-25T10:00:00.000000000Z one\n");
    }

    #[test]
    fn a_file_of_another_form_is_not_taken_for_one() {
        let (mut cri, mut out) = (CriReader::default(), Vec::new());
        cri.push(b"{\"log\":\"hello\",\"stream\":\"stdout\"}\n", &mut out);
        assert!(!cri.is_cri && out.is_empty());
    }

    #[test]
    fn a_line_that_never_ends_holds_no_more_than_so_much_of_the_other_stream() {
        let (mut cri, mut out) = (CriReader::default(), Vec::new());
        cri.push(b"2026-11-25T10:00:00Z stdout P begins\n", &mut out);
        for _ in 0..HELD / 40 {
            cri.push(b"2026-11-25T10:00:01Z stderr F something\n", &mut out);
            assert!(cri.held.len() <= HELD + 64);
        }
        cri.finish(&mut out);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), HELD / 40 + 1);
    }

    #[test]
    fn a_line_of_the_file_that_is_too_long_to_be_held_stays_one() {
        let text = "x".repeat(LONGEST + 70_000);
        let file = format!(
            "2026-11-25T10:00:00Z stdout P {text}\n2026-11-25T10:00:01Z stdout F !\n\0{text}\n2026-11-25T10:00:02Z stderr F two\n"
        );
        let log = format!("2026-11-25T10:00:00.000000000Z {text}!\n\0{text}\n2026-11-25T10:00:02.000000000Z two\n");
        assert!(converted([file.as_bytes()]) == log);
        assert!(converted(file.as_bytes().chunks(50_000)) == log);
    }

    proptest! {
        #[test]
        fn the_chunks_do_not_matter(cuts in proptest::collection::vec(0..FILE.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.extend([0, FILE.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|pair| &FILE.as_bytes()[pair[0]..pair[1]]);
            prop_assert_eq!(converted(chunks), LOG);
        }

        #[test]
        fn anything_is_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (mut cri, mut out) = (CriReader::default(), Vec::new());
            cri.push(FILE.as_bytes(), &mut out);
            cri.push(&bytes, &mut out);
            cri.end_file(&mut out);
            cri.finish(&mut out);
        }
    }
}
