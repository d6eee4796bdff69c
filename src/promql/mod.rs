//! Owns PromQL without a Prometheus: expressions evaluated over samples that were gathered, as Prometheus 3
//! does. Pure.
//!
//! What Prometheus knows and this does not is refused by its name when an expression is read, never when it is
//! evaluated. The semantics are those of
//! <https://github.com/prometheus/prometheus/blob/v3.16.0/promql/engine.go> without any of its feature flags.
//! Left apart: a regular expression's classes beyond ASCII and its dot at a line's end, which are Rust's; and
//! which of equal values topk takes.

mod aggregate;
mod binary;
mod call;
mod check;
mod eval;
mod histogram;
mod labels;
mod narrow;
mod over_time;
mod raw;
mod samples;
mod since;
mod sum;

pub use self::{
    eval::{EvalError, Value},
    labels::{Labels, NAME},
    raw::{Wanted, raw},
    samples::{Millis, Point, Sample, Samples, Series, is_stale, stale},
};

use std::{fmt, time::Duration};

/// An expression that can be evaluated.
#[derive(Clone, Debug)]
pub struct Query {
    expr: promql_parser::parser::Expr,
    text: String,
}

/// Why an expression was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is no PromQL.
    #[error("{text:?} is no PromQL: {why}")]
    Invalid {
        /// The expression.
        text: String,
        /// What the parser said.
        why: String,
    },
    /// It is PromQL, and more than is evaluated here.
    #[error("{text:?} uses {what}, which is not evaluated without a Prometheus")]
    Unsupported {
        /// The expression.
        text: String,
        /// By its name in PromQL.
        what: String,
    },
}

impl Query {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is no PromQL, or uses what is not evaluated here.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let parse = promql_parser::parser::parse;
        let unsupported = |what| QueryError::Unsupported { text: text.to_owned(), what };
        // The parser panics on some of these, and reads others as less than they are.
        if let Some(what) = check::odd_duration(text) {
            return Err(unsupported(what));
        }
        let expr = parse(text).map_err(|why| QueryError::Invalid { text: text.to_owned(), why })?;
        if let Some(what) = check::whole(&expr) {
            return Err(unsupported(what));
        }
        // What it prints is for people to paste.
        parse(&expr.prettify()).map_err(|why| unsupported(format!("what cannot be written again ({why})")))?;
        Ok(Self { expr, text: text.to_owned() })
    }

    /// The same of series alone that have one of these values of each of these labels, as PromQL. A label
    /// without a value narrows nothing.
    #[must_use]
    pub fn narrowed(&self, to: &[(String, Vec<String>)]) -> String {
        let mut expr = self.expr.clone();
        narrow::narrow(&mut expr, to);
        expr.prettify()
    }

    /// Its value at one moment, in milliseconds since 1970.
    ///
    /// # Errors
    /// When its sides cannot be matched, or two series of the result would have the same labels.
    pub fn at(&self, samples: &Samples, at: Millis) -> Result<Value, EvalError> {
        eval::Evaluator { samples, at }.value(&self.expr)
    }

    /// Its value at each step from `start` to `end`, both included, as series without points where it has
    /// none.
    ///
    /// # Errors
    /// Those of [`Self::at`], and when its value is no number.
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

/// A duration as PromQL writes it; none for what is none, or is none of time.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    // The parser panics on some of these, so it is not asked.
    let text = Some(text).filter(|text| !check::is_odd_duration(text))?;
    promql_parser::util::parse_duration(text).ok().filter(|duration| !duration.is_zero())
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
