//! A mistake of the user's: one clear line, exit code 2, and no file.

use crate::support::{Run, World};

/// Runs `collect` with more arguments, and gives what it said.
fn refuse(arguments: &[&str], says: &[&str]) {
    let api = World::one().serve();
    let run = Run::collect(&api);
    run.file("unknown-key.yaml", "name: mine\nversion: 1\ndescription: x\nselekt: {}\n");
    run.file("binary", [0, 1, 2, 255]);
    run.file("short-key", "short");
    let ended = run.args(arguments).finish().exits(2);
    for word in says {
        assert!(ended.stderr.contains(word), "{word:?} in {}", ended.stderr);
    }
    let ours: Vec<_> = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("kubectl-escalate: ") || line.starts_with("error: "))
        .collect();
    assert_eq!(ours.len(), 1, "{}", ended.stderr);
    assert!(ended.files().is_empty() && ended.stdout.is_empty(), "{:?} {}", ended.files(), ended.stdout);
    assert!(api.asked().is_empty(), "it was known before anything was asked");
}

#[test]
fn a_profile_that_is_unknown() {
    refuse(&["--profile", "no-such"], &["there is no profile named `no-such`", "`trust-domain-server`"]);
}

#[test]
fn a_profile_with_an_unknown_key() {
    refuse(&["--profile", "./unknown-key.yaml"], &["unknown-key.yaml:4:", "unknown key `selekt`"]);
}

#[test]
fn a_profile_that_is_not_there() {
    refuse(&["--profile", "./none.yaml"], &["./none.yaml"]);
}

#[test]
fn times_that_cannot_be() {
    refuse(&["--before", "8d"], &["7 days"]);
    refuse(&["--before", "soon"], &["cannot read `soon` as a duration"]);
    refuse(&["--before", "-5m"], &["negative"]);
    refuse(&["--deadline", "5"], &["5"]);
}

#[test]
fn an_incident_that_cannot_be() {
    let backwards = "2024-03-05T14:05:00Z/2024-03-05T14:00:00Z";
    for (time, says) in [
        ("2999-01-01T00:00:00Z", "in the future"),
        ("yesterday", "cannot read `yesterday` as a time"),
        (backwards, "before it starts"),
    ] {
        let ended = Run::new(["collect", "--to", "out", "--incident-time", time])
            .context("prod", "http://127.0.0.1:1")
            .finish()
            .exits(2);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
        assert!(ended.files().is_empty());
    }
}

#[test]
fn a_context_that_is_unknown() {
    refuse(&["--context", "staging"], &["there is no context \"staging\"", "prod"]);
}

#[test]
fn a_context_given_twice() {
    refuse(&["--context", "prod", "--context", "prod"], &["given twice"]);
}

#[test]
fn a_cluster_name_for_a_context_that_is_not_collected_from() {
    refuse(&["--cluster-name", "staging=eu"], &["staging"]);
    refuse(&["--cluster-name", "eu"], &["CONTEXT=NAME"]);
}

#[test]
fn a_kubeconfig_that_is_not_there() {
    refuse(&["--kubeconfig", "no-such-file"], &["no-such-file"]);
}

#[test]
fn no_kubeconfig_at_all() {
    for run in [Run::new(["collect", "--to", "out"]), Run::new(["collect", "--to", "out"]).without_kubeconfig()] {
        let ended = run.finish().exits(2);
        assert!(ended.stderr.contains("kubeconfig"), "{}", ended.stderr);
        assert!(ended.files().is_empty());
    }
}

#[test]
fn kinds_to_skip_that_the_profile_has_not() {
    refuse(&["--skip", "unicorns"], &["--skip unicorns"]);
    refuse(&["--skip", "pods"], &["is planned from the list of pods"]);
}

#[test]
fn attachments_that_cannot_be_taken() {
    refuse(&["--attach", "no-such-file"], &["cannot attach no-such-file"]);
    refuse(&["--attach", "binary"], &["not text"]);
    refuse(&["--attach", "."], &["cannot attach ."]);
}

#[test]
fn a_key_that_is_too_short_or_not_there() {
    refuse(&["--redaction-key", "short-key"], &["short-key", "16"]);
    refuse(&["--redaction-key", "no-such-file"], &["no-such-file"]);
}

#[test]
fn a_place_that_is_neither_a_folder_nor_a_zip() {
    let api = World::one().serve();
    let ended = Run::new(["collect", "--to", "no-such-folder"]).context("prod", &api.url()).finish().exits(2);
    assert!(ended.stderr.contains("no-such-folder") && ended.stderr.contains("add .zip"), "{}", ended.stderr);
}

#[test]
fn sizes_and_numbers_that_are_none() {
    refuse(&["--log-limit", "much"], &["much", "20MiB"]);
    refuse(&["--node-streams", "0"], &["0"]);
    refuse(&["-A", "-n", "x"], &["cannot be used with"]);
    refuse(&["--as-group", "x"], &["--as"]);
}

#[test]
fn help_and_version_are_no_mistakes() {
    for flag in ["--help", "--version"] {
        let ended = Run::new([flag]).finish().exits(0);
        assert!(ended.stderr.is_empty() && !ended.stdout.is_empty());
    }
}
