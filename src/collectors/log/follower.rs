//! One run of a container, followed: its log as it is written, across whatever breaks the stream, until the
//! run has ended or the window has closed.
//!
//! A log request names no run: who answers is known by the pods that were listed after the answer had
//! begun. So nothing is taken from a stream before such a list has come.

use super::{
    end::beginning,
    files::{NotRead, Reading},
    lost::Lost,
    pump::{Pump, Stopped},
    settle, since, taken,
};
use crate::{
    bundle::GapCause,
    collect::{Done, Site},
    collectors::follow::{Looks, Seen},
    facts::coverage::{Begins, Stopped as Why},
    plan::{LogFiles, LogTask, Task, What},
    source::{BodyStream, kubernetes::SourceError},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::{Duration, Instant};

/// How often a node's files are looked at.
const TURN: Duration = Duration::from_secs(2);
/// How often they are tried in vain.
const ATTEMPTS: usize = 5;
/// The kubelet looks every ten seconds whether a log is to be rotated, and rotates those of 10 MiB.
const ROTATION: Duration = Duration::from_secs(10);
const ROTATED: u64 = 1 << 20;
/// How long before a new file begins lines may be missing at most.
const DOUBT: TimeDelta = TimeDelta::seconds(15);

/// Names one run of a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::collectors) struct Run {
    pub(in crate::collectors) uid: String,
    pub(in crate::collectors) container: String,
    pub(in crate::collectors) started: DateTime<Utc>,
}

impl Run {
    /// The run that a task means, where its pod's status tells it from others.
    pub(in crate::collectors) fn of(log: &LogTask) -> Option<Self> {
        Some(Self { uid: log.uid.clone(), container: log.container.clone(), started: log.started? })
    }
}

/// The log of one run, and how it is read on.
pub(in crate::collectors) struct Follower {
    pump: Pump,
    /// Where its node's files are read.
    files: Option<Box<Reading>>,
    /// Why they are not, where they were to be.
    not_read: Option<NotRead>,
}

impl Follower {
    /// Follows a run, whose log so far an earlier bundle may have, until it has ended or no more is to be
    /// looked at.
    pub(in crate::collectors) async fn follow(
        site: Site,
        log: LogTask,
        run: Run,
        seen: Seen,
        mut looks: Looks,
    ) -> Self {
        let log = LogTask { past: true, ..log };
        let task = Task { what: What::Log(log.clone()), required: false };
        let pump = Pump::continued(&site, &task, &log).unwrap_or_else(|| Pump::resumable(&site, &task, &log));
        let mut follower = Self { pump, files: None, not_read: None };
        if follower.pump.stopped.is_some() || follower.pump.is_whole {
            return follower;
        }
        if let Some(files) = log.files.clone() {
            let to_run = Some(files.from_run);
            let log = LogTask { files: Some(LogFiles { to_run, ..files }), ..log.clone() };
            if follower.by_files(&log, &run, &mut looks).await {
                return follower;
            }
        }
        match seen {
            Seen::Runs => follower.by_stream(&log, &run, &mut looks).await,
            seen => follower.rest(&log, &run, (seen, false), &mut looks).await,
        }
        follower
    }

    /// Whether anything came of it.
    pub(in crate::collectors) fn has_lines(&self) -> bool {
        self.pump.has_lines()
    }

    /// What it followed, and which of its container's runs that is by now.
    pub(in crate::collectors) fn log(&self) -> &LogTask {
        &self.pump.log
    }

    /// Says which of its container's runs it is by now.
    pub(in crate::collectors) fn is_now(&mut self, previous: bool, past: bool) {
        let log = &mut self.pump.log;
        (log.previous, log.past) = (previous, past);
    }

    async fn by_stream(&mut self, log: &LogTask, run: &Run, looks: &mut Looks) {
        let (mut file, mut has_ended) = (None, false);
        loop {
            let opened = tokio::select! {
                opened = since(&mut self.pump, log, true) => opened,
                () = looks.closed() => return,
            };
            match opened {
                Err(Stopped::Source(SourceError::Stopped(_))) => return,
                Err(_) => {}
                Ok(answer) => {
                    if looks.after(Instant::now(), run).await == Some(Seen::Runs) {
                        let lines = self.pump.cut.lines();
                        let flow = self.stream(log, answer.body, &mut file, looks).await;
                        if matches!(flow, Flow::Done) {
                            return;
                        }
                        // One that ended well has ended, as long as nothing more comes.
                        has_ended &= self.pump.cut.lines() == lines;
                        has_ended |= matches!(flow, Flow::Ended) && self.pump.has_ended_well();
                    }
                }
            }
            match looks.after(Instant::now(), run).await {
                None => return,
                Some(Seen::Runs) => {}
                Some(seen) => return self.rest(log, run, (seen, has_ended), looks).await,
            }
        }
    }

