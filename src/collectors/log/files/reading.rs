//! All files of a container's log, from its node: those that were rotated, too, plain and compressed.
//!
//! The kubelet shows its folder of logs to whoever may `get nodes/proxy`. It renames, compresses and
//! deletes these files while they are read, so that a name says little: what was read of a file is
//! known by its place in the order and by how many bytes of it there were.

mod not_read;
mod part;

pub(super) use self::not_read::NotRead;
use super::{
    Taken,
    cri::Cri,
    folder::{ATTEMPTS, Folder, MOMENT},
    lost::Lost,
    names::{Age, File},
    pump::{Pump, Stopped},
    taken,
};
use crate::{
    bundle::GapCause,
    collect::Site,
    facts::coverage::{Begins, Stopped as Why},
    plan::{LogFiles, LogTask, Task},
    source::kubernetes::SourceError,
};
use chrono::{DateTime, Utc};

/// How many moments are waited for a file to be there after the one before was renamed.
const PATIENCE: usize = 20;

/// Reads the files of a log. What goes wrong before the first byte of them is an error, and the log
/// can still be had otherwise.
pub(super) async fn take(site: &Site, task: &Task, log: &LogTask, files: &LogFiles) -> Result<Taken, NotRead> {
    let mut pump = Pump::continued(site, task, log).unwrap_or_else(|| Pump::new(site, task, log));
    let stopped = pump.stopped.take();
    if stopped.is_some() || pump.is_whole {
        return Ok(taken(pump, stopped));
    }
    let mut reading = Reading::begin(&mut pump, files).await?;
    let read = reading.all(&mut pump).await?;
    reading.end(pump, read)
}

/// Leaves the files that have nothing from a moment on: those before the newest that begins before it.
/// Says where the first of the others begins.
async fn choose(
    folder: &Folder,
    mut listed: Vec<File>,
    from: DateTime<Utc>,
) -> Result<(Vec<File>, Begins), SourceError> {
    let mut begins = Begins::Empty;
    while let Some(file) = listed.pop() {
        let Some(at) = folder.begins(&file).await? else { continue };
        begins = Begins::At(at);
        if at <= from {
            break;
        }
    }
    Ok((listed, begins))
}

/// Why no more was read, if it is so, and until when all that was written was.
pub(super) type Way = (Option<Stopped>, DateTime<Utc>);

/// How far a file was read, by the name it then had.
#[derive(Clone)]
struct At {
    file: File,
    bytes: u64,
    /// Whether there was a later one already, so that nothing more was written to it.
    is_ended: bool,
}

/// The reading of a log's files, one after the other.
pub(super) struct Reading {
    folder: Folder,
    /// Files that cannot touch the window.
    earlier: Vec<File>,
    /// All others that were in any list.
    wanted: Vec<File>,
    cri: Cri,
    /// What was converted and not yet handed on.
    out: Vec<u8>,
    /// How the file begins that is about to be read, where its name may be another's by then.
    expected: Vec<u8>,
    /// What has come of that.
    first: Vec<u8>,
    /// What was read last of the file, by which it is known when it is read on.
    last: Vec<u8>,
    /// Whether what cannot be read now is tried again later, and not given up.
    pub(super) is_patient: bool,
    /// Where the earliest of the files begins.
    begins: Begins,
    /// Whether there is a later file than the one that is read.
    is_ended: bool,
    at: Option<At>,
    /// The file before the newest, where there is one.
    before: Option<File>,
    lost: Vec<Lost>,
}

