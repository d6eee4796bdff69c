//! One question to the Prometheus, its answer as it came, and what that says.

use super::prometheus;
use crate::{
    bundle::{BLOCK, BundleError, Outcome, layout},
    collect::{Done, Entry, Site, Writing},
    facts::verdict::Judge,
    plan::{QueryTask, Question, Task},
    profile::QueryRule,
    promql::Labels,
    redact::{Counts, Joined, Redactor},
    source::prometheus::{Answer, Prometheus, PrometheusError, Series},
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

pub(super) async fn collect(site: &Site, task: &Task, query: &QueryTask) -> Done {
    let Some(prometheus) = site.prometheus.get() else { return Done::absent("no Prometheus was found") };
    let (mut answer, mut partial) = match prometheus.ask(&query.question).await {
        Ok(answer) => answer,
        Err(error) => return prometheus::failed(prometheus, &error),
    };
    let source = format!("{} at {}", task.request(), prometheus.shown());
    let writing = match site.begin(layout::query(&site.cluster, &query.id), &source) {
        Ok(writing) => writing,
        Err(error) => return error.into(),
    };
    let mut file = match File::begin(&site.redactor, writing, query, prometheus) {
        Ok(file) => file,
        Err(error) => return error.into(),
    };
    let mut judge = judge(site, query);
    let ended = match hear(site, &mut answer, &mut file, &mut judge).await {
        Ok(()) => None,
        // What came is worth having, as what it is.
        Err(Ended::Answer(error)) if file.has_series => Some(error),
        Err(Ended::Answer(error)) => return prometheus::failed(prometheus, &error),
        Err(Ended::Bundle(error)) => return error.into(),
    };
    let head = answer.head();
    partial |= head.is_partial || ended.is_some();
    let clean = |text: String| site.redactor.string(&text).0;
    let warnings: Vec<String> = head.warnings.into_iter().chain(head.infos).map(clean).collect();
    let verdict = judge.verdict(partial, query.is_narrowed || query.rule.is_none(), warnings);
    let has_data = verdict.steps_with_data > 0;
    let entry = match file.end(&verdict) {
        Ok(entry) => entry,
        Err(error) => return error.into(),
    };
    let outcome = if has_data { Outcome::Collected } else { Outcome::Empty };
    let mut done = Done { verdict: Some(verdict), entries: vec![entry], ..Done::new(outcome) };
    if let Some(error) = ended {
        (done.outcome, done.causes) = (Outcome::Truncated, error.causes());
    } else if partial {
        done.outcome = Outcome::Truncated;
        done.causes.push("not all parts of the Prometheus answered: there may be more".to_owned());
    }
    done
}

fn judge(site: &Site, query: &QueryTask) -> Judge {
    let Question { end, range, .. } = &query.question;
    let (start, step) = range.unwrap_or((*end, TimeDelta::seconds(1)));
    let bounds = query.rule.as_ref().map_or((None, None), |rule| rule.thresholds());
    let incident = site.request.window.incident.map(|incident| (incident.start, incident.end));
    Judge::new(bounds, (start, *end), step, incident)
}

/// Why an answer was not heard to its end.
enum Ended {
    Answer(PrometheusError),
    Bundle(BundleError),
}

async fn hear(site: &Site, answer: &mut Answer, file: &mut File<'_>, judge: &mut Judge) -> Result<(), Ended> {
    while let Some(series) = answer.next().await.map_err(Ended::Answer)? {
        site.progress.bytes(answer.arrived());
        for one in series {
            let points = one.points().map_err(Ended::Answer)?;
            judge.hear(&file.series(&one).map_err(Ended::Bundle)?, &points);
        }
    }
    Ok(())
}

/// What `queries/<id>.json` says of a question, whoever answers it.
pub(super) fn about(id: &str, rule: Option<&QueryRule>, expr: &str) -> Value {
    json!({
        "id": id,
        "scenario": rule.map(|rule| &rule.scenario),
        "measures": rule.map(|rule| &rule.measures),
        "unit": rule.map(|rule| rule.unit),
        "healthy": rule.and_then(|rule| rule.healthy.as_ref()),
        "alert": rule.and_then(|rule| rule.alert.as_ref()),
        "query": expr,
    })
}

/// `queries/<id>.json` while it is written: the question, the answer, and what it says.
struct File<'a> {
    redactor: &'a Redactor,
    writing: Writing,
    block: Joined,
    counts: Counts,
    has_series: bool,
}

impl<'a> File<'a> {
    fn begin(
        redactor: &'a Redactor,
        writing: Writing,
        query: &QueryTask,
        prometheus: &Prometheus,
    ) -> Result<Self, BundleError> {
        let Question { expr, end, range } = &query.question;
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let mut about = about(&query.id, query.rule.as_deref(), expr);
        about["start"] = range.map(|(start, _)| time(start)).into();
        about["end"] = time(*end).into();
        about["step"] = range.map(|(_, step)| step.num_seconds()).into();
        about["prometheus"] = prometheus.shown().into();
        let (about, counts) = redactor.object(about);
        let mut file = Self { redactor, writing, block: Joined::default(), counts, has_series: false };
        file.block.literal("{\"question\":");
        file.block.push(&about.to_clean());
        file.block.literal(",\n\"answer\":{\"resultType\":\"matrix\",\"result\":[");
        Ok(file)
    }

    /// Adds a series and gives its labels, which are clean.
    fn series(&mut self, series: &Series) -> Result<Labels, BundleError> {
        let (labels, counts) = self.redactor.object(json!(series.metric));
        self.counts.merge(&counts);
        self.block.literal(if self.has_series { ",\n{\"metric\":" } else { "\n{\"metric\":" });
        self.has_series = true;
        self.block.push(&labels.to_clean());
        if let Some(values) = &series.values {
            self.block.literal(",\"values\":");
            if !self.block.numbers(values) {
                let (clean, counts) = self.redactor.text(values.as_bytes());
                self.counts.merge(&counts);
                self.block.push(&clean);
            }
        }
        if let Some(histograms) = &series.histograms {
            self.block.literal(",\"histograms\":");
            // Numbers too, with the names of their fields.
            let (clean, counts) = self.redactor.text(histograms.as_bytes());
            self.counts.merge(&counts);
            self.block.push(&clean);
        }
        self.block.literal("}");
        if self.block.len() >= BLOCK {
            self.writing.write(&self.block.take_blocks(BLOCK))?;
        }
        Ok(serde_json::from_value(labels.into_value()).unwrap_or_default())
    }

    fn end(mut self, verdict: &crate::bundle::Verdict) -> Result<Entry, BundleError> {
        // Of what is clean already, but for its numbers and words.
        let (verdict, counts) = self.redactor.object(json!(verdict));
        self.counts.merge(&counts);
        self.block.literal("\n]},\n\"verdict\":");
        self.block.push(&verdict.to_clean());
        self.block.literal("}\n");
        self.writing.write(&self.block.take())?;
        self.writing.finish(self.counts, None)
    }
}
