//! Owns what the runs of a container and the reading of their logs say about the window.

use super::{CLOCKS, Known, Timeline, utc};
use crate::bundle::{GapCause, Interval};
use chrono::{DateTime, TimeDelta, Utc};

/// A program that says nothing for longer after its start is rare: a log that begins later may have
/// lost its beginning.
const SILENCE: TimeDelta = TimeDelta::seconds(10);
/// Starts and ends are told to the second, cut off: they lie in the second that begins then.
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// What is known of a container: what its pod's status says, and what was read of its logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// When its pod was started: nothing of it can have run before.
    pub pod_started: Option<DateTime<Utc>>,
    /// When the status was as it is here.
    pub seen: DateTime<Utc>,
    /// How often it was restarted.
    pub restarts: u32,
    /// Why it waits to run, if it does.
    pub waits: Option<String>,
    /// Whether its pod was deleted soon after it was seen so.
    pub gone: bool,
    /// The runs that the status knows, the earliest first.
    pub runs: Vec<Run>,
}

/// One run of a container, from a start to the end that followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it started, where the status says so: to the second, cut off.
    pub started: Option<DateTime<Utc>>,
    /// When it ended, where it has: likewise.
    pub ended: Option<DateTime<Utc>>,
    /// Its log.
    pub log: Log,
}

/// What became of a run's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// It was read: in one go, or in several, each of a file or a time of its own.
    Read(Vec<Stream>),
    /// It was not had.
    Not(Stopped),
    /// There was no such run: the container has not started.
    Never,
}

/// One reading of a log, or of one file of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// From when on lines were asked for; none asks for the last ones, of a run that was over before
    /// the window.
    pub from: Option<DateTime<Utc>>,
    /// Where the file that was read begins.
    pub begins: Begins,
    /// Time of the first line kept.
    pub first: Option<DateTime<Utc>>,
    /// Time of the last line kept.
    pub last: Option<DateTime<Utc>>,
    /// When the reading ended, or what was read was followed by another file: until then, what was
    /// not read was not written.
    pub until: DateTime<Utc>,
    /// Why it was left before its end, if it was.
    pub stopped: Option<Stopped>,
}

/// Why a log, or the rest of it, was not had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// In one word.
    pub cause: GapCause,
    /// In words.
    pub text: String,
}

/// Where a log's file begins: the kubelet reads the newest one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// With a line of this time.
    At(DateTime<Utc>),
    /// It has no line.
    Empty,
    /// With a line of this time, of another run than the status knows: the container was restarted since.
    Restarted(DateTime<Utc>),
    /// It could not be asked.
    Unknown,
}

/// Which part of the window one run's log covers.
#[must_use]
pub fn of_run(window: Interval, run: &Run) -> Timeline {
    let mut known = Known::new(window);
    let ended = run.ended();
    run.observe(&mut known, run.started, ended);
    if let Some(started) = run.started {
        known.lacks((None, run.started_by()), GapCause::ContainerNotStarted, started_at(started));
    }
    match (run.ended, run.until()) {
        (Some(at), _) => known.lacks((ended, None), GapCause::ContainerEnded, ended_at(at)),
        (None, Some(until)) => known.not_over(known.reach(until)),
        (None, None) => {}
    }
    known.timeline()
}

