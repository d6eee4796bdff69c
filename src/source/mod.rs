//! Where evidence comes from. A source hands over bytes and objects as they arrive and knows
//! nothing of redaction, of tasks or of the bundle.
//!
//! [`Stop`] is how a run ends early: every wait in a source also waits for it, so that an
//! interrupt or the deadline ends the waiting and not the process.

mod body;
mod cutter;
pub mod kubernetes;
pub mod prometheus;

pub use body::BodyStream;

use tokio::sync::watch;

/// Why a run is told to end before its work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The user pressed Ctrl-C.
    Interrupted,
    /// `--deadline` has passed.
    Deadline,
    /// There is no room left to write to.
    DiskFull,
}

/// The receiving end of the run's stop signal; cheap to clone, waits without polling.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Option<StopReason>>);

/// The sending end of the run's stop signal. The first reason given is the one that counts.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Option<StopReason>>);

impl Stop {
    /// A signal and the means to give it.
    #[must_use]
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(None);
        (Stopper(sender), Self(receiver))
    }

    /// The reason, if the run was told to end.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        *self.0.borrow()
    }

    /// Waits until the run is told to end; for ever when the other end is gone without a word.
    pub async fn stopped(&self) -> StopReason {
        let mut receiver = self.0.clone();
        let told = receiver.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
        match told {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }
}

impl Stopper {
    /// Tells the run to end. Later reasons do not replace the first.
    pub fn stop(&self, reason: StopReason) {
        self.0.send_if_modified(|held| {
            let first = held.is_none();
            if first {
                *held = Some(reason);
            }
            first
        });
    }
}
