//! `facts::coverage`: what each observation says of the window, how runs are joined, and the words for
//! what is missing.

mod properties;

use chrono::{DateTime, TimeDelta, Utc};
use kubectl_escalate::{
    bundle::{ContainerCoverage, Gap, GapCause, Interval, Manifest},
    facts::coverage::{self, ContainerHistory, Events, FileStart, LogReading, ObservedRun, Reason, RunLog, Timeline},
};

/// A moment, in milliseconds after that at which every window here begins.
fn at(millis: i64) -> DateTime<Utc> {
    "2026-11-22T14:00:00Z".parse::<DateTime<Utc>>().expect("a time") + TimeDelta::milliseconds(millis)
}

fn interval(from: i64, to: i64) -> Interval {
    Interval { from: at(from), to: at(to) }
}

/// Half an hour.
const END: i64 = 1_800_000;

fn window() -> Interval {
    interval(0, END)
}

fn gap(from: i64, to: i64, cause: GapCause, missing: bool) -> Gap {
    Gap { from: at(from), to: at(to), cause, text: format!("{cause:?} {missing}"), missing }
}

/// A reading of a log that began before the window, until its end.
fn stream() -> LogReading {
    LogReading {
        from: Some(at(0)),
        begins: FileStart::At(at(-3_600_000)),
        first: Some(at(500)),
        last: Some(at(END - 500)),
        until: at(END + 60_000),
        stopped: None,
    }
}

/// A container that was started a day ago and never again.
fn steady(stream: LogReading) -> ContainerHistory {
    let run = ObservedRun { started: Some(at(-86_400_000)), ended: None, log: RunLog::Read(vec![stream]) };
    ContainerHistory {
        pod_started: run.started,
        seen: at(END + 30_000),
        restarts: 0,
        waits: None,
        gone: false,
        runs: vec![run],
    }
}

#[track_caller]
fn is_exactly(window: Interval, timeline: &Timeline) {
    let mut parts = timeline.covered.clone();
    parts.extend(timeline.gaps.iter().map(|gap| Interval { from: gap.from, to: gap.to }));
    parts.sort();
    assert_eq!(parts.first().map(|part| part.from), Some(window.from), "{timeline:?}");
    assert_eq!(parts.last().map(|part| part.to), Some(window.to), "{timeline:?}");
    assert!(parts.windows(2).all(|pair| pair[0].to == pair[1].from), "{timeline:?}");
    assert!(parts.iter().all(|part| part.from < part.to) || parts.len() == 1, "{timeline:?}");
    assert!(timeline.covered.is_sorted() && timeline.gaps.is_sorted_by_key(|gap| gap.from), "{timeline:?}");
}

/// The gaps of a container, in milliseconds, and whether something may be missing.
#[track_caller]
fn lacks(life: &ContainerHistory, expected: &[(i64, i64, GapCause, bool)]) {
    let timeline = coverage::of_container(window(), life);
    is_exactly(window(), &timeline);
    let millis = |at: DateTime<Utc>| (at - window().from).num_milliseconds();
    let gaps: Vec<_> =
        timeline.gaps.iter().map(|gap| (millis(gap.from), millis(gap.to), gap.cause, gap.missing)).collect();
    assert_eq!(gaps, expected, "{timeline:#?}");
    assert_eq!(timeline.is_complete(), expected.iter().all(|(.., missing)| !missing));
}

#[test]
fn a_log_read_to_its_end_covers_the_window() {
    lacks(&steady(stream()), &[]);
    // What was silent all the time is covered, too: the file says that it began before.
    lacks(&steady(LogReading { first: None, last: None, ..stream() }), &[]);
}

#[test]
fn a_cut_begins_right_after_the_last_line() {
    for cause in [GapCause::CutByLimit, GapCause::StreamFailed, GapCause::TimedOut, GapCause::Cancelled] {
        let stopped = Some(Reason { cause, text: String::new() });
        let cut = LogReading { last: Some(at(600_001)), stopped, ..stream() };
        lacks(&steady(cut.clone()), &[(600_001, END, cause, true)]);
        // Nothing says what came before the first line, when nobody could be asked any more.
        let untold = LogReading { begins: FileStart::Unknown, first: Some(at(60_000)), ..cut.clone() };
        lacks(&steady(untold), &[(0, 60_000, cause, true), (600_001, END, cause, true)]);
        lacks(&steady(LogReading { first: None, last: None, ..cut }), &[(0, END, cause, true)]);
    }
}

