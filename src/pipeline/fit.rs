//! Owns the making of a smaller copy of a bundle: the files in which the copy describes itself, and how a user stops
//! it.

use super::{control::Control, observer::Observer};
use crate::{
    bundle::{self, BundleError, Destination, Fit, Watch, Words},
    redact::{Key, Redactor},
    report,
};
use std::path::Path;

/// Makes a copy of `bundle` of at most `max` bytes, unless the bundle is small enough. Blocks the thread; `control`
/// stops it and removes the copy.
///
/// # Errors
/// Those of [`bundle::fit`]. No part of a copy then remains.
pub fn fit(
    bundle: &Path,
    to: &Destination,
    max: u64,
    observer: &dyn Observer,
    control: &Control,
) -> Result<Fit, BundleError> {
    fit_with(&Redactor::new(&Key::random()), bundle, to, max, observer, control)
}

/// The same with the redactor that the bundle was made with.
pub(super) fn fit_with(
    redactor: &Redactor,
    bundle: &Path,
    to: &Destination,
    max: u64,
    observer: &dyn Observer,
    control: &Control,
) -> Result<Fit, BundleError> {
    let words = Words {
        readme: &|manifest| redactor.text(report::readme(manifest).as_bytes()).0,
        manifest: &|manifest| redactor.pretty_json(manifest),
    };
    let made = bundle::fit(bundle, to, max, &words, &Watched { observer, control });
    observer.copy_ended();
    made
}

/// Tells the observer the progress of the copy, and the copy whether to stop.
struct Watched<'a> {
    observer: &'a dyn Observer,
    control: &'a Control,
}

impl Watch for Watched<'_> {
    fn expect(&self, bytes: u64) {
        self.observer.copy_begins(bytes);
    }

    fn read(&self, bytes: u64) {
        self.observer.copy_reads(bytes);
    }

    fn is_stopped(&self) -> bool {
        self.control.stop.reason().is_some()
    }
}
