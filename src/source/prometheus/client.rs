//! Owns the client of one Prometheus: how it is reached, how many queries it gets at once, and what is requested
//! besides queries.

use super::{
    access::Access,
    answer::{Answer, FromRow},
    error::{AccessError, PrometheusError},
    find::Service,
};
use crate::{
    plan::Question,
    source::{BodyStream, SourceError, Stop, kubernetes::Kubernetes, text::first_words},
};
use futures_util::TryStreamExt as _;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// A Prometheus; cheap to clone.
#[derive(Clone)]
pub struct Prometheus {
    way: Way,
    /// Path prefix of its API, such as `/prometheus`.
    prefix: String,
    /// Limits the queries at once.
    turns: Arc<Semaphore>,
}

/// Most queries at once. A Prometheus answers 20 at once, for all its clients.
const AT_ONCE: usize = 4;
/// The first byte of an answer may take this many idle times, because a query has to be computed.
const PATIENCE: u32 = 3;

#[derive(Clone)]
enum Way {
    Address { client: reqwest::Client, access: Arc<Access>, idle: Duration, stop: Stop },
    Service { kubernetes: Box<Kubernetes>, service: Service, headers: HeaderMap },
}

/// Parameters for a complete answer: no cache that shifts times, no part left out silently, replicas deduplicated.
/// A backend ignores the parameters of others. Thanos and the cluster version of VictoriaMetrics then leave out no part.
const COMPLETE: [(&str, &str); 4] =
    [("nocache", "1"), ("dedup", "true"), ("partial_response", "false"), ("deny_partial_response", "1")];
/// The same, but an answer may leave out parts that do not respond.
const PARTIAL: [(&str, &str); 3] = [("nocache", "1"), ("dedup", "true"), ("partial_response", "true")];