#[test]
fn a_file_that_begins_in_the_window_has_lost_what_came_before() {
    let rotated = LogReading { begins: FileStart::At(at(300_000)), first: Some(at(300_000)), ..stream() };
    lacks(&steady(rotated.clone()), &[(0, 300_000, GapCause::RotatedAway, true)]);
    // Its container was started right before, in the second that the status names.
    let mut young = steady(rotated.clone());
    young.runs[0].started = Some(at(291_000));
    lacks(&young, &[(0, 292_000, GapCause::ContainerNotStarted, false)]);
    // A while before, in the window: it may have been silent.
    young.runs[0].started = Some(at(200_000));
    let not_started = (0, 200_000, GapCause::ContainerNotStarted, false);
    lacks(&young, &[not_started, (200_000, 300_000, GapCause::Unknown, true)]);
    // The next file began while this one was read.
    let mut late = steady(LogReading { first: Some(at(100_000)), last: Some(at(250_000)), ..rotated });
    late.runs[0].started = Some(at(-1000));
    let untold = (0, 100_000, GapCause::Unknown, true);
    lacks(&late, &[untold, (250_000, END, GapCause::RotatedAway, true)]);
}

#[test]
fn an_empty_file_says_nothing_unless_its_container_has_just_started() {
    let mut life = steady(LogReading { begins: FileStart::Empty, first: None, last: None, ..stream() });
    lacks(&life, &[(0, END, GapCause::Unknown, true)]);
    life.runs[0].started = Some(at(END - 5000));
    life.runs[0].ended = Some(at(END - 1000));
    let before = (0, END - 4000, GapCause::ContainerNotStarted, false);
    lacks(&life, &[before, (END - 1000, END, GapCause::ContainerEnded, false)]);
}

#[test]
fn rotated_files_that_were_read_close_their_gap() {
    let file = |from, to| LogReading {
        begins: FileStart::At(at(from)),
        first: Some(at(from.max(0))),
        last: Some(at(to - 1)),
        until: at(to),
        ..stream()
    };
    let mut life = steady(file(-500, 400_000));
    let newest = LogReading { begins: FileStart::At(at(900_000)), first: Some(at(900_000)), ..stream() };
    let files = |files: &[LogReading]| RunLog::Read(files.to_vec());
    life.runs[0].log = files(&[file(-500, 400_000), file(400_000, 900_000), newest.clone()]);
    lacks(&life, &[]);
    life.runs[0].log = files(&[file(-500, 400_000), newest.clone()]);
    lacks(&life, &[(400_000, 900_000, GapCause::RotatedAway, true)]);
    life.runs[0].log = files(&[file(400_000, 900_000), newest]);
    lacks(&life, &[(0, 400_000, GapCause::RotatedAway, true)]);
}

#[test]
fn a_log_that_is_followed_closes_the_end_of_the_window() {
    let first = LogReading { until: at(600_000), last: Some(at(599_000)), ..stream() };
    let open = ContainerHistory { seen: at(590_000), ..steady(first.clone()) };
    lacks(&open, &[(600_000, END, GapCause::WindowNotOver, true)]);
    let mut followed = open;
    followed.runs[0].log = RunLog::Read(vec![first, LogReading { from: Some(at(599_000)), ..stream() }]);
    lacks(&followed, &[]);
}

/// A container that ended and was started again, the run before being its first.
fn restarted() -> ContainerHistory {
    let run = |started, ended: Option<i64>| {
        let (last, until) = (ended.unwrap_or(END), END + 60_000);
        let stream = LogReading {
            begins: FileStart::At(at(started + 100)),
            first: Some(at(started + 100)),
            last: Some(at(last + 400)),
            until: at(until),
            ..stream()
        };
        ObservedRun { started: Some(at(started)), ended: ended.map(at), log: RunLog::Read(vec![stream]) }
    };
    ContainerHistory {
        pod_started: Some(at(57_000)),
        seen: at(END + 30_000),
        restarts: 1,
        waits: None,
        gone: false,
        runs: vec![run(60_000, Some(600_000)), run(640_000, None)],
    }
}

#[test]
fn the_runs_of_a_container_are_joined() {
    // Starts and ends are known to the second; lines tell more.
    let not_started = (0, 60_100, GapCause::ContainerNotStarted, false);
    lacks(&restarted(), &[not_started, (600_400, 640_100, GapCause::ContainerEnded, false)]);

    let mut waits = restarted();
    waits.runs.pop();
    waits.restarts = 0;
    waits.waits = Some("CrashLoopBackOff".to_owned());
    lacks(&waits, &[not_started, (600_400, END, GapCause::ContainerEnded, false)]);
    waits.seen = at(900_000);
    waits.runs[0].log = RunLog::Missing(Reason { cause: GapCause::Forbidden, text: String::new() });
    lacks(
        &waits,
        &[
            (0, 60_000, GapCause::ContainerNotStarted, false),
            (60_000, 601_000, GapCause::Forbidden, true),
            (601_000, 900_000, GapCause::ContainerEnded, false),
            (900_000, END, GapCause::WindowNotOver, true),
        ],
    );
}

