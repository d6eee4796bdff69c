//! Owns one pass of a run: the plan, its tasks, descriptions, facts, findings and reports, into one bundle. A run that
//! follows the logs has a second pass, which completes the bundle of the first.

use super::{
    control::Control,
    error::PipelineError,
    last_files::{Sources, last_files, minimal},
    lost::{self, Lost},
    observer::{Notice, Observer},
    reach::{Cluster, Reached},
    repeat,
    request::CollectRequest,
};
use crate::{
    bundle::{BundleError, BundleName, BundleWriter, ClusterInfo, Ended, Finished, Manifest, findings::Findings},
    collect::{
        self, ClusterContext, Container, Earlier, Entry, Ledger, Progress, PrometheusRoute, RunContext, Searches,
    },
    collectors,
    facts::{identity::IdentityNames, logs::Patterns, two_scrapes},
    findings,
    plan::Request,
    redact::Redactor,
    source::StopReason,
};
use chrono::{DateTime, Utc};
use std::{sync::Arc, time::Duration};

/// A run that has a place to write to and clusters to collect from.
pub(super) struct Session {
    pub(super) request: CollectRequest,
    /// That of the request, for every collector.
    pub(super) evidence: Arc<Request>,
    pub(super) reached: Reached,
    pub(super) prometheus: PrometheusRoute,
    pub(super) redactor: Redactor,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) control: Control,
}

/// What a pass made.
pub(super) struct Made {
    pub(super) manifest: Manifest,
    /// None when they could not be made.
    pub(super) findings: Option<Findings>,
    pub(super) finished: Finished,
    /// Whether it has all of the bundle that it completes.
    pub(super) has_all: bool,
}

/// Where a pass writes, and what it goes on with.
pub(super) struct Pass {
    bundle: BundleWriter,
    pub(super) contexts: Vec<ClusterContext>,
    earlier: Option<Arc<Earlier>>,
    /// When collection starts. Descriptions are as of this time.
    pub(super) asked: DateTime<Utc>,
    /// Containers as they were seen while they were followed.
    pub(super) followed: Vec<Container>,
    /// What is looked for in logs.
    patterns: Arc<Patterns>,
}

impl Session {
    /// Whether the window goes on, and so does the run.
    pub(super) fn is_open(&self) -> bool {
        self.control.stop.reason().is_none() && Utc::now() < self.evidence.window.end
    }

    /// A pass into `bundle`, which completes `earlier`.
    pub(super) fn pass(&self, bundle: BundleWriter, earlier: Option<Arc<Earlier>>) -> Pass {
        let patterns = Arc::new(Patterns::new(findings::patterns(&self.evidence.profile)));
        // Evidence that is available at once is not waited for if the run continues.
        let is_first = earlier.as_ref().is_none_or(|earlier| !earlier.is_of_this_run());
        let goes_on = is_first && self.request.wait && self.is_open();
        let scrape_gap = if goes_on { Duration::ZERO } else { self.request.limits.scrape_gap };
        // One scrape alone answers nothing.
        let metrics = (!scrape_gap.is_zero()).then(|| two_scrapes::metrics(&self.evidence));
        let searches = Searches {
            names: IdentityNames::of(&self.evidence.profile),
            env: findings::variables(&self.evidence.profile),
            patterns: patterns.clone(),
            metrics: Arc::new(metrics.unwrap_or_default()),
        };
        let run = Arc::new(RunContext {
            started: self.request.started,
            redactor: self.redactor.clone(),
            bundle: bundle.clone(),
            earlier: earlier.clone(),
            searches,
            log_limit: self.request.limits.log,
            reach: self.prometheus.clone(),
            progress: self.observer.clone() as Arc<dyn Progress>,
            skip: self.control.skip.clone(),
            stop: self.control.stop.clone(),
        });
        let context = |cluster: &Cluster| ClusterContext {
            run: run.clone(),
            cluster: cluster.name.clone(),
            kubernetes: cluster.connection.kubernetes.clone(),
            basis: cluster.basis(&self.evidence, scrape_gap),
            skew: cluster.skew,
            followed: None,
            learned: Arc::default(),
        };
        let contexts = self.reached.clusters.iter().map(context).collect();
        Pass { bundle, contexts, earlier, asked: self.request.started, followed: Vec::new(), patterns }
    }

