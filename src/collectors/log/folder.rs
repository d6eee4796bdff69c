//! Owns access to the folder of a container's log files on its node: the page of names that the kubelet shows, and the
//! files in parts, through the API server's proxy.

use super::names::{File, listed};
use crate::{
    collect::ClusterContext,
    kubelet_log::Stamp,
    plan::LogFiles,
    source::{BodyStream, kubernetes::SourceError},
};
use chrono::{DateTime, Utc};
use flate2::write::MultiGzDecoder;
use std::{io::Write as _, time::Duration};

/// The largest page (bytes). A folder has five files by default, and rarely more than a hundred; a node has some hundred
/// pods.
const PAGE: usize = 1 << 20;
/// So much of a file has its first timestamp, also compressed (bytes).
const HEAD: usize = 4 << 10;

/// How often a request is sent.
pub(super) const ATTEMPTS: usize = 3;
/// The pause before it is sent again.
pub(super) const MOMENT: Duration = Duration::from_millis(100);

/// One container's folder, and which of its files are wanted.
pub(super) struct LogFolder {
    pub(super) context: ClusterContext,
    pub(super) files: LogFiles,
}

/// What the kubelet shows of a folder.
pub(super) async fn page(context: &ClusterContext, path: &str) -> Result<String, SourceError> {
    let mut attempt = 1;
    loop {
        let page = async { context.kubernetes.get(path, "text/html, */*").await?.body.whole(PAGE).await };
        match page.await {
            Ok(page) => return Ok(String::from_utf8_lossy(&page).into_owned()),
            // A proxy's hiccup must not cost what is read after it.
            Err(SourceError::Broken(_) | SourceError::Status { code: 500.., .. }) if attempt < ATTEMPTS => {}
            Err(error) => return Err(error),
        }
        attempt += 1;
        tokio::time::sleep(MOMENT).await;
    }
}

impl LogFolder {
    /// The files of the wanted runs, in order.
    pub(super) async fn list(&self) -> Result<Vec<File>, SourceError> {
        let LogFiles { folder, from_run, to_run, .. } = &self.files;
        let page = page(&self.context, folder).await?;
        let mut files = listed(&page);
        files.retain(|file| file.run >= *from_run && to_run.is_none_or(|to| file.run <= to));
        Ok(files)
    }

    fn path(&self, file: &File) -> String {
        format!("{}{}", self.files.folder, file.name())
    }

    /// The first bytes of a file, uncompressed; none for one that is not there.
    pub(super) async fn head(&self, file: &File) -> Result<Option<Vec<u8>>, SourceError> {
        let range = format!("bytes=0-{}", HEAD - 1);
        let mut body = match self.context.kubernetes.get_range(&self.path(file), &range).await {
            Ok(answer) => answer.body,
            Err(SourceError::Status { code: 404, .. }) => return Ok(None),
            // An empty file has no such range.
            Err(SourceError::Status { code: 416, .. }) => return Ok(Some(Vec::new())),
            Err(error) => return Err(error),
        };
        let mut head = Vec::new();
        while head.len() < HEAD
            && let Some(chunk) = body.chunk().await?
        {
            head.extend_from_slice(&chunk);
        }
        head.truncate(HEAD);
        if !file.gzipped {
            return Ok(Some(head));
        }
        let mut decoder = MultiGzDecoder::new(Vec::new());
        // The range ends within the compressed stream, which is an error here and no harm.
        let _ = decoder.write_all(&head);
        let _ = decoder.flush();
        Ok(Some(std::mem::take(decoder.get_mut())))
    }

    /// When a file begins; none for one that is not there or has no line yet.
    pub(super) async fn begins(&self, file: &File) -> Result<Option<DateTime<Utc>>, SourceError> {
        Ok(self.head(file).await?.as_deref().and_then(Stamp::read).map(Stamp::at))
    }

    /// Opens a file at a byte, counted as uncompressed. Also returns how many of the uncompressed bytes that come are
    /// before it. None where the file has no more bytes.
    pub(super) async fn open(&self, file: &File, from: u64) -> Result<Option<(BodyStream, u64)>, SourceError> {
        let path = self.path(file);
        let answer = match from > 0 && !file.gzipped {
            true => self.context.kubernetes.get_range(&path, &format!("bytes={from}-")).await,
            false => self.context.kubernetes.get(&path, "*/*").await,
        };
        match answer {
            // Of a compressed file, or from a server that ignores ranges, all of it comes.
            Ok(answer) => Ok(Some((answer.body, if answer.status == 206 { 0 } else { from }))),
            Err(SourceError::Status { code: 416, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
