//! Logs hold every line that kubectl shows for the window, once, in order and byte for byte.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{incidents, kubectl, pods, until},
    tool::{Run, collect},
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;
use std::{thread, time::Duration};

/// Time of a line, where it has one: the continuation of a line that the runtime split has none.
pub(crate) fn stamp(line: &[u8]) -> Option<DateTime<Utc>> {
    let end = line.iter().position(|byte| *byte == b' ')?;
    let stamp = std::str::from_utf8(&line[..end]).ok()?;
    DateTime::parse_from_rfc3339(stamp).ok().map(|at| at.with_timezone(&Utc))
}

/// Lines with their times; one without a time has that of the line before.
pub(crate) fn lines(log: &[u8]) -> Vec<(DateTime<Utc>, &[u8])> {
    let mut last = DateTime::UNIX_EPOCH;
    let mut lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    // The end of what was still being written.
    if lines.last().is_some_and(|line| line.last() != Some(&b'\n')) {
        lines.pop();
    }
    let stamped = |line| {
        last = stamp(line).unwrap_or(last);
        (last, line)
    };
    lines.into_iter().map(stamped).collect()
}

/// What kubectl shows from a time on.
pub(crate) fn kubectl_logs(namespace: &str, pod: &str, since: DateTime<Utc>) -> Vec<u8> {
    let since = format!("--since-time={}", since.to_rfc3339_opts(SecondsFormat::Secs, true));
    kubectl(&["logs", "-n", namespace, pod, "-c", "spirl-server", "--timestamps", &since])
}

/// Whether a line holds a mark of redaction, or is the rest of a key that the line above has the mark of.
fn is_redacted(line: &[u8]) -> bool {
    let is_blank =
        stamp(line).is_some() && line.split(|byte| *byte == b' ').skip(1).all(|word| word.trim_ascii().is_empty());
    let is_mark = |at: usize| {
        let digits = line.get(at + 1..at + 21).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        digits && line.get(at + 21) == Some(&b'>')
    };
    is_blank || memchr::memchr_iter(b':', line).any(is_mark)
}

/// Whether kubectl's first line is the end of one of ours: a long line may go on from one file of the node to the next,
/// of which kubectl reads one.
fn is_rest(ours: &[(DateTime<Utc>, &[u8])], (at, line): &(DateTime<Utc>, &[u8])) -> bool {
    let said = line.splitn(2, |byte| *byte == b' ').last().unwrap_or_default();
    let before = ours.iter().rfind(|(begun, _)| begun < at);
    ours.iter().all(|(begun, _)| begun != at) && before.is_some_and(|(_, whole)| whole.ends_with(said))
}

/// Compares where both have the log: the node may have rotated its beginning away between the two,
/// and the end went on. Returns how many lines were compared, and the longest.
pub(crate) fn compare(what: &str, ours: &[u8], theirs: &[u8], end: DateTime<Utc>) -> (usize, usize) {
    let (ours, mut theirs) = (lines(ours), lines(theirs));
    if theirs.first().is_some_and(|first| is_rest(&ours, first)) {
        theirs.remove(0);
    }
    let (Some(first), Some(last)) = (ours.first(), ours.last()) else { return (0, 0) };
    let (Some(their_first), Some(their_last)) = (theirs.first(), theirs.last()) else { return (0, 0) };
    let (from, to) = (first.0.max(their_first.0), last.0.min(their_last.0).min(end));
    let within = |lines: &[(DateTime<Utc>, &[u8])]| -> Vec<Vec<u8>> {
        lines.iter().filter(|(at, _)| *at >= from && *at <= to).map(|(_, line)| line.to_vec()).collect()
    };
    let (ours, theirs) = (within(&ours), within(&theirs));
    for (at, (one, other)) in ours.iter().zip(&theirs).enumerate() {
        let shown = |line: &[u8]| String::from_utf8_lossy(&line[..line.len().min(300)]).into_owned();
        assert!(
            one == other || is_redacted(one),
            "{what}: line {at} from {from} on is\n{}\nand not\n{}",
            shown(one),
            shown(other)
        );
    }
    assert_eq!(ours.len(), theirs.len(), "{what}: lines from {from} to {to}");
    (ours.len(), ours.iter().map(Vec::len).max().unwrap_or_default())
}

