//! Owns how contents are compressed: hashed, checksummed and deflated in fixed blocks, so that the same contents always
//! give the same bytes, however they arrive.

use super::zip_headers::{DosTime, EntryHeader};
use crate::text::hex;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use sha2::{Digest, Sha256};
use std::{
    io,
    sync::{Mutex, PoisonError},
};

/// How many bytes the compressor is given at a time: its output may depend on the sizes of its inputs. Giving this
/// many, or a multiple, saves a copy.
pub const BLOCK: usize = 64 * 1024;

/// On log lines, level 2 is 1.5 times as fast as level 3 and more than twice as fast as level 6, whose outputs are 7 %
/// and 22 % smaller; at 2 and 3 the output did not depend on the sizes of writes.
const LEVEL: u32 = 2;

/// Where compressed bytes go.
pub(super) trait Sink {
    /// Takes bytes.
    fn push(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// How many bytes it has taken.
    fn len(&self) -> u64;
}

/// Idle compressors. One takes 300 kB, aligned: allocating and freeing one for each of thousands of small entries would
/// fragment the heap (by 150 MB, measured).
static IDLE: Mutex<Vec<Compress>> = Mutex::new(Vec::new());

/// A compressor that returns to [`IDLE`] when its entry is done. None is taken before there is a block to compress: a
/// followed log may have its first block after an hour, or never.
#[derive(Default)]
struct Deflate(Option<Compress>);

impl Deflate {
    fn get(&mut self) -> &mut Compress {
        self.0.get_or_insert_with(|| {
            let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
            idle.unwrap_or_else(|| Compress::new(Compression::new(LEVEL), false))
        })
    }
}

impl Drop for Deflate {
    fn drop(&mut self) {
        if let Some(mut compressor) = self.0.take() {
            compressor.reset();
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(compressor);
        }
    }
}

/// Takes contents, and leaves them compressed in a sink.
pub(super) struct Compressor<S> {
    block: Vec<u8>,
    deflate: Deflate,
    out: Vec<u8>,
    crc: Crc,
    sha: Sha256,
    sink: S,
}

/// The result of a [`Compressor`].
pub(super) struct Compressed<S> {
    pub(super) sink: S,
    pub(super) header: EntryHeader,
    pub(super) sha256: String,
}

impl<S: Sink> Compressor<S> {
    pub(super) fn new(sink: S) -> Self {
        Self {
            block: Vec::new(),
            deflate: Deflate::default(),
            out: Vec::new(),
            crc: Crc::new(),
            sha: Sha256::new(),
            sink,
        }
    }

    /// Where the compressed bytes go.
    pub(super) fn sink(&self) -> &S {
        &self.sink
    }

    /// Adds contents.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.block.is_empty() && bytes.len() >= BLOCK {
                let (block, rest) = bytes.split_at(BLOCK);
                self.squeeze(block, FlushCompress::None)?;
                bytes = rest;
                continue;
            }
            let (head, rest) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(head);
            bytes = rest;
            if self.block.len() == BLOCK {
                self.flush(FlushCompress::None)?;
            }
        }
        Ok(())
    }

    /// Ends the contents.
    pub(super) fn finish(mut self, time: DosTime) -> io::Result<Compressed<S>> {
        self.flush(FlushCompress::Finish)?;
        self.sink.push(&self.out)?;
        let header = EntryHeader {
            crc: self.crc.sum(),
            compressed: self.sink.len(),
            bytes: self.deflate.get().total_in(),
            time,
        };
        Ok(Compressed { sink: self.sink, header, sha256: hex(&self.sha.finalize()) })
    }

    fn flush(&mut self, mode: FlushCompress) -> io::Result<()> {
        let mut block = std::mem::take(&mut self.block);
        let done = self.squeeze(&block, mode);
        block.clear();
        self.block = block;
        done
    }

    fn squeeze(&mut self, mut block: &[u8], mode: FlushCompress) -> io::Result<()> {
        self.crc.update(block);
        self.sha.update(block);
        self.out.reserve_exact(BLOCK.saturating_sub(self.out.len()));
        let deflate = self.deflate.get();
        loop {
            let before = deflate.total_in();
            let status = deflate.compress_vec(block, &mut self.out, mode)?;
            let used = usize::try_from(deflate.total_in() - before).unwrap_or(block.len());
            block = &block[used..];
            let full = self.out.len() == self.out.capacity();
            if full {
                self.sink.push(&self.out)?;
                self.out.clear();
            }
            // The output is full, so there may be more of it. Otherwise all input was compressed.
            match status {
                Status::StreamEnd => return Ok(()),
                _ if full || !block.is_empty() => {}
                _ if matches!(mode, FlushCompress::Finish) => {}
                _ => return Ok(()),
            }
        }
    }
}

/// Compressed size in bytes and SHA-256 of `bytes`, as an entry of them would have.
pub(super) fn measure(bytes: &[u8]) -> io::Result<(u64, String)> {
    let mut compressor = Compressor::new(CountingSink::default());
    compressor.write(bytes)?;
    let packed = compressor.finish(DosTime::default())?;
    Ok((packed.header.compressed, packed.sha256))
}

impl Sink for Vec<u8> {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn len(&self) -> u64 {
        self.len() as u64
    }
}

/// Counts bytes and keeps none.
#[derive(Default)]
pub(super) struct CountingSink(u64);

impl Sink for CountingSink {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0 += bytes.len() as u64;
        Ok(())
    }

    fn len(&self) -> u64 {
        self.0
    }
}
