//! Owns the way from the results of a run to the manifest: every task with its outcome, every entry with its source,
//! and the checklist. Pure.

use super::{Carriage, Container, Earlier, EndedTask, Entry, RunResult, answers, completed, containers};
use crate::{
    bundle::{
        BundleName, CheckState, ChecklistItem, ClusterInfo, Ended, EntryRecord, FinalPaths, GapCause, IdentityClaim,
        IdentityKind, Manifest, NamePart, TaskRecord,
    },
    facts::{
        coverage, gone,
        identity::{JoinedClaims, join},
        onset::{self, Onset},
    },
    plan::Request,
    text::{counted, utc},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// What is known besides the results of the run.
pub struct Ledger {
    /// The collection's start.
    pub started: DateTime<Utc>,
    /// When the collection from the clusters started.
    pub asked: DateTime<Utc>,
    /// Its end, when it has one.
    pub finished: Option<DateTime<Utc>>,
    /// Why the run stopped.
    pub ended: Ended,
    /// `--ticket`.
    pub ticket: Option<String>,
    /// The command that collects the same from the same clusters, without the time.
    pub command: String,
    /// How much time around the incident was requested, as flags.
    pub around: String,
    /// Which Prometheus is queried, as a flag, if the user gave one.
    pub asking: String,
    /// Identifies the redaction key.
    pub redaction_key_id: String,
    /// The clusters, including those that were not reached.
    pub clusters: Vec<ClusterInfo>,
    /// Further remarks about the run.
    pub remarks: Vec<String>,
    /// Entries of the user's own.
    pub notes: Vec<Entry>,
    /// The bundle that this one completes, and what was taken over from it.
    pub earlier: Option<(Arc<Earlier>, Carriage)>,
}

impl Ledger {
    /// The bundle's name, now that all is known.
    #[must_use]
    pub fn name(&self, request: &Request, run: &RunResult) -> BundleName {
        let namespaces: Vec<&str> =
            self.clusters.iter().flat_map(|cluster| &cluster.namespaces).map(String::as_str).collect();
        let namespace = match namespaces[..] {
            [] => None,
            [one] => Some(one),
            _ => Some("multi"),
        };
        let part = |claims: &JoinedClaims, unknown| NamePart::of(claims.values.iter().map(String::as_str), unknown);
        BundleName::new(&part(&trust_domain(request, run), namespace), &part(&region(request, run), None), self.started)
    }

    /// The manifest's identity, before anything was collected or after: what a killed run leaves
    /// for `salvage`.
    #[must_use]
    pub fn draft(&self, request: &Request, run: &RunResult) -> Manifest {
        let window = &request.window;
        let (trust_domain, region) = (trust_domain(request, run), region(request, run));
        let deployment = join(&run.claims, IdentityKind::Deployment, None);
        let joined = |claims: &JoinedClaims| (!claims.values.is_empty()).then(|| claims.values.join(", "));
        let mut manifest = Manifest::new(self.started, window.start, window.end);
        manifest.trust_domain = joined(&trust_domain);
        manifest.trust_domain_source = trust_domain.source;
        manifest.trust_domain_deployment = joined(&deployment);
        manifest.region = joined(&region);
        manifest.region_source = region.source;
        manifest.incident_start = window.incident.map(|incident| incident.start);
        manifest.incident_end = window.incident.map(|incident| incident.end);
        manifest.ticket.clone_from(&self.ticket);
        manifest.tool = env!("CARGO_PKG_NAME").to_owned();
        manifest.tool_version = env!("CARGO_PKG_VERSION").to_owned();
        manifest.profile.clone_from(&request.profile.name);
        manifest.profile_version = request.profile.version.to_string();
        manifest.profile_sha256 = request.profile.sha256().to_owned();
        manifest.finished = self.finished;
        manifest.complete = self.ended == Ended::Finished && !run.is_cut;
        manifest.ended = self.ended;
        manifest.redaction_key_id.clone_from(&self.redaction_key_id);
        manifest.identity = claims(&run.claims);
        manifest.clusters.clone_from(&self.clusters);
        for cluster in &mut manifest.clusters {
            let of_cluster: Vec<IdentityClaim> = run
                .claims
                .iter()
                .filter(|claim| claim.cluster.as_deref() == Some(cluster.name.as_str()))
                .cloned()
                .collect();
            cluster.region = joined(&join(&of_cluster, IdentityKind::Region, None));
            cluster.prometheus = answers::backend(run, cluster);
        }
        manifest
    }

    /// The manifest, with every path as it is in the bundle.
    #[must_use]
    pub fn manifest(&self, request: &Request, run: &RunResult, settled: &FinalPaths) -> Manifest {
        let mut manifest = self.draft(request, run);
        let mut entries: BTreeMap<String, EntryRecord> =
            settled.records().into_iter().map(|record| (record.path.clone(), record)).collect();
        for entry in &self.notes {
            fill(&mut entries, settled, entry, "");
        }
        manifest.tasks = run.records.iter().map(|record| task(record, settled, &mut entries)).collect();
        manifest.tasks.sort_by(|one, other| one.id.cmp(&other.id));
        manifest.remarks.clone_from(&self.remarks);
        manifest.remarks.extend(
            settled
                .dropped()
                .iter()
                .map(|lost| format!("{} was collected, but lost to a full disk", lost.path.as_str())),
        );
        manifest.entries = entries.into_values().collect();
        manifest.containers = containers::coverage(request, run, settled);
        manifest.queries = answers::records(run, settled);
        manifest.gone_pods.clone_from(&run.gone_pods);
        if let Some((earlier, carriage)) = &self.earlier {
            completed::add(&mut manifest, earlier, carriage, settled);
        }
        // If its log is here, more is known than its events.
        let had: HashSet<&String> = manifest.containers.iter().filter_map(|it| it.uid.as_ref()).collect();
        manifest.gone_pods.retain(|pod| !had.contains(&pod.uid));
        manifest.redactions_total = manifest.entries.iter().flat_map(|entry| entry.redactions.values()).sum();
        let onset = onset(request, run);
        manifest.checklist = self.checklist(&manifest, request, settled.name(), onset.as_ref());
        manifest
    }
}

impl Ledger {
    /// The runbook's list of what support needs, with what the bundle has of it.
    fn checklist(
        &self,
        manifest: &Manifest,
        request: &Request,
        name: &BundleName,
        onset: Option<&Onset>,
    ) -> Vec<ChecklistItem> {
        let into = format!("{} --into {name}.zip", self.command);
        let metrics = answers::checklist(manifest, request.questions(), &into);
        vec![self.logs(manifest, request, name, onset), metrics, who(manifest), priority(manifest)]
    }

    fn logs(&self, manifest: &Manifest, request: &Request, name: &BundleName, onset: Option<&Onset>) -> ChecklistItem {
        let (now, again) = (self.asked, format!("{}{}", self.command, self.asking));
        let window = &request.window;
        let text = "logs from 15 minutes before to 15 minutes after the incident";
        let taken = manifest.tasks.iter().filter(|task| task.is_log() && !task.entries.is_empty()).count();
        let lacking: Vec<String> =
            coverage::missing_logs(manifest).into_iter().chain(gone::logs_lack(manifest)).collect();
        let gaps = || manifest.containers.iter().flat_map(|container| &container.gaps);
        let lacks = |cause: GapCause| gaps().any(|gap| gap.missing && gap.cause == cause);
        let mut shortfalls = window.shortfalls();
        let mut command = None;
        match window.incident {
            None => {
                shortfalls
                    .insert(0, "no incident time was given: these are the minutes before the collection".to_owned());
                if let Some(Onset { at, what }) = onset {
                    shortfalls.insert(1, format!("it may have begun at {}: {what}", utc(*at)));
                }
                let time = onset.map_or_else(|| "TIME".to_owned(), |onset| utc(onset.at));
                command = Some(format!("{again} --incident-time {time}{}", self.around));
            }
            Some(incident) => {
                let span = if incident.start == incident.end {
                    utc(incident.start)
                } else {
                    format!("{}/{}", utc(incident.start), utc(incident.end))
                };
                let same = format!("{again} --incident-time {span}{}", self.around);
                // If the window ended while its logs were read, nothing may be missing.
                let is_open = window.end > now
                    && (manifest.containers.is_empty() || gaps().any(|gap| gap.missing && gap.to == window.end));
                if is_open {
                    let after = utc(window.end + TimeDelta::seconds(5));
                    command = Some(format!("{again} --into {name}.zip   # after {after}"));
                } else if lacks(GapCause::CutByLimit) {
                    command = Some(format!("{same} --log-limit SIZE"));
                }
                // Where a container lacks the end, its line says so.
                if is_open && !lacks(GapCause::WindowNotOver) {
                    shortfalls.push(format!("the window is not over until {}", utc(window.end)));
                }
            }
        }
        let state = match (taken, shortfalls.is_empty() && lacking.is_empty()) {
            (0, _) => CheckState::No,
            (_, true) => CheckState::Yes,
            (_, false) => CheckState::Partial,
        };
        let mut detail =
            format!("{}, {} to {}", counted(taken as u64, "log"), utc(window.start), utc(window.end.min(now)));
        for missing in shortfalls.into_iter().chain(lacking) {
            detail.push_str("; ");
            detail.push_str(&missing);
        }
        item("logs", text, state, detail, command)
    }
}

fn trust_domain(request: &Request, run: &RunResult) -> JoinedClaims {
    let said = request.trust_domain.as_deref().map(|said| (said, "--trust-domain"));
    join(&run.claims, IdentityKind::TrustDomain, said)
}

fn region(request: &Request, run: &RunResult) -> JoinedClaims {
    join(&run.claims, IdentityKind::Region, request.region.as_deref().map(|said| (said, "--region")))
}

/// When the incident may have begun, if none was given.
fn onset(request: &Request, run: &RunResult) -> Option<Onset> {
    let window = &request.window;
    if window.incident.is_some() {
        return None;
    }
    let restart = |container: &Container| {
        let (runs, at) = (&container.runs, container.runs.previous?.ended?);
        let what = format!("{}/{} ended and restarted", runs.pod, runs.container);
        window.contains(at).then_some(Onset { at, what })
    };
    let restarts = run.containers.iter().filter_map(restart);
    onset::propose(run.records.iter().filter_map(|record| record.result.onset.clone()).chain(restarts).collect())
}

/// Each claim once, in a stable order: many pods say the same.
fn claims(claims: &[IdentityClaim]) -> Vec<IdentityClaim> {
    let mut distinct: Vec<IdentityClaim> = Vec::new();
    let mut sorted = claims.to_vec();
    sorted.sort_by(|one, other| {
        (one.what, &one.cluster, &one.value, &one.source).cmp(&(
            other.what,
            &other.cluster,
            &other.value,
            &other.source,
        ))
    });
    for claim in sorted {
        let same = |held: &&IdentityClaim| {
            (held.what, &held.cluster, &held.value, held.hint) == (claim.what, &claim.cluster, &claim.value, claim.hint)
        };
        if !distinct.iter().any(|held| same(&held)) {
            distinct.push(claim);
        }
    }
    distinct
}

fn fill(
    entries: &mut BTreeMap<String, EntryRecord>,
    settled: &FinalPaths,
    entry: &Entry,
    task: &str,
) -> Option<String> {
    let path = settled.record(&entry.path)?.path;
    let record = entries.get_mut(&path)?;
    task.clone_into(&mut record.task);
    record.source.clone_from(&entry.source);
    record.started = Some(entry.started);
    record.ended = Some(entry.ended);
    record.coverage.clone_from(&entry.coverage);
    record.set_redactions(&entry.redactions);
    Some(path)
}

fn task(record: &EndedTask, settled: &FinalPaths, entries: &mut BTreeMap<String, EntryRecord>) -> TaskRecord {
    let id = format!("{}/{}", record.cluster, record.task.id());
    let paths = record.result.entries.iter().filter_map(|entry| fill(entries, settled, entry, &id)).collect();
    self::record(record, paths)
}

/// The record of a task, with the paths of its entries.
pub(super) fn record(record: &EndedTask, entries: Vec<String>) -> TaskRecord {
    let EndedTask { cluster, task, started, duration, result } = record;
    TaskRecord {
        id: format!("{cluster}/{}", task.id()),
        kind: task.kind().to_owned(),
        cluster: Some(cluster.clone()),
        namespace: task.namespace().map(str::to_owned),
        target: task.target(),
        request: task.request(),
        required: task.required,
        outcome: result.outcome,
        causes: result.causes.clone(),
        hint: result.hint.clone(),
        started: *started,
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        http_status: result.http_status,
        entries,
    }
}

fn item(id: &str, text: &str, state: CheckState, detail: String, command: Option<String>) -> ChecklistItem {
    ChecklistItem { id: id.to_owned(), text: text.to_owned(), state, detail, command }
}

fn who(manifest: &Manifest) -> ChecklistItem {
    let said = |what: &str, value: &Option<String>, source: &Option<String>, flag: &str| match (value, source) {
        (Some(value), Some(source)) => format!("{what} {value} ({source})"),
        (Some(value), None) => format!("{what} {value}"),
        (None, _) => format!("{what} unknown, set it with {flag}"),
    };
    let mut detail = [
        said("trust domain", &manifest.trust_domain, &manifest.trust_domain_source, "--trust-domain"),
        said("region", &manifest.region, &manifest.region_source, "--region"),
    ]
    .join("; ");
    let disagree = |value: &Option<String>| value.as_ref().is_some_and(|value| value.contains(", "));
    if disagree(&manifest.trust_domain) || disagree(&manifest.region) {
        detail.push_str("; the sources disagree, see \"identity\" in manifest.json");
    }
    let hints: Vec<String> = manifest
        .identity
        .iter()
        .filter(|claim| claim.hint)
        .map(|claim| format!("{} ({})", claim.value, claim.source))
        .collect();
    if manifest.region.is_none() && !hints.is_empty() {
        detail.push_str(&format!("; hint for the region: {}", hints.join(", ")));
    }
    let state = match (&manifest.trust_domain, &manifest.region) {
        (Some(_), Some(_)) => CheckState::Yes,
        (None, None) => CheckState::No,
        _ => CheckState::Partial,
    };
    let command =
        (state != CheckState::Yes).then(|| "kubectl-escalate collect --trust-domain NAME --region NAME".to_owned());
    item("identity", "trust domain and deployment region", state, detail, command)
}

fn priority(manifest: &Manifest) -> ChecklistItem {
    let (state, detail) = match manifest.production {
        Some(true) => (CheckState::Yes, "production workloads are affected: high priority"),
        Some(false) => (CheckState::Yes, "no production workload is affected"),
        None => (
            CheckState::No,
            "unknown; tell support whether production workloads fail to get certificates, which makes it urgent",
        ),
    };
    item("priority", "priority", state, detail.to_owned(), None)
}
