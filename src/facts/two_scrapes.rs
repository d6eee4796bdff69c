//! What two scrapes of the servers, some seconds apart, say of the profile's queries: as of the collection, and
//! never that all is well. Pure.

use super::verdict::Judge;
use crate::{
    bundle::{Judged, Reading, Verdict},
    plan::{self, Known, Request, TwoScrapes},
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
    pub samples: Vec<(Labels, f64)>,
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
    rules.filter_map(|rule| rule.query(plan::RANGE).ok()).flat_map(|query| query.metrics()).collect()
}

/// What these scrapes say, of pods of which there are two.
#[must_use]
pub fn say(request: &Request, known: &Known, scrapes: &[Scraped]) -> Vec<Said> {
    let Some(samples) = Pairs::of(scrapes) else { return Vec::new() };
    let asked = plan::of_two_scrapes(request, known, samples.first, samples.last);
    asked.into_iter().filter_map(|asked| samples.say(request, asked)).collect()
}

struct Pairs {
    samples: Samples,
    names: BTreeSet<String>,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
}

impl Pairs {
    fn of(scrapes: &[Scraped]) -> Option<Self> {
        let mut pods: BTreeMap<(&str, &str), Vec<&Scraped>> = BTreeMap::new();
        for scrape in scrapes {
            pods.entry((&scrape.namespace, &scrape.pod)).or_default().push(scrape);
        }
        let pairs = pods.into_values().filter(|of_pod| of_pod.len() > 1);
        let mut scrapes: Vec<&Scraped> = pairs.flatten().collect();
        scrapes.sort_by_key(|scrape| scrape.at);
        let (first, last) = (scrapes.first()?.at, scrapes.last()?.at);
        let (mut samples, mut names) = (Samples::default(), BTreeSet::new());
        for scrape in scrapes {
            let at = scrape.at.timestamp_millis();
            for (labels, value) in &scrape.samples {
                names.extend(labels.get(NAME).cloned());
                let labels = targeted(labels, [("namespace", &scrape.namespace), ("pod", &scrape.pod)]);
                samples.push(&labels, Point { at, value: *value });
            }
        }
        Some(Self { samples, names, first, last })
    }

    fn say(&self, request: &Request, asked: TwoScrapes) -> Option<Said> {
        let at = self.last.timestamp_millis();
        let values = vector(&self.samples, &asked.question, at)?;
        let incident = request.window.incident.map(|incident| (incident.start, incident.end));
        let bounds = asked.rule.bounds();
        let mut judge = Judge::new(bounds, (self.last, self.last), TimeDelta::seconds(1), incident);
        for (labels, value) in &values {
            judge.hear(labels, &[(at as f64 / 1000.0, value)]);
        }
        let lacks = asked.question.metrics().into_iter().filter(|name| !self.names.contains(name));
        let lacks: BTreeSet<String> = lacks.collect();
        let warnings = lacks.into_iter().map(|name| format!("the servers have no {name}")).collect();
        let mut verdict = judge.verdict(false, true, warnings);
        // A moment that is well says nothing of any other.
        if !matches!(verdict.verdict, Judged::Alert | Judged::NoData) {
            verdict.verdict = Judged::Value;
        }
        verdict.of_scrapes = true;
        verdict.since_start = asked.since_start.as_ref().and_then(|query| self.since(query, at));
        Some(Said { asked, values, verdict, first: self.first, last: self.last })
    }

    /// The greatest of what its counters have counted since they began.
    fn since(&self, query: &promql::Query, at: Millis) -> Option<Reading> {
        let values = vector(&self.samples, query, at)?;
        let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let greatest = values.into_iter().filter_map(|(labels, text)| Some((number(&text)?, labels, text)));
        let (_, labels, value) = greatest.max_by(|one, other| one.0.total_cmp(&other.0))?;
        Some(Reading { value, at: self.last, labels })
    }
}

fn vector(samples: &Samples, query: &promql::Query, at: Millis) -> Option<Vec<(Labels, String)>> {
    let text = |value: f64| match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        value => value.to_string(),
    };
    Some(match query.at(samples, at).ok()? {
        Value::Scalar(value) => vec![(Labels::new(), text(value))],
        Value::Vector(vector) => vector.into_iter().map(|sample| (sample.labels, text(sample.value))).collect(),
    })
}

/// Labels as a scrape gives them: those of the target, and what the metric itself says of the same names apart.
fn targeted(labels: &Labels, target: [(&str, &String); 2]) -> Labels {
    let mut labels = labels.clone();
    for (name, value) in target {
        if let Some(own) = labels.insert(name.to_owned(), value.clone()) {
            labels.insert(format!("exported_{name}"), own);
        }
    }
    labels
}
