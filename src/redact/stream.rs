//! Owns redaction of a stream: lines as they come, in memory that does not grow.
//!
//! The output depends on the bytes alone, never on how they were cut into pieces. Lines are scanned whole. One longer
//! than [`WINDOW`] is scanned in windows of exactly that size, each of which begins where the one before it could no
//! longer tell; a secret longer than a window is swallowed to its end.

use super::{
    clean::{Clean, Counts},
    detectors::detection::Continuation,
    key::{Digest, Key},
    keywords::KeywordHits,
    output::Output,
    rule::Rule,
    scan::{BLIND, LineSecrets, scan},
    text::{quotes, region::Region},
};
use std::sync::Arc;

/// The longest line that is scanned whole, in bytes.
const WINDOW: usize = 128 * 1024;

/// How many bytes of a window the next one scans again.
const OVERLAP: usize = 20 * 1024;

/// How many bytes before a window its detectors may read.
const BEHIND: usize = 2048;

/// How many bytes of input are scanned at a time.
pub(super) const BLOCK: usize = 64 * 1024;

/// A whole text without its secrets.
pub(super) fn redact(key: &Arc<Key>, input: &[u8]) -> (Vec<u8>, Counts) {
    let mut stream = Stream::new(Arc::clone(key));
    let mut bytes = Vec::with_capacity(input.len());
    // By blocks, or the stream would hold all of it once more.
    for block in input.chunks(BLOCK) {
        bytes.extend_from_slice(stream.push(block).as_bytes());
    }
    let (rest, counts) = stream.finish();
    bytes.extend_from_slice(rest.as_bytes());
    (bytes, counts)
}

/// The same for a text in UTF-8.
pub(super) fn redact_str(key: &Arc<Key>, input: &str) -> (String, Counts) {
    let (bytes, counts) = redact(key, input.as_bytes());
    (String::from_utf8_lossy(&bytes).into_owned(), counts)
}

/// A stream of bytes on its way through redaction.
#[derive(Debug)]
pub struct Stream {
    key: Arc<Key>,
    /// Bytes that are redacted already and serve as context, then those that are not.
    buffer: Vec<u8>,
    /// How many bytes of the buffer are context.
    behind: usize,
    /// Whether the buffer continues a line whose beginning is gone.
    inside: bool,
    swallowed: Option<Swallowed>,
    /// Room for the keyword search.
    lower: Vec<u8>,
    output: Output,
}

/// A secret that is too long to be held in memory.
struct Swallowed {
    rule: &'static Rule,
    continuation: Continuation,
    /// How many backslashes it ended with so far.
    backslashes: usize,
    digest: Digest,
}

impl std::fmt::Debug for Swallowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Swallowed").field("rule", &self.rule.id).finish_non_exhaustive()
    }
}

impl Stream {
    pub(super) fn new(key: Arc<Key>) -> Self {
        Self {
            key,
            buffer: Vec::new(),
            behind: 0,
            inside: false,
            swallowed: None,
            lower: Vec::new(),
            output: Output::default(),
        }
    }

    /// Takes the next bytes, and returns the output that is ready, which may be empty.
    pub fn push(&mut self, input: &[u8]) -> Clean {
        for block in input.chunks(BLOCK) {
            let block = self.swallow(block);
            self.buffer.extend_from_slice(block);
            self.work(false);
        }
        Clean::new(self.output.take_ready())
    }

    /// Ends the stream: returns the rest of the output, and the counts of the whole stream.
    pub fn finish(mut self) -> (Clean, Counts) {
        self.work(true);
        if let Some(swallowed) = &mut self.swallowed {
            // No quote has come for these to escape.
            swallowed.backslashes = 0;
        }
        self.end_swallowing();
        self.output.end_key(&self.key);
        (Clean::new(self.output.bytes), self.output.counts)
    }

