//! The folder of a container's log files, as its node's kubelet shows it: a page of names, and files in
//! parts, by way of the API server's proxy.

use super::names::{File, listed};
use crate::{
    collect::{Site, time_of},
    plan::LogFiles,
    source::{BodyStream, kubernetes::SourceError},
};
use chrono::{DateTime, Utc};
use flate2::write::MultiGzDecoder;
use std::{io::Write as _, time::Duration};

/// A folder holds five files by default, a few more than a hundred where somebody set it so; a node some
/// hundred pods.
const PAGE: usize = 1 << 20;
/// Enough for the first line's time, also of a compressed file.
const HEAD: usize = 4 << 10;

/// How often the same is asked, and how long after.
pub(super) const ATTEMPTS: usize = 3;
pub(super) const MOMENT: Duration = Duration::from_millis(100);

pub(super) struct Folder {
    pub(super) site: Site,
    pub(super) files: LogFiles,
}

/// What the kubelet shows of a folder.
pub(super) async fn page(site: &Site, path: &str) -> Result<String, SourceError> {
    let mut attempt = 1;
    loop {
        let page = async { site.kubernetes.get(path, "text/html, */*").await?.body.whole(PAGE).await };
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

impl Folder {
    /// The files of the runs that are meant, in order.
    pub(super) async fn list(&self) -> Result<Vec<File>, SourceError> {
        let LogFiles { folder, from_run, to_run, .. } = &self.files;
        let page = page(&self.site, folder).await?;
        let mut files = listed(&page);
        files.retain(|file| file.run >= *from_run && to_run.is_none_or(|to| file.run <= to));
        Ok(files)
    }

    fn path(&self, file: &File) -> String {
        format!("{}{}", self.files.folder, file.name())
    }

    /// The first bytes of a file, uncompressed; none of one that is not there.
    pub(super) async fn head(&self, file: &File) -> Result<Option<Vec<u8>>, SourceError> {
        let range = format!("bytes=0-{}", HEAD - 1);
        let mut body = match self.site.kubernetes.get_range(&self.path(file), &range).await {
            Ok(answer) => answer.body,
            Err(SourceError::Status { code: 404, .. }) => return Ok(None),
            // Of a file without a byte there is no part.
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
        // The part ends within the stream: what there is of it is enough.
        let _ = decoder.write_all(&head);
        let _ = decoder.flush();
        Ok(Some(std::mem::take(decoder.get_mut())))
    }

    /// When a file begins; none of one that is not there or has no line.
    pub(super) async fn begins(&self, file: &File) -> Result<Option<DateTime<Utc>>, SourceError> {
        Ok(self.head(file).await?.as_deref().and_then(time_of))
    }

    /// A file's bytes from a place in it as it is uncompressed; and how many of those that come, when
    /// uncompressed, are before it. None when there are no more.
    pub(super) async fn open(&self, file: &File, from: u64) -> Result<Option<(BodyStream, u64)>, SourceError> {
        let path = self.path(file);
        let answer = match from > 0 && !file.gzipped {
            true => self.site.kubernetes.get_range(&path, &format!("bytes={from}-")).await,
            false => self.site.kubernetes.get(&path, "*/*").await,
        };
        match answer {
            // A compressed file, and a server that knows no parts, give all of it.
            Ok(answer) => Ok(Some((answer.body, if answer.status == 206 { 0 } else { from }))),
            Err(SourceError::Status { code: 416, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
