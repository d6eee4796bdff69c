//! The bytes of one file, from any of them on, uncompressed and converted: that it is the file that is
//! meant is known by what was read of it before, or by how it is known to begin.

use super::Reading;
use crate::{
    collectors::log::{
        names::File,
        pump::{CHUNK, Pump, Stopped},
    },
    source::{BodyStream, kubernetes::SourceError},
};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use std::io::Write as _;

/// A file without a runtime's line in so much of it is none of a runtime.
const FORM: u64 = 64 << 10;
/// So many of the bytes before tell whether a file that is read on is the same.
const KNOWN: usize = 256;
/// How much is uncompressed at once: it may become a thousand times as much.
const SLICE: usize = 8 << 10;

impl Reading {
    /// Reads a file from a byte on, as it is uncompressed. One that has not what was read of it is another,
    /// and not found.
    pub(super) async fn part(
        &mut self,
        pump: &mut Pump,
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
                self.body(pump, body, decoder, (skipped, known), read).await
            }
            None if known > 0 => Err(another()),
            None => Ok(None),
        }
    }

    async fn body(
        &mut self,
        pump: &mut Pump,
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
            self.folder.site.progress.bytes(chunk.len() as u64);
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
                let plain = without(plain, &mut skipped);
                let plain = without(self.as_expected(plain, is_end).ok_or_else(another)?, &mut known);
                *read += plain.len() as u64;
                self.remember(&plain);
                let stopped = self.give(pump, &plain);
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

    fn remember(&mut self, plain: &[u8]) {
        self.last.extend_from_slice(&plain[plain.len().saturating_sub(KNOWN)..]);
        let more = self.last.len().saturating_sub(KNOWN);
        self.last.drain(..more);
    }

    pub(super) fn give(&mut self, pump: &mut Pump, bytes: &[u8]) -> Option<Stopped> {
        self.cri.push(bytes, &mut self.out);
        let stopped = if self.out.is_empty() { None } else { pump.feed(&self.out) };
        self.out.clear();
        stopped
    }
}

/// Without as many bytes at its beginning as are left to go.
fn without(mut plain: Bytes, left: &mut u64) -> Bytes {
    let skip = usize::try_from(*left).map_or(plain.len(), |left| left.min(plain.len()));
    *left -= skip as u64;
    plain.split_off(skip)
}

fn another() -> SourceError {
    let message = "another file has the name by now".to_owned();
    SourceError::Status { code: 404, reason: String::new(), message }
}
