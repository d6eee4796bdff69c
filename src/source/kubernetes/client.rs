//! Owns the client of one API server: timeouts, retries, and the number of requests at once.
//!
//! A request is given up after the idle time without a byte. `retry.rs` says which failures are retried.

use super::{credentials::CredentialError, retry::Failure};
use crate::source::{BodyStream, SourceError, Stop, causes};
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Request, StatusCode, header, response::Parts};
use http_body_util::BodyExt as _;
use kube::client::Body;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Timeouts, retries and concurrency of a client.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Longest wait for the first byte of an answer, and between two chunks of its body.
    pub idle: Duration,
    /// Longest total wait before retries, over all requests to one cluster.
    pub retry_budget: Duration,
    /// Attempts of one request, including the first.
    pub attempts: u32,
    /// Requests at once. A request lasts until the body of its answer has ended.
    pub requests: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(20), retry_budget: Duration::from_secs(60), attempts: 6, requests: 32 }
    }
}

/// A client of one API server; cheap to clone.
#[derive(Clone)]
pub struct Kubernetes {
    pub(super) client: kube::Client,
    pub(super) limits: RequestLimits,
    pub(super) stop: Stop,
    /// Milliseconds waited before retries so far.
    waited: Arc<AtomicU64>,
    slots: Arc<Semaphore>,
}

/// A successful answer. Its body is still to be read.
pub struct Answer {
    /// HTTP status code; 204 has no body.
    pub status: u16,
    /// How far the server's clock is ahead of ours, to half a second; `None` without a `Date` header.
    pub skew: Option<TimeDelta>,
    /// The body, not read yet.
    pub body: BodyStream,
}

impl Kubernetes {
    /// Wraps a client, whose own retries should be off.
    #[must_use]
    pub fn new(client: kube::Client, limits: RequestLimits, stop: Stop) -> Self {
        let slots = Arc::new(Semaphore::new(limits.requests));
        Self { client, limits, stop, waited: Arc::default(), slots }
    }

    /// GETs a path (with its query), accepting these media types.
    ///
    /// # Errors
    /// If no attempt within the limits succeeds.
    pub async fn get(&self, path: &str, accept: &str) -> Result<Answer, SourceError> {
        self.request(path, accept, None).await
    }

