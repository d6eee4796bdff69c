//! Owns PromQL without a Prometheus: expressions are evaluated over collected samples, as Prometheus 3 does. No IO.
//!
//! An expression that uses an unsupported part of PromQL is refused when it is parsed, by the name of that part. The
//! semantics are those of <https://github.com/prometheus/prometheus/blob/v3.16.0/promql/engine.go> without feature flags.
//! Two things differ: in regular expressions, classes beyond ASCII and the dot at a line's end follow Rust; and topk may
//! take another one of equal values.

mod aggregate;
mod binary;
mod call;
mod check;
mod eval;
mod histogram;
mod labels;
mod narrow;
mod over_time;
mod query;
mod raw;
mod samples;
mod since;
mod sum;
mod value;

pub use check::duration;
pub use labels::{Labels, NAME};
pub use query::{Query, QueryError};
pub use raw::{RawSelector, raw_selectors};
pub use samples::{Millis, Point, Sample, Samples, Series, is_stale, stale};
pub use value::{EvalError, Value};
