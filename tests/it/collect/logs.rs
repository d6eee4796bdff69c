//! Logs: every trap of the kubelet's answers, the cut to the window, and what a log's coverage says.

use crate::support::{
    Api, Asked, Ended, Gate, Piece, Reply, Run, World,
    api::Fate,
    run::Bundle,
    world::{LOG, NAMESPACE, POD},
};
use kubectl_escalate::bundle::{GapCause, Outcome};
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) const CURRENT: &str = "log/tdd-one/spirl-server-7f9c-aaaaa/server";
pub(super) const PREVIOUS: &str = "log/tdd-one/spirl-server-7f9c-aaaaa/server/previous";
pub(super) const POD_PATH: &str = "/api/v1/namespaces/tdd-one/pods/spirl-server-7f9c-aaaaa";
/// What the kubelet sends, as a success, when the container has gone.
pub(super) const ERROR_TEXT: &str = "unable to retrieve container logs for containerd://0123";

pub(super) fn bytes(text: impl AsRef<[u8]>) -> Piece {
    Piece::Bytes(text.as_ref().to_vec())
}

pub(super) fn line(time: &str, text: &str) -> String {
    format!("2024-03-05T{time}Z {text}\n")
}

/// A healthy world whose only log is answered like this.
pub(super) fn with_log(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Api {
    let api = World::one().serve();
    api.on_log(POD, false, reply);
    api
}

pub(super) fn collect(api: &Api) -> Ended {
    Run::collect(api).args(["--request-timeout", "1s"]).finish()
}

/// The log that comes of a body.
fn cut(pieces: Vec<Piece>) -> (Ended, Bundle) {
    let api = with_log(move |_| Reply::pieces(pieces.clone()));
    let ended = collect(&api);
    let bundle = ended.bundle();
    (ended, bundle)
}

/// A pod that was restarted, and what its container does now.
pub(super) fn restarted(state: Value, last: Value) -> World {
    let mut world = World::one();
    world.change("pods", POD, |pod| {
        let status = &mut pod["status"]["containerStatuses"][0];
        status["restartCount"] = 3.into();
        status["state"] = state;
        status["lastState"] = last;
    });
    world
}

pub(super) fn panicked() -> Value {
    json!({ "terminated": { "exitCode": 2, "reason": "Error", "startedAt": "2024-03-05T14:01:00Z", "finishedAt": "2024-03-05T14:02:00Z" } })
}

#[test]
fn a_healthy_log_is_there_byte_for_byte_and_covers_the_window() {
    let api = World::one().serve();
    let ended = collect(&api).exits(0);
    let bundle = ended.bundle();
    let (record, text) = bundle.entry(CURRENT);
    assert_eq!(text, LOG);
    let coverage = record.coverage.as_ref().expect("coverage");
    assert!(coverage.complete, "{coverage:?}");
    assert_eq!((coverage.lines, coverage.gap_cause), (2, None));
    bundle.outcome(CURRENT, Outcome::Collected);
    bundle.outcome(PREVIOUS, Outcome::Absent);
}

#[test]
fn an_error_text_sent_as_a_log_is_asked_for_once_more() {
    let api = with_log(|asked| if asked.earlier == 0 { Reply::text(ERROR_TEXT) } else { Reply::text(LOG) });
    let ended = collect(&api).exits(0);
    assert_eq!(ended.bundle().entry(CURRENT).1, LOG);
    let asked = api.asked_for(&format!("{POD_PATH}/log"));
    assert_eq!(asked.iter().filter(|asked| !asked.asks_beginning()).count(), 2);
    assert_eq!(api.asked_for(POD_PATH).len(), 1, "the pod is looked at in between");
}

#[test]
fn an_error_text_that_comes_again_is_a_failure_and_no_log() {
    let api = with_log(|_| Reply::text(ERROR_TEXT));
    let ended = collect(&api).exits(3);
    let bundle = ended.bundle();
    let task = bundle.outcome(CURRENT, Outcome::Failed);
    assert!(task.causes[0].contains(ERROR_TEXT), "{task:?}");
    assert!(task.entries.is_empty());
}

#[test]
fn a_pod_that_was_replaced_before_the_second_look_is_said_to_be() {
    let api = with_log(|_| Reply::text(ERROR_TEXT));
    api.on_path(POD_PATH, |_| Reply::json(&json!({ "metadata": { "name": POD, "uid": "another" } })));
    let bundle = collect(&api).bundle();
    assert!(bundle.outcome(CURRENT, Outcome::Absent).causes[0].contains("replaced"));
}

#[test]
fn what_the_api_server_has_no_log_for_is_absent() {
    let waiting = "container \"server\" in pod \"x\" is waiting to start: ContainerCreating";
    let none = "previous terminated container \"server\" in pod \"x\" not found";
    let cases = [
        (Reply::no_content(), "not scheduled"),
        (Reply::status(400, "BadRequest", waiting), "waiting to start"),
        (Reply::status(400, "BadRequest", none), "not found"),
        (Reply::status(404, "NotFound", "pods \"x\" not found"), "deleted after it was listed"),
    ];
    for (reply, cause) in cases {
        let api = with_log(move |_| reply.clone());
        let ended = collect(&api).exits(0);
        let bundle = ended.bundle();
        let task = bundle.outcome(CURRENT, Outcome::Absent);
        assert!(task.causes[0].contains(cause), "{task:?}");
    }
}

#[test]
fn what_is_refused_names_the_right() {
    let api = with_log(|_| Reply::forbidden());
    let bundle = collect(&api).exits(3).bundle();
    let hint = bundle.outcome(CURRENT, Outcome::Forbidden).hint.clone().expect("a hint");
    assert!(hint.contains("get pods/log in namespace tdd-one"), "{hint}");
}

#[test]
fn another_bad_request_is_a_failure() {
    let api = with_log(|_| Reply::status(400, "BadRequest", "a container name must be specified"));
    let bundle = collect(&api).exits(3).bundle();
    bundle.outcome(CURRENT, Outcome::Failed);
}

#[test]
fn of_a_crash_loop_the_last_run_is_the_previous_log_and_taken_once() {
    let mut world = restarted(json!({ "waiting": { "reason": "CrashLoopBackOff" } }), panicked());
    world.log(NAMESPACE, POD, true, LOG);
    let api = world.serve();
    let bundle = collect(&api).exits(0).bundle();
    assert!(bundle.outcome(CURRENT, Outcome::Absent).causes[0].contains("CrashLoopBackOff"));
    assert_eq!(bundle.entry(PREVIOUS).1, LOG);
    let asked = api.asked_for(&format!("{POD_PATH}/log"));
    assert!(asked.iter().all(|asked| asked.parameter("previous") == "true"), "{asked:#?}");
}

#[test]
fn a_previous_run_that_ended_before_the_window_is_still_taken_by_its_last_lines() {
    let last = json!({ "terminated": { "exitCode": 1, "startedAt": "2024-03-05T09:00:00Z", "finishedAt": "2024-03-05T09:59:00Z" } });
    let mut world = restarted(json!({ "running": { "startedAt": "2024-03-05T10:00:00Z" } }), last);
    let old = line("09:58:59.5", "panic: the reason");
    world.log(NAMESPACE, POD, true, &old);
    let api = world.serve();
    let bundle = collect(&api).exits(0).bundle();
    assert_eq!(bundle.entry(PREVIOUS).1, old);
    let asked = api.asked_for(&format!("{POD_PATH}/log"));
    let previous =
        asked.iter().find(|asked| asked.parameter("previous") == "true" && !asked.asks_beginning()).expect("a request");
    assert!(!previous.parameter("tailLines").is_empty() && previous.parameter("sinceTime").is_empty(), "{previous:?}");
}

/// A StatefulSet's pod: its name comes again.
fn stateful() -> World {
    let mut world = World::one();
    world.change("pods", POD, |pod| pod["metadata"]["ownerReferences"][0]["kind"] = "StatefulSet".into());
    world
}

#[test]
fn nothing_of_a_pod_that_took_the_name_is_in_the_bundle() {
    let api = stateful().serve();
    api.on_log(POD, false, |_| Reply::text(line("14:00:00.5", "a line of the other pod")));
    api.on_path(POD_PATH, |_| Reply::json(&json!({ "metadata": { "name": POD, "uid": "another" } })));
    let bundle = collect(&api).bundle();
    let task = bundle.outcome(CURRENT, Outcome::Absent);
    assert!(task.causes[0].contains("replaced") && task.entries.is_empty(), "{task:?}");
    assert!(!bundle.holds("a line of the other pod"));
}

#[test]
fn the_same_pod_under_a_name_that_comes_again_is_taken() {
    let api = stateful().serve();
    let bundle = collect(&api).exits(0).bundle();
    assert_eq!(bundle.entry(CURRENT).1, LOG);
    assert_eq!(api.asked_for(POD_PATH).len(), 1);
}

#[test]
fn a_stream_that_stalls_keeps_what_came() {
    let (ended, bundle) = cut(vec![bytes(LOG), Piece::Stall]);
    assert_eq!(ended.code, Some(3));
    bundle.outcome(CURRENT, Outcome::TimedOut);
    let (record, text) = bundle.entry(CURRENT);
    assert_eq!(text, LOG);
    let coverage = record.coverage.as_ref().expect("coverage");
    assert_eq!((coverage.complete, coverage.gap_cause), (false, Some(GapCause::TimedOut)));
}

#[test]
fn a_stream_that_stalls_before_its_first_byte_is_timed_out() {
    let (ended, bundle) = cut(vec![Piece::Stall]);
    assert_eq!(ended.code, Some(3));
    assert!(bundle.outcome(CURRENT, Outcome::TimedOut).entries.is_empty());
}

#[test]
fn a_stream_that_is_slow_is_not_a_stalled_one() {
    let pause = Piece::Pause(std::time::Duration::from_secs(1));
    let pieces = LOG.as_bytes().chunks(LOG.len() / 4).flat_map(|part| [bytes(part), pause.clone()]).collect::<Vec<_>>();
    let api = with_log(move |_| Reply::pieces(pieces.clone()));
    let bundle = Run::collect(&api).args(["--request-timeout", "3s"]).finish().exits(0).bundle();
    assert_eq!(bundle.entry(CURRENT).1, LOG);
}

#[test]
fn a_stream_that_is_reset_keeps_what_came() {
    let gate = Gate::default();
    let api = with_log({
        let gate = gate.clone();
        move |_| Reply::pieces([bytes(LOG), Piece::Until(gate.clone()), Piece::Reset])
    });
    let running = Run::collect(&api).spawn();
    // A reset throws away what was not read yet: by then all else has been answered, and so has this.
    api.wait("the last task", |asked| {
        asked.iter().filter(|asked| asked.path.ends_with("/proxy/metrics")).any(|asked| asked.fate.is_some())
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    gate.open();
    let ended = running.finish().exits(3);
    let bundle = ended.bundle();
    bundle.outcome(CURRENT, Outcome::Truncated);
    let (record, text) = bundle.entry(CURRENT);
    assert_eq!(text, LOG);
    assert_eq!(record.coverage.as_ref().and_then(|coverage| coverage.gap_cause), Some(GapCause::StreamFailed));
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_a_line() {
    let (sent, gate) = (Gate::default(), Gate::default());
    let api = with_log({
        let (sent, gate) = (sent.clone(), gate.clone());
        move |_| {
            let start = bytes("2024-03-05T14:05:00.5Z {\"msg\":\"");
            let end = [bytes("\"}\n"), Piece::Opens(sent.clone()), Piece::Until(gate.clone())];
            Reply::pieces([start, Piece::Times(1024, vec![b'x'; 64 << 10])].into_iter().chain(end))
        }
    });
    let running = Run::collect(&api).args(["--request-timeout", "100s"]).spawn();
    // What was sent was read, but for what the network's buffers hold.
    sent.wait();
    let peak = running.peak_memory();
    gate.open();
    let ended = running.finish().exits(0);
    assert_eq!(ended.bundle().entry(CURRENT).0.bytes, (64 << 20) + 34);
    assert!(peak <= 64 << 20, "{} MiB", peak >> 20);
}

#[test]
fn the_start_is_asked_for_at_the_whole_second_and_cut_exactly() {
    let text = [
        line("14:04:59.9", "before"),
        line("14:05:00.0", "in its second, before"),
        line("14:05:00.5", "at it"),
        line("14:05:00.9", "after"),
    ];
    let api = with_log(move |_| Reply::text(text.concat()));
    let run = Run::collect_of(&api, "2024-03-05T14:05:00.5Z/2024-03-05T14:06:00Z").args(["--before", "0"]);
    let bundle = run.finish().bundle();
    assert_eq!(bundle.entry(CURRENT).1, [line("14:05:00.5", "at it"), line("14:05:00.9", "after")].concat());
    let asked = api.asked_for(&format!("{POD_PATH}/log"));
    let asked = asked.iter().find(|asked| !asked.asks_beginning()).expect("a request");
    assert_eq!(asked.parameter("sinceTime"), "2024-03-05T14:05:00Z");
    assert_eq!(asked.parameter("timestamps"), "true");
}

#[test]
fn lines_behind_the_window_are_cut_and_late_ones_within_it_kept() {
    let within = line("14:19:59.9", "late, of the other stream");
    let text = [
        line("14:20:00", "the end"),
        line("14:20:00.000000001", "past it"),
        within.clone(),
        line("14:20:04.9", "far past it"),
    ];
    let (_, bundle) = cut(vec![bytes(text.concat())]);
    assert_eq!(bundle.entry(CURRENT).1, format!("{}{within}", line("14:20:00", "the end")));
}

#[test]
fn a_stream_is_left_at_the_first_line_five_seconds_past_the_end() {
    let pieces = vec![bytes(LOG), bytes(line("14:20:05.000000001", "past it")), Piece::Stall];
    let api = with_log(move |_| Reply::pieces(pieces.clone()));
    // No idle time could end this one.
    let bundle = Run::collect(&api).args(["--request-timeout", "100s"]).finish().exits(0).bundle();
    assert_eq!(bundle.entry(CURRENT).1, LOG);
    bundle.outcome(CURRENT, Outcome::Collected);
    api.wait("the stream's end", |asked| {
        asked.iter().any(|asked| asked.log().is_some() && asked.fate == Some(Fate::ClientLeft))
    });
}

#[test]
fn a_log_over_the_limit_is_cut_and_named() {
    let one = line("14:00:00.5", &"x".repeat(990));
    let api = with_log(move |_| Reply::pieces([Piece::Forever(one.as_bytes().to_vec())]));
    let bundle = Run::collect(&api).args(["--log-limit", "1MiB"]).finish().exits(3).bundle();
    let task = bundle.outcome(CURRENT, Outcome::Truncated);
    assert!(task.hint.as_ref().is_some_and(|hint| hint.contains("--log-limit")), "{task:?}");
    let (record, _) = bundle.entry(CURRENT);
    assert!((1 << 20..2 << 20).contains(&record.bytes), "{}", record.bytes);
    assert_eq!(record.coverage.as_ref().and_then(|coverage| coverage.gap_cause), Some(GapCause::CutByLimit));
}

#[test]
fn lines_without_a_timestamp_go_with_the_line_before() {
    let text = format!(
        "{}rest of an early one\n{}rest of one in the window\n\n{}rest of a late one\n",
        line("13:00:00", "early"),
        line("14:00:00", "in the window"),
        line("14:20:01", "late"),
    );
    let (_, bundle) = cut(vec![bytes(text)]);
    assert_eq!(bundle.entry(CURRENT).1, format!("{}rest of one in the window\n\n", line("14:00:00", "in the window")));
}

#[test]
fn an_error_text_behind_a_log_is_kept_and_named() {
    let (ended, bundle) = cut(vec![bytes(LOG), bytes("failed to watch the log file")]);
    assert_eq!(ended.code, Some(3));
    let task = bundle.outcome(CURRENT, Outcome::Truncated);
    assert!(task.causes[0].contains("failed to watch the log file"), "{task:?}");
    assert!(bundle.entry(CURRENT).1.starts_with(LOG));
}

#[test]
fn timestamps_of_a_node_in_another_zone_are_the_same_moments() {
    let at = |time: &str, text: &str| format!("2024-03-05T{time}.000000000+09:30 {text}\n");
    let within = [at("23:20:00", "the start"), at("23:50:00", "the end")].concat();
    let text =
        [at("23:19:59", "before"), within.clone(), at("23:50:01", "after"), at("23:50:06", "far after")].concat();
    let (_, bundle) = cut(vec![bytes(text)]);
    assert_eq!(bundle.entry(CURRENT).1, within);
}

#[test]
fn a_log_with_nothing_in_the_window_is_empty_and_leaves_no_file() {
    for text in [String::new(), line("13:00:00", "before"), line("14:30:00", "after")] {
        let (ended, bundle) = cut(vec![bytes(text)]);
        assert_eq!(ended.code, Some(0));
        assert!(bundle.outcome(CURRENT, Outcome::Empty).entries.is_empty());
    }
}

#[test]
fn a_log_file_that_begins_within_the_window_was_rotated() {
    let api = World::one().serve();
    api.on(|asked| asked.asks_beginning().then(|| Reply::text(&LOG[..64])));
    let late = line("14:00:00.5", "after the rotation");
    api.on_log(POD, false, move |_| Reply::text(late.clone()));
    let bundle = collect(&api).bundle();
    let coverage = bundle.entry(CURRENT).0.coverage.clone().expect("coverage");
    assert_eq!((coverage.complete, coverage.gap_cause), (false, Some(GapCause::RotatedAway)));
}

#[test]
fn a_line_that_our_own_limit_cut_in_two_is_no_error_of_the_kubelet() {
    let pieces = vec![bytes(LOG), bytes("2024-03-05T14:1"), Piece::Stall];
    let api = with_log(move |_| Reply::pieces(pieces.clone()));
    let bundle = Run::collect(&api).args(["--request-timeout", "1s"]).finish().bundle();
    let task = bundle.outcome(CURRENT, Outcome::TimedOut);
    assert!(!task.causes.join(" ").contains("kubelet ended"), "{task:?}");
}

/// A log with every kind of line, some of them broken.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let stamped = (0_u32..90, 0_u32..60, "[ -~]{0,40}", any::<bool>()).prop_map(|(minute, second, text, is_far)| {
        let offset = if is_far { "+01:00" } else { "Z" };
        let hour = if is_far { 14 } else { 13 } + (30 + minute) / 60;
        format!("2024-03-05T{hour}:{:02}:{second:02}.123456789{offset} {text}\n", (30 + minute) % 60)
    });
    let line = prop_oneof![6 => stamped, 1 => "[ -~]{0,50}\n", 1 => Just("2024-03-05T14:0\n".to_owned())];
    prop::collection::vec(line, 0..20).prop_map(|lines| lines.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 8, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_cut_is_the_same_for_every_chunking(logs in prop::collection::vec((lines(), 1_usize..40), 12)) {
        // One run for many logs, each a pod's: whole by `previous`, in pieces by the current one.
        let mut world = restarted(json!({ "running": { "startedAt": "2024-03-05T10:00:00Z" } }), json!({ "terminated": { "exitCode": 1, "finishedAt": "2024-03-05T14:30:00Z" } }));
        let mut names = vec![POD.to_owned()];
        for number in 1..logs.len() {
            let name = format!("spirl-server-7f9c-{number}");
            world.server(NAMESPACE, &name);
            world.change("pods", &name, |pod| {
                pod["status"]["containerStatuses"][0]["lastState"] = json!({ "terminated": { "exitCode": 1, "finishedAt": "2024-03-05T14:30:00Z" } });
            });
            names.push(name);
        }
        let api = world.serve();
        for (name, (log, size)) in names.iter().zip(&logs) {
            let whole = log.clone();
            api.on_log(name, true, move |_| Reply::text(whole.clone()));
            let pieces: Vec<Piece> = log.chunks(*size).map(bytes).collect();
            api.on_log(name, false, move |_| Reply::pieces(pieces.clone()));
        }
        let bundle = Run::collect(&api).args(["--skip", "scrapes"]).finish().bundle();
        for (name, (log, size)) in names.iter().zip(&logs) {
            let of = |ending: &str| {
                let task = bundle.task(&format!("log/{NAMESPACE}/{name}/server{ending}"));
                // An error text in a log's place: a run before is gone then, and the current one failed.
                let outcome = if task.outcome == Outcome::Absent { Outcome::Failed } else { task.outcome };
                (outcome, task.entries.first().map(|path| bundle.text(path)))
            };
            prop_assert_eq!(of(""), of("/previous"), "in pieces of {} bytes: {}", size, String::from_utf8_lossy(log));
        }
    }
}
