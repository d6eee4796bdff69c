//! What can go wrong between us and a Prometheus, told apart as far as an outcome needs it.

use super::super::kubernetes::SourceError;
use std::error::Error;

/// An answer that was no answer, from a Prometheus or from what stands before it.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// The API server, on the way to it, or the stream of its answer.
    #[error(transparent)]
    Way(#[from] SourceError),
    /// The connection could not be made, or broke before an answer came.
    #[error("it could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It refused the request as its API does.
    #[error("it answered {code}{}: {message}", if kind.is_empty() { String::new() } else { format!(" {kind}") })]
    Refused {
        /// HTTP status code; of some, 200.
        code: u16,
        /// `errorType` of the answer.
        kind: String,
        /// `error` of the answer.
        message: String,
    },
    /// Something else than its API answered.
    #[error("it answered {code}, and not as a Prometheus does{}", if text.is_empty() { String::new() } else { format!(": {text}") })]
    Foreign {
        /// HTTP status code.
        code: u16,
        /// The start of the answer.
        text: String,
    },
    /// It sends elsewhere, where the credentials must not follow.
    #[error("it sends to {to}, where credentials are not taken along")]
    Elsewhere {
        /// Scheme, host and path.
        to: String,
        /// Whether that is another way to the same host.
        is_here: bool,
    },
    /// More than any answer has.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The most that is taken.
        limit: usize,
    },
    /// The answer is no JSON of its API.
    #[error("the answer could not be understood")]
    Parse(#[source] serde_json::Error),
}

impl PrometheusError {
    /// The chain of causes, outermost first.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes = super::super::kubernetes::causes(self);
        // Nothing of theirs is worth a page.
        causes.iter_mut().for_each(|cause| *cause = super::first_words(cause, 600));
        causes
    }

    /// The HTTP status code, where one was answered.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Way(error) => error.code(),
            Self::Refused { code, .. } | Self::Foreign { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether it refuses because a part of it does not answer, so that it would answer for the others.
    pub(super) fn is_of_parts(&self) -> bool {
        let Self::Refused { code, kind, message } = self else { return false };
        let message = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        (*code == 422 || *code >= 500)
            && !["bad_data", "timeout", "canceled"].contains(&kind.as_str())
            && says(&[
                "store",
                "partial",
                "storage node",
                "unavailable",
                "unreachable",
                "connection refused",
                "querier",
            ])
            && !says(&["too many", "limit", "exceed"])
    }

    /// Whether nothing answers there, or something else than a Prometheus.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Foreign { .. } | Self::Elsewhere { .. } | Self::Unreachable(_) | Self::Parse(_))
    }
}

impl From<reqwest::Error> for PrometheusError {
    fn from(error: reqwest::Error) -> Self {
        // An address may hold what is nobody's business.
        Self::Unreachable(error.without_url())
    }
}

/// Why what the user said of a Prometheus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The address is none.
    #[error("`{0}` is no address of a Prometheus: {1}")]
    Address(String, String),
    /// A header is none.
    #[error("`{0}` is no header; give NAME: VALUE")]
    Header(String),
    /// Certificate, key or authority cannot be used.
    #[error("{what} cannot be used: {why}")]
    Pem {
        /// Which.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The client could not be made.
    #[error("no client could be made: {}", .0)]
    Client(#[source] Box<dyn Error + Send + Sync>),
}