impl Prometheus {
    /// A Prometheus at an address. No wait for its body is longer than `idle`.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn at_address(access: Access, idle: Duration, stop: Stop) -> Result<Self, AccessError> {
        let client = access.client()?;
        Ok(Self {
            way: Way::Address { client, access: Arc::new(access), idle, stop },
            prefix: String::new(),
            turns: turns(),
        })
    }

    /// A Prometheus behind a service, through the API server's proxy.
    #[must_use]
    pub fn behind_service(kubernetes: Kubernetes, service: Service, headers: HeaderMap) -> Self {
        Self {
            way: Way::Service { kubernetes: Box::new(kubernetes), service, headers },
            prefix: String::new(),
            turns: turns(),
        }
    }

    /// The same Prometheus, with another path prefix of its API.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..self.clone() }
    }

    /// Its address, or `service NAMESPACE/NAME:PORT`, with the path prefix.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.way {
            Way::Address { access, .. } => format!("{}{}", access.shown(), self.prefix),
            Way::Service { service, .. } => format!("service {service}{}", self.prefix),
        }
    }

    /// The service that it is behind; `None` if it has an address.
    #[must_use]
    pub fn service(&self) -> Option<&Service> {
        match &self.way {
            Way::Address { .. } => None,
            Way::Service { service, .. } => Some(service),
        }
    }

    /// The same with TLS; `None` if it is not behind a service, or has TLS already.
    #[must_use]
    pub fn with_tls(&self) -> Option<Self> {
        match &self.way {
            Way::Service { kubernetes, service, headers } if !service.tls => {
                let service = Service { tls: true, ..service.clone() };
                Some(Self {
                    prefix: self.prefix.clone(),
                    ..Self::behind_service((**kubernetes).clone(), service, headers.clone())
                })
            }
            _ => None,
        }
    }

    /// Asks a query. If the backend refuses a complete answer because a part of it does not respond, asks once more for a
    /// partial one. The flag says whether the answer is such a partial one.
    ///
    /// # Errors
    /// If the backend does not answer, or refuses.
    pub async fn ask(&self, question: &Question) -> Result<(Answer, bool), PrometheusError> {
        let error = match self.query(question, &COMPLETE).await {
            Ok(answer) => return Ok((answer, false)),
            Err(error) => error,
        };
        if !error.is_missing_part() {
            return Err(error);
        }
        match self.query(question, &PARTIAL).await {
            Ok(answer) => Ok((answer, true)),
            Err(stopped @ PrometheusError::Transport(SourceError::Stopped(_))) => Err(stopped),
            Err(_) => Err(error),
        }
    }

    async fn query(&self, question: &Question, more: &[(&str, &str)]) -> Result<Answer, PrometheusError> {
        let more = form_urlencoded::Serializer::new(String::new()).extend_pairs(more).finish();
        self.list(&format!("{}&{more}", question.path())).await
    }

    /// The rows that a path of its API lists in `data`.
    ///
    /// # Errors
    /// If the backend does not answer, or refuses.
    pub async fn list<T: FromRow>(&self, path: &str) -> Result<Answer<T>, PrometheusError> {
        // The semaphore is never closed.
        let turn = self.turns.clone().acquire_owned().await.ok();
        let (code, body) = self.get(path).await?;
        match (200..300).contains(&code) {
            true => Ok(Answer::new(code, body, turn)),
            false => Err(refusal(code, body).await?),
        }
    }

    /// Its application and version, such as `3.1.0`; `None` if it does not tell.
    ///
    /// # Errors
    /// If the backend does not answer.
    pub async fn version(&self) -> Result<Option<String>, PrometheusError> {
        let (code, body) = self.get("/api/v1/status/buildinfo").await?;
        let whole = if code == 200 { body.whole(64 << 10).await? } else { Vec::new() };
        let build: Value = serde_json::from_slice(&whole).unwrap_or_default();
        let text = |key: &str| build["data"][key].as_str().filter(|text| !text.is_empty());
        Ok(match (text("application"), text("version")) {
            (Some(application), Some(version)) => Some(format!("{application} {version}")),
            (one, other) => one.or(other).map(str::to_owned),
        })
    }

    async fn get(&self, path: &str) -> Result<(u16, BodyStream), PrometheusError> {
        match &self.way {
            Way::Service { kubernetes, service, headers } => {
                let path = format!("{}{}{path}", service.proxy_path(), self.prefix);
                let (head, body) = kubernetes.proxied(&path, headers, kubernetes.idle() * PATIENCE).await?;
                Ok((head.status.as_u16(), body))
            }
            Way::Address { client, access, idle, stop } => {
                let (what, after) = ("waiting for the answer", *idle * PATIENCE);
                let request = access.get(client, &format!("{}{path}", self.prefix));
                let sent = tokio::select! {
                    biased;
                    reason = stop.stopped() => return Err(SourceError::Stopped(reason).into()),
                    sent = tokio::time::timeout(after, request.send()) => sent,
                };
                let response = sent.map_err(|_| SourceError::TimedOut { what, after })??;
                if let Some((to, is_same_host)) = redirect(&response) {
                    return Err(PrometheusError::Redirected { to, is_same_host });
                }
                let code = response.status().as_u16();
                let body = http::Response::<reqwest::Body>::from(response).into_body().into_data_stream();
                let body = body.map_err(reqwest::Error::without_url);
                Ok((code, BodyStream::new(body, *idle, stop.clone(), None)))
            }
        }
    }
}

fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(AT_ONCE))
}

/// The target of a redirect that was not followed, and whether it is on the same host.
fn redirect(response: &reqwest::Response) -> Option<(String, bool)> {
    let to = response.headers().get(http::header::LOCATION).filter(|_| response.status().is_redirection())?;
    let to = response.url().join(to.to_str().ok()?).ok()?;
    let is_same_host = to.host_str() == response.url().host_str();
    // The query may contain a token, so it is left out.
    let authority = to.authority().rsplit('@').next().unwrap_or_default();
    Some((first_words(&format!("{}://{authority}{}", to.scheme(), to.path()), 200), is_same_host))
}

/// Reads the error of a refusal, by the backend or by the API server's proxy. The outer error is that of reading.
async fn refusal(code: u16, body: BodyStream) -> Result<PrometheusError, PrometheusError> {
    let whole = match body.whole(256 << 10).await {
        Ok(whole) => whole,
        Err(stopped @ SourceError::Stopped(_)) => return Err(stopped.into()),
        Err(_) => Vec::new(),
    };
    let value: Value = serde_json::from_slice(&whole).unwrap_or_default();
    if value["kind"] == "Status"
        && let Some(status) = SourceError::from_status(code, &whole)
    {
        return Ok(status.into());
    }
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Ok(match value["status"] == "error" {
        true => PrometheusError::Refused { code, kind: text("errorType"), message: text("error") },
        false => PrometheusError::foreign(code, &whole),
    })
}
