//! Owns the order in which the files of a container's log are read, and the gaps where one is missing.

use super::{not_read::NotRead, part::FileReader};
use crate::{
    bundle::GapCause,
    collect::ClusterContext,
    collectors::log::{
        folder::{ATTEMPTS, LogFolder, MOMENT},
        gaps::LogGap,
        kubelet::{Taken, taken},
        names::{Age, File},
        pipeline::{LogPipeline, Stopped},
    },
    facts::coverage::{FileStart, Reason},
    plan::{LogFiles, LogTask, Task},
    source::kubernetes::SourceError,
};
use chrono::{DateTime, Utc};

/// How often to wait a moment for the next file after one was renamed.
const PATIENCE: usize = 20;

/// Reads the files of a log. It is an error where nothing of them was read: the log may still come from the kubelet.
pub(in crate::collectors::log) async fn take(
    context: &ClusterContext,
    task: &Task,
    log: &LogTask,
    files: &LogFiles,
) -> Result<Taken, NotRead> {
    let mut pipeline =
        LogPipeline::continued(context, task, log).unwrap_or_else(|| LogPipeline::new(context, task, log));
    let stopped = pipeline.stopped.take();
    if stopped.is_some() || pipeline.is_whole {
        return Ok(taken(pipeline, stopped));
    }
    let mut reading = Reading::begin(&mut pipeline, files).await?;
    let read = reading.all(&mut pipeline).await?;
    reading.end(pipeline, read)
}

/// Divides the files at a moment. Returns the files that end before it, and where the first of the others begins.
async fn choose(
    folder: &LogFolder,
    mut listed: Vec<File>,
    from: DateTime<Utc>,
) -> Result<(Vec<File>, FileStart), SourceError> {
    let mut begins = FileStart::Empty;
    while let Some(file) = listed.pop() {
        let Some(at) = folder.begins(&file).await? else { continue };
        begins = FileStart::At(at);
        if at <= from {
            break;
        }
    }
    Ok((listed, begins))
}

/// Why no more was read, if so, and until when everything that was written was read.
pub(in crate::collectors::log) type Way = (Option<Stopped>, DateTime<Utc>);

/// How far a file was read, by the name it then had.
#[derive(Clone)]
struct At {
    file: File,
    bytes: u64,
    /// Whether a later file existed already, so that no more was written to this one.
    is_ended: bool,
}

/// Reads a log's files, one after the other.
pub(in crate::collectors::log) struct Reading {
    reader: FileReader,
    /// Files without lines of the window.
    earlier: Vec<File>,
    /// All other files that were in any list.
    wanted: Vec<File>,
    /// Whether a file that cannot be read now is tried again later.
    pub(in crate::collectors::log) is_patient: bool,
    /// Where the earliest of the files begins.
    begins: FileStart,
    /// Whether a later file exists than the one that is being read.
    is_ended: bool,
    at: Option<At>,
    /// The file before the newest, where there is one.
    before: Option<File>,
    gaps: Vec<LogGap>,
}

/// How the reading of a file ended.
enum Read {
    /// At its end, or the window's.
    Whole,
    /// There is no such file, or not any more.
    Gone,
    /// Before its end, for this reason.
    Stopped(Stopped),
}

impl From<Option<Stopped>> for Read {
    fn from(stopped: Option<Stopped>) -> Self {
        stopped.map_or(Self::Whole, Self::Stopped)
    }
}

impl From<SourceError> for Read {
    fn from(error: SourceError) -> Self {
        Self::Stopped(Stopped::Source(error))
    }
}

impl Reading {
    pub(in crate::collectors::log) async fn begin(
        pipeline: &mut LogPipeline,
        files: &LogFiles,
    ) -> Result<Self, NotRead> {
        let folder = LogFolder { context: pipeline.sink.context.clone(), files: files.clone() };
        let listed = folder.list().await?;
        if listed.is_empty() {
            return Err(NotRead::new("the node has no log files for this run of the container"));
        }
        let from = if pipeline.is_continued() { pipeline.resume() } else { None };
        let (earlier, begins) =
            choose(&folder, listed, from.unwrap_or(pipeline.sink.context.basis.request.window.start)).await?;
        pipeline.sink.request = format!("GET {}", files.folder);
        // The folder's name has the pod's UID.
        pipeline.is_sure = true;
        Ok(Self {
            reader: FileReader::new(folder),
            earlier,
            wanted: Vec::new(),
            is_patient: false,
            begins,
            is_ended: false,
            at: None,
            before: None,
            gaps: Vec::new(),
        })
    }

