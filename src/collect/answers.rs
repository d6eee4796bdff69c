//! Owns what the manifest says about queries: which Prometheus was queried, the verdict on each answer, and the
//! checklist's line about them.

use super::RunResult;
use crate::{
    bundle::{
        Backend, CheckState, ChecklistItem, ClusterInfo, FinalPaths, Judged, Manifest, Outcome, QueryRecord, TaskRecord,
    },
    facts::verdict,
    plan::QueryTask,
    profile::QueryRule,
    text::counted,
};
use std::collections::BTreeSet;

/// Most alerting answers that the checklist names.
const MOST_NAMED: usize = 5;

/// The Prometheus that was queried in a cluster.
pub(super) fn backend(run: &RunResult, cluster: &ClusterInfo) -> Option<Backend> {
    run.records.iter().filter(|record| record.cluster == cluster.name).find_map(|record| record.result.backend.clone())
}

/// Every query, with the verdict on its answer.
pub(super) fn records(run: &RunResult, settled: &FinalPaths) -> Vec<QueryRecord> {
    let record = |record: &super::EndedTask| {
        let query = record.task.spec::<QueryTask>()?;
        let of_rule = |text: fn(&QueryRule) -> String| query.rule.as_deref().map(text).unwrap_or_default();
        let bound = |text: fn(&QueryRule) -> &Option<String>| query.rule.as_deref().and_then(|rule| text(rule).clone());
        let (start, step) = query.question.range?;
        let entry = record.result.entries.first().and_then(|entry| settled.record(&entry.path));
        Some(QueryRecord {
            cluster: record.cluster.clone(),
            id: query.id.clone(),
            scenario: of_rule(|rule| rule.scenario.clone()),
            measures: of_rule(|rule| rule.measures.clone()),
            unit: query
                .rule
                .as_ref()
                .and_then(|rule| serde_json::to_value(rule.unit).ok()?.as_str().map(str::to_owned)),
            healthy: bound(|rule| &rule.healthy),
            needs: bound(|rule| &rule.needs),
            alert: bound(|rule| &rule.alert),
            expr: query.question.expr.clone(),
            narrowed: query.is_narrowed,
            start,
            end: query.question.end,
            step_seconds: step.num_seconds().unsigned_abs(),
            entry: entry.map(|entry| entry.path),
            answer: record.result.verdict.clone().unwrap_or_default(),
        })
    };
    let mut records: Vec<_> = run.records.iter().filter_map(record).collect();
    // If objects answer a query, the answer of the Prometheus had no value.
    let key = |record: &QueryRecord| (record.cluster.clone(), record.id.clone());
    let stated: BTreeSet<_> = records.iter().filter(|record| record.answer.of_objects).map(key).collect();
    records.retain(|record| record.answer.of_objects || !stated.contains(&key(record)));
    records.sort_by(|one, other| (&one.cluster, &one.id).cmp(&(&other.cluster, &other.id)));
    records
}

/// Adds the answers of an earlier manifest that are better than this one's, with the new paths of their files.
pub(super) fn earlier(manifest: &mut Manifest, was: &Manifest, path: impl Fn(&str) -> Option<String>) {
    // A backend may have deleted samples since.
    let worth = |record: &QueryRecord| match record.answer.verdict {
        Judged::NotAnswered => 0,
        Judged::NoData => 1,
        // As of a collection, not of the window.
        Judged::Alert if record.answer.is_as_of_now() => 3,
        _ if record.answer.is_as_of_now() => 2,
        _ if record.answer.partial => 4,
        _ => 5,
    };
    for record in was.queries.iter().filter(|record| worth(record) > 0) {
        let same = |now: &&mut QueryRecord| (&now.cluster, &now.id) == (&record.cluster, &record.id);
        let mut record = record.clone();
        record.entry = record.entry.as_deref().and_then(&path);
        match manifest.queries.iter_mut().find(same) {
            Some(now) if worth(now) >= worth(&record) => {}
            Some(now) => *now = record,
            None => manifest.queries.push(record),
        }
    }
    manifest.queries.sort_by(|one, other| (&one.cluster, &one.id).cmp(&(&other.cluster, &other.id)));
    for cluster in manifest.clusters.iter_mut().filter(|cluster| cluster.prometheus.is_none()) {
        let then = was.clusters.iter().find(|then| then.name == cluster.name);
        cluster.prometheus = then.and_then(|then| then.prometheus.clone());
    }
}

