//! Owns addresses: a cluster's server and a proxy, with what they say about scheme, port, path, user and password. A
//! password is never part of what is shown.

use super::Fault;
use percent_encoding::percent_decode_str;
use reqwest::Url;

/// Where an API server is.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Scheme, host, port and path prefix; no user.
    pub url: http::Uri,
    /// User and password that the address names.
    pub basic: Option<(String, String)>,
    /// The address as the kubeconfig has it, for credential plugins. It may contain a password.
    pub written: String,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS 5. The proxy resolves names, with `socks5` as with `socks5h`: so does Go.
    Socks,
}

/// Where a proxy is, and who may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// What it speaks.
    pub kind: ProxyKind,
    /// Its host: a name, or an IP address without brackets.
    pub host: String,
    /// That of the address, or the usual one of its kind.
    pub port: u16,
    /// User and password for it.
    pub basic: Option<(String, String)>,
}

impl Server {
    /// Reads `server` of a cluster. Without a scheme it is HTTP, without a port that of the scheme, as for kubectl.
    ///
    /// # Errors
    /// If it is no address.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let wrong = |why: &str| format!("its server {} is no address: {why}", without_user(text));
        let has_scheme = text.contains("://");
        let url = if has_scheme { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let mut url = url.map_err(|why| wrong(&why.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(wrong("its scheme is neither http nor https"));
        }
        if !has_scheme && url.path() != "/" {
            return Err(wrong("a path needs a scheme before the host, as in https://"));
        }
        let basic = basic(&url);
        // These fail only for a URL without a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        let url = url.as_str().parse().map_err(|why: http::uri::InvalidUri| wrong(&why.to_string()))?;
        Ok(Self { url, basic, written: text.to_owned() })
    }

    /// Whether it is reached over TLS. kubectl sends no credentials otherwise.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.url.scheme_str() == Some("https")
    }

    /// Its host: a name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.url.host().unwrap_or_default();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// That of the address, or the usual one of its scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_u16().unwrap_or(if self.is_tls() { 443 } else { 80 })
    }
}

impl Proxy {
    /// Reads a proxy's address. Without a scheme it speaks HTTP.
    ///
    /// # Errors
    /// If it is no address of a proxy. The error does not contain the password.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let wrong = |why: &str| format!("the proxy {} cannot be used: {why}", without_user(text));
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let url = url.map_err(|why| wrong(&why.to_string()))?;
        let (kind, port) = match url.scheme() {
            "http" => (ProxyKind::Http, 80),
            "https" => (ProxyKind::Https, 443),
            "socks5" | "socks5h" => (ProxyKind::Socks, 1080),
            _ => return Err(wrong("its scheme is none of http, https, socks5 and socks5h")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it has no host"))?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
        Ok(Self { kind, host, port: url.port().unwrap_or(port), basic: basic(&url) })
    }

    /// Its address with user and password, as a credential plugin is told it.
    #[must_use]
    pub fn with_user(&self) -> String {
        let Some((user, password)) = &self.basic else { return self.shown() };
        let encoded = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
        self.shown().replacen("://", &format!("://{}:{}@", encoded(user), encoded(password)), 1)
    }

    /// Its address, without user and password.
    #[must_use]
    pub fn shown(&self) -> String {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Https => "https",
            ProxyKind::Socks => "socks5",
        };
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("{scheme}://[{host}]:{port}") } else { format!("{scheme}://{host}:{port}") }
    }
}

fn basic(url: &Url) -> Option<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let has_user = !url.username().is_empty() || url.password().is_some();
    has_user.then(|| (decoded(url.username()), decoded(url.password().unwrap_or_default())))
}

/// An address that may be no URL, without user and password.
fn without_user(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() { format!("\"{host}\"") } else { format!("\"{scheme}://{host}\"") }
}
