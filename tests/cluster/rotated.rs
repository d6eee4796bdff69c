//! Logs from the nodes' files: what was rotated away from kubectl is there, each line once.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{
        Made, apply, incident, incidents, kubeconfig, kubeconfig_of, kubectl, kubectl_with, let_view, pods, until,
    },
    logs::{assert_gap_is_told, compare, flood, lines_are_kubectls, long_lines_are_kubectls},
    tool::{collect, collect_as, program_text},
};
use chrono::Utc;
use std::{fs, path::Path, time::Duration};

/// What the kubelet lets a file grow to.
const FILE: usize = 10 << 20;

/// The numbers that the writer gave its lines.
fn numbers(log: &[u8]) -> Vec<u64> {
    let key = b"\"seq\":";
    let lines = log.split(|byte| *byte == b'\n');
    let number = |line: &[u8]| -> Option<u64> {
        let rest = &line[memchr::memmem::find(line, key)? + key.len()..];
        let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
    };
    lines.filter_map(number).collect()
}

fn assert_each_once(bundle: &Bundle) -> usize {
    assert_each_once_in(bundle.file("logs/spirl-server.log"))
}

/// Asserts that no line is missing and none comes twice; gives their number.
pub(crate) fn assert_each_once_in(log: &[u8]) -> usize {
    let numbers = numbers(log);
    for pair in numbers.windows(2) {
        assert_eq!(pair[0] + 1, pair[1], "a line is missing, or comes twice, of {}", log.len());
    }
    numbers.len()
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn every_line_of_all_files_is_there_once_and_in_order() {
    // A minute of 60 MB: the node sets a file aside every ten to twenty seconds, also while it is read.
    let namespace = incidents().namespace("log-flood");
    let flags = ["-n", namespace, "--before", "30m", "--rotated-logs"];
    let enough = || {
        let bundle = collect(&flags).bundle();
        let length = bundle.file("logs/spirl-server.log").len();
        if length > 3 * FILE { Ok(bundle) } else { Err(format!("only {length} bytes of log so far")) }
    };
    let first = until("more of the log than two files hold", Duration::from_secs(180), enough);
    for bundle in [first, collect(&flags).bundle(), collect(&flags).bundle()] {
        let lines = assert_each_once(&bundle);
        assert_gap_is_told(&bundle);
        eprintln!("log-flood: {lines} lines of {} MB", bundle.file("logs/spirl-server.log").len() / 1_000_000);
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn files_say_what_kubectl_says() {
    for incident in ["healthy", "mixed-log", "non-utf8", "planted"] {
        lines_are_kubectls(incident, &["--rotated-logs"]);
    }
    // Lines in thousands of pieces, which may lie in two files.
    long_lines_are_kubectls(&["--rotated-logs"]);
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_files_of_a_dead_container_are_its_previous_log() {
    let namespace = incidents().namespace("crash-loop");
    until("both read the same dead container", Duration::from_secs(60), || {
        let previous = || kubectl(&["logs", "-n", namespace, &pods(namespace)[0], "--previous", "--timestamps"]);
        let before = previous();
        let bundle = collect(&["-n", namespace, "--before", "24h", "--rotated-logs"]).bundle();
        if previous() != before {
            return Err("the container was restarted meanwhile".to_owned());
        }
        let record = bundle.record("logs/spirl-server.previous.log");
        assert!(text(&record["source"]).contains("/proxy/logs/pods/"), "{record:#}");
        let ours = bundle.file("logs/spirl-server.previous.log");
        let (compared, _) = compare("crash-loop", ours, &before, Utc::now());
        if compared > 0 { Ok(()) } else { Err("no lines in common".to_owned()) }
    });
}

/// Where the node has its pods' logs: it is this machine.
const PODS: &str = "/var/log/pods";

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn what_the_node_still_has_of_a_deleted_pod_is_there() {
    // The definitions of custom resources are theirs.
    incidents();
    let mut made = Made::default();
    let namespace = "escalate-test-left";
    apply(&incident(&["manifest", "healthy", "--namespace", namespace]).expect("a manifest"));
    made.add(&["namespace", namespace]);
    let (pod, before) = until("it has written its log", Duration::from_secs(120), || {
        let [pod, ..] = &pods(namespace)[..] else { return Err("no pod yet".to_owned()) };
        let log = kubectl_with(&["logs", "-n", namespace, pod, "--timestamps"], None)?;
        if log.is_empty() { Err("nothing".to_owned()) } else { Ok((pod.clone(), log)) }
    });
    let uid = kubectl(&["get", "pod", "-n", namespace, &pod, "-o", "jsonpath={.metadata.uid}"]);
    let folder =
        Path::new(PODS).join(format!("{namespace}_{pod}_{}", String::from_utf8_lossy(&uid))).join("spirl-server");
    let log = fs::read(folder.join("0.log")).expect("the file that it writes");
    // What began within the second before it was looked is new and not gone.
    std::thread::sleep(Duration::from_secs(2));
    kubectl(&["delete", "pod", "-n", namespace, &pod, "--grace-period=1"]);
    // The kubelet removes the file when it comes to it, at once or within a minute: it is there again for
    // whoever comes too late, until it removes the folder.
    until("the log of a deleted pod", Duration::from_secs(180), || {
        fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("0.log"), &log)).expect("the node's folder");
        let bundle = collect(&["-n", namespace, "--before", "30m", "--rotated-logs"]).bundle();
        let containers = bundle.manifest["containers"].as_array().expect("containers");
        let container = containers.iter().find(|container| container["pod"] == *pod);
        let is_of_it = |task: &&serde_json::Value| text(&task["id"]).contains(&pod) || task["kind"] == "orphaned-logs";
        let told = || bundle.tasks().filter(is_of_it).map(|task| format!("{task:#}")).collect::<String>();
        let log = container.and_then(|container| container["runs"][0]["log"].as_str());
        let ours = bundle.file(log.ok_or_else(told)?);
        assert!(ours.starts_with(&before), "it is kubectl's, and what came since");
        let gone = bundle.manifest["gone_pods"].as_array().into_iter().flatten();
        assert!(gone.filter(|gone| gone["pod"] == *pod).count() == 0, "there is more of it than its events");
        Ok(())
    });
    let _ = folder.parent().map(fs::remove_dir_all);
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn without_the_right_the_bundle_is_the_same_and_names_it() {
    let (user, namespace) = ("viewer", incidents().namespace("log-flood"));
    let mut made = Made::default();
    let_view(&mut made, namespace, user);
    let flags = ["-n", namespace, "--before", "30m", "--rotated-logs"];
    let bundle = flood(|| collect_as(&kubeconfig_of(user), &flags)).bundle();
    assert!(assert_each_once(&bundle) > 0);
    assert_gap_is_told(&bundle);
    let is_log = |task: &&serde_json::Value| task["kind"] == "log";
    let task = bundle.tasks().find(is_log).expect("a log");
    assert!(text(&task["hint"]).contains("get nodes/proxy"), "{task:#}");
    assert!(bundle.text("README.txt").contains("rbac --rotated-logs"), "{}", bundle.text("README.txt"));
    let kubeconfig = kubeconfig();
    let rbac = ["rbac", "--kubeconfig", &kubeconfig.to_string_lossy(), "-n", namespace];
    assert!(program_text(&[&rbac[..], &["--rotated-logs"]].concat()).contains("nodes/proxy"));
    assert!(!program_text(&rbac).contains("nodes/proxy"), "it is a powerful right");
}
