//! Owns the reading of one file, from any byte on: uncompressed, and converted to the kubelet's form. It knows the file
//! again by the bytes that were read of it before, or by its first bytes.

use crate::{
    collectors::log::{
        cri::CriReader,
        folder::LogFolder,
        names::File,
        pipeline::{CHUNK, LogPipeline, Stopped},
    },
    source::{BodyStream, kubernetes::SourceError},
};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use std::io::Write as _;

/// A file without a line in a runtime's form in its first bytes is not a runtime's log (bytes).
const FORM: u64 = 64 << 10;
/// So many of the last bytes that were read tell whether a file is the same.
const KNOWN: usize = 256;
/// So much is uncompressed at once (bytes): it may become a thousand times as much.
const SLICE: usize = 8 << 10;

/// Reads the files of a folder into a pipeline.
pub(super) struct FileReader {
    pub(super) folder: LogFolder,
    pub(super) cri: CriReader,
    /// What was converted and not yet passed on.
    pub(super) out: Vec<u8>,
    /// The first bytes of the file that is read next, if its name may belong to another file by that time.
    pub(super) expected: Vec<u8>,
    /// What has come of the expected bytes.
    first: Vec<u8>,
    /// The last bytes that were read of the file, by which it is known again.
    pub(super) last: Vec<u8>,
}

impl FileReader {
    pub(super) fn new(folder: LogFolder) -> Self {
        let (out, expected, first, last) = Default::default();
        Self { folder, cri: CriReader::default(), out, expected, first, last }
    }

    /// Reads a file from a byte on, counted as uncompressed. A file that does not have the bytes that were read before
    /// is another one: the one that is meant is not found.
    pub(super) async fn part(
        &mut self,
        pipeline: &mut LogPipeline,
        file: &File,
        read: &mut u64,
    ) -> Result<Option<Stopped>, SourceError> {
        self.first.clear();
        let known = if *read > 0 { self.last.len() as u64 } else { 0 };
        if known > 0 {
            self.expected.clone_from(&self.last);
        }
        match self.folder.open(file, *read - known).await? {
            Some((body, skipped)) => {
                let decoder = file.gzipped.then(|| MultiGzDecoder::new(Vec::new()));
                self.body(pipeline, body, decoder, (skipped, known), read).await
            }
            None if known > 0 => Err(other_file()),
            None => Ok(None),
        }
    }

    async fn body(
        &mut self,
        pipeline: &mut LogPipeline,
        mut body: BodyStream,
        mut decoder: Option<MultiGzDecoder<Vec<u8>>>,
        (mut skipped, mut known): (u64, u64),
        read: &mut u64,
    ) -> Result<Option<Stopped>, SourceError> {
        let broken = |error| SourceError::Broken(Box::new(error));
        loop {
            let chunk = body.chunk().await?;
            let is_end = chunk.is_none();
            let chunk = chunk.unwrap_or_default();
            self.folder.context.run.progress.bytes(chunk.len() as u64);
            let size = if decoder.is_some() { SLICE } else { CHUNK };
            let mut slices: Vec<&[u8]> = chunk.chunks(size).collect();
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
                let plain = skip(plain, &mut skipped);
                let plain = skip(self.as_expected(plain, is_end).ok_or_else(other_file)?, &mut known);
                *read += plain.len() as u64;
                self.remember(&plain);
                let stopped = self.give(pipeline, &plain);
                if stopped.is_some() || pipeline.filter.is_over() {
                    return Ok(stopped);
                }
            }
            if !self.cri.is_cri && *read > FORM {
                let error = SourceError::Broken("it is not in the format of a container runtime's log".into());
                return Ok(Some(Stopped::Source(error)));
            }
            if is_end {
                return Ok(None);
            }
        }
    }

    /// Holds back what has come until it can be compared with the expected bytes; none where it differs.
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

    fn remember(&mut self, plain: &[u8]) {
        self.last.extend_from_slice(&plain[plain.len().saturating_sub(KNOWN)..]);
        let more = self.last.len().saturating_sub(KNOWN);
        self.last.drain(..more);
    }

    /// Converts the next bytes, and passes them on; says why no more are taken, if so.
    pub(super) fn give(&mut self, pipeline: &mut LogPipeline, bytes: &[u8]) -> Option<Stopped> {
        self.cri.push(bytes, &mut self.out);
        let stopped = if self.out.is_empty() { None } else { pipeline.feed(&self.out) };
        self.out.clear();
        stopped
    }
}

/// Skips the first bytes, as far as there are some `left` to skip.
fn skip(mut plain: Bytes, left: &mut u64) -> Bytes {
    let count = usize::try_from(*left).map_or(plain.len(), |left| left.min(plain.len()));
    *left -= count as u64;
    plain.split_off(count)
}

fn other_file() -> SourceError {
    let message = "another file has this name now".to_owned();
    SourceError::Status { code: 404, reason: String::new(), message }
}
