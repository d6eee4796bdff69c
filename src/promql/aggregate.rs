//! Owns aggregations, such as `sum by (pod)`.

use super::{
    labels::Labels,
    samples::Sample,
    sum::{extreme, mean, quantile, sum, variance},
    value::{EvalError, Value},
};
use promql_parser::parser::AggregateExpr;
use std::collections::BTreeMap;

/// An aggregation operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Avg,
    Bottomk,
    Count,
    Group,
    Max,
    Min,
    Quantile,
    Stddev,
    Stdvar,
    Sum,
    Topk,
}

impl Op {
    pub(super) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "avg" => Self::Avg,
            "bottomk" => Self::Bottomk,
            "count" => Self::Count,
            "group" => Self::Group,
            "max" => Self::Max,
            "min" => Self::Min,
            "quantile" => Self::Quantile,
            "stddev" => Self::Stddev,
            "stdvar" => Self::Stdvar,
            "sum" => Self::Sum,
            "topk" => Self::Topk,
            _ => return None,
        })
    }
}

/// The value of an aggregation over a vector.
pub(super) fn value(expr: &AggregateExpr, param: Option<f64>, vector: Vec<Sample>) -> Result<Value, EvalError> {
    let Some(op) = Op::read(&expr.op.to_string()) else { return Err(EvalError::Type(expr.to_string())) };
    let mut groups: BTreeMap<Labels, Vec<Sample>> = BTreeMap::new();
    for sample in vector {
        let group = expr.modifier.as_ref().map(|modifier| sample.labels.picked(modifier)).unwrap_or_default();
        groups.entry(group).or_default().push(sample);
    }
    let param = param.unwrap_or(f64::NAN);
    // Prometheus refuses what does not fit its integer.
    if matches!(op, Op::Topk | Op::Bottomk) && (param.is_nan() || param >= i64::MAX as f64) {
        return Err(EvalError::Parameter(param.to_string()));
    }
    let mut out = Vec::new();
    for (labels, samples) in groups {
        let values = || samples.iter().map(|sample| sample.value);
        let value = match op {
            Op::Topk | Op::Bottomk => {
                out.extend(first(samples, param, op == Op::Topk));
                continue;
            }
            Op::Avg => mean(values()),
            Op::Count => samples.len() as f64,
            Op::Group => 1.0,
            Op::Max => extreme(values(), f64::gt),
            Op::Min => extreme(values(), f64::lt),
            Op::Quantile => quantile(param, values().collect()),
            Op::Stddev => variance(values()).sqrt(),
            Op::Stdvar => variance(values()),
            Op::Sum => sum(values()),
        };
        out.push(Sample { labels, value });
    }
    Ok(Value::Vector(out))
}

/// The `count` greatest or least samples; NaN always comes last.
fn first(mut samples: Vec<Sample>, count: f64, greatest: bool) -> Vec<Sample> {
    samples.sort_by(|one, other| {
        let (one, other) = (one.value, other.value);
        match (one.is_nan(), other.is_nan()) {
            (false, false) if greatest => other.total_cmp(&one),
            (false, false) => one.total_cmp(&other),
            (one, other) => one.cmp(&other),
        }
    });
    samples.truncate(if count >= 1.0 { count as usize } else { 0 });
    samples
}
