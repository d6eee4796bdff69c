//! Owns the flags that say which Prometheus is queried, and for what.

use super::failure::Failure;
use crate::{
    collect::Named,
    pipeline::PrometheusAccess,
    plan::PrometheusChoice,
    profile::{Profile, is_dns_label, is_subdomain},
    source::prometheus::{self, Access},
};
use clap::Args;
use http::HeaderMap;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Metrics")]
// Clap names a group after its type, and there is another of the same name.
#[group(id = "metrics")]
pub(super) struct Flags {
    /// Query this Prometheus (or Thanos, Mimir, VictoriaMetrics): a URL, a service, `auto` to find one in the cluster, or `none`
    #[arg(
        long,
        value_name = "URL|NAMESPACE/SERVICE[:PORT]|auto|none",
        default_value = "auto",
        overrides_with = "prometheus"
    )]
    pub(super) prometheus: String,
    /// Send Prometheus the bearer token in this file
    #[arg(long, value_name = "FILE", conflicts_with = "prometheus_basic")]
    prometheus_bearer: Option<PathBuf>,
    /// Send Prometheus the USER:PASSWORD in this file
    #[arg(long, value_name = "FILE")]
    prometheus_basic: Option<PathBuf>,
    /// Present this client certificate to Prometheus (PEM)
    #[arg(long, value_name = "FILE", requires = "prometheus_key")]
    prometheus_cert: Option<PathBuf>,
    /// Use this private key for the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "prometheus_cert")]
    prometheus_key: Option<PathBuf>,
    /// Trust these CA certificates for Prometheus (PEM), instead of the system's
    #[arg(long, value_name = "FILE")]
    prometheus_ca: Option<PathBuf>,
    /// Send Prometheus this header, such as a tenant ID; @FILE has one header per line; repeatable
    #[arg(long, value_name = "NAME: VALUE|@FILE")]
    prometheus_header: Vec<String>,
    /// If no Prometheus answers, scrape the servers twice, this far apart; 0s scrapes them once
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = super::parse::duration, overrides_with = "scrape_gap")]
    pub(super) scrape_gap: Duration,
    /// Also run this PromQL query over the window; repeatable
    #[arg(long, value_name = "NAME=PROMQL")]
    query: Vec<String>,
}

impl Flags {
    /// Which Prometheus to query; of an address, only what may be shown.
    pub(super) fn ask(&self) -> Result<PrometheusChoice, Failure> {
        Ok(match self.prometheus.as_str() {
            "auto" => PrometheusChoice::Find,
            "none" => PrometheusChoice::Nobody,
            url if url.contains("://") => PrometheusChoice::At(Access::new(url).map_err(Failure::usage)?.shown()),
            service => {
                self.named(service)?;
                PrometheusChoice::At(service.to_owned())
            }
        })
    }

    /// How it is reached, with credentials that are read now.
    pub(super) fn access(&self) -> Result<PrometheusAccess, Failure> {
        let headers = self.headers()?;
        if !self.prometheus.contains("://") {
            let refused = headers.keys().find(|name| !is_passed_on(name, self.prometheus != "auto"));
            let refused = refused.map(|name| format!("the header {name}"));
            let given = self.files().next().map(str::to_owned);
            if let Some(given) = given.or(refused) {
                return Err(Failure::usage(format!(
                    "{given} needs --prometheus URL: the API server does not pass credentials on to a service, and a \
                     service that is found by its name is not trusted with any"
                )));
            }
            return Ok(PrometheusAccess::Service(self.service()?, headers));
        }
        let mut access = Access::new(&self.prometheus).map_err(Failure::usage)?.headers(&headers);
        if access.has_user() && (self.prometheus_bearer.is_some() || self.prometheus_basic.is_some()) {
            return Err(Failure::usage(
                "--prometheus has a user in its URL, and --prometheus-bearer or --prometheus-basic gives another; give one of them",
            ));
        }
        if let Some(path) = &self.prometheus_bearer {
            access = access.bearer(&text("--prometheus-bearer", path)?).map_err(Failure::usage)?;
        }
        if let Some(path) = &self.prometheus_basic {
            access = access.basic(&text("--prometheus-basic", path)?).map_err(Failure::usage)?;
        }
        if let (Some(certificate), Some(key)) = (&self.prometheus_cert, &self.prometheus_key) {
            let (certificate, key) = (text("--prometheus-cert", certificate)?, text("--prometheus-key", key)?);
            access = access.certificate(certificate.as_bytes(), key.as_bytes()).map_err(Failure::usage)?;
        }
        if let Some(path) = &self.prometheus_ca {
            access = access.authority(text("--prometheus-ca", path)?.as_bytes()).map_err(Failure::usage)?;
        }
        Ok(PrometheusAccess::Address(Box::new(access)))
    }

