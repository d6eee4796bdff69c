//! Owns the bundle, the one zip that a run leaves: its contents ([`layout`], [`Manifest`]), how it is written so that
//! no acknowledged entry is lost ([`BundleWriter`], [`salvage`]), how it is read ([`BundleReader`], [`verify`]), and
//! how it is made smaller ([`fit`]).
//!
//! Only [`Clean`](crate::redact::Clean) bytes reach the zip. This room does not know Kubernetes: an entry is a path and
//! some bytes.

mod compress;
mod coverage;
mod destination;
mod entry;
mod error;
mod evidence;
pub mod facts;
mod final_paths;
pub mod findings;
mod fit;
mod fitted;
mod format;
mod hash;
mod journal;
pub mod layout;
mod names;
mod partial;
mod queries;
mod reader;
mod reserve;
mod salvage;
mod spool;
pub mod storage;
mod stored;
mod verify;
mod writer;
mod zip_headers;

pub use compress::BLOCK;
pub use coverage::{ContainerCoverage, Coverage, Gap, GapCause, Interval, LogRun};
pub use destination::{Destination, free_bytes};
pub use entry::EntryWriter;
pub use error::BundleError;
pub use evidence::{Evidence, RunEvidence};
pub use final_paths::FinalPaths;
pub use fit::{Fit, Watch, Words, fit};
pub use fitted::{Fitted, LeftOut};
pub use format::{
    CheckState, ChecklistItem, ClusterInfo, Ended, EntryRecord, FORMAT, GonePod, IdentityClaim, IdentityKind, Manifest,
    Outcome, TaskRecord, remark_of_lost, to_json,
};
pub use layout::EntryPath;
pub use names::{BundleName, NamePart};
pub use partial::Finished;
pub use queries::{Backend, Judged, QueryRecord, Reading, Verdict};
pub use reader::{BundleReader, EntryInfo, EntryReader};
pub use salvage::{Salvaged, salvage};
pub use stored::Written;
pub use verify::{Problem, Report, verify};
pub use writer::{BundleWriter, WrittenEntries};
