//! Owns what the runs of a container and the reading of their logs say about the window.

use super::{CLOCKS, Observations, Timeline};
use crate::{
    bundle::{GapCause, Interval},
    text::utc,
};
use chrono::{DateTime, TimeDelta, Utc};

/// Few programs write nothing for longer after their start. A log that begins later may have lost its beginning.
const SILENCE: TimeDelta = TimeDelta::seconds(10);
/// A status tells starts and ends cut off to the second: they lie in the second that begins then.
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// What is known of a container: by its pod's status, and by its logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerHistory {
    /// When its pod was started. No run of it began before.
    pub pod_started: Option<DateTime<Utc>>,
    /// When the status was read.
    pub seen: DateTime<Utc>,
    /// How often it was restarted.
    pub restarts: u32,
    /// Why it waits to run; none where it does not wait.
    pub waits: Option<String>,
    /// Whether its pod was deleted soon after the status was read.
    pub gone: bool,
    /// The runs in the status, the earliest first.
    pub runs: Vec<ObservedRun>,
}

/// One run of a container, from a start to the end that followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedRun {
    /// When it started, cut off to the second; none where the status does not tell.
    pub started: Option<DateTime<Utc>>,
    /// When it ended, cut off to the second; none where it goes on.
    pub ended: Option<DateTime<Utc>>,
    /// What is known of its log.
    pub log: RunLog,
}

/// Whether a run's log was collected, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunLog {
    /// It was read, in one or several readings, each of a file or a time of its own.
    Read(Vec<LogReading>),
    /// It was not read.
    Missing(Reason),
    /// There is no such run: the container has not started.
    Never,
}

/// One reading of a log, or of one file of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReading {
    /// The time from which lines were requested. None if the last lines were requested, of a run that ended before the
    /// window.
    pub from: Option<DateTime<Utc>>,
    /// Where the file that was read begins.
    pub begins: FileStart,
    /// Time of the first line kept.
    pub first: Option<DateTime<Utc>>,
    /// Time of the last line kept.
    pub last: Option<DateTime<Utc>>,
    /// When the reading ended, or the next file began. What was written until then was read.
    pub until: DateTime<Utc>,
    /// Why it was left before its end; none where it was read to its end.
    pub stopped: Option<Reason>,
}

/// Why a log, or the rest of it, was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The cause, as the manifest names it.
    pub cause: GapCause,
    /// The cause in a sentence, for people.
    pub text: String,
}

/// Where a log's newest file begins, which is the only one that the kubelet reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStart {
    /// With a line of this time.
    At(DateTime<Utc>),
    /// It has no line.
    Empty,
    /// With a line of this time, of a later run than those in the status: the container was restarted since.
    Restarted(DateTime<Utc>),
    /// The request for it failed.
    Unknown,
}

/// Which part of the window one run's log covers.
#[must_use]
pub fn of_run(window: Interval, run: &ObservedRun) -> Timeline {
    let mut observations = Observations::new(window);
    let ended = run.ended();
    run.observe(&mut observations, run.started, ended);
    if let Some(started) = run.started {
        observations.explain((None, run.started_by()), GapCause::ContainerNotStarted, started_at(started));
    }
    match (run.ended, run.until()) {
        (Some(at), _) => observations.explain((ended, None), GapCause::ContainerEnded, ended_at(at)),
        (None, Some(until)) => observations.not_over(observations.reach(until)),
        (None, None) => {}
    }
    observations.timeline()
}