    /// Collects into the bundle of `pass`, and finishes it.
    pub(super) async fn run(&self, pass: Pass) -> Result<Made, PipelineError> {
        let Pass { bundle, contexts, earlier, asked, followed, patterns } = pass;
        let Control { stop, stopper, .. } = &self.control;
        let notes = collect::notes(&bundle, &self.redactor, &self.request.notes, &self.request.attachments)?;
        let mut ledger = self.ledger(earlier.as_deref(), asked, notes);
        let draft = ledger.draft(&self.evidence, &collect::RunResult::default());
        bundle.draft(&self.redactor.pretty_json(&draft))?;
        let planner = |context: &ClusterContext| {
            let followed = context.followed.as_ref().map(|followed| followed.uids());
            collectors::planner(&context.basis, followed.unwrap_or_default())
        };
        let planners = contexts.iter().map(planner).collect();
        let mut lost = Lost::default();
        let mut run =
            collect::run(&contexts, planners, collectors::collect, self.request.limits.streams, stop, stopper).await;
        if run.is_cut {
            lost.add(lost::TASKS);
        }
        lost.run(lost::PROGRESS, || self.observer.tasks_ended());
        run.add_followed(followed);
        let note = |what: &str, error: &BundleError| {
            let remark = format!("{what}: {}", error.causes_without_paths().join(": "));
            if error.is_disk_full() {
                stopper.stop(StopReason::DiskFull);
            }
            remark
        };
        let answered = lost.run(lost::ANSWERS, || collectors::answer_without_prometheus(&contexts, &mut run));
        if let Some(Err(error)) = answered {
            ledger.remarks.push(note("not every query is answered by scrapes", &error));
        }
        match stop.reason() {
            None if self.evidence.skips("descriptions") => {}
            None => {
                let describe = || tokio::task::block_in_place(|| collect::describe(&contexts, &mut run, asked));
                if let Some(Err(error)) = lost.run(lost::DESCRIPTIONS, describe) {
                    ledger.remarks.push(note("not every object is described", &error));
                }
            }
            Some(_) => ledger.remarks.push("objects are not described, because the run was cut short".to_owned()),
        }
        let mut has_all = true;
        if let Some(earlier) = earlier {
            run.claims.extend(earlier.manifest().identity.clone());
            let carry = || tokio::task::block_in_place(|| earlier.carry(&bundle, &self.redactor));
            let (carriage, error) = lost.run(lost::EARLIER, carry).unwrap_or_default();
            has_all = error.is_none() && carriage.unread.is_empty();
            ledger.earlier = Some((earlier, carriage));
            if let Some(error) = error {
                ledger.remarks.push(note("not all of the earlier bundle was taken over", &error));
            }
        }
        drop(contexts);
        ledger.finished = Some(Utc::now());
        ledger.ended = match stop.reason() {
            None => Ended::Finished,
            Some(StopReason::Interrupted) => Ended::Interrupted,
            Some(StopReason::Deadline) => Ended::Deadline,
            Some(StopReason::DiskFull) => Ended::DiskFull,
        };
        let mut made = None;
        let so_far = bundle.so_far();
        let name = lost.run(lost::NAME, || ledger.name(&self.evidence, &run));
        let name = name.unwrap_or_else(|| BundleName::provisional(self.request.started));
        let finished = tokio::task::block_in_place(|| {
            bundle.finish(&name, |paths| {
                let whole = lost.run(lost::MANIFEST, || ledger.manifest(&self.evidence, &run, paths));
                let manifest = whole.unwrap_or_else(|| {
                    let window = &self.evidence.window;
                    let known = Manifest {
                        finished: ledger.finished,
                        ended: ledger.ended,
                        redaction_key_id: ledger.redaction_key_id.clone(),
                        ..Manifest::new(self.request.started, window.start, window.end)
                    };
                    minimal(&known, paths.records())
                });
                let facts = lost.run(lost::FACTS, || {
                    collect::facts(&mut run, &manifest, paths, ledger.earlier.as_ref(), &patterns)
                });
                let found = facts.as_ref().and_then(|facts| {
                    lost.run(lost::FINDINGS, || findings::of_bundle(&self.evidence.profile, facts, &manifest))
                });
                has_all &= paths.dropped().is_empty();
                let (manifest, findings) = made.insert((manifest, found));
                let sources = Sources {
                    request: &self.evidence,
                    started: self.request.started,
                    facts: facts.as_ref(),
                    findings: findings.as_ref(),
                    so_far: &so_far,
                    paths,
                    redactor: &self.redactor,
                };
                last_files(manifest, &sources, &mut lost)
            })
        })?;
        let (manifest, findings) = made.ok_or(PipelineError::NoManifest)?;
        for stage in &manifest.lost {
            self.observer.notice(&Notice::Lost { stage });
        }
        // The last files may have been lost, too.
        has_all &= manifest.lost.is_empty();
        Ok(Made { manifest, findings, finished, has_all })
    }

    fn ledger(&self, earlier: Option<&Earlier>, asked: DateTime<Utc>, notes: Vec<Entry>) -> Ledger {
        let mut clusters: Vec<ClusterInfo> = self.reached.clusters.iter().map(|cluster| cluster.info.clone()).collect();
        clusters.extend(self.reached.unreached.iter().cloned());
        let was = earlier.map(Earlier::manifest);
        Ledger {
            started: self.request.started,
            asked,
            finished: None,
            ended: Ended::Interrupted,
            ticket: self.request.ticket.clone().or(was.and_then(|was| was.ticket.clone())),
            command: repeat::command(&self.request, &clusters),
            around: repeat::around(&self.evidence.window),
            asking: repeat::prometheus(&self.request),
            redaction_key_id: self.request.key.id(),
            clusters,
            remarks: Vec::new(),
            notes,
            earlier: None,
        }
    }
}
