//! Owns `collect`: its flags, the request that they make, and what is printed about the bundle.

use super::{
    connection, dry_run,
    failure::Failure,
    fit, metrics,
    parse::{self, Output},
    signal::{listen, on_interrupt},
    terminal::Terminal,
};
use crate::{
    bundle::{BundleError, Destination, Finished, Fit, Manifest},
    collect::{Attachment, Concurrency, Earlier},
    collectors,
    exit::Exit,
    pipeline::{self, CollectRequest, Collected, Control, Limits},
    plan::{
        self, Request,
        window::{self, Window},
    },
    profile::Profile,
    redact::Key,
    report,
    text::quoted,
};
use chrono::{DateTime, Local, Utc};
use clap::Args;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

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
    /// Also show the pods and images of other workloads on the nodes
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
    /// Redact with the key in this file (at least 16 bytes); bundles with the same key have the same token for a secret
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

pub(super) async fn run(arguments: &Arguments, terminal: &Arc<Terminal>) -> Result<Exit, Failure> {
    let request = arguments.request(Utc::now())?;
    if arguments.dry_run {
        echo(&request, terminal);
        return dry_run::run(&request, arguments.output, terminal).await;
    }
    let output = Print { max_size: arguments.max_size, output: arguments.output };
    collect(request, &output, terminal).await
}

/// What is printed about a bundle.
pub(super) struct Print {
    pub(super) max_size: Option<u64>,
    pub(super) output: Output,
}

/// Collects, and prints the bundle's path or a JSON object.
pub(super) async fn collect(request: CollectRequest, print: &Print, terminal: &Arc<Terminal>) -> Result<Exit, Failure> {
    echo(&request, terminal);
    let control = Control::default();
    let listening = listen(&control, terminal);
    let collected = pipeline::collect(request, terminal.clone(), &control).await;
    // From here on there is a bundle, and an interrupt only stops a smaller copy.
    listening.abort();
    print.collected(&collected?, terminal)
}

/// Prints the window, and warnings about it.
fn echo(request: &CollectRequest, terminal: &Terminal) {
    let (window, started) = (&request.evidence.window, request.started);
    terminal.say_text(&window.echo(started, &Local));
    let unfinished = window.unfinished(started, request.wait);
    window.shortfalls().into_iter().chain(unfinished).for_each(|warning| terminal.say(warning));
}

impl Print {
    /// Prints the summary, makes the requested smaller copy, and prints the paths.
    fn collected(&self, collected: &Collected, terminal: &Arc<Terminal>) -> Result<Exit, Failure> {
        let Collected { manifest, findings, finished, .. } = collected;
        let path = finished.path.display().to_string();
        let hint = self.max_size.is_none().then(|| quoted(&path));
        let summary = report::summary(manifest, findings.as_ref(), finished.bytes, &finished.sha256, hint.as_deref());
        terminal.say_text(&summary);
        let mut exit = collected.exit();
        if self.output == Output::Text && !terminal.print(&format!("{path}\n")) {
            terminal.say(format_args!("the bundle is {path}"));
        }
        let copy = self.max_size.and_then(|max| copy(collected, max, terminal, &mut exit));
        match self.output {
            Output::Text => copy.iter().for_each(|copy| {
                if !terminal.print(&format!("{}\n", copy.path.display())) {
                    terminal.say(format_args!("the smaller copy is {}", copy.path.display()));
                }
            }),
            Output::Json => {
                let copy = copy.map(|copy| {
                    let path = copy.path.display().to_string();
                    serde_json::json!({ "bundle": path, "bytes": copy.bytes, "sha256": copy.sha256 })
                });
                let object = serde_json::json!({ "bundle": path, "bytes": finished.bytes, "sha256": finished.sha256, "fitted": copy, "exitCode": exit.code(), "complete": manifest.complete });
                if !terminal.print(&format!("{object}\n")) {
                    terminal.say(format_args!("the bundle is {path}"));
                }
            }
        }
        Ok(exit)
    }
}

/// The smaller copy; none if the bundle is small enough, or if it failed, which is printed.
fn copy(collected: &Collected, max: u64, terminal: &Arc<Terminal>, exit: &mut Exit) -> Option<Finished> {
    match on_interrupt(|control| collected.fit(max, &**terminal, control)) {
        Ok(copy) => {
            terminal.say_text(&fit::told(&copy, max));
            match copy {
                Fit::Already { .. } => None,
                Fit::Made { finished, .. } => Some(finished),
            }
        }
        Err(error) => {
            terminal.error(&error);
            match error {
                BundleError::Stopped { .. } => *exit = Exit::Interrupted,
                _ if *exit == Exit::Complete => *exit = Exit::Incomplete,
                _ => {}
            }
            None
        }
    }
}

impl Arguments {
    /// The request that these flags make.
    fn request(&self, now: DateTime<Utc>) -> Result<CollectRequest, Failure> {
        let earlier = self.into.as_deref().map(Earlier::open).transpose().map_err(Failure::usage)?;
        let evidence = self.evidence(now, earlier.as_ref().map(Earlier::manifest))?;
        let attachments = self.attach.iter().map(|path| Attachment::read(path)).collect::<Result<_, _>>();
        Ok(CollectRequest {
            earlier,
            attachments: attachments.map_err(Failure::usage)?,
            key: self.key()?,
            prometheus: self.metrics.access()?,
            targets: self.connection.targets(self.cluster_name.clone(), self.cluster_streams.into()),
            to: Destination::from_arg(self.to.as_deref()).map_err(Failure::usage)?,
            limits: Limits {
                deadline: self.deadline,
                log: self.log_limit,
                scrape_gap: self.metrics.scrape_gap,
                streams: Concurrency { cluster: self.cluster_streams.into(), node: self.node_streams.into() },
            },
            wait: self.wait,
            notes: self.note.clone(),
            ticket: self.ticket.clone(),
            ..CollectRequest::of(evidence, now)
        })
    }

    /// Which evidence to collect; if a bundle is to be completed, the same as for that bundle.
    pub(super) fn evidence(&self, now: DateTime<Utc>, earlier: Option<&Manifest>) -> Result<Request, Failure> {
        let collectors = collectors::optional();
        let profile = match (&self.profile, earlier) {
            (Some(named), _) => Profile::load(named, &collectors),
            (None, Some(earlier)) => Profile::built_in(&earlier.profile, &collectors),
            (None, None) => Profile::built_in(Profile::DEFAULT, &collectors),
        };
        let profile = profile.map_err(Failure::usage)?;
        let duration =
            |text: &Option<String>| text.as_deref().map(window::parse_duration).transpose().map_err(Failure::usage);
        let incident = self.incident_time.as_deref().map(|text| window::parse_incident(text, now, &Local));
        let incident = incident.transpose().map_err(Failure::usage)?;
        let window = match earlier {
            Some(manifest) => pipeline::window_of(manifest, now).map_err(|why| {
                let path = self.into.as_deref().unwrap_or(Path::new("")).display();
                Failure::usage(format!(
                    "--into {path}: in its manifest.json, {why}; collect again, with --incident-time instead of --into"
                ))
            })?,
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
                || profile.collectors.iter().any(|name| name == kind)
        };
        for kind in &self.skip {
            if kind == "pods" {
                return Err(Failure::usage(
                    "--skip pods: everything else is planned from the list of pods; skip logs or scrapes instead",
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
}
