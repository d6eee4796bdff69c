//! Owns the smaller copy of a bundle, for whoever cannot send the full one: what is given up, in
//! which order, and that the copy has no byte more than was asked for.
//!
//! The order is that of docs/BUNDLE.md: files that can be made again from the rest, then lines of
//! logs, the least telling first. The full bundle is only read. Nothing new comes in: what a copy
//! has is what the bundle had, which was clean, markers made of numbers, and two files that say what
//! it is, which are handed in as clean.
//!
//! `write` plans the copy and `copying` puts it together; `source` reads the bundle; `lines` and
//! `level` give each line of a log its rank, `measure` adds up what the ranks take, `logs` divides
//! the room, `thin` leaves lines out; `say` has the manifest, `later` what is not known of it.

mod copying;
mod later;
mod level;
mod lines;
mod logs;
mod measure;
mod say;
mod source;
mod thin;
mod write;

use super::{
    destination::Destination, error::BundleError, fitted::Fitted, format::Manifest, partial::Finished,
    reader::BundleReader,
};
use crate::redact::Clean;
use std::{fs, path::Path};

/// What a copy says of itself, which this room cannot make: nothing in it makes clean bytes.
pub struct Words<'a> {
    /// README.txt of a manifest.
    pub readme: &'a dyn Fn(&Manifest) -> Clean,
    /// manifest.json itself.
    pub manifest: &'a dyn Fn(&Manifest) -> Clean,
}

/// Whoever waits for a copy.
pub trait Watch: Sync {
    /// About so many bytes are going to be read.
    fn expect(&self, bytes: u64);
    /// So many more were read.
    fn read(&self, bytes: u64);
    /// Whether to leave it, and everything that was made of it.
    fn is_stopped(&self) -> bool;
}

/// What came of [`fit`].
#[derive(Clone, Debug)]
pub enum Fit {
    /// The bundle is small enough as it is; there is no copy.
    Already {
        /// Its size in bytes.
        bytes: u64,
    },
    /// There is a copy.
    Made {
        /// Where it is.
        finished: Finished,
        /// What it lacks.
        fitted: Fitted,
    },
}

/// Makes a copy of `bundle` of at most `max` bytes, unless it has no more than that. The bundle
/// stays as it is, and no file is replaced.
///
/// # Errors
/// [`BundleError::TooSmall`] when no copy can be that small, [`BundleError::Copy`] when the bundle is
/// one itself, [`BundleError::Damaged`] when it is not what its manifest says,
/// [`BundleError::Stopped`], and those of reading and writing. Nothing is left of a copy then.
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
    let (finished, fitted) = write::write(&source, to, max, words)?;
    Ok(Fit::Made { finished, fitted })
}

/// `1 log`, `2 logs`.
fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
