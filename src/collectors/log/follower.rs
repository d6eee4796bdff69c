//! Owns the following of one run of a container: its log as it is written, across every break of the stream, until the
//! run has ended or the window has.
//!
//! A log request does not name a run. Which run answers is known only from pods that were listed after the answer had
//! begun. So nothing is taken from a stream before such a list has come.

use super::{
    end::{beginning, task_result},
    files::{NotRead, Reading},
    gaps::LogGap,
    kubelet::{rest, since, taken},
    newest,
    pipeline::{LogPipeline, Stopped},
    pod_watch::{PodLists, RunId, RunState},
};
use crate::{
    bundle::GapCause,
    collect::{ClusterContext, TaskResult},
    facts::coverage::{FileStart, Reason},
    plan::{LogFiles, LogTask, Task},
    source::{BodyStream, kubernetes::SourceError},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::{Duration, Instant};

/// How often a node's files are looked at.
const PAUSE: Duration = Duration::from_secs(2);
/// How many attempts to read them may fail.
const ATTEMPTS: usize = 5;
/// The kubelet checks every ten seconds whether a log is to be rotated, and rotates those of 10 MiB.
const ROTATION: Duration = Duration::from_secs(10);
const ROTATED: u64 = 1 << 20;
/// How long before a new file begins lines may be missing at most.
const DOUBT: TimeDelta = TimeDelta::seconds(15);

/// The log of one run, and how it is followed.
pub(super) struct Follower {
    pipeline: LogPipeline,
    /// Its node's files, where they are read.
    files: Option<Box<Reading>>,
    /// Why the files are not read, though they should be.
    not_read: Option<NotRead>,
}

impl Follower {
    /// Follows a run until it has ended or following ends. An earlier bundle may have its log so far.
    pub(super) async fn follow(
        context: ClusterContext,
        log: LogTask,
        run: RunId,
        state: RunState,
        mut lists: PodLists,
    ) -> Self {
        let log = LogTask { past: true, ..log };
        let task = Task::new(log.clone());
        let pipeline = LogPipeline::continued(&context, &task, &log)
            .unwrap_or_else(|| LogPipeline::resumable(&context, &task, &log));
        let mut follower = Self { pipeline, files: None, not_read: None };
        if follower.pipeline.stopped.is_some() || follower.pipeline.is_whole {
            return follower;
        }
        if let Some(files) = log.files.clone() {
            let to_run = Some(files.from_run);
            let log = LogTask { files: Some(LogFiles { to_run, ..files }), ..log.clone() };
            if follower.by_files(&log, &run, &mut lists).await {
                return follower;
            }
        }
        match state {
            RunState::Running => follower.by_stream(&log, &run, &mut lists).await,
            state => follower.rest(&log, &run, (state, false), &mut lists).await,
        }
        follower
    }

    /// Whether any line was kept.
    pub(super) fn has_lines(&self) -> bool {
        self.pipeline.has_lines()
    }

    /// The log that it followed.
    pub(super) fn log(&self) -> &LogTask {
        &self.pipeline.log
    }

    /// Records which of its container's runs it is now.
    pub(super) fn mark_run(&mut self, previous: bool, past: bool) {
        let log = &mut self.pipeline.log;
        (log.previous, log.past) = (previous, past);
    }

    async fn by_stream(&mut self, log: &LogTask, run: &RunId, lists: &mut PodLists) {
        let (mut file, mut has_ended) = (None, false);
        loop {
            let opened = tokio::select! {
                opened = since(&mut self.pipeline, log, true) => opened,
                () = lists.closed() => return,
            };
            match opened {
                Err(Stopped::Source(SourceError::Stopped(_))) => return,
                Err(_) => {}
                Ok(answer) => {
                    if lists.after(Instant::now(), run).await == Some(RunState::Running) {
                        let lines = self.pipeline.filter.lines();
                        let flow = self.stream(log, answer.body, &mut file, lists).await;
                        if matches!(flow, Flow::Done) {
                            return;
                        }
                        // One that ended well has ended, as long as nothing more comes.
                        has_ended &= self.pipeline.filter.lines() == lines;
                        has_ended |= matches!(flow, Flow::Ended) && self.pipeline.has_ended_well();
                    }
                }
            }
            match lists.after(Instant::now(), run).await {
                None => return,
                Some(RunState::Running) => {}
                Some(state) => return self.rest(log, run, (state, has_ended), lists).await,
            }
        }
    }

    /// Takes what comes in a stream.
    async fn stream(
        &mut self,
        log: &LogTask,
        mut body: BodyStream,
        file: &mut Option<DateTime<Utc>>,
        lists: &mut PodLists,
    ) -> Flow {
        let (mut came, mut looked) = (0, Instant::now());
        self.file(log, file).await;
        loop {
            let chunk = tokio::select! {
                chunk = body.chunk() => chunk,
                () = lists.closed() => {
                    if came > 0 {
                        self.file(log, file).await;
                    }
                    return Flow::Done;
                }
            };
            match chunk {
                Ok(Some(chunk)) => {
                    self.pipeline.sink.context.run.progress.bytes(chunk.len() as u64);
                    came += chunk.len() as u64;
                    if let Some(stopped) = self.pipeline.feed(&chunk) {
                        self.pipeline.stopped = Some(stopped);
                        return Flow::Done;
                    }
                }
                Ok(None) => return Flow::Ended,
                Err(SourceError::Stopped(_)) => return Flow::Done,
                Err(_) => return Flow::Broken,
            }
            if self.pipeline.filter.is_over() {
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
        let context = &self.pipeline.sink.context;
        let begins = beginning(context, log).await;
        let is_old = log.started.is_none_or(|started| started < context.basis.request.window.start);
        if is_old && begins != FileStart::Unknown {
            self.pipeline.begins.get_or_insert(begins);
        }
        let FileStart::At(at) = begins else { return };
        // A file of which no line has come yet is checked the next time.
        if self.pipeline.filter.last().is_none_or(|last| last < at) && file.is_some() {
            return;
        }
        if file.replace(at).is_some_and(|before| before != at) {
            let after = self.pipeline.filter.last_before(at).unwrap_or(at - DOUBT);
            let text = "the node began a new file while the log was followed; the old file's last lines may be missing";
            let why = Reason { cause: GapCause::RotatedAway, text: text.to_owned() };
            self.pipeline.gaps.push(LogGap { why, after: Some(after), before: Some(at) });
        }
    }

    /// Reads the rest of a run that has ended, while the node has it.
    async fn rest(
        &mut self,
        log: &LogTask,
        run: &RunId,
        (mut state, has_ended): (RunState, bool),
        lists: &mut PodLists,
    ) {
        loop {
            let previous = match state {
                RunState::Running => return,
                RunState::Ended { previous } => previous,
                // Its stream had come to its end before.
                RunState::Gone(_) if has_ended => {
                    self.pipeline.is_whole = true;
                    return;
                }
                RunState::Gone(why) => {
                    self.pipeline.stopped = Some(Stopped::Gone(why));
                    return;
                }
            };
            let log = LogTask { previous, past: false, ..log.clone() };
            let opened = tokio::select! {
                opened = since(&mut self.pipeline, &log, false) => opened,
                // The rest is read after the window's end.
                () = lists.closed() => return,
            };
            // Which run answers depends on which had started by that time.
            let Some(now) = lists.after(Instant::now(), run).await else { return };
            if let (Ok(answer), true) = (opened, now == RunState::Ended { previous }) {
                let stopped = tokio::select! {
                    stopped = self.pipeline.run(answer.body) => stopped,
                    () = lists.closed() => return,
                };
                match stopped {
                    None if self.pipeline.has_ended_well() => {
                        self.pipeline.is_whole = true;
                        return;
                    }
                    // Asked again, the same lines would be missing.
                    None if !self.pipeline.filter.is_joined() => return,
                    None | Some(Stopped::Source(_)) => {}
                    stopped => {
                        self.pipeline.stopped = stopped;
                        return;
                    }
                }
            }
            match lists.after(Instant::now(), run).await {
                Some(now) => state = now,
                None => return,
            }
        }
    }

    /// Reads the node's files; false where they cannot be read, and nothing was.
    async fn by_files(&mut self, log: &LogTask, run: &RunId, lists: &mut PodLists) -> bool {
        let Some(files) = &log.files else { return false };
        let mut tried = 0;
        loop {
            let state = lists.latest(run);
            if self.files.is_none() {
                match Reading::begin(&mut self.pipeline, files).await {
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
                match reading.more(&mut self.pipeline).await {
                    Ok((None, _)) if self.pipeline.filter.is_over() => return true,
                    // The run's end was known before the files were read to theirs.
                    Ok((None, _)) if matches!(state, Some(RunState::Ended { .. } | RunState::Gone(_))) => {
                        self.pipeline.is_whole = true;
                        return true;
                    }
                    Ok((None, _)) | Err(_) => {}
                    Ok((Some(Stopped::Source(SourceError::Stopped(_))), _)) => return true,
                    Ok((Some(Stopped::Source(_)), _)) => {}
                    Ok((Some(stopped), _)) => {
                        self.pipeline.stopped = Some(stopped);
                        return true;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = lists.closed() => return true,
            }
        }
    }

    /// Reads what came since, as the log of the run that it is now, and ends the task.
    pub(super) async fn end(mut self, context: &ClusterContext, task: &Task, log: &LogTask) -> TaskResult {
        if let Err(error) = self.pipeline.becomes(log) {
            return error.into();
        }
        if let Some(mut reading) = self.files {
            reading.is_patient = false;
            let way = match self.pipeline.stopped.take() {
                None if !self.pipeline.is_whole => reading.more(&mut self.pipeline).await,
                stopped => Ok((stopped, context.now())),
            };
            return match way.and_then(|way| reading.end(self.pipeline, way)) {
                Ok(taken) => task_result(context, task, log, taken).await,
                Err(why) => why.explain(newest::collect(context, task, log).await),
            };
        }
        let taken = match self.pipeline.stopped.take() {
            Some(stopped) => taken(self.pipeline, Some(stopped)),
            // By now, another run would answer.
            None if log.past && !self.pipeline.is_whole => {
                let why = "later runs have started, and the node keeps the logs of two".to_owned();
                taken(self.pipeline, Some(Stopped::Gone(why)))
            }
            None => rest(self.pipeline, log).await,
        };
        let result = task_result(context, task, log, taken).await;
        match self.not_read {
            Some(why) => why.explain(result),
            None => result,
        }
    }
}

/// How a stream went.
enum Flow {
    /// The kubelet ended it, as it does when the container has.
    Ended,
    /// Something else ended it.
    Broken,
    /// No more of it is needed.
    Done,
}