/// How the reading of a file ended.
enum Read {
    /// With its end, or the window's.
    Whole,
    /// It is not there, or no longer.
    Gone,
    /// Before its end.
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
    pub(super) async fn begin(pump: &mut Pump, files: &LogFiles) -> Result<Self, NotRead> {
        let folder = Folder { site: pump.sink.site.clone(), files: files.clone() };
        let listed = folder.list().await?;
        if listed.is_empty() {
            return Err(NotRead::new("the node has no files of it under the number of its run"));
        }
        let from = if pump.is_continued() { pump.resume() } else { None };
        let (earlier, begins) = choose(&folder, listed, from.unwrap_or(pump.sink.site.request.window.start)).await?;
        pump.sink.request = format!("GET {}", files.folder);
        // A node's folder of files has the pod's UID in its name.
        pump.is_sure = true;
        Ok(Self {
            folder,
            earlier,
            cri: Cri::default(),
            out: Vec::new(),
            wanted: Vec::new(),
            expected: Vec::new(),
            first: Vec::new(),
            last: Vec::new(),
            is_patient: false,
            begins,
            is_ended: false,
            at: None,
            before: None,
            lost: Vec::new(),
        })
    }

    /// Reads on where [`Self::all`] ended.
    pub(super) async fn more(&mut self, pump: &mut Pump) -> Result<Way, NotRead> {
        let until = self.folder.site.now();
        let Some(At { file, mut bytes, is_ended: false }) = self.at.clone().filter(|at| at.file.age == Age::Newest)
        else {
            return self.all(pump).await;
        };
        let read = self.part(pump, &file, &mut bytes).await;
        self.at = Some(At { file: file.clone(), bytes, is_ended: false });
        match read {
            Ok(stopped) => return Ok((stopped, until)),
            Err(SourceError::Status { code: 404, .. }) => {}
            Err(error) => return self.stopped(pump, Stopped::Source(error)),
        }
        // It was set aside, and is read to its end under the name that it has by now.
        let files = match self.list().await {
            Ok(files) => files,
            Err(error) => return self.stopped(pump, Stopped::Source(error)),
        };
        match files.iter().find(|listed| listed.age != Age::Newest && self.is_after(listed, &file)) {
            Some(aside) => self.at = Some(At { file: aside.clone(), bytes, is_ended: false }),
            None if files.is_empty() => return Ok((Some(Stopped::Gone("its files are deleted".to_owned())), until)),
            None => self.lose(file, pump, None).await,
        }
        self.all(pump).await
    }

    /// What was read, when all is.
    pub(super) fn end(mut self, mut pump: Pump, (stop, until): Way) -> Result<Taken, NotRead> {
        if !self.cri.is_cri && self.at.as_ref().is_some_and(|at| at.bytes > 0) {
            return Err(NotRead::new("the node's files are of another form than a container runtime's"));
        }
        self.cri.finish(&mut self.out);
        let full = self.give(&mut pump, b"");
        // A file that was asked for where it begins may have been another by then, or nowhere.
        pump.begins = Some(match (self.begins, pump.cut.begins()) {
            (Begins::At(at), Some(first)) => Begins::At(at.min(first)),
            (Begins::Empty, Some(first)) => Begins::At(first),
            (begins, _) => begins,
        });
        pump.lost.append(&mut self.lost);
        let mut taken = taken(pump, stop.or(full));
        if let Taken::Log(received) = &mut taken {
            received.until = until;
        }
        Ok(taken)
    }

    /// The files that there are now, and that from now on each of them is read or lost.
    async fn list(&mut self) -> Result<Vec<File>, SourceError> {
        let files = self.folder.list().await?;
        let is_new = |file: &&File| self.is_wanted(file) && !self.wanted.iter().any(|seen| seen.is(file));
        let new: Vec<File> = files.iter().filter(is_new).cloned().collect();
        self.wanted.extend(new);
        Ok(files)
    }

    /// Whether a file can touch the window: one that was there from the start, or has come since.
    fn is_wanted(&self, file: &File) -> bool {
        !self.earlier.iter().any(|earlier| earlier.is(file))
    }

    /// Whether a file is to be read, and its turn has not been.
    fn is_due(&self, file: &File) -> bool {
        self.is_wanted(file) && self.at.as_ref().is_none_or(|at| *file > at.file && !file.is(&at.file))
    }

