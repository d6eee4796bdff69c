//! Owns the collector of a query: the answer of the Prometheus, and the verdict on it.

use super::{
    answer_file::{AnswerFile, AnswerSource, AnsweredQuery, time},
    collector::Collector,
    prometheus,
};
use crate::{
    bundle::{BundleError, Outcome, layout},
    collect::{ClusterContext, TaskResult},
    facts::verdict::Judge,
    plan::{AnsweredBy, Planned, Planning, QueryTask, Question, Stage, Task, TaskSpec, questions},
    source::prometheus::{Answer, PrometheusError},
};
use chrono::TimeDelta;
use futures_util::future::FutureExt as _;
use std::time::Duration;

pub(super) const COLLECTOR: Collector = Collector {
    name: "queries",
    purpose: "the answers of a Prometheus to the queries of the profile and the user, each with its verdict",
    is_optional: false,
    plan,
    collect: |context, task| task.spec().map(|query| collect(context, task, query).boxed()),
};

impl TaskSpec for QueryTask {
    fn id(&self) -> String {
        let by = if self.by == AnsweredBy::Objects { "/objects" } else { "" };
        format!("query/{}{by}", self.id)
    }

    fn kind(&self) -> &'static str {
        "query"
    }

    fn target(&self) -> String {
        format!("query {}", self.id)
    }

    fn path(&self) -> String {
        match self.by {
            AnsweredBy::Prometheus => self.question.path(),
            AnsweredBy::Scrapes | AnsweredBy::Objects => String::new(),
        }
    }

    fn limit(&self) -> Option<Duration> {
        Some(prometheus::PATIENCE)
    }
}

fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    match planning.stage {
        Stage::AllButLogs { now, known, prometheus, .. } if prometheus.may_be_asked() => {
            questions(&planning.basis.request, known, now).into_iter().map(|query| Task::new(query).into()).collect()
        }
        _ => Vec::new(),
    }
}

async fn collect(context: &ClusterContext, task: &Task, query: &QueryTask) -> TaskResult {
    let Some(prometheus) = context.prometheus() else { return TaskResult::absent("no Prometheus was found") };
    let (mut answer, mut partial) = match prometheus.ask(&query.question).await {
        Ok(answer) => answer,
        Err(error) => return prometheus::failed(prometheus, &error),
    };
    let request = format!("{} at {}", task.request(), prometheus.shown());
    let Question { expr, end, range } = &query.question;
    let source = AnswerSource::Prometheus {
        start: range.map(|(start, _)| time(start)),
        end: time(*end),
        step: range.map(|(_, step)| step.num_seconds()),
        prometheus: prometheus.shown(),
    };
    let answered = AnsweredQuery::new(&query.id, query.rule.as_deref(), expr, source);
    let mut file = match AnswerFile::begin(context, layout::query(&context.cluster, &query.id), &request, &answered) {
        Ok(file) => file,
        Err(error) => return error.into(),
    };
    let mut judge = judge(context, query);
    let ended = match read(context, &mut answer, &mut file, &mut judge).await {
        Ok(()) => None,
        // The series before the error are kept.
        Err(Ended::Answer(error)) if file.has_series() => Some(error),
        Err(Ended::Answer(error)) => return prometheus::failed(prometheus, &error),
        Err(Ended::Bundle(error)) => return error.into(),
    };
    let notes = answer.notes();
    partial |= notes.is_partial || ended.is_some();
    let clean = |text: String| context.run.redactor.string(&text).0;
    let warnings: Vec<String> = notes.warnings.into_iter().chain(notes.infos).map(clean).collect();
    let verdict = judge.verdict(partial, query.is_narrowed || query.rule.is_none(), warnings);
    let has_data = verdict.steps_with_data > 0;
    let entry = match file.end(&verdict) {
        Ok(entry) => entry,
        Err(error) => return error.into(),
    };
    let outcome = if has_data { Outcome::Collected } else { Outcome::Empty };
    let mut result = TaskResult { verdict: Some(verdict), entries: vec![entry], ..TaskResult::new(outcome) };
    if let Some(error) = ended {
        (result.outcome, result.causes) = (Outcome::Truncated, error.causes());
    } else if partial {
        result.outcome = Outcome::Truncated;
        result.causes.push("not all parts of the Prometheus answered, so there may be more data".to_owned());
    }
    result
}

fn judge(context: &ClusterContext, query: &QueryTask) -> Judge {
    let Question { end, range, .. } = &query.question;
    let (start, step) = range.unwrap_or((*end, TimeDelta::seconds(1)));
    let bounds = query.rule.as_ref().map_or((None, None), |rule| rule.thresholds());
    let incident = context.basis.request.window.incident.map(|incident| (incident.start, incident.end));
    Judge::new(bounds, (start, *end), step, incident)
}

/// Why an answer was not read to its end.
enum Ended {
    Answer(PrometheusError),
    Bundle(BundleError),
}

/// Reads the answer into the file and the verdict.
async fn read(
    context: &ClusterContext,
    answer: &mut Answer,
    file: &mut AnswerFile<'_>,
    judge: &mut Judge,
) -> Result<(), Ended> {
    while let Some(series) = answer.next().await.map_err(Ended::Answer)? {
        context.run.progress.bytes(answer.arrived());
        for one in series {
            let points = one.points().map_err(Ended::Answer)?;
            let labels = file.series(&one.metric, one.values.as_deref(), one.histograms.as_deref());
            judge.add(&labels.map_err(Ended::Bundle)?, &points);
        }
    }
    Ok(())
}
