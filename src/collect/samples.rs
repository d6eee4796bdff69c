//! The samples that the questions are about, in OpenMetrics, as
//! `promtool tsdb create-blocks-from openmetrics` loads them into a Prometheus of one's own.

use super::{
    Done, Record, Run, Site, prometheus,
    site::{BLOCK, Piped},
};
use crate::{
    bundle::{BundleError, Outcome, layout},
    facts::{
        scraped,
        two_scrapes::{Scraped, number},
    },
    plan::{Known, SamplesTask, Task, What},
    promql::Labels,
    redact::{Clean, Counts, Joined, Redactor},
    source::prometheus::{Answer, PrometheusError, Series},
};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use std::{borrow::Cow, time::Duration};

/// More is no file that anybody loads.
const LIMIT: u64 = 1 << 30;

pub(super) async fn collect(site: &Site, samples: &SamplesTask) -> Done {
    let Some(prometheus) = site.prometheus.get() else { return Done::absent("no Prometheus was found") };
    let source = format!("{} samples at {}", samples.questions.len(), prometheus.shown());
    let writing = match site.begin(layout::samples(&site.cluster), &source) {
        Ok(writing) => writing,
        Err(error) => return error.into(),
    };
    // Its lines are ten times what came: they are packed while more comes.
    let writing = Piped::new(writing);
    let mut file = File::new(&site.redactor, writing, &samples.labels);
    let mut missing: Vec<String> = Vec::new();
    let mut failed = None;
    // The next is asked while one is taken, for a Prometheus reads a while before it answers.
    let asked = stream::iter(samples.questions.clone()).map(|question| {
        let prometheus = prometheus.clone();
        // On its own, or its time would run out while another's samples are taken.
        let asked = tokio::spawn(async move { (prometheus.ask(&question).await, question) });
        async move { asked.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) }
    });
    let mut asked = std::pin::pin!(asked.buffered(2));
    while let Some((answer, question)) = asked.next().await {
        let taken = match answer {
            Ok((answer, partial)) => metric(site, answer, partial, &mut file).await,
            Err(error) => Err(Ended::Answer(error)),
        };
        match taken {
            Ok(partial) if partial => missing.push(format!("{}: not all parts answered", question.expr)),
            Ok(_) => {}
            Err(Ended::Full) => {
                missing.push(format!("no more than {LIMIT} bytes are taken; the rest is left out"));
                break;
            }
            Err(Ended::Answer(error)) => {
                missing.push(format!("{}: {}", question.expr, error.causes().join(": ")));
                let done = prometheus::failed(prometheus, &error);
                let is_away = matches!(done.outcome, Outcome::Cancelled | Outcome::Forbidden | Outcome::TimedOut);
                // What does not answer once will not answer for all that are left.
                let is_over = is_away || error.is_elsewhere() || site.stop.reason().is_some();
                failed.get_or_insert(done);
                if is_over {
                    break;
                }
            }
        }
    }
    let odd = file.odd;
    if file.samples == 0 {
        // An entry that is not finished never was.
        return match failed {
            Some(done) => done,
            None if !missing.is_empty() => Done { causes: missing, ..Done::new(Outcome::Failed) },
            None => {
                let causes = vec!["there is no sample of the metrics asked for".to_owned()];
                Done { causes, ..Done::new(Outcome::Empty) }
            }
        };
    }
    if odd > 0 {
        missing
            .push(format!("{odd} native histograms, which OpenMetrics cannot say; the queries' answers have theirs"));
    }
    file.stated(&site.stated().series, site.stated_at());
    match file.end() {
        Ok(entry) if missing.is_empty() => Done::collected(vec![entry]),
        Ok(entry) => Done { causes: missing, entries: vec![entry], ..Done::new(Outcome::Truncated) },
        Err(error) => error.into(),
    }
}

/// Writes what was scraped and what objects state, where no Prometheus gave samples, and adds its task.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(
    site: &Site,
    known: &Known,
    scrapes: &[Scraped],
    stated: &[scraped::Series],
    run: &mut Run,
) -> Result<(), BundleError> {
    let (started, labels) = (Utc::now(), known.labels());
    let writing = site.begin(layout::samples(&site.cluster), env!("CARGO_PKG_NAME"))?;
    let mut file = File::new(&site.redactor, Piped::new(writing), &labels);
    for scrape in scrapes {
        scrape.targeted().for_each(|(labels, value)| file.sample(labels, value, scrape.at));
    }
    file.stated(stated, site.stated_at());
    if file.samples == 0 {
        return Ok(());
    }
    let entry = file.end()?;
    let is_ours = |it: &&mut Record| it.cluster == site.cluster && matches!(it.task.what, What::Samples(_));
    if let Some(Record { done, .. }) = run.records.iter_mut().find(is_ours) {
        // Those of the Prometheus are missing still.
        done.outcome = Outcome::Truncated;
        done.causes
            .insert(0, "it has what was scraped and what objects state, and nothing of the Prometheus".to_owned());
        done.entries.push(entry);
        return Ok(());
    }
    let task = Task { what: What::Samples(SamplesTask { questions: Vec::new(), labels }), required: false };
    let (cluster, done) = (site.cluster.clone(), Done::collected(vec![entry]));
    run.records.push(Record { cluster, task, started: Some(started), duration: Duration::ZERO, done });
    Ok(())
}

