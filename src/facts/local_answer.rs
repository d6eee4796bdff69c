//! Owns an answer to a query that this program evaluates itself, because no Prometheus answered. It is as of the
//! collection, so it never says that all is well.

use super::{exposition::write_value, verdict::Judge};
use crate::{
    bundle::{Judged, Verdict},
    plan::{LocalSource, Request},
    profile::QueryRule,
    promql::{Labels, Millis, Query, Samples, Value},
};
use chrono::{DateTime, TimeDelta, Utc};

/// The answer to a query of the profile.
#[derive(Clone, Debug)]
pub struct LocalAnswer {
    /// The profile's query.
    pub rule: QueryRule,
    /// The expression that was evaluated, with its variables filled in.
    pub query: Query,
    /// The same over counters since they started, if it has counters.
    pub since_start: Option<Query>,
    /// The values by their labels, written as Prometheus writes them.
    pub values: Vec<(Labels, String)>,
    /// What the values say.
    pub verdict: Verdict,
    /// Time of the first sample.
    pub first: DateTime<Utc>,
    /// Time of the last sample, at which the query was evaluated.
    pub last: DateTime<Utc>,
    /// Where the samples came from.
    pub source: LocalSource,
}

/// The value of a query at a time; `None` if it has none.
pub(super) fn evaluate(samples: &Samples, query: &Query, at: Millis) -> Option<Vec<(Labels, String)>> {
    Some(match query.at(samples, at).ok()? {
        Value::Scalar(value) => vec![(Labels::new(), write_value(value))],
        Value::Vector(vector) => vector.into_iter().map(|sample| (sample.labels, write_value(sample.value))).collect(),
    })
}

/// The verdict on values at one time. They are never healthy, because they do not cover the time before.
pub(super) fn judge(
    request: &Request,
    rule: &QueryRule,
    values: &[(Labels, String)],
    at: DateTime<Utc>,
    (is_partial, warnings): (bool, Vec<String>),
) -> Verdict {
    let incident = request.window.incident.map(|incident| (incident.start, incident.end));
    let mut judge = Judge::new(rule.thresholds(), (at, at), TimeDelta::seconds(1), incident);
    for (labels, value) in values {
        judge.add(labels, &[(at.timestamp_millis() as f64 / 1000.0, value)]);
    }
    let mut verdict = judge.verdict(is_partial, true, warnings);
    if matches!(verdict.verdict, Judged::Healthy | Judged::Gaps) {
        verdict.verdict = Judged::Value;
    }
    verdict
}
