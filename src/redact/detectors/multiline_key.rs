//! Owns private keys over many lines: which of the lines behind their first belong to them, whatever a log puts before
//! each line.

use super::{
    der,
    key_text::{SHORTEST, break_length, decoded, stripped, unwrapped},
};
use crate::redact::text::{base64, line_prefix, region::Region};

/// At most this many base64 digits are kept for the token. A key of 16384-bit RSA has 13 KiB.
const LONGEST_KEY: usize = 64 * 1024;

/// How many lines that are not the key's may stand within it: before its first line, where its headers are, and later.
const FOREIGN: (u8, u8) = (8, 8);

/// Few words have so many characters and nothing but letters, digits, `+` and `/`.
const LONG_WORD: usize = 16;

/// What every marker of PEM begins with.
pub(crate) const BEGIN: &[u8] = b"-----BEGIN";
pub(crate) const END: &[u8] = b"-----END";

/// A private key over many lines: what has been seen of it.
#[derive(Clone, Debug)]
pub(crate) struct KeyLines {
    /// What stands before the key on its first line, by which the key is found on the next ones.
    anchor: Vec<u8>,
    /// How many digits a full line has, or 0 while no line has been seen.
    width: usize,
    /// Whether a shorter line, which is the last one, has been seen.
    complete: bool,
    foreign: u8,
    digits: Vec<u8>,
}

/// What a line is to the key before it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeyLine {
    /// A part of it: where on the line it begins and ends, and whether nothing else is on the line.
    Part { start: usize, end: usize, alone: bool },
    /// No part of it, but more may follow.
    Foreign,
    /// Its end, perhaps after a last part.
    End(Option<(usize, usize)>),
    /// Something else. The key ended before this line.
    Over,
}

impl KeyLines {
    /// A key whose first line holds nothing of it. Its marker begins at `from`.
    pub(crate) fn after(region: &Region<'_>, from: usize) -> Self {
        Self { anchor: anchor(region.head(from)), width: 0, complete: false, foreign: 0, digits: Vec::new() }
    }

    /// A key of which the first line holds `text`. Its evidence begins at `from`.
    pub(crate) fn starting_with(region: &Region<'_>, from: usize, text: &[u8]) -> Self {
        let digits = stripped(text);
        Self { width: digits.len(), digits, ..Self::after(region, from) }
    }

    /// What follows of a key so long that its beginning must be let go.
    pub(crate) fn rest(&self) -> Self {
        Self { digits: Vec::new(), ..self.clone() }
    }

    /// The key so far, as the token is made of it.
    pub(crate) fn secret(&self) -> Vec<u8> {
        let plain = base64::decode(&self.digits);
        unwrapped(&plain).or_else(|| decoded(&self.digits)).unwrap_or_else(|| self.digits.clone())
    }

    /// Takes the next line, without its newline. Bytes of which `is_hidden` is true are within a secret, so they will
    /// be replaced and do not count.
    pub(crate) fn line(&mut self, line: &[u8], is_hidden: impl Fn(usize) -> bool) -> KeyLine {
        if marker(line, BEGIN, &is_hidden).is_some() {
            return KeyLine::Over;
        }
        let end = marker(line, END, &is_hidden);
        let part = self.part(&line[..end.unwrap_or(line.len())], &is_hidden);
        if let Some((start, stop, _)) = part {
            let digits = &line[start..stop];
            let room = LONGEST_KEY.saturating_sub(self.digits.len());
            self.digits.extend_from_slice(&digits[..digits.len().min(room)]);
            self.complete = self.width > digits.len();
            self.foreign = 0;
            self.width = self.width.max(digits.len());
        }
        match (part, end) {
            (part, Some(_)) => KeyLine::End(part.map(|(start, stop, _)| (start, stop))),
            (Some((start, end, alone)), None) => KeyLine::Part { start, end, alone },
            (None, None) => self.foreign(line),
        }
    }

    /// Takes a line that is not the key's, or the last part of one.
    pub(crate) fn foreign(&mut self, line: &[u8]) -> KeyLine {
        self.foreign += 1;
        let limit = if self.width == 0 { FOREIGN.0 } else { FOREIGN.1 };
        let redacted = memchr::memmem::find(line, b"<private-key:").is_some();
        if self.foreign > limit || redacted { KeyLine::Over } else { KeyLine::Foreign }
    }

