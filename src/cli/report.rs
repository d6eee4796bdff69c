//! Owns `report`: the rules of a profile, evaluated over an existing bundle, without a cluster.

use super::{failure::Failure, terminal::Terminal};
use crate::{
    bundle::{BundleError, to_json},
    collectors,
    exit::Exit,
    pipeline::{self, ReportError},
    profile::Profile,
    report,
};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Bundle to explain
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Apply the rules of this profile: a name that `profiles` lists, or a file [default: the bundle's]
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Print text, or JSON as in findings.json
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Text for people
    Text,
    /// The same as findings.json
    Json,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, Failure> {
    let load = |named| Profile::load(named, &collectors::optional());
    let profile = arguments.profile.as_deref().map(load).transpose().map_err(Failure::usage)?;
    let report = pipeline::report(&arguments.bundle, profile.as_ref()).map_err(failure)?;
    if let Some(why) = &report.unread {
        terminal.say(format_args!(
            "the logs cannot be searched for this profile's patterns, so the rules that need them are not checked: \
             {why}; `kubectl escalate verify {}` shows what is damaged",
            arguments.bundle.display()
        ));
    }
    match arguments.output {
        Output::Text => terminal.print(&report::text(&report.findings)),
        Output::Json => {
            let json = to_json(&report.findings).map_err(Failure::usage)?;
            terminal.print(&String::from_utf8_lossy(&json))
        }
    };
    Ok(if report.unread.is_some() { Exit::Incomplete } else { Exit::Complete })
}

fn failure(error: ReportError) -> Failure {
    match error {
        ReportError::Bundle(BundleError::Damaged { .. }) | ReportError::BadFacts { .. } => {
            Failure { exit: Exit::Incomplete, text: error.to_string() }
        }
        error => Failure::usage(error),
    }
}
