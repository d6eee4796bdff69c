//! Owns the order in which lines are left out, and an estimate of how many bytes the lines up to each point of that
//! order take.

use crate::{bundle::format::Manifest, kubelet_log::Level};

/// The distinguished levels: errors and worse, warnings, info, debug.
pub(super) const LEVELS: usize = 4;
/// Bands of distance of each level. The first ends at one second, each other is twice as wide as the one before, and
/// the last has no end.
const BANDS: usize = 24;
/// Milliseconds in the first band.
const FIRST: u64 = 1000;

/// The importance of a line: its level first, its distance from the incident second. The smaller it is, the longer the
/// line is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    level: usize,
    /// Milliseconds.
    distance: u64,
}

impl Rank {
    /// No line is below it.
    pub(super) const NONE: Self = Self { level: 0, distance: 0 };
    /// The rank of a line that is too long. Every other line is below it.
    pub(super) const LONG: Self = Self { level: LEVELS, distance: 0 };

    /// The rank of a line of this level, at this distance from the incident in milliseconds.
    pub(super) fn new(level: Level, distance: u64) -> Self {
        let level = match level {
            Level::Fatal | Level::Error => 0,
            Level::Warn => 1,
            Level::Info | Level::None => 2,
            Level::Debug => 3,
        };
        Self { level, distance }
    }

    /// The place of its level, [`LEVELS`] for a line that is too long.
    pub(super) fn level(self) -> usize {
        self.level
    }
}

/// Where distance is measured from, in milliseconds since 1970: the incident, or, without one, the window's end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    from: i64,
    to: i64,
}

impl Near {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let from = manifest.incident_start.unwrap_or(manifest.window_end);
        let to = manifest.incident_end.filter(|_| manifest.incident_start.is_some()).unwrap_or(from).max(from);
        Self { from: from.timestamp_millis(), to: to.timestamp_millis() }
    }

    /// A single moment.
    #[cfg(test)]
    pub(super) fn at(moment: chrono::DateTime<chrono::Utc>) -> Self {
        Self { from: moment.timestamp_millis(), to: moment.timestamp_millis() }
    }

    /// Within the incident, its two ends are the nearest. All of it is nearer than anything outside.
    pub(super) fn distance(self, at: i64) -> u64 {
        let within = (at - self.from).min(self.to - at);
        let half = (self.to - self.from) / 2;
        u64::try_from(if within >= 0 { within } else { half - within }).unwrap_or_default()
    }
}

/// The sizes of lines by level and distance.
#[derive(Clone, Debug, Default)]
pub(super) struct Bands {
    bytes: [[u64; BANDS]; LEVELS],
    /// The largest distance.
    farthest: u64,
}

impl Bands {
    /// Adds a line. One that is too long has no band.
    pub(super) fn add(&mut self, rank: Rank, bytes: u64) {
        if let Some(bands) = self.bytes.get_mut(rank.level) {
            bands[band(rank.distance)] += bytes;
            self.farthest = self.farthest.max(rank.distance);
        }
    }

    /// Adds the lines of `other`, each level's sizes multiplied by its ratio, `(to, from)`.
    pub(super) fn add_scaled(&mut self, other: &Self, ratios: [(u64, u64); LEVELS]) {
        for ((bands, others), (to, from)) in self.bytes.iter_mut().zip(&other.bytes).zip(ratios) {
            for (bytes, other) in bands.iter_mut().zip(others) {
                *bytes += scaled(*other, to, from);
            }
        }
        self.farthest = self.farthest.max(other.farthest);
    }

    /// All bytes.
    pub(super) fn total(&self) -> u64 {
        self.bytes.iter().flatten().sum()
    }

    /// The rank below which lines take about `size` bytes, if the lines of a band are evenly spread over it.
    pub(super) fn cut(&self, size: u64) -> Rank {
        if size == 0 {
            // The estimate of some lines may be no byte at all, but they take some.
            return Rank::NONE;
        }
        let mut left = size;
        for (level, bands) in self.bytes.iter().enumerate() {
            for (band, bytes) in bands.iter().enumerate() {
                if *bytes > left {
                    let from = if band == 0 { 0 } else { FIRST << (band - 1) };
                    let end = if band + 1 == BANDS { u64::MAX } else { FIRST << band };
                    let width = end.min(self.farthest.saturating_add(1)).saturating_sub(from);
                    return Rank { level, distance: from + scaled(width, left, *bytes) };
                }
                left -= bytes;
            }
        }
        Rank::LONG
    }
}

fn band(distance: u64) -> usize {
    let doublings = u64::BITS - (distance / FIRST).leading_zeros();
    (doublings as usize).min(BANDS - 1)
}

/// `size` times `to` for each `from`.
pub(super) fn scaled(size: u64, to: u64, from: u64) -> u64 {
    u64::try_from(u128::from(size) * u128::from(to) / u128::from(from.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_of_an_incident_is_nearer_than_what_lies_outside() {
        let near = Near { from: 1000, to: 5000 };
        assert_eq!([1000, 5000, 1300, 3000].map(|at| near.distance(at)), [0, 0, 300, 2000]);
        assert_eq!([999, 5001, 0].map(|at| near.distance(at)), [2001, 2001, 3000]);
    }

    #[test]
    fn lines_that_are_evenly_spread_are_cut_where_they_take_so_much() {
        let mut bands = Bands::default();
        for distance in 0..900_000 {
            bands.add(Rank::new(Level::Error, distance), 1);
            bands.add(Rank::new(Level::Debug, distance), 2);
        }
        bands.add(Rank::LONG, 1 << 40);
        assert_eq!(bands.total(), 2_700_000);
        for size in [0, 1, 500, 4_321, 450_000, 899_999] {
            assert_eq!(bands.cut(size), Rank::new(Level::Error, size));
            assert_eq!(bands.cut(900_000 + 2 * size), Rank::new(Level::Debug, size));
        }
        assert_eq!(bands.cut(2_700_000), Rank::LONG);
    }

    proptest! {
        #[test]
        fn a_larger_size_never_cuts_nearer(
            lines in prop::collection::vec((0..4_usize, any::<u64>(), 0..1_000_000_u64), 0..60),
            sizes in prop::collection::vec(0..30_000_000_u64, 2..20),
        ) {
            let mut bands = Bands::default();
            for (level, distance, bytes) in lines {
                bands.add(Rank { level, distance }, bytes);
            }
            let mut sizes = sizes;
            sizes.sort_unstable();
            prop_assert!(sizes.iter().map(|size| bands.cut(*size)).is_sorted());
        }
    }
}
