//! `collect`: an incident into a bundle.

mod again;
mod reports;
mod work;

use self::{
    again::quoted,
    work::{Made, Work},
};
use super::{Failure, connection, dry_run, fit, metrics, parse, print, reach::Clusters};
use crate::{
    bundle::{BundleError, BundleWriter, Destination, Finished, Fit, Manifest},
    collect::{Attachment, Earlier, Limits, Skip},
    exit::Exit,
    plan::{
        self, Request,
        window::{self, Incident, Window},
    },
    profile::Profile,
    redact::{Key, Redactor},
    report,
    source::{Stop, StopReason, Stopper},
};
use chrono::{DateTime, Local, Utc};
use clap::{Args, ValueEnum};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::task::JoinHandle;

const DEFAULT_PROFILE: &str = "trust-domain-server";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) connection: connection::Flags,

    /// Collect around this time: 2026-11-22T14:05:00Z, 14:05 (local), 14:05Z, -20m, START/END, or START/ (until now)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time window")]
    incident_time: Option<String>,
    /// Start the window this long before the incident [default: 15m; without an incident, 30m before now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time window")]
    before: Option<String>,
    /// End the window this long after the incident [default: 15m]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time window")]
    after: Option<String>,
    /// Write a bundle now, follow the logs until the window ends, then replace it
    #[arg(long, help_heading = "Time window")]
    wait: bool,

    /// Use this profile: a name that `profiles` lists, or a file [default: trust-domain-server; with --into, the bundle's]
    #[arg(long, value_name = "NAME|FILE", help_heading = "Evidence")]
    profile: Option<String>,
    /// Leave out these kinds: logs, previous-logs, scrapes, descriptions, or a resource by its kubectl name
    #[arg(long, value_name = "KIND", value_delimiter = ',', help_heading = "Evidence")]
    skip: Vec<String>,
    /// Show the pods and images of other workloads on the nodes, too
    #[arg(long, help_heading = "Evidence")]
    node_neighbours: bool,
    /// Also read the log files that the nodes have rotated; needs get nodes/proxy, a powerful right
    #[arg(long, help_heading = "Evidence")]
    rotated_logs: bool,
    /// Add a note for support; repeatable, redacted
    #[arg(long, value_name = "TEXT", help_heading = "Evidence")]
    note: Vec<String>,
    /// Add a text file, such as the output of spirldbg; repeatable, redacted
    #[arg(long, value_name = "FILE", help_heading = "Evidence")]
    attach: Vec<PathBuf>,
    /// Record the support ticket's number
    #[arg(long, value_name = "ID", help_heading = "Evidence")]
    ticket: Option<String>,
    /// Set the trust domain, if the servers do not state it
    #[arg(long, value_name = "NAME", help_heading = "Evidence")]
    trust_domain: Option<String>,
    /// Set the region, if no label of a pod or node states it
    #[arg(long, value_name = "NAME", help_heading = "Evidence")]
    region: Option<String>,

    #[command(flatten)]
    pub(super) metrics: metrics::Flags,

    /// Write the bundle to this folder, or to this file ending in .zip [default: the current folder]
    #[arg(long, value_name = "FILE|DIR", help_heading = "Bundle")]
    to: Option<PathBuf>,
    /// Complete an earlier bundle of the same incident: write a new bundle, leave this one unchanged
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["incident_time", "before", "after"], help_heading = "Bundle")]
    into: Option<PathBuf>,
    /// Name this context's cluster NAME in the bundle; repeatable [default: the context's name]
    #[arg(long, value_name = "CONTEXT=NAME", value_parser = parse::renaming, help_heading = "Bundle")]
    pub(super) cluster_name: Vec<(String, String)>,
    /// Redact with the key in this file (at least 16 bytes); bundles of the same key have the same token for a secret
    #[arg(long, value_name = "FILE", help_heading = "Bundle")]
    redaction_key: Option<PathBuf>,
    /// Also write a copy of at most this size: 20MB, 20MiB
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Bundle")]
    max_size: Option<u64>,
    /// Print the bundle's path as text, or a JSON object
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", help_heading = "Bundle")]
    output: Output,

    /// Print the plan; send only the requests that planning needs
    #[arg(long, help_heading = "Limits")]
    dry_run: bool,
    /// Stop collecting after this long, and write what was collected
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = parse::duration, help_heading = "Limits")]
    deadline: Duration,
    /// Read at most this much of a container's log
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = parse::size, help_heading = "Limits")]
    log_limit: u64,
    /// Read at most this many logs of one node at once
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Limits")]
    node_streams: u16,
    /// Send at most this many requests to one cluster at once
    #[arg(long, value_name = "N", default_value = "32", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Limits")]
    pub(super) cluster_streams: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Text,
    Json,
}

