//! Owns the machinery of a collection: the scheduler that runs the tasks of a plan within the limits, what a collector
//! is given and returns, and the ledger that becomes the manifest.
//!
//! For this room, an entry is a path and clean bytes; it does not know zip. It does not know any kind of evidence
//! either: the collectors are in `collectors/`, and [`run`] is given the function that runs a task.

mod answers;
mod completed;
mod containers;
mod context;
mod describe;
mod earlier;
mod entry;
mod facts;
mod ledger;
mod note;
mod prometheus_route;
mod result;
mod resume;
mod run;
mod run_result;
mod skip;
mod so_far;
mod window_filter;

pub use context::{ClusterContext, ClusterTask, FollowedLogs, Learned, Progress, RunContext, Searches};
pub use describe::describe;
pub(crate) use earlier::EarlierLog;
pub use earlier::{Carriage, Carried, Earlier, EarlierError};
pub use entry::Entry;
pub(crate) use entry::{Piped, Writing};
pub use facts::facts;
pub use ledger::Ledger;
pub use note::{Attachment, NoteError, notes};
pub use prometheus_route::{Named, PrometheusRoute};
pub use result::TaskResult;
pub use run::{Collect, Concurrency, run};
pub use run_result::{Container, EndedTask, RunResult};
pub use skip::Skip;
pub(crate) use window_filter::{Break, Ended, WindowFilter};
