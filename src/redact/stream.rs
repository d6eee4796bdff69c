//! Redaction of a stream: lines as they come, in memory that does not grow.
//!
//! What comes out depends on the bytes alone, never on how they were cut into
//! pieces. Lines are scanned whole. One longer than [`WINDOW`] is scanned in
//! windows of just that size, each of which begins where the one before it could
//! no longer tell; a secret longer than a window is swallowed to its end.

use super::{
    Redactor, base64,
    body::{BEGIN, Body, END, Line, marker},
    clean::{Clean, Counts},
    judge,
    key::Digest,
    lines,
    names::Class,
    prefilter::Clues,
    rules::Rule,
    scan::{BLIND, Findings, Next, Region, Run, Secret, scan},
    value,
};

/// The longest line that is scanned whole.
const WINDOW: usize = 128 * 1024;

/// How much of a window the next one looks at again.
const OVERLAP: usize = 20 * 1024;

/// How much of what came before a window its finders may read.
const BEHIND: usize = 2048;

/// How much input is scanned at a time.
pub(super) const BLOCK: usize = 64 * 1024;

/// Output held back for the token of a key over many lines.
const LONGEST_HELD: usize = 64 * 1024;

/// A stream of bytes on its way through redaction.
#[derive(Debug)]
pub struct Stream {
    redactor: Redactor,
    /// Context that has been dealt with, then what has not.
    buffer: Vec<u8>,
    /// How much of the buffer is context.
    behind: usize,
    /// The buffer continues a line whose beginning is gone.
    inside: bool,
    swallowed: Option<Swallowed>,
    lower: Vec<u8>,
    output: Output,
}

/// A secret too long to be held.
struct Swallowed {
    rule: Rule,
    run: Run,
    backslashes: usize,
    digest: Digest,
}

impl std::fmt::Debug for Swallowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Swallowed").field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// What the line before says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// A line of a YAML block that is a secret.
    Block(usize),
    EnvValue,
}

#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    counts: Counts,
    /// A private key over many lines, not yet at its end.
    key: Option<Body>,
    expected: Option<Expected>,
    /// Where the output begins that waits for the token of that key.
    held: Option<usize>,
    /// Where in the output the token goes.
    slots: Vec<usize>,
}

