//! What a bundle says of the window: each cause that a part of it may be missing for, by what told it.

use super::logs::{CURRENT, ERROR_TEXT, POD_PATH, PREVIOUS, bytes, collect, line, panicked, restarted, with_log};
use crate::support::{
    Api, Piece, Reply, Run, World,
    run::Bundle,
    world::{LOG, NAMESPACE, POD, pod},
};
use chrono::{DateTime, SecondsFormat, SubsecRound as _, TimeDelta, Utc};
use kubectl_escalate::bundle::{CheckState, ContainerCoverage, Coverage, Gap, GapCause, Outcome};
use rustix::process::Signal;
use serde_json::{Value, json};

/// The window of every test that has no other.
const WINDOW: (&str, &str) = ("13:50:00", "14:20:00");

#[track_caller]
fn container(bundle: &Bundle) -> &ContainerCoverage {
    match &bundle.manifest().containers[..] {
        [one] => one,
        all => panic!("one container, not {all:#?}"),
    }
}

/// Asserts the gaps of the only container, as times of day in seconds; that they and what is covered
/// are the window; and which of them the bundle shows.
#[track_caller]
fn lacks(bundle: &Bundle, expected: &[(&str, &str, GapCause, bool)]) {
    let ContainerCoverage { covered, gaps, complete, .. } = container(bundle);
    let time = |at: DateTime<Utc>| at.format("%H:%M:%S").to_string();
    let had: Vec<_> = gaps.iter().map(|gap| (time(gap.from), time(gap.to), gap.cause, gap.missing)).collect();
    let wanted: Vec<_> =
        expected.iter().map(|(from, to, cause, missing)| ((*from).into(), (*to).into(), *cause, *missing)).collect();
    assert_eq!(had, wanted, "{gaps:#?}");
    assert_eq!(*complete, !gaps.iter().any(|gap| gap.missing));
    let manifest = bundle.manifest();
    let mut parts: Vec<_> = covered.iter().map(|part| (part.from, part.to)).collect();
    parts.extend(gaps.iter().map(|gap| (gap.from, gap.to)));
    parts.sort();
    assert_eq!(parts.first().map(|part| part.0), Some(manifest.window_start));
    assert_eq!(parts.last().map(|part| part.1), Some(manifest.window_end));
    assert!(parts.windows(2).all(|pair| pair[0].1 == pair[1].0), "{parts:#?}");
    assert!(gaps.iter().all(|gap| !gap.text.is_empty()), "{gaps:#?}");
    let item = &manifest.checklist[0];
    assert_eq!(item.detail.contains(&format!("log of {POD}/server lacks")), !complete, "{item:?}");
    assert_eq!(bundle.text("README.txt").matches(" lacks ").count(), if *complete { 0 } else { 2 });
}

#[track_caller]
fn coverage<'a>(bundle: &'a Bundle, task: &str) -> &'a Coverage {
    bundle.entry(task).0.coverage.as_ref().expect("coverage")
}

fn change(change: impl FnOnce(&mut Value)) -> World {
    let mut world = World::one();
    world.change("pods", POD, change);
    world
}

#[test]
fn a_healthy_run_lacks_nothing_and_shows_no_more() {
    let mut world = World::one();
    // As old as the window: so the server keeps them as long.
    world.object("events", NAMESPACE, "old", json!({ "lastTimestamp": "2024-03-05T13:50:00Z" }));
    let ended = collect(&world.serve()).exits(0);
    let bundle = ended.bundle();
    lacks(&bundle, &[]);
    assert_eq!(container(&bundle).covered.len(), 1);
    let item = &bundle.manifest().checklist[0];
    assert_eq!(
        (item.state, item.detail.as_str()),
        (CheckState::Yes, "1 log, 2024-03-05T13:50:00Z to 2024-03-05T14:20:00Z")
    );
    assert!(!ended.stderr.contains("lack"), "{}", ended.stderr);
    let coverage = coverage(&bundle, CURRENT);
    assert_eq!((coverage.covered.len(), coverage.gaps.len()), (1, 0));
}