/// Why the samples of a metric were not all taken.
enum Ended {
    Answer(PrometheusError),
    Full,
}

/// Takes the samples of one metric; gives whether a part is missing.
async fn metric(site: &Site, mut answer: Answer, partial: bool, file: &mut File<'_>) -> Result<bool, Ended> {
    while let Some(series) = answer.next().await.map_err(Ended::Answer)? {
        site.progress.bytes(answer.arrived());
        for one in series {
            file.series(&one)?;
        }
    }
    Ok(partial || answer.head().is_partial)
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

    /// Adds what objects state.
    fn stated(&mut self, stated: &[scraped::Series], at: DateTime<Utc>) {
        for (series, value) in stated {
            self.sample(scraped::labels(series).unwrap_or_default(), *value, at);
        }
    }

    /// Adds one that was scraped or stated: it was taken from what is clean.
    fn sample(&mut self, labels: Labels, value: f64, at: DateTime<Utc>) {
        let name = self.line_of(&self.with_ours(labels));
        let time = format!("{}.{:03}", at.timestamp(), at.timestamp_subsec_millis());
        self.line(&name, &number(value), &time);
    }

    fn line(&mut self, name: &Clean, value: &str, at: &str) {
        // Nothing else may be between two numbers of a line.
        if !is_number(at) || !is_number(value) {
            return;
        }
        self.block.push(name);
        for number in [value, at] {
            self.block.literal(" ");
            // Of what is a number all is taken.
            let _ = self.block.numbers(number);
        }
        self.block.literal("\n");
        self.samples += 1;
        if self.block.len() >= BLOCK {
            self.flush();
        }
    }

    fn series(&mut self, series: &Series) -> Result<(), Ended> {
        self.odd += u64::from(series.histograms.is_some());
        let name = self.name(series.metric.clone());
        for (at, value) in series.written().map_err(Ended::Answer)? {
            self.line(&name, value, at);
        }
        if self.written > LIMIT { Err(Ended::Full) } else { Ok(()) }
    }

    /// The labels, and those that each has.
    fn with_ours(&self, mut labels: Labels) -> Labels {
        for (label, value) in self.labels {
            labels.entry(label.clone()).or_insert_with(|| value.clone());
        }
        labels
    }

    /// The series' name and labels, as a line begins with.
    fn name(&mut self, labels: Labels) -> Clean {
        let (clean, counts) = self.redactor.object(json!(self.with_ours(labels)));
        self.counts.merge(&counts);
        self.line_of(&serde_json::from_value(clean.into_value()).unwrap_or_default())
    }

    fn line_of(&mut self, labels: &Labels) -> Clean {
        let name = labels.get(crate::promql::NAME).map(String::as_str).unwrap_or_default();
        // Names beyond the old letters are written among the labels.
        let (before, among) = if is_word(name, true) { (name, None) } else { ("", Some(quoted(name))) };
        let labels = labels.iter().filter(|(label, _)| *label != crate::promql::NAME);
        let labels = labels.map(|(label, value)| format!("{}={}", word(label), quoted(value)));
        let line = format!("{before}{{{}}}", among.into_iter().chain(labels).collect::<Vec<_>>().join(","));
        let (line, counts) = self.redactor.text(line.as_bytes());
        self.counts.merge(&counts);
        line
    }

    fn flush(&mut self) {
        self.written += self.block.len() as u64;
        self.writing.write(self.block.take());
    }

    fn end(mut self) -> Result<super::Entry, BundleError> {
        self.block.literal("# EOF\n");
        self.flush();
        self.writing.finish(self.counts, None)
    }
}

/// Whether a text is a number as OpenMetrics has it.
fn is_number(text: &str) -> bool {
    matches!(text, "NaN" | "+Inf" | "-Inf" | "Inf")
        || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
}

fn word(label: &str) -> Cow<'_, str> {
    if is_word(label, false) { Cow::Borrowed(label) } else { Cow::Owned(quoted(label)) }
}

/// Whether a name has the letters that names had from the beginning.
fn is_word(name: &str, is_metric: bool) -> bool {
    let first = |char: char| char.is_ascii_alphabetic() || char == '_' || is_metric && char == ':';
    name.starts_with(first) && name.chars().all(|char| first(char) || char.is_ascii_digit())
}

fn quoted(text: &str) -> String {
    if !text.contains(['\\', '"', '\n']) {
        return format!("\"{text}\"");
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
