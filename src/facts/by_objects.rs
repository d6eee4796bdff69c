//! What objects of the API server, as they were listed, say of the profile's queries: as of the collection, and never
//! that all is well. Pure.

use super::{
    stated::Stated,
    two_scrapes::{judged, vector},
};
use crate::{
    bundle::Verdict,
    plan::{self, Known, Request},
    profile::QueryRule,
    promql::{Labels, NAME, Point, Query, Samples},
};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// What they say of one query.
#[derive(Clone, Debug)]
pub struct Said {
    /// The profile's words.
    pub rule: QueryRule,
    /// The question, filled in.
    pub question: Query,
    /// Its value, by labels: a number as a Prometheus writes it.
    pub values: Vec<(Labels, String)>,
    /// What that says.
    pub verdict: Verdict,
}

/// What these series say at this moment, of each query that has a form for it and `is_wanted` by its id; whether there
/// are more that are not known is told beside them. Each is worked out when it is asked for: one may have a value for
/// each of thousands of pods.
pub fn say(
    request: &Request,
    known: &Known,
    (stated, is_cut): (&[Stated], bool),
    at: DateTime<Utc>,
    is_wanted: impl Fn(&str) -> bool,
) -> impl Iterator<Item = Said> {
    let say = move |(rule, question): (QueryRule, Query)| {
        let metrics: BTreeSet<String> = question.metrics().into_iter().collect();
        let (mut samples, mut names) = (Samples::default(), BTreeSet::new());
        for (labels, value) in stated.iter().flat_map(|of| of.of(&metrics)) {
            names.extend(labels.get(NAME).filter(|name| !names.contains(*name)).map(str::to_owned));
            samples.push(&labels, Point { at: at.timestamp_millis(), value });
        }
        let values = vector(&samples, &question, at.timestamp_millis())?;
        let lacks = metrics.difference(&names).map(|name| format!("no object states {name}"));
        let cut = is_cut.then(|| "not all objects were listed".to_owned());
        let warnings = lacks.chain(cut).collect();
        let mut verdict = judged(request, &rule, &values, at, (is_cut, warnings));
        verdict.of_objects = true;
        Some(Said { rule, question, values, verdict })
    };
    let wanted = plan::of_objects(request, known).into_iter().filter(move |(rule, _)| is_wanted(&rule.id));
    wanted.filter_map(say)
}
