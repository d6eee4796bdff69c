//! Owns every exit code.

use crate::bundle::{Ended, Manifest, Outcome};
use std::process::ExitCode;

/// How a run of the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All required evidence was collected, or does not exist.
    Complete,
    /// The command line is wrong, or a file that it names.
    Usage,
    /// There is a bundle, but a required task ended otherwise, a stage was lost to an internal error, the trust domain or
    /// the region is unknown, or standard output could not be written.
    Incomplete,
    /// There is no bundle: no cluster was reached, or the bundle could not be written.
    NoBundle,
    /// The user interrupted the run. The bundle was finished, if a cluster had already answered.
    Interrupted,
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::NoBundle => 4,
            Self::Interrupted => 130,
        }
    }

    /// The code that a finished bundle means. Findings and coverage never change it.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        if manifest.ended == Ended::Interrupted {
            return Self::Interrupted;
        }
        let is_fine =
            |outcome| matches!(outcome, Outcome::Collected | Outcome::Empty | Outcome::Absent | Outcome::Skipped);
        let missing = manifest.tasks.iter().any(|task| task.required && !is_fine(task.outcome));
        let unreached = manifest.clusters.iter().any(|cluster| cluster.error.is_some());
        let unknown = manifest.trust_domain.is_none() || manifest.region.is_none();
        if missing || unreached || unknown || !manifest.lost.is_empty() || manifest.ended != Ended::Finished {
            Self::Incomplete
        } else {
            Self::Complete
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
