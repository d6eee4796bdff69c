//! Owns `metrics/queries/<id>.json`: a query, its answer series by series, and the verdict on it, whoever answered.

use crate::{
    bundle::{BLOCK, BundleError, EntryPath, Verdict},
    collect::{ClusterContext, Entry, Writing},
    profile::{QueryRule, Unit},
    promql::Labels,
    redact::{CleanJson, Counts, Joined, Redactor},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::json;

/// The query, as `question` in the file.
#[derive(Serialize)]
pub(super) struct AnsweredQuery<'a> {
    id: &'a str,
    scenario: Option<&'a str>,
    measures: Option<&'a str>,
    unit: Option<Unit>,
    healthy: Option<&'a str>,
    alert: Option<&'a str>,
    query: &'a str,
    #[serde(flatten)]
    source: AnswerSource,
}

/// Who answered, and at which times.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum AnswerSource {
    /// A Prometheus, for a range or for one time.
    Prometheus {
        start: Option<String>,
        end: String,
        /// Seconds between two steps of the range.
        step: Option<i64>,
        /// The address of the Prometheus.
        prometheus: String,
    },
    /// Two scrapes of the servers.
    Scrapes {
        /// The times of the first and the last scrape.
        two_scrapes: [String; 2],
        /// The same query over counters since they started.
        since_start: Option<String>,
    },
    /// Listed objects.
    Objects {
        /// When they were listed.
        objects: String,
    },
}

impl<'a> AnsweredQuery<'a> {
    /// A query with the texts of its rule, if it is the profile's.
    pub(super) fn new(id: &'a str, rule: Option<&'a QueryRule>, query: &'a str, source: AnswerSource) -> Self {
        let bound = |of: fn(&QueryRule) -> &Option<String>| rule.and_then(|rule| of(rule).as_deref());
        Self {
            id,
            scenario: rule.map(|rule| rule.scenario.as_str()),
            measures: rule.map(|rule| rule.measures.as_str()),
            unit: rule.map(|rule| rule.unit),
            healthy: bound(|rule| &rule.healthy),
            alert: bound(|rule| &rule.alert),
            query,
            source,
        }
    }
}

/// A time in the file: RFC 3339, UTC.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Writes the file while the answer arrives.
pub(super) struct AnswerFile<'a> {
    redactor: &'a Redactor,
    writing: Writing,
    block: Joined,
    counts: Counts,
    has_series: bool,
}

impl<'a> AnswerFile<'a> {
    /// Begins the file at this path. `source` is the entry's source in the manifest.
    pub(super) fn begin(
        context: &'a ClusterContext,
        path: EntryPath,
        source: &str,
        query: &AnsweredQuery<'_>,
    ) -> Result<Self, BundleError> {
        let writing = context.begin(path, source)?;
        let (block, counts) = (Joined::default(), Counts::default());
        let mut file = Self { redactor: &context.run.redactor, writing, block, counts, has_series: false };
        let query = file.clean(query);
        file.block.literal("{\"question\":");
        file.block.push(&query.to_clean());
        file.block.literal(",\n\"answer\":{\"resultType\":\"matrix\",\"result\":[");
        Ok(file)
    }

    /// Whether any series was added.
    pub(super) fn has_series(&self) -> bool {
        self.has_series
    }

    /// Adds a series: its labels, its values as the JSON `[[seconds, "value"], …]`, and the same for native histograms.
    /// Returns the redacted labels.
    pub(super) fn series(
        &mut self,
        labels: &impl Serialize,
        values: Option<&str>,
        histograms: Option<&str>,
    ) -> Result<Labels, BundleError> {
        let labels = self.clean(labels);
        self.block.literal(if self.has_series { ",\n{\"metric\":" } else { "\n{\"metric\":" });
        self.has_series = true;
        self.block.push(&labels.to_clean());
        if let Some(values) = values {
            self.block.literal(",\"values\":");
            if !self.block.numbers(values) {
                self.text(values);
            }
        }
        if let Some(histograms) = histograms {
            self.block.literal(",\"histograms\":");
            // Numbers too, but with the names of their fields.
            self.text(histograms);
        }
        self.block.literal("}");
        if self.block.len() >= BLOCK {
            self.writing.write(&self.block.take_blocks(BLOCK))?;
        }
        Ok(serde_json::from_value(labels.into_value()).unwrap_or_default())
    }

    /// Adds the verdict, and finishes the file.
    pub(super) fn end(mut self, verdict: &Verdict) -> Result<Entry, BundleError> {
        let verdict = self.clean(verdict);
        self.block.literal("\n]},\n\"verdict\":");
        self.block.push(&verdict.to_clean());
        self.block.literal("}\n");
        self.writing.write(&self.block.take())?;
        self.writing.finish(self.counts, None)
    }

    fn clean(&mut self, value: &impl Serialize) -> CleanJson {
        let (clean, counts) = self.redactor.object(json!(value));
        self.counts.merge(&counts);
        clean
    }

    fn text(&mut self, text: &str) {
        let (clean, counts) = self.redactor.text(text.as_bytes());
        self.counts.merge(&counts);
        self.block.push(&clean);
    }
}
