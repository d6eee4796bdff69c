//! Owns the answers by two scrapes of the servers, some seconds apart.

use super::{
    exposition::{TextSample, parse_series},
    local_answer::{LocalAnswer, evaluate, judge},
};
use crate::{
    bundle::Reading,
    plan::{self, Known, LocalSource, Request, TwoScrapes},
    profile::QueryRule,
    promql::{Labels, Millis, NAME, Point, Query, Samples, stale},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// One scrape of a pod.
#[derive(Clone, Debug)]
pub struct Scraped {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// When the pod answered.
    pub at: DateTime<Utc>,
    /// The samples of the metrics in the queries.
    pub samples: Vec<TextSample>,
    /// Whether the pod has more samples than are held.
    pub is_cut: bool,
}

impl Scraped {
    /// Its samples, with the labels that Prometheus adds for the pod.
    pub fn with_target(&self) -> impl Iterator<Item = (Labels, f64)> {
        let target = [("namespace", &self.namespace[..]), ("pod", &self.pod[..])];
        let read = move |(series, value): &TextSample| Some((with_target(&parse_series(series)?, target), *value));
        self.samples.iter().filter_map(read)
    }
}

/// The metrics in the queries that scrapes can answer.
#[must_use]
pub fn metrics(request: &Request) -> BTreeSet<String> {
    let rules = request.profile.queries.iter().filter(|rule| rule.is_of_scrapes());
    rules.flat_map(QueryRule::metrics).collect()
}

/// The answers by these scrapes of `pods` pods, each of which was to be scraped twice.
#[must_use]
pub fn answers(request: &Request, known: &Known, scrapes: &[Scraped], pods: usize) -> Vec<LocalAnswer> {
    let Some(pairs) = Pairs::of(scrapes, pods) else { return Vec::new() };
    let asked = plan::of_two_scrapes(request, known, pairs.first, pairs.last);
    asked.into_iter().filter_map(|asked| pairs.answer(request, asked)).collect()
}

/// Pods that were scraped twice. All are treated as if they were scraped at the same two times: the last one of all
/// scrapes, and the time of the shortest pair before it.
struct Pairs<'a> {
    pairs: Vec<(&'a Scraped, &'a Scraped)>,
    /// Milliseconds between the scrapes of the shortest pair.
    apart: i64,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    missing: Vec<String>,
}

/// Milliseconds between two scrapes, at least 1.
fn millis((first, last): &(&Scraped, &Scraped)) -> i64 {
    (last.at - first.at).num_milliseconds().max(1)
}

impl<'a> Pairs<'a> {
    fn of(scrapes: &'a [Scraped], all: usize) -> Option<Self> {
        let mut pods: BTreeMap<(&str, &str), Vec<&Scraped>> = BTreeMap::new();
        for scrape in scrapes {
            pods.entry((&scrape.namespace, &scrape.pod)).or_default().push(scrape);
        }
        let pairs = pods.into_values().filter_map(|mut of_pod| {
            of_pod.sort_by_key(|scrape| scrape.at);
            let (first, last) = (*of_pod.first()?, *of_pod.last()?);
            (last.at > first.at).then_some((first, last))
        });
        let pairs: Vec<(&Scraped, &Scraped)> = pairs.collect();
        // Samples have a precision of milliseconds.
        let last = DateTime::from_timestamp_millis(pairs.iter().map(|(_, last)| last.at).max()?.timestamp_millis())?;
        let apart = pairs.iter().map(millis).min()?;
        let mut missing = Vec::new();
        if pairs.len() < all {
            missing.push(format!("only {} of {all} pods answered twice", pairs.len()));
        }
        if scrapes.iter().any(|scrape| scrape.is_cut) {
            missing.push("a pod has more samples than are read".to_owned());
        }
        Some(Self { pairs, apart, first: last - TimeDelta::milliseconds(apart), last, missing })
    }

