//! Owns the metrics endpoint of one pod, read through the API server's proxy or else by port-forward.

use super::collector::Collector;
use crate::{
    bundle::{Outcome, layout},
    collect::{ClusterContext, TaskResult},
    facts::{exposition::SampleReader, identity::IdentityReader, two_scrapes::Scraped},
    plan::{Planned, Planning, Pod, Right, ScrapeTask, Stage, Task, TaskSpec},
    source::{BodyStream, kubernetes::SourceError},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::FutureExt as _;
use std::time::Duration;

/// Far above any real endpoint; anything larger is not metrics.
const LIMIT: u64 = 256 << 20;

/// For how long one may take, both ways together.
const TIME: Duration = Duration::from_secs(60);
const ACCEPT: &str = "text/plain;version=0.0.4";

pub(super) const COLLECTOR: Collector = Collector {
    name: "scrapes",
    purpose: "metrics endpoints of the workload's pods, twice if no Prometheus has their samples",
    is_optional: false,
    plan,
    collect: |context, task| task.spec().map(|scrape| collect(context, task, scrape).boxed()),
};

impl TaskSpec for ScrapeTask {
    fn id(&self) -> String {
        let second = if self.not_before.is_some() { "/second" } else { "" };
        format!("scrape/{}/{}/{}{second}", self.namespace, self.pod, self.name)
    }

    fn kind(&self) -> &'static str {
        if self.not_before.is_some() { "second-scrape" } else { "scrape" }
    }

    fn target(&self) -> String {
        let again = if self.not_before.is_some() { " once more" } else { "" };
        format!("{} of {}{again}", self.name, self.pod)
    }

    fn namespace(&self) -> Option<&str> {
        Some(&self.namespace)
    }

    fn path(&self) -> String {
        let Self { namespace, pod, scheme, port, path, .. } = self;
        // The API server's proxy takes http where no scheme is said.
        let scheme = if *scheme == "https" { "https:" } else { "" };
        format!("/api/v1/namespaces/{namespace}/pods/{scheme}{pod}:{port}/proxy{path}")
    }

    fn right(&self) -> Option<Right> {
        Some(Right::within(Some(&self.namespace), "get", "", "pods/proxy"))
    }

    fn limit(&self) -> Option<Duration> {
        // It may have a time to wait for, and then sees to its own.
        None
    }

    fn is_waiting(&self, now: DateTime<Utc>) -> bool {
        self.not_before.is_some_and(|at| at > now)
    }
}

fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    let basis = planning.basis;
    match planning.stage {
        Stage::Pods(pods) if !basis.request.skips("scrapes") => {
            let scopes = &basis.place.namespaces;
            let is_selected =
                |pod: &&Pod| scopes.get(&pod.namespace).is_some_and(|scope| scope.pods.contains(&pod.name));
            let task = |(scrape, required): &(ScrapeTask, bool)| Task::new(scrape.clone()).required(*required).into();
            pods.iter().filter(is_selected).flat_map(Pod::scrapes).map(task).collect()
        }
        Stage::AllButLogs { prometheus, scraped, .. }
            if prometheus.may_lack_servers() && !basis.scrape_gap.is_zero() =>
        {
            let gap = TimeDelta::from_std(basis.scrape_gap).unwrap_or(TimeDelta::MAX);
            let again = |(task, at): &(Task, DateTime<Utc>)| {
                let first = task.spec::<ScrapeTask>().filter(|scrape| scrape.not_before.is_none())?;
                let not_before = at.checked_add_signed(gap).unwrap_or(DateTime::<Utc>::MAX_UTC);
                Some(Task::new(ScrapeTask { not_before: Some(not_before), ..first.clone() }).into())
            };
            scraped.iter().filter_map(again).collect()
        }
        _ => Vec::new(),
    }
}

/// Waits until a second scrape's time has come.
async fn wait(context: &ClusterContext, until: DateTime<Utc>) -> Option<TaskResult> {
    let rest = (until - Utc::now()).to_std().unwrap_or_default();
    tokio::select! {
        biased;
        reason = context.run.stop.stopped() => Some(TaskResult::stopped(reason)),
        () = context.run.skip.skipped() => {
            let causes = vec!["the wait between two scrapes was ended by the user".to_owned()];
            Some(TaskResult { causes, ..TaskResult::new(Outcome::Skipped) })
        }
        () = tokio::time::sleep(rest) => None,
    }
}

async fn collect(context: &ClusterContext, task: &Task, scrape: &ScrapeTask) -> TaskResult {
    if let Some(until) = scrape.not_before
        && let Some(ended) = wait(context, until).await
    {
        return ended;
    }
    // One that drips holds up nothing but itself.
    match tokio::time::timeout(TIME, ask(context, task, scrape)).await {
        Ok(result) => result,
        Err(_) => TaskResult {
            causes: vec![format!("took longer than {} s", TIME.as_secs())],
            ..TaskResult::new(Outcome::TimedOut)
        },
    }
}

