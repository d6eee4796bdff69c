//! Logins that fail: what is said, and that nothing hangs or tells a password.

use super::case::{Case, FAR};
use serde_json::json;
use std::{
    process::{Output, Stdio},
    time::{Duration, Instant},
};

fn plugin(script: &str) -> Case {
    let case = Case::new();
    case.file("plugin", format!("#!/bin/sh\n{script}\n"));
    case.user(json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "./plugin",
        "installHint": "brew install\nplugin",
    } }))
}

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// Whether the process that the plugin started still runs.
fn is_left(case: &Case) -> bool {
    let id = std::fs::read_to_string(case.path("id")).expect("a process id");
    let state = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z")
}

const HANGS: &str = "sleep 1000 & echo $! >id; wait";

#[test]
fn a_plugin_that_hangs_is_ended_by_the_deadline_with_what_it_has_started() {
    let case = plugin(HANGS);
    let began = Instant::now();
    let done = case.collect(&["--deadline", "2s"]);
    let took = began.elapsed();
    assert_eq!(done.status.code(), Some(4), "{}", said(&done));
    assert!(
        said(&done).contains("/plugin` was ended before it answered: the run's deadline passed"),
        "{}",
        said(&done)
    );
    assert!((2.0..3.5).contains(&took.as_secs_f64()), "{took:?}");
    #[cfg(target_os = "linux")]
    assert!(!is_left(&case));
}

#[test]
fn a_plugin_that_hangs_is_ended_by_ctrl_c() {
    let case = plugin(HANGS);
    let mut command = case.collecting(&[]);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program");
    let began = Instant::now();
    while !case.path("id").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "the plugin was not run");
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it takes signals");
    let began = Instant::now();
    let done = child.wait_with_output().expect("its end");
    assert_eq!(done.status.code(), Some(130), "{}", said(&done));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    #[cfg(target_os = "linux")]
    assert!(!is_left(&case));
}

#[test]
fn the_words_of_a_plugin_that_fails_are_shown_and_bounded() {
    let done =
        plugin("yes noise | head -c 5000000 >&2; printf '\\nlog in \\033[31mfirst\\n\\n' >&2; exit 3").collect(&[]);
    let said = said(&done);
    assert_eq!(done.status.code(), Some(4));
    assert!(said.contains("/plugin` ended with exit code 3: noise / "), "{said}");
    assert!(said.contains(" / log in [31mfirst; run it by hand"), "{said}");
    assert!(said.len() < 2000, "{said}");
    let done = plugin("exit 3").collect(&[]);
    assert!(self::said(&done).contains("ended with exit code 3 and printed no error"), "{}", self::said(&done));
}

#[test]
fn a_plugin_that_prints_too_much_is_not_read_to_its_end() {
    let done = plugin("yes").collect(&[]);
    assert_eq!(done.status.code(), Some(4));
    assert!(said(&done).contains("ended with") || said(&done).contains("printed more than"), "{}", said(&done));
}

#[test]
fn a_plugin_that_is_missing_is_named_with_its_hint() {
    let case = plugin("true");
    std::fs::remove_file(case.path("plugin")).expect("the plugin");
    let said = said(&case.collect(&[]));
    assert!(said.contains("is not installed, or not in PATH; install it"), "{said}");
    assert!(said.contains("; the kubeconfig says: brew install plugin\n"), "{said}");
}

#[test]
fn what_a_plugin_prints_is_never_shown() {
    let done = plugin("echo '{\"status\": {\"token\": \"zq81LxT7PvRw\"'").collect(&[]);
    assert!(said(&done).contains("printed no ExecCredential"), "{}", said(&done));
    assert!(!said(&done).contains("zq81LxT7PvRw"), "{}", said(&done));
}

#[test]
fn no_password_of_an_address_is_ever_shown() {
    let secret = "zq81LxT7PvRw";
    let address = |scheme: &str, rest: &str| format!("{scheme}://jane:{secret}@{rest}");
    let cases = [
        Case::new().cluster("server", address("https", "127.0.0.1:1")),
        Case::new().cluster("server", address("https", "127.0.0.1:x")),
        Case::new().cluster("server", address("ftp", "127.0.0.1:1")),
        Case::new().cluster("server", format!("jane:{secret}@127.0.0.1:1")),
        Case::new().cluster("proxy-url", address("http", "127.0.0.1:1")),
        Case::new().cluster("proxy-url", address("socks5", "127.0.0.1:1")),
        Case::new().cluster("proxy-url", address("ftp", "127.0.0.1:1")),
        Case::new().cluster("proxy-url", address("http", "127.0.0.1:x")),
        Case::new().cluster("server", format!("https://{FAR}")).env("HTTPS_PROXY", address("http", "127.0.0.1:1")),
        Case::new().cluster("server", format!("https://{FAR}")).env("HTTPS_PROXY", address("ftp", "127.0.0.1:1")),
    ];
    for case in cases {
        let done = case.collect(&[]);
        let all = [&done.stdout[..], &done.stderr].concat();
        let all = String::from_utf8_lossy(&all);
        assert!(!done.status.success() && !all.contains(secret), "{} {:?}: {all}", case.cluster, case.environment);
    }
}

#[test]
fn an_entry_that_is_wrong_costs_only_itself() {
    let case = Case::new();
    let mut config = case.config();
    let users = config["users"].as_array_mut().expect("a list");
    users.push(json!({ "name": "odd", "user": { "token": 12345 } }));
    users.push(json!({ "name": "old", "user": { "auth-provider": { "name": "gcp" } } }));
    let case = case.text(config.to_string());
    let done = case.collect(&[]);
    assert!(done.status.success(), "{}", said(&done));
}
