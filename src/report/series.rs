//! Owns the curves for the plots: reads a query's answer, keeps its worst series, and thins their points.

use crate::{bundle::QueryRecord, profile::Threshold};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fmt,
    io::{BufReader, Read},
};

/// The most curves that are kept per query.
pub const SERIES: usize = 8;

/// About the most points of a curve: two per column of the plot.
pub const POINTS: usize = 300;

/// The largest answer that is read for curves, in bytes.
pub const ANSWER_BYTES: u64 = 16 << 20;

/// A curve of a query's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The cluster that the query is about.
    pub cluster: String,
    /// The query's id.
    pub query: String,
    /// With the metric's name as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Finite values by time, in milliseconds since 1970 (UTC).
    pub points: Vec<(i64, f64)>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// A curve with its worst value, negated if low values are bad.
type Ranked = (f64, Row, Vec<(i64, f64)>);

/// The curves of `queries/<id>.json`, worst first, at most [`SERIES`] with about [`POINTS`] points each. It holds one
/// more curve in memory than it returns. A file of another shape has none.
#[must_use]
pub fn series(query: &QueryRecord, file: impl Read) -> Vec<Series> {
    let mut ranking = Ranking { is_low_bad: is_low_bad(query), kept: Vec::new() };
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(file));
    if Within(&["answer", "result"], &mut ranking).deserialize(&mut json).is_err() {
        return Vec::new();
    }
    let (cluster, id) = (&query.cluster, &query.id);
    let kept = ranking.kept.into_iter();
    kept.map(|(_, row, points)| Series {
        cluster: cluster.clone(),
        query: id.clone(),
        labels: row.metric,
        points: thinned(points),
    })
    .collect()
}

/// The worst curves so far.
struct Ranking {
    is_low_bad: bool,
    kept: Vec<Ranked>,
}

impl Ranking {
    fn see(&mut self, row: Row) {
        let points = points(&row);
        let worst = points.iter().map(|(_, value)| if self.is_low_bad { -value } else { *value }).reduce(f64::max);
        let Some(worst) = worst else { return };
        let is_before = |held: &Ranked| held.0.total_cmp(&worst).reverse().then_with(|| held.1.metric.cmp(&row.metric));
        let place = self.kept.partition_point(|held| is_before(held).is_le());
        if place < SERIES {
            self.kept.insert(place, (worst, row, points));
            self.kept.truncate(SERIES);
        }
    }
}

/// Reads the rows of the array at this path of keys.
struct Within<'a>(&'static [&'static str], &'a mut Ranking);

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        if self.0.is_empty() { from.deserialize_seq(self) } else { from.deserialize_map(self) }
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer to a query")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self(keys, ranking) = self;
        while let Some(key) = members.next_key::<String>()? {
            match keys.split_first() {
                Some((first, within)) if key == *first => members.next_value_seed(Within(within, ranking))?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(row) = rows.next_element::<Row>()? {
            self.1.see(row);
        }
        Ok(())
    }
}

/// Whether low values are bad for this query.
fn is_low_bad(query: &QueryRecord) -> bool {
    let bound = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Threshold>().ok());
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
        let found = series(&query(Some("< 1")), text.as_bytes());
        assert_eq!(found.len(), SERIES);
        assert_eq!(found[0].labels["pod"], "p19");
        assert!(found[0].points.len() <= POINTS && found[0].points.contains(&(500_000, 19.0)));
        assert!(found[0].points.is_sorted_by_key(|point| point.0));
        assert_eq!(series(&query(Some("> 0.99")), text.as_bytes())[0].labels["pod"], "p10", "all are as low");
    }

    #[test]
    fn a_file_of_another_shape_has_no_curves() {
        for text in ["", "[]", "{\"answer\":{\"result\":[{\"values\":[[1,2]]}]}}", "{\"answer\":null}"] {
            assert_eq!(series(&query(None), text.as_bytes()), []);
        }
        let odd =
            answer(json!([{ "metric": {}, "values": [[1, "NaN"], [2, "+Inf"], [1e300, "1"]] }, { "values": [] }]));
        assert_eq!(series(&query(None), odd.as_bytes())[0].points, [(i64::MAX, 1.0)]);
    }
}
