//! Owns the answers to the profile's queries that no Prometheus answered: by two scrapes, or by listed objects, once all
//! tasks have ended.

use super::{
    answer_file::{AnswerFile, AnswerSource, AnsweredQuery, time},
    samples,
};
use crate::{
    bundle::{BundleError, Outcome, layout},
    collect::{ClusterContext, EndedTask, RunResult, TaskResult},
    facts::{
        by_objects,
        local_answer::LocalAnswer,
        object_series::AllObjectSeries,
        two_scrapes::{self, Scraped},
    },
    plan::{self, Known, LocalSource, QueryTask, ScrapeTask, Task},
};
use chrono::Utc;
use serde_json::json;
use std::{collections::BTreeSet, thread, time::Duration};

/// Adds a task for each query that scrapes or objects answer, and writes their samples if no Prometheus gave any.
///
/// # Errors
/// If an answer cannot be written. The answers before it are in the bundle.
pub fn answer_without_prometheus(contexts: &[ClusterContext], run: &mut RunResult) -> Result<(), BundleError> {
    for context in contexts {
        let ours = |record: &&mut EndedTask| record.cluster == context.cluster;
        let mut backends = run.records.iter().filter(|it| it.cluster == context.cluster).map(|it| &it.result.backend);
        // A Prometheus that scrapes the servers answers for them.
        let is_answered = backends.any(|backend| backend.as_ref().is_some_and(|it| it.has_servers));
        let taken = run.records.iter_mut().filter(ours).filter_map(|record| record.result.scraped.take());
        let taken = taken.filter(|_| !is_answered);
        // All times in the bundle are by the API server's clock.
        let scrapes: Vec<Scraped> = taken.map(|scraped| Scraped { at: scraped.at + context.skew, ..scraped }).collect();
        let series = std::mem::take(&mut *context.object_series());
        let known = context.known(&run.claims, None);
        by_scrapes(context, &known, &scrapes, run)?;
        let has_samples =
            |record: &EndedTask| samples::is_of_samples(&record.task) && !record.result.entries.is_empty();
        let lacks_samples = context.basis.request.questions() > 0
            && !run.records.iter().filter(|it| it.cluster == context.cluster).any(has_samples);
        let started = Utc::now();
        // In parallel, because with thousands of pods both take long.
        let ((answers, answered), written) = thread::scope(|scope| {
            let answers = scope.spawn(|| {
                let mut records = Vec::new();
                let result = by_objects(context, &known, &series, run, &mut records);
                (records, result)
            });
            let write = || samples::write(context, &known, &scrapes, &series);
            let written = if lacks_samples { write() } else { Ok(None) };
            (answers.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), written)
        });
        run.records.extend(answers);
        let written = written.map(|entry| {
            if let Some(entry) = entry {
                samples::add(context, &known, (entry, started), run);
            }
        });
        answered.and(written)?;
    }
    Ok(())
}

/// Answers by scrapes, if a pod was scraped twice.
fn by_scrapes(
    context: &ClusterContext,
    known: &Known,
    scrapes: &[Scraped],
    run: &mut RunResult,
) -> Result<(), BundleError> {
    let of_pod = |scraped: &Scraped| (scraped.namespace.clone(), scraped.pod.clone());
    let mut once = BTreeSet::new();
    if scrapes.iter().all(|scraped| once.insert(of_pod(scraped))) {
        return Ok(());
    }
    let is_first =
        |record: &&EndedTask| record.task.spec::<ScrapeTask>().is_some_and(|scrape| scrape.not_before.is_none());
    let pods = run.records.iter().filter(|record| record.cluster == context.cluster).filter(is_first).count();
    for answer in two_scrapes::answers(&context.basis.request, known, scrapes, pods) {
        run.records.push(write(context, answer)?);
    }
    Ok(())
}

/// Answers by objects, to queries that have no value yet.
fn by_objects(
    context: &ClusterContext,
    known: &Known,
    series: &AllObjectSeries,
    run: &RunResult,
    records: &mut Vec<EndedTask>,
) -> Result<(), BundleError> {
    let has_value = |record: &EndedTask| record.result.verdict.as_ref().is_some_and(|it| it.steps_with_data > 0);
    let ours = run.records.iter().filter(|record| record.cluster == context.cluster && has_value(record));
    let answered: BTreeSet<String> =
        ours.filter_map(|record| Some(record.task.spec::<QueryTask>()?.id.clone())).collect();
    let is_wanted = |id: &str| !answered.contains(id);
    let answers = by_objects::answers(&context.basis.request, known, series, context.objects_listed_at(), is_wanted);
    // Without a value, objects do not answer.
    for answer in answers.filter(|answer| !answer.values.is_empty()) {
        records.push(write(context, answer)?);
    }
    Ok(())
}

/// Writes an answer's file, and makes the record of its task.
fn write(context: &ClusterContext, answer: LocalAnswer) -> Result<EndedTask, BundleError> {
    let started = Utc::now();
    let LocalAnswer { rule, query, since_start, values, verdict, first, last, source } = answer;
    let task = Task::new(plan::answered(&rule, &query, (first, last), source));
    let (path, source) = match source {
        LocalSource::Objects => {
            (layout::query_of_objects(&context.cluster, &rule.id), AnswerSource::Objects { objects: time(last) })
        }
        LocalSource::Scrapes => {
            let since_start = since_start.as_ref().map(ToString::to_string);
            let two_scrapes = [time(first), time(last)];
            (layout::query(&context.cluster, &rule.id), AnswerSource::Scrapes { two_scrapes, since_start })
        }
    };
    let text = query.to_string();
    let answered = AnsweredQuery::new(&rule.id, Some(&rule), &text, source);
    let mut file = AnswerFile::begin(context, path, env!("CARGO_PKG_NAME"), &answered)?;
    let seconds = last.timestamp_millis() as f64 / 1000.0;
    for (labels, value) in &values {
        file.series(labels, Some(&json!([[seconds, value]]).to_string()), None)?;
    }
    let entry = file.end(&verdict)?;
    let outcome = if values.is_empty() { Outcome::Empty } else { Outcome::Collected };
    let result = TaskResult { verdict: Some(verdict), entries: vec![entry], ..TaskResult::new(outcome) };
    Ok(EndedTask { cluster: context.cluster.clone(), task, started: Some(started), duration: Duration::ZERO, result })
}
