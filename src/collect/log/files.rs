//! All files of a container's log, from its node: those that were rotated, too, plain and compressed.
//!
//! The kubelet shows its folder of logs to whoever may `get nodes/proxy`. It renames, compresses and
//! deletes these files while they are read, so that a name says little: what was read of a file is
//! known by its place in the order and by how many bytes of it there were.

use super::{
    Pump, Stopped, Taken,
    cri::Cri,
    folder::{ATTEMPTS, Folder, MOMENT},
    lost::{Known, Lost},
    names::{Age, File},
};
use crate::{
    bundle::{GapCause, Outcome},
    collect::{Done, Site},
    facts::coverage::{Begins, Stopped as Why},
    plan::{LogFiles, LogTask, Task},
    source::kubernetes::{BodyStream, SourceError},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::write::MultiGzDecoder;
use std::io::Write as _;

/// How many moments are waited for a file to be there after the one before was renamed.
const PATIENCE: usize = 20;
/// A file without a runtime's line in so much of it is none of a runtime.
const FORM: u64 = 64 << 10;
/// How much is uncompressed at once: it may become a thousand times as much.
const SLICE: usize = 8 << 10;

/// Why the files were not read, and nothing of them is in the bundle.
pub(super) struct NotRead {
    causes: Vec<String>,
    is_forbidden: bool,
}

impl NotRead {
    fn new(cause: &str) -> Self {
        Self { causes: vec![cause.to_owned()], is_forbidden: false }
    }

    /// The newest file's log, which was taken in place of all, with why it is no more than that.
    pub(super) fn told_by(self, mut done: Done) -> Done {
        if !matches!(done.outcome, Outcome::Collected | Outcome::Empty | Outcome::Truncated) {
            return done;
        }
        let why = self.causes.join(": ");
        done.causes.push(format!("only the newest file of the log was read, and none that was rotated before: {why}"));
        if self.is_forbidden {
            let hint = "needs get nodes/proxy; `kubectl-escalate rbac --rotated-logs` prints the role";
            done.hint.get_or_insert_with(|| hint.to_owned());
        }
        done
    }
}

impl From<SourceError> for NotRead {
    fn from(error: SourceError) -> Self {
        let is_forbidden = matches!(&error, SourceError::Status { code: 403, .. });
        Self { causes: error.causes(), is_forbidden }
    }
}

/// Reads the files of a log. What goes wrong before the first byte of them is an error, and the log
/// can still be had otherwise.
pub(super) async fn take(site: &Site, task: &Task, log: &LogTask, files: &LogFiles) -> Result<Taken, NotRead> {
    let folder = Folder { site, files };
    let listed = folder.list().await?;
    if listed.is_empty() {
        return Err(NotRead::new("the node has no files of it under the number of its run"));
    }
    let (earlier, begins) = choose(&folder, listed).await?;
    let mut reading = Reading {
        folder,
        earlier,
        cri: Cri::default(),
        out: Vec::new(),
        wanted: Vec::new(),
        expected: Vec::new(),
        first: Vec::new(),
        is_ended: false,
        at: None,
        before: None,
        lost: Vec::new(),
    };
    let mut pump = Pump::new(site, task, log);
    pump.request = format!("GET {}", files.folder);
    let (stop, until) = reading.all(&mut pump).await?;
    if !reading.cri.is_cri && reading.at.as_ref().is_some_and(|at| at.bytes > 0) {
        return Err(NotRead::new("the node's files are of another form than a container runtime's"));
    }
    reading.cri.finish(&mut reading.out);
    let full = reading.give(&mut pump, b"");
    let mut taken = pump.end(stop.or(full));
    if let Taken::Log(received) = &mut taken {
        received.until = until;
        received.files = Some(Known { begins, lost: reading.lost });
    }
    Ok(taken)
}

/// Leaves the files that cannot touch the window: those before the newest that begins before it. Says
/// where the first of the others begins.
async fn choose(folder: &Folder<'_>, mut listed: Vec<File>) -> Result<(Vec<File>, Begins), SourceError> {
    let mut begins = Begins::Empty;
    while let Some(file) = listed.pop() {
        let Some(at) = folder.begins(&file).await? else { continue };
        begins = Begins::At(at);
        if at <= folder.site.request.window.start {
            break;
        }
    }
    Ok((listed, begins))
}

/// How far a file was read, by the name it then had.
struct At {
    file: File,
    bytes: u64,
    /// Whether there was a later one already, so that nothing more was written to it.
    is_ended: bool,
}

struct Reading<'a> {
    folder: Folder<'a>,
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

impl Reading<'_> {
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
    async fn all(&mut self, pump: &mut Pump<'_>) -> Result<(Option<Stopped>, DateTime<Utc>), NotRead> {
        let is_final = self.folder.files.to_run.is_some();
        let (mut waited, mut failed) = (0, 0);
        while failed < PATIENCE * ATTEMPTS {
            let until = self.folder.site.now();
            let files = match self.folder.list().await {
                Ok(files) => files,
                Err(error) => return self.stopped(pump, Stopped::Source(error)),
            };
            let is_new = |file: &&File| self.is_wanted(file) && !self.wanted.iter().any(|seen| seen.is(file));
            let new: Vec<File> = files.iter().filter(is_new).cloned().collect();
            self.wanted.extend(new);
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
                Read::Stopped(Stopped::Source(error)) if !is_last && !matches!(error, SourceError::Stopped(_)) => {
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
    fn stopped(&self, pump: &Pump<'_>, stopped: Stopped) -> Result<(Option<Stopped>, DateTime<Utc>), NotRead> {
        match stopped {
            Stopped::Source(error) if pump.entry.is_none() && !matches!(error, SourceError::Stopped(_)) => {
                Err(error.into())
            }
            stopped => Ok((Some(stopped), self.folder.site.now())),
        }
    }

    /// Reads a file that was set aside.
    async fn whole(&mut self, pump: &mut Pump<'_>, file: &File) -> Read {
        match self.end_before(pump, file).await {
            Ok(None) => self.as_named(pump, file.clone()).await,
            Ok(Some(stopped)) => Read::Stopped(stopped),
            Err(error) => error.into(),
        }
    }

    /// Reads a file, under whatever name it has by the time.
    async fn as_named(&mut self, pump: &mut Pump<'_>, mut file: File) -> Read {
        let (mut read, mut last) = (0, None);
        self.before = self.at.as_ref().map(|at| at.file.clone());
        for _ in 0..ATTEMPTS {
            let ended = self.part(pump, &file, &mut read).await;
            if read > 0 || ended.is_ok() {
                self.at = Some(At { file: file.clone(), bytes: read, is_ended: self.is_ended });
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
            let files = match self.folder.list().await {
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

    /// Reads a file from a byte on, as it is uncompressed.
    async fn part(&mut self, pump: &mut Pump<'_>, file: &File, read: &mut u64) -> Result<Option<Stopped>, SourceError> {
        self.first.clear();
        match self.folder.open(file, *read).await? {
            Some((body, skipped)) => {
                let decoder = file.gzipped.then(|| MultiGzDecoder::new(Vec::new()));
                self.body(pump, body, decoder, skipped, read).await
            }
            None => Ok(None),
        }
    }

    async fn body(
        &mut self,
        pump: &mut Pump<'_>,
        mut body: BodyStream,
        mut decoder: Option<MultiGzDecoder<Vec<u8>>>,
        mut skipped: u64,
        read: &mut u64,
    ) -> Result<Option<Stopped>, SourceError> {
        let broken = |error| SourceError::Broken(Box::new(error));
        loop {
            let chunk = body.chunk().await?;
            let is_end = chunk.is_none();
            let chunk = chunk.unwrap_or_default();
            self.folder.site.progress.bytes(chunk.len() as u64);
            let size = if decoder.is_some() { SLICE } else { chunk.len() };
            let mut slices: Vec<&[u8]> = chunk.chunks(size.max(1)).collect();
            if is_end {
                slices.push(b"");
            }
            for slice in slices {
                let plain = match &mut decoder {
                    None => chunk.slice_ref(slice),
                    Some(decoder) => {
                        decoder.write_all(slice).map_err(broken)?;
                        if is_end {
                            decoder.try_finish().map_err(broken)?;
                        }
                        std::mem::take(decoder.get_mut()).into()
                    }
                };
                let Some(plain) = self.as_expected(plain, is_end) else {
                    let message = "another file has the name by now".to_owned();
                    return Err(SourceError::Status { code: 404, reason: String::new(), message });
                };
                let skip = usize::try_from(skipped).map_or(plain.len(), |skipped| skipped.min(plain.len()));
                skipped -= skip as u64;
                *read += (plain.len() - skip) as u64;
                let stopped = self.give(pump, &plain[skip..]);
                if stopped.is_some() || pump.cut.is_over() {
                    return Ok(stopped);
                }
            }
            if !self.cri.is_cri && *read > FORM {
                let error = SourceError::Broken("it is of another form than a container runtime's".into());
                return Ok(Some(Stopped::Source(error)));
            }
            if is_end {
                return Ok(None);
            }
        }
    }

    /// Holds back what has come until it is as much as the file is known to begin with; none when it
    /// begins otherwise.
    fn as_expected(&mut self, plain: Bytes, is_end: bool) -> Option<Bytes> {
        if self.expected.is_empty() {
            return Some(plain);
        }
        self.first.extend_from_slice(&plain);
        if self.first.len() < self.expected.len() && !is_end {
            return Some(Bytes::new());
        }
        let (first, expected) = (std::mem::take(&mut self.first), std::mem::take(&mut self.expected));
        first.starts_with(&expected).then(|| first.into())
    }

    fn give(&mut self, pump: &mut Pump<'_>, bytes: &[u8]) -> Option<Stopped> {
        self.cri.push(bytes, &mut self.out);
        let stopped = if self.out.is_empty() { None } else { pump.feed(&self.out) };
        self.out.clear();
        stopped
    }

    /// Reads what was written to the file before `next` after it had been read: a file is renamed first,
    /// and written to until the next is there.
    async fn end_before(&mut self, pump: &mut Pump<'_>, next: &File) -> Result<Option<Stopped>, SourceError> {
        self.expected.clear();
        let Some(At { file, mut bytes, is_ended }) = self.at.take() else { return Ok(None) };
        let (mut ended, mut is_gone) = (Ok(None), false);
        for _ in 0..if is_ended { 0 } else { ATTEMPTS } {
            let files = match self.folder.list().await {
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
                if !is_same_run {
                    self.cri.finish(&mut self.out);
                }
                Ok(self.give(pump, b""))
            }
            ended => ended,
        }
    }

    /// Reads the file that is being written to, once it is sure which one that is: the one that follows
    /// the last that was read. Gone when it is another by now, or not there yet.
    async fn newest(&mut self, pump: &mut Pump<'_>, file: &File, is_last: bool) -> Read {
        let mut head = Vec::new();
        for _ in 0..PATIENCE {
            head = match self.folder.head(file).await {
                Ok(None) => return Read::Gone,
                Ok(Some(head)) => head,
                Err(error) => return error.into(),
            };
            if !head.is_empty() || !is_last {
                break;
            }
            // A file's first line tells it from the next one of its name.
            tokio::time::sleep(MOMENT).await;
        }
        let files = match self.folder.list().await {
            Ok(files) => files,
            Err(error) => return error.into(),
        };
        if files.iter().any(|other| other < file && self.is_due(other)) {
            return Read::Gone;
        }
        match self.end_before(pump, file).await {
            Ok(None) => {}
            Ok(Some(stopped)) => return Read::Stopped(stopped),
            Err(error) => return error.into(),
        }
        self.expected = head;
        if self.expected.is_empty() {
            self.at = Some(At { file: file.clone(), bytes: 0, is_ended: self.is_ended });
            return Read::Whole;
        }
        self.as_named(pump, file.clone()).await
    }

    /// A file went before its turn, or could not be read.
    async fn lose(&mut self, file: File, pump: &Pump<'_>, error: Option<SourceError>) {
        let mut before = None;
        for next in self.folder.list().await.unwrap_or_default() {
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
