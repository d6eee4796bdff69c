//! Owns the value of an expression, and why it may have none.

use super::{labels::Labels, samples::Sample};
use promql_parser::parser::Expr;
use std::collections::BTreeSet;

/// The value of an expression at one time.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// A number for each series.
    Vector(Vec<Sample>),
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// Two series would have the same labels.
    #[error("two series of the result have the same labels: {0:?}")]
    Duplicate(Labels),
    /// Several series have the same matching labels on the side where these must be unique.
    #[error("several series have the same matching labels on the \"one\" side: {0:?}")]
    ManyToMany(Labels),
    /// Several series match one, without `group_left` or `group_right`.
    #[error("several series match one, and there is neither group_left nor group_right: {0:?}")]
    ManyToOne(Labels),
    /// The parameter of `topk` or `bottomk` is not a number of series.
    #[error("{0} is not a number of series")]
    Parameter(String),
    /// An operation does not accept the type of this part, although the parser does.
    #[error("{0} has a type that the operation does not accept")]
    Type(String),
}

/// The expression inside of parentheses.
pub(super) fn strip(expr: &Expr) -> &Expr {
    if let Expr::Paren(it) = expr { strip(&it.expr) } else { expr }
}

/// A vector of samples without the name of their metric.
pub(super) fn unnamed(samples: impl Iterator<Item = Sample>) -> Result<Value, EvalError> {
    unique(samples.map(|sample| Sample { labels: sample.labels.unnamed(), ..sample }).collect())
}

/// A vector, unless two samples have the same labels.
pub(super) fn unique(samples: Vec<Sample>) -> Result<Value, EvalError> {
    let mut seen = BTreeSet::new();
    match samples.iter().find(|sample| !seen.insert(&sample.labels)) {
        Some(sample) => Err(EvalError::Duplicate(sample.labels.clone())),
        None => Ok(Value::Vector(samples)),
    }
}
