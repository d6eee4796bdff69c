//! From a node's log file to what the kubelet would answer: each line with its time in nine digits, a
//! line that was written in pieces in one. Pure, and in bounded memory.
//!
//! A file has lines of the form `TIME STREAM TAG TEXT`; the tag is P for a piece that goes on and F for
//! the last one:
//! <https://github.com/kubernetes/kubernetes/blob/v1.34.4/staging/src/k8s.io/cri-client/pkg/logs/logs.go>.

/// Most of the other stream's lines that wait for a line to end. A line that goes on longer is broken.
const HELD: usize = 1 << 20;
/// Longest line of a file: a piece has 16 KiB with most runtimes.
const LONGEST: usize = 1 << 20;

/// The conversion of one log, over its files.
#[derive(Debug, Default)]
pub(super) struct Cri {
    /// The beginning of a line of the file.
    tail: Vec<u8>,
    /// The stream of which a line goes on.
    open: Option<u8>,
    /// Lines of the other stream that came meanwhile, as they are in the file.
    held: Vec<u8>,
    /// Whether a line of this form has come.
    pub(super) is_cri: bool,
}

impl Cri {
    /// Converts the next bytes and appends them to `out`.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        if !self.tail.is_empty() {
            let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
            self.tail.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end..];
            if self.tail.last() == Some(&b'\n') || self.tail.len() > LONGEST {
                self.end_file(out);
            }
        }
        let whole = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        self.lines(&bytes[..whole], out);
        self.tail.extend_from_slice(&bytes[whole..]);
    }

    /// A file has ended, and so has its last line; what it is a piece of may go on in the next.
    pub(super) fn end_file(&mut self, out: &mut Vec<u8>) {
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            self.line(tail.strip_suffix(b"\n").unwrap_or(&tail), out);
        }
    }

    /// The log has ended. What has no end yet is still being written, and is left out.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.tail.clear();
        while self.open.is_some() {
            self.close(out);
        }
    }

    fn lines(&mut self, lines: &[u8], out: &mut Vec<u8>) {
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            self.line(&lines[from..end], out);
            from = end + 1;
        }
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let Some((time, stream, goes_on, text)) = parts(line) else {
            // A node that crashed may leave anything. It stays, for what it is worth.
            if self.is_cri && !line.is_empty() {
                while self.open.is_some() {
                    self.close(out);
                }
                out.extend_from_slice(line);
                out.push(b'\n');
            }
            return;
        };
        self.is_cri = true;
        if self.open.is_some_and(|open| open != stream) {
            self.held.extend_from_slice(line);
            self.held.push(b'\n');
            if self.held.len() > HELD {
                self.close(out);
            }
            return;
        }
        if self.open.is_none() {
            stamp(time, out);
            out.push(b' ');
        }
        out.extend_from_slice(text);
        self.open = Some(stream);
        if !goes_on {
            self.close(out);
        }
    }

    /// Ends the line that goes on, and gives what waited for it.
    fn close(&mut self, out: &mut Vec<u8>) {
        out.push(b'\n');
        self.open = None;
        let held = std::mem::take(&mut self.held);
        self.lines(&held, out);
    }
}

/// Time, first letter of the stream after "std", whether it goes on, and the text.
fn parts(line: &[u8]) -> Option<(&[u8], u8, bool, &[u8])> {
    let mut words = line.splitn(4, |byte| *byte == b' ');
    let (time, stream, tag) = (words.next()?, words.next()?, words.next()?);
    let is_time = time.len() >= 20 && time[0].is_ascii_digit() && time[4] == b'-' && time[10] == b'T';
    let stream = match stream {
        b"stdout" => b'o',
        b"stderr" => b'e',
        _ => return None,
    };
    // An empty line may lack the blank before its text.
    let text = words.next().unwrap_or_default();
    is_time.then_some((time, stream, tag.first() == Some(&b'P'), text))
}

/// A time as the kubelet prints it: its fraction in nine digits, a zone of no offset as Z.
fn stamp(time: &[u8], out: &mut Vec<u8>) {
    let (clock, rest) = time.split_at(19);
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
        let (mut cri, mut out) = (Cri::default(), Vec::new());
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
        let (mut cri, mut out) = (Cri::default(), Vec::new());
        cri.push(b"2026-11-25T10:00:00Z stdout F one\n2026-11-25T10:00:01Z stdout F tw", &mut out);
        cri.finish(&mut out);
        assert_eq!(out, b"2026-11-25T10:00:00.000000000Z one\n");
    }

    #[test]
    fn a_file_of_another_form_is_not_taken_for_one() {
        let (mut cri, mut out) = (Cri::default(), Vec::new());
        cri.push(b"{\"log\":\"hello\",\"stream\":\"stdout\"}\n", &mut out);
        assert!(!cri.is_cri && out.is_empty());
    }

    #[test]
    fn a_line_that_never_ends_holds_no_more_than_so_much_of_the_other_stream() {
        let (mut cri, mut out) = (Cri::default(), Vec::new());
        cri.push(b"2026-11-25T10:00:00Z stdout P begins\n", &mut out);
        for _ in 0..HELD / 40 {
            cri.push(b"2026-11-25T10:00:01Z stderr F something\n", &mut out);
            assert!(cri.held.len() <= HELD + 64);
        }
        cri.finish(&mut out);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), HELD / 40 + 1);
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
            let (mut cri, mut out) = (Cri::default(), Vec::new());
            cri.push(FILE.as_bytes(), &mut out);
            cri.push(&bytes, &mut out);
            cri.end_file(&mut out);
            cri.finish(&mut out);
        }
    }
}
