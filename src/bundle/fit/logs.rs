//! Owns the division of what room there is among the logs.
//!
//! They are thinned one after the other, the largest last, each to the ranks that the room is
//! guessed to be enough for, those of all logs still to come together. What a log really took corrects
//! the guess for the next. The last one is held against the exact size of the whole zip, and is
//! thinned again when it missed.

use super::{copying::Copying, lines::RANKS, measure::Measured, source::Piece, thin::Thinned};
use crate::bundle::{BundleError, spool::Spool};

/// How often a log is thinned at most.
const ATTEMPTS: usize = 3;
/// How many guessed bytes what was seen has to stand against, so that a first small log does not
/// decide for all.
const TRUST: u64 = 256 * 1024;
/// In hundredths, how much of its room a log is thinned for, …
const AIM: u64 = 97;
/// … how much of it the last one has to use, …
const ENOUGH: u64 = 92;
/// … and how much more than was guessed another may take, …
const OVER: u64 = 115;
/// … not counting so many bytes.
const LITTLE: u64 = 1024;

/// A log that can be thinned.
pub(super) struct Log<'a> {
    pub(super) piece: &'a Piece<'a>,
    /// What all of it takes, compressed.
    pub(super) whole: u64,
    pub(super) measured: Measured,
}

impl<'a> Log<'a> {
    pub(super) fn path(&self) -> &'a str {
        &self.piece.record.path
    }

    /// What it takes at least, compressed.
    pub(super) fn least(&self) -> u64 {
        self.measured.least.header.compressed
    }
}

/// Writes all logs into `room` compressed bytes.
pub(super) fn write<'a>(copying: &mut Copying<'a>, logs: &[Log<'a>], mut room: u64) -> Result<(), BundleError> {
    let mut guess = Guess::new(logs);
    let mut later: u64 = logs.iter().map(Log::least).sum();
    for (n, log) in logs.iter().enumerate() {
        later -= log.least();
        let limit = room.saturating_sub(later);
        let cut = guess.cut(room * AIM / 100);
        let goal = guess.of(log.measured.below(cut));
        let one = One { log, limit, goal: (n + 1 < logs.len()).then_some(goal) };
        let (used, cut) = one.write(copying, cut)?;
        room = room.saturating_sub(used);
        guess.learn(log, cut, used);
    }
    Ok(())
}

/// One log, and what it may take.
struct One<'l, 'a> {
    log: &'l Log<'a>,
    limit: u64,
    /// What it is guessed to take; none of the last log, which takes what there is.
    goal: Option<u64>,
}

/// A log as it was thinned once.
struct Attempt {
    spool: Spool,
    thinned: Thinned,
    cut: usize,
}

impl Attempt {
    fn size(&self) -> u64 {
        self.thinned.header.compressed
    }
}

impl<'a> One<'_, 'a> {
    /// Writes it thinned to `cut` or near that; returns its size and where it was cut.
    fn write(&self, copying: &mut Copying<'a>, mut cut: usize) -> Result<(u64, usize), BundleError> {
        let Self { log, limit, goal } = *self;
        let measured = &log.measured;
        if goal.is_none() && !measured.keeps(cut) {
            cut = measured.after(cut);
        }
        let (mut best, mut tried) = (None, Vec::new());
        while tried.len() < ATTEMPTS && limit > log.least() && measured.keeps(cut) && !tried.contains(&cut) {
            tried.push(cut);
            if !measured.reaches(cut) && log.whole <= limit {
                break;
            }
            let (spool, thinned) = copying.thin(log, cut)?;
            let attempt = Attempt { spool, thinned, cut };
            let size = attempt.size();
            let fits = size <= limit && (goal.is_some() || copying.fits(log, &attempt.thinned));
            if fits && best.as_ref().is_none_or(|best| self.is_better(&attempt, best)) {
                best = Some(attempt);
            }
            // One step at least: the guess may be wrong for the very lines that it stopped at.
            let next = measured.cut(goal.unwrap_or(limit * AIM / 100), size, cut);
            cut = match goal {
                None if fits && size < limit * ENOUGH / 100 => next.max(measured.after(cut)),
                None if fits => break,
                Some(goal) if fits && size <= goal * OVER / 100 + LITTLE => break,
                _ => next.min(measured.before(cut)),
            };
        }
        // Where no line goes, or markers make up for those that do, it stays as it is.
        let is_whole = !measured.reaches(cut) || best.as_ref().is_some_and(|best| best.size() >= log.whole);
        match best {
            _ if is_whole && log.whole <= limit => copying.copy(log.piece).map(|()| (log.whole, RANKS)),
            Some(best) => {
                let used = (best.size(), best.cut);
                copying.take(log, best.spool, best.thinned).map(|()| used)
            }
            None => copying.take_marker(log).map(|()| (log.least(), 0)),
        }
    }

    fn is_better(&self, this: &Attempt, that: &Attempt) -> bool {
        match self.goal {
            Some(goal) => this.size().abs_diff(goal) < that.size().abs_diff(goal),
            None => this.size() > that.size(),
        }
    }
}

/// What the ranks of the logs still to come take, as far as is known.
struct Guess {
    sizes: Vec<u64>,
    /// What was guessed of the logs so far, and what they took.
    guessed: u64,
    seen: u64,
}

impl Guess {
    fn new(logs: &[Log<'_>]) -> Self {
        let mut sizes = vec![0; RANKS];
        for (rank, size) in logs.iter().flat_map(|log| &log.measured.sizes) {
            sizes[usize::from(*rank)] += u64::from(*size);
        }
        Self { sizes, guessed: TRUST, seen: TRUST }
    }

    /// A guessed size, corrected by what was seen.
    fn of(&self, size: u64) -> u64 {
        scaled(size, self.seen, self.guessed)
    }

    /// The first rank that the room is not enough for.
    fn cut(&self, room: u64) -> usize {
        let mut sum = 0;
        let is_over = |size: &u64| {
            sum += size;
            self.of(sum) > room
        };
        self.sizes.iter().position(is_over).unwrap_or(RANKS)
    }

    fn learn(&mut self, log: &Log<'_>, cut: usize, used: u64) {
        self.guessed += log.measured.below(cut);
        self.seen += used;
        for (rank, size) in &log.measured.sizes {
            self.sizes[usize::from(*rank)] -= u64::from(*size);
        }
    }
}

/// `size` times `seen` for each `guessed`.
pub(super) fn scaled(size: u64, seen: u64, guessed: u64) -> u64 {
    u64::try_from(u128::from(size) * u128::from(seen) / u128::from(guessed.max(1))).unwrap_or(u64::MAX)
}
