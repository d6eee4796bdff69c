//! `verify` and `salvage`: a bundle on this disk.

use super::{Failure, print};
use crate::{
    bundle::{self, BundleError, Destination},
    exit::Exit,
};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Bundle to check
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Salvage {
    /// What the killed run left: NAME.zip.partial
    #[arg(value_name = "PARTIAL")]
    partial: PathBuf,
    /// Write the bundle to this folder, or to this file ending in .zip [default: the current folder]
    #[arg(long, value_name = "FILE|DIR")]
    to: Option<PathBuf>,
}

pub(super) fn verify(arguments: &Verify) -> Result<Exit, Failure> {
    let report = bundle::verify(&arguments.bundle).map_err(|error| match error {
        BundleError::Damaged { .. } => Failure { exit: Exit::Incomplete, text: error.to_string() },
        error => Failure::usage(error),
    })?;
    let bytes = bytesize::ByteSize(report.bytes).display().si();
    print(&format!(
        "{}: {} files, {bytes}, the run {}\n",
        report.path.display(),
        report.entries,
        if report.complete { "came to its end" } else { "was cut short" }
    ));
    report.problems.iter().for_each(|problem| print(&format!("{problem}\n")));
    print(if report.is_sound() { "all files are intact\n" } else { "the bundle is damaged\n" });
    Ok(if report.is_sound() { Exit::Complete } else { Exit::Incomplete })
}

pub(super) fn salvage(arguments: &Salvage) -> Result<Exit, Failure> {
    let to = Destination::from_arg(arguments.to.as_deref()).map_err(Failure::usage)?;
    let salvaged = bundle::salvage(&arguments.partial, &to).map_err(Failure::no_bundle)?;
    for (path, why) in &salvaged.lost {
        eprintln!("lost: {path}: {why}");
    }
    print(&format!("{}\n", salvaged.finished.path.display()));
    Ok(if salvaged.lost.is_empty() { Exit::Complete } else { Exit::Incomplete })
}
