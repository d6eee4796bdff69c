//! Owns an expression: how it is parsed, printed and evaluated.

use super::{
    check,
    eval::Evaluator,
    labels::Labels,
    narrow,
    samples::{Millis, Point, Sample, Samples},
    value::{EvalError, Value},
};
use promql_parser::parser::{self, Expr};
use std::fmt;

/// An expression that can be evaluated.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) expr: Expr,
    text: String,
}

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is not PromQL.
    #[error("{text:?} is not PromQL: {why}")]
    Invalid {
        /// The expression.
        text: String,
        /// The parser's message.
        why: String,
    },
    /// It uses a part of PromQL that is not evaluated here.
    #[error("{text:?} uses {what}, which cannot be evaluated without a Prometheus")]
    Unsupported {
        /// The expression.
        text: String,
        /// The name of that part in PromQL.
        what: String,
    },
}

impl Query {
    /// Parses an expression.
    ///
    /// # Errors
    /// If it is not PromQL, or uses a part of PromQL that is not evaluated here.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let unsupported = |what| QueryError::Unsupported { text: text.to_owned(), what };
        // The parser panics on some of these, and misreads others.
        if let Some(what) = check::odd_duration(text) {
            return Err(unsupported(what));
        }
        let expr = parser::parse(text).map_err(|why| QueryError::Invalid { text: text.to_owned(), why })?;
        if let Some(what) = check::whole(&expr) {
            return Err(unsupported(what));
        }
        // People paste what we print.
        parser::parse(&expr.prettify())
            .map_err(|why| unsupported(format!("a part that cannot be printed as PromQL again ({why})")))?;
        Ok(Self { expr, text: text.to_owned() })
    }

    /// The expression as PromQL, narrowed to series that have one of these values for each of these labels. A label
    /// without values narrows nothing.
    #[must_use]
    pub fn narrowed(&self, to: &[(String, Vec<String>)]) -> String {
        let mut expr = self.expr.clone();
        narrow::narrow(&mut expr, to);
        expr.prettify()
    }

    /// Its value at one time.
    ///
    /// # Errors
    /// As Prometheus: if its sides cannot be matched, or two series of the result would have the same labels.
    pub fn at(&self, samples: &Samples, at: Millis) -> Result<Value, EvalError> {
        Evaluator { samples, at }.value(&self.expr)
    }

    /// Its value at each step from `start` to `end`, both included. A series has no point at steps without a value.
    ///
    /// # Errors
    /// As [`Self::at`].
    pub fn over(&self, samples: &Samples, start: Millis, end: Millis, step: Millis) -> Result<Samples, EvalError> {
        let mut out = Samples::default();
        let mut at = start;
        while at <= end {
            match self.at(samples, at)? {
                Value::Scalar(value) => out.push(&Labels::new(), Point { at, value }),
                Value::Vector(vector) => {
                    for Sample { labels, value } in vector {
                        out.push(&labels, Point { at, value });
                    }
                }
            }
            let Some(next) = at.checked_add(step.max(1)) else { break };
            at = next;
        }
        Ok(out)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
