//! Owns a whole run, as a library: reach the clusters, collect, follow the logs, describe, extract facts, and make
//! findings and reports. It does not know the command line and prints nothing: it tells an [`Observer`] what people
//! should read during the run.
//!
//! [`collect`] makes a bundle from a [`CollectRequest`]; [`request_of`] makes a request from a recorded incident.
//! [`report`] and [`fit`] take a finished bundle. `examples/collect.rs` shows a run.

mod collect;
mod control;
mod error;
mod findings;
mod fit;
mod last_files;
mod lost;
mod observer;
mod pass;
mod place;
mod reach;
mod recording;
mod repeat;
mod request;
mod search;
mod window;

pub use crate::collect::{Attachment, ClusterTask, Earlier, EarlierError, Named, NoteError, Progress};
pub use collect::{Collected, collect};
pub use control::Control;
pub use error::{NoPlace, PipelineError};
pub use findings::{Report, ReportError, report};
pub use fit::fit;
pub use observer::{Notice, Observer, Silent};
pub use place::{Found, PlaceError, Places, find};
pub use reach::{Cluster, Reached, connect_all, reach};
pub use recording::{RecordingError, request_of};
pub use request::{Clusters, CollectRequest, Limits, PrometheusAccess, Targets};
pub use window::{ManifestWindowError, window_of};