#[test]
fn rotated_away_is_told_by_a_file_that_begins_later_than_its_container() {
    let api = World::one().serve();
    api.on(|asked| asked.asks_beginning().then(|| Reply::text(&LOG[..64])));
    api.on_log(POD, false, |_| Reply::text(LOG));
    let ended = collect(&api).exits(0);
    let bundle = ended.bundle();
    lacks(&bundle, &[("13:50:00", "14:00:00", GapCause::RotatedAway, true)]);
    let said = "log of spirl-server-7f9c-aaaaa/server lacks 10 min, 2024-03-05T13:50:00Z to 2024-03-05T14:00:00Z: rotated-away -> --rotated-logs reads the node's older files, while they exist\n";
    assert!(ended.stderr.contains(said) && bundle.text("README.txt").contains(said), "{}", ended.stderr);
    assert_eq!(bundle.manifest().checklist[0].state, CheckState::Partial);
}

#[test]
fn container_not_started_is_told_by_its_status() {
    let world = change(|pod| {
        pod["status"]["startTime"] = "2024-03-05T13:59:58Z".into();
        pod["status"]["containerStatuses"][0]["state"] = json!({ "running": { "startedAt": "2024-03-05T14:00:00Z" } });
    });
    let api = world.serve();
    api.on_log(POD, false, |_| Reply::text(LOG));
    let bundle = collect(&api).exits(0).bundle();
    lacks(&bundle, &[("13:50:00", "14:00:00", GapCause::ContainerNotStarted, false)]);
    assert_eq!(bundle.manifest().checklist[0].state, CheckState::Yes);

    // One that waits has never run, whatever its log is asked for.
    let world = change(|pod| {
        let waiting = json!({ "waiting": { "reason": "ContainerCreating" } });
        pod["status"]["containerStatuses"][0]["state"] = waiting;
    });
    let waiting = "container \"server\" in pod \"x\" is waiting to start: ContainerCreating";
    for reply in [Reply::status(400, "BadRequest", waiting), Reply::no_content(), Reply::forbidden()] {
        let api = world.clone().serve();
        api.on_log(POD, false, move |_| reply.clone());
        let bundle = collect(&api).bundle();
        lacks(&bundle, &[(WINDOW.0, WINDOW.1, GapCause::ContainerNotStarted, false)]);
        let text = &container(&bundle).gaps[0].text;
        assert_eq!(text, "the container has not started (ContainerCreating)");
    }
}

/// A container that was restarted once, at 14:02:30, half a minute after it had panicked.
fn once_restarted() -> World {
    let mut world = restarted(json!({ "running": { "startedAt": "2024-03-05T14:02:30Z" } }), panicked());
    world.change("pods", POD, |pod| pod["status"]["containerStatuses"][0]["restartCount"] = 1.into());
    world.log(NAMESPACE, POD, true, [line("14:01:00.2", "starts"), line("14:02:00.3", "panic: the reason")].concat());
    world.log(NAMESPACE, POD, false, [line("14:02:30.1", "starts"), line("14:05:00", "it went wrong")].concat());
    world
}

#[test]
fn container_ended_is_told_by_the_ends_and_starts_of_its_runs() {
    let api = once_restarted().serve();
    let bundle = collect(&api).exits(0).bundle();
    let before = ("13:50:00", "14:01:00", GapCause::ContainerNotStarted, false);
    lacks(&bundle, &[before, ("14:02:00", "14:02:30", GapCause::ContainerEnded, false)]);
    assert_eq!(bundle.manifest().checklist[0].state, CheckState::Yes);
    assert_eq!(coverage(&bundle, PREVIOUS).gap_cause, Some(GapCause::ContainerNotStarted));
    assert!(coverage(&bundle, PREVIOUS).complete && coverage(&bundle, CURRENT).complete);

    // One that waits to be started again.
    let mut world = once_restarted();
    world.change("pods", POD, |pod| {
        let status = &mut pod["status"]["containerStatuses"][0];
        status["state"] = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        status["restartCount"] = 0.into();
    });
    let bundle = collect(&world.serve()).exits(0).bundle();
    lacks(&bundle, &[before, ("14:02:00", "14:20:00", GapCause::ContainerEnded, false)]);
    assert!(container(&bundle).gaps[1].text.ends_with("was not started again (CrashLoopBackOff)"));
}

