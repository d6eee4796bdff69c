//! Scrapes by port-forward: for whom the proxy is refused, and of what listens on loopback alone.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{Made, apply, bind, incident, incidents, kubectl_json, until, wait_for_right},
    tool::collect,
};
use serde_json::{Value, json};
use std::time::Duration;

const USER: &str = "escalate-test-forwarder";

fn scrape(bundle: &Bundle) -> Value {
    bundle.tasks().find(|task| task["kind"] == "scrape").expect("a scrape").clone()
}

/// Where the metrics came from, which have to be a server's.
fn source(bundle: &Bundle) -> String {
    assert!(bundle.text(".0.prom").contains("spirl_application_info{"), "{:#}", scrape(bundle));
    text(&bundle.record(".0.prom")["source"]).to_owned()
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn who_may_not_use_the_proxy_forwards_a_port() {
    let namespace = incidents().namespace("idle");
    let mut made = Made::default();
    let grant = |made: &mut Made, more: Value| {
        let mut rules = vec![
            json!({"apiGroups": ["", "apps"], "resources": ["pods", "events", "pods/log"], "verbs": ["get", "list"]}),
        ];
        rules.push(more);
        let meta = json!({"name": USER, "namespace": namespace});
        made.add(&["role", "-n", namespace, USER]);
        let role =
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": rules});
        apply(&role.to_string());
        bind(made, namespace, USER, &json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": USER}));
    };
    let args = ["-n", namespace, "--as", USER, "--skip", "logs,previous-logs,descriptions"];
    grant(&mut made, json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}));
    wait_for_right(USER, true, &["list", "configmaps", "-n", namespace]);
    let refused = scrape(&collect(&args).bundle());
    assert_eq!(refused["outcome"], "forbidden", "{refused:#}");
    let causes = refused["causes"].to_string();
    assert!(causes.contains("pods/proxy") && causes.contains("by port-forward: "), "{refused:#}");
    assert!(text(&refused["hint"]).contains("get pods/proxy"), "{refused:#}");

    grant(&mut made, json!({"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]}));
    wait_for_right(USER, true, &["create", "pods", "--subresource=portforward", "-n", namespace]);
    let bundle = collect(&args).bundle();
    assert!(source(&bundle).starts_with("GET /metrics by port-forward to 9090 of "), "{}", source(&bundle));
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn what_listens_on_loopback_alone_is_forwarded() {
    let _ = incidents();
    let namespace = "tdd-loopback01";
    let mut made = Made::default();
    made.add(&["namespace", namespace]);
    let setting = ["--namespace", namespace, "--env", "METRICS_ADDR=127.0.0.1:9090"];
    apply(&incident(&[&["manifest", "idle"], &setting[..]].concat()).expect("the objects"));
    until("the server on loopback is ready", Duration::from_secs(60), || {
        let pods = kubectl_json(&["get", "pods", "-n", namespace]);
        let is_ready = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"] == true;
        if pods["items"].as_array().is_some_and(|pods| pods.iter().any(is_ready)) {
            Ok(())
        } else {
            Err("not ready".to_owned())
        }
    });
    let bundle = collect(&["-n", namespace, "--skip", "logs,previous-logs,descriptions"]).bundle();
    assert!(source(&bundle).contains(" by port-forward to "), "{}", source(&bundle));
}
