//! Following logs on the real node while what serves them is killed. These tests disturb all others, so
//! `tests/run` has them run by themselves, after those: `cargo test --test cluster -- --ignored waiting`.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{incidents, kubeconfig, kubectl, pods, until},
    rotated::{assert_each_once, numbers},
    tool::{Run, Running, start_collecting},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Duration,
};

/// How long the window goes on.
const REST: &str = "60s";

fn start(incident: &str, flags: &[&str]) -> Running {
    let namespace = incidents().namespace(incident);
    let window = ["-n", namespace, "--incident-time", "-1s", "--before", "90s", "--after", REST, "--wait"];
    start_collecting(&[&window[..], flags].concat())
}

/// Waits until the first bundle is there, and the logs are followed.
fn followed(running: &Running) -> PathBuf {
    until("the first bundle is there", Duration::from_secs(60), || {
        let entries = running.folder.path().read_dir().expect("the folder");
        let mut paths = entries.map(|entry| entry.expect("an entry").path());
        paths.find(|path| path.extension().is_some_and(|it| it == "zip")).ok_or("none yet".to_owned())
    })
}

fn end(running: Running) -> Bundle {
    let Running { child, folder, .. } = running;
    let run = Run::of(child.wait_with_output().expect("the program ends"), folder);
    eprintln!("{}", run.stderr.lines().filter(|line| line.contains("lack")).collect::<Vec<_>>().join("\n"));
    run.bundle()
}

/// Kills a part of the cluster and starts it again.
fn kill(part: &str) {
    let pid = fs::read_to_string(kubeconfig().with_file_name(format!("{part}.pid"))).expect("a process id");
    let pid = pid.split_whitespace().next().expect("a process id").to_owned();
    assert!(Command::new("kill").args(["-9", &pid]).status().expect("kill").success());
    sleep(Duration::from_secs(3));
    let up = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/up");
    let done = Command::new(up).output().expect("the script");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The log of a pod's only container.
fn log_of<'a>(bundle: &'a Bundle, pod: &str) -> &'a [u8] {
    let mut containers = bundle.manifest["containers"].as_array().expect("containers").iter();
    let container = containers.find(|container| container["pod"] == pod).expect("the pod's container");
    let runs = container["runs"].as_array().expect("runs");
    bundle.file(text(&runs.last().expect("a run")["log"]))
}

/// Asserts that a log's lines are those of kubectl's from its first to its last.
fn assert_is_part_of(ours: &[u8], kubectls: &[u8]) -> usize {
    let lines = |log: &[u8]| log.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (ours, kubectls) = (lines(ours), lines(kubectls));
    let from = kubectls.iter().position(|line| *line == ours[0]).expect("our first line");
    assert_eq!(ours, kubectls[from..from + ours.len()]);
    ours.len()
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn nothing_is_lost_while_the_api_server_and_the_kubelet_are_killed_and_pods_come_and_go() {
    // Two run at a time, and the flood is the one that has the most to lose.
    let flood = start("log-flood", &["--rotated-logs"]);
    let healthy = start("healthy", &[]);
    let first = [&flood, &healthy].map(followed);
    let had = first.map(|path| fs::read(path).expect("a bundle"));
    let namespace = incidents().namespace("healthy");
    let mut before = pods(namespace);
    // While its stream is open, and all that gives it a successor is there: a log goes with its pod.
    let gone = before.remove(0);
    kubectl(&["delete", "pod", "-n", namespace, &gone, "--wait=false"]);
    until("another pod is in its place", Duration::from_secs(20), || {
        let now = pods(namespace);
        if now.len() > before.len() && !now.contains(&gone) { Ok(()) } else { Err(format!("{now:?}")) }
    });
    sleep(Duration::from_secs(5));
    kill("apiserver");
    sleep(Duration::from_secs(5));
    kill("kubelet");

    let healthy = end(healthy);
    let containers = healthy.manifest["containers"].as_array().expect("containers");
    assert_eq!(containers.len(), before.len() + 2, "the pod that was deleted, and the one in its place");
    for pod in &before {
        let kubectls = kubectl(&["logs", "-n", namespace, pod, "--timestamps"]);
        let lines = assert_is_part_of(log_of(&healthy, pod), &kubectls);
        eprintln!("healthy: {lines} lines of a pod that stayed");
    }
    assert!(!log_of(&healthy, &gone).is_empty());
    assert!(containers.iter().all(|container| container["complete"] == true), "{containers:#?}");

    let flood = end(flood);
    let lines = assert_each_once(&flood);
    eprintln!("log-flood: {lines} lines of {} MB", flood.file("logs/spirl-server.log").len() / 1_000_000);
    // From the first line that was had until the window's end.
    let gaps: Vec<_> = flood.manifest["containers"][0]["gaps"].as_array().expect("gaps").iter().collect();
    assert!(
        gaps.iter().all(|gap| gap["from"] == flood.manifest["window_start"] || gap["missing"] == false),
        "{gaps:#?}"
    );
    assert!(had.iter().all(|bundle| !bundle.is_empty()));
    assert!(numbers(flood.file("logs/spirl-server.log")).len() > 60_000, "more than the node's newest file");
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn every_run_of_a_crash_loop_is_had_while_it_is_followed() {
    let running = start("crash-loop", &[]);
    followed(&running);
    let bundle = end(running);
    let container = &bundle.manifest["containers"][0];
    let runs = container["runs"].as_array().expect("runs");
    let logs: Vec<&str> = runs.iter().filter_map(|run| run["log"].as_str()).collect();
    assert!(logs.len() >= 2, "{container:#}");
    for log in &logs {
        assert!(text(&bundle.record(log)["task"]).contains("/log/"), "{log}");
        assert!(!bundle.file(log).is_empty());
    }
    eprintln!("crash-loop: the logs of {} runs", logs.len());
}
