//! The curves of the queries' answers: read, thinned to what a plot can show, the worst first.

use crate::{bundle::QueryRecord, profile::Bound};
use serde::Deserialize;
use std::{cmp::Ordering, collections::BTreeMap};

/// At most so many curves of a query are kept.
pub const SERIES: usize = 8;

/// At most about so many points of a curve: two for each column of the plot.
pub const POINTS: usize = 300;

/// What is larger than this is not read, in bytes.
pub const ANSWER_BYTES: usize = 16 << 20;

/// A curve of a query's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The cluster that the query is about.
    pub cluster: String,
    /// The query's id.
    pub query: String,
    /// What tells it from others of the query.
    pub labels: BTreeMap<String, String>,
    /// Its values, finite ones, by time in milliseconds since 1970.
    pub points: Vec<(i64, f64)>,
}

#[derive(Deserialize)]
struct Saved {
    answer: Answer,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// A curve by its worst value, the sign turned where low values are the worse ones.
type Ranked = (f64, Row, Vec<(i64, f64)>);

/// The curves in the text of `queries/<id>.json`, the worst first, at most [`SERIES`] of them with about [`POINTS`]
/// points each. Text that is something else has none.
#[must_use]
pub fn series(query: &QueryRecord, text: &str) -> Vec<Series> {
    let file = (text.len() <= ANSWER_BYTES).then(|| serde_json::from_str::<Saved>(text).ok());
    let rows = file.flatten().map(|file| file.answer.result).unwrap_or_default();
    let is_low_bad = is_low_bad(query);
    let mut ranked: Vec<Ranked> = rows
        .into_iter()
        .filter_map(|row| {
            let points = points(&row);
            let worst = points.iter().map(|(_, value)| if is_low_bad { -value } else { *value }).reduce(f64::max)?;
            Some((worst, row, points))
        })
        .collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.metric.cmp(&other.1.metric)));
    let kept = ranked.into_iter().take(SERIES);
    let (cluster, id) = (&query.cluster, &query.id);
    kept.map(|(_, row, points)| Series {
        cluster: cluster.clone(),
        query: id.clone(),
        labels: row.metric,
        points: thinned(points),
    })
    .collect()
}

/// Whether low values are the worse ones.
fn is_low_bad(query: &QueryRecord) -> bool {
    let bound = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Bound>().ok());
    match (bound(&query.alert), bound(&query.healthy)) {
        (Some(alert), _) => alert.is_below(),
        (None, Some(healthy)) => healthy.is_above(),
        (None, None) => false,
    }
}

fn points(row: &Row) -> Vec<(i64, f64)> {
    let point = |(at, value): &(f64, String)| Some(((at * 1000.0) as i64, value.parse::<f64>().ok()?));
    let mut points: Vec<(i64, f64)> = row.values.iter().filter_map(point).filter(|point| point.1.is_finite()).collect();
    points.sort_by_key(|point| point.0);
    points
}

/// Of each column the lowest and the highest value, in their order: no peak is lost.
fn thinned(points: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
    if points.len() <= POINTS {
        return points;
    }
    let by_value = |one: &&(i64, f64), other: &&(i64, f64)| one.1.partial_cmp(&other.1).unwrap_or(Ordering::Equal);
    let columns = points.chunks(points.len().div_ceil(POINTS / 2));
    let ends = columns.flat_map(|column| {
        let mut ends = [column.iter().min_by(by_value), column.iter().max_by(by_value)];
        ends.sort_by_key(|end| end.map(|point| point.0));
        ends.into_iter().flatten().copied()
    });
    let mut kept: Vec<_> = ends.collect();
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn query(healthy: Option<&str>) -> QueryRecord {
        let record = json!({ "cluster": "prod", "id": "q", "expr": "x", "start": "2024-03-05T13:50:00Z",
            "end": "2024-03-05T14:20:00Z", "step_seconds": 30, "healthy": healthy, "verdict": "value" });
        serde_json::from_value(record).expect("a record")
    }

    fn answer(result: Value) -> String {
        json!({ "question": {}, "answer": { "resultType": "matrix", "result": result }, "verdict": {} }).to_string()
    }

    #[test]
    fn the_worst_curves_come_first_and_keep_their_peaks() {
        let curve = |pod: usize| {
            let values: Vec<_> =
                (0..1000).map(|at| json!([at, if at == 500 { format!("{pod}") } else { "0.5".into() }])).collect();
            json!({ "metric": { "pod": format!("p{pod}") }, "values": values })
        };
        let text = answer((2..20).map(curve).collect());
        let found = series(&query(Some("< 1")), &text);
        assert_eq!(found.len(), SERIES);
        assert_eq!(found[0].labels["pod"], "p19");
        assert!(found[0].points.len() <= POINTS && found[0].points.contains(&(500_000, 19.0)));
        assert!(found[0].points.is_sorted_by_key(|point| point.0));
        assert_eq!(series(&query(Some("> 0.99")), &text)[0].labels["pod"], "p10", "all are as low");
    }

    #[test]
    fn what_is_no_answer_has_no_curves() {
        for text in ["", "[]", "{\"answer\":{\"result\":[{\"values\":[[1,2]]}]}}", "{\"answer\":null}"] {
            assert_eq!(series(&query(None), text), []);
        }
        let odd =
            answer(json!([{ "metric": {}, "values": [[1, "NaN"], [2, "+Inf"], [1e300, "1"]] }, { "values": [] }]));
        assert_eq!(series(&query(None), &odd)[0].points, [(i64::MAX, 1.0)]);
    }
}
