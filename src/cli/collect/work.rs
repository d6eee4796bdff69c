//! The work of `collect`: a run into a bundle, and, when it is to wait, a second one that completes it.

use super::{Arguments, end_after, reports};
use crate::{
    bundle::{
        BundleError, BundleWriter, ClusterInfo, Destination, Ended, EntryPath, FinalPaths, Finished, Manifest, SoFar,
        facts::Facts, findings::Findings, layout,
    },
    cli::{Failure, progress::Bar, reach::Reached},
    collect::{self, Attachment, Container, Earlier, Ledger, Reach, Site, Skip},
    collectors,
    facts::{identity::IdentityNames, logs::Patterns, queries, two_scrapes},
    findings,
    plan::{self, Request},
    redact::{Clean, Redactor},
    report,
    source::{Stop, StopReason, Stopper},
};
use chrono::{DateTime, SecondsFormat, Utc};
use std::{sync::Arc, time::Duration};

/// A collection that has somewhere to write and someone to ask.
pub(super) struct Work<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) request: Arc<Request>,
    pub(super) reach: Reach,
    pub(super) skip: Skip,
    pub(super) redactor: Redactor,
    pub(super) key_id: String,
    pub(super) started: DateTime<Utc>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) reached: Vec<Reached>,
    pub(super) unreached: Vec<ClusterInfo>,
    pub(super) stop: Stop,
    pub(super) stopper: Arc<Stopper>,
}

/// A bundle that is there.
pub(super) struct Made {
    pub(super) manifest: Manifest,
    pub(super) findings: Findings,
    pub(super) finished: Finished,
    /// Whether it has all of the bundle that it completes.
    has_all: bool,
}

/// One run: where it writes, and what it goes on with.
struct Pass {
    bundle: BundleWriter,
    sites: Vec<Site>,
    bar: Arc<Bar>,
    earlier: Option<Arc<Earlier>>,
    /// When the clusters are asked: what is described is described as of then.
    asked: DateTime<Utc>,
    /// Containers as they were seen while they were followed.
    followed: Vec<Container>,
    /// What is looked for in logs.
    patterns: Arc<Patterns>,
}

