//! Turns one incident of a Defakto trust domain server into one zip.
//!
//! The modules stand in the order of the flow: the command line makes a request, a profile says
//! what evidence a workload needs, both make a plan, collectors run its tasks against sources,
//! everything passes redaction on its way into the bundle, facts are taken from what is clean, rules
//! make findings of them, and reports put all that into words. docs/ARCHITECTURE.md is the map.

pub mod bundle;
pub mod cli;
pub mod collect;
pub mod collectors;
pub mod describe;
pub mod exit;
pub mod facts;
pub mod findings;
pub mod kubelet_log;
pub mod plan;
pub mod profile;
pub mod promql;
pub mod quantity;
pub mod redact;
pub mod replay;
pub mod report;
pub mod source;
pub mod yaml;

use std::ffi::OsString;

/// Runs the program with these arguments, the first being its own name.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> exit::Exit {
    cli::run(arguments)
}
