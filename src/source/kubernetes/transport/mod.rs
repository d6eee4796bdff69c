//! Owns the way of a request to an API server and back: connections with TLS and through proxies, the header
//! `Authorization`, HTTP/1.1 or HTTP/2.
//!
//! kube-rs has all this too, but is stricter than kubectl about certificates, keys and proxies, runs a credential plugin
//! twice, and cannot end one.

mod dial;
pub mod environment;
mod pem;
#[cfg(target_os = "linux")]
mod system;
mod tls;
mod verifier;

use super::{
    credentials::{Credential, CredentialError, Credentials},
    kubeconfig::{Bytes, Cluster, Proxy, User},
};
use crate::source::Stop;
use dial::Dialer;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use kube::client::Body;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tls::Material;
use tower::Service;

/// How long the certificates of files count. Those of a pod, or of `kubeadm certs renew`, change during a long run.
const CERTIFICATES: Duration = Duration::from_secs(60);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests to one API server; cheap to clone.
#[derive(Clone)]
pub(super) struct Transport(Arc<Inner>);

struct Inner {
    cluster: Cluster,
    certificate: Option<(Bytes, Bytes)>,
    proxy: Option<Arc<Proxy>>,
    credentials: Arc<Credentials>,
    connections: Mutex<Option<Connections>>,
    /// Whether the server was found to speak only HTTP/2.
    is_http2: AtomicBool,
    has_answered: AtomicBool,
}

/// Connections that were made with the same certificates.
struct Connections {
    material: Material,
    read: Instant,
    dialer: Dialer,
    client: Client<Dialer, Body>,
}

impl Transport {
    /// Does nothing yet.
    pub(super) fn new(cluster: Cluster, user: User, proxy: Option<Proxy>, stop: Stop) -> Self {
        let credentials = Credentials::new(user.credential, cluster.clone(), stop);
        Self(Arc::new(Inner {
            cluster,
            certificate: user.certificate,
            proxy: proxy.map(Arc::new),
            credentials,
            connections: Mutex::default(),
            is_http2: AtomicBool::new(false),
            has_answered: AtomicBool::new(false),
        }))
    }

    /// Gets the first credential, which may run a plugin.
    pub(super) async fn log_in(&self) -> Result<Arc<Credential>, CredentialError> {
        self.0.credentials.get().await
    }

    /// Reads the certificates and keys.
    pub(super) fn check(&self, credential: &Credential) -> Result<(), String> {
        self.0.client(credential).map(drop)
    }
}

impl Inner {
    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Error> {
        let (head, body) = request.into_parts();
        let credential = self.credentials.get().await?;
        let answer = self.send_with(&credential, head.clone(), body).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // Only GET is ever sent, so there is no body to send again.
        match self.credentials.instead(&credential).await? {
            Some(other) => self.send_with(&other, head, Body::empty()).await,
            None => Ok(answer),
        }
    }

    async fn send_with(
        &self,
        credential: &Credential,
        mut head: Parts,
        body: Body,
    ) -> Result<Response<Incoming>, Error> {
        if let Some(value) = &credential.authorization {
            head.headers.insert(header::AUTHORIZATION, value.clone());
        }
        let (client, for_proxy) = self.client(credential)?;
        if let Some(value) = for_proxy {
            head.headers.insert(header::PROXY_AUTHORIZATION, value);
        }
        let sent = client.request(Request::from_parts(head.clone(), body)).await;
        let sent = match sent {
            Err(why) if self.may_need_http2() && speaks_only_http2(&why) => {
                self.speak_http2(true);
                let (client, _) = self.client(credential)?;
                let again = client.request(Request::from_parts(head, Body::empty())).await;
                again.map_err(|_| {
                    self.speak_http2(false);
                    why
                })
            }
            sent => sent,
        };
        self.has_answered.fetch_or(sent.is_ok(), Ordering::Relaxed);
        Ok(sent?)
    }

    fn may_need_http2(&self) -> bool {
        self.cluster.server.is_tls() && !self.has_answered.load(Ordering::Relaxed)
    }

    fn speak_http2(&self, is_http2: bool) {
        self.is_http2.store(is_http2, Ordering::Relaxed);
        *self.connections.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The client whose connections have the certificates of now, and what a proxy wants to see in each request.
    fn client(&self, credential: &Credential) -> Result<(Client<Dialer, Body>, Option<HeaderValue>), String> {
        let mut held = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |it: &Connections| {
            let identity = credential.identity.is_none() || it.material.identity == credential.identity;
            it.read.elapsed() < CERTIFICATES && identity
        };
        let made = match held.take() {
            Some(made) if is_new(&made) => made,
            old => self.connections(credential, old)?,
        };
        let client = made.client.clone();
        let for_proxy = made.dialer.proxy_authorization().and_then(|value| HeaderValue::try_from(value).ok());
        *held = Some(made);
        Ok((client, for_proxy))
    }

    fn connections(&self, credential: &Credential, old: Option<Connections>) -> Result<Connections, String> {
        let material = match (self.material(credential), old) {
            (Ok(material), Some(old)) if old.material == material => {
                return Ok(Connections { read: Instant::now(), ..old });
            }
            (Ok(material), _) => material,
            // Certificates that are just being replaced must not end a run.
            (Err(_), Some(old)) => return Ok(Connections { read: Instant::now(), ..old }),
            (Err(why), None) => return Err(why),
        };
        let is_http2 = self.is_http2.load(Ordering::Relaxed);
        let tls = tls::configuration(&material, if is_http2 { "h2" } else { "http/1.1" })?;
        let dialer = Dialer {
            server: Arc::new(self.cluster.server.clone()),
            proxy: self.proxy.clone(),
            server_name: self.cluster.server_name.clone(),
            tls: Arc::new(tls),
        };
        let client = Client::builder(TokioExecutor::new()).http2_only(is_http2).build(dialer.clone());
        Ok(Connections { material, read: Instant::now(), dialer, client })
    }

    fn material(&self, credential: &Credential) -> Result<Material, String> {
        if !self.cluster.server.is_tls() {
            return Ok(Material::default());
        }
        let authority = self.cluster.authority.as_ref().map(Bytes::read).transpose()?;
        let own = match &self.certificate {
            Some((certificate, key)) => Some((certificate.read()?, key.read()?)),
            None => None,
        };
        let identity = own.or_else(|| credential.identity.clone());
        Ok(Material { authority, identity, insecure: self.cluster.insecure })
    }
}

/// Whether the first request failed because the server does not speak HTTP/1.1.
fn speaks_only_http2(error: &hyper_util::client::legacy::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return true;
        }
        // An error of TLS is within one of input and output, whose source is that one's source.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()).or(error.downcast_ref());
        if matches!(inner, Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol))) {
            return true;
        }
        cause = error.source();
    }
    false
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Incoming>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inner = self.0.clone();
        Box::pin(async move { inner.send(request).await })
    }
}
