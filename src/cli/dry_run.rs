//! Owns `collect --dry-run`: the same plan that would run, after sending only the requests that planning needs.

use super::{failure::Failure, parse::Output, terminal::Terminal};
use crate::{
    collectors::{self, Look},
    exit::Exit,
    facts::gone::MentionedPods,
    pipeline::{Cluster, CollectRequest, Control, Reached, reach},
    plan::{Basis, DeletedPod, Evidence, FoundPrometheus, Known, Planned, Preset, Request, Role, Shown, Task},
    source::kubernetes::SourceError,
};
use chrono::{DateTime, Utc};
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

pub(super) async fn run(request: &CollectRequest, output: Output, terminal: &Terminal) -> Result<Exit, Failure> {
    let CollectRequest { evidence, targets, limits, .. } = request;
    let Reached { clusters: reached, unreached } =
        reach(targets, &evidence.profile, terminal, &Control::default()).await?;
    if reached.is_empty() {
        return Err(Failure::no_bundle("there is no plan, because no cluster was reached"));
    }
    let evidence = &Arc::new(evidence.clone());
    let mut text = String::new();
    let mut clusters = Vec::new();
    text.push_str("dry run: requested version, discovery and the lists that planning needs; nothing was written\n");
    text.push_str(&format!("profile  {} {}\n", evidence.profile.name, evidence.profile.version));
    text.push_str(&format!("limits   {}\n", limits_text(request)));
    for cluster in &reached {
        let plan = whole(evidence, cluster, limits.scrape_gap).await;
        let plan = plan.map_err(|error| Failure::no_bundle(error.causes().join(": ")))?;
        text.push_str(&format!("\ncluster {}, {} tasks\n", cluster.name, plan.len()));
        plan.iter().for_each(|planned| text.push_str(&line(planned)));
        clusters.push(serde_json::json!({ "name": cluster.name, "tasks": plan.iter().map(json).collect::<Vec<_>>() }));
    }
    for cluster in &unreached {
        text.push_str(&format!("\ncluster {} was not reached\n", cluster.name));
    }
    match output {
        Output::Text => terminal.print(&text),
        Output::Json => terminal
            .print(&format!("{:#}\n", serde_json::json!({ "profile": evidence.profile.name, "clusters": clusters }))),
    };
    Ok(if unreached.is_empty() { Exit::Complete } else { Exit::Incomplete })
}

fn limits_text(request: &CollectRequest) -> String {
    let CollectRequest { limits, targets, .. } = request;
    let seconds = limits.deadline.as_secs();
    let deadline = if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") };
    format!(
        "deadline {deadline}, at once {} logs per node and {} requests per cluster, {} per log, {} s without data",
        limits.streams.node,
        limits.streams.cluster,
        bytesize::ByteSize(limits.log),
        targets.requests.idle.as_secs(),
    )
}

/// The plan of one cluster, in the order in which it would run. Only what planning needs is requested; all other
/// requests are assumed to be answered, and it is left open whether there is a Prometheus.
async fn whole(request: &Arc<Request>, cluster: &Cluster, gap: Duration) -> Result<Vec<Planned>, SourceError> {
    let basis = cluster.basis(request, gap);
    let mut planner = collectors::planner(&basis, HashSet::new());
    let mut looked =
        Looked { now: Utc::now() + cluster.skew, listed: None, told: MentionedPods::default(), basis: &basis };
    let mut open = VecDeque::from(planner.start(looked.now));
    let mut plan = Vec::new();
    while let Some(mut planned) = open.pop_front() {
        if planned.preset.is_none() {
            let shown = match planner.needs(&planned.task) {
                true => looked.look(cluster, &planned.task).await?,
                false => {
                    let scraped = Some(Utc::now());
                    Shown { prometheus: FoundPrometheus::Unknown, scraped, ..Shown::default() }
                }
            };
            let is_refused = shown.is_refused;
            open.extend(planner.on(&planned.task, shown, &looked));
            // The tasks that replace it are required instead.
            planned.task.required &= !is_refused;
        }
        plan.push(planned);
    }
    plan.sort_by_key(|planned| (planned.preset.is_some(), planned.task.priority()));
    Ok(plan)
}

/// What the lists that planning needs showed.
struct Looked<'a> {
    now: DateTime<Utc>,
    /// When the pods were first requested, by the API server's clock.
    listed: Option<DateTime<Utc>>,
    told: MentionedPods,
    basis: &'a Basis,
}

impl Looked<'_> {
    async fn look(&mut self, cluster: &Cluster, task: &Task) -> Result<Shown, SourceError> {
        if task.role() == Role::Pods {
            self.listed.get_or_insert(Utc::now() + cluster.skew);
        }
        match collectors::look(&cluster.connection.kubernetes, self.basis, &cluster.name, task).await {
            Ok(Look { pods, told }) => {
                self.told.join(told);
                Ok(Shown { pods, ..Shown::default() })
            }
            Err(error) if error.code() == Some(403) => {
                let is_refused = task.namespace().is_none();
                Ok(Shown { is_refused, is_incomplete: !is_refused, ..Shown::default() })
            }
            Err(error) => Err(error),
        }
    }
}

impl Evidence for Looked<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.now
    }

    fn known(&self) -> Known {
        // In a real run, what metrics and logs show narrows the queries further.
        Known { namespaces: self.basis.place.namespaces.keys().cloned().collect(), ..Known::default() }
    }

    fn deleted(&self, there: &HashSet<String>) -> Vec<DeletedPod> {
        let gone = self.listed.map(|listed| self.told.gone((there, listed), self.basis.request.window.start));
        gone.into_iter().flatten().map(DeletedPod::from).collect()
    }
}

fn line(planned: &Planned) -> String {
    let task = &planned.task;
    let required = if task.required { "required" } else { "" };
    let request = match &planned.preset {
        None if task.is_waiting(DateTime::UNIX_EPOCH) => {
            format!("{}, if no Prometheus answers for the servers", task.request())
        }
        None => task.request(),
        Some(Preset::Absent(cause)) => format!("not requested: {cause}"),
        Some(Preset::Skipped(cause)) => format!("skipped: {cause}"),
        Some(Preset::Failed(causes)) => format!("cannot be requested: {}", causes.join(": ")),
    };
    format!("  {required:<9} {:<44} {request}\n", task.target())
}

fn json(planned: &Planned) -> serde_json::Value {
    let task = &planned.task;
    let preset = planned.preset.as_ref().map(|preset| match preset {
        Preset::Absent(cause) => ("absent", cause.clone()),
        Preset::Skipped(cause) => ("skipped", cause.clone()),
        Preset::Failed(causes) => ("failed", causes.join(": ")),
    });
    serde_json::json!({
        "id": task.id(),
        "kind": task.kind(),
        "namespace": task.namespace(),
        "target": task.target(),
        "required": task.required,
        "request": preset.is_none().then(|| task.request()),
        "outcome": preset.as_ref().map(|(outcome, _)| outcome),
        "cause": preset.map(|(_, cause)| cause),
    })
}