/// Collects the last seconds of an incident while kubectl reads the same, and compares.
fn beside_kubectl(incident: &str, before: &str, flags: &[&str]) -> (Bundle, usize, usize) {
    let namespace = incidents().namespace(incident);
    let pod = pods(namespace).remove(0);
    let reading = {
        let pod = pod.clone();
        let since = Utc::now() - TimeDelta::seconds(60);
        thread::spawn(move || kubectl_logs(namespace, &pod, since))
    };
    let bundle = collect(&[&["-n", namespace, "--before", before], flags].concat()).bundle();
    let theirs = reading.join().expect("kubectl reads the log");
    let ending = format!("{pod}/logs/spirl-server.log");
    let end = text(&bundle.manifest["window_end"]).parse().expect("a time");
    let (compared, longest) = compare(incident, bundle.find(&ending).unwrap_or_default(), &theirs, end);
    (bundle, compared, longest)
}

/// Collects a flood until its newest file has anything of the window: the node begins one every few
/// seconds, also between the window's end and the request for the log.
pub(crate) fn flood(collect: impl Fn() -> Run) -> Run {
    until("the newest file has lines of the window", Duration::from_secs(90), || {
        let run = collect();
        let has_log = run.bundle().find("logs/spirl-server.log").is_some();
        if has_log { Ok(run) } else { Err(run.stderr) }
    })
}

/// Collects until no previous log is of a run that began after the window's end: what restarts all the time may do
/// so between that and the request for the log.
pub(crate) fn settled(collect: impl Fn() -> Run) -> Run {
    until("previous logs are of the window", Duration::from_secs(90), || {
        let run = collect();
        let is_later = run.bundle().with_outcome("empty").any(|task| task["kind"] == "previous-log");
        if is_later { Err(run.stderr) } else { Ok(run) }
    })
}

/// Compares until there are lines enough, of an incident that writes few.
pub(crate) fn lines_are_kubectls(incident: &str, flags: &[&str]) {
    let (_, compared, _) =
        until("some lines to compare", Duration::from_secs(60), || match beside_kubectl(incident, "60s", flags) {
            (_, 0..20, _) => Err(format!("too few lines of {incident}")),
            enough => Ok(enough),
        });
    eprintln!("{incident}: {compared} lines are the same");
}

