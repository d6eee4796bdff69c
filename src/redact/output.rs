//! Owns what the lines of a stream become: text with tokens in it, and what one line says about the following ones.
//! Output that waits for the token of a private key over many lines is held back.

use super::{
    clean::Counts,
    detectors::{
        detection::{Continuation, NextLines, Secret},
        key_text::PRIVATE_KEY,
        multiline_key::{BEGIN, END, KeyLine, KeyLines, marker},
        secret_names::{NAMED, NameKind},
        value_rules,
    },
    key::Key,
    rule::Rule,
    scan::LineSecrets,
    text::{base64, line_prefix, region::Region},
};

/// How many bytes of output are held back for the token of a private key over many lines.
const LONGEST_HELD: usize = 64 * 1024;

/// What the line before says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// A line of a YAML block that is a secret, indented by more columns than this.
    YamlBlock(usize),
    /// The `value` of an environment variable with a secret's name.
    EnvValue,
}

/// The output that is not yet taken.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    pub(super) counts: Counts,
    /// A private key over many lines, not yet at its end.
    private_key: Option<KeyLines>,
    expected: Option<Expected>,
    /// Where the output begins that waits for the token of that key.
    held: Option<usize>,
    /// Where in the output the token goes.
    slots: Vec<usize>,
}

impl Output {
    /// Takes out what does not wait for a token.
    pub(super) fn take_ready(&mut self) -> Vec<u8> {
        let ready = self.held.unwrap_or(self.bytes.len());
        let rest = self.bytes.split_off(ready);
        if self.held.is_some() {
            self.held = Some(0);
            self.slots.iter_mut().for_each(|slot| *slot -= ready);
        }
        std::mem::replace(&mut self.bytes, rest)
    }

    /// Whether no line before says anything about the next one.
    pub(super) fn is_idle(&self) -> bool {
        self.private_key.is_none() && self.expected.is_none()
    }

    /// Writes one whole line, or the last part of a long one, without its newline.
    pub(super) fn line(&mut self, key: &Key, region: &Region<'_>, found: &mut LineSecrets) {
        let line = &region.text[region.start..region.end];
        let value = match self.expected {
            None => None,
            Some(Expected::YamlBlock(columns)) => block_line(line, columns),
            Some(Expected::EnvValue) => env_value(line),
        };
        if value.is_some_and(|(start, end)| override_value(region, found, start, end)) {
            found.next = None;
        }
        let starts_key = matches!(found.next, Some(NextLines::PrivateKey(..)));
        let mut part = None;
        let mut ended = false;
        let secrets = &found.secrets;
        let is_hidden = |at| secrets.iter().any(|secret| (secret.start..secret.end).contains(&(region.start + at)));
        let kind = match &mut self.private_key {
            Some(_) if !region.from_head && has_marker(line, is_hidden) => Some(KeyLine::Over),
            Some(lines) if !region.from_head => Some(lines.foreign(line)),
            Some(lines) => Some(lines.line(line, is_hidden)),
            None => None,
        };
        match kind {
            None => {}
            Some(KeyLine::Foreign) if !starts_key => {}
            Some(KeyLine::Foreign | KeyLine::Over) => self.end_key(key),
            Some(KeyLine::Part { start, end, alone }) => part = Some((region.start + start, region.start + end, alone)),
            Some(KeyLine::End(last)) => {
                part = last.map(|(start, end)| (region.start + start, region.start + end, false));
                ended = true;
            }
        }
        // What becomes an empty line says nothing about the block around it.
        let blank = part.is_some_and(|(.., alone)| alone) && !self.slots.is_empty();
        if !blank && (value.is_none() || self.expected == Some(Expected::EnvValue)) {
            self.expected = None;
        }
        let first = match found.next {
            Some(NextLines::PrivateKey(_, first)) if part.is_none() => first,
            _ => None,
        };
        self.write(key, region, &found.secrets, part, first);
        if ended {
            self.end_key(key);
        }
        match found.next.take() {
            None => {}
            // What follows a key that has its token has been dealt with.
            Some(NextLines::PrivateKey(_, None)) if memchr::memmem::find(line, b"<private-key:").is_some() => {}
            Some(NextLines::PrivateKey(lines, _)) if part.is_none() => {
                self.held.get_or_insert(self.bytes.len());
                self.private_key = Some(lines);
            }
            Some(NextLines::PrivateKey(..)) => {}
            Some(NextLines::YamlBlock(columns)) => self.expected = Some(Expected::YamlBlock(columns)),
            Some(NextLines::EnvValue) => self.expected = Some(Expected::EnvValue),
        }
        self.let_go(key);
    }

