//! Owns the client of one API server: timeouts, retries, and the number of requests at once.
//!
//! A request is given up after the idle time without a byte. Statuses 429, 503 and 504 are retried, within a budget of
//! waiting that all requests to one cluster share.

use super::login::{self, Login};
use crate::source::{BodyStream, SourceError, Stop};
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
    /// The command that gets its credentials.
    login: Option<Arc<Login>>,
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
        Self { client, limits, stop, waited: Arc::default(), slots, login: None }
    }

    /// Names the command that gets the client's credentials.
    pub(super) fn with_login(self, login: Option<Login>) -> Self {
        Self { login: login.map(Arc::new), ..self }
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
            let (error, after) = match self.try_get(path, accept, range).await? {
                Ok(answer) => return Ok(answer),
                Err(refused) => refused,
            };
            let wait = after.unwrap_or_else(|| Duration::from_millis(250 << attempt.min(6)));
            // An overloaded server says how long to wait; an unreachable one does not.
            let attempts = if after.is_some() || error.code() == Some(429) { self.limits.attempts } else { 2 };
            if attempt >= attempts || !self.take_wait(wait) {
                return Err(error);
            }
            attempt += 1;
            tokio::select! {
                reason = self.stop.stopped() => return Err(SourceError::Stopped(reason)),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One attempt. The outer error is final; the inner one may be retried, after the time that the server asked for.
    async fn try_get(
        &self,
        path: &str,
        accept: &str,
        range: Option<&str>,
    ) -> Result<Result<Answer, (SourceError, Option<Duration>)>, SourceError> {
        let mut request = Request::get(path).header(header::ACCEPT, accept);
        if let Some(range) = range {
            request = request.header(header::RANGE, range);
        }
        let (asked, clock) = (Utc::now(), Instant::now());
        let (head, body) = self.send(request, self.limits.idle).await?;
        let middle = asked + clock.elapsed() / 2;
        let status = head.status;
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let date = header(header::DATE).and_then(|text| DateTime::parse_from_rfc2822(text).ok());
        let skew = date.map(|date| date.with_timezone(&Utc) + Duration::from_millis(500) - middle);
        let after = header(header::RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs);
        if status.is_success() {
            return Ok(Ok(Answer { status: status.as_u16(), skew, body }));
        }
        let error = refusal(status, body).await?;
        // Behind the API server's proxy, these mean that nothing is there, not that it is overloaded.
        let is_proxied = path.contains("/proxy/");
        match status {
            StatusCode::TOO_MANY_REQUESTS => Ok(Err((error, after))),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT if !is_proxied => Ok(Err((error, after))),
            _ => Err(error),
        }
    }

    /// GETs a path once, where the answer counts whatever its status. A refusal is an error all the same.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_whatever_status(&self, path: &str) -> Result<(u16, Vec<u8>), SourceError> {
        const LIMIT: usize = 1 << 20;
        let request = Request::get(path).header(header::ACCEPT, "*/*");
        let (head, body) = self.send(request, self.limits.idle).await?;
        if head.status.is_client_error() {
            return Err(refusal(head.status, body).await?);
        }
        let whole = body.whole(LIMIT).await?;
        let code = head.status.as_u16();
        match SourceError::from_status(code, &whole).filter(|_| !head.status.is_success()) {
            Some(refused) => Err(refused),
            None => Ok((code, whole)),
        }
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
            Ok(Err(error)) => Err(match login::explain(&error, self.login.as_deref()) {
                Some(detail) => SourceError::Credentials { detail },
                None => SourceError::Unreachable(Box::new(error)),
            }),
            Ok(Ok(response)) => {
                let (head, body) = response.into_parts();
                Ok((head, BodyStream::new(body.into_data_stream(), self.limits.idle, self.stop.clone(), slot)))
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
        let whole = self.get(path, accept).await?.body.whole(LIMIT).await?;
        serde_json::from_slice(&whole).map_err(SourceError::Parse)
    }

    /// The server's version, and how far its clock is ahead of ours: to about half a second, since the `Date` header has
    /// whole seconds.
    ///
    /// # Errors
    /// As [`Self::get_json`].
    pub async fn version(&self) -> Result<(serde_json::Value, Option<TimeDelta>), SourceError> {
        let answer = self.get("/version", "application/json").await?;
        let whole = answer.body.whole(1 << 20).await?;
        Ok((serde_json::from_slice(&whole).map_err(SourceError::Parse)?, answer.skew))
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

/// The error that a refusal's body describes: a `Status` object, or the start of any other text.
pub(super) async fn refusal(status: StatusCode, body: BodyStream) -> Result<SourceError, SourceError> {
    let code = status.as_u16();
    let whole = match body.whole(64 << 10).await {
        Ok(whole) => whole,
        Err(stopped @ SourceError::Stopped(_)) => return Err(stopped),
        Err(_) => Vec::new(),
    };
    Ok(SourceError::from_status(code, &whole).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&whole[..whole.len().min(300)]).trim().to_owned();
        let phrase = status.canonical_reason().unwrap_or_default();
        let message = if text.is_empty() { phrase.to_owned() } else { format!("{phrase}: {text}") };
        SourceError::Status { code, reason: String::new(), message }
    }))
}
