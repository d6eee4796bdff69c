//! Owns the evaluation of an expression at one time.

use super::{
    aggregate, binary, call,
    labels::Labels,
    over_time,
    samples::{Millis, Point, Sample, Samples},
    value::{EvalError, Value, strip, unnamed},
};
use promql_parser::parser::{Call, Expr, Offset, VectorSelector};
use std::time::Duration;

/// Evaluates expressions over samples at one time. It calls `call`, whose functions evaluate their arguments with it.
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

    /// The last sample of each selected series, with its time.
    pub(super) fn select(&self, selector: &VectorSelector) -> Vec<(Sample, Millis)> {
        let last = self.samples.last(selector, self.time_of(selector)).into_iter();
        last.map(|(labels, point)| (Sample { labels: labels.clone(), value: point.value }, point.at)).collect()
    }

    /// The time that a selector asks for: that of the evaluation, shifted by its offset.
    fn time_of(&self, selector: &VectorSelector) -> Millis {
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
        let to = self.time_of(&selector.vs);
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
