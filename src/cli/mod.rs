//! The command line: a file for each verb. Text is checked and made into requests here, and what
//! came of them is printed here; no work is done.

#![expect(clippy::print_stderr, reason = "this room is the one that talks to the terminal")]

mod bundles;
mod collect;
mod connection;
mod demo;
mod dry_run;
mod fit;
mod metrics;
mod parse;
mod profiles;
mod progress;
mod rbac;
mod reach;
mod report;

use crate::exit::Exit;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::{ffi::OsString, fmt};

/// Collects one incident of a Defakto trust domain server into one zip for support.
#[derive(Debug, Parser)]
#[command(name = "kubectl-escalate", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Collect the evidence of an incident into a bundle.
    Collect(Box<collect::Arguments>),
    /// Replay a recorded incident, without a cluster, to show what a run and a bundle look like.
    Demo(demo::Arguments),
    /// Print the minimal Role and ClusterRole for `collect`.
    Rbac(Box<rbac::Arguments>),
    /// Explain a bundle: what went wrong, the root cause first, and what to do next.
    Report(report::Arguments),
    /// Make a smaller copy of a bundle; drop the least important evidence first.
    Fit(fit::Arguments),
    /// Check a bundle: every file that the manifest lists, no other, each against its hash.
    Verify(bundles::Verify),
    /// Recover a bundle from a killed run: NAME.zip.partial and its journal.
    Salvage(bundles::Salvage),
    /// List the profiles, print one, or print their JSON Schema.
    Profiles(profiles::Arguments),
}

/// Why a verb ended without doing its work: one line for the user, and an exit code.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    fn usage(error: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, text: error.to_string() }
    }

    fn no_bundle(error: impl fmt::Display) -> Self {
        Self { exit: Exit::NoBundle, text: error.to_string() }
    }
}

/// Runs the program with these arguments, the first being its own name.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // Help and version are asked for, and no failure.
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Complete };
            // A closed pipe is the reader's choice.
            let _ = error.print();
            return exit;
        }
    };
    let ended = match cli.verb {
        Verb::Collect(arguments) => block_on(collect::run(&arguments, &reach::Clusters::Contexts)),
        Verb::Demo(arguments) => block_on(demo::run(&arguments)),
        Verb::Rbac(arguments) => block_on(rbac::run(&arguments)),
        Verb::Report(arguments) => report::run(&arguments),
        Verb::Fit(arguments) => block_on(fit::run(&arguments)),
        Verb::Verify(arguments) => bundles::verify(&arguments),
        Verb::Salvage(arguments) => bundles::salvage(&arguments),
        Verb::Profiles(arguments) => profiles::run(&arguments),
    };
    ended.unwrap_or_else(|Failure { exit, text }| {
        eprintln!("kubectl-escalate: {text}");
        exit
    })
}

fn block_on(verb: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::no_bundle(format!("the program could not start its threads: {error}")))?;
    let ended = runtime.block_on(verb);
    // A credential plugin or a name lookup may still hang in a thread of its own.
    runtime.shutdown_background();
    ended
}

/// Prints to standard output; a reader who has seen enough ends nothing.
fn print(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// The whole command line as clap knows it, for docs/REFERENCE.md.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}
