//! Owns the functions of vectors and scalars.

use super::{
    eval::Evaluator,
    histogram,
    labels::{Labels, NAME},
    samples::Sample,
    value::{EvalError, Value, strip, unnamed},
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

/// Whether [`value`] knows a function.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// The value of a function call.
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
        // Only a selector knows when a series was last scraped; other values have the time of evaluation.
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

/// Clamps as Go's minimum and maximum do, for which an infinity wins over NaN.
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

/// The labels that a missing series would certainly have.
pub(super) fn absent(selector: &VectorSelector) -> Labels {
    let mut named = BTreeSet::new();
    let matchers = selector.matchers.matchers.iter().filter(|matcher| matcher.name != NAME);
    let certain = matchers.map(|matcher| {
        // If two matchers name one label, neither is certain.
        let is_certain = matches!(matcher.op, MatchOp::Equal) && named.insert(&matcher.name);
        (matcher.name.as_str(), if is_certain { matcher.value.as_str() } else { "" })
    });
    certain.collect()
}
