//! Owns the answers by what listed objects state in numbers.

use super::{
    local_answer::{LocalAnswer, evaluate, judge},
    object_series::AllObjectSeries,
};
use crate::{
    plan::{self, Known, LocalSource, Request},
    profile::QueryRule,
    promql::{NAME, Point, Query, Samples},
};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// The answers by these series at this time, to each query that has a form for them and whose id `is_wanted`. Each is
/// evaluated when the iterator reaches it, because an answer may have a value for each of thousands of pods.
pub fn answers(
    request: &Request,
    known: &Known,
    series: &AllObjectSeries,
    at: DateTime<Utc>,
    is_wanted: impl Fn(&str) -> bool,
) -> impl Iterator<Item = LocalAnswer> {
    let answer = move |(rule, query): (QueryRule, Query)| {
        let metrics: BTreeSet<String> = query.metrics().into_iter().collect();
        let (mut samples, mut names) = (Samples::default(), BTreeSet::new());
        for (labels, value) in series.objects.iter().flat_map(|of| of.of(&metrics)) {
            names.extend(labels.get(NAME).filter(|name| !names.contains(*name)).map(str::to_owned));
            samples.push(&labels, Point { at: at.timestamp_millis(), value });
        }
        let values = evaluate(&samples, &query, at.timestamp_millis())?;
        let absent = metrics.difference(&names).map(|name| format!("no object states {name}"));
        let cut = series.is_cut.then(|| "not all objects were listed".to_owned());
        let warnings = absent.chain(cut).collect();
        let mut verdict = judge(request, &rule, &values, at, (series.is_cut, warnings));
        verdict.of_objects = true;
        let source = LocalSource::Objects;
        Some(LocalAnswer { rule, query, since_start: None, values, verdict, first: at, last: at, source })
    };
    let wanted = plan::of_objects(request, known).into_iter().filter(move |(rule, _)| is_wanted(&rule.id));
    wanted.filter_map(answer)
}