    /// Where the key begins that fills `window`, the first of a line too long to
    /// be held.
    pub(crate) fn fills(&self, window: &[u8]) -> Option<usize> {
        let (start, end, _) = self.part(window, |_| false).filter(|_| self.width == 0)?;
        (end == window.len()).then_some(start)
    }

    /// Whether a short line is the key's last one: it fills its groups of four. A word on a line of its
    /// own is base64 too; so one that does not come right behind the line before, as when two streams
    /// share a log, is long for a word, is padded, or ends the key's own length.
    fn is_last(&self, digits: &[u8]) -> bool {
        let all = self.digits.len() + digits.len();
        let is_long = digits.len() >= LONG_WORD || digits.ends_with(b"=");
        let ends = || der::private_key(&base64::decode(&self.digits)).is_some_and(|whole| all == whole.div_ceil(3) * 4);
        all.is_multiple_of(4) && (self.foreign == 0 || is_long || ends())
    }

    fn part(&self, line: &[u8], is_hidden: impl Fn(usize) -> bool) -> Option<(usize, usize, bool)> {
        let fits = |digits: &[u8]| match (self.width, digits.len()) {
            (0, length) => length >= SHORTEST,
            (width, length) if length >= width => !self.complete && length <= width.max(80),
            _ => !self.complete && self.is_last(digits),
        };
        let message = line_prefix::message(line);
        let first = line[message..]
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'|' | b'>'))?
            + message;
        let stop = digits_end(line, first);
        if stop > first && fits(&line[first..stop]) && is_closing(&line[stop..]) {
            let alone = line[message..first].iter().chain(&line[stop..]).all(u8::is_ascii_whitespace);
            return Some((first, stop, alone));
        }
        if self.anchor.is_empty() {
            return None;
        }
        let anchor = self.anchor.len();
        let mut shown = line[message..].windows(anchor).enumerate().filter(|(_, window)| *window == self.anchor);
        let (at, _) = shown.find(|(at, _)| !(0..anchor).any(|byte| is_hidden(message + at + byte)))?;
        let first = message + at + anchor;
        let stop = digits_end(line, first);
        let closed = matches!(line.get(stop), None | Some(b'"' | b'\'' | b'\\' | b'\r' | b'-'));
        (closed && stop > first && fits(&line[first..stop])).then_some((first, stop, false))
    }
}

/// Where the first marker of this kind is that is not hidden.
pub(crate) fn marker(text: &[u8], kind: &[u8], is_hidden: impl Fn(usize) -> bool) -> Option<usize> {
    memchr::memmem::find_iter(text, kind).find(|at| !is_hidden(*at))
}

fn digits_end(line: &[u8], start: usize) -> usize {
    let digits = line[start..].iter().take_while(|byte| base64::is_standard(**byte)).count();
    let padding = line[start + digits..].iter().take(2).take_while(|byte| **byte == b'=').count();
    start + digits + padding
}

/// Whether `rest` only closes what encloses a line of a key.
fn is_closing(rest: &[u8]) -> bool {
    let mut rest = rest;
    loop {
        let skip = break_length(rest);
        rest = match rest {
            [] => return true,
            _ if skip > 0 => &rest[skip..],
            [b'"' | b'\'' | b'`' | b',' | b'+' | b';' | b'\\', tail @ ..] => tail,
            _ => return false,
        };
    }
}

/// The end of `head`, what a line has before its text: as much as stays the same
/// from line to line, so no digits.
fn anchor(head: &[u8]) -> Vec<u8> {
    let head = &head[line_prefix::message(head)..];
    let end = &head[head.len().saturating_sub(12)..];
    let begin = end.iter().rposition(u8::is_ascii_digit).map_or(0, |digit| digit + 1);
    let anchor = &end[begin..];
    // Glued to the key, it could be found within anything; and behind a token it
    // would say more the second time than the first.
    let glued = anchor.last().is_none_or(|last| base64::is_standard(*last));
    if glued || anchor.contains(&b'>') || anchor.iter().all(u8::is_ascii_whitespace) {
        Vec::new()
    } else {
        anchor.to_vec()
    }
}
