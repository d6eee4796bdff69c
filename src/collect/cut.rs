//! Cuts a log to the window by the kubelet's timestamps, whatever the chunks are.
//!
//! With `timestamps=true` every line begins with an RFC 3339 time of nine digits and the node's
//! offset. A line without one goes with the line before it: the kubelet stamps only a line's first
//! fragment, and fragments of both streams may merge. Text without a stamp at the very beginning,
//! or unfinished at the very end, is no log but the kubelet's own error, sent as a success.
//!
//! A stream that broke can be taken up again ([`Cut::resume`]): lines that come a second time are told
//! by their stamps and left out.

use super::recent::{Had, Recent};
use chrono::{DateTime, TimeDelta, Utc};

/// Longest stamp: nine digits, an offset, and the blank after it.
const STAMP: usize = 36;
/// How much of an error text is kept.
const FOREIGN: usize = 4 << 10;
/// Lines of two streams are not strictly in order: this far behind the end, none of the window comes.
const SLACK: TimeDelta = TimeDelta::seconds(5);

/// The cutting of one stream.
#[derive(Debug)]
pub(crate) struct Cut {
    start: Option<Bound>,
    end: Bound,
    past: Bound,
    /// The beginning of a line whose stamp is not whole yet.
    head: Vec<u8>,
    in_line: bool,
    keep: bool,
    over: bool,
    /// A line with a stamp was seen.
    stamped: bool,
    /// The current line, if it has no stamp.
    foreign: Option<Vec<u8>>,
    begins: Option<Stamp>,
    first: Option<Stamp>,
    last: Option<Stamp>,
    lines: u64,
    /// The last lines kept, where it may be taken up again.
    recent: Option<Recent>,
    /// Which of the lines to come were kept before.
    had: Option<Had>,
    breaks: Vec<Break>,
}

/// Where a log that was taken up again does not go on with what it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Break {
    /// The last line had before.
    pub(crate) after: DateTime<Utc>,
    /// The first line that came then, if any did.
    pub(crate) before: Option<DateTime<Utc>>,
}

/// A bound as a time, and as text that compares with a UTC stamp byte by byte.
#[derive(Debug)]
struct Bound {
    at: DateTime<Utc>,
    text: [u8; 29],
}

type Stamp = ([u8; STAMP], usize);

impl Bound {
    fn new(at: DateTime<Utc>) -> Self {
        let mut text = [0; 29];
        let formatted = at.format("%Y-%m-%dT%H:%M:%S%.9f").to_string();
        text.copy_from_slice(&formatted.as_bytes()[..29]);
        Self { at, text }
    }

    /// Whether a stamp lies after this bound.
    fn is_before(&self, stamp: &[u8]) -> bool {
        // Most nodes run on UTC: then the text decides.
        if stamp.len() == 30 && stamp[29] == b'Z' {
            return stamp[..29] > self.text[..];
        }
        parse(stamp).is_some_and(|at| at > self.at)
    }
}

fn parse(stamp: &[u8]) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(std::str::from_utf8(stamp).ok()?).ok().map(|at| at.with_timezone(&Utc))
}

/// The time before a line's first blank.
pub(crate) fn time_of(line: &[u8]) -> Option<DateTime<Utc>> {
    parse(line.split(|byte| *byte == b' ').next()?)
}

fn copied(stamp: &[u8]) -> Stamp {
    let mut text = [0; STAMP];
    let length = stamp.len().min(STAMP);
    text[..length].copy_from_slice(&stamp[..length]);
    (text, length)
}

fn time(stamp: Option<Stamp>) -> Option<DateTime<Utc>> {
    stamp.and_then(|(text, length)| parse(&text[..length]))
}

/// The stamp at a line's beginning; `Err` when more bytes are needed to say.
fn stamp(line: &[u8]) -> Result<Option<&[u8]>, ()> {
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == shape };
    if !line.iter().zip(shape).all(fits) {
        return Ok(None);
    }
    match line.iter().take(STAMP).position(|byte| *byte == b' ' || *byte == b'\n') {
        Some(at) if at > shape.len() => Ok(Some(&line[..at])),
        Some(_) => Ok(None),
        None if line.len() >= STAMP => Ok(None),
        None => Err(()),
    }
}

impl Cut {
    /// Lines from `start` (none: from the first) to `end`, both included.
    pub(crate) fn new(start: Option<DateTime<Utc>>, end: DateTime<Utc>) -> Self {
        Self {
            start: start.map(|start| Bound::new(start - TimeDelta::nanoseconds(1))),
            end: Bound::new(end),
            past: Bound::new(end + SLACK),
            head: Vec::with_capacity(STAMP),
            in_line: false,
            keep: false,
            over: false,
            stamped: false,
            foreign: None,
            begins: None,
            first: None,
            last: None,
            lines: 0,
            recent: None,
            had: None,
            breaks: Vec::new(),
        }
    }

    /// Remembers what it takes to be taken up again.
    pub(crate) fn resumable(mut self) -> Self {
        self.recent = Some(Recent::default());
        self
    }

    /// Takes up a stream that is asked for anew, from the moment that is given back on; none from its
    /// start. What was pushed last has to have ended with a line.
    pub(crate) fn resume(&mut self) -> Option<DateTime<Utc>> {
        self.in_line = false;
        self.keep = false;
        self.head.clear();
        self.foreign = None;
        let recent = self.recent.as_ref().filter(|_| self.last.is_some())?;
        let (since, had) = recent.had();
        self.had = Some(had);
        Some(since)
    }

    /// Whether what came since it was taken up again goes on with what it had.
    pub(crate) fn is_joined(&self) -> bool {
        self.had.as_ref().is_none_or(Had::is_met)
    }

