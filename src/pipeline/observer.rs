//! Owns what a run reports while it is running: progress, and notices for people.

use super::error::PipelineError;
use crate::{bundle::remark_of_lost, collect::Progress, text::utc};
use chrono::{DateTime, Utc};
use std::{fmt, path::Path};

/// Receives the progress of a run. Every method does nothing by default.
pub trait Observer: Progress {
    /// A notice for people to read now.
    fn notice(&self, _notice: &Notice<'_>) {}
    /// All tasks have ended. What follows shows no progress.
    fn tasks_ended(&self) {}
    /// The logs are no longer followed. The tasks that complete the bundle are next.
    fn following_ended(&self) {}
    /// A smaller copy is started: about this many bytes will be read.
    fn copy_begins(&self, _bytes: u64) {}
    /// This many more bytes were read for the copy.
    fn copy_reads(&self, _bytes: u64) {}
    /// The copy is finished, or was given up.
    fn copy_ended(&self) {}
}

/// An observer that ignores everything.
pub struct Silent;

impl Progress for Silent {}
impl Observer for Silent {}

/// What people should read during a run. `Display` gives one line of English without a line break.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A cluster answered, and the workload was found.
    Reached {
        /// As the kubeconfig names it.
        context: &'a str,
        /// As the kubeconfig names it.
        user: &'a str,
        /// Those that the workload is in.
        namespaces: &'a [String],
        /// How these were found.
        how: &'a str,
    },
    /// It is not known whether a namespace exists.
    Doubtful {
        /// One of those asked for.
        namespace: &'a str,
    },
    /// A cluster did not answer, or has nothing to collect. The run goes on with the others.
    Unreached {
        /// What was tried, why it failed, what to do.
        why: &'a str,
    },
    /// There is a bundle now, and the logs are followed until the window ends.
    Following {
        /// The path of the bundle so far.
        bundle: &'a Path,
        /// The window's end.
        until: DateTime<Utc>,
    },
    /// A stage of the run panicked. The rest of the bundle is whole.
    Lost {
        /// As the manifest names it.
        stage: &'a str,
    },
    /// The bundle could not be completed with the logs that were followed. It stays as it is.
    NotCompleted {
        /// The path of the bundle that stays.
        bundle: &'a Path,
        /// What failed after the logs were followed.
        why: &'a PipelineError,
    },
    /// The second bundle lacks something that the first one has, so both stay.
    BothStay {
        /// The path of the bundle that was there before the logs were followed.
        first: &'a Path,
    },
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached { context, user, namespaces, how } => {
                let namespaces = if namespaces.is_empty() { "none".to_owned() } else { namespaces.join(", ") };
                write!(f, "context {context}, user {user}: namespace {namespaces} ({how})")
            }
            Self::Doubtful { namespace } => {
                write!(f, "cannot check whether the namespace {namespace} exists, and assumes that it does")
            }
            Self::Unreached { why } => f.write_str(why),
            Self::Following { bundle, until } => write!(
                f,
                "{} has what was collected so far; following the logs until {}, Ctrl-C to stop",
                bundle.display(),
                utc(*until)
            ),
            Self::Lost { stage } => f.write_str(&remark_of_lost(stage)),
            Self::NotCompleted { bundle, why } => {
                write!(f, "{why}; {} has what was collected before the logs were followed", bundle.display())
            }
            Self::BothStay { first } => {
                write!(f, "the second bundle lacks something that the first has, so both are kept: {}", first.display())
            }
        }
    }
}
