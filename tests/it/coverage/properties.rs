//! Whatever is observed: the window is exactly what is covered and what is not, and nothing is covered
//! that was not read.

use super::{END, at, gap, interval, is_exactly, window};
use chrono::SubsecRound as _;
use kubectl_escalate::{
    bundle::{Gap, GapCause, Interval},
    facts::coverage::{self, ContainerHistory, FileStart, LogReading, ObservedRun, Reason, RunLog, Timeline},
};
use proptest::prelude::*;

fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -600_000..2_400_000_i64, 1 => Just(0), 1 => Just(END)]
}

fn cause() -> impl Strategy<Value = GapCause> {
    prop::sample::select(vec![GapCause::Forbidden, GapCause::TimedOut, GapCause::CutByLimit])
}

fn any_stream() -> impl Strategy<Value = LogReading> {
    let begins = prop_oneof![
        3 => moment().prop_map(|time| FileStart::At(at(time))),
        1 => moment().prop_map(|time| FileStart::Restarted(at(time))),
        1 => Just(FileStart::Empty),
        1 => Just(FileStart::Unknown),
    ];
    let time = || prop::option::of(moment().prop_map(at));
    let stopped = prop::option::weighted(0.3, cause().prop_map(|cause| Reason { cause, text: String::new() }));
    (time(), begins, time(), time(), moment(), stopped).prop_map(|(from, begins, first, last, until, stopped)| {
        LogReading { from, begins, first, last, until: at(until), stopped }
    })
}

fn any_run() -> impl Strategy<Value = ObservedRun> {
    let log = prop_oneof![
        4 => prop::collection::vec(any_stream(), 0..3).prop_map(RunLog::Read),
        1 => cause().prop_map(|cause| RunLog::Missing(Reason { cause, text: String::new() })),
        1 => Just(RunLog::Never),
    ];
    let time = || prop::option::of(moment().prop_map(at));
    (time(), time(), log).prop_map(|(started, ended, log)| ObservedRun { started, ended, log })
}

fn any_life() -> impl Strategy<Value = ContainerHistory> {
    let time = prop::option::of(moment().prop_map(at));
    (time, moment(), 0_u32..5, prop::option::of("[A-Z]{3}"), prop::collection::vec(any_run(), 0..3)).prop_map(
        |(pod_started, seen, restarts, waits, runs)| ContainerHistory {
            pod_started,
            seen: at(seen),
            restarts,
            waits,
            gone: false,
            runs,
        },
    )
}

/// What truly happened to a container, in milliseconds: for each run its start, its end, its lines and
/// when its log got a new file.
#[derive(Clone, Debug)]
struct History {
    runs: Vec<(i64, i64, Vec<i64>, Vec<i64>)>,
    /// When it was collected, and whether the last run was still going on.
    now: i64,
    goes_on: bool,
    /// After how many lines of the window reading is cut, and whether its beginning is asked for then.
    limit: Option<(usize, bool)>,
    /// Whether the log of the run before could not be had.
    is_lost: bool,
}

fn history() -> impl Strategy<Value = History> {
    let moments = || prop::collection::vec(0.0..1.0_f64, 0..12);
    let run = (0_i64..30_000, 100_i64..1_500_000, moments(), prop::collection::vec(0.0..1.0_f64, 0..2));
    let limit = prop::option::of((0_usize..8, any::<bool>()));
    (prop::collection::vec(run, 1..4), -2_000_000_i64..1_000_000, any::<bool>(), limit, any::<bool>()).prop_map(
        |(parts, start, goes_on, limit, is_lost)| {
            let mut time = start;
            let mut runs = Vec::new();
            for (pause, length, lines, files) in parts {
                let (from, to) = (time + pause, time + pause + length);
                let mut lines: Vec<i64> = lines.iter().map(|part| from + (part * length as f64) as i64).collect();
                lines.sort_unstable();
                // A log that was rotated in its first seconds could not be told from one that began then.
                let files = files.iter().map(|part| from + (part * length as f64) as i64);
                runs.push((from, to, lines, files.filter(|file| *file > from + 12_000).collect()));
                time = to;
            }
            History { runs, now: time + if goes_on { 0 } else { 500 }, goes_on, limit, is_lost }
        },
    )
}

impl History {
    /// Lines of the run's newest file, which is all that the node serves.
    fn newest(run: &(i64, i64, Vec<i64>, Vec<i64>)) -> Vec<i64> {
        let begins = run.3.iter().max().copied().unwrap_or(i64::MIN);
        run.2.iter().copied().filter(|line| *line >= begins).collect()
    }

