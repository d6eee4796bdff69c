//! All files of a container's log, from its node: those that were rotated, too, plain and compressed.
//!
//! The kubelet shows its folder of logs to whoever may `get nodes/proxy`. It renames, compresses and
//! deletes these files while they are read, so that a name says little: what was read of a file is
//! known by its place in the order and by how many bytes of it there were.

use super::{
    Pump, Stopped, Taken,
    cri::Cri,
    folder::Folder,
    names::{Age, File},
};
use crate::{
    bundle::{GapCause, Outcome},
    collect::{Done, Site},
    facts::coverage::{self, Begins},
    plan::{LogFiles, LogTask, Task},
    source::kubernetes::{BodyStream, SourceError},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::write::MultiGzDecoder;
use std::{io::Write as _, time::Duration};

/// Between renaming a file and the next one's being there, and for its first line to come.
const MOMENT: Duration = Duration::from_millis(100);
/// How often a moment is waited for, and a file tried again.
const PATIENCE: usize = 20;
const ATTEMPTS: usize = 3;

/// What is known of the files that were read.
pub(super) struct Known {
    /// Where the earliest of them begins.
    pub(super) begins: Begins,
    /// Those that were there and went before their turn.
    pub(super) lost: Vec<Lost>,
}

/// A file that was listed and deleted before it could be read to its end.
pub(super) struct Lost {
    pub(super) name: String,
    /// The last line had before.
    after: Option<DateTime<Utc>>,
    /// The first line of the file that follows, where there is one.
    before: Option<DateTime<Utc>>,
}

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
    let mut reading = Reading {
        site,
        folder,
        from: 0,
        listed,
        cri: Cri::default(),
        out: Vec::new(),
        expected: Vec::new(),
        first: Vec::new(),
        at: None,
        before: None,
        lost: Vec::new(),
    };
    let begins = reading.choose().await?;
    let mut pump = Pump::new(site, task, log);
    pump.request = format!("GET {}", files.folder);
    let (stop, until) = reading.all(&mut pump).await?;
    let Reading { mut cri, mut out, at, lost, .. } = reading;
    if !cri.is_cri && at.is_some_and(|at| at.bytes > 0) {
        return Err(NotRead::new("the node's files are of another form than a container runtime's"));
    }
    cri.finish(&mut out);
    let full = pump.feed(&out);
    let mut taken = pump.end(stop.or(full));
    if let Taken::Log(received) = &mut taken {
        received.until = until;
        received.files = Some(Known { begins, lost });
    }
    Ok(taken)
}

/// A stream for each stretch without a loss.
pub(super) fn apart(whole: coverage::Stream, lost: &[Lost]) -> Vec<coverage::Stream> {
    let mut streams = Vec::new();
    let mut rest = whole;
    for Lost { name, after, before } in lost {
        let text = format!("the node deleted {name} before its turn");
        let stopped = Some(coverage::Stopped { cause: GapCause::RotatedAway, text });
        let until = before.unwrap_or(rest.until);
        let first = rest.first.filter(|first| after.is_some_and(|after| *first <= after));
        streams.push(coverage::Stream { last: *after, first, until, stopped, ..rest.clone() });
        let Some(before) = before else { return streams };
        // What came before is said; from here on nothing is missing again.
        rest = coverage::Stream { from: Some(*before), begins: Begins::At(*before), first: Some(*before), ..rest };
    }
    streams.push(rest);
    streams
}

/// How far a file was read, by the name it then had.
struct At {
    file: File,
    bytes: u64,
}

