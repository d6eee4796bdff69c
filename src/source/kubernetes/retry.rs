//! Owns which failed requests are sent again, how often, and after how long.
//!
//! A server that is overloaded (429, 502, 503, 504) is given the time that it asks for. A connection that broke before an
//! answer came, and a body that broke before it was used, are requested again as `kubectl get` does. The client takes all
//! these waits from one budget.

use crate::source::SourceError;
use http::{StatusCode, header, response::Parts};
use std::{error::Error, io, time::Duration};

/// Attempts of a request that got no whole answer, including the first. A load balancer that changes its backend, or an
/// API server that restarts, resets a few connections:
/// <https://github.com/kubernetes/client-go/blob/v0.34.4/rest/request.go> (`isErrRetryableFunc`).
const BROKEN: u32 = 4;
/// Attempts where the server is overloaded but does not say for how long.
const OVERLOADED: u32 = 2;

/// A failed attempt, and whether another one may succeed.
pub(super) struct Failure {
    pub(super) error: SourceError,
    again: Again,
}

enum Again {
    Never,
    /// The server had no time for it, and may have said how long to wait.
    Overloaded(Option<Duration>),
    /// The connection failed before the answer was whole.
    Broken,
}

impl Failure {
    /// One that no further attempt can change.
    pub(super) fn final_one(error: SourceError) -> Self {
        Self { error, again: Again::Never }
    }

    /// A body that broke.
    pub(super) fn broken(error: SourceError) -> Self {
        Self { error, again: Again::Broken }
    }

    /// A request to which no answer came.
    pub(super) fn without_answer(error: SourceError) -> Self {
        if is_broken(&error) { Self::broken(error) } else { Self::final_one(error) }
    }

    /// A body that could not be read to its end.
    pub(super) fn of_body(error: SourceError) -> Self {
        if matches!(error, SourceError::Broken(_)) { Self::broken(error) } else { Self::final_one(error) }
    }

    /// An answer that refuses the request.
    pub(super) fn refused(head: &Parts, error: SourceError, path: &str) -> Self {
        let after = || head.headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs);
        // Behind the API server's proxy, these mean that nothing is there, not that it is overloaded.
        let is_proxied = path.contains("/proxy/");
        let again = match head.status {
            StatusCode::TOO_MANY_REQUESTS => Again::Overloaded(after()),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT if !is_proxied => {
                Again::Overloaded(after())
            }
            _ => Again::Never,
        };
        Self { error, again }
    }

    /// The wait before the attempt after this one; none if there should be none. `most` is the number of attempts at a
    /// server that says how long to wait.
    pub(super) fn wait(&self, attempt: u32, most: u32) -> Option<Duration> {
        let (attempts, wait) = match self.again {
            Again::Never => return None,
            Again::Broken => (BROKEN, None),
            Again::Overloaded(wait) if wait.is_some() || self.error.code() == Some(429) => (most, wait),
            Again::Overloaded(_) => (OVERLOADED, None),
        };
        (attempt < attempts).then(|| wait.unwrap_or_else(|| backoff(attempt)))
    }
}

/// Half a second at most, then twice as long each time. Up to half of it is left to chance, so that clients that failed
/// together do not come back together.
fn backoff(attempt: u32) -> Duration {
    let longest = Duration::from_millis(250 << attempt.clamp(1, 6));
    // Without chance, it is the longest wait.
    let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    longest.mul_f64(0.5 + share / 2.0)
}

/// Whether a connection failed in a way that another one may not: it was refused, reset or closed. A certificate that is
/// not trusted, or a name that does not exist, stays so.
fn is_broken(error: &SourceError) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, UnexpectedEof};
    let mut cause = match error {
        SourceError::Unreachable(error) => Some(&**error as &(dyn Error + 'static)),
        _ => None,
    };
    while let Some(error) = cause {
        let of_http = error.downcast_ref::<hyper::Error>();
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if of_http.is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed())
            || kind.is_some_and(|kind| {
                [BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, UnexpectedEof].contains(&kind)
            })
        {
            return true;
        }
        cause = error.source();
    }
    false
}
