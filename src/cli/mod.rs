//! Owns the command line: a file for each verb. It checks the arguments and makes them a request, the
//! [pipeline](crate::pipeline) does the work, and the result is printed.

mod bundles;
mod collect;
mod connection;
mod demo;
mod dry_run;
mod failure;
mod fit;
mod metrics;
mod parse;
mod profiles;
mod progress;
mod rbac;
mod report;
mod signal;
mod terminal;

use self::{failure::Failure, terminal::Terminal};
use crate::exit::Exit;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::{ffi::OsString, sync::Arc};

/// Collect an incident of a Defakto trust domain server into one zip for support.
#[derive(Debug, Parser)]
#[command(name = "kubectl-escalate", version, max_term_width = 100)]
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
    /// Check that a bundle has exactly the files that its manifest lists, each with the right hash.
    Verify(bundles::Verify),
    /// Recover a bundle from a killed run: NAME.zip.partial and its journal.
    Salvage(bundles::Salvage),
    /// List the profiles, print one, or print their JSON Schema.
    Profiles(profiles::Arguments),
}

/// Runs the program with these arguments, the first being its own name.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let terminal = Arc::new(Terminal::default());
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // Help and version are requested, and are not failures.
        Err(answer) => {
            terminal.print_clap(&answer);
            return terminal.exit(if answer.use_stderr() { Exit::Usage } else { Exit::Complete });
        }
    };
    let ended = match cli.verb {
        Verb::Collect(arguments) => block_on(collect::run(&arguments, &terminal)),
        Verb::Demo(arguments) => block_on(demo::run(&arguments, &terminal)),
        Verb::Rbac(arguments) => block_on(rbac::run(&arguments, &terminal)),
        Verb::Report(arguments) => report::run(&arguments, &terminal),
        Verb::Fit(arguments) => block_on(async { fit::run(&arguments, &terminal) }),
        Verb::Verify(arguments) => bundles::verify(&arguments, &terminal),
        Verb::Salvage(arguments) => block_on(async { bundles::salvage(&arguments, &terminal) }),
        Verb::Profiles(arguments) => profiles::run(&arguments, &terminal),
    };
    terminal.exit(ended.unwrap_or_else(|Failure { exit, text }| {
        terminal.error(text);
        exit
    }))
}

/// Runs a verb that asks a cluster, or writes a bundle: it finishes also without its terminal.
fn block_on(verb: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::no_bundle(format!("the program could not start its threads: {error}")))?;
    let ended = runtime.block_on(async {
        signal::outlive_terminal();
        verb.await
    });
    // A credential plugin or a name lookup may still hang in a thread of its own.
    runtime.shutdown_background();
    ended
}

/// The whole command line as clap knows it, for docs/REFERENCE.md.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}