#[test]
fn previous_instance_gone_is_told_by_the_count_of_restarts() {
    let mut world = once_restarted();
    world.change("pods", POD, |pod| {
        pod["status"]["startTime"] = "2024-03-05T13:55:00Z".into();
        pod["status"]["containerStatuses"][0]["restartCount"] = 3.into();
    });
    let bundle = collect(&world.serve()).exits(0).bundle();
    lacks(
        &bundle,
        &[
            ("13:50:00", "13:55:00", GapCause::ContainerNotStarted, false),
            ("13:55:00", "14:01:00", GapCause::PreviousInstanceGone, true),
            ("14:02:00", "14:02:30", GapCause::ContainerEnded, false),
        ],
    );
    let text = &container(&bundle).gaps[1].text;
    assert!(text.contains("restarted 3 times") && text.contains("those of 2 earlier runs are gone"), "{text}");
}

#[test]
fn previous_instance_gone_is_told_by_the_node() {
    let gone = [
        Reply::text(ERROR_TEXT),
        Reply::status(400, "BadRequest", "previous terminated container \"server\" in pod \"x\" not found"),
        Reply::status(404, "NotFound", "pods \"x\" not found"),
    ];
    for reply in gone {
        let api = once_restarted().serve();
        api.on_log(POD, true, move |_| reply.clone());
        let bundle = collect(&api).bundle();
        bundle.outcome(PREVIOUS, Outcome::Absent);
        lacks(
            &bundle,
            &[
                ("13:50:00", "14:01:00", GapCause::ContainerNotStarted, false),
                ("14:01:00", "14:02:01", GapCause::PreviousInstanceGone, true),
                ("14:02:01", "14:02:30", GapCause::ContainerEnded, false),
            ],
        );
    }
}

#[test]
fn previous_instance_gone_is_told_by_a_restart_since_the_pod_was_listed() {
    let now = Utc::now().trunc_subsecs(0);
    let rfc = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let (incident, later) = (rfc(now - TimeDelta::minutes(1)), now + TimeDelta::hours(1));
    let api = World::one().serve();
    // Its log begins after its pod was listed: a new file, or a new run.
    let young = format!("{} starts\n", rfc(later));
    api.on(move |asked| asked.log().map(|_| Reply::text(young.clone())));
    let collected = |started: DateTime<Utc>| {
        let mut pod = pod(NAMESPACE, POD);
        pod["status"]["containerStatuses"][0]["state"] = json!({ "running": { "startedAt": rfc(started) } });
        api.on_path(POD_PATH, move |_| Reply::json(&pod));
        let bundle = Run::collect_of(&api, &incident).finish().bundle();
        container(&bundle).gaps[0].cause
    };
    assert_eq!(collected(later), GapCause::PreviousInstanceGone);
    assert_eq!(collected("2024-03-05T10:00:00Z".parse().expect("a time")), GapCause::RotatedAway);
    api.on_path(POD_PATH, |_| Reply::forbidden());
    let bundle = Run::collect_of(&api, &incident).finish().bundle();
    assert_eq!(container(&bundle).gaps[0].cause, GapCause::Unknown);
}

#[test]
fn window_not_over_is_told_by_the_clock() {
    let api = with_log(|_| Reply::text(""));
    let began = Utc::now();
    let ended = Run::collect_of(&api, "-1m").finish().exits(0);
    let bundle = ended.bundle();
    let Gap { from, to, cause, missing, .. } = container(&bundle).gaps[0];
    assert_eq!((cause, missing, to), (GapCause::WindowNotOver, true, bundle.manifest().window_end));
    assert!(began - TimeDelta::seconds(2) <= from && from <= Utc::now() + TimeDelta::seconds(2), "{from}");
    let after = format!("complete it after {}, or collect with --wait", to.to_rfc3339_opts(SecondsFormat::Secs, true));
    assert!(ended.stderr.contains(&after), "{}", ended.stderr);
    let command = bundle.manifest().checklist[0].command.clone().expect("a command");
    let file = ended.bundle().reader.path().file_name().expect("a name").to_string_lossy().into_owned();
    assert!(command.contains(&format!(" --into {file} ")) && command.contains("# after"), "{command}");
}

