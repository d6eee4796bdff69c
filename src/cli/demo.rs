//! Owns `demo`: all of `collect`, with a recorded incident in place of a cluster.

use super::{
    collect::{self, Print},
    failure::Failure,
    parse::Output,
    terminal::Terminal,
};
use crate::{
    bundle::{BundleReader, Destination},
    exit::Exit,
    pipeline,
    text::utc,
};
use chrono::Utc;
use clap::Args;
use std::{path::PathBuf, sync::Arc};

/// A stand-in server in a crash loop, collected from a real Kubernetes by `tests/record --demo`.
const INCIDENT: &[u8] = include_bytes!("demo.zip");

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write the bundle to this folder, or to this file ending in .zip [default: the current folder]
    #[arg(long, value_name = "FILE|DIR")]
    to: Option<PathBuf>,
    /// Replay this bundle instead of the built-in incident
    #[arg(long, value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
}

pub(super) async fn run(arguments: &Arguments, terminal: &Arc<Terminal>) -> Result<Exit, Failure> {
    let recording = match &arguments.bundle {
        Some(path) => BundleReader::open(path).map_err(Failure::usage)?,
        None => BundleReader::held("the built-in incident", INCIDENT).map_err(Failure::no_bundle)?,
    };
    terminal.say(format_args!(
        "replaying a recording of {}: no cluster is contacted, and ages are relative to that time",
        utc(recording.manifest().started)
    ));
    let mut request = pipeline::request_of(Arc::new(recording), Utc::now()).map_err(Failure::usage)?;
    request.to = Destination::from_arg(arguments.to.as_deref()).map_err(Failure::usage)?;
    let exit = collect::collect(request, &Print { max_size: None, output: Output::Text }, terminal).await?;
    terminal.say("look at  report.html first: it shows what is wrong; README.txt explains the other files");
    Ok(exit)
}
