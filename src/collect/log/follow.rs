//! One run of a container, followed: its log as it is written, across whatever breaks the stream, until the
//! run has ended or the window has closed.
//!
//! A log request names no run: who answers is known by the pods that were listed after the answer had
//! begun. So nothing is taken from a stream before such a list has come.

use super::{
    end::beginning,
    files::Reading,
    lost::Lost,
    pump::{Pump, Stopped},
    settle, since, taken,
};
use crate::{
    bundle::GapCause,
    collect::{
        Done, Site,
        follow::{Looks, Seen},
    },
    facts::coverage::{Begins, Stopped as Why},
    plan::{LogTask, Task, What},
    source::kubernetes::{BodyStream, SourceError},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::{Duration, Instant};

/// How often a node's files are looked at.
const TURN: Duration = Duration::from_secs(2);
/// The kubelet looks every ten seconds whether a log is to be rotated, and rotates those of 10 MiB.
const ROTATION: Duration = Duration::from_secs(10);
const ROTATED: u64 = 1 << 20;
/// How long before a new file begins lines may be missing at most.
const DOUBT: TimeDelta = TimeDelta::seconds(15);

/// Names one run of a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::collect) struct Run {
    pub(in crate::collect) uid: String,
    pub(in crate::collect) container: String,
    pub(in crate::collect) started: DateTime<Utc>,
}

impl Run {
    /// The run that a task means, where its pod's status tells it from others.
    pub(in crate::collect) fn of(log: &LogTask) -> Option<Self> {
        Some(Self { uid: log.uid.clone(), container: log.container.clone(), started: log.started? })
    }
}

/// The log of one run, and how it is read on.
pub(in crate::collect) struct Follower {
    pump: Pump,
    /// Where its node's files are read.
    files: Option<Box<Reading>>,
}

impl Follower {
    /// Follows a run, whose log so far an earlier bundle may have, until it has ended or no more is to be
    /// looked at.
    pub(in crate::collect) async fn follow(site: Site, log: LogTask, run: Run, seen: Seen, mut looks: Looks) -> Self {
        let log = LogTask { past: true, ..log };
        let task = Task { what: What::Log(log.clone()), required: false };
        let (pump, stopped) = Pump::begin(&site, &task, &log);
        let mut pump = if pump.is_continued() { pump } else { Pump::resumable(&site, &task, &log) };
        pump.stopped = stopped;
        let mut follower = Self { pump, files: None };
        if follower.pump.stopped.is_none() && !follower.pump.is_whole {
            match log.files.clone() {
                Some(files) => {
                    let to_run = Some(files.from_run);
                    let log = LogTask { files: Some(crate::plan::LogFiles { to_run, ..files }), ..log };
                    follower.by_files(&log, &run, &mut looks).await;
                }
                None => match seen {
                    Seen::Ended { previous } => follower.rest(&log, previous, &mut looks).await,
                    _ => follower.by_stream(&task, &log, &run, &mut looks).await,
                },
            }
        }
        follower
    }

    /// Whether anything came of it.
    pub(in crate::collect) fn has_lines(&self) -> bool {
        self.pump.has_lines()
    }

    /// What it followed.
    pub(in crate::collect) fn log(&self) -> &LogTask {
        &self.pump.log
    }

    async fn by_stream(&mut self, task: &Task, log: &LogTask, run: &Run, looks: &mut Looks) {
        let mut file = None;
        loop {
            let opened = tokio::select! {
                opened = since(&mut self.pump, log, true) => opened,
                () = looks.closed() => return,
            };
            let mut has_ended = false;
            match opened {
                Err(Stopped::Source(SourceError::Stopped(_))) => return,
                Err(_) => {}
                Ok(answer) => {
                    if looks.after(Instant::now(), run).await == Some(Seen::Runs) {
                        match self.stream(task, log, answer.body, &mut file, looks).await {
                            Flow::Ended => has_ended = true,
                            Flow::Broken => {}
                            Flow::Done => return,
                        }
                    }
                }
            }
            match looks.after(Instant::now(), run).await {
                None => return,
                Some(Seen::Runs) => {}
                Some(Seen::Ended { previous }) => return self.rest(log, previous, looks).await,
                Some(Seen::Gone(why)) => {
                    match has_ended {
                        true => self.pump.is_whole = true,
                        false => self.pump.stopped = Some(Stopped::Gone(why)),
                    }
                    return;
                }
            }
        }
    }

