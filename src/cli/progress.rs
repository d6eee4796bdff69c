//! Owns the progress bar: the running tasks, bytes and time, or the progress of a copy.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{collections::BTreeSet, time::Duration};

/// The progress of a run's tasks, or of a smaller copy.
pub(super) struct Bar {
    bar: ProgressBar,
    /// Bytes of evidence that have arrived.
    bytes: u64,
    under_way: BTreeSet<String>,
}

impl Bar {
    /// For the tasks of a run.
    pub(super) fn of_tasks() -> Self {
        Self::new("{spinner} {pos}/{len} · {prefix} · {elapsed} · {wide_msg}")
    }

    /// For a smaller copy; about `bytes` bytes will be read.
    pub(super) fn of_copy(bytes: u64) -> Self {
        let bar = Self::new("{spinner} making a smaller copy · {decimal_bytes}/{decimal_total_bytes} · {elapsed}");
        bar.bar.set_length(bytes);
        bar
    }

    /// If drawing on standard error fails, it is given up silently.
    fn new(template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, bytes: 0, under_way: BTreeSet::new() }
    }

    /// Hides the bar while something else is written.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Adds `count` planned tasks.
    pub(super) fn plans(&self, count: usize) {
        self.bar.inc_length(count as u64);
    }

    /// A task begins.
    pub(super) fn begins(&mut self, task: String) {
        self.under_way.insert(task);
        self.show_names();
    }

    /// A task has ended.
    pub(super) fn ends(&mut self, task: &str) {
        self.under_way.remove(task);
        self.show_names();
        self.bar.inc(1);
    }

    /// Bytes of evidence have arrived.
    pub(super) fn arrived(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.bar.set_prefix(bytesize::ByteSize(self.bytes).display().si().to_string());
    }

    /// Bytes were read for the copy.
    pub(super) fn read(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn show_names(&self) {
        let names: Vec<&str> = self.under_way.iter().take(3).map(String::as_str).collect();
        self.bar.set_message(names.join(", "));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
