//! Owns the client of a Prometheus, or of a backend that answers like one (Thanos, Mimir, VictoriaMetrics): at its
//! address, or through the API server's proxy of its service. Answers are read series by series.
//!
//! Only GET is ever sent, and nothing is retried, because an overloaded backend may be part of the incident.

mod access;
mod answer;
mod client;
mod error;
mod find;

pub use access::{Access, parse_header};
pub use answer::{Answer, FromRow, Notes, Series};
pub use client::Prometheus;
pub use error::{AccessError, PrometheusError};
pub use find::{DEFAULT_PORT, FoundServices, PREFIXES, Service, find_services, service_port};