    /// Reads one file after the other to the end of the newest; says until when all that was written
    /// was read.
    pub(super) async fn all(&mut self, pump: &mut Pump) -> Result<Way, NotRead> {
        let is_final = self.folder.files.is_over;
        let (mut waited, mut failed) = (0, 0);
        while failed < PATIENCE * ATTEMPTS {
            let until = self.folder.site.now();
            let files = match self.list().await {
                Ok(files) => files,
                Err(error) => return self.stopped(pump, Stopped::Source(error)),
            };
            let next = files.iter().find(|file| self.is_due(file)).cloned();
            if let Some(gone) = self.vanished(&files).filter(|gone| next.as_ref().is_none_or(|next| gone < next)) {
                self.lose(gone, pump, None).await;
                continue;
            }
            let Some(file) = next else {
                // The last was set aside, and is written to until there is a new one.
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
                Age::Newest if !is_final => self.newest(pump, &file, is_last).await,
                _ => self.whole(pump, &file).await,
            };
            let is_begun = self.at.as_ref().is_some_and(|at| at.file.is(&file));
            match read {
                Read::Whole if is_last || pump.cut.is_over() => return Ok((None, until)),
                Read::Whole => failed = 0,
                Read::Gone if is_last && !is_begun => {
                    failed += 1;
                    tokio::time::sleep(MOMENT).await;
                }
                Read::Gone => self.lose(file, pump, None).await,
                Read::Stopped(Stopped::Source(error))
                    if !is_last && !self.is_patient && !matches!(error, SourceError::Stopped(_)) =>
                {
                    self.lose(file, pump, Some(error)).await;
                }
                Read::Stopped(stopped) => return self.stopped(pump, stopped),
            }
        }
        let error = SourceError::Broken("the node's files changed faster than they could be read".into());
        self.stopped(pump, Stopped::Source(error))
    }

    /// The earliest file that was due and is listed no more. One that was written to has another name
    /// by now, as long as there are any of its run.
    fn vanished(&self, files: &[File]) -> Option<File> {
        let is_gone = |file: &&File| match file.age {
            Age::Newest => !files.iter().any(|listed| listed.run == file.run),
            Age::Rotated(_) => !files.iter().any(|listed| listed.is(file)),
        };
        self.wanted.iter().filter(|file| self.is_due(file)).filter(is_gone).min().cloned()
    }

    /// What nothing was kept of yet may be had otherwise.
    fn stopped(&self, pump: &Pump, stopped: Stopped) -> Result<Way, NotRead> {
        match stopped {
            Stopped::Source(error) if !pump.has_lines() && !matches!(error, SourceError::Stopped(_)) => {
                Err(error.into())
            }
            stopped => Ok((Some(stopped), self.folder.site.now())),
        }
    }

    /// Reads a file that was set aside.
    async fn whole(&mut self, pump: &mut Pump, file: &File) -> Read {
        match self.end_before(pump, file).await {
            Ok(None) => self.as_named(pump, file.clone()).await,
            Ok(Some(stopped)) => Read::Stopped(stopped),
            Err(error) => error.into(),
        }
    }

    /// Reads a file, under whatever name it has by the time.
    async fn as_named(&mut self, pump: &mut Pump, mut file: File) -> Read {
        let (mut read, mut last) = (0, None);
        self.last.clear();
        self.before = self.at.as_ref().map(|at| at.file.clone());
        for _ in 0..ATTEMPTS {
            let ended = self.part(pump, &file, &mut read).await;
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
            // The newest that was begun is the first that was set aside since.
            let aside = |listed: &&File| file.age == Age::Newest && **listed < file && self.is_after(listed, &file);
            match files.iter().find(aside).or_else(|| files.iter().find(|listed| listed.is(&file))) {
                Some(now) => file = now.clone(),
                None => return Read::Gone,
            }
        }
        last.map_or(Read::Gone, Read::from)
    }

    /// Whether a file was set aside after the one that was read before `newest`, of the same run.
    fn is_after(&self, file: &File, newest: &File) -> bool {
        let before = self.before.as_ref();
        let is_later = before.is_none_or(|before| file > before && !file.is(before));
        file.run == newest.run && self.is_wanted(file) && is_later
    }