#[test]
fn cut_by_limit_is_told_by_our_own_limit() {
    let log = |second: usize| line(&format!("14:00:{second:02}.5"), &"x".repeat(32 << 10));
    let api = with_log(move |_| Reply::pieces((0..60).map(log).map(bytes)));
    let ended = Run::collect(&api).args(["--log-limit", "1MiB"]).finish().exits(3);
    let bundle = ended.bundle();
    let last = coverage(&bundle, CURRENT).last.expect("a last line");
    let time = last.format("%H:%M:%S").to_string();
    lacks(&bundle, &[(time.as_str(), WINDOW.1, GapCause::CutByLimit, true)]);
    assert_eq!(container(&bundle).gaps[0].from, last);
    assert!(ended.stderr.contains("-> raise --log-limit, or narrow the window"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--incident-time 2024-03-05T14:05:00Z --log-limit SIZE\n"), "{}", ended.stderr);
}

#[test]
fn forbidden_is_told_by_the_api_server() {
    let api = with_log(|_| Reply::forbidden());
    let ended = collect(&api).exits(3);
    lacks(&ended.bundle(), &[(WINDOW.0, WINDOW.1, GapCause::Forbidden, true)]);
    assert!(ended.stderr.contains("-> `kubectl-escalate rbac -n tdd-one` prints the role"), "{}", ended.stderr);
}

#[test]
fn stream_failed_is_told_by_the_connection_and_by_the_kubelet() {
    let api = with_log(|_| Reply::pieces([bytes(LOG), bytes("failed to watch the log file")]));
    let bundle = collect(&api).exits(3).bundle();
    lacks(&bundle, &[("14:05:00", WINDOW.1, GapCause::StreamFailed, true)]);
    for reply in
        [Reply::pieces([Piece::Reset]), Reply::text(ERROR_TEXT), Reply::status(500, "InternalError", "dial tcp")]
    {
        let api = with_log(move |_| reply.clone());
        let bundle = collect(&api).exits(3).bundle();
        lacks(&bundle, &[(WINDOW.0, WINDOW.1, GapCause::StreamFailed, true)]);
    }
}

#[test]
fn timed_out_is_told_by_our_own_patience() {
    let api = with_log(|_| Reply::pieces([bytes(LOG), Piece::Stall]));
    let bundle = collect(&api).exits(3).bundle();
    lacks(&bundle, &[("14:05:00", WINDOW.1, GapCause::TimedOut, true)]);
    assert_eq!(container(&bundle).gaps[0].from, coverage(&bundle, CURRENT).last.expect("a last line"));
    let api = with_log(|_| Reply::pieces([Piece::Stall]));
    let bundle = collect(&api).exits(3).bundle();
    lacks(&bundle, &[(WINDOW.0, WINDOW.1, GapCause::TimedOut, true)]);
}

#[test]
fn cancelled_is_told_by_the_user() {
    let api = with_log(|_| Reply::pieces([bytes(LOG), Piece::Stall]));
    let running = Run::collect(&api).args(["--request-timeout", "100s"]).spawn();
    api.wait("the log, and all else", |asked| {
        asked.iter().any(|asked| asked.path.ends_with("/nodes/node-a") && asked.fate.is_some())
            && asked.iter().filter(|asked| asked.log().is_none()).all(|asked| asked.fate.is_some())
            && asked.iter().any(|asked| asked.log().is_some())
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    running.signal(Signal::INT);
    let bundle = running.finish().exits(130).bundle();
    // Where its file begins could not be asked any more.
    let begins = ("13:50:00", "14:00:00", GapCause::Cancelled, true);
    lacks(&bundle, &[begins, ("14:05:00", WINDOW.1, GapCause::Cancelled, true)]);
}

#[test]
fn skipped_is_told_by_the_request() {
    let api = once_restarted().serve();
    let bundle = Run::collect(&api).args(["--skip", "logs"]).finish().bundle();
    let before = ("13:50:00", "14:01:00", GapCause::ContainerNotStarted, false);
    let between = ("14:02:01", "14:02:30", GapCause::ContainerEnded, false);
    lacks(
        &bundle,
        &[
            before,
            ("14:01:00", "14:02:01", GapCause::Skipped, true),
            between,
            ("14:02:30", WINDOW.1, GapCause::Skipped, true),
        ],
    );
    assert_eq!(container(&bundle).gaps[1].text, "left out by --skip logs");
    let bundle = Run::collect(&api).args(["--skip", "previous-logs"]).finish().bundle();
    lacks(&bundle, &[before, ("14:01:00", "14:02:01", GapCause::Skipped, true), between]);
    // Without a run before, leaving out its log leaves out nothing.
    let bundle = Run::collect(&World::one().serve()).args(["--skip", "previous-logs"]).finish().exits(0).bundle();
    lacks(&bundle, &[]);
}

#[test]
fn unknown_is_what_nothing_tells() {
    // A container that started in the window, and whose log begins a while after.
    let world = change(|pod| {
        pod["status"]["containerStatuses"][0]["state"] = json!({ "running": { "startedAt": "2024-03-05T13:58:00Z" } });
    });
    let api = world.serve();
    api.on_log(POD, false, |_| Reply::text(LOG));
    let bundle = collect(&api).exits(0).bundle();
    let before = ("13:50:00", "13:58:00", GapCause::ContainerNotStarted, false);
    lacks(&bundle, &[before, ("13:58:00", "14:00:00", GapCause::Unknown, true)]);

    // A file that cannot be asked for its beginning, and one without a line.
    let api = with_log(|_| Reply::text(LOG));
    api.on(|asked| asked.asks_beginning().then(Reply::forbidden));
    lacks(&collect(&api).exits(0).bundle(), &[("13:50:00", "14:00:00", GapCause::Unknown, true)]);
    let api = with_log(|_| Reply::text(""));
    api.on(|asked| asked.asks_beginning().then(|| Reply::text("")));
    lacks(&collect(&api).exits(0).bundle(), &[(WINDOW.0, WINDOW.1, GapCause::Unknown, true)]);
}

fn events(bundle: &Bundle) -> &Coverage {
    let record = bundle.manifest().entries.iter().find(|entry| entry.path.ends_with("/tdd-one/events.json"));
    record.and_then(|record| record.coverage.as_ref()).expect("coverage")
}

#[test]
fn expired_is_told_by_the_hour_and_the_oldest_event() {
    let of = |events: &[(&str, Value)]| {
        let mut world = World::one();
        for (name, event) in events {
            world.object("events", NAMESPACE, name, event.clone());
        }
        collect(&world.serve()).exits(0)
    };
    let ended = of(&[]);
    let bundle = ended.bundle();
    let Coverage { gaps, complete, gap, lines: 0, .. } = events(&bundle) else { panic!("{:?}", events(&bundle)) };
    assert_eq!((gaps.len(), gaps[0].cause, gaps[0].missing, *complete), (1, GapCause::Expired, true, false));
    assert_eq!(gap.as_deref(), Some("the API server keeps events for an hour by default; there is none here"));
    let said = "30 min of events, 2024-03-05T13:50:00Z to 2024-03-05T14:20:00Z: expired, the API server keeps them for an hour by default\n";
    assert!(ended.stderr.contains(said) && bundle.text("README.txt").contains(said), "{}", ended.stderr);
    assert_eq!(bundle.manifest().checklist[0].state, CheckState::Yes);

    // Of all its times the last one counts.
    let within = json!({ "firstTimestamp": "2024-03-05T10:00:00Z", "lastTimestamp": "2024-03-05T14:10:00Z" });
    let series =
        json!({ "eventTime": "2024-03-05T10:00:00Z", "series": { "lastObservedTime": "2024-03-05T14:12:00Z" } });
    let bundle = of(&[("one", within.clone()), ("two", series)]).bundle();
    let Coverage { first, last, lines, gaps, .. } = events(&bundle);
    let time = |at: &Option<DateTime<Utc>>| at.map(|at| at.format("%H:%M").to_string()).expect("a time");
    assert_eq!((time(first), time(last), *lines), ("14:10".to_owned(), "14:12".to_owned(), 2));
    assert_eq!((gaps.len(), time(&Some(gaps[0].to))), (1, "14:10".to_owned()));
    assert!(gaps[0].text.ends_with("the oldest here is from 2024-03-05T14:10:00Z"), "{gaps:?}");

    let bundle = of(&[("one", within), ("old", json!({ "lastTimestamp": "2024-03-05T13:49:59Z" }))]).bundle();
    assert!(events(&bundle).complete && events(&bundle).gaps.is_empty());
}

#[test]
fn events_whose_list_broke_off_cover_nothing() {
    let api = World::one().serve();
    api.on_path("/api/v1/namespaces/tdd-one/events", |asked| match asked.parameter("continue") {
        "" => Reply::json(&json!({
            "kind": "Table", "metadata": { "continue": "more" }, "columnDefinitions": [{ "name": "Name" }],
            "rows": [{ "cells": ["a"], "object": { "metadata": { "name": "a", "namespace": NAMESPACE }, "lastTimestamp": "2024-03-05T13:00:00Z" } }],
        })),
        _ => Reply::text("<html>Bad gateway</html>").with_status(502),
    });
    let bundle = collect(&api).exits(3).bundle();
    assert_eq!((events(&bundle).gap_cause, events(&bundle).covered.len()), (Some(GapCause::StreamFailed), 0));
}

#[test]
fn what_many_containers_lack_fills_no_screen() {
    let mut world = World::one();
    (1..30).for_each(|number| world.server(NAMESPACE, &format!("spirl-server-7f9c-{number}")));
    let api = world.serve();
    api.on(|asked| asked.log().map(|_| Reply::forbidden()));
    let ended = collect(&api).exits(3);
    let bundle = ended.bundle();
    assert_eq!(bundle.manifest().containers.len(), 30);
    let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains("lack ")).collect();
    assert!(lines.len() == 1 && lines[0].contains("logs of 30 containers"), "{}", ended.stderr);
    assert!(ended.stderr.lines().count() < 40, "{}", ended.stderr);
}

#[test]
fn less_than_a_quarter_of_an_hour_is_warned_of_at_once_and_in_the_checklist() {
    let api = World::one().serve();
    let first = |api: &Api, arguments: &[&str]| {
        let ended = Run::collect(api).args(arguments).finish().exits(0);
        (ended.stderr.clone(), ended.bundle().manifest().checklist[0].clone())
    };
    let (said, item) = first(&api, &["--before", "14m59s", "--after", "5m"]);
    let before = "only 14 min before the incident; support asks for at least 15 min (--before 15m)";
    let after = "only 5 min after the incident; support asks for at least 15 min (--after 15m)";
    for warning in [before, after] {
        assert!(item.detail.contains(warning), "{item:?}");
        let at = said.find(&format!("{warning}\n")).unwrap_or_else(|| panic!("{warning} in {said}"));
        assert!(at < said.find("logs from 15 minutes").expect("the checklist"), "{said}");
    }
    assert_eq!(item.state, CheckState::Partial);
    let (said, item) = first(&api, &["--before", "15m", "--after", "15m"]);
    assert!(!said.contains("only") && item.state == CheckState::Yes, "{said}");

    let run = Run::new(["collect", "--before", "5m"]).context("prod", &api.url());
    let out = run.out();
    let ended = run.args(["--to".as_ref(), out.as_os_str()]).finish().exits(0);
    let bundle = ended.bundle();
    let item = &bundle.manifest().checklist[0];
    let warning = "only 5 min before now; support asks for at least 15 min (--before 15m)";
    assert!(ended.stderr.starts_with("from") && ended.stderr.contains(&format!("{warning}\n")), "{}", ended.stderr);
    assert!(item.detail.contains("no incident time was given") && item.detail.contains(warning), "{item:?}");
}

#[test]
fn a_pod_that_only_events_tell_of_is_named() {
    let mut world = World::one();
    let event = |name: &str, uid: &str, last: &str| {
        let of = json!({ "kind": "Pod", "namespace": NAMESPACE, "name": name, "uid": uid });
        json!({ "involvedObject": of, "reason": "Killing", "lastTimestamp": last, "source": { "host": "node-a" } })
    };
    world.object("events", NAMESPACE, "a.1", event("spirl-server-7f9c-zzzzz", "uid-gone", "2024-03-05T14:02:00Z"));
    world.object("events", NAMESPACE, "b.1", event("spirl-server-7f9c-yyyyy", "uid-long-gone", "2024-03-05T13:02:00Z"));
    let uid = pod(NAMESPACE, POD)["metadata"]["uid"].as_str().expect("a UID").to_owned();
    world.object("events", NAMESPACE, "c.1", event(POD, &uid, "2024-03-05T14:02:00Z"));
    let ended = collect(&world.serve()).exits(0);
    let bundle = ended.bundle();
    let [gone] = &bundle.manifest().gone_pods[..] else { panic!("{:#?}", bundle.manifest().gone_pods) };
    assert_eq!((gone.pod.as_str(), gone.node.as_deref()), ("spirl-server-7f9c-zzzzz", Some("node-a")));
    let said = "1 pod was deleted before the collection, with its log: spirl-server-7f9c-zzzzz (Killing at 2024-03-05T14:02:00Z on node-a)";
    assert!(ended.stderr.contains(said) && bundle.text("README.txt").contains(said), "{}", ended.stderr);
}
