//! Following logs until the window closes: across streams that break, stall or end, each line once.

use super::logs::{CURRENT, ERROR_TEXT, PREVIOUS};
use crate::support::{
    Api, Asked, Piece, Reply, Run, World,
    run::{Bundle, files},
    world::POD,
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kubectl_escalate::bundle::{Ended, GapCause, Outcome};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A log that is written while the test goes on, a line every tenth of a second, and the number of the line
/// that its newest file begins with.
#[derive(Clone)]
struct Log(DateTime<Utc>, Arc<AtomicUsize>);

impl Log {
    fn line(&self, number: i64) -> String {
        let at = self.0 + TimeDelta::milliseconds(100 * number);
        format!("{} line {number}\n", at.to_rfc3339_opts(SecondsFormat::Nanos, true))
    }

    /// What is written by now.
    fn now(&self) -> Vec<String> {
        let written = (Utc::now() - self.0).num_milliseconds() / 100;
        let file = i64::try_from(self.1.load(Ordering::Acquire)).unwrap_or_default();
        (file..written).map(|number| self.line(number)).collect()
    }

    /// The node begins a new file, three lines ago.
    fn rotate(&self) {
        let written = self.now().len() + self.1.load(Ordering::Acquire);
        self.1.store(written - 3, Ordering::Release);
    }

    fn since(&self, asked: &Asked) -> Vec<String> {
        let since = asked.parameter("sinceTime").trim_end_matches('Z').to_owned();
        self.now().into_iter().filter(|line| *line >= since).collect()
    }
}

/// A world whose log goes on; `follow` answers requests that follow it, counted from 0.
fn world(follow: impl Fn(usize, Vec<String>) -> Reply + Send + Sync + 'static) -> (Api, Log) {
    rotating(move |number, lines, _| follow(number, lines()))
}

/// The same, of which `follow` may rotate the log before it looks at its lines.
fn rotating(follow: impl Fn(usize, &dyn Fn() -> Vec<String>, &Log) -> Reply + Send + Sync + 'static) -> (Api, Log) {
    let log = Log(Utc::now() - TimeDelta::seconds(3), Arc::default());
    let mut world = World::one();
    let start = (log.0 - TimeDelta::hours(1)).to_rfc3339_opts(SecondsFormat::Secs, true);
    world.change("pods", POD, |pod| {
        pod["status"]["containerStatuses"][0]["state"] = json!({ "running": { "startedAt": start } });
    });
    let api = world.serve();
    let (text, count) = (log.clone(), AtomicUsize::new(0));
    api.on(move |asked| {
        let (_, pod, ..) = asked.log().filter(|(.., previous)| !previous)?;
        assert_eq!(pod, POD);
        if asked.asks_beginning() {
            return Some(Reply::text("2020-01-01T00:00:00.000000000Z started\n"));
        }
        match asked.parameter("follow") {
            "true" => Some(follow(count.fetch_add(1, Ordering::AcqRel), &|| text.since(asked), &text)),
            _ => Some(Reply::text(text.since(asked).concat())),
        }
    });
    (api, log)
}

fn wait(api: &Api) -> Run {
    Run::collect_of(api, "-1s").args(["--before", "10s", "--after", "12s", "--wait", "--request-timeout", "2s"])
}

/// Asserts that the log has each line of the window once and in order.
fn assert_whole(bundle: &Bundle, log: &Log) {
    let text = bundle.entry(CURRENT).1;
    let end = bundle.manifest().window_end;
    let expected: Vec<String> = (0..)
        .map(|number| log.line(number))
        .take_while(|line| line[..30].parse::<DateTime<Utc>>().unwrap() <= end)
        .collect();
    let (had, wanted): (Vec<&str>, Vec<&str>) =
        (text.lines().collect(), expected.iter().map(|it| it.trim_end()).collect());
    assert_eq!(had, wanted);
    let container = &bundle.manifest().containers[0];
    assert!(container.complete, "{container:#?}");
}

#[test]
fn a_log_is_followed_across_whatever_ends_its_stream() {
    // The first breaks within a line, the second is the kubelet's error, the third is a refusal, the fourth
    // stalls, the fifth ends though the container has not.
    let (api, log) = world(|number, lines| match number {
        0 => {
            let all = lines.concat();
            let half = all.len() - 12;
            Reply::pieces([Piece::Bytes(all[..half].into()), Piece::Reset])
        }
        1 => Reply::text(ERROR_TEXT),
        2 => Reply::status(500, "InternalError", "the kubelet is being restarted"),
        3 => Reply::pieces([Piece::Bytes(lines.concat().into()), Piece::Stall]),
        _ => Reply::text(lines.concat()),
    });
    let ended = wait(&api).finish().exits(0);
    let bundle = ended.bundle();
    assert_whole(&bundle, &log);
    assert_eq!(files(&ended.out()).len(), 1, "the first bundle has become the whole one");
    assert_eq!(bundle.manifest().ended, Ended::Finished);
    assert!(ended.stderr.contains("has what was collected so far; following the logs until"), "{}", ended.stderr);
    let follows = api.asked().iter().filter(|asked| asked.parameter("follow") == "true").count();
    assert!(follows >= 4, "{follows} streams");
}

#[test]
fn a_terminal_shows_what_is_followed_and_may_go_away() {
    /// What has arrived so far, and from where.
    const SHOWN: &str = " kB · log of spirl-server";
    let (api, log) = world(|_, lines| Reply::pieces([Piece::Bytes(lines.concat().into()), Piece::Stall]));
    let running = wait(&api).on_terminal_until(SHOWN).spawn();
    running.loses_terminal();
    let ended = running.finish();
    let until = ended.stderr.rsplit_once("following 1 log until ").expect("the logs are followed").1;
    let left = until.split_once("Z, ").expect("a time").1;
    assert!(left.contains(" s left · ") && left.contains(SHOWN), "{left}");
    let names = files(&ended.out());
    assert!(names.len() == 1, "{names:?}");
    assert_whole(&Bundle::open(&ended.out().join(&names[0])), &log);
}

#[test]
fn an_interrupt_ends_the_waiting_and_keeps_what_came() {
    let (api, log) = world(|_, lines| Reply::pieces([Piece::Bytes(lines.concat().into()), Piece::Stall]));
    let run = Run::collect_of(&api, "-1s").args(["--before", "10s", "--after", "10m", "--wait"]).spawn();
    run.hears("the logs are followed until");
    api.wait("it is followed", |asked| asked.iter().any(|asked| asked.parameter("follow") == "true"));
    std::thread::sleep(std::time::Duration::from_millis(300));
    run.signal(Signal::INT);
    let ended = run.finish().exits(130);
    let bundle = ended.bundle();
    let text = bundle.entry(CURRENT).1;
    assert!(text.starts_with(&log.line(0)) && text.lines().count() >= 30, "{text}");
    assert_eq!(bundle.manifest().ended, Ended::Interrupted);
    // What the first collection got is all there.
    bundle.outcome("list/tdd-one/pods", Outcome::Collected);
    assert_eq!(files(&ended.out()).len(), 1);
}

/// The moment in `at`, once there is one and it has passed.
fn passed(at: &AtomicUsize) -> Option<DateTime<Utc>> {
    let at = i64::try_from(at.load(Ordering::Acquire)).ok().filter(|at| *at > 0)?;
    DateTime::from_timestamp(at, 0).filter(|at| *at <= Utc::now())
}

#[test]
fn lines_that_are_rotated_away_while_no_stream_is_open_are_a_gap() {
    // The first stream breaks, and the next begins with a newer file.
    let (api, log) = rotating(|number, lines, log| {
        if number == 1 {
            log.rotate();
        }
        let end = if number == 0 { Piece::Reset } else { Piece::Stall };
        Reply::pieces([Piece::Bytes(lines().concat().into()), end])
    });
    let bundle = wait(&api).finish().bundle();
    let text = bundle.entry(CURRENT).1;
    let numbers: Vec<i64> = text.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    let jumps: Vec<_> = numbers.windows(2).filter(|pair| pair[0] + 1 != pair[1]).collect();
    let [jump] = jumps[..] else { panic!("one jump in {numbers:?}") };
    let missing: Vec<_> = bundle.manifest().containers[0].gaps.iter().filter(|gap| gap.missing).collect();
    let [gap] = missing[..] else { panic!("one gap in {missing:#?}") };
    let at = |number: i64| log.line(number)[..30].parse::<DateTime<Utc>>().unwrap();
    assert_eq!((gap.to, gap.cause), (at(jump[1]), GapCause::RotatedAway));
    assert!((gap.from - at(jump[0])).abs() < TimeDelta::seconds(1), "{gap:?}");
}

#[test]
fn a_restart_while_it_is_followed_gives_both_runs() {
    let (api, log) = world(|_, lines| Reply::text(lines.concat()));
    let restarted = Arc::new(AtomicUsize::new(0));
    let (at, text) = (restarted.clone(), log.clone());
    api.on(move |asked| {
        // The stream has ended; the pod's status says that the container was started again.
        let (_, _, _, previous) = asked.log()?;
        let is_follow = asked.parameter("follow") == "true";
        if is_follow && at.load(Ordering::Acquire) == 0 {
            at.store(usize::try_from(Utc::now().timestamp() + 1).unwrap_or_default(), Ordering::Release);
            return None;
        }
        let start = passed(&at)?;
        let is_of = |line: &String| (line[..30].parse::<DateTime<Utc>>().unwrap() < start) == previous;
        if asked.asks_beginning() {
            return None;
        }
        Some(Reply::text(text.since(asked).into_iter().filter(is_of).collect::<String>()))
    });
    let (at, started) = (restarted, log.0 - TimeDelta::hours(1));
    api.on(move |asked| {
        let now = passed(&at)?;
        if !asked.path.ends_with("/pods") {
            return None;
        }
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut pod: Value = crate::support::world::pod("tdd-one", POD);
        let status = &mut pod["status"]["containerStatuses"][0];
        status["restartCount"] = 1.into();
        status["state"] = json!({ "running": { "startedAt": time(now) } });
        let ended = json!({ "exitCode": 1, "startedAt": time(started), "finishedAt": time(now) });
        status["lastState"] = json!({ "terminated": ended });
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        Some(Reply::json(
            &json!({ "kind": "PodList", "apiVersion": "v1", "metadata": { "resourceVersion": "2" }, "items": [pod] }),
        ))
    });
    let bundle = wait(&api).finish().bundle();
    let (before, after) = (bundle.entry(PREVIOUS).1, bundle.entry(CURRENT).1);
    let both = format!("{before}{after}");
    let end = bundle.manifest().window_end;
    let lines: Vec<String> = (0..).map(|number| log.line(number)).take(both.lines().count()).collect();
    assert_eq!(both, lines.concat(), "each line once, in one of the two");
    assert!(
        both.lines()
            .last()
            .is_some_and(|last| last[..30].parse::<DateTime<Utc>>().unwrap() > end - TimeDelta::seconds(1))
    );
    assert!(!before.is_empty() && !after.is_empty());
}

#[test]
fn nothing_is_waited_for_when_the_window_is_over() {
    let api = World::one().serve();
    let ended = Run::collect(&api).args(["--wait"]).finish().exits(0);
    assert!(ended.stderr.contains("the window has ended, so there is nothing to wait for"), "{}", ended.stderr);
}
