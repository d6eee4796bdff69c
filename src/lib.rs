//! Owns the crate, which collects one incident of a Defakto trust domain server into one zip.
//!
//! The program is [`run`]. To collect without a command line, make a [`CollectRequest`](pipeline::CollectRequest) and
//! call [`pipeline::collect`] with it; an [`Observer`](pipeline::Observer) receives its progress, and a
//! [`Control`](pipeline::Control) ends it early. [`pipeline::report`] and [`pipeline::fit`] take a finished bundle. The
//! whole of `examples/collect.rs`:
//!
//! ```no_run
#![doc = include_str!("../examples/collect.rs")]
//! ```
//!
//! The modules below are in the order in which a run goes through them. docs/ARCHITECTURE.md is the map.

// An empty line between two modules keeps rustfmt from sorting them.

// The command line makes a request, and the pipeline executes it.
pub mod cli;
pub mod exit;

pub mod pipeline;

// A profile says what evidence is needed. Profile and request make a plan.
pub mod profile;
pub mod yaml;

pub mod plan;

// Each task of the plan is run by a collector, which asks a source.
pub mod collect;
pub mod collectors;

pub mod kubelet_log;

pub mod source;

// Everything passes redaction before facts are extracted from it and before it is written.
pub mod redact;

pub mod facts;
pub mod quantity;

pub mod bundle;
mod text;

// When all tasks have ended, objects are described, and queries are answered that no Prometheus has answered.
pub mod replay;

pub mod describe;

pub mod promql;

// The profile's rules turn facts into findings, and reports put them into words.
pub mod findings;

pub mod report;

use std::ffi::OsString;

/// Runs the program with these arguments, the first being its own name.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> exit::Exit {
    cli::run(arguments)
}