    /// Where it did not, each told once.
    pub(crate) fn breaks(&mut self) -> Vec<Break> {
        std::mem::take(&mut self.breaks)
    }

    /// The last line kept before a moment, of those remembered.
    pub(crate) fn last_before(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.recent.as_ref()?.last_before(at)
    }

    /// Whether all that follows lies behind the window.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Time of the first line that came so far.
    pub(crate) fn begins(&self) -> Option<DateTime<Utc>> {
        time(self.begins)
    }

    /// Lines kept so far.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Time of the last line kept so far.
    pub(crate) fn last(&self) -> Option<DateTime<Utc>> {
        time(self.last)
    }

    /// Hands over what is within the window of the next bytes, in order.
    pub(crate) fn push(&mut self, mut chunk: &[u8], mut keep: impl FnMut(&[u8])) {
        if !self.head.is_empty() {
            // The stamp broke at the last chunk's end: complete it, a few bytes.
            let had = self.head.len();
            let more = chunk.len().min(STAMP - had);
            let more = memchr::memchr(b'\n', &chunk[..more]).map_or(more, |at| at + 1);
            self.head.extend_from_slice(&chunk[..more]);
            chunk = &chunk[more..];
            if self.head.len() < STAMP && self.head.last() != Some(&b'\n') && stamp(&self.head).is_err() {
                return;
            }
            let head = std::mem::take(&mut self.head);
            self.lines_of(&head, true, &mut keep);
        }
        self.lines_of(chunk, false, &mut keep);
    }

    fn lines_of(&mut self, mut chunk: &[u8], decided: bool, keep: &mut impl FnMut(&[u8])) {
        // What is kept without a break in between is handed over in one piece.
        let (whole, mut from, mut at) = (chunk, 0, 0);
        while !chunk.is_empty() && !self.over {
            if !self.in_line {
                if !decided && stamp(chunk).is_err() && memchr::memchr(b'\n', chunk).is_none() {
                    self.head.extend_from_slice(chunk);
                    break;
                }
                let kept = self.keep;
                self.begin_line(chunk);
                if kept && !self.keep {
                    keep(&whole[from..at]);
                }
                if !kept && self.keep {
                    from = at;
                }
                if self.over {
                    return;
                }
            }
            let end = memchr::memchr(b'\n', chunk).map(|end| end + 1);
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if let Some(foreign) = &mut self.foreign {
                let room = FOREIGN.saturating_sub(foreign.len()).min(part.len());
                foreign.extend_from_slice(&part[..room]);
            }
            self.in_line = end.is_none();
            at += part.len();
            chunk = &chunk[part.len()..];
        }
        if self.keep && from < at {
            keep(&whole[from..at]);
        }
    }

    fn begin_line(&mut self, line: &[u8]) {
        match stamp(line) {
            Ok(Some(stamp)) => {
                if !self.stamped {
                    self.begins = Some(copied(stamp));
                }
                self.stamped = true;
                self.foreign = None;
                self.over = self.past.is_before(stamp);
                let after_start = self.start.as_ref().is_none_or(|start| start.is_before(stamp));
                self.keep = after_start && !self.over && !self.end.is_before(stamp);
                let at = if self.keep && self.recent.is_some() { parse(stamp) } else { None };
                if self.keep && self.had.as_mut().zip(at).is_some_and(|(had, at)| had.takes(at)) {
                    self.keep = false;
                } else if self.keep {
                    self.joins(at);
                    if let Some((recent, at)) = self.recent.as_mut().zip(at) {
                        recent.push(at);
                    }
                    let stamp = copied(stamp);
                    self.first.get_or_insert(stamp);
                    self.last = Some(stamp);
                    self.lines += 1;
                }
            }
            _ => {
                // An error text may have several lines; before any stamp they are all one.
                if self.stamped || self.foreign.is_none() {
                    self.foreign = Some(Vec::new());
                }
                self.lines += u64::from(self.keep);
            }
        }
    }

    /// The first line comes that was not had before.
    fn joins(&mut self, at: Option<DateTime<Utc>>) {
        let Some(had) = self.had.take() else { return };
        if let (false, Some(after)) = (had.is_met(), time(self.last)) {
            self.breaks.push(Break { after, before: at });
        }
    }

    /// Ends the stream. A beginning that stayed without the rest of its stamp is handed over as it is.
    pub(crate) fn finish(mut self, mut keep: impl FnMut(&[u8])) -> Ended {
        if !self.head.is_empty() {
            let head = std::mem::take(&mut self.head);
            self.lines_of(&head, true, &mut keep);
        }
        let unfinished = self.in_line || !self.stamped;
        Ended {
            is_over: self.over,
            begins: time(self.begins),
            first: time(self.first),
            last: time(self.last),
            lines: self.lines,
            is_log: self.stamped,
            error: self
                .foreign
                .filter(|text| unfinished && !text.is_empty())
                .map(|text| String::from_utf8_lossy(&text).trim().to_owned()),
        }
    }
}

/// What is known when a stream has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether all that followed lay behind the window.
    pub(crate) is_over: bool,
    /// Time of the first line that came, kept or not.
    pub(crate) begins: Option<DateTime<Utc>>,
    /// Time of the first line kept.
    pub(crate) first: Option<DateTime<Utc>>,
    /// Time of the last line kept.
    pub(crate) last: Option<DateTime<Utc>>,
    /// Lines kept.
    pub(crate) lines: u64,
    /// Whether any line was a log's; otherwise all of it was [`Self::error`].
    pub(crate) is_log: bool,
    /// The kubelet's own words where the log should have been or have gone on.
    pub(crate) error: Option<String>,
}