    /// GETs a range of a file, such as `bytes=0-99` or `bytes=100-`. The status is 206; 200, with the whole file, if the
    /// server does not support ranges; 416 if there are no such bytes.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_range(&self, path: &str, bytes: &str) -> Result<Answer, SourceError> {
        self.request(path, "*/*", Some(bytes)).await
    }

    /// GETs a path whose answer goes on for minutes, and so does not count towards [`RequestLimits::requests`].
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn follow(&self, path: &str) -> Result<Answer, SourceError> {
        let uncounted = Self { slots: Arc::new(Semaphore::new(1)), ..self.clone() };
        uncounted.request(path, "*/*", None).await
    }

    async fn request(&self, path: &str, accept: &str, range: Option<&str>) -> Result<Answer, SourceError> {
        let mut attempt = 1;
        loop {
            match self.try_get(path, accept, range).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.wait_to_retry(&mut attempt, failure).await?,
            }
        }
    }

    async fn try_get(&self, path: &str, accept: &str, range: Option<&str>) -> Result<Answer, Failure> {
        let mut request = Request::get(path).header(header::ACCEPT, accept);
        if let Some(range) = range {
            request = request.header(header::RANGE, range);
        }
        let (asked, clock) = (Utc::now(), Instant::now());
        let (head, body) = self.send(request, self.limits.idle).await.map_err(Failure::without_answer)?;
        let middle = asked + clock.elapsed() / 2;
        let date =
            head.headers.get(header::DATE).and_then(|date| DateTime::parse_from_rfc2822(date.to_str().ok()?).ok());
        let skew = date.map(|date| date.with_timezone(&Utc) + Duration::from_millis(500) - middle);
        if head.status.is_success() {
            return Ok(Answer { status: head.status.as_u16(), skew, body });
        }
        match refusal(head.status, body).await {
            Ok(error) => Err(Failure::refused(&head, error, path)),
            Err(stopped) => Err(Failure::final_one(stopped)),
        }
    }

    /// GETs a path whose answer counts whatever its status, if `is_answer` recognises the body: then it is not retried.
    /// Any other answer is a refusal, even one with status 200.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_whatever_status(
        &self,
        path: &str,
        is_answer: fn(&[u8]) -> bool,
    ) -> Result<(u16, Vec<u8>), SourceError> {
        let mut attempt = 1;
        loop {
            match self.try_whatever_status(path, is_answer).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.wait_to_retry(&mut attempt, failure).await?,
            }
        }
    }

    async fn try_whatever_status(&self, path: &str, is_answer: fn(&[u8]) -> bool) -> Result<(u16, Vec<u8>), Failure> {
        const LIMIT: usize = 1 << 20;
        let request = Request::get(path).header(header::ACCEPT, "*/*");
        let (head, body) = self.send(request, self.limits.idle).await.map_err(Failure::without_answer)?;
        let whole = body.whole(LIMIT).await.map_err(Failure::of_body)?;
        match is_answer(&whole) {
            true => Ok((head.status.as_u16(), whole)),
            false => Err(Failure::refused(&head, error_of(head.status, &whole), path)),
        }
    }

    /// Waits until the next attempt, and counts it. The failure's error is returned if there is no further attempt.
    async fn wait_to_retry(&self, attempt: &mut u32, failure: Failure) -> Result<(), SourceError> {
        let Some(wait) = failure.wait(*attempt, self.limits.attempts).filter(|wait| self.take_wait(*wait)) else {
            return Err(failure.error);
        };
        *attempt += 1;
        tokio::select! {
            reason = self.stop.stopped() => Err(SourceError::Stopped(reason)),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    /// Waits until the next attempt for a body that broke, and counts it.
    ///
    /// # Errors
    /// `error` if there is no further attempt, and if the run is told to end.
    pub async fn wait_after_break(&self, attempt: &mut u32, error: SourceError) -> Result<(), SourceError> {
        self.wait_to_retry(attempt, Failure::broken(error)).await
    }

    /// GETs a path behind the API server's proxy, once, and waits this long for the first byte. Whatever the status, the
    /// answer comes from behind the proxy, unless its body is a `Status` object.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn proxied(
        &self,
        path: &str,
        headers: &HeaderMap,
        wait: Duration,
    ) -> Result<(Parts, BodyStream), SourceError> {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(name, value));
        // The caller limits itself: logs may occupy all slots until the deadline.
        let uncounted = Self { slots: Arc::new(Semaphore::new(1)), ..self.clone() };
        uncounted.send(request, wait).await
    }

    /// [`RequestLimits::idle`] of this client.
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.limits.idle
    }

    /// Waits for a slot among the requests at once.
    pub(super) async fn slot(&self) -> Result<Option<OwnedSemaphorePermit>, SourceError> {
        tokio::select! {
            biased;
            reason = self.stop.stopped() => Err(SourceError::Stopped(reason)),
            // The semaphore is never closed.
            slot = self.slots.clone().acquire_owned() => Ok(slot.ok()),
        }
    }

    async fn send(&self, request: http::request::Builder, wait: Duration) -> Result<(Parts, BodyStream), SourceError> {
        let request = request.body(Body::empty()).map_err(SourceError::Request)?;
        let slot = self.slot().await?;
        let sent = tokio::select! {
            biased;
            reason = self.stop.stopped() => return Err(SourceError::Stopped(reason)),
            sent = tokio::time::timeout(wait, self.client.send(request)) => sent,
        };
        match sent {
            Err(_) => Err(SourceError::TimedOut { what: "waiting for the API server's answer", after: wait }),
            Ok(Err(error)) => Err(match credentials(&error) {
                Some(detail) => SourceError::Credentials { detail },
                None => SourceError::Unreachable(Box::new(error)),
            }),
            Ok(Ok(response)) => {
                let (head, body) = response.into_parts();
                Ok((head, BodyStream::new(body.into_data_stream(), self.limits.idle, self.stop.clone(), slot)))
            }
        }
    }

    /// GETs a body that fits into memory, and how far the server's clock is ahead of ours.
    async fn get_whole(
        &self,
        path: &str,
        accept: &str,
        limit: usize,
    ) -> Result<(Vec<u8>, Option<TimeDelta>), SourceError> {
        let mut attempt = 1;
        loop {
            let Answer { body, skew, .. } = self.get(path, accept).await?;
            match body.whole(limit).await {
                Err(error @ SourceError::Broken(_)) => self.wait_after_break(&mut attempt, error).await?,
                whole => return whole.map(|whole| (whole, skew)),
            }
        }
    }

    /// GETs JSON that fits into memory.
    ///
    /// # Errors
    /// As [`Self::get`], and if the body is not such JSON.
    pub async fn get_json<T: serde::de::DeserializeOwned>(&self, path: &str, accept: &str) -> Result<T, SourceError> {
        /// An object in etcd has at most 1.5 MiB; the discovery of a large cluster, a few MiB.
        const LIMIT: usize = 32 << 20;
        let (whole, _) = self.get_whole(path, accept, LIMIT).await?;
        serde_json::from_slice(&whole).map_err(|error| SourceError::unexpected("JSON of the API", &whole, error))
    }

    /// The server's version, and how far its clock is ahead of ours: to about half a second, since the `Date` header has
    /// whole seconds.
    ///
    /// # Errors
    /// As [`Self::get_json`].
    pub async fn version(&self) -> Result<(serde_json::Value, Option<TimeDelta>), SourceError> {
        let (whole, skew) = self.get_whole("/version", "application/json", 1 << 20).await?;
        let version = serde_json::from_slice(&whole);
        Ok((version.map_err(|error| SourceError::unexpected("a version", &whole, error))?, skew))
    }

    /// Takes this wait from the budget; false if it does not fit.
    fn take_wait(&self, wait: Duration) -> bool {
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let budget = u64::try_from(self.limits.retry_budget.as_millis()).unwrap_or(u64::MAX);
        // A wait that is too long is not counted, so that later requests can still be retried.
        let spend = |spent: u64| spent.checked_add(wait).filter(|spent| *spent <= budget);
        self.waited.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }
}

/// What was wrong with the credentials, if they are the cause. They are checked when a client is made, and again by its
/// layers when they are renewed.
fn credentials(error: &kube::Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<CredentialError>() {
            return Some(causes(error).join(": "));
        }
        cause = error.source();
    }
    None
}

/// The error that a refusal's body describes: a `Status` object, or the start of any other text.
pub(super) async fn refusal(status: StatusCode, body: BodyStream) -> Result<SourceError, SourceError> {
    match body.whole(64 << 10).await {
        Ok(whole) => Ok(error_of(status, &whole)),
        Err(stopped @ SourceError::Stopped(_)) => Err(stopped),
        Err(_) => Ok(error_of(status, &[])),
    }
}

fn error_of(status: StatusCode, body: &[u8]) -> SourceError {
    let code = status.as_u16();
    SourceError::from_status(code, body).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&body[..body.len().min(300)]).trim().to_owned();
        let phrase = status.canonical_reason().unwrap_or_default();
        let message = if text.is_empty() { phrase.to_owned() } else { format!("{phrase}: {text}") };
        SourceError::Status { code, reason: String::new(), message }
    })
}