    /// Takes what comes of a stream.
    async fn stream(
        &mut self,
        task: &Task,
        log: &LogTask,
        mut body: BodyStream,
        file: &mut Option<DateTime<Utc>>,
        looks: &mut Looks,
    ) -> Flow {
        let (mut came, mut looked) = (0, Instant::now());
        self.file(task, log, file).await;
        loop {
            let chunk = tokio::select! {
                chunk = body.chunk() => chunk,
                () = looks.closed() => {
                    if came >= ROTATED {
                        self.file(task, log, file).await;
                    }
                    return Flow::Done;
                }
            };
            match chunk {
                Ok(Some(chunk)) => {
                    self.pump.site.progress.bytes(chunk.len() as u64);
                    came += chunk.len() as u64;
                    if let Some(stopped) = self.pump.feed(&chunk) {
                        self.pump.stopped = Some(stopped);
                        return Flow::Done;
                    }
                }
                Ok(None) => return Flow::Ended,
                Err(SourceError::Stopped(_)) => return Flow::Done,
                Err(_) => return Flow::Broken,
            }
            if self.pump.cut.is_over() {
                return Flow::Done;
            }
            if came >= ROTATED && looked.elapsed() >= ROTATION {
                (came, looked) = (0, Instant::now());
                self.file(task, log, file).await;
            }
        }
    }

    /// Looks where the log's file begins. The kubelet goes over to a new one as soon as it is there, without
    /// what was still written to the one before.
    async fn file(&mut self, task: &Task, log: &LogTask, file: &mut Option<DateTime<Utc>>) {
        let window = &self.pump.site.request.window;
        let begins = beginning(&self.pump.site, &Task { what: What::Log(log.clone()), ..task.clone() }, log).await;
        if self.pump.begins.is_none() && log.started.is_none_or(|started| started < window.start) {
            self.pump.begins = Some(begins);
        }
        let Begins::At(at) = begins else { return };
        let is_new = file.replace(at).is_some_and(|before| before != at);
        if is_new && self.pump.cut.last().is_some_and(|last| at <= last) {
            let after = self.pump.cut.last_before(at).unwrap_or(at - DOUBT);
            let text = "the node began a new file while the log was followed: its last lines before may be missing";
            let why = Why { cause: GapCause::RotatedAway, text: text.to_owned() };
            self.pump.lost.push(Lost { why, after: Some(after), before: Some(at) });
        }
    }

    /// Reads the end of a run that has ended, while the node has it.
    async fn rest(&mut self, log: &LogTask, previous: bool, looks: &mut Looks) {
        let log = LogTask { previous, past: false, ..log.clone() };
        let read = async {
            match since(&mut self.pump, &log, false).await {
                Ok(answer) => self.pump.run(answer.body).await,
                Err(stopped) => Some(stopped),
            }
        };
        let stopped = tokio::select! {
            stopped = read => stopped,
            // It is read when the window has closed.
            () = looks.closed() => return,
        };
        match stopped {
            None => self.pump.is_whole = self.pump.cut.is_joined(),
            Some(Stopped::Source(_)) => {}
            stopped => self.pump.stopped = stopped,
        }
    }

    async fn by_files(&mut self, log: &LogTask, run: &Run, looks: &mut Looks) {
        let Some(files) = &log.files else { return };
        loop {
            let seen = looks.latest(run);
            if self.files.is_none() {
                self.files = Reading::begin(&mut self.pump, files).await.ok().map(Box::new);
            }
            if let Some(reading) = &mut self.files {
                reading.is_patient = true;
                match reading.more(&mut self.pump).await {
                    Ok((None, _)) if self.pump.cut.is_over() => return,
                    // What was written until it ended was read after that was known.
                    Ok((None, _)) if matches!(seen, Some(Seen::Ended { .. } | Seen::Gone(_))) => {
                        self.pump.is_whole = true;
                        return;
                    }
                    Ok((None, _)) | Err(_) => {}
                    Ok((Some(Stopped::Source(SourceError::Stopped(_))), _)) => return,
                    Ok((Some(Stopped::Source(_)), _)) => {}
                    Ok((Some(stopped), _)) => {
                        self.pump.stopped = Some(stopped);
                        return;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TURN) => {}
                () = looks.closed() => return,
            }
        }
    }

    /// Reads what came since, as the log that it is by now, and ends it.
    pub(in crate::collect) async fn end(mut self, site: &Site, task: &Task, log: &LogTask) -> Done {
        if let Err(error) = self.pump.becomes(log) {
            return error.into();
        }
        if let Some(mut reading) = self.files {
            reading.is_patient = false;
            let way = match self.pump.stopped.take() {
                None if !self.pump.is_whole => reading.more(&mut self.pump).await,
                stopped => Ok((stopped, site.now())),
            };
            return match way.and_then(|way| reading.end(self.pump, way)) {
                Ok(taken) => settle(site, task, log, taken).await,
                Err(why) => why.told_by(super::newest(site, task, log).await),
            };
        }
        let taken = match self.pump.stopped.take() {
            Some(stopped) => taken(self.pump, Some(stopped)),
            None => super::rest(self.pump, log).await,
        };
        settle(site, task, log, taken).await
    }
}

/// How a stream went.
enum Flow {
    /// The kubelet ended it, as it does when the container has.
    Ended,
    /// Something else did.
    Broken,
    /// No more is wanted of it.
    Done,
}