    /// Redacts as much of the buffer as can be judged.
    fn work(&mut self, last: bool) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut lower = std::mem::take(&mut self.lower);
        let newline = memchr::memrchr(b'\n', &buffer[self.behind..]).map(|at| self.behind + at + 1);
        let whole = if last { buffer.len() } else { newline.unwrap_or(self.behind) };
        let mut at = self.behind;
        let mut floor = 0;
        if whole > self.behind || buffer.len() - self.behind > WINDOW {
            let mut keywords = KeywordHits::new(&buffer, &mut lower);
            let mut found = LineSecrets::default();
            // Nearly all of it comes out as it is.
            self.output.bytes.reserve(whole - self.behind);
            while at < buffer.len() {
                if at < whole && !self.inside && self.output.is_idle() {
                    // Nothing before the line of the next keyword needs a look.
                    let keyword = keywords.next(at).map_or(whole, |(keyword, _)| keyword).min(whole);
                    let line = memchr::memrchr(b'\n', &buffer[at..keyword]).map_or(at, |newline| at + newline + 1);
                    let line = if keyword == whole { whole } else { line };
                    self.output.bytes.extend_from_slice(&buffer[at..line]);
                    if line > at {
                        (at, floor) = (line, line);
                        continue;
                    }
                }
                let end = memchr::memchr(b'\n', &buffer[at..]).map(|end| at + end);
                if end.is_none() && !last && buffer.len() - at <= WINDOW {
                    break;
                }
                let tail = end.unwrap_or(buffer.len());
                let region = Region {
                    text: &buffer,
                    floor,
                    start: at,
                    end: tail.min(at + WINDOW),
                    from_head: !self.inside,
                    to_tail: tail - at <= WINDOW,
                };
                scan(&region, &mut keywords, &mut found);
                if region.to_tail {
                    self.output.line(&self.key, &region, &mut found);
                    at = tail;
                    if end.is_some() {
                        self.output.bytes.push(b'\n');
                        at += 1;
                        floor = at;
                        self.inside = false;
                    }
                } else {
                    at = self.window(&region, &found);
                    self.inside = true;
                    let rest = self.swallow(&buffer[at..]);
                    if rest.len() < buffer.len() - at {
                        at = buffer.len() - rest.len();
                        floor = at;
                    } else {
                        floor = floor.max(at.saturating_sub(BEHIND));
                    }
                    if self.swallowed.is_some() {
                        break;
                    }
                }
            }
        }
        self.lower = lower;
        self.buffer = buffer;
        self.behind = at - floor;
        self.buffer.drain(..floor);
    }

    /// Writes what a window shows for certain, and returns where the next window begins.
    fn window(&mut self, region: &Region<'_>, found: &LineSecrets) -> usize {
        if region.from_head
            && let Some((start, rule, continuation)) = self.output.fills(&self.key, region)
        {
            self.output.bytes.extend_from_slice(&region.text[region.start..start]);
            return self.start_swallowing(start, rule, continuation);
        }
        let mut cut = region.end - OVERLAP;
        if let Some(open) = &found.open {
            cut = cut.min(open.from.max(region.start));
        }
        let mut done = region.start;
        for secret in &found.secrets {
            let from = secret.from.max(done);
            if from >= cut {
                break;
            }
            // What ends so near the window's end may go on behind it.
            if secret.end + BLIND > region.end && from > region.start {
                cut = from;
                break;
            }
            self.output.replace(&self.key, region.text, done, secret);
            done = secret.end;
        }
        if let Some(open) = found.open.as_ref().filter(|open| open.from <= region.start && done == region.start) {
            self.output.pass_markers(&self.key, region, open.start, &found.secrets);
            self.output.bytes.extend_from_slice(&region.text[done..open.start]);
            return self.start_swallowing(open.start, open.rule, open.continuation);
        }
        let cut = cut.max(done);
        self.output.bytes.extend_from_slice(&region.text[done..cut]);
        self.output.pass_markers(&self.key, region, cut, &found.secrets);
        self.output.let_go(&self.key);
        cut
    }

    fn start_swallowing(&mut self, start: usize, rule: &'static Rule, continuation: Continuation) -> usize {
        self.swallowed = Some(Swallowed { rule, continuation, backslashes: 0, digest: self.key.digest() });
        start
    }

    /// Swallows the start of `input` that belongs to a secret, and returns the rest.
    fn swallow<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let Some(swallowed) = &mut self.swallowed else { return input };
        let length = match swallowed.continuation {
            Continuation::While(class) => input.iter().position(|byte| *byte == b'\n' || !class(*byte)),
            Continuation::UntilQuote { quote, escapes } => input.iter().position(|byte| {
                let ends = *byte == b'\n' || *byte == quote && quotes::ends_quoted(swallowed.backslashes, escapes);
                swallowed.backslashes = match byte {
                    b'\\' => swallowed.backslashes + 1,
                    _ if ends => swallowed.backslashes.min(escapes),
                    _ => 0,
                };
                ends
            }),
        };
        let (secret, rest) = input.split_at(length.unwrap_or(input.len()));
        swallowed.digest.update(secret);
        if length.is_some() {
            self.end_swallowing();
        }
        rest
    }

    fn end_swallowing(&mut self) {
        if let Some(swallowed) = self.swallowed.take() {
            self.output.counts.add(swallowed.rule);
            self.output.bytes.extend_from_slice(swallowed.digest.token(swallowed.rule).as_bytes());
            // These escape the quote behind the secret.
            self.output.bytes.extend(std::iter::repeat_n(b'\\', swallowed.backslashes));
        }
    }
}
