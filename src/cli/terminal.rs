//! Owns standard output and standard error, and is the only file that writes to them. If one is full, closed or gone,
//! the run goes on. Progress is shown only if standard error is a terminal.

use super::progress::Bar;
use crate::{
    bundle::Outcome,
    exit::Exit,
    pipeline::{ClusterTask, Notice, Observer, Progress},
};
use std::{
    fmt::Display,
    io::{self, ErrorKind, IsTerminal as _, Write as _},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Standard output, standard error, and the progress bar that is drawn on it.
#[derive(Default)]
pub(super) struct Terminal {
    bar: Mutex<Option<Bar>>,
    /// Whether standard output did not take all that was printed.
    has_lost_output: AtomicBool,
}

impl Terminal {
    /// Writes to standard output. If not all of the text could be written, says so on standard error and returns false.
    /// A closed pipe is the reader's choice, and not an error.
    pub(super) fn print(&self, text: &str) -> bool {
        let mut stdout = io::stdout();
        self.is_printed(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
    }

    /// Prints clap's answer: help and version to standard output, mistakes to standard error.
    pub(super) fn print_clap(&self, answer: &clap::Error) {
        let printed = answer.print().and_then(|()| io::stdout().flush());
        if !answer.use_stderr() {
            self.is_printed(printed);
        }
    }

    fn is_printed(&self, printed: io::Result<()>) -> bool {
        match printed {
            Err(why) if why.kind() != ErrorKind::BrokenPipe => {
                self.has_lost_output.store(true, Ordering::Relaxed);
                self.error(format_args!("cannot write to standard output: {why}"));
                false
            }
            _ => true,
        }
    }

    /// Writes a line to standard error, above the progress bar.
    pub(super) fn say(&self, line: impl Display) {
        self.say_text(&format!("{line}\n"));
    }

    /// Writes a line to standard error that says what went wrong.
    pub(super) fn error(&self, why: impl Display) {
        self.say(format_args!("kubectl-escalate: {why}"));
    }

    /// Writes whole lines to standard error, above the progress bar.
    pub(super) fn say_text(&self, text: &str) {
        // If standard error fails, there is nowhere to report it.
        let write = || _ = io::stderr().write_all(text.as_bytes());
        match &*self.bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// The bar that is drawn now.
    fn bar(&self) -> MutexGuard<'_, Option<Bar>> {
        // A panic elsewhere must not stop output.
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exit code of a run that ends with `exit`: one whose output was lost is not complete.
    pub(super) fn exit(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Complete if self.has_lost_output.load(Ordering::Relaxed) => Exit::Incomplete,
            exit => exit,
        }
    }
}

/// Whether people see what is written to standard error.
fn is_watched() -> bool {
    io::stderr().is_terminal()
}

impl Progress for Terminal {
    fn planned(&self, count: usize) {
        if is_watched() {
            self.bar().get_or_insert_with(Bar::of_tasks).plans(count);
        }
    }

    fn begins(&self, what: &ClusterTask<'_>) {
        if let Some(bar) = &mut *self.bar() {
            bar.begins(what.task.target());
        }
    }

    fn bytes(&self, count: u64) {
        if let Some(bar) = &mut *self.bar() {
            bar.arrived(count);
        }
    }

    fn ends(&self, what: &ClusterTask<'_>, _outcome: Outcome) {
        if let Some(bar) = &mut *self.bar() {
            bar.ends(&what.task.target());
        }
    }

    fn waits(&self) {
        if is_watched() {
            self.say("waiting for the second scrape of the servers; Ctrl-C skips it");
        }
    }

    fn follow_begins(&self, what: &ClusterTask<'_>) {
        if let Some(bar) = &mut *self.bar() {
            bar.plans(1);
            bar.begins(what.task.target());
        }
    }

    fn follow_ended(&self, what: &ClusterTask<'_>) {
        if let Some(bar) = &mut *self.bar() {
            bar.ends(&what.task.target());
        }
    }
}

impl Observer for Terminal {
    fn notice(&self, notice: &Notice<'_>) {
        match notice {
            Notice::Unreached { .. } | Notice::NotCompleted { .. } => self.error(notice),
            _ => self.say(notice),
        }
        if let Notice::Following { until, .. } = notice
            && is_watched()
        {
            *self.bar() = Some(Bar::of_follow(*until));
        }
    }

    fn following_ended(&self) {
        *self.bar() = None;
    }

    fn tasks_ended(&self) {
        *self.bar() = None;
    }

    fn copy_begins(&self, bytes: u64) {
        if is_watched() {
            *self.bar() = Some(Bar::of_copy(bytes));
        }
    }

    fn copy_reads(&self, bytes: u64) {
        if let Some(bar) = &*self.bar() {
            bar.read(bytes);
        }
    }

    fn copy_ended(&self) {
        *self.bar() = None;
    }
}
