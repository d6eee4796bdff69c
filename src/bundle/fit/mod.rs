//! Owns the smaller copy of a bundle, for people who cannot send the full one: what it leaves out, in which order, and
//! that it is no larger than requested.
//!
//! docs/BUNDLE.md gives the order: first the files that can be generated again from the others, then lines of logs, the
//! least important first. `source` reads the full bundle, which is not changed. `bands` orders lines and adds up their
//! sizes, `lines` reads and thins a log, `search` finds the cut, `copy` writes, and `manifest` records what was left out.
//! A copy contains only bytes of the bundle, markers made of numbers and timestamps, and two files that the caller
//! makes as [`Clean`](crate::redact::Clean).

mod bands;
mod copy;
mod lines;
mod manifest;
mod search;
mod source;
mod unknown;

use super::{destination::Destination, error::BundleError, fitted::Fitted, partial::Finished, reader::BundleReader};
use std::{fs, path::Path};

pub use manifest::Words;
pub use source::Watch;

/// The result of [`fit`].
#[derive(Clone, Debug)]
pub enum Fit {
    /// The bundle is small enough. There is no copy.
    Already {
        /// The bundle's size in bytes.
        bytes: u64,
    },
    /// There is a copy.
    Made {
        /// The copy's file.
        finished: Finished,
        /// What the copy lacks.
        fitted: Fitted,
    },
}

/// Makes a copy of `bundle` with at most `max` bytes, unless the bundle has no more than that. It only reads the
/// bundle, and replaces no file.
///
/// # Errors
/// [`BundleError::TooSmall`] when no copy can be that small, [`BundleError::Copy`] when the bundle is a copy itself,
/// [`BundleError::Damaged`] when it is not what its manifest says, [`BundleError::Stopped`], and those of reading and
/// writing. Then no part of a copy remains.
pub fn fit(
    bundle: &Path,
    to: &Destination,
    max: u64,
    words: &Words<'_>,
    watch: &dyn Watch,
) -> Result<Fit, BundleError> {
    let bytes = fs::metadata(bundle).map_err(|e| BundleError::io("open", bundle, e))?.len();
    let reader = BundleReader::open(bundle)?;
    if bytes <= max {
        return Ok(Fit::Already { bytes });
    }
    if let Some(fitted) = &reader.manifest().fitted {
        return Err(BundleError::Copy { path: bundle.to_owned(), full: fitted.bundle.clone() });
    }
    let source = source::Source::new(&reader, bytes, watch)?;
    let (finished, fitted) = copy::make(&source, to, max, words)?;
    Ok(Fit::Made { finished, fitted })
}
