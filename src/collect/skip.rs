//! Owns the wait between two scrapes, which the user can end.

use std::sync::Arc;
use tokio::sync::watch;

/// How the wait between two scrapes is ended.
#[derive(Clone, Debug)]
pub struct Skip(Arc<watch::Sender<Waiting>>);

/// Whether there is such a wait now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Waiting {
    /// The run does not wait, or also waits for other things.
    #[default]
    Not,
    /// Everything else has ended.
    Alone,
    /// It was ended.
    Skipped,
}

impl Default for Skip {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Waiting::Not)))
    }
}

impl Skip {
    /// Ends the wait, if the run waits for nothing else. Returns whether there was such a wait.
    #[must_use]
    pub fn now(&self) -> bool {
        self.turn(Waiting::Alone, Waiting::Skipped)
    }

    /// Sets whether the run waits only for that; returns true when this begins.
    pub(crate) fn set_alone(&self, is_alone: bool) -> bool {
        match is_alone {
            true => self.turn(Waiting::Not, Waiting::Alone),
            false => {
                self.turn(Waiting::Alone, Waiting::Not);
                false
            }
        }
    }

    /// Waits until the wait is ended by the user.
    pub(crate) async fn skipped(&self) {
        let mut waiting = self.0.subscribe();
        // The sender is held by `self`.
        let _ = waiting.wait_for(|waiting| *waiting == Waiting::Skipped).await;
    }

    /// A run starts, with its own wait.
    pub(crate) fn begin(&self) {
        self.0.send_replace(Waiting::Not);
    }

    fn turn(&self, from: Waiting, to: Waiting) -> bool {
        self.0.send_if_modified(|held| {
            let is_from = *held == from;
            if is_from {
                *held = to;
            }
            is_from
        })
    }
}
