//! Owns the rules of a profile's queries: their PromQL can be evaluated, and narrowing it leaves something to select.

use crate::{
    profile::{
        model::{EXAMPLE_RANGE, MetricLabels, NarrowedBy, Spec},
        problem::Problems,
    },
    promql::Query,
    yaml::Step,
};
use std::collections::HashSet;

/// The label that metrics about objects of a namespace have.
const NAMESPACE: &str = "namespace";

/// How the names of metrics begin that are about the whole cluster, and so have no namespace: those of
/// kube-state-metrics, of cAdvisor and of the node exporter. A name with `:` is that of a recording rule, whose labels
/// are anybody's choice.
const OF_CLUSTER: [&str; 15] = [
    "kube_node_",
    "kube_persistentvolume_",
    "kube_storageclass_",
    "kube_volumeattachment_",
    "machine_cpu_",
    "machine_memory_",
    "node_cpu_",
    "node_disk_",
    "node_filesystem_",
    "node_load",
    "node_memory_",
    "node_network_",
    "node_pressure_",
    "node_uname_info",
    "node_vmstat_",
];

/// How the names of the other metrics of kube-state-metrics and cAdvisor begin. They have none of the workload's own
/// labels.
const OF_OBJECTS: [&str; 2] = ["kube_", "container_"];

/// Adds every rule that the queries break.
pub(super) fn rules(problems: &mut Problems, spec: &Spec) {
    let mut seen = HashSet::new();
    for (item, query) in spec.queries.iter().enumerate() {
        let at = |key| [Step::Key("queries"), Step::Item(item), Step::Key(key)];
        problems.require_name(&at("id"), &query.id, "query", seen.insert(&query.id));
        for (key, text) in [("scenario", &query.scenario), ("measures", &query.measures)] {
            problems.require_line(&at(key), text);
        }
        query.needs.iter().for_each(|text| problems.require_line(&at("needs"), text));
        problems.require_threshold(&at("healthy"), query.healthy.as_ref());
        problems.require_threshold(&at("alert"), query.alert.as_ref());
        problems.require_duration(&at("lookback"), query.lookback.as_ref());
        problems.require_duration(&at("step"), query.step.as_ref());
        match query.query(EXAMPLE_RANGE) {
            Ok(expr) => {
                let checked = narrows(&expr, query.narrowed_by, &spec.identity.metric_labels);
                problems.require_ok(checked, &at("expr"));
            }
            Err(error) => problems.add(&at("expr"), error.to_string()),
        }
        match query.query_of_objects(EXAMPLE_RANGE) {
            Ok(of_objects) => {
                let metrics = of_objects.map(|expr| expr.metrics()).unwrap_or_default();
                if let Some(metric) = metrics.iter().find(|metric| begins(metric, &OF_CLUSTER)) {
                    problems
                        .add(&at("fromObjects"), format!("no listed object states `{metric}`; remove `fromObjects`"));
                }
            }
            Err(error) => problems.add(&at("fromObjects"), error.to_string()),
        }
    }
}

/// Checks that narrowing leaves something to select, as far as the names of metrics and the matchers tell.
fn narrows(expr: &Query, by: NarrowedBy, labels: &MetricLabels) -> Result<(), String> {
    let metrics = expr.metrics();
    let labels: Vec<&str> = match by {
        NarrowedBy::Identity => labels.of_workload().map(String::as_str).collect(),
        NarrowedBy::Namespace => vec![NAMESPACE],
        NarrowedBy::Cluster => return Ok(()),
    };
    if let Some(metric) = metrics.iter().find(|metric| begins(metric, &OF_CLUSTER)) {
        return Err(format!(
            "`{metric}` is about the whole cluster, so it has no label of the workload, and narrowing leaves nothing of it; \
             add `narrowedBy: cluster`"
        ));
    }
    let own = labels.iter().find(|label| by == NarrowedBy::Identity && **label != NAMESPACE);
    if let (Some(metric), Some(label)) = (metrics.iter().find(|metric| begins(metric, &OF_OBJECTS)), own) {
        return Err(format!(
            "`{metric}` has no label `{label}`, so narrowing by it leaves nothing; add `narrowedBy: namespace`"
        ));
    }
    match labels.iter().find(|label| expr.excludes(label)) {
        Some(label) => Err(format!(
            "this selects series without the label `{label}`, so narrowing by it leaves nothing; remove the matcher, or \
             change `narrowedBy`"
        )),
        None => Ok(()),
    }
}

/// Whether the name of a metric begins with one of these, and is not that of a recording rule.
fn begins(metric: &str, with: &[&str]) -> bool {
    !metric.contains(':') && with.iter().any(|start| metric.starts_with(start))
}
