//! Owns the progress bar: the running tasks, bytes and time, the logs that are followed, or the progress of a copy.

use crate::text::{counted, duration, utc};
use chrono::{DateTime, TimeDelta, Utc};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::{fmt::Write, time::Duration};

/// The progress of a run's tasks, of logs that are followed, or of a smaller copy.
pub(super) struct Bar {
    bar: ProgressBar,
    /// Bytes of evidence that have arrived.
    bytes: u64,
    /// The tasks that are running, or the logs that are followed, the oldest first.
    under_way: Vec<String>,
}

impl Bar {
    /// For the tasks of a run.
    pub(super) fn of_tasks() -> Self {
        Self::new(style("{spinner} {pos}/{len} · {prefix} · {elapsed} · {wide_msg}"))
    }

    /// For logs that are followed until this time.
    pub(super) fn of_follow(until: DateTime<Utc>) -> Self {
        let style = style("{spinner} following {logs} until {until} · {prefix} · {wide_msg}")
            .with_key("logs", |state: &ProgressState, out: &mut dyn Write| {
                let count = state.len().unwrap_or_default().saturating_sub(state.pos());
                let _ = out.write_str(&counted(count, "log"));
            })
            .with_key("until", move |_: &ProgressState, out: &mut dyn Write| {
                let left = (until - Utc::now()).max(TimeDelta::zero());
                let _ = write!(out, "{}, {} left", utc(until), duration(left));
            });
        Self::new(style)
    }

    /// For a smaller copy; about `bytes` bytes will be read.
    pub(super) fn of_copy(bytes: u64) -> Self {
        let bar =
            Self::new(style("{spinner} making a smaller copy · {decimal_bytes}/{decimal_total_bytes} · {elapsed}"));
        bar.bar.set_length(bytes);
        bar
    }

    /// If drawing on standard error fails, it is given up silently.
    fn new(style: ProgressStyle) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
        bar.set_style(style);
        bar.set_prefix("0 B");
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, bytes: 0, under_way: Vec::new() }
    }

    /// Hides the bar while something else is written.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Adds `count` planned tasks, or followed logs.
    pub(super) fn plans(&self, count: usize) {
        self.bar.inc_length(count as u64);
    }

    /// A task begins.
    pub(super) fn begins(&mut self, task: String) {
        self.under_way.push(task);
        self.show_names();
    }

    /// A task has ended.
    pub(super) fn ends(&mut self, task: &str) {
        if let Some(at) = self.under_way.iter().position(|name| name == task) {
            self.under_way.remove(at);
        }
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

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
