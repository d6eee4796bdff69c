//! Every exit code.

use crate::bundle::{Ended, Manifest, Outcome};
use std::process::ExitCode;

/// How a run of the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All required evidence was had, or is truly absent.
    Complete,
    /// The words on the command line, or the file they name, are wrong.
    Usage,
    /// There is a bundle, but a required task ended otherwise, or the trust domain or the region is
    /// unknown.
    Incomplete,
    /// There is no bundle: no server was reached, or there is nowhere to write.
    NoBundle,
    /// The user interrupted; the bundle was closed.
    Interrupted,
}

impl Exit {
    /// The number.
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

    /// The code that a finished bundle means. Coverage never changes it.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        if manifest.ended == Ended::Interrupted {
            return Self::Interrupted;
        }
        let had = |outcome| matches!(outcome, Outcome::Collected | Outcome::Empty | Outcome::Absent | Outcome::Skipped);
        let missing = manifest.tasks.iter().any(|task| task.required && !had(task.outcome));
        let unreached = manifest.clusters.iter().any(|cluster| cluster.error.is_some());
        let unknown = manifest.trust_domain.is_none() || manifest.region.is_none();
        if missing || unreached || unknown || manifest.ended != Ended::Finished {
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