/// Which part of the window the logs of a container cover together.
#[must_use]
pub fn of_container(window: Interval, history: &ContainerHistory) -> Timeline {
    let mut observations = Observations::new(window);
    let runs: Vec<&ObservedRun> = history.runs.iter().filter(|run| run.log != RunLog::Never).collect();
    let known = u32::try_from(runs.len()).unwrap_or(u32::MAX);
    // The first start is not a restart.
    let earlier = history.restarts.saturating_add(u32::from(known > 0)).saturating_sub(known);
    let gone = format!(
        "the container was restarted {}, and the node keeps the log of one run before the last start: {} gone",
        times(history.restarts),
        if earlier == 1 {
            "that of 1 earlier run is".to_owned()
        } else {
            format!("those of {earlier} earlier runs are")
        }
    );
    let bounds = |at: usize| {
        let next = runs.get(at + 1).and_then(|next| next.started_by().or(next.first_line()));
        (runs[at].ended(), next)
    };
    let mut before = history.pod_started;
    for (at, run) in runs.iter().enumerate() {
        let (ended, next) = bounds(at);
        let begins = run.first_line().or(ended).or(next);
        if let Some(begins) = begins.filter(|_| at == 0 && run.started.is_none() && earlier > 0) {
            observations.explain((history.pod_started, Some(begins)), GapCause::PreviousInstanceGone, gone.as_str());
        }
        run.observe(&mut observations, run.started.or(before), ended.or(next));
        before = ended.or(before);
    }
    for (at, run) in runs.iter().enumerate() {
        if let ((Some(_), Some(_)), Some(ended)) = (bounds(at), run.ended) {
            let text = format!("{}, and was started again", ended_at(ended));
            observations.explain(bounds(at), GapCause::ContainerEnded, text);
        }
    }
    let read = runs.iter().filter_map(|run| run.until()).max();
    let seen = observations.reach(read.map_or(history.seen, |read| read.max(history.seen)));
    let waits = history.waits.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let (start, text) = match runs.first() {
        Some(first) => (first.started_by(), first.started.map(started_at).unwrap_or_default()),
        None => (Some(seen), format!("the container has not started{waits}")),
    };
    if start.is_some() && earlier > 0 {
        observations.explain((history.pod_started, start), GapCause::PreviousInstanceGone, gone);
    } else if start.is_some() {
        observations.explain((None, start), GapCause::ContainerNotStarted, text);
    }
    if let Some(started) = history.pod_started {
        let text = format!("the pod was started at {}", utc(started));
        observations.explain((None, Some(started)), GapCause::ContainerNotStarted, text);
    }
    if let Some((last, ended)) = runs.last().and_then(|last| last.ended.map(|ended| (last, ended))) {
        let text = format!("{}, and was not started again{waits}", ended_at(ended));
        observations.explain((last.ended(), Some(seen)), GapCause::ContainerEnded, text);
    }
    if history.gone {
        let text = format!("the pod was deleted, and last seen, or its log read, at {}", utc(seen));
        observations.explain((Some(seen), None), GapCause::ContainerEnded, text);
    }
    observations.not_over(seen);
    observations.timeline()
}

impl ObservedRun {
    fn streams(&self) -> &[LogReading] {
        match &self.log {
            RunLog::Read(streams) => streams,
            RunLog::Missing(_) | RunLog::Never => &[],
        }
    }

    fn first_line(&self) -> Option<DateTime<Utc>> {
        self.streams().iter().filter_map(|stream| stream.first).min()
    }

    /// When its log was last read.
    fn until(&self) -> Option<DateTime<Utc>> {
        self.streams().iter().map(|stream| stream.until).max()
    }

    /// When it had certainly started.
    fn started_by(&self) -> Option<DateTime<Utc>> {
        let by = self.started? + SECOND;
        Some(self.first_line().map_or(by, |first| first.min(by)))
    }

    /// When it had certainly ended: at its last line, where it was read to its end.
    fn ended(&self) -> Option<DateTime<Utc>> {
        let ended = self.ended?;
        let streams = self.streams();
        if streams.is_empty() || streams.iter().any(|stream| stream.stopped.is_some() || stream.newer().is_some()) {
            return Some(ended + SECOND);
        }
        let last = streams.iter().filter_map(|stream| stream.last).filter(|last| *last <= ended + CLOCKS).max();
        Some(last.map_or(ended, |last| last.max(ended)))
    }

    /// Whether a moment is so soon after its start that nothing can have been lost.
    fn has_just_started(&self, at: DateTime<Utc>) -> bool {
        self.started.is_some_and(|started| at <= started + SILENCE)
    }

    /// Adds what it shows about the time between its start and its end, as far as these are known.
    fn observe(&self, observations: &mut Observations, start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) {
        match &self.log {
            RunLog::Never => {}
            RunLog::Missing(why) => observations.explain((start, end), why.cause, why.text.as_str()),
            RunLog::Read(streams) => streams.iter().for_each(|stream| stream.observe(observations, self, start, end)),
        }
    }
}

