//! Owns what the Prometheus has besides samples: alerts, rules and targets, as far as they are about the workload.

use super::{collector::Collector, prometheus};
use crate::{
    bundle::{Outcome, layout},
    collect::{ClusterContext, TaskResult},
    facts::onset::Onset,
    plan::{About, Planned, Planning, Stage, Task, TaskSpec, window::Window},
    profile::QueryRule,
};
use chrono::{DateTime, Utc};
use futures_util::future::FutureExt as _;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

pub(super) const COLLECTOR: Collector = Collector {
    name: "about-prometheus",
    purpose: "alerts, rules and targets of the Prometheus that are about the workload",
    is_optional: false,
    plan,
    collect: |context, task| task.spec().map(|about| collect(context, task, *about).boxed()),
};

impl TaskSpec for About {
    fn id(&self) -> String {
        format!("prometheus/{}", self.word())
    }

    fn kind(&self) -> &'static str {
        self.word()
    }

    fn target(&self) -> String {
        format!("{} of the Prometheus", self.word())
    }

    fn path(&self) -> String {
        About::path(*self).to_owned()
    }

    fn limit(&self) -> Option<Duration> {
        Some(prometheus::PATIENCE)
    }
}

fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    match planning.stage {
        Stage::AllButLogs { prometheus, .. } if prometheus.may_be_asked() => {
            [About::Alerts, About::Rules, About::Targets].map(|about| Task::new(about).into()).into()
        }
        _ => Vec::new(),
    }
}

async fn collect(context: &ClusterContext, task: &Task, about: About) -> TaskResult {
    let Some(prometheus) = context.prometheus() else { return TaskResult::absent("no Prometheus was found") };
    let mut answer = match prometheus.list::<Value>(about.path()).await {
        Ok(answer) => answer,
        // Of a backend that evaluates no rules, or scrapes nothing itself.
        Err(error) if error.code().is_some_and(|code| [400, 404, 405, 501].contains(&code)) => {
            return TaskResult { causes: error.causes(), ..TaskResult::new(Outcome::Absent) };
        }
        Err(error) => return prometheus::failed(prometheus, &error),
    };
    let ours = Ours::of(context);
    let (mut kept, mut total) = (Vec::new(), 0);
    loop {
        let rows = match answer.next().await {
            Ok(Some(rows)) => rows,
            Ok(None) => break,
            Err(error) => return prometheus::failed(prometheus, &error),
        };
        total += rows.len();
        kept.extend(rows.into_iter().filter_map(|row| match about {
            About::Alerts => ours.labels(&row["labels"]).then_some(row),
            About::Targets => ours.target(&row).then_some(row),
            About::Rules => ours.group(row),
        }));
    }
    let word = about.word();
    let onset = (about == About::Alerts).then(|| first(&kept, &context.basis.request.window)).flatten();
    if kept.is_empty() {
        return TaskResult::absent(format!("it has {total} {word}, and none of them is about the workload"));
    }
    let (clean, counts) =
        context.run.redactor.object(json!({ word: kept, "of_all": total, "prometheus": prometheus.shown() }));
    let source = format!("{} at {}", task.request(), prometheus.shown());
    match context.write(layout::about(&context.cluster, word), &source, &clean.to_clean(), counts) {
        Ok(entry) => {
            let clean = |onset: Onset| Onset { what: context.run.redactor.string(&onset.what).0, ..onset };
            let onset = onset.filter(|_| context.basis.request.window.incident.is_none()).map(clean);
            TaskResult { onset, ..TaskResult::collected(vec![entry]) }
        }
        Err(error) => error.into(),
    }
}

/// When the first of these alerts began, of those that fire and did not before the window.
fn first(alerts: &[Value], window: &Window) -> Option<Onset> {
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    let onset = |alert: &Value| {
        let at = DateTime::parse_from_rfc3339(alert["activeAt"].as_str()?).ok()?.with_timezone(&Utc);
        Some(Onset { at, what: format!("the alert {} begins", alert["labels"]["alertname"].as_str()?) })
    };
    firing.filter_map(onset).filter(|onset| window.contains(onset.at)).min()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What is the workload's in a Prometheus that others share.
struct Ours {
    namespaces: BTreeSet<String>,
    /// Labels that only its series have.
    labels: Vec<String>,
    /// Metrics in the profile's queries.
    metrics: BTreeSet<String>,
}

impl Ours {
    fn of(context: &ClusterContext) -> Self {
        let identity = &context.basis.request.profile.identity;
        let metrics = context.basis.request.profile.queries.iter().flat_map(QueryRule::metrics);
        Self {
            namespaces: context.basis.place.namespaces.keys().cloned().collect(),
            labels: identity.metric_labels.of_workload().cloned().collect(),
            metrics: metrics.chain(identity.info_metric.clone()).collect(),
        }
    }

    fn labels(&self, labels: &Value) -> bool {
        let has = |key: &String| labels[key.as_str()].is_string();
        labels["namespace"].as_str().is_some_and(|name| self.namespaces.contains(name)) || self.labels.iter().any(has)
    }

    fn target(&self, target: &Value) -> bool {
        let discovered = target["discoveredLabels"]["__meta_kubernetes_namespace"].as_str();
        self.labels(&target["labels"]) || discovered.is_some_and(|name| self.namespaces.contains(name))
    }

    /// A group with those of its rules that name our metrics, or fire for us.
    fn group(&self, mut group: Value) -> Option<Value> {
        let ours = |rule: &&Value| {
            let text = rule["query"].as_str().unwrap_or_default();
            let is_name = |char: char| char.is_ascii_alphanumeric() || "_:".contains(char);
            let names = text.split(|char| !is_name(char)).any(|word| self.metrics.contains(word));
            names || list(&rule["alerts"]).any(|alert| self.labels(&alert["labels"]))
        };
        let mut rules: Vec<Value> = list(&group["rules"]).filter(ours).cloned().collect();
        for rule in &mut rules {
            // Not by an index, which would write what a recording rule has not.
            if let Some(alerts) = rule.get_mut("alerts").and_then(Value::as_array_mut) {
                // Those of others are others'.
                alerts.retain(|alert| self.labels(&alert["labels"]) || alert["labels"]["namespace"].is_null());
            }
        }
        group["rules"] = rules.into();
        (!group["rules"].as_array()?.is_empty()).then_some(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_rule_gets_no_alerts() {
        let ours = Ours { namespaces: BTreeSet::new(), labels: Vec::new(), metrics: ["up".to_owned()].into() };
        let group = json!({ "name": "ours", "rules": [{ "type": "recording", "name": "all:up", "query": "sum(up)" }] });
        assert_eq!(ours.group(group.clone()), Some(group));
    }
}