pub(super) async fn run(arguments: &Arguments, clusters: &Clusters) -> Result<Exit, Failure> {
    let started = Utc::now();
    let earlier = arguments.into.as_deref().map(Earlier::open).transpose().map_err(Failure::usage)?.map(Arc::new);
    let request = Arc::new(arguments.request(started, earlier.as_ref().map(|earlier| earlier.manifest()))?);
    let attachments: Vec<Attachment> =
        arguments.attach.iter().map(|path| Attachment::read(path)).collect::<Result<_, _>>().map_err(Failure::usage)?;
    let key = arguments.key()?;
    let (stopper, stop) = Stop::new();
    let reach = arguments.metrics.reach(arguments.connection.request_timeout, &stop)?;
    eprint!("{}", request.window.echo(started, &Local));
    let unfinished = request.window.unfinished(started, arguments.wait);
    for warning in request.window.shortfalls().into_iter().chain(unfinished) {
        eprintln!("{warning}");
    }
    let stopper = Arc::new(stopper);
    if arguments.dry_run {
        let (reached, unreached) = arguments.reach(&request, clusters, &stop).await?;
        return dry_run::print_plan(&request, &reached, &unreached, arguments).await;
    }
    let to = Destination::from_arg(arguments.to.as_deref()).map_err(Failure::usage)?;
    let bundle = BundleWriter::create(&to, started).map_err(Failure::no_bundle)?;
    let skip = Skip::default();
    let listening = listen(&stopper, &skip);
    let deadline = end_after(arguments.deadline, &stopper);
    // Whatever ends the run before there is a bundle leaves nothing behind.
    match arguments.reach(&request, clusters, &stop).await {
        Ok((reached, _)) if reached.is_empty() => {
            bundle.abandon();
            Err(match stop.reason() {
                Some(StopReason::Interrupted) => Failure {
                    exit: Exit::Interrupted,
                    text: "interrupted before anything was collected; there is no bundle".to_owned(),
                },
                _ => Failure::no_bundle("there is no bundle, because no cluster was reached"),
            })
        }
        Ok((reached, unreached)) => {
            let work = Work {
                arguments,
                request,
                reach,
                skip,
                redactor: Redactor::new(&key),
                key_id: key.id(),
                started,
                attachments,
                reached,
                unreached,
                stop,
                stopper,
            };
            let mut made = work.collect(bundle, earlier).await?;
            deadline.abort();
            if arguments.wait && work.is_open() {
                made = work.wait(made).await;
            }
            // From here on there is a bundle, and an interrupt is about a copy of it.
            listening.abort();
            arguments.end(&made, &work.redactor)
        }
        Err(failure) => {
            bundle.abandon();
            Err(failure)
        }
    }
}

/// The deadline closes the bundle.
fn end_after(deadline: Duration, stopper: &Arc<Stopper>) -> JoinHandle<()> {
    let stopper = stopper.clone();
    tokio::spawn(async move {
        tokio::time::sleep(deadline).await;
        stopper.stop(StopReason::Deadline);
    })
}

/// Ctrl-C once closes the bundle, twice leaves at once.
fn listen(stopper: &Arc<Stopper>, skip: &Skip) -> JoinHandle<()> {
    let (on_signal, skip) = (stopper.clone(), skip.clone());
    tokio::spawn(async move {
        interrupted().await;
        if skip.now() {
            eprintln!("skipping the second scrape");
            // One Ctrl-C may come twice.
            tokio::time::sleep(Duration::from_millis(200)).await;
            interrupted().await;
        }
        eprintln!("interrupted: finishing the bundle with what was collected; press Ctrl-C again to exit now");
        on_signal.stop(StopReason::Interrupted);
        // One Ctrl-C may come twice: to the process, and to the group that it is in.
        tokio::time::sleep(Duration::from_millis(200)).await;
        interrupted().await;
        eprintln!("exited; `kubectl-escalate salvage NAME.zip.partial` recovers a bundle of what was collected");
        std::process::exit(Exit::Interrupted.code().into());
    })
}