#[test]
fn runs_that_the_restarts_count_and_the_node_has_not_are_gone() {
    let mut life = ContainerHistory { restarts: 4, ..restarted() };
    let before =
        [(0, 57_000, GapCause::ContainerNotStarted, false), (57_000, 60_100, GapCause::PreviousInstanceGone, true)];
    let between = (600_400, 640_100, GapCause::ContainerEnded, false);
    lacks(&life, &[before[0], before[1], between]);
    // Of the run before, the status may know nothing: then its log says when it began.
    life.runs[0] = ObservedRun { started: None, ended: None, ..life.runs[0].clone() };
    lacks(&life, &[before[0], (57_000, 60_100, GapCause::PreviousInstanceGone, true)]);
    life.runs[0].log = RunLog::Missing(Reason { cause: GapCause::PreviousInstanceGone, text: String::new() });
    lacks(&life, &[before[0], (57_000, 640_100, GapCause::PreviousInstanceGone, true)]);
    // Before the window they need not be had.
    life.pod_started = Some(at(-86_400_000));
    life.runs[0].started = Some(at(-3_600_000));
    life.runs[0].ended = Some(at(-1000));
    life.runs[1].started = Some(at(-1000));
    life.runs[1].log = RunLog::Read(vec![stream()]);
    lacks(&life, &[]);
}

#[test]
fn a_restart_since_the_pod_was_listed_costs_the_run_that_was_meant() {
    let stream = LogReading { begins: FileStart::Restarted(at(700_000)), first: Some(at(700_000)), ..stream() };
    lacks(&steady(stream.clone()), &[(0, 700_000, GapCause::PreviousInstanceGone, true)]);
    // Where the log asked for as the previous one was of another run, its stamps say so.
    let mut swapped = restarted();
    swapped.runs[0].ended = Some(at(200_000));
    swapped.runs[0].log = RunLog::Read(vec![LogReading {
        begins: FileStart::At(at(640_200)),
        first: Some(at(640_200)),
        last: Some(at(699_000)),
        ..stream.clone()
    }]);
    swapped.runs[1].log = RunLog::Read(vec![stream]);
    lacks(
        &swapped,
        &[
            (0, 60_000, GapCause::ContainerNotStarted, false),
            (60_000, 200_000, GapCause::PreviousInstanceGone, true),
            (200_000, 640_000, GapCause::ContainerEnded, false),
            (640_000, 640_200, GapCause::PreviousInstanceGone, true),
            (699_000, 700_000, GapCause::PreviousInstanceGone, true),
        ],
    );
}

#[test]
fn a_container_that_never_ran_lacks_nothing_until_it_was_seen() {
    let life = ContainerHistory { runs: Vec::new(), waits: Some("ContainerCreating".to_owned()), ..steady(stream()) };
    lacks(&life, &[(0, END, GapCause::ContainerNotStarted, false)]);
    let mut open = ContainerHistory { seen: at(600_000), ..life };
    let not_over = (600_000, END, GapCause::WindowNotOver, true);
    lacks(&open, &[(0, 600_000, GapCause::ContainerNotStarted, false), not_over]);
    // What the log itself says is no other thing.
    open.runs = vec![ObservedRun { started: None, ended: None, log: RunLog::Never }];
    lacks(&open, &[(0, 600_000, GapCause::ContainerNotStarted, false), not_over]);
}

#[test]
fn a_log_that_was_not_had_is_one_gap_over_the_window() {
    let causes = [
        GapCause::Forbidden,
        GapCause::StreamFailed,
        GapCause::TimedOut,
        GapCause::Cancelled,
        GapCause::Skipped,
        GapCause::PreviousInstanceGone,
    ];
    for cause in causes {
        let mut life = ContainerHistory { seen: at(60_000), ..steady(stream()) };
        life.runs[0].log = RunLog::Missing(Reason { cause, text: String::new() });
        lacks(&life, &[(0, END, cause, true)]);
    }
}