    /// The flags that were given and name a file with credentials.
    fn files(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("--prometheus-bearer", &self.prometheus_bearer),
            ("--prometheus-basic", &self.prometheus_basic),
            ("--prometheus-cert", &self.prometheus_cert),
            ("--prometheus-key", &self.prometheus_key),
            ("--prometheus-ca", &self.prometheus_ca),
        ];
        given.into_iter().filter(|(_, file)| file.is_some()).map(|(flag, _)| flag)
    }

    /// The service, if one is named.
    pub(super) fn service(&self) -> Result<Option<Named>, Failure> {
        match self.prometheus.as_str() {
            "auto" | "none" => Ok(None),
            text if text.contains("://") => Ok(None),
            text => self.named(text).map(Some),
        }
    }

    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        for given in &self.prometheus_header {
            let lines = match given.strip_prefix('@') {
                Some(path) => text("--prometheus-header", Path::new(path))?,
                None => given.clone(),
            };
            for line in lines.lines().filter(|line| !line.trim().is_empty()) {
                let (name, value) = prometheus::parse_header(line).map_err(Failure::usage)?;
                headers.append(name, value);
            }
        }
        Ok(headers)
    }

    /// `NAMESPACE/SERVICE`, `NAMESPACE/SERVICE:PORT`, `NAMESPACE/https:SERVICE:PORT`.
    fn named(&self, text: &str) -> Result<Named, Failure> {
        let refused = || {
            Failure::usage(format!(
                "--prometheus {}: give http://HOST or https://HOST, NAMESPACE/SERVICE, NAMESPACE/SERVICE:PORT, \
                 auto or none",
                // The text before an @ may be a password.
                text.rsplit('@').next().unwrap_or_default()
            ))
        };
        let (namespace, service) = text.split_once('/').ok_or_else(refused)?;
        let (tls, service) = match service.strip_prefix("https:") {
            Some(service) => (true, service),
            None => (false, service.strip_prefix("http:").unwrap_or(service)),
        };
        let (name, port) = match service.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(refused)?)),
            None => (service, None),
        };
        if !is_dns_label(namespace) || !is_subdomain(name) || tls && port.is_none() {
            return Err(refused());
        }
        let port = port.map(|port: u16| (port, tls || port == 443));
        Ok(Named { namespace: namespace.to_owned(), name: name.to_owned(), port })
    }

    /// The user's own queries.
    pub(super) fn queries(&self, profile: &Profile) -> Result<Vec<(String, String)>, Failure> {
        let mut names: BTreeSet<&str> = profile.queries.iter().map(|rule| rule.id.as_str()).collect();
        let mut queries = Vec::new();
        for given in &self.query {
            let (name, expr) = given.split_once('=').unwrap_or((given, ""));
            let (name, expr) = (name.trim(), expr.trim());
            if !is_dns_label(name) || expr.is_empty() {
                return Err(Failure::usage(format!(
                    "--query {given}: give NAME=PROMQL, the name of lower-case letters, digits and `-`"
                )));
            }
            if !names.insert(name) {
                return Err(Failure::usage(format!(
                    "--query {name}: the profile or another --query has this name already; choose another"
                )));
            }
            queries.push((name.to_owned(), expr.to_owned()));
        }
        if !queries.is_empty() && self.prometheus == "none" {
            return Err(Failure::usage(
                "--query needs a Prometheus, and --prometheus none queries none; leave out one of them",
            ));
        }
        Ok(queries)
    }
}

/// Whether a header may be sent to a service: the API server's proxy passes it on, and, if the service was only found
/// by its name, it cannot be a secret.
fn is_passed_on(name: &http::HeaderName, is_named: bool) -> bool {
    let name = name.as_str();
    let of_tenants = ["x-scope-orgid", "thanos-tenant", "accountid", "projectid"].contains(&name);
    let of_the_way = ["authorization", "cookie", "host", "accept", "connection", "upgrade"].contains(&name)
        || name.starts_with("impersonate-")
        || name.starts_with("proxy-");
    of_tenants || is_named && !of_the_way
}

fn text(flag: &str, path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|why| Failure::usage(format!("{flag}: cannot read {}: {why}", path.display())))
}
