//! What two scrapes of the servers, some seconds apart, say of the profile's queries: as of the collection, and
//! never that all is well. Pure.

use super::{
    scraped::{self, Series},
    verdict::Judge,
};
use crate::{
    bundle::{Judged, Reading, Verdict},
    plan::{self, Known, Request, TwoScrapes},
    profile::QueryRule,
    promql::{self, Labels, Millis, NAME, Point, Samples, Value},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// One scrape of a pod.
#[derive(Clone, Debug)]
pub struct Scraped {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// When it answered.
    pub at: DateTime<Utc>,
    /// Samples of the metrics that the queries are made of.
    pub samples: Vec<Series>,
    /// Whether these are not all.
    pub is_cut: bool,
}

impl Scraped {
    /// Its samples, with the labels of the pod that they are of.
    pub fn targeted(&self) -> impl Iterator<Item = (Labels, f64)> {
        let target = [("namespace", &self.namespace[..]), ("pod", &self.pod[..])];
        let read = move |(series, value): &Series| Some((targeted(&scraped::labels(series)?, target), *value));
        self.samples.iter().filter_map(read)
    }
}

/// What they say of one query.
#[derive(Clone, Debug)]
pub struct Said {
    /// The question, as it was answered.
    pub asked: TwoScrapes,
    /// Its value, by labels: a number as a Prometheus writes it.
    pub values: Vec<(Labels, String)>,
    /// What that says.
    pub verdict: Verdict,
    /// When the first pod was first scraped.
    pub first: DateTime<Utc>,
    /// When the last one was last.
    pub last: DateTime<Utc>,
}

/// The metrics that may be in a scrape, and that the queries are made of.
#[must_use]
pub fn wanted(request: &Request) -> BTreeSet<String> {
    let rules = request.profile.queries.iter().filter(|rule| rule.is_of_scrapes());
    rules.flat_map(QueryRule::metrics).collect()
}

/// What these scrapes say, of `pods` pods of which two were meant to be there.
#[must_use]
pub fn say(request: &Request, known: &Known, scrapes: &[Scraped], pods: usize) -> Vec<Said> {
    let Some(pairs) = Pairs::of(scrapes, pods) else { return Vec::new() };
    let asked = plan::of_two_scrapes(request, known, pairs.first, pairs.last);
    asked.into_iter().filter_map(|asked| pairs.say(request, asked)).collect()
}

/// Pods that were scraped twice, as if all had been at the same two times: those of the shortest pair, the last of
/// which is the last of all.
struct Pairs<'a> {
    pairs: Vec<(&'a Scraped, &'a Scraped)>,
    /// Milliseconds of the shortest pair.
    apart: i64,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    /// What is missing of them.
    lacks: Vec<String>,
}

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
        // Samples have milliseconds.
        let last = DateTime::from_timestamp_millis(pairs.iter().map(|(_, last)| last.at).max()?.timestamp_millis())?;
        let apart = pairs.iter().map(millis).min()?;
        let mut lacks = Vec::new();
        if pairs.len() < all {
            lacks.push(format!("of {} of {all} pods: the others did not answer twice", pairs.len()));
        }
        if scrapes.iter().any(|scrape| scrape.is_cut) {
            lacks.push("a pod has more samples than are looked at".to_owned());
        }
        Some(Self { pairs, apart, first: last - TimeDelta::milliseconds(apart), last, lacks })
    }

    /// The samples of these metrics, and the names of those that there are.
    fn samples(&self, metrics: &BTreeSet<String>) -> (Samples, BTreeSet<String>) {
        let (mut samples, mut names) = (Samples::default(), BTreeSet::new());
        let (before, after) = (self.first.timestamp_millis(), self.last.timestamp_millis());
        let of = |scrape: &Scraped| -> Vec<(Labels, f64)> {
            let read = |(series, value): &Series| Some((labels_of(series, metrics)?, *value));
            scrape.samples.iter().filter_map(read).collect()
        };
        for pair @ (one, other) in &self.pairs {
            let part = self.apart as f64 / millis(pair) as f64;
            let (then, now) = (of(one), of(other));
            let was: BTreeMap<&Labels, f64> = then.iter().map(|(labels, value)| (labels, *value)).collect();
            let is: BTreeSet<&Labels> = now.iter().map(|(labels, _)| labels).collect();
            let target =
                |labels: &Labels| targeted(labels, [("namespace", &other.namespace[..]), ("pod", &other.pod[..])]);
            for (labels, value) in &now {
                names.extend(labels.get(NAME).map(str::to_owned));
                let labels_there = target(labels);
                let was = match was.get(labels) {
                    // One that has begun anew has its own increase.
                    Some(was) if was > value => Some(*was),
                    Some(was) => Some(value - (value - was) * part),
                    // A counter that was not there had counted nothing.
                    None => is_counter(labels).then(|| value - value * part),
                };
                if let Some(value) = was {
                    samples.push(&labels_there, Point { at: before, value });
                }
                samples.push(&labels_there, Point { at: after, value: *value });
            }
            // What is there no more is of a process that is gone.
            for (labels, value) in then.iter().filter(|(labels, _)| !is.contains(labels)) {
                let labels = target(labels);
                samples.push(&labels, Point { at: before, value: *value });
                samples.push(&labels, Point { at: after, value: promql::stale() });
            }
        }
        (samples, names)
    }

    fn say(&self, request: &Request, asked: TwoScrapes) -> Option<Said> {
        let at = self.last.timestamp_millis();
        let metrics: BTreeSet<String> = asked.question.metrics().into_iter().collect();
        let (samples, names) = self.samples(&metrics);
        let values = vector(&samples, &asked.question, at)?;
        let lacks = metrics.difference(&names).map(|name| format!("the servers have no {name}"));
        let warnings = self.lacks.iter().cloned().chain(lacks).collect();
        let mut verdict = judged(request, &asked.rule, &values, self.last, (!self.lacks.is_empty(), warnings));
        verdict.of_scrapes = true;
        verdict.since_start = asked.since_start.as_ref().and_then(|query| self.since(&samples, query, at));
        Some(Said { asked, values, verdict, first: self.first, last: self.last })
    }

    /// The greatest of what its counters have counted since they began.
    fn since(&self, samples: &Samples, query: &promql::Query, at: Millis) -> Option<Reading> {
        let values = vector(samples, query, at)?;
        let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let greatest = values.into_iter().filter_map(|(labels, text)| Some((number(&text)?, labels, text)));
        let (_, labels, value) = greatest.max_by(|one, other| one.0.total_cmp(&other.0))?;
        Some(Reading { value, at: self.last, labels: (&labels).into() })
    }
}