    /// Where a secret begins that fills the whole of a long line, by what the lines before it say. `region` is the
    /// first window of that line.
    pub(super) fn fills(&mut self, key: &Key, region: &Region<'_>) -> Option<(usize, &'static Rule, Continuation)> {
        let window = &region.text[region.start..region.end];
        let value = match self.expected {
            Some(Expected::YamlBlock(columns)) => block_line(window, columns),
            Some(Expected::EnvValue) => env_value(window),
            None => None,
        };
        if value.is_none() || self.expected == Some(Expected::EnvValue) {
            self.expected = None;
        }
        if let Some((start, _)) = value.filter(|(start, end)| start < end) {
            return Some((region.start + start, &NAMED, Continuation::While(|byte| byte != b'\n')));
        }
        let start = self.private_key.as_ref()?.fills(window)?;
        self.end_key(key);
        Some((region.start + start, &PRIVATE_KEY, Continuation::While(base64::is_any)))
    }

    /// Ends the private key before a long line when a marker stands in the part of it that ends at `cut`.
    pub(super) fn pass_markers(&mut self, key: &Key, region: &Region<'_>, cut: usize, secrets: &[Secret]) {
        let is_hidden =
            |at: usize| secrets.iter().any(|secret| (secret.start..secret.end).contains(&(region.start + at)));
        let end = region.end.min(cut + BEGIN.len() - 1);
        if self.private_key.is_some() && has_marker(&region.text[region.start..end], is_hidden) {
            self.end_key(key);
        }
    }

    /// Ends a private key that is too long to be held back, and continues with the rest of it as another one.
    pub(super) fn let_go(&mut self, key: &Key) {
        let Some(held) = self.held.filter(|held| self.bytes.len() - held > LONGEST_HELD) else { return };
        let rest = self.private_key.as_ref().map(KeyLines::rest);
        self.end_key(key);
        self.held = Some(self.bytes.len().max(held));
        self.private_key = rest;
    }

    /// Writes the text of `region` with its secrets replaced. `part` is the part of a private key in it, and another
    /// key may begin with the secret at `first`.
    fn write(
        &mut self,
        key: &Key,
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
            self.replace(key, region.text, done, secret);
            done = secret.end;
        }
        if let Some((start, end, alone)) = part {
            self.key_part(region.text, &mut done, start, end, alone);
        }
        self.bytes.extend_from_slice(&region.text[done..region.end]);
    }

    /// Leaves room for the token where a line of a key was. On lines that have nothing else only the first time, so
    /// that a key looks like one token.
    fn key_part(&mut self, text: &[u8], done: &mut usize, start: usize, end: usize, alone: bool) {
        let start = start.max(*done);
        self.bytes.extend_from_slice(&text[*done..start]);
        if !alone || self.slots.is_empty() {
            self.slots.push(self.bytes.len());
        }
        *done = end.max(start);
    }

    pub(super) fn replace(&mut self, key: &Key, text: &[u8], done: usize, secret: &Secret) {
        let plain = secret.plain.as_deref().unwrap_or(&text[secret.start..secret.end]);
        self.bytes.extend_from_slice(&text[done..secret.start]);
        self.bytes.extend_from_slice(key.token(secret.rule, plain).as_bytes());
        self.counts.add(secret.rule);
    }

    /// Writes the token of the private key that has just ended where its lines were.
    pub(super) fn end_key(&mut self, key: &Key) {
        let (held, lines) = (self.held.take(), self.private_key.take());
        let Some(lines) = lines else { return };
        let token = key.token(&PRIVATE_KEY, &lines.secret());
        let Some(held) = held.filter(|_| !self.slots.is_empty()) else { return };
        self.counts.add(&PRIVATE_KEY);
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

/// The value on a line of a YAML block, which is indented by more than `columns`. It is empty on an empty line.
fn block_line(line: &[u8], columns: usize) -> Option<(usize, usize)> {
    let message = line_prefix::message(line);
    let text = line[message..].trim_ascii_end();
    let indent = text.len() - text.trim_ascii_start().len();
    let begins_pem = text.trim_ascii_start().starts_with(b"-----BEGIN ");
    (text.is_empty() || indent > columns && !begins_pem).then_some((message + indent, message + text.len()))
}

/// The value on a line that is `value: x`.
fn env_value(line: &[u8]) -> Option<(usize, usize)> {
    let message = line_prefix::message(line);
    let text = line[message..].trim_ascii();
    let value = text.strip_prefix(b"value:")?.trim_ascii_start();
    let end = message + line[message..].trim_ascii_end().len();
    let (start, value) = match value {
        [quote @ (b'"' | b'\''), inner @ .., last] if quote == last => (end - value.len() + 1, inner),
        _ => (end - value.len(), value),
    };
    Some((start, start + value.len()))
}

/// Makes the value from `start` to `end` of the line a secret, in place of what was found in it. Returns whether it is
/// one.
fn override_value(region: &Region<'_>, found: &mut LineSecrets, start: usize, end: usize) -> bool {
    let (start, end) = (region.start + start, region.start + end);
    let Some(rule) = value_rules::named_secret(NameKind::Password, &region.text[start..end]) else { return false };
    found.secrets.retain(|secret| secret.end <= start || secret.start >= end);
    let at = found.secrets.partition_point(|secret| secret.start < start);
    found.secrets.insert(at, Secret { from: start, start, end, rule, plain: None });
    true
}