impl Stream {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            buffer: Vec::new(),
            behind: 0,
            inside: false,
            swallowed: None,
            lower: Vec::new(),
            output: Output::default(),
        }
    }

    /// Takes the next bytes and gives back what is ready, which may be nothing.
    pub fn push(&mut self, input: &[u8]) -> Clean {
        for block in input.chunks(BLOCK) {
            let block = self.swallow(block);
            self.buffer.extend_from_slice(block);
            self.work(false);
        }
        let ready = self.output.held.unwrap_or(self.output.bytes.len());
        let rest = self.output.bytes.split_off(ready);
        if self.output.held.is_some() {
            self.output.held = Some(0);
            self.output.slots.iter_mut().for_each(|slot| *slot -= ready);
        }
        Clean::new(std::mem::replace(&mut self.output.bytes, rest))
    }

    /// The rest, and what has been replaced in all.
    pub fn finish(mut self) -> (Clean, Counts) {
        self.work(true);
        if let Some(swallowed) = &mut self.swallowed {
            // No quote has come for these to escape.
            swallowed.backslashes = 0;
        }
        self.end_swallowing();
        self.output.end_key(&self.redactor);
        (Clean::new(self.output.bytes), self.output.counts)
    }

    /// Deals with all of the buffer that can be told.
    fn work(&mut self, last: bool) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut lower = std::mem::take(&mut self.lower);
        let newline = memchr::memrchr(b'\n', &buffer[self.behind..]).map(|at| self.behind + at + 1);
        let whole = if last { buffer.len() } else { newline.unwrap_or(self.behind) };
        let mut at = self.behind;
        let mut floor = 0;
        if whole > self.behind || buffer.len() - self.behind > WINDOW {
            let mut clues = Clues::new(&buffer, &mut lower);
            let mut findings = Findings::default();
            // Nearly all of it comes out as it is.
            self.output.bytes.reserve(whole - self.behind);
            while at < buffer.len() {
                if at < whole && !self.inside && self.output.is_idle() {
                    // Nothing before the line of the next clue needs a look.
                    let clue = clues.next(at).map_or(whole, |(clue, _)| clue).min(whole);
                    let line = memchr::memrchr(b'\n', &buffer[at..clue]).map_or(at, |newline| at + newline + 1);
                    let line = if clue == whole { whole } else { line };
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
                scan(&region, &mut clues, &mut findings);
                if region.to_tail {
                    self.output.line(&self.redactor, &region, &mut findings);
                    at = tail;
                    if end.is_some() {
                        self.output.bytes.push(b'\n');
                        at += 1;
                        floor = at;
                        self.inside = false;
                    }
                } else {
                    at = self.window(&region, &findings);
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

    /// Takes what a window can tell, and returns where the next one begins.
    fn window(&mut self, region: &Region<'_>, findings: &Findings) -> usize {
        if region.from_head
            && let Some((start, rule, run)) = self.output.fills(&self.redactor, region)
        {
            self.output.bytes.extend_from_slice(&region.text[region.start..start]);
            return self.start_swallowing(start, rule, run);
        }
        let mut cut = region.end - OVERLAP;
        if let Some(open) = &findings.open {
            cut = cut.min(open.from.max(region.start));
        }
        let mut done = region.start;
        for secret in &findings.secrets {
            let from = secret.from.max(done);
            if from >= cut {
                break;
            }
            // What ends so near the window's end may go on behind it.
            if secret.end + BLIND > region.end && from > region.start {
                cut = from;
                break;
            }
            self.output.replace(&self.redactor, region.text, done, secret);
            done = secret.end;
        }
        if let Some(open) = findings.open.as_ref().filter(|open| open.from <= region.start && done == region.start) {
            self.output.pass_markers(&self.redactor, region, open.start, &findings.secrets);
            self.output.bytes.extend_from_slice(&region.text[done..open.start]);
            return self.start_swallowing(open.start, open.rule, open.run);
        }
        let cut = cut.max(done);
        self.output.bytes.extend_from_slice(&region.text[done..cut]);
        self.output.pass_markers(&self.redactor, region, cut, &findings.secrets);
        self.output.let_go(&self.redactor);
        cut
    }

    fn start_swallowing(&mut self, start: usize, rule: Rule, run: Run) -> usize {
        self.swallowed = Some(Swallowed { rule, run, backslashes: 0, digest: self.redactor.key().digest() });
        start
    }

    /// Swallows the start of `input` that belongs to a secret, returns the rest.
    fn swallow<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let Some(swallowed) = &mut self.swallowed else { return input };
        let length = match swallowed.run {
            Run::Class(class) => input.iter().position(|byte| *byte == b'\n' || !class(*byte)),
            Run::Quoted { quote, escapes } => input.iter().position(|byte| {
                let ends = *byte == b'\n' || *byte == quote && value::ends_quoted(swallowed.backslashes, escapes);
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

impl Output {
    /// Whether no line before says anything about the next one.
    fn is_idle(&self) -> bool {
        self.key.is_none() && self.expected.is_none()
    }

    /// Writes one whole line, or the last part of a long one, without its newline.
    fn line(&mut self, redactor: &Redactor, region: &Region<'_>, findings: &mut Findings) {
        let line = &region.text[region.start..region.end];
        let value = match self.expected {
            None => None,
            Some(Expected::Block(columns)) => block_line(line, columns),
            Some(Expected::EnvValue) => env_value(line),
        };
        if value.is_some_and(|(start, end)| override_value(region, findings, start, end)) {
            findings.next = None;
        }
        let starts_key = matches!(findings.next, Some(Next::Key(..)));
        let mut part = None;
        let mut ended = false;
        let secrets = &findings.secrets;
        let is_hidden = |at| secrets.iter().any(|secret| (secret.start..secret.end).contains(&(region.start + at)));
        let kind = match &mut self.key {
            Some(_) if !region.from_head && has_marker(line, is_hidden) => Some(Line::Over),
            Some(key) if !region.from_head => Some(key.foreign(line)),
            Some(key) => Some(key.line(line, is_hidden)),
            None => None,
        };
        match kind {
            None => {}
            Some(Line::Foreign) if !starts_key => {}
            Some(Line::Foreign | Line::Over) => self.end_key(redactor),
            Some(Line::Part { start, end, alone }) => part = Some((region.start + start, region.start + end, alone)),
            Some(Line::End(last)) => {
                part = last.map(|(start, end)| (region.start + start, region.start + end, false));
                ended = true;
            }
        }
        // What becomes an empty line says nothing about the block around it.
        let blank = part.is_some_and(|(.., alone)| alone) && !self.slots.is_empty();
        if !blank && (value.is_none() || self.expected == Some(Expected::EnvValue)) {
            self.expected = None;
        }
        let first = match findings.next {
            Some(Next::Key(_, first)) if part.is_none() => first,
            _ => None,
        };
        self.write(redactor, region, &findings.secrets, part, first);
        if ended {
            self.end_key(redactor);
        }
        match findings.next.take() {
            None => {}
            // What follows a key that has its token has been dealt with.
            Some(Next::Key(_, None)) if memchr::memmem::find(line, b"<private-key:").is_some() => {}
            Some(Next::Key(key, _)) if part.is_none() => {
                self.held.get_or_insert(self.bytes.len());
                self.key = Some(key);
            }
            Some(Next::Key(..)) => {}
            Some(Next::Block(columns)) => self.expected = Some(Expected::Block(columns)),
            Some(Next::EnvValue) => self.expected = Some(Expected::EnvValue),
        }
        self.let_go(redactor);
    }

    /// Where the secret begins that fills the whole of a line of which `region` is
    /// the first window, by what the lines before say.
    fn fills(&mut self, redactor: &Redactor, region: &Region<'_>) -> Option<(usize, Rule, Run)> {
        let window = &region.text[region.start..region.end];
        let value = match self.expected {
            Some(Expected::Block(columns)) => block_line(window, columns),
            Some(Expected::EnvValue) => env_value(window),
            None => None,
        };
        if value.is_none() || self.expected == Some(Expected::EnvValue) {
            self.expected = None;
        }
        if let Some((start, _)) = value.filter(|(start, end)| start < end) {
            return Some((region.start + start, Rule::Named, Run::Class(|byte| byte != b'\n')));
        }
        let start = self.key.as_ref()?.fills(window)?;
        self.end_key(redactor);
        Some((region.start + start, Rule::PrivateKey, Run::Class(base64::is_any)))
    }

    /// Ends the key before a long line where a marker stands in the part of it
    /// that ends at `cut`.
    fn pass_markers(&mut self, redactor: &Redactor, region: &Region<'_>, cut: usize, secrets: &[Secret]) {
        let is_hidden =
            |at: usize| secrets.iter().any(|secret| (secret.start..secret.end).contains(&(region.start + at)));
        let end = region.end.min(cut + BEGIN.len() - 1);
        if self.key.is_some() && has_marker(&region.text[region.start..end], is_hidden) {
            self.end_key(redactor);
        }
    }

    /// Ends a key that never ends, and goes on with the rest of it as another.
    fn let_go(&mut self, redactor: &Redactor) {
        let Some(held) = self.held.filter(|held| self.bytes.len() - held > LONGEST_HELD) else { return };
        let rest = self.key.as_ref().map(Body::rest);
        self.end_key(redactor);
        self.held = Some(self.bytes.len().max(held));
        self.key = rest;
    }

    /// Writes the text of `region`, its secrets replaced, and the part of a key
    /// that `part` says it has. Another key may begin with the secret at `first`.
    fn write(
        &mut self,
        redactor: &Redactor,
        region: &Region<'_>,
        secrets: &[Secret],
        part: Option<(usize, usize, bool)>,
        first: Option<usize>,
    ) {
        let mut done = region.start;
        // A secret that reaches into the part goes with it.
        let overlaps = |secret: &&Secret| part.is_some_and(|(start, end, _)| secret.start < end && secret.end > start);
        let mut part = secrets.iter().filter(overlaps).fold(part, |part, secret| {
            part.map(|(start, end, alone)| (start.min(secret.start), end.max(secret.end), alone))
        });
        for secret in secrets {
            if let Some((start, end, alone)) = part.filter(|(start, ..)| *start < secret.end) {
                self.key_part(region.text, &mut done, start, end, alone);
                part = None;
            }
            if secret.start < done {
                continue;
            }
            if first == Some(secret.start) {
                // The rest of it is on the next lines, and the token is of all of it.
                self.held.get_or_insert(self.bytes.len());
                self.key_part(region.text, &mut done, secret.start, secret.end, false);
                continue;
            }
            self.replace(redactor, region.text, done, secret);
            done = secret.end;
        }
        if let Some((start, end, alone)) = part {
            self.key_part(region.text, &mut done, start, end, alone);
        }
        self.bytes.extend_from_slice(&region.text[done..region.end]);
    }

    /// Leaves room for the token where a line of a key was; on lines that have
    /// nothing else only the first time, so that a key is one token to the eye.
    fn key_part(&mut self, text: &[u8], done: &mut usize, start: usize, end: usize, alone: bool) {
        let start = start.max(*done);
        self.bytes.extend_from_slice(&text[*done..start]);
        if !alone || self.slots.is_empty() {
            self.slots.push(self.bytes.len());
        }
        *done = end.max(start);
    }

    fn replace(&mut self, redactor: &Redactor, text: &[u8], done: usize, secret: &Secret) {
        let plain = secret.plain.as_deref().unwrap_or(&text[secret.start..secret.end]);
        self.bytes.extend_from_slice(&text[done..secret.start]);
        self.bytes.extend_from_slice(redactor.key().token(secret.rule, plain).as_bytes());
        self.counts.add(secret.rule);
    }

    /// Puts the token of the key that has just ended where its lines were.
    fn end_key(&mut self, redactor: &Redactor) {
        let (held, key) = (self.held.take(), self.key.take());
        let Some(key) = key else { return };
        let token = redactor.key().token(Rule::PrivateKey, &key.secret());
        let Some(held) = held.filter(|_| !self.slots.is_empty()) else { return };
        self.counts.add(Rule::PrivateKey);
        let rest = self.bytes.split_off(held);
        let mut done = 0;
        for slot in self.slots.drain(..) {
            self.bytes.extend_from_slice(&rest[done..slot - held]);
            self.bytes.extend_from_slice(token.as_bytes());
            done = slot - held;
        }
        self.bytes.extend_from_slice(&rest[done..]);
    }
}

fn has_marker(text: &[u8], is_hidden: impl Fn(usize) -> bool) -> bool {
    [BEGIN, END].into_iter().any(|kind| marker(text, kind, &is_hidden).is_some())
}

/// The value on a line of a YAML block that is indented deeper than `columns`; an
/// empty one on an empty line.
fn block_line(line: &[u8], columns: usize) -> Option<(usize, usize)> {
    let message = lines::message(line);
    let text = line[message..].trim_ascii_end();
    let indent = text.len() - text.trim_ascii_start().len();
    let begins_pem = text.trim_ascii_start().starts_with(b"-----BEGIN ");
    (text.is_empty() || indent > columns && !begins_pem).then_some((message + indent, message + text.len()))
}

/// The value on a line that is `value: x`.
fn env_value(line: &[u8]) -> Option<(usize, usize)> {
    let message = lines::message(line);
    let text = line[message..].trim_ascii();
    let value = text.strip_prefix(b"value:")?.trim_ascii_start();
    let end = message + line[message..].trim_ascii_end().len();
    let (start, value) = match value {
        [quote @ (b'"' | b'\''), inner @ .., last] if quote == last => (end - value.len() + 1, inner),
        _ => (end - value.len(), value),
    };
    Some((start, start + value.len()))
}

/// Makes the value from `start` to `end` of the line a secret, whatever else has
/// been found in it; returns whether it is one.
fn override_value(region: &Region<'_>, findings: &mut Findings, start: usize, end: usize) -> bool {
    let (start, end) = (region.start + start, region.start + end);
    let Some(rule) = judge::named_secret(Class::Password, &region.text[start..end]) else { return false };
    findings.secrets.retain(|secret| secret.end <= start || secret.start >= end);
    let at = findings.secrets.partition_point(|secret| secret.start < start);
    findings.secrets.insert(at, Secret { from: start, start, end, rule, plain: None });
    true
}