    /// Takes what comes of a stream.
    async fn stream(
        &mut self,
        log: &LogTask,
        mut body: BodyStream,
        file: &mut Option<DateTime<Utc>>,
        looks: &mut Looks,
    ) -> Flow {
        let (mut came, mut looked) = (0, Instant::now());
        self.file(log, file).await;
        loop {
            let chunk = tokio::select! {
                chunk = body.chunk() => chunk,
                () = looks.closed() => {
                    if came > 0 {
                        self.file(log, file).await;
                    }
                    return Flow::Done;
                }
            };
            match chunk {
                Ok(Some(chunk)) => {
                    self.pump.sink.site.progress.bytes(chunk.len() as u64);
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
                self.file(log, file).await;
            }
        }
    }

    /// Looks where the log's file begins. The kubelet goes over to a new one as soon as it is there, without
    /// what was still written to the one before.
    async fn file(&mut self, log: &LogTask, file: &mut Option<DateTime<Utc>>) {
        let site = &self.pump.sink.site;
        let begins = beginning(site, log).await;
        let is_old = log.started.is_none_or(|started| started < site.request.window.start);
        if is_old && begins != Begins::Unknown {
            self.pump.begins.get_or_insert(begins);
        }
        let Begins::At(at) = begins else { return };
        // What has not come yet is looked at the next time.
        if self.pump.cut.last().is_none_or(|last| last < at) && file.is_some() {
            return;
        }
        if file.replace(at).is_some_and(|before| before != at) {
            let after = self.pump.cut.last_before(at).unwrap_or(at - DOUBT);
            let text = "the node began a new file while the log was followed: its last lines before may be missing";
            let why = Why { cause: GapCause::RotatedAway, text: text.to_owned() };
            self.pump.lost.push(Lost { why, after: Some(after), before: Some(at) });
        }
    }

    /// Reads the end of a run that has ended, while the node has it.
    async fn rest(&mut self, log: &LogTask, run: &Run, (mut seen, has_ended): (Seen, bool), looks: &mut Looks) {
        loop {
            let previous = match seen {
                Seen::Runs => return,
                Seen::Ended { previous } => previous,
                // Its stream had come to its end before.
                Seen::Gone(_) if has_ended => {
                    self.pump.is_whole = true;
                    return;
                }
                Seen::Gone(why) => {
                    self.pump.stopped = Some(Stopped::Gone(why));
                    return;
                }
            };
            let log = LogTask { previous, past: false, ..log.clone() };
            let opened = tokio::select! {
                opened = since(&mut self.pump, &log, false) => opened,
                // It is read when the window has closed.
                () = looks.closed() => return,
            };
            // Whose answer it is depends on what had begun since.
            let Some(now) = looks.after(Instant::now(), run).await else { return };
            if let (Ok(answer), true) = (opened, now == Seen::Ended { previous }) {
                let stopped = tokio::select! {
                    stopped = self.pump.run(answer.body) => stopped,
                    () = looks.closed() => return,
                };
                match stopped {
                    None if self.pump.has_ended_well() => {
                        self.pump.is_whole = true;
                        return;
                    }
                    // Asked again, the same will be missing.
                    None if !self.pump.cut.is_joined() => return,
                    None | Some(Stopped::Source(_)) => {}
                    stopped => {
                        self.pump.stopped = stopped;
                        return;
                    }
                }
            }
            match looks.after(Instant::now(), run).await {
                Some(now) => seen = now,
                None => return,
            }
        }
    }

    /// Reads the node's files; false when that is not to be, and nothing was read.
    async fn by_files(&mut self, log: &LogTask, run: &Run, looks: &mut Looks) -> bool {
        let Some(files) = &log.files else { return false };
        let mut tried = 0;
        loop {
            let seen = looks.latest(run);
            if self.files.is_none() {
                match Reading::begin(&mut self.pump, files).await {
                    Ok(reading) => self.files = Some(Box::new(reading)),
                    Err(why) if why.is_forbidden() || tried == ATTEMPTS => {
                        self.not_read = Some(why);
                        return false;
                    }
                    Err(_) => tried += 1,
                }
            }
            if let Some(reading) = &mut self.files {
                reading.is_patient = true;
                match reading.more(&mut self.pump).await {
                    Ok((None, _)) if self.pump.cut.is_over() => return true,
                    // What was written until it ended was read after that was known.
                    Ok((None, _)) if matches!(seen, Some(Seen::Ended { .. } | Seen::Gone(_))) => {
                        self.pump.is_whole = true;
                        return true;
                    }
                    Ok((None, _)) | Err(_) => {}
                    Ok((Some(Stopped::Source(SourceError::Stopped(_))), _)) => return true,
                    Ok((Some(Stopped::Source(_)), _)) => {}
                    Ok((Some(stopped), _)) => {
                        self.pump.stopped = Some(stopped);
                        return true;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TURN) => {}
                () = looks.closed() => return true,
            }
        }
    }

    /// Reads what came since, as the log that it is by now, and ends it.
    pub(in crate::collectors) async fn end(mut self, site: &Site, task: &Task, log: &LogTask) -> Done {
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
            // Whoever answers by now is another run.
            None if log.past && !self.pump.is_whole => {
                let why = "others have begun since, and the node keeps the logs of two".to_owned();
                taken(self.pump, Some(Stopped::Gone(why)))
            }
            None => super::rest(self.pump, log).await,
        };
        let done = settle(site, task, log, taken).await;
        match self.not_read {
            Some(why) => why.told_by(done),
            None => done,
        }
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