struct Reading<'a> {
    site: &'a Site,
    folder: Folder<'a>,
    /// The files at the start.
    listed: Vec<File>,
    /// The first of them that can touch the window.
    from: usize,
    cri: Cri,
    /// What was converted and not yet handed on.
    out: Vec<u8>,
    /// How the file begins that is about to be read, where its name may be another's by then.
    expected: Vec<u8>,
    /// What has come of that.
    first: Vec<u8>,
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
    /// Finds the first file that can touch the window, from the newest back to the one that begins
    /// before the window; says where that one begins.
    async fn choose(&mut self) -> Result<Begins, SourceError> {
        let mut begins = Begins::Empty;
        for place in (0..self.listed.len()).rev() {
            self.from = place;
            let Some(at) = self.folder.begins(&self.listed[place]).await? else { continue };
            begins = Begins::At(at);
            if at <= self.site.request.window.start {
                break;
            }
        }
        Ok(begins)
    }

    /// Whether a file can touch the window: one that was there from the start, or has come since.
    fn is_wanted(&self, file: &File) -> bool {
        self.listed.iter().position(|listed| listed.is(file)).is_none_or(|place| place >= self.from)
    }

    /// Whether a file is to be read, and its turn has not been.
    fn is_due(&self, file: &File) -> bool {
        self.is_wanted(file) && self.at.as_ref().is_none_or(|at| *file > at.file && !file.is(&at.file))
    }

    /// Reads one file after the other to the end of the newest; says until when all that was written
    /// was read.
    async fn all(&mut self, pump: &mut Pump<'_>) -> Result<(Option<Stopped>, DateTime<Utc>), NotRead> {
        let mut files = self.listed.clone();
        for _ in 0..PATIENCE * ATTEMPTS {
            let until = self.site.now();
            let is_final = self.folder.files.to_run.is_some();
            let Some(file) = files.iter().find(|file| self.is_due(file)).cloned() else { return Ok((None, until)) };
            let is_last = !is_final && files.last() == Some(&file);
            let read = match file.age {
                Age::Newest if !is_final => self.newest(pump, &file, is_last).await,
                _ => self.whole(pump, &file, &files).await,
            };
            match read {
                Read::Whole if is_last || pump.cut.is_over() => return Ok((None, until)),
                Read::Stopped(stopped) => return self.stopped(stopped),
                Read::Gone if file.age == Age::Newest && !is_final => tokio::time::sleep(MOMENT).await,
                Read::Gone => self.lose(file, pump).await,
                Read::Whole => {}
            }
            match self.folder.list().await {
                Ok(listed) => files = listed,
                Err(error) => return self.stopped(Stopped::Source(error)),
            }
        }
        let error = SourceError::Broken("the node's files changed faster than they could be read".into());
        self.stopped(Stopped::Source(error))
    }

    /// What nothing was taken of yet may be had otherwise.
    fn stopped(&self, stopped: Stopped) -> Result<(Option<Stopped>, DateTime<Utc>), NotRead> {
        match stopped {
            Stopped::Source(error) if self.at.is_none() && !matches!(error, SourceError::Stopped(_)) => {
                Err(error.into())
            }
            stopped => Ok((Some(stopped), self.site.now())),
        }
    }

    /// Reads a file that was set aside.
    async fn whole(&mut self, pump: &mut Pump<'_>, file: &File, files: &[File]) -> Read {
        match self.end_before(pump, files).await {
            Ok(None) => self.as_named(pump, file.clone()).await,
            Ok(Some(stopped)) => Read::Stopped(stopped),
            Err(error) => error.into(),
        }
    }

    /// Reads a file, under whatever name it has by the time.
    async fn as_named(&mut self, pump: &mut Pump<'_>, mut file: File) -> Read {
        let (mut read, mut last) = (0, None);
        for _ in 0..ATTEMPTS {
            let ended = self.part(pump, &file, &mut read).await;
            if read > 0 || ended.is_ok() {
                self.at = Some(At { file: file.clone(), bytes: read });
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
            let aside = |listed: &&File| file.age == Age::Newest && **listed < file && self.listed_after(listed);
            match files.iter().find(aside).or_else(|| files.iter().find(|listed| listed.is(&file))) {
                Some(now) => file = now.clone(),
                None => return Read::Gone,
            }
        }
        last.map_or(Read::Gone, Read::from)
    }

    /// Whether a file was set aside after the one before the newest, of the same run.
    fn listed_after(&self, file: &File) -> bool {
        let before = self.before.as_ref();
        self.is_wanted(file) && before.is_none_or(|before| file > before && !file.is(before))
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
            self.site.progress.bytes(chunk.len() as u64);
            let plain = match &mut decoder {
                None => chunk,
                Some(decoder) => {
                    decoder.write_all(&chunk).map_err(broken)?;
                    if is_end {
                        decoder.try_finish().map_err(broken)?;
                    }
                    std::mem::take(decoder.get_mut()).into()
                }
            };
            let plain = match self.as_expected(plain, is_end) {
                Some(plain) => plain,
                None => {
                    let message = "another file has the name by now".to_owned();
                    return Err(SourceError::Status { code: 404, reason: String::new(), message });
                }
            };
            let skip = usize::try_from(skipped).map_or(plain.len(), |skipped| skipped.min(plain.len()));
            skipped -= skip as u64;
            *read += (plain.len() - skip) as u64;
            let stopped = self.give(pump, &plain[skip..]);
            if stopped.is_some() || is_end || pump.cut.is_over() {
                return Ok(stopped);
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

    /// Reads what was written to the file before this one after it had been read: a file is renamed
    /// first, and written to until the next is there.
    async fn end_before(&mut self, pump: &mut Pump<'_>, files: &[File]) -> Result<Option<Stopped>, SourceError> {
        self.expected.clear();
        let Some(At { file, mut bytes }) = self.at.take() else { return Ok(None) };
        let now = files.iter().find(|listed| listed.is(&file)).filter(|_| !file.gzipped).cloned();
        let ended = match &now {
            Some(now) => self.part(pump, now, &mut bytes).await,
            None => Ok(None),
        };
        self.at = Some(At { file, bytes });
        match ended {
            Ok(None) | Err(SourceError::Status { code: 404, .. }) => {
                self.cri.end_file(&mut self.out);
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
        match self.end_before(pump, &files).await {
            Ok(None) => {}
            Ok(Some(stopped)) => return Read::Stopped(stopped),
            Err(error) => return error.into(),
        }
        self.before = self.at.as_ref().map(|at| at.file.clone());
        self.expected = head;
        if self.expected.is_empty() {
            self.at = Some(At { file: file.clone(), bytes: 0 });
            return Read::Whole;
        }
        self.as_named(pump, file.clone()).await
    }

    /// A file went before its turn.
    async fn lose(&mut self, file: File, pump: &Pump<'_>) {
        let mut before = None;
        if let Ok(files) = self.folder.list().await {
            for next in files.iter().filter(|next| **next > file && !next.is(&file)) {
                before = self.folder.begins(next).await.ok().flatten();
                if before.is_some() {
                    break;
                }
            }
        }
        // What goes on in a lost file does not end in the next.
        self.cri.finish(&mut self.out);
        self.lost.push(Lost { name: file.name(), after: pump.cut.last(), before });
        let bytes = self.at.as_ref().filter(|at| at.file.is(&file)).map_or(0, |at| at.bytes);
        self.at = Some(At { file, bytes });
    }
}
