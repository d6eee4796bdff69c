//! Owns the errors of a Prometheus client, distinguished as far as outcomes need it.

use crate::source::{
    SourceError, causes,
    text::{first_words, page_words},
};
use std::error::Error;

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// The API server's proxy failed, or the body of the answer.
    #[error(transparent)]
    Transport(#[from] SourceError),
    /// The connection failed before an answer came.
    #[error("it could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It refused the query, as its API specifies.
    #[error("it answered {code}{}: {message}", if kind.is_empty() { String::new() } else { format!(" {kind}") })]
    Refused {
        /// HTTP status code; some backends send 200.
        code: u16,
        /// `errorType` of the answer.
        kind: String,
        /// `error` of the answer.
        message: String,
    },
    /// The answer is not one of a Prometheus.
    #[error("it answered {code}, but not like a Prometheus{}", if text.is_empty() { String::new() } else { format!(": {text}") })]
    Foreign {
        /// HTTP status code.
        code: u16,
        /// The start of the answer.
        text: String,
    },
    /// It redirects to another address, which must not get the credentials.
    #[error("it redirects to {to}, and credentials are not sent there")]
    Redirected {
        /// Scheme, host and path of the target.
        to: String,
        /// Whether the target is on the same host.
        is_same_host: bool,
    },
    /// The answer is too large.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// The part that is too large.
        what: &'static str,
        /// Its limit in bytes.
        limit: usize,
    },
    /// The answer is not the JSON that the API promises.
    #[error("the answer could not be parsed")]
    Parse(#[source] serde_json::Error),
}

impl PrometheusError {
    /// The error of an answer that is not one of a Prometheus, with the start of its text.
    pub(super) fn foreign(code: u16, body: &[u8]) -> Self {
        Self::Foreign { code, text: page_words(body, 200) }
    }

    /// The chain of causes, outermost first, each shortened.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        causes(self).iter().map(|cause| first_words(cause, 600)).collect()
    }

    /// The HTTP status code, if there was an answer.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Transport(error) => error.code(),
            Self::Refused { code, .. } | Self::Foreign { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the backend refused because a part of it does not respond, so that a partial answer may exist.
    pub(super) fn is_missing_part(&self) -> bool {
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

    /// Whether there is no Prometheus at this address.
    #[must_use]
    pub fn is_no_prometheus(&self) -> bool {
        matches!(self, Self::Foreign { .. } | Self::Redirected { .. } | Self::Unreachable(_) | Self::Parse(_))
    }
}

impl From<reqwest::Error> for PrometheusError {
    fn from(error: reqwest::Error) -> Self {
        // The URL may contain a token.
        Self::Unreachable(error.without_url())
    }
}

/// Why the user's flags for a Prometheus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Not an address: the address without its credentials, and why.
    #[error("`{0}` is not the address of a Prometheus: {1}")]
    Address(String, String),
    /// Not a header: its name, or what it was to be.
    #[error("`{0}` is not a header; give NAME: VALUE")]
    Header(String),
    /// A certificate or key cannot be used.
    #[error("{what} cannot be used: {why}")]
    Pem {
        /// As the message names it.
        what: &'static str,
        /// The cause.
        why: String,
    },
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be created: {}", .0)]
    Client(#[source] Box<dyn Error + Send + Sync>),
}
