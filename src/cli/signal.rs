//! Owns what Ctrl-C, SIGTERM and a terminal that goes away do to a run.

use super::terminal::Terminal;
use crate::{exit::Exit, pipeline::Control};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Within this time, one Ctrl-C may arrive twice: at the process, and at its process group.
const TWICE: Duration = Duration::from_millis(200);

/// The first Ctrl-C finishes the bundle, the second exits at once.
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

/// Does work that blocks this thread; Ctrl-C interrupts it.
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

/// From now on, the program does not end when its terminal goes away (SIGHUP), as that of a lost SSH connection does:
/// evidence may be gone before someone can log in again. Needs a runtime of tokio.
pub(super) fn outlive_terminal() {
    // Once tokio has a handler for a signal, it keeps it.
    #[cfg(unix)]
    let _ = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
}

/// Waits for Ctrl-C or SIGTERM.
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
    // Without a handler, the system's default applies: the process ends, and `salvage` finds its journal.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