/// Waits for Ctrl-C, or for being asked to end.
pub(super) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Without handlers the system's own apply: the process ends, and `salvage` finds its journal.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Arguments {
    /// What is asked for; where a bundle is to be completed, what it was asked for.
    pub(super) fn request(&self, now: DateTime<Utc>, earlier: Option<&Manifest>) -> Result<Request, Failure> {
        let named = self.profile.as_deref().or(earlier.map(|earlier| earlier.profile.as_str()));
        let profile = Profile::load(named.unwrap_or(DEFAULT_PROFILE)).map_err(Failure::usage)?;
        let duration =
            |text: &Option<String>| text.as_deref().map(window::parse_duration).transpose().map_err(Failure::usage);
        let incident = self.incident_time.as_deref().map(|text| window::parse_incident(text, now, &Local));
        let incident = incident.transpose().map_err(Failure::usage)?;
        let window = match earlier {
            Some(of) => Window {
                start: of.window_start,
                end: of.window_end,
                incident: of.incident_start.zip(of.incident_end).map(|(start, end)| Incident { start, end }),
            },
            None => {
                Window::new(incident, duration(&self.before)?, duration(&self.after)?, now).map_err(Failure::usage)?
            }
        };
        let known = |kind: &str| {
            plan::KINDS.contains(&kind)
                || profile
                    .objects
                    .iter()
                    .any(|rule| rule.resource.to_string() == kind || rule.resource.plural() == kind)
                || profile.custom_resources.iter().any(|rule| kind.ends_with(&rule.group))
        };
        for kind in &self.skip {
            if kind == "pods" {
                return Err(Failure::usage(
                    "--skip pods would leave nothing to plan from; skip logs or scrapes instead",
                ));
            }
            if !known(kind) {
                return Err(Failure::usage(format!(
                    "--skip {kind}: the profile {} has no such kind; give {} or a resource of the profile",
                    profile.name,
                    plan::KINDS.join(", ")
                )));
            }
        }
        let said = |given: &Option<String>, was: Option<(&Option<String>, &Option<String>)>, flag: &str| {
            let was = was.filter(|(_, source)| source.as_deref() == Some(flag));
            given.clone().or_else(|| was.and_then(|(value, _)| value.clone()))
        };
        let trust_domain = earlier.map(|was| (&was.trust_domain, &was.trust_domain_source));
        let region = earlier.map(|was| (&was.region, &was.region_source));
        Ok(Request {
            prometheus: self.metrics.ask()?,
            queries: self.metrics.queries(&profile)?,
            trust_domain: said(&self.trust_domain, trust_domain, "--trust-domain"),
            region: said(&self.region, region, "--region"),
            profile,
            window,
            skip: self.skip.iter().cloned().collect(),
            node_neighbours: self.node_neighbours,
            rotated_logs: self.rotated_logs,
        })
    }

    fn key(&self) -> Result<Key, Failure> {
        let Some(path) = &self.redaction_key else { return Ok(Key::random()) };
        let bytes = std::fs::read(path)
            .map_err(|why| Failure::usage(format!("cannot read the redaction key {}: {why}", path.display())))?;
        Key::from_bytes(&bytes)
            .map_err(|why| Failure::usage(format!("the redaction key {} cannot be used: {why}", path.display())))
    }

    /// Says what there is now, makes the smaller copy that was asked for, and prints the paths.
    fn end(&self, made: &Made, redactor: &Redactor) -> Result<Exit, Failure> {
        let Made { manifest, findings, finished, .. } = made;
        let path = finished.path.display().to_string();
        let hint = self.max_size.is_none().then(|| quoted(&path));
        eprint!("{}", report::summary(manifest, Some(findings), finished.bytes, &finished.sha256, hint.as_deref()));
        let mut exit = Exit::of(manifest);
        if self.output == Output::Text {
            print(&format!("{path}\n"));
        }
        let copy = match self.max_size {
            Some(max) => self.copy(finished, max, redactor, &mut exit),
            None => None,
        };
        match self.output {
            Output::Text => copy.iter().for_each(|copy| print(&format!("{}\n", copy.path.display()))),
            Output::Json => {
                let copy = copy.map(|copy| {
                    let path = copy.path.display().to_string();
                    serde_json::json!({ "bundle": path, "bytes": copy.bytes, "sha256": copy.sha256 })
                });
                print(&format!(
                    "{}\n",
                    serde_json::json!({ "bundle": path, "bytes": finished.bytes, "sha256": finished.sha256, "fitted": copy, "exitCode": exit.code(), "complete": manifest.complete })
                ));
            }
        }
        Ok(exit)
    }

    /// The smaller copy; none when the bundle is small enough, or when it failed, which is told.
    fn copy(&self, finished: &Finished, max: u64, redactor: &Redactor, exit: &mut Exit) -> Option<Finished> {
        let to = Destination::of_copy(&finished.path, None);
        match to.and_then(|to| fit::copy(&finished.path, &to, max, redactor)) {
            Ok(copy) => {
                eprint!("{}", fit::told(&copy, max));
                match copy {
                    Fit::Already { .. } => None,
                    Fit::Made { finished, .. } => Some(finished),
                }
            }
            Err(error) => {
                eprintln!("kubectl-escalate: {error}");
                match error {
                    BundleError::Stopped { .. } => *exit = Exit::Interrupted,
                    _ if *exit == Exit::Complete => *exit = Exit::Incomplete,
                    _ => {}
                }
                None
            }
        }
    }

    pub(super) fn output(&self) -> Output {
        self.output
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { cluster: self.cluster_streams.into(), node: self.node_streams.into() }
    }

    pub(super) fn limits_text(&self) -> String {
        format!(
            "deadline {}, at once {} logs per node and {} requests per cluster, {} per log, {} s without data",
            humantime(self.deadline),
            self.node_streams,
            self.cluster_streams,
            bytesize::ByteSize(self.log_limit),
            self.connection.request_timeout.as_secs(),
        )
    }
}

fn humantime(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") }
}