    /// The samples of these metrics, and the names of the metrics that have any.
    fn samples(&self, metrics: &BTreeSet<String>) -> (Samples, BTreeSet<String>) {
        let (mut samples, mut names) = (Samples::default(), BTreeSet::new());
        let (before, after) = (self.first.timestamp_millis(), self.last.timestamp_millis());
        let of = |scrape: &Scraped| -> Vec<(Labels, f64)> {
            let read = |(series, value): &TextSample| Some((labels_of(series, metrics)?, *value));
            scrape.samples.iter().filter_map(read).collect()
        };
        for pair @ (one, other) in &self.pairs {
            let part = self.apart as f64 / millis(pair) as f64;
            let (then, now) = (of(one), of(other));
            let was: BTreeMap<&Labels, f64> = then.iter().map(|(labels, value)| (labels, *value)).collect();
            let is: BTreeSet<&Labels> = now.iter().map(|(labels, _)| labels).collect();
            let target =
                |labels: &Labels| with_target(labels, [("namespace", &other.namespace[..]), ("pod", &other.pod[..])]);
            for (labels, value) in &now {
                names.extend(labels.get(NAME).map(str::to_owned));
                let labels_there = target(labels);
                let was = match was.get(labels) {
                    // The counter was reset; its increase is its new value.
                    Some(was) if was > value => Some(*was),
                    Some(was) => Some(value - (value - was) * part),
                    // A counter without an earlier sample started at 0.
                    None => is_counter(labels).then(|| value - value * part),
                };
                if let Some(value) = was {
                    samples.push(&labels_there, Point { at: before, value });
                }
                samples.push(&labels_there, Point { at: after, value: *value });
            }
            // A series that disappeared belongs to a process that has ended.
            for (labels, value) in then.iter().filter(|(labels, _)| !is.contains(labels)) {
                let labels = target(labels);
                samples.push(&labels, Point { at: before, value: *value });
                samples.push(&labels, Point { at: after, value: stale() });
            }
        }
        (samples, names)
    }

    fn answer(&self, request: &Request, asked: TwoScrapes) -> Option<LocalAnswer> {
        let at = self.last.timestamp_millis();
        let metrics: BTreeSet<String> = asked.question.metrics().into_iter().collect();
        let (samples, names) = self.samples(&metrics);
        let values = evaluate(&samples, &asked.question, at)?;
        let absent = metrics.difference(&names).map(|name| format!("the servers have no {name}"));
        let warnings = self.missing.iter().cloned().chain(absent).collect();
        let mut verdict = judge(request, &asked.rule, &values, self.last, (!self.missing.is_empty(), warnings));
        verdict.of_scrapes = true;
        verdict.since_start = asked.since_start.as_ref().and_then(|query| self.since_start(&samples, query, at));
        let TwoScrapes { rule, question: query, since_start } = asked;
        let (first, last, source) = (self.first, self.last, LocalSource::Scrapes);
        Some(LocalAnswer { rule, query, since_start, values, verdict, first, last, source })
    }

    /// The greatest value over the counters since they started.
    fn since_start(&self, samples: &Samples, query: &Query, at: Millis) -> Option<Reading> {
        let values = evaluate(samples, query, at)?;
        let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let greatest = values.into_iter().filter_map(|(labels, text)| Some((number(&text)?, labels, text)));
        let (_, labels, value) = greatest.max_by(|one, other| one.0.total_cmp(&other.0))?;
        Some(Reading { value, at: self.last, labels: (&labels).into() })
    }
}

/// The labels of a series of one of these metrics; `None` for any other.
fn labels_of(series: &str, metrics: &BTreeSet<String>) -> Option<Labels> {
    // A name with other characters is among the labels.
    let name = series.split(['{', ' ']).next().filter(|name| !name.is_empty());
    if name.is_some_and(|name| !metrics.contains(name)) {
        return None;
    }
    parse_series(series).filter(|labels| labels.get(NAME).is_some_and(|name| metrics.contains(name)))
}

/// Whether a series is a counter, by the suffix of its name.
fn is_counter(labels: &Labels) -> bool {
    let name = labels.get(NAME).unwrap_or_default();
    ["_total", "_bucket", "_count", "_sum"].iter().any(|end| name.ends_with(end))
}

/// Labels as Prometheus stores them: those of the target, and the metric's own ones of the same names as `exported_…`.
fn with_target(labels: &Labels, target: [(&str, &str); 2]) -> Labels {
    let own = target.map(|(name, _)| (format!("exported_{name}"), labels.get(name).unwrap_or_default()));
    let own = own.iter().filter(|(_, own)| !own.is_empty()).map(|(name, own)| (name.as_str(), *own));
    labels.iter().chain(target).chain(own).collect()
}