    /// Continues where [`Self::all`] ended.
    pub(in crate::collectors::log) async fn more(&mut self, pipeline: &mut LogPipeline) -> Result<Way, NotRead> {
        let until = self.reader.folder.context.now();
        let Some(At { file, mut bytes, is_ended: false }) = self.at.clone().filter(|at| at.file.age == Age::Newest)
        else {
            return self.all(pipeline).await;
        };
        let read = self.reader.part(pipeline, &file, &mut bytes).await;
        self.at = Some(At { file: file.clone(), bytes, is_ended: false });
        match read {
            Ok(stopped) => return Ok((stopped, until)),
            Err(SourceError::Status { code: 404, .. }) => {}
            Err(error) => return self.stopped(pipeline, Stopped::Source(error)),
        }
        // It was rotated, and is read to its end under its new name.
        let files = match self.list().await {
            Ok(files) => files,
            Err(error) => return self.stopped(pipeline, Stopped::Source(error)),
        };
        match files.iter().find(|listed| listed.age != Age::Newest && self.is_after(listed, &file)) {
            Some(aside) => self.at = Some(At { file: aside.clone(), bytes, is_ended: false }),
            None if files.is_empty() => return Ok((Some(Stopped::Gone("its files were deleted".to_owned())), until)),
            None => self.lose(file, pipeline, None).await,
        }
        self.all(pipeline).await
    }

    pub(in crate::collectors::log) fn end(
        mut self,
        mut pipeline: LogPipeline,
        (stop, until): Way,
    ) -> Result<Taken, NotRead> {
        if !self.reader.cri.is_cri && self.at.as_ref().is_some_and(|at| at.bytes > 0) {
            return Err(NotRead::new("the node's files are not in the format of a container runtime's log"));
        }
        self.reader.cri.finish(&mut self.reader.out);
        let full = self.reader.give(&mut pipeline, b"");
        // A file may be deleted or replaced between the request for its beginning and the one for its content.
        pipeline.begins = Some(match (self.begins, pipeline.filter.begins()) {
            (FileStart::At(at), Some(first)) => FileStart::At(at.min(first)),
            (FileStart::Empty, Some(first)) => FileStart::At(first),
            (begins, _) => begins,
        });
        pipeline.gaps.append(&mut self.gaps);
        let mut taken = taken(pipeline, stop.or(full));
        if let Taken::Log(received) = &mut taken {
            received.until = until;
        }
        Ok(taken)
    }

    /// Lists the files. From now on, each of them is either read or a gap.
    async fn list(&mut self) -> Result<Vec<File>, SourceError> {
        let files = self.reader.folder.list().await?;
        let is_new = |file: &&File| self.is_wanted(file) && !self.wanted.iter().any(|seen| seen.is(file));
        let new: Vec<File> = files.iter().filter(is_new).cloned().collect();
        self.wanted.extend(new);
        Ok(files)
    }

    /// Whether a file may have lines of the window.
    fn is_wanted(&self, file: &File) -> bool {
        !self.earlier.iter().any(|earlier| earlier.is(file))
    }

    /// Whether a file is still to be read.
    fn is_due(&self, file: &File) -> bool {
        self.is_wanted(file) && self.at.as_ref().is_none_or(|at| *file > at.file && !file.is(&at.file))
    }

    /// Reads one file after the other, to the end of the newest.
    pub(in crate::collectors::log) async fn all(&mut self, pipeline: &mut LogPipeline) -> Result<Way, NotRead> {
        let is_final = self.reader.folder.files.is_over;
        let (mut waited, mut failed) = (0, 0);
        while failed < PATIENCE * ATTEMPTS {
            let until = self.reader.folder.context.now();
            let files = match self.list().await {
                Ok(files) => files,
                Err(error) => return self.stopped(pipeline, Stopped::Source(error)),
            };
            let next = files.iter().find(|file| self.is_due(file)).cloned();
            if let Some(gone) = self.vanished(&files).filter(|gone| next.as_ref().is_none_or(|next| gone < next)) {
                self.lose(gone, pipeline, None).await;
                continue;
            }
            let Some(file) = next else {
                // The last file was rotated, and is written to until there is a new one.
                let is_between = !is_final && files.last().is_some_and(|last| last.age != Age::Newest);
                if !is_between || waited > PATIENCE {
                    return Ok((None, until));
                }
                waited += 1;
                tokio::time::sleep(MOMENT).await;
                continue;
            };
            self.is_ended = files.last() != Some(&file);
            let is_last = file.age == Age::Newest && !is_final && files.last() == Some(&file);
            let read = match file.age {
                Age::Newest if !is_final => self.newest(pipeline, &file, is_last).await,
                _ => self.whole(pipeline, &file).await,
            };
            let is_begun = self.at.as_ref().is_some_and(|at| at.file.is(&file));
            match read {
                Read::Whole if is_last || pipeline.filter.is_over() => return Ok((None, until)),
                Read::Whole => failed = 0,
                Read::Gone if is_last && !is_begun => {
                    failed += 1;
                    tokio::time::sleep(MOMENT).await;
                }
                Read::Gone => self.lose(file, pipeline, None).await,
                Read::Stopped(Stopped::Source(error))
                    if !is_last && !self.is_patient && !matches!(error, SourceError::Stopped(_)) =>
                {
                    self.lose(file, pipeline, Some(error)).await;
                }
                Read::Stopped(stopped) => return self.stopped(pipeline, stopped),
            }
        }
        let error = SourceError::Broken("the node's files changed faster than they could be read".into());
        self.stopped(pipeline, Stopped::Source(error))
    }

