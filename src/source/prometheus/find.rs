//! The services of a cluster behind which a Prometheus may be, by their names and labels. Whether one is, and
//! whether it knows of us, is for asking.

use super::super::kubernetes::{Kubernetes, Object, Row, Rows, SourceError};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt};

/// Where such services commonly are, for when they cannot be listed over the cluster.
const NAMESPACES: [&str; 9] = [
    "monitoring",
    "prometheus",
    "observability",
    "openshift-monitoring",
    "kube-prometheus-stack",
    "victoria-metrics",
    "thanos",
    "mimir",
    "metrics",
];
/// The port that most have, and that it speaks no TLS.
pub const PORT: (u16, bool) = (9090, false);
/// More are not asked.
const MOST: usize = 16;

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The port's number.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
}

impl Service {
    /// The path of the API server's proxy of it.
    #[must_use]
    pub fn proxy(&self) -> String {
        format!("/api/v1/namespaces/{}/services/{}/proxy", self.namespace, self.proxied())
    }

    /// How the proxy calls it: what a right to it is narrowed by.
    #[must_use]
    pub fn proxied(&self) -> String {
        format!("{}{}:{}", if self.tls { "https:" } else { "" }, self.name, self.port)
    }

    /// Below what its API may be, the likeliest first.
    #[must_use]
    pub fn prefixes(&self) -> Vec<&'static str> {
        let mut prefixes = super::PREFIXES.to_vec();
        let likely = |prefix: &&str| match *prefix {
            "/select/0/prometheus" => !self.name.contains("vmselect"),
            "/prometheus" => !["mimir", "cortex"].iter().any(|name| self.name.contains(name)),
            _ => true,
        };
        prefixes.sort_by_key(likely);
        prefixes
    }
}

/// As `--prometheus` takes it.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.proxied())
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Services, the likeliest first.
    pub services: Vec<Service>,
    /// How many more there are that were left out.
    pub more: usize,
    /// Why not all namespaces could be looked at.
    pub refused: Option<SourceError>,
}

/// Looks for them over the cluster, or where that is not allowed, in these namespaces and where they commonly
/// are.
///
/// # Errors
/// When the API server gives no answer but a refusal.
pub async fn find(kubernetes: &Kubernetes, namespaces: &[String]) -> Result<Found, SourceError> {
    let mut named = Names::default();
    let mut refused = None;
    match kubernetes.list("/api/v1/services", true, &mut named).await {
        Ok(_) => {}
        Err(error) if error.code() == Some(403) => {
            let elsewhere = NAMESPACES.iter().map(|name| (*name).to_owned());
            for namespace in namespaces.iter().cloned().chain(elsewhere) {
                let path = format!("/api/v1/namespaces/{namespace}/services");
                let mut here = Names::default();
                match kubernetes.list(&path, true, &mut here).await {
                    Ok(_) => named.0.append(&mut here.0),
                    Err(error) if matches!(error.code(), Some(403 | 404)) => {}
                    Err(error) => return Err(error),
                }
            }
            refused = Some(error);
        }
        Err(error) => return Err(error),
    }
    named.0.sort();
    named.0.dedup();
    let more = named.0.len().saturating_sub(MOST);
    let ports = named.0.into_iter().take(MOST).map(|(_, namespace, name)| async move {
        let found = port(kubernetes, &namespace, &name).await;
        (namespace, name, found)
    });
    let mut services = Vec::new();
    for (namespace, name, found) in futures_util::future::join_all(ports).await {
        match found {
            Ok(Some((port, tls))) => services.push(Service { namespace, name, port, tls }),
            Ok(None) | Err(SourceError::Status { code: 404, .. }) => {}
            Err(stopped @ SourceError::Stopped(_)) => return Err(stopped),
            // It is asked all the same, and says what is wrong.
            Err(_) => services.push(Service { namespace, name, port: PORT.0, tls: PORT.1 }),
        }
    }
    Ok(Found { services, more, refused })
}

/// The port of a service that a Prometheus may answer on, and whether by TLS.
///
/// # Errors
/// When the service cannot be read.
pub async fn port(kubernetes: &Kubernetes, namespace: &str, name: &str) -> Result<Option<(u16, bool)>, SourceError> {
    let path = format!("/api/v1/namespaces/{namespace}/services/{name}");
    let service: Ported = kubernetes.get_json(&path, "application/json").await?;
    let likely = |port: &Port| {
        let by_name = ["web", "http-web", "http-query", "http", "http-metrics", "prometheus"];
        let by_number = [9090, 8428, 8481, 10902, 9009, 8080, 80, 9091, 443];
        let name = by_name.iter().position(|name| port.name.as_deref() == Some(name));
        let number = by_number.iter().position(|number| port.port == *number);
        (name.unwrap_or(by_name.len()), number.unwrap_or(by_number.len()))
    };
    let chosen = service.spec.ports.into_iter().filter(|port| port.protocol != "UDP").min_by_key(likely);
    Ok(chosen.map(|port| {
        let tls = port.port == 443 || port.name.as_deref().is_some_and(|name| name.contains("https"));
        (port.port, tls)
    }))
}

/// How likely a Prometheus is behind a service of this name and these labels, the likeliest least; none where
/// it is not. What sees all of several comes first.
fn likelihood(name: &str, labels: &BTreeMap<String, String>) -> Option<u8> {
    const OTHERS: [&str; 26] = [
        "adapter",
        "admission",
        "cache",
        "memberlist",
        "minio",
        "scheduler",
        "headless",
        "alertmanager",
        "alloy",
        "blackbox",
        "bucket",
        "compact",
        "config",
        "distributor",
        "exporter",
        "gossip",
        "grafana",
        "ingester",
        "kube-state",
        "operator",
        "pushgateway",
        "receive",
        "ruler",
        "store",
        "vmagent",
        "vminsert",
    ];
    if OTHERS.iter().any(|other| name.contains(other)) {
        return None;
    }
    let label = |key: &str| labels.get(key).map_or("", String::as_str);
    let texts = [name, label("app.kubernetes.io/name"), label("app")];
    let says = |words: &[&str]| texts.iter().any(|text| words.iter().any(|word| text.contains(word)));
    // Of what is made of many services, only the ways in.
    let is_way_in = ["gateway", "nginx", "query-frontend", "querier"].iter().any(|word| name.contains(word))
        || ["mimir", "cortex"].iter().any(|word| name.ends_with(word));
    if says(&["thanos-quer", "vmselect"]) || says(&["mimir", "cortex"]) && is_way_in {
        return Some(0);
    }
    if says(&["mimir", "cortex"]) {
        return None;
    }
    if says(&["vmsingle", "victoria-metrics", "victoriametrics"]) {
        return Some(1);
    }
    if says(&["prometheus"]) || labels.contains_key("operated-prometheus") {
        return Some(2);
    }
    None
}

/// Likelihood, namespace and name of the services that may be.
#[derive(Default)]
struct Names(Vec<(u8, String, String)>);

impl Rows for Names {
    type Object = Named;

    fn row(&mut self, row: Row<Named>) {
        let Metadata { name, namespace, labels } = row.object.metadata;
        if let Some(likelihood) = likelihood(&name, &labels) {
            self.0.push((likelihood, namespace, name));
        }
    }

    fn restart(&mut self) {
        self.0.clear();
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    metadata: Metadata,
}

impl Object for Named {}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ported {
    spec: Ports,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ports {
    ports: Vec<Port>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Port {
    name: Option<String>,
    port: u16,
    protocol: String,
}
