//! Owns the error lines that are kept: the first ones, the last ones, and in between the first one of its like.

use super::line_of;
use crate::bundle::facts::{ErrorLine, Level, Line};
use chrono::{DateTime, Utc};
use std::collections::VecDeque;

/// Most that are kept: of the first, of the first ones of their like, of the last.
const FIRST: usize = 20;
const NEW: usize = 100;
const LAST: usize = 20;
/// What each of these three may take (bytes).
const ROOM: usize = 12 << 10;
/// What a line takes beside its text (bytes).
const BESIDE: usize = 60;

/// The error lines of one log.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// How many there were.
    count: u64,
    first: Kept,
    new: Kept,
    last: Kept,
}

/// An error line as it was found: most are thrown away again, so that the lines before it are not taken apart yet.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) at: DateTime<Utc>,
    pub(super) level: Level,
    /// The line, and what belongs to it, cut.
    pub(super) text: String,
    /// The lines before it with their stamps, each cut.
    pub(super) before: Vec<u8>,
}

impl Found {
    fn size(&self) -> usize {
        2 * BESIDE + self.text.len() + self.before.len()
    }

    fn finish(self) -> ErrorLine {
        let before = self.before.split(|byte| *byte == b'\n').filter_map(line_of).collect();
        ErrorLine { level: self.level, line: Line { at: self.at, text: self.text }, before }
    }
}

/// Error lines by how many there were before each.
#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<(u64, Found)>,
    size: usize,
}

impl Kept {
    fn has_room(&self, error: &Found, most: usize) -> bool {
        self.lines.len() < most && self.size + error.size() <= ROOM
    }

    fn push(&mut self, count: u64, error: Found) {
        self.size += error.size();
        self.lines.push_back((count, error));
    }
}

impl Errors {
    /// Takes in an error line; `is_new` where there was none of its like before.
    pub(super) fn see(&mut self, error: Found, is_new: bool) {
        let count = self.count;
        self.count += 1;
        // What has once had no room has none for later lines either: the first ones are without a gap.
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

    /// Those that are kept, in their order.
    pub(super) fn finish(self) -> Vec<ErrorLine> {
        let mut all: Vec<_> = [self.first, self.new, self.last].into_iter().flat_map(|kept| kept.lines).collect();
        all.sort_by_key(|(count, _)| *count);
        all.into_iter().map(|(_, error)| error.finish()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: usize, length: usize) -> Found {
        let text = format!("{number} {}", "x".repeat(length));
        Found { level: Level::Error, at: DateTime::<Utc>::UNIX_EPOCH, text, before: Vec::new() }
    }

    fn kept(length: usize, count: usize) -> Vec<usize> {
        let mut errors = Errors::default();
        (0..count).for_each(|number| errors.see(error(number, length), number % 100 == 50));
        let number = |error: ErrorLine| error.line.text.split(' ').next().and_then(|it| it.parse().ok());
        errors.finish().into_iter().filter_map(number).collect()
    }

    #[test]
    fn the_first_the_last_and_those_of_a_new_like_are_kept() {
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