/// Asks by the proxy, and where that is not allowed or does not get there, by a port-forward. Gives what was asked,
/// too.
async fn open(
    context: &ClusterContext,
    task: &Task,
    scrape: &ScrapeTask,
) -> Result<(BodyStream, String), Box<TaskResult>> {
    let error = match context.kubernetes.get(&task.path(), ACCEPT).await {
        Ok(answer) => return Ok((answer.body, task.request())),
        Err(SourceError::Status { code: 400, message, .. }) if message.contains("address not allowed") => {
            return Err(Box::new(TaskResult::absent("the pod has no address yet")));
        }
        Err(error) => error,
    };
    // The kubelet knows where the pod is, also where the API server cannot reach it.
    let is_worth_it = match &error {
        SourceError::Status { code, .. } => *code == 403 || *code >= 500,
        SourceError::TimedOut { .. } | SourceError::Broken(_) => true,
        _ => false,
    };
    let ScrapeTask { namespace, pod, port, path, scheme, .. } = scrape;
    let mut forwarded = None;
    if is_worth_it && *scheme == "http" {
        match context.kubernetes.get_forwarded((namespace, pod, *port), path, ACCEPT).await {
            Ok(answer) => {
                let source = format!("GET {path} by port-forward to {port} of {namespace}/{pod}");
                return Ok((answer.body, source));
            }
            Err(error) => forwarded = Some(format!("by port-forward: {}", error.causes().join(": "))),
        }
    }
    let mut result = match &error {
        // The proxy's own words for a port that nobody listens on, and for a pod without an address. Any
        // other failure says nothing of the port: the node may be gone.
        SourceError::Status { code: 502..=503, message, .. } if message.contains("connection refused") => TaskResult {
            hint: Some("metrics are off, or the process is not up; telemetry.enabled turns them on".to_owned()),
            ..TaskResult::absent(message)
        },
        error => TaskResult::failed(error, task),
    };
    // It is enough to say that nothing listens.
    if result.outcome != Outcome::Absent {
        result.causes.extend(forwarded);
    }
    Err(Box::new(result))
}

async fn ask(context: &ClusterContext, task: &Task, scrape: &ScrapeTask) -> TaskResult {
    let (mut body, source) = match open(context, task, scrape).await {
        Ok(opened) => opened,
        Err(result) => return *result,
    };
    let at = Utc::now();
    let (mut redact, mut extract, mut received) =
        (context.run.redactor.stream(), IdentityReader::of_scrape(&context.run.searches.names), 0);
    let mut samples = SampleReader::new(context.run.searches.metrics.clone());
    let number = u32::from(scrape.not_before.is_some());
    let path = layout::scrape(&context.cluster, &scrape.namespace, &scrape.pod, number);
    let mut entry = match context.begin(path, &source) {
        Ok(entry) => entry,
        Err(error) => return error.into(),
    };
    let broken = loop {
        let clean = match body.chunk().await {
            Ok(Some(chunk)) => {
                context.run.progress.bytes(chunk.len() as u64);
                received += chunk.len() as u64;
                redact.push(&chunk)
            }
            Ok(None) => break None,
            Err(error) => break Some(TaskResult::failed(&error, task)),
        };
        extract.push(&clean);
        samples.push(&clean);
        if let Err(error) = entry.write(&clean) {
            return error.into();
        }
        if received > LIMIT {
            let causes = vec![format!("the answer is larger than {LIMIT} bytes, too large for metrics")];
            break Some(TaskResult { causes, ..TaskResult::new(Outcome::Truncated) });
        }
    };
    if received == 0 {
        return broken.unwrap_or_else(|| TaskResult::new(Outcome::Empty));
    }
    let (clean, counts) = redact.finish();
    extract.push(&clean);
    samples.push(&clean);
    let entry = match entry.write(&clean).and_then(|()| entry.finish(counts, None)) {
        Ok(entry) => entry,
        Err(error) => return error.into(),
    };
    let mut result = broken.unwrap_or_else(|| TaskResult::new(Outcome::Collected));
    // What has come is there; only the rest is missing.
    if result.outcome == Outcome::Failed {
        result.outcome = Outcome::Truncated;
    }
    result.claims = extract.claims(&format!("{} of {}", scrape.name, scrape.pod), &context.cluster);
    result.entries.push(entry);
    if result.outcome == Outcome::Collected {
        let (namespace, pod) = (scrape.namespace.clone(), scrape.pod.clone());
        let (samples, is_cut) = samples.finish();
        result.scraped = Some(Scraped { namespace, pod, at, samples, is_cut });
    }
    result
}
