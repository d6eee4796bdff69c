//! Shows on the terminal how a collection goes: what is being fetched, bytes, time; and how far a
//! copy is. Silent where there is no terminal.

use crate::{
    bundle::Outcome,
    collect::{Progress, Shown},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    collections::BTreeMap,
    io::IsTerminal as _,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

fn bar(template: &str) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr_with_hz(10)
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// How much has been read of what is going to be.
pub(super) struct Amount(ProgressBar);

impl Amount {
    pub(super) fn new() -> Self {
        Self(bar("{spinner} making a smaller copy · {decimal_bytes}/{decimal_total_bytes} · {elapsed}"))
    }

    pub(super) fn expect(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    pub(super) fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

pub(super) struct Bar {
    bar: ProgressBar,
    bytes: AtomicU64,
    under_way: Mutex<BTreeMap<String, ()>>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let bar = bar("{spinner} {pos}/{len} · {prefix} · {elapsed} · {wide_msg}");
        Self { bar, bytes: AtomicU64::new(0), under_way: Mutex::default() }
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, change: impl FnOnce(&mut BTreeMap<String, ()>)) {
        // A panic elsewhere must not silence what is still shown.
        let mut under_way = self.under_way.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut under_way);
        let names: Vec<&str> = under_way.keys().take(3).map(String::as_str).collect();
        self.bar.set_message(names.join(", "));
    }
}

impl Progress for Bar {
    fn begins(&self, what: &Shown<'_>) {
        self.show(|under_way| {
            under_way.insert(what.task.target(), ());
        });
    }

    fn bytes(&self, count: u64) {
        let bytes = self.bytes.fetch_add(count, Ordering::Relaxed) + count;
        self.bar.set_prefix(bytesize::ByteSize(bytes).display().si().to_string());
    }

    fn ends(&self, what: &Shown<'_>, _outcome: Outcome) {
        self.show(|under_way| {
            under_way.remove(&what.task.target());
        });
        self.bar.inc(1);
    }

    fn waits(&self) {
        if std::io::stderr().is_terminal() {
            self.bar.println("waiting for the second scrape of the servers; Ctrl-C skips it");
        }
    }

    fn planned(&self, count: usize) {
        self.bar.inc_length(count as u64);
    }
}
