//! Owns the machinery of a collection: the scheduler that runs the tasks of a plan within the
//! limits, what a collector is given and gives back, and the ledger that becomes the manifest.
//!
//! It knows entries, a path and clean bytes, and nothing of zip. It knows no kind of evidence either: the collectors
//! are in `collectors/`, and [`run`] is handed the function that runs a task.

mod answers;
mod completed;
mod containers;
mod describe;
mod earlier;
mod facts;
mod ledger;
mod note;
mod reach;
mod resume;
mod run;
mod site;
mod skip;
mod window_filter;

pub use describe::describe;
pub(crate) use earlier::EarlierLog;
pub use earlier::{Carriage, Carried, Earlier, EarlierError};
pub use facts::facts;
pub use ledger::Ledger;
pub use note::{Attachment, NoteError, notes};
pub use reach::{Named, Reach};
pub use run::{Collect, Container, Limits, Record, Run, run};
pub use site::{Done, Entry, FollowedLogs, Progress, Shown, Site};
pub(crate) use site::{Piped, Writing};
pub use skip::Skip;
pub(crate) use window_filter::{Break, Ended, WindowFilter};