    /// Reads what was written to the file before `next` after it had been read: a file is renamed first,
    /// and written to until the next is there.
    async fn end_before(&mut self, pump: &mut Pump, next: &File) -> Result<Option<Stopped>, SourceError> {
        self.expected.clear();
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
            ended = self.part(pump, now, &mut bytes).await;
            if !matches!(ended, Err(SourceError::Status { code: 404, .. } | SourceError::Broken(_))) {
                break;
            }
        }
        let is_same_run = file.run == next.run;
        self.at = Some(At { file: file.clone(), bytes, is_ended });
        if is_gone {
            self.lose(file, pump, None).await;
        }
        match ended {
            Ok(None) | Err(SourceError::Status { code: 404, .. }) => {
                self.cri.end_file(&mut self.out);
                if is_same_run {
                    return Ok(self.give(pump, b""));
                }
                self.cri.finish(&mut self.out);
                let full = self.give(pump, b"");
                if next.age != Age::Newest {
                    self.doubt(pump, next).await;
                }
                Ok(full)
            }
            ended => ended,
        }
    }

    /// Reads the file that is being written to, once it is sure which one that is: the one that follows
    /// the last that was read. Gone when it is another by now, or not there yet.
    async fn newest(&mut self, pump: &mut Pump, file: &File, is_last: bool) -> Read {
        let mut head = Vec::new();
        for _ in 0..PATIENCE {
            head = match self.folder.head(file).await {
                Ok(None) => return Read::Gone,
                Ok(Some(head)) => head,
                Err(error) => return error.into(),
            };
            // A file's first line tells it from the next one of its name, and until then only a list does.
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
        match self.end_before(pump, file).await {
            Ok(None) => {}
            Ok(Some(stopped)) => return Read::Stopped(stopped),
            Err(error) => return error.into(),
        }
        self.expected = head;
        if self.expected.is_empty() {
            // Nothing is known of it yet; unless it is the last, nothing more is written to it either.
            if !is_last {
                self.before = self.at.as_ref().map(|at| at.file.clone());
                self.last.clear();
                self.at = Some(At { file: file.clone(), bytes: 0, is_ended: self.is_ended });
            }
            return Read::Whole;
        }
        self.as_named(pump, file.clone()).await
    }

    /// The first file that there is of a run was set aside: earlier ones may have been, and been deleted.
    async fn doubt(&mut self, pump: &Pump, first: &File) {
        let mut before = None;
        for _ in 0..ATTEMPTS {
            // It may have been compressed meanwhile.
            let Ok(files) = self.list().await else { continue };
            // What is not there any more is told as such when its turn is.
            let Some(file) = files.iter().find(|file| file.is(first)) else { return };
            before = self.folder.begins(file).await.ok().flatten();
            if before.is_some() {
                break;
            }
        }
        let text = format!(
            "{} is the oldest file of a run that was not the container's first: whether older lines of this run were rotated away could not be told",
            first.name()
        );
        let why = Why { cause: GapCause::Unknown, text };
        self.lost.push(Lost { why, after: pump.cut.last(), before });
    }

    /// A file went before its turn, or could not be read.
    async fn lose(&mut self, file: File, pump: &Pump, error: Option<SourceError>) {
        let mut before = None;
        for next in self.list().await.unwrap_or_default() {
            if next > file && !next.is(&file) {
                before = self.folder.begins(&next).await.ok().flatten();
                if before.is_some() {
                    break;
                }
            }
        }
        // What goes on in a lost file does not end in the next.
        self.cri.finish(&mut self.out);
        let name = file.name();
        let (cause, text) = match error {
            None => (GapCause::RotatedAway, format!("the node deleted {name} before its turn")),
            Some(error) => (GapCause::StreamFailed, format!("{name} could not be read: {}", error.causes().join(": "))),
        };
        self.lost.push(Lost { why: Why { cause, text }, after: pump.cut.last(), before });
        let bytes = self.at.as_ref().filter(|at| at.file.is(&file)).map_or(0, |at| at.bytes);
        self.at = Some(At { file, bytes, is_ended: true });
    }
}
