//! Owns the body of an answer as it arrives in chunks. No wait is longer than the idle time, and the stop signal ends it.

use super::{error::SourceError, stop::Stop};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream::BoxStream};
use std::{error::Error, time::Duration};
use tokio::sync::OwnedSemaphorePermit;

/// The body of one answer.
pub struct BodyStream {
    stream: BoxStream<'static, Result<Bytes, Box<dyn Error + Send + Sync>>>,
    idle: Duration,
    stop: Stop,
    /// Its slot among the requests at once; dropping it frees the slot.
    _slot: Option<OwnedSemaphorePermit>,
}

impl BodyStream {
    pub(in crate::source) fn new<E: Into<Box<dyn Error + Send + Sync>> + 'static>(
        stream: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
        idle: Duration,
        stop: Stop,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { stream: stream.map_err(Into::into).boxed(), idle, stop, _slot: slot }
    }

    /// Waits for the next bytes; `None` at the end.
    ///
    /// # Errors
    /// If nothing arrives within the idle time, the stream breaks, or the run is told to end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        tokio::select! {
            biased;
            reason = self.stop.stopped() => Err(SourceError::Stopped(reason)),
            next = tokio::time::timeout(self.idle, self.stream.next()) => match next {
                Err(_) => Err(SourceError::TimedOut { what: "waiting for more of the answer", after: self.idle }),
                Ok(None) => Ok(None),
                Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
                Ok(Some(Err(error))) => Err(SourceError::Broken(error)),
            },
        }
    }

    /// Reads the whole body, for small answers.
    ///
    /// # Errors
    /// As [`Self::chunk`], and if there are more than `limit` bytes.
    pub async fn whole(mut self, limit: usize) -> Result<Vec<u8>, SourceError> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > limit {
                return Err(SourceError::TooLarge { limit });
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }
}