/// The labels of a series, if it is of one of these metrics.
fn labels_of(series: &str, metrics: &BTreeSet<String>) -> Option<Labels> {
    // A name of other letters stands among the labels.
    let name = series.split(['{', ' ']).next().filter(|name| !name.is_empty());
    if name.is_some_and(|name| !metrics.contains(name)) {
        return None;
    }
    scraped::labels(series).filter(|labels| labels.get(NAME).is_some_and(|name| metrics.contains(name)))
}

/// What these values of one moment say of a query: a moment that is well says nothing of any other.
pub(super) fn judged(
    request: &Request,
    rule: &QueryRule,
    values: &[(Labels, String)],
    at: DateTime<Utc>,
    (is_partial, warnings): (bool, Vec<String>),
) -> Verdict {
    let incident = request.window.incident.map(|incident| (incident.start, incident.end));
    let mut judge = Judge::new(rule.thresholds(), (at, at), TimeDelta::seconds(1), incident);
    for (labels, value) in values {
        judge.hear(labels, &[(at.timestamp_millis() as f64 / 1000.0, value)]);
    }
    let mut verdict = judge.verdict(is_partial, true, warnings);
    if matches!(verdict.verdict, Judged::Healthy | Judged::Gaps) {
        verdict.verdict = Judged::Value;
    }
    verdict
}

/// Whether a series counts, by its name as the format has it.
fn is_counter(labels: &Labels) -> bool {
    let name = labels.get(NAME).unwrap_or_default();
    ["_total", "_bucket", "_count", "_sum"].iter().any(|end| name.ends_with(end))
}

/// A number as a Prometheus writes it.
#[must_use]
pub fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        value => value.to_string(),
    }
}

/// The value of a query at a moment: numbers as a Prometheus writes them.
pub(super) fn vector(samples: &Samples, query: &promql::Query, at: Millis) -> Option<Vec<(Labels, String)>> {
    Some(match query.at(samples, at).ok()? {
        Value::Scalar(value) => vec![(Labels::new(), number(value))],
        Value::Vector(vector) => vector.into_iter().map(|sample| (sample.labels, number(sample.value))).collect(),
    })
}

/// Labels as a scrape gives them: those of the target, and what the metric itself says of the same names apart.
fn targeted(labels: &Labels, target: [(&str, &str); 2]) -> Labels {
    let own = target.map(|(name, _)| (format!("exported_{name}"), labels.get(name).unwrap_or_default()));
    let own = own.iter().filter(|(_, own)| !own.is_empty()).map(|(name, own)| (name.as_str(), *own));
    labels.iter().chain(target).chain(own).collect()
}
