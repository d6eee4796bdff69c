//! Owns the Prometheus that scrapes the incidents: real, beside the cluster, and found in it by a service. It is
//! there once, for as long as any test holds it.

use crate::{
    kubernetes::{Made, incidents, kubeconfig, kubectl_json, kubectl_with, until},
    prometheus::{Prometheus, Server, free},
};
use serde_json::{Value, json};
use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tempfile::TempDir;

/// The service's name.
pub(crate) const SERVICE: &str = "prometheus-k8s";
/// How often a pod is scraped, in seconds.
const EVERY: u64 = 3;

/// A Prometheus, and a VictoriaMetrics beside it that scrapes the same.
pub(crate) struct Scraping {
    pub(crate) prometheus: Prometheus,
    pub(crate) victoria: Server,
    /// The namespace of the service. Each has its own: the last one's may still be on its way out.
    pub(crate) namespace: String,
    /// What both scrape, as a file that they read again when it changes.
    targets: PathBuf,
    _made: Made,
    _folder: TempDir,
}

/// The one that scrapes all incidents; it has a minute of each.
pub(crate) fn scraping() -> Arc<Scraping> {
    static HELD: Mutex<Weak<Scraping>> = Mutex::new(Weak::new());
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.upgrade().unwrap_or_else(|| {
        let scraping = Arc::new(Scraping::start());
        *held = Arc::downgrade(&scraping);
        scraping
    })
}

impl Scraping {
    fn start() -> Self {
        incidents();
        let node = kubectl_json(&["get", "nodes"]);
        let addresses = node["items"][0]["status"]["addresses"].as_array().expect("addresses").iter();
        let ip = addresses.filter(|it| it["type"] == "InternalIP").find_map(|it| it["address"].as_str());
        let ip = ip.expect("the node's address");
        let folder = tempfile::tempdir().expect("a folder");
        let targets = targets();
        let count = targets.as_array().map_or(0, Vec::len);
        let file = folder.path().join("targets.json");
        fs::write(&file, targets.to_string()).expect("targets");
        let (certificate, key) = client(&folder);
        let job =
            format!("scrape_configs:\n  - job_name: spirl\n    file_sd_configs: [{{files: [{}]}}]\n", file.display());
        let global = format!("global:\n  scrape_interval: {EVERY}s\n");
        // A Thanos tells those that it asks apart by them.
        let labels = "  external_labels: {prometheus: monitoring/k8s, prometheus_replica: k8s-0}\n";
        // What the kubelet has of each container; cAdvisor names none on a node such as this.
        let kubelet = format!(
            "  - job_name: kubelet\n    scheme: https\n    metrics_path: /metrics/resource\n    \
             tls_config: {{cert_file: {certificate}, key_file: {key}, insecure_skip_verify: true}}\n    \
             static_configs: [{{targets: ['{ip}:10250']}}]\n"
        );
        let rules = folder.path().join("rules.yml");
        fs::write(&rules, RULES).expect("rules");
        let config = format!("{global}{labels}{job}{kubelet}rule_files: [{}]\n", rules.display());
        let address = free(ip);
        let prometheus = Prometheus::of(&address, &config, tempfile::tempdir().expect("a folder"));
        let scrape = folder.path().join("scrape.yml");
        fs::write(&scrape, format!("{global}{job}")).expect("what to scrape");
        let listen = free("127.0.0.1");
        let mut command = Command::new("victoria-metrics");
        command.arg(format!("-promscrape.config={}", scrape.display())).arg("-retentionPeriod=1d");
        command.arg(format!("-storageDataPath={}", folder.path().join("victoria").display()));
        // Its default leaves out what is younger than half a minute.
        command.arg(format!("-httpListenAddr={listen}")).arg("-search.latencyOffset=1s");
        let victoria = Server::start(&mut command, &listen, "/health");
        let namespace = format!("monitoring-{}", address.replace(['.', ':'], "-"));
        let made = service(&namespace, &address);
        let scraped = |name: &str, server: &Server| {
            let query = format!("count(count_over_time(spirl_application_info[2m]) >= {})", 60 / EVERY / 2);
            // Those that cannot start have no address, and some are never up for long.
            let wanted = count * 2 / 3;
            until(&format!("{name} has scraped {wanted} pods"), Duration::from_secs(120), || {
                let answer = server.ask("/api/v1/query", &[("query", &query)])?;
                let text = answer["result"][0]["value"][1].as_str().unwrap_or("0");
                if text.parse().is_ok_and(|got: usize| got >= wanted) {
                    Ok(())
                } else {
                    Err(format!("{text} of {count}"))
                }
            });
        };
        scraped("Prometheus", &prometheus.server);
        scraped("VictoriaMetrics", &victoria);
        Self { prometheus, victoria, namespace, targets: file, _made: made, _folder: folder }
    }

