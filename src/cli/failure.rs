//! Owns how a verb fails: with an error in words, and an exit code.

use crate::{exit::Exit, pipeline::PipelineError};
use std::fmt;

/// Why a verb did not do its work: what was tried, why it failed and what to do, and an exit code.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) text: String,
}

impl Failure {
    /// The command line, or a file that it names, is wrong.
    pub(super) fn usage(error: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, text: error.to_string() }
    }

    pub(super) fn no_bundle(error: impl fmt::Display) -> Self {
        Self { exit: Exit::NoBundle, text: error.to_string() }
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        let exit = match &error {
            PipelineError::Context(_)
            | PipelineError::ContextTwice(_)
            | PipelineError::UnknownContext(_)
            | PipelineError::NameTwice(_)
            | PipelineError::NoPlace(_)
            | PipelineError::Prometheus(_)
            | PipelineError::Earlier(_) => Exit::Usage,
            PipelineError::Bundle(_) | PipelineError::NoManifest | PipelineError::NoCluster => Exit::NoBundle,
            PipelineError::Interrupted => Exit::Interrupted,
        };
        Self { exit, text: error.to_string() }
    }
}