    /// The earliest file that was to be read and is not listed any more. The newest file of a run may only have been
    /// renamed, as long as there are others of its run.
    fn vanished(&self, files: &[File]) -> Option<File> {
        let is_gone = |file: &&File| match file.age {
            Age::Newest => !files.iter().any(|listed| listed.run == file.run),
            Age::Rotated(_) => !files.iter().any(|listed| listed.is(file)),
        };
        self.wanted.iter().filter(|file| self.is_due(file)).filter(is_gone).min().cloned()
    }

    /// Ends the reading, unless nothing was kept yet: then the log may still come from the kubelet.
    fn stopped(&self, pipeline: &LogPipeline, stopped: Stopped) -> Result<Way, NotRead> {
        match stopped {
            Stopped::Source(error) if !pipeline.has_lines() && !matches!(error, SourceError::Stopped(_)) => {
                Err(error.into())
            }
            stopped => Ok((Some(stopped), self.reader.folder.context.now())),
        }
    }

    /// Reads a file that was rotated.
    async fn whole(&mut self, pipeline: &mut LogPipeline, file: &File) -> Read {
        match self.end_before(pipeline, file).await {
            Ok(None) => self.as_named(pipeline, file.clone()).await,
            Ok(Some(stopped)) => Read::Stopped(stopped),
            Err(error) => error.into(),
        }
    }

    /// Reads a file, also if it is renamed meanwhile.
    async fn as_named(&mut self, pipeline: &mut LogPipeline, mut file: File) -> Read {
        let (mut read, mut last) = (0, None);
        self.reader.last.clear();
        self.before = self.at.as_ref().map(|at| at.file.clone());
        for _ in 0..ATTEMPTS {
            let ended = self.reader.part(pipeline, &file, &mut read).await;
            if read > 0 || ended.is_ok() {
                let is_ended = self.is_ended && ended.is_ok();
                self.at = Some(At { file: file.clone(), bytes: read, is_ended });
            }
            match ended {
                Ok(stopped) => return stopped.into(),
                Err(error @ SourceError::Stopped(_)) => return error.into(),
                Err(SourceError::Status { code: 404, .. }) if file.age == Age::Newest && read == 0 => {
                    return Read::Gone;
                }
                Err(SourceError::Status { code: 404, .. }) => {}
                Err(error) => last = Some(error),
            }
            let files = match self.list().await {
                Ok(files) => files,
                Err(error) => return error.into(),
            };
            // The newest file that was begun is the first one that was rotated since.
            let aside = |listed: &&File| file.age == Age::Newest && **listed < file && self.is_after(listed, &file);
            match files.iter().find(aside).or_else(|| files.iter().find(|listed| listed.is(&file))) {
                Some(now) => file = now.clone(),
                None => return Read::Gone,
            }
        }
        last.map_or(Read::Gone, Read::from)
    }

    /// Whether a file was rotated after the one that was read before `newest`, of the same run.
    fn is_after(&self, file: &File, newest: &File) -> bool {
        let before = self.before.as_ref();
        let is_later = before.is_none_or(|before| file > before && !file.is(before));
        file.run == newest.run && self.is_wanted(file) && is_later
    }

