//! Owns the search for services behind which a Prometheus may be, by their names and labels. Whether there is one, and
//! whether it has the workload's samples, is left to queries.

use crate::source::{
    SourceError,
    kubernetes::{Kubernetes, Object, Row, Rows},
};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt};

/// Namespaces that commonly have such services, for when the cluster's services cannot be listed.
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
/// The usual port, and whether it speaks TLS.
pub const DEFAULT_PORT: (u16, bool) = (9090, false);
/// Path prefixes that a backend's API may have: none, that of Mimir and some gateways, and that of the cluster version
/// of VictoriaMetrics.
pub const PREFIXES: [&str; 3] = ["", "/prometheus", "/select/0/prometheus"];
/// Most services that are looked at.
const MOST: usize = 16;

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Namespace of this Kubernetes Service.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// Number of the port.
    pub port: u16,
    /// Whether the port speaks TLS.
    pub tls: bool,
}

impl Service {
    /// Path of the API server's proxy for this port.
    #[must_use]
    pub fn proxy_path(&self) -> String {
        format!("/api/v1/namespaces/{}/services/{}/proxy", self.namespace, self.proxy_name())
    }

    /// The service's name in the proxy's path: `NAME:PORT` or `https:NAME:PORT`. A role can be limited to it.
    #[must_use]
    pub fn proxy_name(&self) -> String {
        format!("{}{}:{}", if self.tls { "https:" } else { "" }, self.name, self.port)
    }

    /// Path prefixes that its API may have, the likeliest first.
    #[must_use]
    pub fn prefixes(&self) -> Vec<&'static str> {
        let mut prefixes = PREFIXES.to_vec();
        let likely = |prefix: &&str| match *prefix {
            "/select/0/prometheus" => !self.name.contains("vmselect"),
            "/prometheus" => !["mimir", "cortex"].iter().any(|name| self.name.contains(name)),
            _ => true,
        };
        prefixes.sort_by_key(likely);
        prefixes
    }
}

/// `NAMESPACE/NAME:PORT`, as `--prometheus` accepts it.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.proxy_name())
    }
}

/// Services behind which a Prometheus may be.
#[derive(Debug, Default)]
pub struct FoundServices {
    /// The services, the likeliest first.
    pub services: Vec<Service>,
    /// How many more were left out.
    pub more: usize,
    /// Why the cluster's services could not be listed; only some namespaces were searched then.
    pub refused: Option<SourceError>,
}

/// Searches the cluster for such services; if that is forbidden, these namespaces and the usual ones.
///
/// # Errors
/// If a list fails for another reason than a missing right.
pub async fn find_services(kubernetes: &Kubernetes, namespaces: &[String]) -> Result<FoundServices, SourceError> {
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
        let found = service_port(kubernetes, &namespace, &name).await;
        (namespace, name, found)
    });
    let mut services = Vec::new();
    for (namespace, name, found) in futures_util::future::join_all(ports).await {
        match found {
            Ok(Some((port, tls))) => services.push(Service { namespace, name, port, tls }),
            Ok(None) | Err(SourceError::Status { code: 404, .. }) => {}
            Err(stopped @ SourceError::Stopped(_)) => return Err(stopped),
            // A query to it will say what is wrong.
            Err(_) => services.push(Service { namespace, name, port: DEFAULT_PORT.0, tls: DEFAULT_PORT.1 }),
        }
    }
    Ok(FoundServices { services, more, refused })
}

/// The port of a service on which a Prometheus likely answers, and whether it speaks TLS; `None` without a TCP port.
///
/// # Errors
/// If the service cannot be read.
pub async fn service_port(
    kubernetes: &Kubernetes,
    namespace: &str,
    name: &str,
) -> Result<Option<(u16, bool)>, SourceError> {
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

/// How likely a Prometheus is behind a service: the lower, the likelier; `None` if it is not one. Services that query
/// several backends come first.
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
    // Mimir and Cortex have many services; only some of them accept queries.
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

/// Likelihood, namespace and name of each candidate.
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
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    metadata: Metadata,
}

impl Object for Named {
    fn key(&self) -> [&str; 3] {
        [&self.metadata.namespace, &self.metadata.name, ""]
    }
}

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
