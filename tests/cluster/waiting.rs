//! Following logs on the real node while what serves them is killed. These tests disturb all others, so
//! `tests/run` has them run by themselves, after those: `cargo test --test cluster -- --ignored waiting`.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{Made, apply, incident, incidents, kubeconfig, kubectl, kubectl_with, pods, until},
    rotated::assert_each_once_in,
    tool::{Run, Running, start_collecting},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

/// How long the window goes on.
const REST: &str = "60s";

/// Follows the logs of these namespaces.
fn start(namespaces: &[&str], flags: &[&str]) -> Running {
    let namespaces: Vec<&str> = namespaces.iter().flat_map(|namespace| ["-n", namespace]).collect();
    let window = ["--incident-time", "-1s", "--before", "90s", "--after", REST, "--wait"];
    start_collecting(&[&namespaces, &window[..], flags].concat())
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

/// A server that writes so many MB a minute, and at its start nearly as many as a node lets a file grow to.
fn flood(made: &mut Made, rate: &str) -> String {
    let namespace = format!("escalate-test-flood-{rate}");
    let env = [format!("LOG_FLOOD_MB_PER_MINUTE={rate}"), "LOG_BURST_MB=9.5".to_owned()];
    let [rate, burst] = env.each_ref().map(String::as_str);
    let manifest = ["manifest", "log-flood", "--namespace", &namespace, "--env", rate, "--env", burst];
    apply(&incident(&manifest).expect("a manifest"));
    made.add(&["namespace", &namespace]);
    namespace
}

/// The length of what kubectl prints of a pod's log, which may not have begun.
fn kubectl_bytes(namespace: &str, pod: &str) -> usize {
    kubectl_with(&["logs", "-n", namespace, pod], None).map_or(0, |log| log.len())
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
    incidents();
    let mut made = Made::default();
    let slow = ["5", "20"].map(|rate| flood(&mut made, rate));
    let floods = [incidents().namespace("log-flood"), &slow[0], &slow[1]];
    for namespace in &slow {
        until("its first file is nearly full", Duration::from_secs(60), || {
            let log = pods(namespace).iter().map(|pod| kubectl_bytes(namespace, pod)).sum::<usize>();
            if log > 9_000_000 { Ok(()) } else { Err(format!("{log} bytes of log")) }
        });
    }
    // Two run at a time, and the floods are what has the most to lose.
    let flood = start(&floods, &["--rotated-logs"]);
    let healthy = start(&[incidents().namespace("healthy")], &[]);
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
    for (namespace, least) in floods.iter().zip([60, 10, 20]) {
        let is_here = |container: &&Value| container["namespace"] == *namespace;
        let mut containers = flood.manifest["containers"].as_array().expect("containers").iter();
        let container = containers.find(is_here).expect("its container");
        let log = log_of(&flood, text(&container["pod"]));
        let (lines, size) = (assert_each_once_in(log), log.len() / 1_000_000);
        eprintln!("{namespace}: {lines} lines of {size} MB");
        // From the first line that was had until the window's end.
        let mut gaps = container["gaps"].as_array().expect("gaps").iter();
        assert!(
            gaps.all(|gap| gap["from"] == flood.manifest["window_start"] || gap["missing"] == false),
            "{container:#}"
        );
        assert!(size > least, "more than the node's newest file");
    }
    assert!(had.iter().all(|bundle| !bundle.is_empty()));
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn every_run_of_a_crash_loop_is_had_while_it_is_followed() {
    let running = start(&[incidents().namespace("crash-loop")], &[]);
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

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_deadline_is_kept_to_within_a_second() {
    incidents();
    // All there is, which takes longer than that.
    for seconds in [2, 3, 4] {
        let limit = Duration::from_secs(seconds);
        // The cluster has the same processors: what it takes of them now and then is not the program's time,
        // so the shortest of a few runs counts.
        let within = (0..4).any(|_| {
            let running =
                start_collecting(&["-A", "--rotated-logs", "--before", "1h", "--deadline", &format!("{seconds}s")]);
            let began = Instant::now();
            let Running { child, folder, .. } = running;
            let run = Run::of(child.wait_with_output().expect("the program ends"), folder);
            let took = began.elapsed();
            eprintln!("--deadline {seconds}s: {:.2} s", took.as_secs_f64());
            assert_eq!(run.bundle().manifest["ended"], "deadline", "{}", run.stderr);
            // What is written last, facts and reports of forty servers, takes this build a second more than one that is
            // optimised.
            took < limit + Duration::from_secs(2)
        });
        assert!(within, "--deadline {seconds}s was never kept to within a second");
    }
}
