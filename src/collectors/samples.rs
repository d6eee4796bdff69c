//! The samples that the questions are about, in OpenMetrics, as
//! `promtool tsdb create-blocks-from openmetrics` loads them into a Prometheus of one's own.

use super::prometheus;
use crate::{
    bundle::{BLOCK, BundleError, Outcome, layout},
    collect::{Done, Entry, Piped, Record, Run, Site},
    facts::{
        scraped,
        stated::Stated,
        two_scrapes::{Scraped, number},
    },
    plan::{Known, SamplesTask, Task, What},
    promql::{Labels, NAME},
    redact::{Clean, Counts, Joined, Redactor},
    source::prometheus::{Answer, PrometheusError, Series},
};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use std::time::Duration;

/// So many series are redacted at once.
const AT_ONCE: usize = 256;
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
    file.stated(&site.stated().objects, site.stated_at());
    match file.end() {
        Ok(entry) if missing.is_empty() => Done::collected(vec![entry]),
        Ok(entry) => Done { causes: missing, entries: vec![entry], ..Done::new(Outcome::Truncated) },
        Err(error) => error.into(),
    }
}

/// Writes what was scraped and what objects state, where no Prometheus gave samples; nothing where that is nothing.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(
    site: &Site,
    known: &Known,
    scrapes: &[Scraped],
    stated: &[Stated],
) -> Result<Option<Entry>, BundleError> {
    let labels = known.labels();
    let writing = site.begin(layout::samples(&site.cluster), env!("CARGO_PKG_NAME"))?;
    let mut file = File::new(&site.redactor, Piped::new(writing), &labels);
    for scrape in scrapes {
        file.samples(scrape.targeted(), scrape.at);
    }
    file.stated(stated, site.stated_at());
    if file.samples == 0 { Ok(None) } else { file.end().map(Some) }
}

/// Adds what [`write`] wrote to the task that was to get samples, or one of its own.
pub(super) fn add(site: &Site, known: &Known, (entry, started): (Entry, DateTime<Utc>), run: &mut Run) {
    let is_ours = |it: &&mut Record| it.cluster == site.cluster && matches!(it.task.what, What::Samples(_));
    if let Some(Record { done, .. }) = run.records.iter_mut().find(is_ours) {
        // Those of the Prometheus are missing still.
        done.outcome = Outcome::Truncated;
        done.causes
            .insert(0, "it has what was scraped and what objects state, and nothing of the Prometheus".to_owned());
        done.entries.push(entry);
        return;
    }
    let samples = SamplesTask { questions: Vec::new(), labels: known.labels() };
    let task = Task { what: What::Samples(samples), required: false };
    let (cluster, done) = (site.cluster.clone(), Done::collected(vec![entry]));
    run.records.push(Record { cluster, task, started: Some(started), duration: Duration::ZERO, done });
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
    fn stated(&mut self, stated: &[Stated], at: DateTime<Utc>) {
        self.samples(stated.iter().flat_map(Stated::series), at);
    }

    /// Adds what was scraped or stated: it was taken from what is clean.
    fn samples(&mut self, samples: impl Iterator<Item = (Labels, f64)>, at: DateTime<Utc>) {
        let time = format!("{}.{:03}", at.timestamp(), at.timestamp_subsec_millis());
        let ours = self.labels;
        let mut samples = samples.map(|(labels, value)| (line_of(&with_ours(&labels, ours)), value)).peekable();
        while samples.peek().is_some() {
            let (names, values): (Vec<String>, Vec<f64>) = samples.by_ref().take(AT_ONCE).unzip();
            for (name, value) in self.clean(&names).iter().zip(values) {
                self.line(name, &number(value), &time);
            }
        }
    }

    /// What begins lines, redacted: all at once, but one by one where that leaves other lines than there were.
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
        for (at, value) in series.written().map_err(Ended::Answer)? {
            self.line(&name, value, at);
        }
        if self.written > LIMIT { Err(Ended::Full) } else { Ok(()) }
    }

    /// The series' name and labels, as a line begins with.
    fn name(&mut self, labels: &Labels) -> Clean {
        let (clean, counts) = self.redactor.object(json!(with_ours(labels, self.labels)));
        self.counts.merge(&counts);
        self.redacted(&line_of(&serde_json::from_value(clean.into_value()).unwrap_or_default()))
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

/// The labels, and those that each has.
fn with_ours(labels: &Labels, ours: &[(String, String)]) -> Labels {
    let ours = ours.iter().map(|(label, value)| (label.as_str(), value.as_str()));
    ours.chain(labels.iter()).collect()
}

/// What a line begins with.
fn line_of(labels: &Labels) -> String {
    let name = labels.get(NAME).unwrap_or_default();
    let mut line = String::new();
    // Names beyond the old letters are written among the labels.
    let mut between = match is_word(name, true) {
        true => {
            line.extend([name, "{"]);
            ""
        }
        false => {
            line.push('{');
            scraped::quote(&mut line, name);
            ","
        }
    };
    for (label, value) in labels.iter().filter(|(label, _)| *label != NAME) {
        line.push_str(between);
        match is_word(label, false) {
            true => line.push_str(label),
            false => scraped::quote(&mut line, label),
        }
        line.push('=');
        scraped::quote(&mut line, value);
        between = ",";
    }
    line.push('}');
    line
}

/// Whether a name has the letters that names had from the beginning.
fn is_word(name: &str, is_metric: bool) -> bool {
    let first = |char: char| char.is_ascii_alphabetic() || char == '_' || is_metric && char == ':';
    name.starts_with(first) && name.chars().all(|char| first(char) || char.is_ascii_digit())
}