/// Whether the bundle has metric values and their PromQL, and the command that collects what is missing.
pub(super) fn checklist(manifest: &Manifest, queries: usize, again: &str) -> ChecklistItem {
    let of_kind = |kind: &'static str| manifest.tasks.iter().filter(move |task| task.kind == kind);
    let scraped = of_kind("scrape").filter(|task| task.outcome == Outcome::Collected).count();
    let answered = || manifest.queries.iter().filter(|record| record.answer.verdict != Judged::NotAnswered);
    let clusters = manifest.clusters.iter().filter(|cluster| cluster.error.is_none()).count();
    let (asked, had) = (manifest.queries.len().max(queries * clusters), answered().count());
    let has_queries = queries > 0;
    let has_data = answered().any(|record| record.answer.verdict != Judged::NoData);
    let is_whole = |record: &QueryRecord| !record.answer.partial && !record.answer.is_as_of_now();
    let state = match (had, scraped) {
        (0, 0) => CheckState::No,
        (0, _) => CheckState::Partial,
        (had, _) if had == asked && has_data && answered().all(is_whole) => CheckState::Yes,
        _ => CheckState::Partial,
    };
    let mut details = Vec::new();
    if had > 0 {
        let is = |judged: Judged| answered().filter(|record| record.answer.verdict == judged).count();
        let counts = [
            (is(Judged::Alert), "alerting"),
            (is(Judged::Unhealthy), "unhealthy"),
            (is(Judged::Healthy), "healthy"),
            (is(Judged::Gaps), "healthy where there is data, with gaps"),
            (is(Judged::Value), "without a known problem"),
            (is(Judged::NoData), "without data, which does not show health"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}"));
        let by = if answered().all(|record| record.answer.is_as_of_now()) {
            " from scrapes and objects, at the time of the collection"
        } else {
            ""
        };
        details.push(format!("{had} of {asked} queries answered{by}: {}", counts.collect::<Vec<_>>().join(", ")));
        let wrong = answered().filter(|record| record.answer.verdict == Judged::Alert);
        let wrong: Vec<_> = wrong.map(|record| format!("{}: {}", record.id, verdict::words(record))).collect();
        details.extend(wrong.iter().take(MOST_NAMED).map(|words| words.replace("; ", ", ")));
        if wrong.len() > MOST_NAMED {
            details.push(format!("{} more, in queries.txt", wrong.len() - MOST_NAMED));
        }
    }
    for cluster in &manifest.clusters {
        let Some(Backend { at, why, .. }) = &cluster.prometheus else { continue };
        details.push(format!("queried {at}: {}", why.replace("; ", ", ")));
    }
    let is_lacking = |task: &&TaskRecord| task.outcome != Outcome::Collected;
    let whom: Vec<&TaskRecord> = of_kind("prometheus").filter(is_lacking).collect();
    for task in &whom {
        details.push(format!("no Prometheus was queried: {}", task.causes.join(": ").replace("; ", ", ")));
    }
    if scraped > 0 {
        details.push(format!(
            "/metrics of {}, at the time of the collection, which says nothing about the time before",
            counted(scraped as u64, "pod")
        ));
    }
    if has_queries {
        details.push("the PromQL is in clusters/*/metrics/queries.txt".to_owned());
    }
    if details.is_empty() {
        details.push("the profile has no queries".to_owned());
    }
    let is_unasked = has_queries && had < asked.max(1);
    let command = (!whom.is_empty() || is_unasked).then(|| format!("{again} --prometheus URL"));
    let text = "metric values, and the PromQL that showed the anomaly";
    ChecklistItem { id: "metrics".to_owned(), text: text.to_owned(), state, detail: details.join("; "), command }
}
