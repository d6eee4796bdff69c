//! Owns the way of a log's bytes into its entry: cut to the window, redacted, compressed. A pipeline may take several
//! answers, one after the other: an earlier bundle's log, what comes while the log is followed, and the rest.

use super::gaps::LogGap;
use crate::{
    bundle::{BundleError, Coverage, EntryPath, facts::LogFacts, layout},
    collect::{Break, ClusterContext, EarlierLog, Ended, WindowFilter, Writing},
    facts::{coverage::FileStart, identity::IdentityReader, logs::LogExtractor},
    kubelet_log::Stamp,
    plan::{LogTask, Task, window::seconds_floor},
    redact::{Clean, Counts, Stream},
    source::{BodyStream, kubernetes::SourceError},
};
use chrono::{DateTime, Utc};
use std::io::Read as _;

/// So much is taken at a time (bytes). A connection may give 400 kB at once, which every step would hold.
pub(super) const CHUNK: usize = 64 << 10;

/// What came through a pipeline, when it has ended.
pub(super) struct Received {
    /// None when no line fell into the window.
    pub(super) entry: Option<Writing>,
    pub(super) counts: Counts,
    pub(super) ended: Ended,
    pub(super) extract: IdentityReader,
    /// The facts of its lines.
    pub(super) facts: Box<LogFacts>,
    pub(super) stop: Option<Stopped>,
    /// When it ended, by the API server's clock.
    pub(super) until: DateTime<Utc>,
    /// Where the log's file begins; none where that is not known yet.
    pub(super) begins: Option<FileStart>,
    /// What is missing between its lines.
    pub(super) gaps: Vec<LogGap>,
    /// Where the last answer did not continue what was read before.
    pub(super) breaks: Vec<Break>,
    /// Whether it is certainly the log of the pod that was listed.
    pub(super) is_sure: bool,
    /// What the log of an earlier bundle covers, which this one continues.
    pub(super) before: Coverage,
    /// The path of that log in the earlier bundle.
    pub(super) continues: Option<String>,
}

/// Why a log was left before its end.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It reached the limit of this many bytes.
    Limit(u64),
    Source(SourceError),
    Bundle(BundleError),
    /// The node no longer has it, for this reason.
    Gone(String),
}

/// One log on its way into its entry.
pub(super) struct LogPipeline {
    pub(super) log: LogTask,
    pub(super) filter: WindowFilter,
    pub(super) sink: Sink,
    received: u64,
    pub(super) begins: Option<FileStart>,
    pub(super) gaps: Vec<LogGap>,
    pub(super) is_sure: bool,
    before: Coverage,
    continues: Option<String>,
    /// Whether the run has ended, and its log was read to its end.
    pub(super) is_whole: bool,
    /// Why following it was given up.
    pub(super) stopped: Option<Stopped>,
}

/// Where the lines of the window go.
pub(super) struct Sink {
    pub(super) context: ClusterContext,
    pub(super) request: String,
    path: EntryPath,
    redact: Stream,
    extract: IdentityReader,
    facts: Box<LogExtractor>,
    /// Begun with the first byte, so that an empty log leaves no file.
    entry: Option<Writing>,
    failed: Option<BundleError>,
}

impl Sink {
    fn push(&mut self, kept: &[u8]) {
        for slice in kept.chunks(CHUNK) {
            let clean = self.redact.push(slice);
            self.take(&clean);
        }
    }

    fn take(&mut self, clean: &Clean) {
        self.extract.push(clean);
        self.facts.push(clean);
        if clean.is_empty() || self.failed.is_some() {
            return;
        }
        let written = match &mut self.entry {
            Some(writing) => writing.write(clean),
            None => self
                .context
                .begin(self.path.clone(), &self.request)
                .and_then(|mut writing| writing.write(clean).map(|()| self.entry = Some(writing))),
        };
        self.failed = written.err();
    }
}

impl LogPipeline {
    pub(super) fn new(context: &ClusterContext, task: &Task, log: &LogTask) -> Self {
        let window = &context.basis.request.window;
        // Of a run that was over before the window, the last lines are kept, whenever they were written.
        let start = log.since.map(|_| window.start);
        let sink = Sink {
            context: context.clone(),
            request: task.request(),
            path: path(context, log),
            redact: context.run.redactor.stream(),
            extract: IdentityReader::of_log(&context.run.searches.names),
            facts: Box::new(LogExtractor::new(
                &context.run.searches.patterns,
                window.incident.map(|incident| incident.start),
            )),
            entry: None,
            failed: None,
        };
        Self {
            log: log.clone(),
            filter: WindowFilter::new(start, window.end),
            sink,
            received: 0,
            begins: None,
            gaps: Vec::new(),
            is_sure: false,
            before: Coverage::default(),
            continues: None,
            is_whole: false,
            stopped: None,
        }
    }

    /// A pipeline that begins with an earlier bundle's log; none where there is none to continue.
    pub(super) fn continued(context: &ClusterContext, task: &Task, log: &LogTask) -> Option<Self> {
        let earlier = context.run.earlier.as_ref()?.log(&context.cluster, log)?;
        let mut pipeline = Self::resumable(context, task, log);
        // Reads from the disk, which may block.
        pipeline.stopped = tokio::task::block_in_place(|| pipeline.take_earlier(&earlier));
        // Damaged, or not to be continued: the log is read from its beginning.
        (!matches!(pipeline.stopped, Some(Stopped::Source(_)))).then_some(pipeline)
    }

    /// A pipeline that can resume after its stream broke.
    pub(super) fn resumable(context: &ClusterContext, task: &Task, log: &LogTask) -> Self {
        let pipeline = Self::new(context, task, log);
        Self { filter: pipeline.filter.resumable(), ..pipeline }
    }

