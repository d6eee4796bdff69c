//! Owns the walk through an expression, and what its parts give.

use super::{
    aggregate, binary, call,
    labels::Labels,
    over_time,
    samples::{Millis, Point, Sample, Samples},
};
use promql_parser::parser::{Call, Expr, Offset, VectorSelector};
use std::{collections::BTreeSet, time::Duration};

/// What an expression gives at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Scalar(f64),
    /// A number for each of some series.
    Vector(Vec<Sample>),
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// Two series would have the same labels.
    #[error("two series of the result have the same labels: {0:?}")]
    Duplicate(Labels),
    /// Several series of the side of which there is to be one match one of the other's.
    #[error("several series match on the side of which there is to be one, by {0:?}")]
    ManyToMany(Labels),
    /// Several series of both sides match.
    #[error("several series match one, and neither group_left nor group_right is said: {0:?}")]
    ManyToOne(Labels),
    /// A number of series that is none.
    #[error("{0} is no number of series")]
    Parameter(String),
    /// The parser let pass what has no meaning.
    #[error("{0} is of another type than what is done with it")]
    Type(String),
}

/// One evaluation.
#[derive(Clone, Copy)]
pub(super) struct Evaluator<'a> {
    pub(super) samples: &'a Samples,
    pub(super) at: Millis,
}

pub(super) fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 4)
}

impl Evaluator<'_> {
    pub(super) fn value(&self, expr: &Expr) -> Result<Value, EvalError> {
        match expr {
            Expr::Paren(it) => self.value(&it.expr),
            Expr::NumberLiteral(it) => Ok(Value::Scalar(it.val)),
            Expr::VectorSelector(it) => Ok(Value::Vector(self.select(it).into_iter().map(|(it, _)| it).collect())),
            Expr::Unary(it) => match self.value(&it.expr)? {
                Value::Scalar(value) => Ok(Value::Scalar(-value)),
                Value::Vector(vector) => unnamed(vector.into_iter().map(|it| Sample { value: -it.value, ..it })),
            },
            Expr::Binary(it) => binary::value(it, self.value(&it.lhs)?, self.value(&it.rhs)?),
            Expr::Aggregate(it) => {
                let param = it.param.as_deref().map(|param| self.scalar(param)).transpose()?;
                aggregate::value(it, param, self.vector(&it.expr)?)
            }
            Expr::Call(it) => match over_time::Function::read(it.func.name) {
                Some(function) => self.over_time(function, it),
                None => call::value(self, it),
            },
            Expr::MatrixSelector(_) | Expr::StringLiteral(_) | Expr::Subquery(_) | Expr::Extension(_) => {
                Err(EvalError::Type(expr.to_string()))
            }
        }
    }

    pub(super) fn vector(&self, expr: &Expr) -> Result<Vec<Sample>, EvalError> {
        match self.value(expr)? {
            Value::Vector(vector) => Ok(vector),
            Value::Scalar(_) => Err(EvalError::Type(expr.to_string())),
        }
    }

    pub(super) fn scalar(&self, expr: &Expr) -> Result<f64, EvalError> {
        match self.value(expr)? {
            Value::Scalar(value) => Ok(value),
            Value::Vector(_) => Err(EvalError::Type(expr.to_string())),
        }
    }

    /// The last values of the series that are meant, and when they were.
    pub(super) fn select(&self, selector: &VectorSelector) -> Vec<(Sample, Millis)> {
        let last = self.samples.last(selector, self.before(selector)).into_iter();
        last.map(|(labels, point)| (Sample { labels: labels.clone(), value: point.value }, point.at)).collect()
    }

    /// The moment that a selector means.
    fn before(&self, selector: &VectorSelector) -> Millis {
        match selector.offset {
            None => self.at,
            Some(Offset::Pos(by)) => self.at.saturating_sub(millis(by)),
            Some(Offset::Neg(by)) => self.at.saturating_add(millis(by)),
        }
    }

    fn over_time(&self, function: over_time::Function, call: &Call) -> Result<Value, EvalError> {
        let selector = call.args.args.iter().find_map(|arg| match strip(arg) {
            Expr::MatrixSelector(selector) => Some(selector),
            _ => None,
        });
        let Some(selector) = selector else { return Err(EvalError::Type(call.to_string())) };
        let params: Vec<f64> = call
            .args
            .args
            .iter()
            .filter(|arg| !matches!(strip(arg), Expr::MatrixSelector(_)))
            .map(|arg| self.scalar(arg))
            .collect::<Result<_, _>>()?;
        let to = self.before(&selector.vs);
        let from = to.saturating_sub(millis(selector.range));
        let found = self.samples.range(&selector.vs, from, to);
        if function == over_time::Function::Absent {
            let none = found.is_empty().then(|| Sample { labels: call::absent(&selector.vs), value: 1.0 });
            return Ok(Value::Vector(none.into_iter().collect()));
        }
        let window = over_time::Window { from, to, at: self.at };
        let value = |(labels, points): (&Labels, Vec<Point>)| {
            let value = function.value(&window, &points, &params)?;
            Some(Sample { labels: labels.clone(), value })
        };
        let values = found.into_iter().filter_map(value);
        if function.keeps_name() { Ok(Value::Vector(values.collect())) } else { unnamed(values) }
    }
}

pub(super) fn strip(expr: &Expr) -> &Expr {
    if let Expr::Paren(it) = expr { strip(&it.expr) } else { expr }
}

/// Samples without the name of their metric, which they are not of any more.
pub(super) fn unnamed(samples: impl Iterator<Item = Sample>) -> Result<Value, EvalError> {
    unique(samples.map(|sample| Sample { labels: sample.labels.unnamed(), ..sample }).collect())
}

/// Each set of labels once.
pub(super) fn unique(samples: Vec<Sample>) -> Result<Value, EvalError> {
    let mut seen = BTreeSet::new();
    match samples.iter().find(|sample| !seen.insert(&sample.labels)) {
        Some(sample) => Err(EvalError::Duplicate(sample.labels.clone())),
        None => Ok(Value::Vector(samples)),
    }
}
