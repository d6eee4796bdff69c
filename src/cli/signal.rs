//! Owns what Ctrl-C and SIGTERM do to a run.

use super::terminal::Terminal;
use crate::{exit::Exit, pipeline::Control};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Within this time one Ctrl-C may come twice: to the process, and to the group that it is in.
const TWICE: Duration = Duration::from_millis(200);

/// Ctrl-C once closes the bundle, twice leaves at once.
pub(super) fn listen(control: &Control, terminal: &Arc<Terminal>) -> JoinHandle<()> {
    let (control, terminal) = (control.clone(), terminal.clone());
    tokio::spawn(async move {
        interrupted().await;
        if control.skip_second_scrape() {
            terminal.say("skipping the second scrape");
            tokio::time::sleep(TWICE).await;
            interrupted().await;
        }
        terminal.say("interrupted: finishing the bundle with what was collected; press Ctrl-C again to exit now");
        control.interrupt();
        tokio::time::sleep(TWICE).await;
        interrupted().await;
        terminal.say("exited; `kubectl-escalate salvage NAME.zip.partial` recovers a bundle of what was collected");
        std::process::exit(Exit::Interrupted.code().into());
    })
}

/// Does what blocks this thread; Ctrl-C interrupts it.
pub(super) fn on_interrupt<T>(work: impl FnOnce(&Control) -> T) -> T {
    let control = Control::default();
    let stopped = control.clone();
    let listening = tokio::spawn(async move {
        interrupted().await;
        stopped.interrupt();
    });
    let done = tokio::task::block_in_place(|| work(&control));
    listening.abort();
    done
}

/// Waits for Ctrl-C, or for being asked to end.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Without handlers the system's own apply: the process ends, and `salvage` finds its journal.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