    /// Whether any line was kept.
    pub(super) fn has_lines(&self) -> bool {
        self.sink.entry.is_some()
    }

    fn take_earlier(&mut self, earlier: &EarlierLog<'_>) -> Option<Stopped> {
        let mut chunk = vec![0; CHUNK];
        let broken = |why| Some(Stopped::Source(SourceError::Broken(why)));
        let mut entry = match earlier.open() {
            Ok(entry) => entry,
            Err(error) => return broken(Box::new(error)),
        };
        let mut end = Vec::new();
        loop {
            let read = match entry.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return broken(Box::new(error)),
            };
            end.extend_from_slice(&chunk[..read]);
            end.drain(..end.len().saturating_sub(CHUNK));
            if let Some(stopped) = self.feed(&chunk[..read]) {
                return Some(stopped);
            }
        }
        if ends_within_key(&end) {
            return broken("it ends within a key, whose rest may follow".into());
        }
        self.before = earlier.coverage().clone();
        self.continues = Some(earlier.path().to_owned());
        self.is_whole = earlier.is_whole();
        None
    }

    /// Whether it began with a log of an earlier bundle.
    pub(super) fn is_continued(&self) -> bool {
        self.continues.is_some()
    }

    /// Whether an answer that has ended continued the log, and to its end: it was not another file, and its last line is
    /// not the kubelet's error.
    pub(super) fn has_ended_well(&self) -> bool {
        let held = self.filter.held();
        self.filter.is_joined() && (held.is_empty() || Stamp::read(held).is_some())
    }

    /// Prepares for the next answer, and returns from when on to ask. A line that has no end comes again.
    pub(super) fn resume(&mut self) -> Option<DateTime<Utc>> {
        let start = seconds_floor(self.sink.context.basis.request.window.start);
        self.filter.resume().map(|since| since.max(start)).or(self.log.since)
    }

    pub(super) async fn run(&mut self, mut body: BodyStream) -> Option<Stopped> {
        loop {
            match body.chunk().await {
                Ok(Some(chunk)) => {
                    self.sink.context.run.progress.bytes(chunk.len() as u64);
                    if let Some(stopped) = self.feed(&chunk) {
                        return Some(stopped);
                    }
                }
                Ok(None) => return None,
                Err(error) => return Some(Stopped::Source(error)),
            }
            if self.filter.is_over() {
                return None;
            }
        }
    }

    /// Takes the next bytes; returns why no more are taken, if so.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Option<Stopped> {
        self.received += chunk.len() as u64;
        let Self { filter, sink, .. } = self;
        chunk.chunks(CHUNK).for_each(|slice| filter.push(slice, |kept| sink.push(kept)));
        if let Some(error) = self.sink.failed.take() {
            return Some(Stopped::Bundle(error));
        }
        let limit = self.sink.context.run.log_limit;
        let is_full = self.received >= limit && !self.filter.is_over();
        is_full.then_some(Stopped::Limit(limit))
    }

    /// Ends the pipeline. The error is the kubelet's own text, where there should have been a log.
    pub(super) fn end(mut self, mut stop: Option<Stopped>) -> Result<Box<Received>, String> {
        let Self { filter, sink, .. } = &mut self;
        filter.end_line(|kept| sink.push(kept));
        let mut breaks = filter.take_breaks();
        if stop.is_none() && !self.is_whole && !self.filter.is_joined() {
            breaks.extend(self.filter.last().map(|after| Break { after, before: None }));
        }
        let Self { filter, mut sink, begins, gaps, is_sure, before, continues, .. } = self;
        let ended = filter.finish(|kept| sink.push(kept));
        let (clean, counts) = std::mem::replace(&mut sink.redact, sink.context.run.redactor.stream()).finish();
        sink.take(&clean);
        let Sink { context, extract, facts, entry, failed, .. } = sink;
        if let Some(error) = failed {
            stop.get_or_insert(Stopped::Bundle(error));
        }
        if let Some(text) = ended.error.as_ref().filter(|_| !ended.is_log && stop.is_none()) {
            return Err(context.run.redactor.string(text).0);
        }
        let begins = match (begins, ended.begins) {
            // A file that was empty at first begins with what came then.
            (Some(FileStart::Empty), Some(first)) => Some(FileStart::At(first)),
            (begins, _) => begins,
        };
        let until = context.now();
        Ok(Box::new(Received {
            entry,
            counts,
            ended,
            extract,
            facts: Box::new(facts.finish()),
            stop,
            until,
            begins,
            gaps,
            breaks,
            is_sure,
            before,
            continues,
        }))
    }

    /// Takes the path of the run that this log is of by now.
    pub(super) fn becomes(&mut self, log: &LogTask) -> Result<(), BundleError> {
        self.log = log.clone();
        let Sink { context, path, entry, .. } = &mut self.sink;
        *path = self::path(context, log);
        entry.as_mut().map_or(Ok(()), |entry| entry.rename(path.clone()))
    }
}

/// Whether a log ends between the beginning and the end of a key. The rest of the key would not be recognised, for its
/// beginning is redacted.
fn ends_within_key(end: &[u8]) -> bool {
    let last = |word: &[u8]| memchr::memmem::rfind(end, word);
    let begins = last(b"-----BEGIN").max(last(b"<private-key:"));
    begins.is_some() && begins > last(b"-----END")
}

fn path(context: &ClusterContext, log: &LogTask) -> EntryPath {
    let LogTask { namespace, pod, container, previous, .. } = log;
    match log.started.filter(|_| log.past) {
        Some(started) => layout::past_log(&context.cluster, namespace, pod, container, started),
        None if log.is_orphaned() => layout::deleted_log(&context.cluster, namespace, pod, container, &log.uid),
        None => layout::pod_log(&context.cluster, namespace, pod, container, *previous),
    }
}
