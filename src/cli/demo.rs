//! `demo`: the whole of `collect`, against a recorded incident in place of a cluster.

use super::{Failure, collect, reach::Clusters};
use crate::{
    bundle::{BundleReader, Manifest},
    exit::Exit,
    replay::Replay,
    source::{
        Stop,
        kubernetes::{Connection, Kubernetes, Limits},
    },
};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, FromArgMatches as _};
use std::{ffi::OsString, path::PathBuf, sync::Arc};

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

/// A bundle that is asked as if it were its clusters.
pub(super) struct Recording(Arc<BundleReader>);

impl Recording {
    /// A connection to each cluster of the recording, by its name there.
    pub(super) fn connect(&self, limits: Limits, stop: &Stop) -> Vec<(String, Result<Connection, String>)> {
        let manifest = self.0.manifest();
        let reached = manifest.clusters.iter().filter(|cluster| cluster.error.is_none());
        let connection = |name: &String| {
            let replay = Replay::dated(self.0.clone(), name, manifest.started);
            Connection {
                kubernetes: Kubernetes::new(replay.client(), limits, stop.clone()),
                context: name.clone(),
                user: "nobody".to_owned(),
                namespace: None,
                server: "a recording".to_owned(),
            }
        };
        reached.map(|cluster| (cluster.name.clone(), Ok(connection(&cluster.name)))).collect()
    }
}

pub(super) async fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let recording = match &arguments.bundle {
        Some(path) => BundleReader::open(path).map_err(Failure::usage)?,
        None => BundleReader::held("the built-in incident", INCIDENT).map_err(Failure::no_bundle)?,
    };
    let recording = Arc::new(recording);
    let manifest = recording.manifest();
    eprintln!(
        "replaying a recording of {}: no cluster is contacted, and ages are as of then",
        manifest.started.to_rfc3339_opts(SecondsFormat::Secs, true)
    );
    let words = words(manifest, arguments);
    let command = collect::Arguments::augment_args(clap::Command::new("collect"));
    let parsed = command.try_get_matches_from(words).and_then(|matches| collect::Arguments::from_arg_matches(&matches));
    let collect = parsed.map_err(Failure::usage)?;
    let exit = collect::run(&collect, &Clusters::Recording(Recording(recording.clone()))).await?;
    eprintln!("look at  report.html first: it shows what is wrong; README.txt explains the other files");
    Ok(exit)
}

/// The command line that asks for what the recording holds.
fn words(manifest: &Manifest, arguments: &Arguments) -> Vec<OsString> {
    let (start, end) = match (manifest.incident_start, manifest.incident_end) {
        (Some(start), Some(end)) => (start, end),
        _ => (manifest.window_start, manifest.window_end),
    };
    let seconds = |from: DateTime<Utc>, to: DateTime<Utc>| format!("{}s", (to - from).num_seconds().max(0));
    let mut words: Vec<OsString> = ["collect", "--incident-time"].map(Into::into).into();
    words.push(format!("{}/{}", text(start), text(end)).into());
    words.extend(["--before".into(), seconds(manifest.window_start, start).into()]);
    words.extend(["--after".into(), seconds(end, manifest.window_end).into()]);
    words.extend(["--profile".into(), manifest.profile.clone().into()]);
    // What was asked of one is in the recording; it cannot be asked anew.
    words.extend(["--prometheus", "none", "--scrape-gap", "0s"].map(Into::into));
    for namespace in manifest.clusters.iter().flat_map(|cluster| &cluster.namespaces) {
        words.extend(["-n".into(), namespace.into()]);
    }
    if let Some(to) = &arguments.to {
        words.extend(["--to".into(), to.into()]);
    }
    words
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
