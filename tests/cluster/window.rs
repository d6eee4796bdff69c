//! The window on a real log: every form of a time, both ends cut, and what is not over yet.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{assert_same, incidents, pods, until},
    logs::{kubectl_logs, lines},
    tool::collect,
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike as _, Utc};
use serde_json::{Value, json};
use std::time::Duration;

fn time(bundle: &Bundle, field: &str) -> DateTime<Utc> {
    text(&bundle.manifest[field]).parse().unwrap_or_else(|why| panic!("{field} {}: {why}", bundle.manifest[field]))
}

fn rfc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_past_incident_is_cut_at_both_ends() {
    let namespace = incidents().namespace("healthy");
    let pod = pods(namespace).remove(0);
    let log = until("a log of half a minute", Duration::from_secs(90), || {
        let log = kubectl_logs(namespace, &pod, DateTime::UNIX_EPOCH);
        let first = lines(&log).first().map(|(at, _)| *at).ok_or("the log is empty")?;
        if Utc::now() - first > TimeDelta::seconds(40) { Ok(log) } else { Err(format!("it begins at {first}")) }
    });
    let last = lines(&log).last().expect("lines").0;
    let incident = (last - TimeDelta::seconds(12)).with_nanosecond(0).expect("a time");
    let minute = incident.with_second(0).expect("a time");
    let ago = (Utc::now() - incident).num_seconds();
    let (start, end) = (incident - TimeDelta::seconds(5), incident + TimeDelta::seconds(5));
    // The form, and how far from the incident what it says may lie.
    let forms = [
        (rfc(incident), incident, incident, 0),
        (incident.format("%H:%M:%SZ").to_string(), incident, incident, 0),
        (format!("-{ago}s"), incident, incident, 30),
        (
            format!("{}/{}", rfc(incident), rfc(incident + TimeDelta::seconds(2))),
            incident,
            incident + TimeDelta::seconds(2),
            0,
        ),
        (minute.format("%H:%MZ").to_string(), minute, minute, 0),
        // The tests run the program with UTC as its zone.
        (minute.format("%H:%M").to_string(), minute, minute, 0),
    ];
    for (form, from, to, slack) in forms {
        let run = collect(&["-n", namespace, "--incident-time", &form, "--before", "5s", "--after", "5s"]);
        if run.code == 2 {
            panic!("--incident-time {form}: {}", run.stderr);
        }
        let bundle = run.bundle();
        let near = |field: &str, at: DateTime<Utc>| {
            let difference = (time(&bundle, field) - at).num_seconds().abs();
            assert!(difference <= slack, "{form}: {field} is {}, not {at}", time(&bundle, field));
        };
        near("incident_start", from);
        near("incident_end", to);
        near("window_start", from - TimeDelta::seconds(5));
        near("window_end", to + TimeDelta::seconds(5));
        assert!(run.stderr.contains(&rfc(time(&bundle, "window_start"))), "the window is not echoed:\n{}", run.stderr);
    }

    let bundle =
        collect(&["-n", namespace, "--incident-time", &rfc(incident), "--before", "5s", "--after", "5s"]).bundle();
    let ours: Vec<&[u8]> =
        lines(bundle.file(&format!("{pod}/logs/spirl-server.log"))).into_iter().map(|(_, line)| line).collect();
    let all = lines(&log);
    let theirs: Vec<&[u8]> = all.iter().filter(|(at, _)| *at >= start && *at <= end).map(|(_, line)| *line).collect();
    assert!(theirs.len() > 5 && theirs.len() < all.len(), "{} of {} lines", theirs.len(), all.len());
    assert_same("the log within the window", &ours, &theirs);
    let record = bundle.record(&format!("{pod}/logs/spirl-server.log"));
    assert_eq!(record["coverage"]["lines"], ours.len());
    assert_eq!(record["coverage"]["complete"], true, "{record:#}");
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn an_open_end_is_now() {
    let namespace = incidents().namespace("healthy");
    let from = (Utc::now() - TimeDelta::seconds(10)).with_nanosecond(0).expect("a time");
    let bundle = collect(&["-n", namespace, "--incident-time", &format!("{}/", rfc(from))]).bundle();
    assert_eq!(time(&bundle, "incident_start"), from);
    let late = Utc::now() - time(&bundle, "incident_end");
    assert!(late < TimeDelta::seconds(60), "the incident ends {late} ago");
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_window_that_is_not_over_is_named_with_the_command() {
    let namespace = incidents().namespace("healthy");
    let began = Utc::now();
    // As it is without a word of a Prometheus, which the command would have to repeat.
    let run = collect(&["-n", namespace, "--incident-time", "-10s", "--prometheus", "auto"]).expect(0);
    let ended = Utc::now();
    let bundle = run.bundle();
    let end = time(&bundle, "window_end");
    assert!(end > Utc::now() + TimeDelta::minutes(10), "15 minutes after the incident, not {end}");
    let item = &bundle.manifest["checklist"][0];
    assert_eq!(item["state"], "partial", "{item:#}");
    let command = text(&item["command"]);
    let (base, into) = command.split_once(" --into ").expect("the same, into this bundle");
    assert!(base.ends_with(&format!("-n {namespace}")) && into.contains("# after "), "{command}");
    assert!(into.starts_with(&*bundle.path.file_name().expect("a name").to_string_lossy()), "{command}");
    assert!(text(&item["detail"]).contains(&rfc(end)), "{item:#}");
    assert!(run.stderr.contains(command) && bundle.text("README.txt").contains(command), "{command}\n{}", run.stderr);
    let record = bundle.manifest["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .find(|entry| text(&entry["path"]).ends_with("spirl-server.log"));
    let coverage = &record.expect("a log")["coverage"];
    assert_eq!(
        (coverage["complete"].as_bool(), text(&coverage["gap_cause"])),
        (Some(false), "window-not-over"),
        "{coverage:#}"
    );
    // From the moment at which it was read to the end of the window, for every container.
    let moment = |value: &Value| text(value).parse::<DateTime<Utc>>().expect("a time");
    for container in bundle.manifest["containers"].as_array().expect("containers") {
        let gap = container["gaps"].as_array().and_then(|gaps| gaps.last()).expect("a gap");
        assert_eq!((text(&gap["cause"]), moment(&gap["to"])), ("window-not-over", end), "{container:#}");
        let slack = TimeDelta::seconds(2);
        assert!((began - slack..=ended + slack).contains(&moment(&gap["from"])), "{container:#}");
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn events_say_how_far_back_they_reach() {
    let namespace = incidents().namespace("healthy");
    let reach = |incident: &str| {
        let bundle = collect(&["-n", namespace, "--incident-time", incident, "--after", "0"]).bundle();
        bundle.record("events.json")["coverage"].clone()
    };
    // The API server keeps them for an hour.
    let recent = reach("-10m");
    assert_eq!((recent["complete"].as_bool(), &recent["gaps"]), (Some(true), &json!([])), "{recent:#}");
    let old = reach("-3h");
    assert_eq!((old["complete"].as_bool(), text(&old["gap_cause"])), (Some(false), "expired"), "{old:#}");
    assert_eq!(old["covered"], json!([]), "{old:#}");
}