    /// What the status and the kubelet would give of it, and the lines that are read.
    fn observe(&self) -> (ContainerHistory, Vec<i64>) {
        let mut read = Vec::new();
        let count = self.runs.len();
        let kept = self.runs.iter().enumerate().skip(count.saturating_sub(2));
        let runs = kept.map(|(number, run)| {
            let is_last = number + 1 == count;
            let (started, ended) = (at(run.0).trunc_subsecs(0), at(run.1).trunc_subsecs(0));
            let ended = (!is_last || !self.goes_on).then_some(ended);
            let file = Self::newest(run);
            let mut lines: Vec<i64> = file.iter().copied().filter(|line| (0..=END).contains(line)).collect();
            let mut stopped = None;
            let mut asks = true;
            if let Some((limit, asked)) = self.limit.filter(|(limit, _)| is_last && *limit < lines.len()) {
                lines.truncate(limit);
                stopped = Some(Reason { cause: GapCause::CutByLimit, text: String::new() });
                asks = asked || started >= at(0);
            }
            let begins = match file.first() {
                _ if !asks => FileStart::Unknown,
                Some(first) => FileStart::At(at(*first)),
                None => FileStart::Empty,
            };
            if self.is_lost && !is_last {
                let why = Reason { cause: GapCause::PreviousInstanceGone, text: String::new() };
                return ObservedRun { started: Some(started), ended, log: RunLog::Missing(why) };
            }
            read.extend(lines.iter().copied());
            let over_before = ended.is_some_and(|ended| ended < at(0));
            let stream = LogReading {
                from: (!over_before).then_some(at(0)),
                begins,
                first: lines.first().map(|line| at(*line)),
                last: lines.last().map(|line| at(*line)),
                until: at(self.now),
                stopped,
            };
            ObservedRun { started: Some(started), ended, log: RunLog::Read(vec![stream]) }
        });
        let runs: Vec<ObservedRun> = runs.collect();
        let life = ContainerHistory {
            pod_started: Some(at(self.runs[0].0 - 900)),
            seen: at(self.now - 100),
            restarts: u32::try_from(count - 1).expect("a few"),
            waits: None,
            gone: false,
            runs,
        };
        (life, read)
    }
}

proptest! {
    #[test]
    fn the_window_is_exactly_what_is_covered_and_what_is_not(
        covered in prop::collection::vec((moment(), moment()), 0..6),
        reasons in prop::collection::vec((moment(), moment(), cause(), any::<bool>()), 0..6),
        is_moment in prop::bool::weighted(0.1),
    ) {
        let window = if is_moment { interval(600_000, 600_000) } else { window() };
        let covered: Vec<Interval> = covered.into_iter().map(|(from, to)| interval(from, to)).collect();
        let reasons: Vec<Gap> =
            reasons.into_iter().map(|(from, to, cause, missing)| gap(from, to, cause, missing)).collect();
        let timeline = Timeline::new(window, &covered, &reasons);
        is_exactly(window, &timeline);
        for part in &timeline.covered {
            let middle = part.from + (part.to - part.from) / 2;
            prop_assert!(covered.iter().any(|held| held.from <= middle && middle <= held.to), "{part:?}");
        }
        for part in &timeline.gaps {
            let middle = part.from + (part.to - part.from) / 2;
            prop_assert!(!covered.iter().any(|held| held.from < middle && middle < held.to), "{part:?}");
            // At the edge of an explanation, either side's may be meant.
            if reasons.iter().any(|held| held.from == middle || held.to == middle) {
                continue;
            }
            let reason = reasons.iter().find(|held| held.from < middle && middle < held.to);
            let expected = reason.map_or((GapCause::Unknown, true), |reason| (reason.cause, reason.missing));
            prop_assert_eq!((part.cause, part.missing), expected);
        }
    }

    #[test]
    fn whatever_is_observed_the_window_is_taken_apart_exactly(life in any_life(), run in any_run()) {
        let timeline = coverage::of_container(window(), &life);
        is_exactly(window(), &timeline);
        is_exactly(window(), &coverage::of_run(window(), &run));
        let harmless = [GapCause::ContainerNotStarted, GapCause::ContainerEnded];
        prop_assert!(timeline.gaps.iter().all(|gap| gap.missing != harmless.contains(&gap.cause)), "{timeline:?}");
        prop_assert_eq!(timeline.is_complete(), !timeline.gaps.iter().any(|gap| gap.missing));
    }

    #[test]
    fn nothing_is_covered_or_said_not_to_be_there_that_was_written_and_not_read(history in history()) {
        let (life, read) = history.observe();
        let timeline = coverage::of_container(window(), &life);
        is_exactly(window(), &timeline);
        let written = history.runs.iter().flat_map(|run| &run.2).filter(|line| (0..=END).contains(*line));
        for line in written.filter(|line| !read.contains(*line)) {
            let is_missing = |gap: &Gap| gap.missing && gap.from <= at(*line) && at(*line) <= gap.to;
            prop_assert!(timeline.gaps.iter().any(is_missing), "the line at {line} of {life:#?} is in no gap of {timeline:#?}");
        }
    }

    #[test]
    fn what_was_read_whole_lacks_nothing(mut history in history()) {
        // Both runs that a node keeps, neither rotated nor cut, each with a line soon after its start.
        history.runs.drain(..history.runs.len().saturating_sub(2));
        for (from, _, lines, files) in &mut history.runs {
            lines.insert(0, *from + 50);
            files.clear();
        }
        history.limit = None;
        history.is_lost = false;
        if history.goes_on {
            let last = history.runs.last_mut().expect("a run");
            last.1 = last.1.max(END);
        }
        history.now = history.now.max(END);
        let timeline = coverage::of_container(window(), &history.observe().0);
        prop_assert!(timeline.is_complete(), "{timeline:#?}");
    }
}
