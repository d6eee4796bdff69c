//! Owns which error lines of a log are kept: the first ones, the last ones, and in between the first of each template.

use super::text::line_of;
use crate::bundle::facts::{ErrorLine, Level, Line};
use chrono::{DateTime, Utc};
use std::collections::VecDeque;

/// Most of the first error lines that are kept.
const FIRST: usize = 20;
/// Most error lines that are kept as the first of their template.
const NEW: usize = 100;
/// Most of the last error lines that are kept.
const LAST: usize = 20;
/// The size of each of these three (bytes).
const ROOM: usize = 12 << 10;
/// The size of a line without its text (bytes).
const BESIDE: usize = 60;

/// The error lines of one log that are kept.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// How many error lines came.
    count: u64,
    first: Kept,
    new: Kept,
    last: Kept,
}

/// An error line as it was found. The lines before it are not parsed yet, as most are thrown away.
#[derive(Debug)]
pub(super) struct FoundError {
    pub(super) at: DateTime<Utc>,
    pub(super) level: Level,
    /// The line and those that continue it, cut.
    pub(super) text: String,
    /// The lines before it with their timestamps, each cut.
    pub(super) before: Vec<u8>,
}

impl FoundError {
    fn size(&self) -> usize {
        2 * BESIDE + self.text.len() + self.before.len()
    }

    fn finish(self) -> ErrorLine {
        let before = self.before.split(|byte| *byte == b'\n').filter_map(line_of).collect();
        ErrorLine { level: self.level, line: Line { at: self.at, text: self.text }, before }
    }
}

/// Error lines, each with how many came before it.
#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<(u64, FoundError)>,
    size: usize,
}

impl Kept {
    fn has_room(&self, error: &FoundError, most: usize) -> bool {
        self.lines.len() < most && self.size + error.size() <= ROOM
    }

    fn push(&mut self, count: u64, error: FoundError) {
        self.size += error.size();
        self.lines.push_back((count, error));
    }
}

impl Errors {
    /// Adds an error line; `is_new` if it is the first of its template.
    pub(super) fn add(&mut self, error: FoundError, is_new: bool) {
        let count = self.count;
        self.count += 1;
        // Once a line has no room, no later one is among the first: those are without a gap.
        if count == self.first.lines.len() as u64 && self.first.has_room(&error, FIRST) {
            return self.first.push(count, error);
        }
        if is_new && self.new.has_room(&error, NEW) {
            return self.new.push(count, error);
        }
        self.last.push(count, error);
        while self.last.lines.len() > LAST || self.last.size > ROOM {
            let Some((_, gone)) = self.last.lines.pop_front() else { return };
            self.last.size -= gone.size();
        }
    }

    /// The lines that are kept, in order.
    pub(super) fn finish(self) -> Vec<ErrorLine> {
        let mut all: Vec<_> = [self.first, self.new, self.last].into_iter().flat_map(|kept| kept.lines).collect();
        all.sort_by_key(|(count, _)| *count);
        all.into_iter().map(|(_, error)| error.finish()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: usize, length: usize) -> FoundError {
        let text = format!("{number} {}", "x".repeat(length));
        FoundError { level: Level::Error, at: DateTime::<Utc>::UNIX_EPOCH, text, before: Vec::new() }
    }

    fn kept(length: usize, count: usize) -> Vec<usize> {
        let mut errors = Errors::default();
        (0..count).for_each(|number| errors.add(error(number, length), number % 100 == 50));
        let number = |error: ErrorLine| error.line.text.split(' ').next().and_then(|it| it.parse().ok());
        errors.finish().into_iter().filter_map(number).collect()
    }

    #[test]
    fn the_first_the_last_and_those_of_a_new_template_are_kept() {
        assert_eq!(kept(10, 7), (0..7).collect::<Vec<_>>());
        let wanted = (0..20).chain((0..10).map(|at| 100 * at + 50)).chain(980..1000);
        assert_eq!(kept(10, 1000), wanted.collect::<Vec<_>>());
    }

    #[test]
    fn long_ones_are_fewer() {
        let kept = kept(2000, 100_000);
        assert!(kept.len() <= 3 * ROOM / 2000, "{}", kept.len());
        assert_eq!((kept.first(), kept.last()), (Some(&0), Some(&99_999)));
    }
}