/// Compares until a line of 12 MiB is among them.
pub(crate) fn long_lines_are_kubectls(flags: &[&str]) {
    let (_, compared, longest) =
        until("both read a whole long line", Duration::from_secs(120), || {
            match beside_kubectl("long-line", "60s", flags) {
                (_, _, longest @ 0..12_000_000) => Err(format!("the longest line in common has {longest} bytes")),
                enough => Ok(enough),
            }
        });
    eprintln!("long-line: {compared} lines are the same, one of {longest} bytes");
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn every_line_is_there_once_and_in_order() {
    for incident in ["healthy", "mixed-log", "non-utf8", "grpc-internal", "planted"] {
        lines_are_kubectls(incident, &[]);
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_flood_is_whole_between_two_rotations() {
    // The node rotates the log every few seconds: the two may just have read different files.
    let (bundle, compared, _) =
        until("both read one file of the log", Duration::from_secs(90), || {
            match beside_kubectl("log-flood", "60s", &[]) {
                (_, 0..1000, _) => Err("too few lines in common".to_owned()),
                enough => Ok(enough),
            }
        });
    eprintln!("log-flood: {compared} lines are the same");
    // A minute of 60 MB does not fit into the node's 10 MiB, and no bundle may hide it, whether its
    // window begins before the container or after. Where the cluster keeps more, all of it is there.
    assert_gap_is_told(&bundle);
    let flags = ["-n", incidents().namespace("log-flood"), "--before", "24h"];
    assert_gap_is_told(&flood(|| collect(&flags)).bundle());
}

/// Panics if the log begins well after the window and its container did, and passes for complete.
pub(crate) fn assert_gap_is_told(bundle: &Bundle) {
    let time = |value: &Value| text(value).parse::<DateTime<Utc>>().expect("a time");
    let pod: Value = serde_yaml::from_slice(bundle.file("/pod.yaml")).expect("YAML");
    let started = time(&pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]);
    let coverage = &bundle.record("logs/spirl-server.log")["coverage"];
    if time(&coverage["first"]) > started.max(time(&bundle.manifest["window_start"])) + TimeDelta::seconds(15) {
        assert_eq!(coverage["complete"], false, "{coverage:#}");
        assert!(["rotated-away", "unknown"].contains(&text(&coverage["gap_cause"])), "{coverage:#}");
        // It ends where the log begins, and the container's coverage says the same.
        let container = bundle.container();
        let is_before = |gap: &&Value| gap["missing"] == true && gap["to"] == coverage["first"];
        let gap = container["gaps"].as_array().expect("gaps").iter().find(is_before);
        let gap = gap.unwrap_or_else(|| panic!("a gap in which something is missing: {container:#}"));
        assert_eq!(gap["cause"], coverage["gap_cause"], "{container:#}");
        let readme = bundle.text("README.txt");
        assert!(
            readme.contains(&format!(": {}", text(&gap["cause"]))) && readme.contains("/spirl-server lacks "),
            "{readme}"
        );
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_crash_loop_tells_which_runs_are_gone_and_when_none_was_going_on() {
    let namespace = incidents().namespace("crash-loop");
    let pod = || -> Value {
        let pods: Value =
            serde_json::from_slice(&kubectl(&["get", "pods", "-n", namespace, "-o", "json"])).expect("JSON");
        pods["items"][0].clone()
    };
    until("three restarts", Duration::from_secs(120), || {
        let count = pod()["status"]["containerStatuses"][0]["restartCount"].as_u64().unwrap_or_default();
        if count >= 3 { Ok(()) } else { Err(format!("{count} restarts")) }
    });
    let bundle = collect(&["-n", namespace, "--before", "24h"]).bundle();
    let container = bundle.container();
    let gaps = container["gaps"].as_array().expect("gaps");
    let of = |cause: &str| gaps.iter().find(|gap| gap["cause"] == cause);
    let gone = of("previous-instance-gone").unwrap_or_else(|| panic!("runs that are gone: {container:#}"));
    assert!(gone["missing"] == true && text(&gone["text"]).contains("restarted"), "{gone:#}");
    // The pod is younger than the window, and nothing of it can be missing from before.
    let first = of("container-not-started").unwrap_or_else(|| panic!("a time before the pod: {container:#}"));
    assert_eq!((&first["from"], &first["missing"]), (&bundle.manifest["window_start"], &false.into()), "{first:#}");
    let time = |value: &Value| text(value).parse::<DateTime<Utc>>().expect("a time");
    assert_eq!(time(&first["to"]), time(&pod()["status"]["startTime"]), "{first:#}");
    assert!(of("container-ended").is_none_or(|gap| gap["missing"] == false), "{container:#}");
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn lines_of_many_megabytes_pass() {
    // A file of the log holds one such line, and is rotated soon after.
    long_lines_are_kubectls(&[]);
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn bytes_that_are_no_text_pass() {
    let namespace = incidents().namespace("non-utf8");
    let bundle = collect(&["-n", namespace]).bundle();
    let log = bundle.file("logs/spirl-server.log");
    assert!(
        memchr::memmem::find(log, b"\xff\xfe raw bytes").is_some(),
        "the bytes are not in the log of {} bytes",
        log.len()
    );
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_debug_container_and_a_run_before_have_their_logs() {
    // It said so once, when it was added.
    let bundle = collect(&["-n", incidents().namespace("ephemeral"), "--before", "24h"]).bundle();
    assert!(bundle.text("logs/debugger.log").contains("looking around"));
    let crashed = until("a run before the last restart", Duration::from_secs(60), || {
        let bundle = collect(&["-n", incidents().namespace("crash-loop")]).bundle();
        bundle
            .find("logs/spirl-server.previous.log")
            .map(<[u8]>::to_vec)
            .ok_or_else(|| format!("{:?}", bundle.outcomes(&["previous-log"])))
    });
    assert!(memchr::memmem::find(&crashed, b"panic").is_some(), "{}", String::from_utf8_lossy(&crashed));
    let bundle = collect(&["-n", incidents().namespace("init-fails")]).bundle();
    let init = bundle.find("logs/prepare.previous.log").or_else(|| bundle.find("logs/prepare.log"));
    assert!(memchr::memmem::find(init.expect("a log of the init container"), b"schema migration failed").is_some());
}
