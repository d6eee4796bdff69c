//! What can go wrong between us and an API server, told apart as far as an outcome needs it.

use super::super::StopReason;
use std::{error::Error, time::Duration};

/// An answer that was no answer, from an API server.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The API server answered with an error status.
    #[error("the API server answered {code}{}: {message}", if reason.is_empty() { String::new() } else { format!(" {reason}") })]
    Status {
        /// HTTP status code.
        code: u16,
        /// `reason` of the Status object, e.g. `Forbidden`; empty when the body was none.
        reason: String,
        /// Its message, or the start of the body.
        message: String,
    },
    /// The connection could not be made or broke before an answer came.
    #[error("the API server could not be reached")]
    Unreachable(#[source] Box<kube::Error>),
    /// The credentials could not be had or renewed. What the login program said may name the user
    /// and paths of this machine, so it is no part of the chain of causes.
    #[error("the credentials could not be obtained or renewed")]
    Credentials {
        /// For the terminal only.
        detail: String,
    },
    /// Nothing came for longer than we wait.
    #[error("{what} took longer than {} s", after.as_secs())]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The body broke off.
    #[error("the answer broke off")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// The body was not what the API promises.
    #[error("the answer could not be understood")]
    Parse(#[source] serde_json::Error),
    /// The request could not be built.
    #[error("the request could not be built")]
    Request(#[source] http::Error),
    /// The run was told to end.
    #[error("{}", match .0 { StopReason::Interrupted => "interrupted by the user", StopReason::Deadline => "the run's deadline passed", StopReason::DiskFull => "there was no room left on the disk" })]
    Stopped(StopReason),
}

impl SourceError {
    /// The HTTP status code, where one was answered.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The chain of causes, outermost first. Some libraries print their source within their own
    /// text and expose it too; a text already said is not said again.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        causes(self)
    }
}

/// The chain of causes of any error, outermost first, without repetitions.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut chain = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !chain.iter().any(|said| said.contains(&text)) {
            chain.push(text);
        }
        source = error.source();
    }
    chain
}