#[test]
fn events_reach_back_an_hour_or_as_far_as_the_oldest() {
    let reach = |asked, oldest: Option<i64>, broken: Option<&str>| {
        let events = Events {
            asked: at(asked),
            oldest: oldest.map(at),
            first: oldest.map(at),
            last: oldest.map(at),
            count: 1,
            broken: broken.map(str::to_owned),
        };
        let coverage = coverage::of_events(window(), &events);
        is_exactly(window(), &Timeline { covered: coverage.covered.clone(), gaps: coverage.gaps.clone() });
        coverage.gaps.iter().map(|gap| (gap.from, gap.to, gap.cause)).collect::<Vec<_>>()
    };
    let hour = 3_600_000;
    assert_eq!(reach(END, None, None), []);
    assert_eq!(reach(hour + 600_000, None, None), [(at(0), at(600_000), GapCause::Expired)]);
    assert_eq!(reach(hour + 600_000, Some(900_000), None), [(at(0), at(600_000), GapCause::Expired)]);
    assert_eq!(reach(hour + 600_000, Some(60_000), None), [(at(0), at(60_000), GapCause::Expired)]);
    assert_eq!(reach(9 * hour, Some(-1), None), []);
    assert_eq!(reach(9 * hour, None, None), [(at(0), at(END), GapCause::Expired)]);
    assert_eq!(reach(600_000, None, None), [(at(600_000), at(END), GapCause::WindowNotOver)]);
    assert_eq!(reach(END, Some(-1), Some("reset")), [(at(0), at(END), GapCause::StreamFailed)]);
}

#[test]
fn the_first_gap_in_which_something_may_be_missing_is_that_of_format_1() {
    let harmless = gap(0, 60_000, GapCause::ContainerNotStarted, false);
    let missing = gap(60_000, 120_000, GapCause::RotatedAway, true);
    let of = |reasons: &[Gap]| Timeline::new(window(), &[interval(120_000, END)], reasons).coverage(None, None, 7);
    let coverage = of(&[harmless.clone(), missing.clone()]);
    assert_eq!((coverage.gap_cause, coverage.complete, coverage.lines), (Some(GapCause::RotatedAway), false, 7));
    assert_eq!(coverage.gap, Some(missing.text));
    let coverage = of(&[gap(0, 120_000, GapCause::ContainerNotStarted, false)]);
    assert_eq!((coverage.gap_cause, coverage.complete), (Some(GapCause::ContainerNotStarted), true));
    let coverage = Timeline::new(window(), &[window()], &[]).coverage(None, None, 0);
    assert_eq!((coverage.gap, coverage.gap_cause, coverage.complete), (None, None, true));
}

// ---- In words ----

fn manifest(containers: Vec<Vec<Gap>>) -> Manifest {
    let mut manifest = Manifest::new(at(END), window().from, window().to);
    let container = |(number, gaps)| ContainerCoverage {
        uid: None,
        runs: Vec::new(),
        cluster: "prod".to_owned(),
        namespace: "tdd-one".to_owned(),
        pod: format!("server-{number}"),
        container: "server".to_owned(),
        covered: Vec::new(),
        gaps,
        complete: false,
    };
    manifest.containers = containers.into_iter().enumerate().map(container).collect();
    manifest
}

#[test]
fn a_container_has_a_line_where_something_is_missing() {
    let gaps = vec![
        gap(0, 60_000, GapCause::ContainerNotStarted, false),
        gap(60_000, 135_000, GapCause::RotatedAway, true),
        gap(1_000_000, 1_500_000, GapCause::CutByLimit, true),
    ];
    let lines =
        coverage::missing_logs(&manifest(vec![gaps, vec![gap(0, END, GapCause::ContainerEnded, false)], Vec::new()]));
    assert_eq!(
        lines,
        [
            "log of server-0/server lacks 1.2 min, 2026-11-22T14:01:00Z to 2026-11-22T14:02:15Z: rotated-away -> --rotated-logs reads the node's older files, while they exist, and \
          8.3 min, 2026-11-22T14:16:40Z to 2026-11-22T14:25:00Z: cut-by-limit -> raise --log-limit, or narrow the window"
        ]
    );
}

#[test]
fn what_many_containers_lack_is_one_line() {
    let forbidden = || vec![gap(0, END, GapCause::Forbidden, true)];
    let lines = coverage::missing_logs(&manifest((0..40).map(|_| forbidden()).collect()));
    assert_eq!(
        lines,
        ["logs of 40 containers (server-0/server, …) lack 30 min, 2026-11-22T14:00:00Z to 2026-11-22T14:30:00Z: \
          forbidden -> `kubectl-escalate rbac -n tdd-one` prints the role"]
    );
    let open = |from: i64| vec![gap(from, END, GapCause::WindowNotOver, true)];
    let lines = coverage::missing_logs(&manifest(vec![open(END - 90_000), open(END - 89_000), open(END - 59_999)]));
    assert_eq!(
        lines,
        [
            "logs of 3 containers (server-0/server, …) lack up to 1.5 min, 2026-11-22T14:28:30Z to 2026-11-22T14:30:00Z: \
          window-not-over -> complete it after 2026-11-22T14:30:00Z, or collect with --wait"
        ]
    );
}