impl LogReading {
    fn observe(
        &self,
        observations: &mut Observations,
        run: &ObservedRun,
        start: Option<DateTime<Utc>>,
        end: Option<DateTime<Utc>>,
    ) {
        let Some(asked) = self.from else { return };
        let asked = asked.max(observations.window.from);
        let from = start.map_or(asked, |start| start.max(asked));
        if let (FileStart::At(at), Some(last)) = (self.begins, self.last)
            && run.ended.is_some_and(|ended| at > ended + CLOCKS)
        {
            let text = format!("the log that was read begins at {}, after the run that was listed had ended", utc(at));
            observations.explain((Some(from), end), GapCause::PreviousInstanceGone, text);
            return observations.cover(at, last);
        }
        let until = observations.reach(self.until).max(self.last.unwrap_or(asked));
        let until = end.map_or(until, |end| until.min(end));
        let (begins, why) = self.beginning(run, asked, until, observations.window);
        let newer = self.newer();
        let to = if self.stopped.is_some() || newer.is_some() { self.last } else { Some(until) };
        if let (Some(begins), Some(to)) = (begins, to) {
            observations.cover(begins, to);
        }
        if let Some(Reason { cause, text }) = why {
            observations.explain((Some(from), Some(begins.unwrap_or(until))), cause, text);
        }
        if let Some(Reason { cause, text }) = &self.stopped {
            observations.explain((Some(from), Some(until)), *cause, text.as_str());
        }
        if let Some(newer) = newer {
            let (cause, what) = match self.begins {
                FileStart::Restarted(_) => (GapCause::Unknown, "the container was restarted"),
                _ => (GapCause::RotatedAway, "the node began a new file"),
            };
            let text = format!("{what} at {}, after its log was read; what was written since was not read", utc(newer));
            observations.explain((self.last, Some(until)), cause, text);
        }
    }

    /// When the next file began, if it did while this one was read. Lines after the last one are in it.
    fn newer(&self) -> Option<DateTime<Utc>> {
        match self.begins {
            FileStart::At(at) | FileStart::Restarted(at) => self.first.is_some_and(|first| first < at).then_some(at),
            FileStart::Empty | FileStart::Unknown => None,
        }
    }

    /// From when on everything was read, and why not before.
    fn beginning(
        &self,
        run: &ObservedRun,
        asked: DateTime<Utc>,
        until: DateTime<Utc>,
        window: Interval,
    ) -> (Option<DateTime<Utc>>, Option<Reason>) {
        let from = run.started_by().map_or(asked, |by| by.max(asked));
        let reason = |cause, text: String| Some(Reason { cause, text });
        let not_known = "it is not known whether older lines were rotated away";
        match self.begins {
            FileStart::At(at) if at <= asked || run.has_just_started(at) => (Some(from), None),
            FileStart::At(at) | FileStart::Restarted(at) if self.first.is_some_and(|first| first < at) => {
                let text = format!("the log got a new file while it was read, so {not_known}");
                (self.first, reason(GapCause::Unknown, text))
            }
            FileStart::Restarted(at) => {
                let text = format!(
                    "the container was restarted after its pod was listed: its log begins at {}, and the previous run's log was not read",
                    utc(at)
                );
                (Some(at), reason(GapCause::PreviousInstanceGone, text))
            }
            FileStart::At(at) if run.started.is_some_and(|started| started < window.from) => {
                let text = format!(
                    "the node's log file begins at {}; what the container wrote before, if anything, was rotated away",
                    utc(at)
                );
                (Some(at), reason(GapCause::RotatedAway, text))
            }
            FileStart::At(at) if run.started.is_some() => {
                let text = format!("the log begins at {}, a while after its container started; {not_known}", utc(at));
                (Some(at), reason(GapCause::Unknown, text))
            }
            FileStart::At(at) => {
                let text =
                    format!("the log begins at {}, and when its container started is not known; {not_known}", utc(at));
                (Some(at), reason(GapCause::Unknown, text))
            }
            FileStart::Empty if run.has_just_started(until) => (Some(from), None),
            FileStart::Empty => {
                let text = "the node's log file is empty: nothing was written, or all of it was just rotated away";
                (None, reason(GapCause::Unknown, text.to_owned()))
            }
            FileStart::Unknown => match &self.stopped {
                Some(stopped) => (self.first, Some(stopped.clone())),
                None => (self.first, reason(GapCause::Unknown, not_known.to_owned())),
            },
        }
    }
}

fn started_at(at: DateTime<Utc>) -> String {
    format!("the container started at {}", utc(at))
}

fn ended_at(at: DateTime<Utc>) -> String {
    format!("the container ended at {}", utc(at))
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
