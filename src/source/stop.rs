//! Owns the run's stop signal. Every wait in a source also waits for it, so that an interrupt or the deadline ends the
//! waiting, and not the process.

use tokio::sync::watch;

/// Why a run ends before its work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The user pressed Ctrl-C.
    Interrupted,
    /// `--deadline` has passed.
    Deadline,
    /// A write failed for lack of room.
    DiskFull,
}

/// The receiving end of the stop signal. Cheap to clone; waits without polling.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Option<StopReason>>);

/// The sending end of the stop signal. The first reason counts.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Option<StopReason>>);

impl Stop {
    /// Both ends of a new signal.
    #[must_use]
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(None);
        (Stopper(sender), Self(receiver))
    }

    /// The reason, once the signal was sent.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        *self.0.borrow()
    }

    /// Waits for the signal; for ever if the sender was dropped without sending it.
    pub async fn stopped(&self) -> StopReason {
        let mut receiver = self.0.clone();
        let reason = receiver.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
        match reason {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }
}

impl Stopper {
    /// Sends the signal. Later reasons do not replace the first.
    pub fn stop(&self, reason: StopReason) {
        self.0.send_if_modified(|held| {
            let is_first = held.is_none();
            if is_first {
                *held = Some(reason);
            }
            is_first
        });
    }
}
