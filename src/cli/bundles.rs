//! Owns `verify` and `salvage`, which work on a bundle on this machine's disk.

use super::{failure::Failure, terminal::Terminal};
use crate::{
    bundle::{self, BundleError, Destination},
    exit::Exit,
    text::counted,
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

pub(super) fn verify(arguments: &Verify, terminal: &Terminal) -> Result<Exit, Failure> {
    let report = bundle::verify(&arguments.bundle).map_err(|error| match error {
        BundleError::Damaged { .. } => Failure { exit: Exit::Incomplete, text: error.to_string() },
        error => Failure::usage(error),
    })?;
    let bytes = bytesize::ByteSize(report.bytes).display().si();
    let mut text = format!(
        "{}: {}, {bytes}, {}\n",
        report.path.display(),
        counted(report.entries as u64, "file"),
        if report.complete { "the run finished" } else { "the run was cut short" }
    );
    report.problems.iter().for_each(|problem| text.push_str(&format!("{problem}\n")));
    text.push_str(if report.is_sound() { "all files are intact\n" } else { "the bundle is damaged\n" });
    terminal.print(&text);
    Ok(if report.is_sound() { Exit::Complete } else { Exit::Incomplete })
}

pub(super) fn salvage(arguments: &Salvage, terminal: &Terminal) -> Result<Exit, Failure> {
    let to = Destination::from_arg(arguments.to.as_deref()).map_err(Failure::usage)?;
    let salvaged = bundle::salvage(&arguments.partial, &to).map_err(Failure::no_bundle)?;
    for (path, why) in &salvaged.lost {
        terminal.say(format_args!("lost: {path}: {why}"));
    }
    let path = salvaged.finished.path.display();
    if !terminal.print(&format!("{path}\n")) {
        terminal.say(format_args!("the bundle is {path}"));
    }
    Ok(if salvaged.lost.is_empty() { Exit::Complete } else { Exit::Incomplete })
}