    /// Has pods scraped that are new.
    pub(crate) fn rescan(&self) {
        let next = self.targets.with_extension("next");
        fs::write(&next, targets().to_string()).expect("targets");
        fs::rename(&next, &self.targets).expect("targets");
    }
}

/// One rule of ours and one of others.
const RULES: &str = "groups:
  - name: spirl
    interval: 3s
    rules:
      - alert: MintErrors
        expr: sum by (namespace) (rate(spirl_server_mint_svid_total{status_code!=\"ok\"}[1m])) > 0
  - name: others
    rules:
      - {alert: Nobody, expr: vector(1) > 2}
";

/// Every server's pod that has an address, with the labels that a scrape commonly gives.
fn targets() -> Value {
    let pods = kubectl_json(&["get", "pods", "-A", "-l", "app.kubernetes.io/name=spirl-server"]);
    let target = |pod: &Value| {
        let ip = pod["status"]["podIP"].as_str()?;
        let labels = json!({ "namespace": pod["metadata"]["namespace"], "pod": pod["metadata"]["name"] });
        Some(json!({ "targets": [format!("{ip}:9090")], "labels": labels }))
    };
    pods["items"].as_array().expect("pods").iter().filter_map(target).collect()
}

/// The client certificate and key of the cluster's administrator, as files.
fn client(folder: &TempDir) -> (String, String) {
    let config: Value = serde_yaml::from_slice(&fs::read(kubeconfig()).expect("a kubeconfig")).expect("YAML");
    let user = &config["users"][0]["user"];
    let file = |name: &str| {
        let data = user[format!("{name}-data")].as_str();
        let path = folder.path().join(name).display().to_string();
        match data {
            // The decoder that is everywhere.
            Some(data) => {
                let done = Command::new("sh").args(["-c", &format!("echo {data} | base64 -d > {path}")]).status();
                assert!(done.is_ok_and(|status| status.success()), "base64 must be there");
                path
            }
            None => user[name].as_str().expect("a file").to_owned(),
        }
    };
    (file("client-certificate"), file("client-key"))
}

/// The service behind which it is found. The API server's proxy only goes to addresses of pods, so one that does
/// nothing lends its own, which is the node's.
fn service(namespace: &str, address: &str) -> Made {
    let name = SERVICE;
    let port: u16 = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let mut made = Made::default();
    made.add(&["namespace", namespace]);
    let meta = |name: &str| json!({ "name": name, "namespace": namespace, "labels": { "app": name } });
    let container = json!({ "name": "address", "image": "localhost/pause:1", "imagePullPolicy": "Never" });
    for object in [
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }),
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": meta(name), "spec": {
            "hostNetwork": true, "automountServiceAccountToken": false, "containers": [container],
            "terminationGracePeriodSeconds": 0,
        } }),
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": meta(name), "spec": {
            "selector": { "app": name }, "ports": [{ "name": "web", "port": 9090, "targetPort": port }],
        } }),
    ] {
        // A pod takes the account that a new namespace gets a moment later.
        until("the namespace takes objects", Duration::from_secs(60), || {
            kubectl_with(&["apply", "--server-side", "--force-conflicts", "-f", "-"], Some(&object.to_string()))
        });
    }
    made
}
