//! Owns the search for the rank at which a copy's logs are cut: which cut to try next, and when to stop.
//!
//! The exact size of a copy is known only once it is written. Each one is therefore cut at another line: nearer than the
//! smallest copy that was too large, and farther than the largest that fits. So the search ends, and leaves out all lines
//! at last if nothing else fits.

use super::bands::{Bands, Rank, scaled};

/// How much of the room the first guess is for, in hundredths, …
const FIRST_AIM: u64 = 95;
/// … each later one, …
const AIM: u64 = 97;
/// … and how much of it a copy has to use.
const ENOUGH: u64 = 90;
/// How many copies are written to use that much.
const TRIES: u32 = 4;
/// How many copies are written at most. The last has no lines, which always fits.
pub(super) const MOST: u32 = 8;

/// The lines on both sides of a cut.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Edges {
    /// The highest rank that was kept.
    kept: Option<Rank>,
    /// The lowest rank that was left out.
    left_out: Option<Rank>,
}

impl Edges {
    pub(super) fn keep(&mut self, rank: Rank) {
        self.kept = self.kept.max(Some(rank));
    }

    pub(super) fn leave_out(&mut self, rank: Rank) {
        self.left_out = Some(self.left_out.map_or(rank, |lowest| lowest.min(rank)));
    }

    pub(super) fn add(&mut self, other: Self) {
        other.kept.into_iter().for_each(|rank| self.keep(rank));
        other.left_out.into_iter().for_each(|rank| self.leave_out(rank));
    }
}

/// The search so far.
pub(super) struct Search<'a> {
    bands: &'a Bands,
    /// How many bytes lines may take, and how many the current copy should.
    room: u64,
    guess: u64,
    /// A guess that fits and one that is too large.
    low: u64,
    high: u64,
    /// A cut at most at this rank keeps less than the smallest copy that is too large.
    ceiling: Rank,
    /// A cut above this rank keeps more than the largest copy that fits.
    floor: Option<Rank>,
    tries: u32,
}

impl<'a> Search<'a> {
    /// With all lines, of which `last` has the highest rank, the copy is too large.
    pub(super) fn new(bands: &'a Bands, room: u64, last: Rank) -> Self {
        let guess = scaled(room, FIRST_AIM, 100).min(bands.total());
        Self { bands, room, guess, low: 0, high: bands.total() + 1, ceiling: last, floor: None, tries: 0 }
    }

    /// Where to cut the next copy.
    pub(super) fn cut(&self) -> Rank {
        let cut = self.bands.cut(self.guess).min(self.ceiling);
        if self.floor.is_some_and(|floor| cut <= floor) { self.ceiling } else { cut }
    }

    /// Takes what the copy at this cut took of the room. Returns false if the largest copy that fits is good enough.
    pub(super) fn goes_on(&mut self, took: u64, edges: Edges) -> bool {
        self.tries += 1;
        if took > self.room {
            self.high = self.guess;
            let Some(kept) = edges.kept else { return false };
            self.ceiling = kept;
        } else {
            self.low = self.guess;
            self.floor = edges.left_out;
        }
        let fits = self.floor.is_some();
        let is_enough = took <= self.room && took >= scaled(self.room, ENOUGH, 100);
        if is_enough || fits && self.tries >= TRIES || self.floor >= Some(self.ceiling) {
            return false;
        }
        let better = scaled(self.guess, scaled(self.room, AIM, 100), took);
        self.guess = match self.tries + 1 {
            MOST.. => 0,
            tries if tries > TRIES => self.guess / 4,
            _ if better > self.low && better < self.high => better,
            _ => self.low.midpoint(self.high),
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet_log::Level;
    use proptest::prelude::*;

    const LEVELS: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

    /// Runs the search over lines of these sizes. `more` is what a copy of this many lines takes besides. Returns how
    /// many lines each copy kept, and the number of lines of the last one that fits.
    fn run(
        lines: &[(Rank, u64)],
        estimate: u64,
        more: impl Fn(usize) -> u64,
        room: u64,
    ) -> (Vec<usize>, Option<usize>) {
        let mut bands = Bands::default();
        lines.iter().for_each(|(rank, bytes)| bands.add(*rank, scaled(*bytes, estimate, 100)));
        let last = lines.iter().map(|(rank, _)| *rank).max().unwrap_or(Rank::NONE);
        let mut search = Search::new(&bands, room, last);
        let (mut tried, mut best) = (Vec::new(), None);
        loop {
            let cut = search.cut();
            let (mut edges, mut took, mut kept) = (Edges::default(), 0, 0);
            for (rank, bytes) in lines {
                if *rank < cut {
                    edges.keep(*rank);
                    (took, kept) = (took + bytes, kept + 1);
                } else {
                    edges.leave_out(*rank);
                }
            }
            took += if kept > 0 { more(kept) } else { 0 };
            tried.push(kept);
            if took <= room {
                best = Some(kept);
            }
            if !search.goes_on(took, edges) {
                return (tried, best);
            }
        }
    }

    #[test]
    fn lines_that_an_estimate_counts_as_nothing_are_left_out_too() {
        let lines = [(Rank::new(Level::Error, 0), 50), (Rank::new(Level::Debug, 90_000), 600)];
        assert_eq!(run(&lines, 1, |_| 0, 10), (vec![1, 0], Some(0)));
        assert_eq!(run(&lines, 0, |_| 0, 10), (vec![0, 1], Some(0)));
        assert_eq!(run(&lines, 0, |_| 0, 50), (vec![0, 1], Some(1)));
        assert_eq!(run(&lines, 0, |_| 0, 0), (vec![0], Some(0)));
    }

    proptest! {
        #[test]
        fn a_search_ends_and_tries_no_cut_twice(
            lines in prop::collection::vec((0..4_usize, 0..5_000_000_u64, 0..2000_u64), 1..60),
            same in 1..100_000_u64,
            estimate in prop_oneof![Just(0_u64), 1..400_u64],
            noise in prop::collection::vec(0..3000_u64, 61),
            part in 0..100_u64,
        ) {
            let lines: Vec<(Rank, u64)> = lines
                .into_iter()
                .map(|(level, distance, bytes)| (Rank::new(LEVELS[level], distance / same * same), bytes))
                .collect();
            let total: u64 = lines.iter().map(|(_, bytes)| bytes).sum();
            let room = total * part / 100;
            let (tried, best) = run(&lines, estimate, |kept| noise[kept], room);
            prop_assert!(tried.len() <= MOST as usize, "{tried:?}");
            prop_assert!(best.is_some(), "{tried:?}");
            let mut each = tried.clone();
            each.sort_unstable();
            each.dedup();
            prop_assert!(each.len() == tried.len() && !tried.contains(&lines.len()), "{tried:?} of {}", lines.len());
        }
    }
}
