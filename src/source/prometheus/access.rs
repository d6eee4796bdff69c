//! From what the user says of a Prometheus to the means of reaching it: address, credentials, certificates.

use super::{AccessError, first_words};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::percent_decode_str;
use reqwest::{Certificate, Client, Identity, RequestBuilder, Url, redirect};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);
/// More than any proxy that knows its own address needs.
const REDIRECTS: usize = 5;

/// How a Prometheus is reached by its address. Nothing of it but the address is ever shown.
#[derive(Clone)]
pub struct Access {
    url: Url,
    basic: Option<(String, String)>,
    headers: HeaderMap,
    identity: Option<Identity>,
    authority: Option<Vec<Certificate>>,
}

impl Access {
    /// By its address alone. A user and password in it are taken as such, and a page of its user interface or
    /// a path of its API as the address that it is below.
    ///
    /// # Errors
    /// When it is no address.
    pub fn new(text: &str) -> Result<Self, AccessError> {
        let refused = |why: &str| AccessError::Address(without_user(text), why.to_owned());
        let mut url = Url::parse(text).map_err(|why| refused(&why.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
            return Err(refused("give http://HOST or https://HOST"));
        }
        if url.query().is_some() {
            return Err(refused("it has a query; give what tells tenants apart with --prometheus-header"));
        }
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        // Only at the end: before it, as in the API server's own proxy, the same words mean something else.
        let ends = ["/api/v1/query_range", "/api/v1/query", "/api/v1", "/graph", "/query", "/vmui"];
        let end = ends.iter().find_map(|end| path.strip_suffix(end)).unwrap_or(&path);
        url.set_path(end);
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pair = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
        let basic = Some(pair).filter(|(user, password)| !(user.is_empty() && password.is_empty()));
        // Neither fails of an address that has a host.
        let _ = (url.set_username(""), url.set_password(None));
        Ok(Self { url, basic, headers: HeaderMap::new(), identity: None, authority: None })
    }

    /// Its address, without a slash at its end.
    #[must_use]
    pub fn shown(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// Whether it has a user and password.
    #[must_use]
    pub fn has_user(&self) -> bool {
        self.basic.is_some()
    }

    /// With a bearer token.
    ///
    /// # Errors
    /// When it cannot stand in a header.
    pub fn bearer(mut self, token: &str) -> Result<Self, AccessError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| AccessError::Header("the bearer token".to_owned()))?;
        value.set_sensitive(true);
        self.headers.insert(header::AUTHORIZATION, value);
        Ok(self)
    }

    /// With `USER:PASSWORD`.
    ///
    /// # Errors
    /// When there is no colon.
    pub fn basic(mut self, pair: &str) -> Result<Self, AccessError> {
        let pair = pair.trim_end_matches(['\r', '\n']).split_once(':');
        let (user, password) = pair.ok_or_else(|| AccessError::Header("the user and password".to_owned()))?;
        self.basic = Some((user.to_owned(), password.to_owned()));
        Ok(self)
    }

    /// With further headers.
    #[must_use]
    pub fn headers(mut self, headers: &HeaderMap) -> Self {
        self.headers.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// With a client certificate and its key, as PEM.
    ///
    /// # Errors
    /// When they are none.
    pub fn certificate(mut self, certificate: &[u8], key: &[u8]) -> Result<Self, AccessError> {
        let pem = [certificate, b"\n", key].concat();
        let why = |why: reqwest::Error| AccessError::Pem { what: "the client certificate or its key", why: told(&why) };
        self.identity = Some(Identity::from_pem(&pem).map_err(why)?);
        Ok(self)
    }

    /// Trusting these authorities, as PEM, in place of the system's.
    ///
    /// # Errors
    /// When there is none in it.
    pub fn authority(mut self, pem: &[u8]) -> Result<Self, AccessError> {
        let refused = |why: String| AccessError::Pem { what: "the certificate of the authority", why };
        let certificates = Certificate::from_pem_bundle(pem).map_err(|why| refused(told(&why)))?;
        if certificates.is_empty() {
            return Err(refused("there is no certificate in it".to_owned()));
        }
        self.authority = Some(certificates);
        Ok(self)
    }

    pub(super) fn client(&self) -> Result<Client, AccessError> {
        // Done once: whoever is later finds it done.
        let _ = rustls::crypto::ring::default_provider().install_default();
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
            // Two tries are two loads on a server that may be why we look.
            .retry(reqwest::retry::never());
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        if let Some(certificates) = &self.authority {
            builder = builder.tls_certs_only(certificates.iter().cloned());
        }
        builder.build().map_err(|why| AccessError::Client(told(&why).into()))
    }

    /// A request for what is below the address.
    pub(super) fn get(&self, client: &Client, path: &str) -> RequestBuilder {
        let request = client.get(format!("{}{path}", self.shown()));
        match &self.basic {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }
}

/// A header as `NAME: VALUE`.
///
/// # Errors
/// When it is none.
pub fn header(text: &str) -> Result<(HeaderName, HeaderValue), AccessError> {
    // What stands behind the colon may be a secret, or all of it where there is none.
    let shown = text.split_once(':').map_or("what was given", |(name, _)| name);
    let refused = || AccessError::Header(first_words(shown, 60));
    let (name, value) = text.split_once(':').ok_or_else(refused)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| refused())?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| refused())?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn told(error: &reqwest::Error) -> String {
    super::super::kubernetes::causes(error).join(": ")
}

/// An address as typed, without what may be a password or a token.
fn without_user(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    first_words(&format!("{scheme}{rest}"), 200)
}
