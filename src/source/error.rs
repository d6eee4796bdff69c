//! Owns the errors of requests to an API server and of reading an answer's body, distinguished as far as outcomes need
//! it.

use super::stop::StopReason;
use serde::Deserialize;
use std::{error::Error, time::Duration};

/// Why a request to an API server, or reading an answer, failed.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The answer has an error status, or is not what was requested.
    #[error("the API server answered {code}{}: {message}", if reason.is_empty() { String::new() } else { format!(" {reason}") })]
    Status {
        /// HTTP status code.
        code: u16,
        /// `reason` of the `Status` object, such as `Forbidden`; empty if the body was no `Status`.
        reason: String,
        /// `message` of the `Status` object, or the start of the body.
        message: String,
    },
    /// The connection failed before an answer came.
    #[error("the API server could not be reached")]
    Unreachable(#[source] Box<kube::Error>),
    /// The credentials could not be obtained or renewed. The credential plugin's own words may name the user and paths
    /// of this machine, so they are not part of the chain of causes.
    #[error("the credentials could not be obtained or renewed")]
    Credentials {
        /// The plugin's own words, for the terminal only.
        detail: String,
    },
    /// Nothing arrived for too long.
    #[error("{what} took longer than {} s", after.as_secs())]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// For how long.
        after: Duration,
    },
    /// The body ended too early.
    #[error("the answer was cut off")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// The body, or a part of it that has to fit into memory, is larger than anything that the API promises.
    #[error("the answer, or one object in it, is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body is not what the API promises.
    #[error("the answer could not be parsed")]
    Parse(#[source] serde_json::Error),
    /// The body is something else than what the API promises, such as the page of a login proxy.
    #[error("the answer is not {wanted}; it begins with: {begins}")]
    Unexpected {
        /// What the API promises, such as `a list`.
        wanted: &'static str,
        /// The first words of the body, on one line.
        begins: String,
    },
    /// The request could not be built.
    #[error("the request could not be built")]
    Request(#[source] http::Error),
    /// The run was told to end.
    #[error("{}", match .0 { StopReason::Interrupted => "interrupted by the user", StopReason::Deadline => "the run's deadline passed", StopReason::DiskFull => "the disk was full" })]
    Stopped(StopReason),
}

impl SourceError {
    /// The error of an answer whose body is a Kubernetes `Status` object; `None` for any other body.
    pub(super) fn from_status(code: u16, body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Status {
            #[serde(default)]
            reason: String,
            #[serde(default)]
            message: String,
        }
        let Status { reason, message } = serde_json::from_slice(body).ok()?;
        (!message.is_empty()).then(|| Self::Status { code, reason, message: without_user(&message) })
    }

    /// The error of a body that is not what was requested: cut off if it ends too early, a `Status` if it is one.
    pub(super) fn unexpected(wanted: &'static str, body: &[u8], error: serde_json::Error) -> Self {
        if error.is_eof() && !body.is_empty() {
            return Self::Broken(Box::new(error));
        }
        Self::other_body(wanted, body)
    }

    /// The error of a body that is something else than what was requested.
    pub(super) fn other_body(wanted: &'static str, body: &[u8]) -> Self {
        /// Characters of the body that are quoted.
        const QUOTED: usize = 200;
        if let Some(status) = Self::from_status(200, body) {
            return status;
        }
        let text = String::from_utf8_lossy(&body[..body.len().min(4 * QUOTED)]);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let begins = if words.is_empty() { "nothing".to_owned() } else { words.chars().take(QUOTED).collect() };
        Self::Unexpected { wanted, begins }
    }

    /// Whether the failure is one of this answer, and says nothing about others: the server is there, and accepts the
    /// user.
    #[must_use]
    pub fn is_of_one_answer(&self) -> bool {
        match self {
            Self::Status { code, .. } => *code != 401,
            Self::TimedOut { .. }
            | Self::Broken(_)
            | Self::TooLarge { .. }
            | Self::Parse(_)
            | Self::Unexpected { .. }
            | Self::Request(_) => true,
            Self::Unreachable(_) | Self::Credentials { .. } | Self::Stopped(_) => false,
        }
    }

    /// The HTTP status code, if there was an answer.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The chain of causes, outermost first, as [`causes`] gives it.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        causes(self)
    }
}

/// The chain of causes of any error, outermost first. Some libraries repeat their source in their own text; such
/// repetitions are left out.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut chain = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !chain.iter().any(|outer| outer.contains(&text)) {
            chain.push(text);
        }
        source = error.source();
    }
    chain
}

/// A refusal without the names of users: `User "alice" cannot list …` names who asked, and `users "bob" is forbidden:
/// User "alice" cannot impersonate …` whom they impersonated. Nobody else needs to know these names.
pub(super) fn without_user(message: &str) -> String {
    if message.contains(" cannot impersonate ") {
        return "the user cannot impersonate the user or group of --as or --as-group".to_owned();
    }
    let Some((before, rest)) = message.split_once("User \"") else { return message.to_owned() };
    match rest.split_once('"') {
        Some((_, after)) => format!("{before}the user{after}"),
        None => message.to_owned(),
    }
}
