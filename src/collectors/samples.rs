//! Owns the collector of samples: those that the queries need, in OpenMetrics, so that
//! `promtool tsdb create-blocks-from openmetrics` loads them into another Prometheus.

use super::{collector::Collector, prometheus};
use crate::{
    bundle::{BLOCK, BundleError, Outcome, layout},
    collect::{ClusterContext, EndedTask, Entry, Piped, RunResult, TaskResult},
    facts::{
        exposition::{write_series, write_value},
        object_series::{AllObjectSeries, ObjectSeries},
        two_scrapes::Scraped,
    },
    plan::{self, Known, Planned, Planning, Question, SamplesTask, Stage, Task, TaskSpec},
    promql::Labels,
    redact::{Clean, Counts, Joined, Redactor},
    source::prometheus::{Answer, PrometheusError, Series},
};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde_json::json;
use std::time::Duration;

/// Series that are redacted at once.
const AT_ONCE: usize = 256;
/// Most bytes of the file.
const LIMIT: u64 = 1 << 30;

pub(super) const COLLECTOR: Collector = Collector {
    name: "samples",
    purpose: "the samples behind the answers, in the format that promtool loads",
    is_optional: false,
    plan,
    collect: |context, task| task.spec().map(|samples| collect(context, samples).boxed()),
};

impl TaskSpec for SamplesTask {
    fn id(&self) -> String {
        "samples".to_owned()
    }

    fn kind(&self) -> &'static str {
        "samples"
    }

    fn target(&self) -> String {
        "samples of the queries".to_owned()
    }

    fn path(&self) -> String {
        self.questions.first().map(Question::path).unwrap_or_default()
    }

    fn limit(&self) -> Option<Duration> {
        None
    }
}

fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    match planning.stage {
        Stage::AllButLogs { now, known, prometheus, .. } if prometheus.may_be_asked() => {
            vec![Task::new(plan::samples(&planning.basis.request, known, now)).into()]
        }
        _ => Vec::new(),
    }
}

async fn collect(context: &ClusterContext, samples: &SamplesTask) -> TaskResult {
    let Some(prometheus) = context.prometheus() else { return TaskResult::absent("no Prometheus was found") };
    let source = format!("{} samples at {}", samples.questions.len(), prometheus.shown());
    let writing = match context.begin(layout::samples(&context.cluster), &source) {
        Ok(writing) => writing,
        Err(error) => return error.into(),
    };
    // The lines are ten times as large as the answer, so they are compressed on another thread.
    let writing = Piped::new(writing);
    let mut file = File::new(&context.run.redactor, writing, &samples.labels);
    let mut missing: Vec<String> = Vec::new();
    let mut failed = None;
    // The next query is sent while an answer is read, because a Prometheus reads for a while before it answers.
    let asked = stream::iter(samples.questions.clone()).map(|question| {
        let prometheus = prometheus.clone();
        // On its own task; otherwise it would time out while another answer is read.
        let asked = tokio::spawn(async move { (prometheus.ask(&question).await, question) });
        async move { asked.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) }
    });
    let mut asked = std::pin::pin!(asked.buffered(2));
    while let Some((answer, question)) = asked.next().await {
        let taken = match answer {
            Ok((answer, partial)) => metric(context, answer, partial, &mut file).await,
            Err(error) => Err(Ended::Answer(error)),
        };
        match taken {
            Ok(partial) if partial => missing.push(format!("{}: not all parts answered", question.expr)),
            Ok(_) => {}
            Err(Ended::Full) => {
                missing.push(format!("the limit of {LIMIT} bytes was reached; the rest is left out"));
                break;
            }
            Err(Ended::Answer(error)) => {
                missing.push(format!("{}: {}", question.expr, error.causes().join(": ")));
                let result = prometheus::failed(prometheus, &error);
                let is_away = matches!(result.outcome, Outcome::Cancelled | Outcome::Forbidden | Outcome::TimedOut);
                // It would not answer the other queries either.
                let is_over = is_away || error.is_no_prometheus() || context.run.stop.reason().is_some();
                failed.get_or_insert(result);
                if is_over {
                    break;
                }
            }
        }
    }
    let odd = file.odd;
    if file.samples == 0 {
        // An unfinished entry does not become part of the bundle.
        return match failed {
            Some(result) => result,
            None if !missing.is_empty() => TaskResult { causes: missing, ..TaskResult::new(Outcome::Failed) },
            None => {
                let causes = vec!["the Prometheus has no sample of these metrics".to_owned()];
                TaskResult { causes, ..TaskResult::new(Outcome::Empty) }
            }
        };
    }
    if odd > 0 {
        missing.push(format!(
            "{odd} native histograms, which OpenMetrics cannot express; the answers to the queries have them"
        ));
    }
    file.objects(&context.object_series(), context.objects_listed_at());
    match file.end() {
        Ok(entry) if missing.is_empty() => TaskResult::collected(vec![entry]),
        Ok(entry) => TaskResult { causes: missing, entries: vec![entry], ..TaskResult::new(Outcome::Truncated) },
        Err(error) => error.into(),
    }
}

/// Writes the samples of scrapes and objects, if no Prometheus gave any. `None` if there are none.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(
    context: &ClusterContext,
    known: &Known,
    scrapes: &[Scraped],
    series: &AllObjectSeries,
) -> Result<Option<Entry>, BundleError> {
    let labels = known.labels();
    let writing = context.begin(layout::samples(&context.cluster), env!("CARGO_PKG_NAME"))?;
    let mut file = File::new(&context.run.redactor, Piped::new(writing), &labels);
    for scrape in scrapes {
        file.samples(scrape.with_target(), scrape.at);
    }
    file.objects(series, context.objects_listed_at());
    if file.samples == 0 { Ok(None) } else { file.end().map(Some) }
}

