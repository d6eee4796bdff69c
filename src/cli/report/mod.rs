//! `report`: the rules of a profile over a bundle that is there, again or by another profile, without any cluster.

use super::{Failure, print};
use crate::{
    bundle::{BundleError, BundleReader, facts::Facts, layout, to_json},
    exit::Exit,
    findings,
    profile::Profile,
    report,
};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

mod search;

/// Largest facts.json that is read, in bytes.
const LARGEST: u64 = 128 << 20;

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

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let reader = BundleReader::open(&arguments.bundle).map_err(failure)?;
    let manifest = reader.manifest();
    let profile = profile(arguments, &manifest.profile)?;
    let path = arguments.bundle.display();
    let found = reader.find(&layout::facts()).ok_or_else(|| {
        Failure::usage(format!(
            "{path} has no facts.json: it was made by a version that took none, or its run was cut short; collect \
             anew, or add to it with collect --into {path}"
        ))
    })?;
    let text = reader.read(found, LARGEST).map_err(failure)?;
    let mut facts: Facts = serde_json::from_slice(&text).map_err(|why| Failure {
        exit: Exit::Incomplete,
        text: format!("facts.json of {path} cannot be read: {why}"),
    })?;
    let unread = search::search(&reader, &mut facts, &profile);
    if let Some(why) = &unread {
        eprintln!(
            "the logs are not searched for what this profile looks for, and what it needs of them is not checked: \
             {why}; `kubectl escalate verify {path}` says what is damaged"
        );
    }
    let found = findings::of_bundle(&profile, &facts, manifest);
    match arguments.output {
        Output::Text => print(&report::text(&found)),
        Output::Json => {
            print(&String::from_utf8_lossy(&to_json(&found).map_err(Failure::usage)?));
        }
    }
    Ok(if unread.is_some() { Exit::Incomplete } else { Exit::Complete })
}

fn profile(arguments: &Arguments, of_bundle: &str) -> Result<Profile, Failure> {
    match &arguments.profile {
        Some(named) => Profile::load(named).map_err(Failure::usage),
        None => Profile::built_in(of_bundle).map_err(|_| {
            Failure::usage(format!(
                "the bundle was made with the profile \"{of_bundle}\", which does not come with this program; give \
                 --profile FILE"
            ))
        }),
    }
}

fn failure(error: BundleError) -> Failure {
    match error {
        BundleError::Damaged { .. } => Failure { exit: Exit::Incomplete, text: error.to_string() },
        error => Failure::usage(error),
    }
}