impl Work<'_> {
    /// Whether the window goes on, and so does the run.
    pub(super) fn is_open(&self) -> bool {
        self.stop.reason().is_none() && Utc::now() < self.request.window.end
    }

    /// A run into `bundle`, which completes `earlier`.
    pub(super) async fn collect(&self, bundle: BundleWriter, earlier: Option<Arc<Earlier>>) -> Result<Made, Failure> {
        self.run(self.pass(bundle, earlier)).await
    }

    /// Follows the logs until the window closes, and completes the bundle that is there. Where that
    /// fails, it stays.
    pub(super) async fn wait(&self, made: Made) -> Made {
        let until = self.request.window.end.to_rfc3339_opts(SecondsFormat::Secs, true);
        let path = made.finished.path.display().to_string();
        eprintln!("{path} has what was collected so far; following the logs until {until}, Ctrl-C to stop");
        match self.complete(&made).await {
            Ok(completed) => completed,
            Err(failure) => {
                eprintln!("kubectl-escalate: {}", failure.text);
                eprintln!("{path} has what was collected before the logs were followed");
                made
            }
        }
    }

    async fn complete(&self, made: &Made) -> Result<Made, Failure> {
        let path = &made.finished.path;
        let earlier = Earlier::of_this_run(path).map_err(Failure::no_bundle)?;
        let bundle =
            BundleWriter::create(&Destination::Next(path.clone()), self.started).map_err(Failure::no_bundle)?;
        let mut pass = self.pass(bundle, Some(Arc::new(earlier)));
        pass.followed = collectors::follow(&mut pass.sites, &self.stop).await;
        pass.asked = Utc::now();
        let deadline = end_after(self.arguments.deadline, &self.stopper);
        let completed = self.run(pass).await;
        deadline.abort();
        let completed = completed?;
        if !completed.has_all {
            eprintln!("it lacks something that the first bundle has, which is kept: {}", path.display());
            return Ok(completed);
        }
        let finished = completed.finished.in_place_of(&made.finished).map_err(Failure::no_bundle)?;
        Ok(Made { finished, ..completed })
    }

    fn pass(&self, bundle: BundleWriter, earlier: Option<Arc<Earlier>>) -> Pass {
        let bar = Arc::new(Bar::new());
        let names = Arc::new(IdentityNames::of(&self.request.profile));
        let env = Arc::new(findings::variables(&self.request.profile));
        let patterns = Arc::new(Patterns::new(findings::patterns(&self.request.profile)));
        // What is there at once is not waited for, when the run goes on.
        let is_first = earlier.as_ref().is_none_or(|earlier| !earlier.is_of_this_run());
        let goes_on = is_first && self.arguments.wait && self.is_open();
        let scrape_gap = if goes_on { Duration::ZERO } else { self.arguments.metrics.scrape_gap };
        // One scrape alone answers nothing.
        let wanted = (!scrape_gap.is_zero()).then(|| two_scrapes::metrics(&self.request));
        let wanted = Arc::new(wanted.unwrap_or_default());
        let site = |reached: &Reached| Site {
            cluster: reached.name.clone(),
            kubernetes: reached.connection.kubernetes.clone(),
            request: self.request.clone(),
            place: Arc::new(reached.found.place.clone()),
            served: Arc::new(reached.discovery.resources.clone()),
            redactor: self.redactor.clone(),
            bundle: bundle.clone(),
            progress: bar.clone() as Arc<dyn collect::Progress>,
            names: names.clone(),
            env: env.clone(),
            started: self.started,
            patterns: patterns.clone(),
            log_limit: self.arguments.log_limit,
            skew: reached.skew,
            images: Arc::default(),
            seen: Arc::default(),
            earlier: earlier.clone(),
            followed: None,
            reach: self.reach.clone(),
            prometheus: Arc::default(),
            object_series: Arc::default(),
            wanted: wanted.clone(),
            scrape_gap,
            skip: self.skip.clone(),
            stop: self.stop.clone(),
        };
        let sites = self.reached.iter().map(site).collect();
        Pass { bundle, sites, bar, earlier, asked: self.started, followed: Vec::new(), patterns }
    }

    async fn run(&self, pass: Pass) -> Result<Made, Failure> {
        let Pass { bundle, sites, bar, earlier, asked, followed, patterns } = pass;
        let written = |error: BundleError| Failure::no_bundle(error);
        let notes =
            collect::notes(&bundle, &self.redactor, &self.arguments.note, &self.attachments).map_err(written)?;
        let mut ledger = self.ledger(earlier.as_deref(), asked, notes);
        let draft = ledger.draft(&self.request, &collect::Run::default());
        bundle.draft(&self.redactor.pretty_json(&draft)).map_err(written)?;
        let first = |reached: &Reached| {
            let Reached { discovery, found, .. } = reached;
            let mut plan = plan::first(&self.request, &discovery.resources, &discovery.failed, &found.place);
            plan.extend(plan::whom(&self.request, &found.place, asked + reached.skew));
            plan
        };
        let plans = self.reached.iter().map(first).collect();
        let limits = self.arguments.limits();
        let mut run = collect::run(&sites, plans, collectors::collect, limits, &self.stop, &self.stopper).await;
        bar.clear();
        run.add_followed(followed);
        let note = |what: &str, error: &BundleError| {
            let remark = format!("{what}: {}", error.causes_without_paths().join(": "));
            if error.is_disk_full() {
                self.stopper.stop(StopReason::DiskFull);
            }
            remark
        };
        if let Err(error) = collectors::answer_without_prometheus(&sites, &mut run) {
            ledger.remarks.push(note("not every query is answered by scrapes", &error));
        }
        match self.stop.reason() {
            None if self.request.skips("descriptions") => {}
            None => {
                let described = tokio::task::block_in_place(|| collect::describe(&sites, &mut run, asked));
                if let Err(error) = described {
                    ledger.remarks.push(note("not every object is described", &error));
                }
            }
            Some(_) => ledger.remarks.push("objects are not described, for the run was cut short".to_owned()),
        }
        let mut has_all = true;
        if let Some(earlier) = earlier {
            run.claims.extend(earlier.manifest().identity.clone());
            let (carriage, error) = tokio::task::block_in_place(|| earlier.carry(&bundle, &self.redactor));
            has_all = error.is_none() && carriage.unread.is_empty();
            ledger.earlier = Some((earlier, carriage));
            if let Some(error) = error {
                ledger.remarks.push(note("not all of the earlier bundle was taken over", &error));
            }
        }
        drop(sites);
        ledger.finished = Some(Utc::now());
        ledger.ended = match self.stop.reason() {
            None => Ended::Finished,
            Some(StopReason::Interrupted) => Ended::Interrupted,
            Some(StopReason::Deadline) => Ended::Deadline,
            Some(StopReason::DiskFull) => Ended::DiskFull,
        };
        let mut made = None;
        let so_far = bundle.so_far();
        let name = ledger.name(&self.request, &run);
        let finished = tokio::task::block_in_place(|| {
            bundle.finish(&name, |settled| {
                has_all &= settled.dropped().is_empty();
                let manifest = ledger.manifest(&self.request, &run, settled);
                let facts = collect::facts(&mut run, &manifest, settled, ledger.earlier.as_ref(), &patterns);
                let found = findings::of_bundle(&self.request.profile, &facts, &manifest);
                let (manifest, found) = made.insert((manifest, found));
                self.last_files(manifest, (&facts, found), &so_far, settled)
            })
        })
        .map_err(written)?;
        let (manifest, findings) = made.ok_or_else(|| Failure::no_bundle("the manifest was not written"))?;
        Ok(Made { manifest, findings, finished, has_all })
    }

    /// The facts, findings and reports, README.txt, the clusters' files and, last of all, the manifest.
    fn last_files(
        &self,
        manifest: &mut Manifest,
        (facts, found): (&Facts, &Findings),
        so_far: &SoFar,
        settled: &FinalPaths,
    ) -> Vec<(EntryPath, Clean)> {
        let redactor = &self.redactor;
        let mut files = Vec::new();
        for cluster in &manifest.clusters {
            files.push((layout::cluster_json(&cluster.name), redactor.pretty_json(cluster)));
            let asked = queries::text(&self.request, &manifest.identity, cluster, &manifest.queries, self.started);
            if let (None, Some(text)) = (&cluster.error, asked) {
                files.push((layout::queries_text(&cluster.name), redactor.text(text.as_bytes()).0));
            }
        }
        // For programs, and the largest of these: without blanks it is scanned in half the time.
        files.push((layout::facts(), redactor.json(facts)));
        files.push((layout::findings(), redactor.pretty_json(found)));
        let curves = reports::curves(manifest, so_far);
        files.extend(reports::files(manifest, found, facts, &curves, redactor));
        files.push((layout::readme(), redactor.text(report::readme(manifest).as_bytes()).0));
        for (path, clean) in &files {
            let mut record = settled.measure(path, clean);
            env!("CARGO_PKG_NAME").clone_into(&mut record.source);
            manifest.entries.push(record);
        }
        manifest.entries.sort_by(|one, other| one.path.cmp(&other.path));
        files.push((layout::manifest(), redactor.pretty_json(manifest)));
        files
    }

    fn ledger(&self, earlier: Option<&Earlier>, asked: DateTime<Utc>, notes: Vec<collect::Entry>) -> Ledger {
        let mut clusters: Vec<ClusterInfo> = self.reached.iter().map(|reached| reached.info.clone()).collect();
        clusters.extend(self.unreached.iter().cloned());
        let was = earlier.map(Earlier::manifest);
        Ledger {
            started: self.started,
            asked,
            finished: None,
            ended: Ended::Interrupted,
            ticket: self.arguments.ticket.clone().or(was.and_then(|was| was.ticket.clone())),
            command: self.arguments.command(&clusters),
            around: self.arguments.around(),
            asking: self.arguments.asking(),
            redaction_key_id: self.key_id.clone(),
            clusters,
            remarks: Vec::new(),
            notes,
            earlier: None,
        }
    }
}
