//! A Kubernetes API server: GET requests with our timeouts and retries, lists as tables, discovery.
//!
//! Only GET is ever sent; a port-forward is one, too, that becomes a socket. A request is given up after the idle time without a byte; 429, 503 and
//! 504 are tried again within a budget that one cluster shares.

mod connect;
mod discovery;
mod error;
mod forward;
mod listed;
mod table;

pub use connect::{ConnectError, Connection, Target, connect};
pub use discovery::{Discovery, Document};
pub use error::{SourceError, causes};
pub use listed::ListedObject;
pub use table::{ListHead, Object, Row, Rows};

use super::{BodyStream, Stop};
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

/// How long and how often we try.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest wait for an answer's first byte, and between two chunks of it.
    pub idle: Duration,
    /// All the waiting that the server may ask of one cluster's requests, in sum.
    pub retry_budget: Duration,
    /// Attempts of one request, the first included.
    pub attempts: u32,
    /// Requests under way at once; one is until its answer's body has ended.
    pub requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(20), retry_budget: Duration::from_secs(60), attempts: 6, requests: 32 }
    }
}

/// A client of one API server; cheap to clone.
#[derive(Clone)]
pub struct Kubernetes {
    client: kube::Client,
    limits: Limits,
    stop: Stop,
    /// Milliseconds of waiting already spent on retries.
    waited: Arc<AtomicU64>,
    slots: Arc<Semaphore>,
}

/// An answer whose status was a success; its body is still to be read.
pub struct Answer {
    /// HTTP status; 204 has no body.
    pub status: u16,
    /// How far the server's clock is ahead of ours, to half a second; none where it does not tell its time.
    pub skew: Option<TimeDelta>,
    /// The body.
    pub body: BodyStream,
}

impl Kubernetes {
    /// Wraps a client. Its own retries should be off.
    #[must_use]
    pub fn new(client: kube::Client, limits: Limits, stop: Stop) -> Self {
        let slots = Arc::new(Semaphore::new(limits.requests));
        Self { client, limits, stop, waited: Arc::default(), slots }
    }

    /// GETs a path (with its query) of the API server, asking for the media types of `accept`.
    ///
    /// # Errors
    /// When no success was answered within the limits.
    pub async fn get(&self, path: &str, accept: &str) -> Result<Answer, SourceError> {
        self.request(path, accept, None).await
    }