    /// Reads what was written to the file before `next` after it was read: a file is renamed first, and written to until
    /// the next one exists.
    async fn end_before(&mut self, pipeline: &mut LogPipeline, next: &File) -> Result<Option<Stopped>, SourceError> {
        self.reader.expected.clear();
        let Some(At { file, mut bytes, is_ended }) = self.at.take() else { return Ok(None) };
        let (mut ended, mut is_gone) = (Ok(None), false);
        for _ in 0..if is_ended { 0 } else { ATTEMPTS } {
            let files = match self.list().await {
                Ok(files) => files,
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            };
            let now = files.iter().find(|listed| listed.is(&file));
            is_gone = now.is_none();
            let Some(now) = now else { break };
            ended = self.reader.part(pipeline, now, &mut bytes).await;
            if !matches!(ended, Err(SourceError::Status { code: 404, .. } | SourceError::Broken(_))) {
                break;
            }
        }
        let is_same_run = file.run == next.run;
        self.at = Some(At { file: file.clone(), bytes, is_ended });
        if is_gone {
            self.lose(file, pipeline, None).await;
        }
        match ended {
            Ok(None) | Err(SourceError::Status { code: 404, .. }) => {
                self.reader.cri.end_file(&mut self.reader.out);
                if is_same_run {
                    return Ok(self.reader.give(pipeline, b""));
                }
                self.reader.cri.finish(&mut self.reader.out);
                let full = self.reader.give(pipeline, b"");
                if next.age != Age::Newest {
                    self.doubt(pipeline, next).await;
                }
                Ok(full)
            }
            ended => ended,
        }
    }

    /// Reads the newest file, once it is certain that it follows the last one that was read. Gone where it is another by
    /// now, or not there yet.
    async fn newest(&mut self, pipeline: &mut LogPipeline, file: &File, is_last: bool) -> Read {
        let mut head = Vec::new();
        for _ in 0..PATIENCE {
            head = match self.reader.folder.head(file).await {
                Ok(None) => return Read::Gone,
                Ok(Some(head)) => head,
                Err(error) => return error.into(),
            };
            // Its first bytes tell a file from the next one of its name. Before it has any, only a list does.
            let files = match self.list().await {
                Ok(files) => files,
                Err(error) => return error.into(),
            };
            if files.iter().any(|other| other < file && self.is_due(other)) {
                return Read::Gone;
            }
            if !head.is_empty() || !is_last {
                break;
            }
            tokio::time::sleep(MOMENT).await;
        }
        match self.end_before(pipeline, file).await {
            Ok(None) => {}
            Ok(Some(stopped)) => return Read::Stopped(stopped),
            Err(error) => return error.into(),
        }
        self.reader.expected = head;
        if self.reader.expected.is_empty() {
            // An empty file. Unless it is the last one, it stays empty.
            if !is_last {
                self.before = self.at.as_ref().map(|at| at.file.clone());
                self.reader.last.clear();
                self.at = Some(At { file: file.clone(), bytes: 0, is_ended: self.is_ended });
            }
            return Read::Whole;
        }
        self.as_named(pipeline, file.clone()).await
    }

    /// Notes a possible gap before a run's oldest file, which was rotated: earlier ones may have been, and been deleted.
    async fn doubt(&mut self, pipeline: &LogPipeline, first: &File) {
        let mut before = None;
        for _ in 0..ATTEMPTS {
            // It may have been compressed meanwhile.
            let Ok(files) = self.list().await else { continue };
            // A file that is gone becomes a gap of its own when it is to be read.
            let Some(file) = files.iter().find(|file| file.is(first)) else { return };
            before = self.reader.folder.begins(file).await.ok().flatten();
            if before.is_some() {
                break;
            }
        }
        let text = format!(
            "{} is the oldest file of a run that was not the container's first: it is not known whether older lines of this run were rotated away",
            first.name()
        );
        let why = Reason { cause: GapCause::Unknown, text };
        self.gaps.push(LogGap { why, after: pipeline.filter.last(), before });
    }

    /// Notes the gap of a file that was deleted before it was read, or that could not be read.
    async fn lose(&mut self, file: File, pipeline: &LogPipeline, error: Option<SourceError>) {
        let mut before = None;
        for next in self.list().await.unwrap_or_default() {
            if next > file && !next.is(&file) {
                before = self.reader.folder.begins(&next).await.ok().flatten();
                if before.is_some() {
                    break;
                }
            }
        }
        // A line that continues in the missing file does not end in the next one.
        self.reader.cri.finish(&mut self.reader.out);
        let name = file.name();
        let (cause, text) = match error {
            None => (GapCause::RotatedAway, format!("the node deleted {name} before it could be read")),
            Some(error) => (GapCause::StreamFailed, format!("{name} could not be read: {}", error.causes().join(": "))),
        };
        self.gaps.push(LogGap { why: Reason { cause, text }, after: pipeline.filter.last(), before });
        let bytes = self.at.as_ref().filter(|at| at.file.is(&file)).map_or(0, |at| at.bytes);
        self.at = Some(At { file, bytes, is_ended: true });
    }
}
