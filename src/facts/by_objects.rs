//! What objects of the API server, as they were listed, say of the profile's queries: as of the collection, and never
//! that all is well. Pure.

use super::{
    scraped::Series,
    two_scrapes::{judged, labels_of, vector},
};
use crate::{
    bundle::Verdict,
    plan::{self, Known, Request},
    profile::QueryRule,
    promql::{Labels, Point, Query, Samples},
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

/// What these series say at this moment, of each query that has a form for it; whether there are more that are not
/// known is told beside them.
#[must_use]
pub fn say(request: &Request, known: &Known, (stated, is_cut): (&[Series], bool), at: DateTime<Utc>) -> Vec<Said> {
    let say = |(rule, question): (QueryRule, Query)| {
        let metrics: BTreeSet<String> = question.metrics().into_iter().collect();
        let (mut samples, mut names) = (Samples::default(), BTreeSet::new());
        for (series, value) in stated {
            let Some(labels) = labels_of(series, &metrics) else { continue };
            names.extend(labels.get(crate::promql::NAME).cloned());
            samples.push(&labels, Point { at: at.timestamp_millis(), value: *value });
        }
        let values = vector(&samples, &question, at.timestamp_millis())?;
        let lacks = metrics.difference(&names).map(|name| format!("no object states {name}"));
        let cut = is_cut.then(|| "not all objects were listed".to_owned());
        let warnings = lacks.chain(cut).collect();
        let mut verdict = judged(request, &rule, &values, at, (is_cut, warnings));
        verdict.of_objects = true;
        Some(Said { rule, question, values, verdict })
    };
    plan::of_objects(request, known).into_iter().filter_map(say).collect()
}
