//! Owns the ways to the evidence: a client of a Kubernetes API server, and one of a Prometheus. A source hands over
//! bytes and objects as they arrive. It must not know redaction, tasks or the bundle.

mod body;
mod error;
pub mod kubernetes;
pub mod prometheus;
mod rows;
mod stop;
mod text;

pub use body::BodyStream;
pub use error::{SourceError, causes};
pub use stop::{Stop, StopReason, Stopper};