    /// GETs a part of a file: `bytes=0-99`, `bytes=100-`. A server that knows no parts answers with all,
    /// status 200 in place of 206; one that has no such bytes with 416.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_range(&self, path: &str, bytes: &str) -> Result<Answer, SourceError> {
        self.request(path, "*/*", Some(bytes)).await
    }

    /// GETs what stays open for minutes, and so is not counted among the requests under way.
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
            // A server that is overloaded says how long to wait; one that is not there does not.
            let attempts = if after.is_some() || error.code() == Some(429) { self.limits.attempts } else { 2 };
            if attempt >= attempts || !self.may_wait(wait) {
                return Err(error);
            }
            attempt += 1;
            tokio::select! {
                reason = self.stop.stopped() => return Err(SourceError::Stopped(reason)),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The outer error ends the attempts; the inner one may be tried again, after the time the
    /// server asked for.
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
        // What stands behind the API server's proxy is not overloaded: it is not there.
        let is_proxied = path.contains("/proxy/");
        match status {
            StatusCode::TOO_MANY_REQUESTS => Ok(Err((error, after))),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT if !is_proxied => Ok(Err((error, after))),
            _ => Err(error),
        }
    }

    /// GETs what stands behind the API server's proxy, once, waiting so long for its answer. Whatever its status, the answer is not the API
    /// server's own unless its body is one of its `Status` objects.
    ///
    /// # Errors
    /// When nothing was answered.
    pub async fn proxied(
        &self,
        path: &str,
        headers: &HeaderMap,
        wait: Duration,
    ) -> Result<(Parts, BodyStream), SourceError> {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(name, value));
        // Whoever asks counts for itself: logs may hold all places until the deadline.
        let uncounted = Self { slots: Arc::new(Semaphore::new(1)), ..self.clone() };
        uncounted.send(request, wait).await
    }

    /// The longest wait for an answer, and between two pieces of it.
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.limits.idle
    }

    /// A place among the requests under way, when there is one.
    async fn slot(&self) -> Result<Option<OwnedSemaphorePermit>, SourceError> {
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

    /// GETs a small JSON answer.
    ///
    /// # Errors
    /// As [`Self::get`], and when the body is no such JSON.
    pub async fn get_json<T: serde::de::DeserializeOwned>(&self, path: &str, accept: &str) -> Result<T, SourceError> {
        /// Single objects are at most 1.5 MiB in etcd; discovery of a large cluster is a few MiB.
        const LIMIT: usize = 32 << 20;
        let whole = self.get(path, accept).await?.body.whole(LIMIT).await?;
        serde_json::from_slice(&whole).map_err(SourceError::Parse)
    }

    /// The server's version and how far its clock is ahead of ours.
    ///
    /// The `Date` header has whole seconds: half of one is added, and the round trip is halved,
    /// so the skew is good to about half a second.
    ///
    /// # Errors
    /// As [`Self::get_json`].
    pub async fn version(&self) -> Result<(serde_json::Value, Option<TimeDelta>), SourceError> {
        let answer = self.get("/version", "application/json").await?;
        let whole = answer.body.whole(1 << 20).await?;
        Ok((serde_json::from_slice(&whole).map_err(SourceError::Parse)?, answer.skew))
    }

    fn may_wait(&self, wait: Duration) -> bool {
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let budget = u64::try_from(self.limits.retry_budget.as_millis()).unwrap_or(u64::MAX);
        // A wait that is refused is not spent: one server's "tomorrow" must not cost the others theirs.
        let spend = |spent: u64| spent.checked_add(wait).filter(|spent| *spent <= budget);
        self.waited.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }
}

/// What was wrong with the credentials, if it was they: when a client is made, and again inside of
/// its layers when they are renewed.
fn credentials(error: &kube::Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<kube::client::AuthError>() {
            return Some(causes(error).join(": "));
        }
        cause = error.source();
    }
    None
}

/// Reads the Status object of a refusal; a proxy's page gives its first words.
async fn refusal(status: StatusCode, body: BodyStream) -> Result<SourceError, SourceError> {
    let code = status.as_u16();
    let whole = match body.whole(64 << 10).await {
        Ok(whole) => whole,
        Err(stopped @ SourceError::Stopped(_)) => return Err(stopped),
        Err(_) => Vec::new(),
    };
    Ok(status_of(code, &whole).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&whole[..whole.len().min(300)]).trim().to_owned();
        let said = status.canonical_reason().unwrap_or_default();
        let message = if text.is_empty() { said.to_owned() } else { format!("{said}: {text}") };
        SourceError::Status { code, reason: String::new(), message }
    }))
}

/// The refusal that a Status object is.
pub(in crate::source) fn status_of(code: u16, body: &[u8]) -> Option<SourceError> {
    #[derive(serde::Deserialize)]
    struct Status {
        #[serde(default)]
        reason: String,
        #[serde(default)]
        message: String,
    }
    let Status { reason, message } = serde_json::from_slice(body).ok()?;
    (!message.is_empty()).then(|| SourceError::Status { code, reason, message: without_user(&message) })
}

/// A refusal names who asked, which nobody but them needs to know: `User "alice" cannot list …`, and
/// whom they asked to be: `users "bob" is forbidden: User "alice" cannot impersonate …`.
fn without_user(message: &str) -> String {
    if message.contains(" cannot impersonate ") {
        return "the user cannot impersonate whom --as or --as-group names".to_owned();
    }
    let Some((before, rest)) = message.split_once("User \"") else { return message.to_owned() };
    match rest.split_once('"') {
        Some((_, after)) => format!("{before}the user{after}"),
        None => message.to_owned(),
    }
}
