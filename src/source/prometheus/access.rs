//! Owns how to reach a Prometheus by its address: URL, credentials, certificates.

use super::error::AccessError;
use crate::source::{causes, text::first_words};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::percent_decode_str;
use reqwest::{Certificate, Client, Identity, RequestBuilder, Url, redirect};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);
/// Most redirects to the same host that are followed.
const REDIRECTS: usize = 5;

/// How to reach a Prometheus by its address. Nothing but the address is ever shown.
#[derive(Clone)]
pub struct Access {
    url: Url,
    basic: Option<(String, String)>,
    headers: HeaderMap,
    identity: Option<Identity>,
    authority: Option<Vec<Certificate>>,
}

impl Access {
    /// Reads an address. A user and a password in it become credentials. The path of a page of the user interface, or
    /// of the API, is cut off.
    ///
    /// # Errors
    /// If it is not the address of a Prometheus.
    pub fn new(text: &str) -> Result<Self, AccessError> {
        let refused = |why: &str| AccessError::Address(without_user(text), why.to_owned());
        let mut url = Url::parse(text).map_err(|why| refused(&why.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
            return Err(refused("give http://HOST or https://HOST"));
        }
        if url.query().is_some() {
            return Err(refused("it has a query; pass headers that select a tenant with --prometheus-header"));
        }
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        // Only at the end: elsewhere in a path, as in the API server's proxy, the same words mean something else.
        let ends = ["/api/v1/query_range", "/api/v1/query", "/api/v1", "/graph", "/query", "/vmui"];
        let end = ends.iter().find_map(|end| path.strip_suffix(end)).unwrap_or(&path);
        url.set_path(end);
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pair = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
        let basic = Some(pair).filter(|(user, password)| !(user.is_empty() && password.is_empty()));
        // Neither fails for a URL with a host.
        let _ = (url.set_username(""), url.set_password(None));
        Ok(Self { url, basic, headers: HeaderMap::new(), identity: None, authority: None })
    }

    /// The address, without a trailing slash.
    #[must_use]
    pub fn shown(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// Whether there is a user and a password.
    #[must_use]
    pub fn has_user(&self) -> bool {
        self.basic.is_some()
    }

    /// The flags that give these credentials, with `FILE` in place of each file.
    #[must_use]
    pub fn flags(&self) -> Vec<&'static str> {
        let is_bearer = |(name, value): &(&HeaderName, &HeaderValue)| {
            *name == header::AUTHORIZATION && value.as_bytes().starts_with(b"Bearer ")
        };
        let has = [
            ("--prometheus-bearer FILE", self.headers.iter().any(|header| is_bearer(&header))),
            ("--prometheus-basic FILE", self.basic.is_some()),
            ("--prometheus-cert FILE --prometheus-key FILE", self.identity.is_some()),
            ("--prometheus-ca FILE", self.authority.is_some()),
            ("--prometheus-header @FILE", self.headers.iter().any(|header| !is_bearer(&header))),
        ];
        has.into_iter().filter(|(_, has)| *has).map(|(flag, _)| flag).collect()
    }

    /// Adds a bearer token.
    ///
    /// # Errors
    /// If the token has characters that a header cannot have.
    pub fn bearer(mut self, token: &str) -> Result<Self, AccessError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| AccessError::Header("the bearer token".to_owned()))?;
        value.set_sensitive(true);
        self.headers.insert(header::AUTHORIZATION, value);
        Ok(self)
    }

    /// Adds credentials, as `USER:PASSWORD`.
    ///
    /// # Errors
    /// If there is no colon.
    pub fn basic(mut self, pair: &str) -> Result<Self, AccessError> {
        let pair = pair.trim_end_matches(['\r', '\n']).split_once(':');
        let (user, password) = pair.ok_or_else(|| AccessError::Header("the user and password".to_owned()))?;
        self.basic = Some((user.to_owned(), password.to_owned()));
        Ok(self)
    }

    /// Adds headers.
    #[must_use]
    pub fn headers(mut self, headers: &HeaderMap) -> Self {
        self.headers.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// Adds a client certificate and its key, as PEM.
    ///
    /// # Errors
    /// If they are no certificate and key.
    pub fn certificate(mut self, certificate: &[u8], key: &[u8]) -> Result<Self, AccessError> {
        let pem = [certificate, b"\n", key].concat();
        let why =
            |why: reqwest::Error| AccessError::Pem { what: "the client certificate or its key", why: words(&why) };
        self.identity = Some(Identity::from_pem(&pem).map_err(why)?);
        Ok(self)
    }

    /// Trusts these certificate authorities, as PEM, instead of the system's.
    ///
    /// # Errors
    /// If there is no certificate.
    pub fn authority(mut self, pem: &[u8]) -> Result<Self, AccessError> {
        let refused = |why: String| AccessError::Pem { what: "the certificate of the authority", why };
        let certificates = Certificate::from_pem_bundle(pem).map_err(|why| refused(words(&why)))?;
        if certificates.is_empty() {
            return Err(refused("it has no certificate".to_owned()));
        }
        self.authority = Some(certificates);
        Ok(self)
    }

    pub(super) fn client(&self) -> Result<Client, AccessError> {
        // Fails only if it was done before.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let here = |attempt: redirect::Attempt<'_>| {
            let is_here = attempt.previous().first().is_some_and(|from| {
                let to = attempt.url();
                (from.scheme(), from.host_str(), from.port()) == (to.scheme(), to.host_str(), to.port())
            });
            if is_here && attempt.previous().len() <= REDIRECTS { attempt.follow() } else { attempt.stop() }
        };
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .default_headers(self.headers.clone())
            .redirect(redirect::Policy::custom(here))
            .connect_timeout(CONNECT)
            // A retry is more load on a backend that may be why we look.
            .retry(reqwest::retry::never());
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        if let Some(certificates) = &self.authority {
            builder = builder.tls_certs_only(certificates.iter().cloned());
        }
        builder.build().map_err(|why| AccessError::Client(words(&why).into()))
    }

    /// A GET request for a path below the address.
    pub(super) fn get(&self, client: &Client, path: &str) -> RequestBuilder {
        let request = client.get(format!("{}{path}", self.shown()));
        match &self.basic {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }
}

/// Parses a header, as `NAME: VALUE`.
///
/// # Errors
/// If it is no header. The error does not contain the value, which may be a secret.
pub fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), AccessError> {
    // The value may be a secret, and without a colon the whole text.
    let shown = text.split_once(':').map_or("the given text", |(name, _)| name);
    let refused = || AccessError::Header(first_words(shown, 60));
    let (name, value) = text.split_once(':').ok_or_else(refused)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| refused())?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| refused())?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn words(error: &reqwest::Error) -> String {
    causes(error).join(": ")
}

/// An address as the user typed it, without a password or a token.
fn without_user(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    first_words(&format!("{scheme}{rest}"), 200)
}