/// Which part of the window the logs of a container cover together.
#[must_use]
pub fn of_container(window: Interval, life: &Life) -> Timeline {
    let mut known = Known::new(window);
    let runs: Vec<&Run> = life.runs.iter().filter(|run| run.log != Log::Never).collect();
    let had = u32::try_from(runs.len()).unwrap_or(u32::MAX);
    // The first start is no restart.
    let earlier = life.restarts.saturating_add(u32::from(had > 0)).saturating_sub(had);
    let gone = format!(
        "the container was restarted {}, and the node keeps the log of one run before the last start: {} gone",
        times(life.restarts),
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
    let mut before = life.pod_started;
    for (at, run) in runs.iter().enumerate() {
        let (ended, next) = bounds(at);
        let begins = run.first_line().or(ended).or(next);
        if let Some(begins) = begins.filter(|_| at == 0 && run.started.is_none() && earlier > 0) {
            known.lacks((life.pod_started, Some(begins)), GapCause::PreviousInstanceGone, gone.as_str());
        }
        run.observe(&mut known, run.started.or(before), ended.or(next));
        before = ended.or(before);
    }
    for (at, run) in runs.iter().enumerate() {
        if let ((Some(_), Some(_)), Some(ended)) = (bounds(at), run.ended) {
            let text = format!("{}, and was started again", ended_at(ended));
            known.lacks(bounds(at), GapCause::ContainerEnded, text);
        }
    }
    let read = runs.iter().filter_map(|run| run.until()).max();
    let seen = known.reach(read.map_or(life.seen, |read| read.max(life.seen)));
    let waits = life.waits.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let (start, text) = match runs.first() {
        Some(first) => (first.started_by(), first.started.map(started_at).unwrap_or_default()),
        None => (Some(seen), format!("the container has not started{waits}")),
    };
    if start.is_some() && earlier > 0 {
        known.lacks((life.pod_started, start), GapCause::PreviousInstanceGone, gone);
    } else if start.is_some() {
        known.lacks((None, start), GapCause::ContainerNotStarted, text);
    }
    if let Some(started) = life.pod_started {
        let text = format!("the pod was started at {}", utc(started));
        known.lacks((None, Some(started)), GapCause::ContainerNotStarted, text);
    }
    if let Some((last, ended)) = runs.last().and_then(|last| last.ended.map(|ended| (last, ended))) {
        let text = format!("{}, and was not started again{waits}", ended_at(ended));
        known.lacks((last.ended(), Some(seen)), GapCause::ContainerEnded, text);
    }
    if life.gone {
        let text = format!("the pod was deleted, and last seen, or its log read, at {}", utc(seen));
        known.lacks((Some(seen), None), GapCause::ContainerEnded, text);
    }
    known.not_over(seen);
    known.timeline()
}

impl Run {
    fn streams(&self) -> &[Stream] {
        match &self.log {
            Log::Read(streams) => streams,
            Log::Not(_) | Log::Never => &[],
        }
    }

    fn first_line(&self) -> Option<DateTime<Utc>> {
        self.streams().iter().filter_map(|stream| stream.first).min()
    }

    /// When its log was last read.
    fn until(&self) -> Option<DateTime<Utc>> {
        self.streams().iter().map(|stream| stream.until).max()
    }

    /// When it had started for sure.
    fn started_by(&self) -> Option<DateTime<Utc>> {
        let by = self.started? + SECOND;
        Some(self.first_line().map_or(by, |first| first.min(by)))
    }

    /// When nothing more was written for sure: after its last line, where it was read to its end.
    fn ended(&self) -> Option<DateTime<Utc>> {
        let ended = self.ended?;
        let streams = self.streams();
        if streams.is_empty() || streams.iter().any(|stream| stream.stopped.is_some() || stream.newer().is_some()) {
            return Some(ended + SECOND);
        }
        let last = streams.iter().filter_map(|stream| stream.last).filter(|last| *last <= ended + CLOCKS).max();
        Some(last.map_or(ended, |last| last.max(ended)))
    }

    /// Whether so little after its start nothing can have been lost.
    fn has_just_started(&self, at: DateTime<Utc>) -> bool {
        self.started.is_some_and(|started| at <= started + SILENCE)
    }

    /// What it says of the time between its start and its end, as far as these are known.
    fn observe(&self, known: &mut Known, start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) {
        match &self.log {
            Log::Never => {}
            Log::Not(why) => known.lacks((start, end), why.cause, why.text.as_str()),
            Log::Read(streams) => streams.iter().for_each(|stream| stream.observe(known, self, start, end)),
        }
    }
}

impl Stream {
    fn observe(&self, known: &mut Known, run: &Run, start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) {
        let Some(asked) = self.from else { return };
        let asked = asked.max(known.window.from);
        let from = start.map_or(asked, |start| start.max(asked));
        if let (Begins::At(at), Some(last)) = (self.begins, self.last)
            && run.ended.is_some_and(|ended| at > ended + CLOCKS)
        {
            let text = format!("the log that was read begins at {}, after the run that was listed had ended", utc(at));
            known.lacks((Some(from), end), GapCause::PreviousInstanceGone, text);
            return known.covers(at, last);
        }
        let until = known.reach(self.until).max(self.last.unwrap_or(asked));
        let until = end.map_or(until, |end| until.min(end));
        let (begins, why) = self.beginning(run, asked, until, known.window);
        let newer = self.newer();
        let to = if self.stopped.is_some() || newer.is_some() { self.last } else { Some(until) };
        if let (Some(begins), Some(to)) = (begins, to) {
            known.covers(begins, to);
        }
        if let Some(Stopped { cause, text }) = why {
            known.lacks((Some(from), Some(begins.unwrap_or(until))), cause, text);
        }
        if let Some(Stopped { cause, text }) = &self.stopped {
            known.lacks((Some(from), Some(until)), *cause, text.as_str());
        }
        if let Some(newer) = newer {
            let (cause, what) = match self.begins {
                Begins::Restarted(_) => (GapCause::Unknown, "the container was restarted"),
                _ => (GapCause::RotatedAway, "the node began a new file"),
            };
            let text = format!("{what} at {}, after its log was read: what came since was not", utc(newer));
            known.lacks((self.last, Some(until)), cause, text);
        }
    }

    /// When a file began while this one was read, which has what came after its last line.
    fn newer(&self) -> Option<DateTime<Utc>> {
        match self.begins {
            Begins::At(at) | Begins::Restarted(at) => self.first.is_some_and(|first| first < at).then_some(at),
            Begins::Empty | Begins::Unknown => None,
        }
    }

    /// From when on what was read is all that was written, and why not before.
    fn beginning(
        &self,
        run: &Run,
        asked: DateTime<Utc>,
        until: DateTime<Utc>,
        window: Interval,
    ) -> (Option<DateTime<Utc>>, Option<Stopped>) {
        let from = run.started_by().map_or(asked, |by| by.max(asked));
        let lacks = |cause, text: String| Some(Stopped { cause, text });
        let untold = "whether older lines were rotated away could not be told";
        match self.begins {
            Begins::At(at) if at <= asked || run.has_just_started(at) => (Some(from), None),
            Begins::At(at) | Begins::Restarted(at) if self.first.is_some_and(|first| first < at) => {
                let text = format!("the log got a new file while it was read, so {untold}");
                (self.first, lacks(GapCause::Unknown, text))
            }
            Begins::Restarted(at) => {
                let text = format!(
                    "the container was restarted after its pod was listed: its log begins at {}, and that of the run before was not had",
                    utc(at)
                );
                (Some(at), lacks(GapCause::PreviousInstanceGone, text))
            }
            Begins::At(at) if run.started.is_some_and(|started| started < window.from) => {
                let text = format!(
                    "the node's log file begins at {}; what the container wrote before, if anything, was rotated away",
                    utc(at)
                );
                (Some(at), lacks(GapCause::RotatedAway, text))
            }
            Begins::At(at) if run.started.is_some() => {
                let text = format!("the log begins at {}, a while after its container started; {untold}", utc(at));
                (Some(at), lacks(GapCause::Unknown, text))
            }
            Begins::At(at) => {
                let text =
                    format!("the log begins at {}, and when its container started is not known; {untold}", utc(at));
                (Some(at), lacks(GapCause::Unknown, text))
            }
            Begins::Empty if run.has_just_started(until) => (Some(from), None),
            Begins::Empty => {
                let text = "the node's log file is empty: nothing was written, or all of it was just rotated away";
                (None, lacks(GapCause::Unknown, text.to_owned()))
            }
            Begins::Unknown => match &self.stopped {
                Some(stopped) => (self.first, Some(stopped.clone())),
                None => (self.first, lacks(GapCause::Unknown, untold.to_owned())),
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
