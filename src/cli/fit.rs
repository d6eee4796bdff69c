//! Owns `fit`: a smaller copy of a bundle, for when the full one is too large to send.

use super::{failure::Failure, parse, signal::on_interrupt, terminal::Terminal};
use crate::{
    bundle::{BundleError, Destination, Fit},
    exit::Exit,
    pipeline,
    text::counted,
};
use bytesize::ByteSize;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Bundle to copy; it is not changed
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Make the copy at most this large: 20MB, 20MiB
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    max_size: u64,
    /// Write the copy to this folder, or to this file ending in .zip [default: beside the bundle]
    #[arg(long, value_name = "FILE|DIR")]
    to: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, Failure> {
    let Arguments { bundle, max_size, to } = arguments;
    let to = Destination::of_copy(bundle, to.as_deref()).map_err(Failure::usage)?;
    let copy = on_interrupt(|control| pipeline::fit(bundle, &to, *max_size, terminal, control));
    let copy = copy.map_err(|error| failure(bundle, error))?;
    terminal.say_text(&told(&copy, *max_size));
    let path = match &copy {
        Fit::Already { .. } => bundle,
        Fit::Made { finished, .. } => &finished.path,
    };
    if !terminal.print(&format!("{}\n", path.display())) {
        terminal.say(format_args!("the smaller copy is {}", path.display()));
    }
    Ok(Exit::Complete)
}

/// The result, in a line or two.
pub(super) fn told(copy: &Fit, max: u64) -> String {
    let size = |bytes: u64| ByteSize(bytes).display().si();
    match copy {
        Fit::Already { bytes } => {
            format!(
                "fitted   no copy needed: the bundle has {}, no more than {}; send the bundle itself\n",
                size(*bytes),
                size(max)
            )
        }
        Fit::Made { finished, fitted } => {
            let files = (!fitted.files.is_empty()).then(|| counted(fitted.files.len() as u64, "file"));
            let lines = (fitted.logs > 0).then(|| format!("{} lines", fitted.lines.words()));
            let given_up: Vec<String> = files.into_iter().chain(lines).collect();
            let given_up = if given_up.is_empty() { "nothing".to_owned() } else { given_up.join(", ") };
            format!(
                "fitted   {} of at most {}, sha256 {}\nleft out {given_up}; README.txt lists them, and the full bundle has them\n",
                size(finished.bytes),
                size(max),
                finished.sha256,
            )
        }
    }
}

fn failure(bundle: &Path, error: BundleError) -> Failure {
    match error {
        BundleError::Damaged { .. } => Failure { exit: Exit::Incomplete, text: error.to_string() },
        BundleError::Stopped { .. } => Failure { exit: Exit::Interrupted, text: error.to_string() },
        BundleError::TooSmall { .. }
        | BundleError::Copy { .. }
        | BundleError::NotABundle { .. }
        | BundleError::Newer { .. }
        | BundleError::Path { .. } => Failure::usage(error),
        BundleError::Io { ref path, .. } if path == bundle => Failure::usage(error),
        error => Failure::no_bundle(error),
    }
}
