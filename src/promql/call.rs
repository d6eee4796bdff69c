//! Owns the functions of vectors and numbers.

use super::{
    eval::{EvalError, Evaluator, Value, strip, unnamed},
    histogram,
    labels::Labels,
    samples::Sample,
};
use promql_parser::{
    label::MatchOp,
    parser::{Call, Expr, VectorSelector},
};
use std::collections::BTreeSet;

const KNOWN: &[&str] = &[
    "abs",
    "absent",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "exp",
    "floor",
    "histogram_quantile",
    "ln",
    "log10",
    "log2",
    "round",
    "scalar",
    "sgn",
    "sqrt",
    "time",
    "timestamp",
    "vector",
];

pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

pub(super) fn value(at: &Evaluator<'_>, call: &Call) -> Result<Value, EvalError> {
    let args: Vec<&Expr> = call.args.args.iter().map(|arg| &**arg).collect();
    let wrong = || EvalError::Type(call.to_string());
    let arg = |n: usize| args.get(n).copied().ok_or_else(wrong);
    let vector = |n: usize| at.vector(arg(n)?);
    let scalar = |n: usize| at.scalar(arg(n)?);
    let each = |of: &dyn Fn(f64) -> f64| unnamed(vector(0)?.into_iter().map(|it| Sample { value: of(it.value), ..it }));
    match call.func.name {
        "abs" => each(&f64::abs),
        "ceil" => each(&f64::ceil),
        "exp" => each(&f64::exp),
        "floor" => each(&f64::floor),
        "ln" => each(&f64::ln),
        "log10" => each(&f64::log10),
        "log2" => each(&f64::log2),
        "sgn" => each(&|value| if value == 0.0 || value.is_nan() { value } else { value.signum() }),
        "sqrt" => each(&f64::sqrt),
        "round" => {
            let nearest = 1.0 / if args.len() > 1 { scalar(1)? } else { 1.0 };
            each(&|value| (value * nearest + 0.5).floor() / nearest)
        }
        "clamp" => clamp(vector(0)?, scalar(1)?, scalar(2)?),
        "clamp_max" => clamp(vector(0)?, f64::NEG_INFINITY, scalar(1)?),
        "clamp_min" => clamp(vector(0)?, scalar(1)?, f64::INFINITY),
        "histogram_quantile" => histogram::value(scalar(0)?, vector(1)?),
        "time" => Ok(Value::Scalar(at.at as f64 / 1000.0)),
        "vector" => Ok(Value::Vector(vec![Sample { labels: Labels::new(), value: scalar(0)? }])),
        "scalar" => match &vector(0)?[..] {
            [one] => Ok(Value::Scalar(one.value)),
            _ => Ok(Value::Scalar(f64::NAN)),
        },
        // When a series was last seen is known of a selector only: what is made of it is of the moment.
        "timestamp" => match strip(arg(0)?) {
            Expr::VectorSelector(selector) => {
                let seen = at.select(selector).into_iter();
                unnamed(seen.map(|(it, when)| Sample { value: when as f64 / 1000.0, ..it }))
            }
            _ => each(&|_| at.at as f64 / 1000.0),
        },
        "absent" => {
            let none = vector(0)?.is_empty();
            let labels = match strip(arg(0)?) {
                Expr::VectorSelector(selector) => absent(selector),
                _ => Labels::new(),
            };
            Ok(Value::Vector(none.then_some(Sample { labels, value: 1.0 }).into_iter().collect()))
        }
        _ => Err(wrong()),
    }
}

/// By Go's minimum and maximum, of which an infinity is either also with NaN.
fn clamp(vector: Vec<Sample>, least: f64, most: f64) -> Result<Value, EvalError> {
    if most < least {
        return Ok(Value::Vector(Vec::new()));
    }
    let either = |one: f64, other: f64, end: f64, of: fn(f64, f64) -> f64| {
        if one == end || other == end {
            end
        } else if one.is_nan() || other.is_nan() {
            f64::NAN
        } else {
            of(one, other)
        }
    };
    let of = |value: f64| {
        let value = either(most, value, f64::NEG_INFINITY, f64::min);
        either(least, value, f64::INFINITY, f64::max)
    };
    unnamed(vector.into_iter().map(|it| Sample { value: of(it.value), ..it }))
}

/// The labels that a series which is not there would have for sure.
pub(super) fn absent(selector: &VectorSelector) -> Labels {
    let mut said = BTreeSet::new();
    let matchers = selector.matchers.matchers.iter().filter(|matcher| matcher.name != super::NAME);
    let sure = matchers.map(|matcher| {
        // Of two that say what a label is, neither is sure.
        let is_sure = matches!(matcher.op, MatchOp::Equal) && said.insert(&matcher.name);
        (matcher.name.as_str(), if is_sure { matcher.value.as_str() } else { "" })
    });
    sure.collect()
}
