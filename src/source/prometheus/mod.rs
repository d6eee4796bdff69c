//! A Prometheus, or what answers as one does (Thanos, Mimir, VictoriaMetrics): by its address, or by way of
//! the API server's proxy of its service. Answers are taken series by series.
//!
//! Only GET is ever sent, and nothing is asked twice: a server that is overloaded may be why we look.

mod access;
mod answer;
mod error;
mod find;

pub use access::{Access, header};
pub use answer::{Answer, Head, Listed, Series};
pub use error::{AccessError, PrometheusError};
pub use find::{Found, PORT, Service, find, port};

use super::{
    BodyStream, Stop,
    kubernetes::{Kubernetes, SourceError, status_of},
};
use crate::plan::Question;
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
    /// Below what of it the API is: `/prometheus`.
    prefix: String,
    /// Questions that it is asked at once.
    turns: Arc<Semaphore>,
}

/// A Prometheus answers 20 questions at once, of all who ask.
const AT_ONCE: usize = 4;
/// It has to compute, so it is given so many times as long as others for the first byte of an answer.
const PATIENCE: u32 = 3;

#[derive(Clone)]
enum Way {
    Address { client: reqwest::Client, access: Arc<Access>, idle: Duration, stop: Stop },
    Service { kubernetes: Box<Kubernetes>, service: Service, headers: HeaderMap },
}

/// What no backend but the one that knows it minds: not from a cache that shifts the times, no part left out
/// silently, replicas as one. Thanos and the cluster version of VictoriaMetrics leave parts out on request only.
const WHOLE: [(&str, &str); 4] =
    [("nocache", "1"), ("dedup", "true"), ("partial_response", "false"), ("deny_partial_response", "1")];
const PARTS: [(&str, &str); 3] = [("nocache", "1"), ("dedup", "true"), ("partial_response", "true")];

/// Below what a backend's API may be: nothing, what Mimir and some ways in have, the cluster version of
/// VictoriaMetrics.
pub const PREFIXES: [&str; 3] = ["", "/prometheus", "/select/0/prometheus"];

impl Prometheus {
    /// One by its address, never waiting for longer than `idle`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn at(access: Access, idle: Duration, stop: Stop) -> Result<Self, AccessError> {
        let client = access.client()?;
        Ok(Self {
            way: Way::Address { client, access: Arc::new(access), idle, stop },
            prefix: String::new(),
            turns: turns(),
        })
    }

    /// One behind a service.
    #[must_use]
    pub fn behind(kubernetes: Kubernetes, service: Service, headers: HeaderMap) -> Self {
        Self {
            way: Way::Service { kubernetes: Box::new(kubernetes), service, headers },
            prefix: String::new(),
            turns: turns(),
        }
    }

    /// The same with its API below this.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..self.clone() }
    }

    /// Where it is, as people say it.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.way {
            Way::Address { access, .. } => format!("{}{}", access.shown(), self.prefix),
            Way::Service { service, .. } => format!("service {service}{}", self.prefix),
        }
    }

    /// The service that it is behind, if it is behind one.
    #[must_use]
    pub fn service(&self) -> Option<&Service> {
        match &self.way {
            Way::Address { .. } => None,
            Way::Service { service, .. } => Some(service),
        }
    }

    /// The same behind TLS, of a service that was taken to be without.
    #[must_use]
    pub fn with_tls(&self) -> Option<Self> {
        match &self.way {
            Way::Service { kubernetes, service, headers } if !service.tls => {
                let service = Service { tls: true, ..service.clone() };
                Some(Self {
                    prefix: self.prefix.clone(),
                    ..Self::behind((**kubernetes).clone(), service, headers.clone())
                })
            }
            _ => None,
        }
    }

    /// Asks a question. One that leaves out no part is refused by some where a part does not answer; then it is
    /// asked once more, for what there is, and the second of the pair is true.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub async fn ask(&self, question: &Question) -> Result<(Answer, bool), PrometheusError> {
        let error = match self.query(question, &WHOLE).await {
            Ok(answer) => return Ok((answer, false)),
            Err(error) => error,
        };
        if !error.is_of_parts() {
            return Err(error);
        }
        match self.query(question, &PARTS).await {
            Ok(answer) => Ok((answer, true)),
            Err(stopped @ PrometheusError::Way(SourceError::Stopped(_))) => Err(stopped),
            Err(_) => Err(error),
        }
    }

    async fn query(&self, question: &Question, more: &[(&str, &str)]) -> Result<Answer, PrometheusError> {
        let more = form_urlencoded::Serializer::new(String::new()).extend_pairs(more).finish();
        self.list(&format!("{}&{more}", question.path())).await
    }

    /// What another path of its API lists in its `data`.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub async fn list<T: Listed>(&self, path: &str) -> Result<Answer<T>, PrometheusError> {
        // The semaphore is never closed.
        let turn = self.turns.clone().acquire_owned().await.ok();
        let (code, body) = self.get(path).await?;
        match (200..300).contains(&code) {
            true => Ok(Answer::new(code, body, turn)),
            false => Err(refusal(code, body).await?),
        }
    }

    /// What it says it is; none where it does not say.
    ///
    /// # Errors
    /// When it does not answer.
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
                let path = format!("{}{}{path}", service.proxy(), self.prefix);
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
                if let Some((to, is_here)) = elsewhere(&response) {
                    return Err(PrometheusError::Elsewhere { to, is_here });
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

/// Where a redirect leads that was not followed, and whether that is another way to the same host.
fn elsewhere(response: &reqwest::Response) -> Option<(String, bool)> {
    let to = response.headers().get(http::header::LOCATION).filter(|_| response.status().is_redirection())?;
    let to = response.url().join(to.to_str().ok()?).ok()?;
    let is_here = to.host_str() == response.url().host_str();
    // What follows the path may be a token.
    let authority = to.authority().rsplit('@').next().unwrap_or_default();
    Some((first_words(&format!("{}://{authority}{}", to.scheme(), to.path()), 200), is_here))
}

/// Reads a refusal, whoever's it is; the outer error is that of reading.
async fn refusal(code: u16, body: BodyStream) -> Result<PrometheusError, PrometheusError> {
    let whole = match body.whole(256 << 10).await {
        Ok(whole) => whole,
        Err(stopped @ SourceError::Stopped(_)) => return Err(stopped.into()),
        Err(_) => Vec::new(),
    };
    let value: Value = serde_json::from_slice(&whole).unwrap_or_default();
    if value["kind"] == "Status"
        && let Some(status) = status_of(code, &whole)
    {
        return Ok(status.into());
    }
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Ok(match value["status"] == "error" {
        true => PrometheusError::Refused { code, kind: text("errorType"), message: text("error") },
        false => foreign(code, &whole),
    })
}

/// What is no answer of its API, by its first words, of a page without its tags.
fn foreign(code: u16, body: &[u8]) -> PrometheusError {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
    let mut words = String::new();
    let mut in_tag = false;
    for char in text.chars() {
        match char {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                words.push(' ');
            }
            _ if in_tag => {}
            _ => words.push(char),
        }
    }
    PrometheusError::Foreign { code, text: first_words(&words, 200) }
}

/// The start of a text as one line, of what can be shown.
fn first_words(text: &str, most: usize) -> String {
    let shown = text.replace(|char: char| char.is_control(), " ");
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
