//! Owns how the Prometheus is reached, as the user's flags say.

use crate::source::prometheus::Prometheus;
use http::HeaderMap;

/// How the Prometheus to ask is reached.
#[derive(Clone)]
pub enum PrometheusRoute {
    /// Through the API server, with these headers: behind a service that is named, or one that is found.
    Service(Option<Named>, HeaderMap),
    /// Over its own address, `--prometheus URL`.
    Address(Box<Prometheus>),
}

/// A service as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub name: String,
    /// Its port, and whether it uses TLS; none takes the port that the Service states.
    pub port: Option<(u16, bool)>,
}