/// Adds the file of [`write`] to the task of the samples, or to a new one.
pub(super) fn add(
    context: &ClusterContext,
    known: &Known,
    (entry, started): (Entry, DateTime<Utc>),
    run: &mut RunResult,
) {
    let is_ours = |it: &&mut EndedTask| it.cluster == context.cluster && is_of_samples(&it.task);
    if let Some(EndedTask { result, .. }) = run.records.iter_mut().find(is_ours) {
        // The samples of the Prometheus are still missing.
        result.outcome = Outcome::Truncated;
        result.causes.insert(0, "it has only the samples of scrapes and objects, none of the Prometheus".to_owned());
        result.entries.push(entry);
        return;
    }
    let samples = SamplesTask { questions: Vec::new(), labels: known.labels() };
    let task = Task::new(samples);
    let (cluster, result) = (context.cluster.clone(), TaskResult::collected(vec![entry]));
    run.records.push(EndedTask { cluster, task, started: Some(started), duration: Duration::ZERO, result });
}

/// Whether a task gets samples.
pub(super) fn is_of_samples(task: &Task) -> bool {
    task.spec::<SamplesTask>().is_some()
}

/// Why not all samples of a metric were read.
enum Ended {
    Answer(PrometheusError),
    Full,
}

/// Reads the samples of one metric. Returns whether a part is missing.
async fn metric(
    context: &ClusterContext,
    mut answer: Answer,
    partial: bool,
    file: &mut File<'_>,
) -> Result<bool, Ended> {
    while let Some(series) = answer.next().await.map_err(Ended::Answer)? {
        context.run.progress.bytes(answer.arrived());
        for one in series {
            file.series(&one)?;
        }
    }
    Ok(partial || answer.notes().is_partial)
}

/// `samples.openmetrics` while it is written.
struct File<'a> {
    redactor: &'a Redactor,
    writing: Piped,
    block: Joined,
    counts: Counts,
    labels: &'a [(String, String)],
    written: u64,
    samples: u64,
    odd: u64,
}

impl<'a> File<'a> {
    fn new(redactor: &'a Redactor, writing: Piped, labels: &'a [(String, String)]) -> Self {
        let (block, counts) = (Joined::default(), Counts::default());
        Self { redactor, writing, block, counts, labels, written: 0, samples: 0, odd: 0 }
    }

    /// Adds the series of objects.
    fn objects(&mut self, series: &AllObjectSeries, at: DateTime<Utc>) {
        self.samples(series.objects.iter().flat_map(ObjectSeries::series), at);
    }

    /// Adds samples that were read from clean evidence.
    fn samples(&mut self, samples: impl Iterator<Item = (Labels, f64)>, at: DateTime<Utc>) {
        let time = format!("{}.{:03}", at.timestamp(), at.timestamp_subsec_millis());
        let ours = self.labels;
        let mut samples = samples.map(|(labels, value)| (write_series(&with_ours(&labels, ours)), value)).peekable();
        while samples.peek().is_some() {
            let (names, values): (Vec<String>, Vec<f64>) = samples.by_ref().take(AT_ONCE).unzip();
            for (name, value) in self.clean(&names).iter().zip(values) {
                self.line(name, &write_value(value), &time);
            }
        }
    }

    /// Redacts the series of lines: all at once, or one by one if that changes the number of lines.
    fn clean(&mut self, names: &[String]) -> Vec<Clean> {
        let (clean, counts) = self.redactor.text(names.join("\n").as_bytes());
        let lines: Vec<Clean> = clean.lines().collect();
        if lines.len() == names.len() {
            self.counts.merge(&counts);
            return lines;
        }
        names.iter().map(|name| self.redacted(name)).collect()
    }

    fn redacted(&mut self, text: &str) -> Clean {
        let (clean, counts) = self.redactor.text(text.as_bytes());
        self.counts.merge(&counts);
        clean
    }

    fn line(&mut self, name: &Clean, value: &str, at: &str) {
        self.samples += u64::from(self.block.sample(name, [value, at]));
        if self.block.len() >= BLOCK {
            let block = self.block.take_blocks(BLOCK);
            self.write(block);
        }
    }

    fn series(&mut self, series: &Series) -> Result<(), Ended> {
        self.odd += u64::from(series.histograms.is_some());
        let name = self.name(&series.metric.iter().collect());
        for (at, value) in series.point_texts().map_err(Ended::Answer)? {
            self.line(&name, value, at);
        }
        if self.written > LIMIT { Err(Ended::Full) } else { Ok(()) }
    }

    /// Redacts the labels of a series, and writes them as a line begins.
    fn name(&mut self, labels: &Labels) -> Clean {
        let (clean, counts) = self.redactor.object(json!(with_ours(labels, self.labels)));
        self.counts.merge(&counts);
        self.redacted(&write_series(&serde_json::from_value(clean.into_value()).unwrap_or_default()))
    }

    fn write(&mut self, block: Clean) {
        self.written += block.len() as u64;
        self.writing.write(block);
    }

    fn end(mut self) -> Result<Entry, BundleError> {
        self.block.literal("# EOF\n");
        let last = self.block.take();
        self.write(last);
        self.writing.finish(self.counts, None)
    }
}

/// The labels, and those that every sample gets.
fn with_ours(labels: &Labels, ours: &[(String, String)]) -> Labels {
    let ours = ours.iter().map(|(label, value)| (label.as_str(), value.as_str()));
    ours.chain(labels.iter()).collect()
}
