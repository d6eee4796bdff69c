//! `collect --dry-run`: the very plan that would run, after asking only what planning needs.

use super::{failure::Failure, parse::Output, terminal::Terminal};
use crate::{
    exit::Exit,
    pipeline::{Cluster, CollectRequest, Control, Reached, reach},
    plan::{self, Known, Planned, Pod, Request, What, Without},
    source::kubernetes::{Row, Rows, SourceError},
};
use chrono::Utc;
use std::{sync::Arc, time::Duration};

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

/// The plan of one cluster, through all its stages, in the order it would run.
async fn whole(request: &Arc<Request>, cluster: &Cluster, gap: Duration) -> Result<Vec<Planned>, SourceError> {
    let (served, place) = (&cluster.discovery.resources, &cluster.found.place);
    let mut plan = plan::first(request, served, &cluster.discovery.failed, place);
    let mut pods = Vec::new();
    let mut refused = Vec::new();
    let lists: Vec<_> =
        plan.iter().filter(|planned| planned.without.is_none()).map(|planned| planned.task.clone()).collect();
    for task in lists {
        let What::List(list) = &task.what else { continue };
        if !list.resource.is("", "pods") {
            continue;
        }
        let mut seen = Seen { request: request.clone(), pods: Vec::new() };
        match cluster.connection.kubernetes.list(&task.path(), false, &mut seen).await {
            Ok(_) => pods.extend(seen.pods),
            Err(error) if error.code() == Some(403) && list.namespace.is_none() => {
                refused.extend(plan::one_by_one(&task, place))
            }
            Err(error) if error.code() == Some(403) => {}
            Err(error) => return Err(error),
        }
    }
    for task in refused {
        let mut seen = Seen { request: request.clone(), pods: Vec::new() };
        let listed = cluster.connection.kubernetes.list(&task.path(), false, &mut seen).await;
        if listed.is_ok() {
            pods.extend(seen.pods);
        }
        plan.push(task.into());
    }
    pods.retain(|pod| {
        place.namespaces.get(&pod.namespace).is_some_and(|scope| scope.own || scope.related.has_pod(&pod.name))
    });
    pods.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
    let now = Utc::now();
    let expanded = plan::expand(request, served, place, pods);
    let again = |planned: &Planned| match &planned.task.what {
        What::Scrape(scrape) if planned.without.is_none() && !gap.is_zero() => Some(scrape.again(now + gap)),
        _ => None,
    };
    plan.extend(expanded.iter().filter_map(again));
    plan.extend(expanded);
    let whom = plan::whom(request, place, now);
    if whom.as_ref().is_some_and(|planned| planned.without.is_none()) {
        // What metrics and logs tell narrows them further, when they are there.
        let namespaces = place.namespaces.keys().cloned().collect();
        plan.extend(plan::questions(request, &Known { namespaces, ..Known::default() }, now));
    }
    plan.extend(whom);
    // Several ways may lead to one task, as they do when it runs.
    let mut known = std::collections::BTreeSet::new();
    plan.retain(|planned| known.insert(planned.task.id()));
    plan.sort_by_key(|planned| (planned.without.is_some(), planned.task.priority()));
    Ok(plan)
}

fn line(planned: &Planned) -> String {
    let task = &planned.task;
    let required = if task.required { "required" } else { "" };
    let request = match &planned.without {
        None if matches!(&task.what, What::Scrape(scrape) if scrape.not_before.is_some()) => {
            format!("{}, if no Prometheus answers for the servers", task.request())
        }
        None => task.request(),
        Some(Without::Absent(cause)) => format!("not requested: {cause}"),
        Some(Without::Skipped(cause)) => format!("skipped: {cause}"),
        Some(Without::Failed(causes)) => format!("cannot be requested: {}", causes.join(": ")),
    };
    format!("  {required:<9} {:<44} {request}\n", task.target())
}

fn json(planned: &Planned) -> serde_json::Value {
    let task = &planned.task;
    let without = planned.without.as_ref().map(|without| match without {
        Without::Absent(cause) => ("absent", cause.clone()),
        Without::Skipped(cause) => ("skipped", cause.clone()),
        Without::Failed(causes) => ("failed", causes.join(": ")),
    });
    serde_json::json!({
        "id": task.id(),
        "kind": task.kind(),
        "namespace": task.namespace(),
        "target": task.target(),
        "required": task.required,
        "request": without.is_none().then(|| task.request()),
        "outcome": without.as_ref().map(|(outcome, _)| outcome),
        "cause": without.map(|(_, cause)| cause),
    })
}

struct Seen {
    request: Arc<Request>,
    pods: Vec<Pod>,
}

impl Rows for Seen {
    type Object = serde_json::Value;

    fn row(&mut self, row: Row<serde_json::Value>) {
        self.pods.extend(Pod::read(&self.request, &row.object));
    }

    fn restart(&mut self) {
        self.pods.clear();
    }
}
