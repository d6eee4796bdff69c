//! Owns what a panic costs a run: the stage that panicked, and nothing else.
//!
//! Every stage from the first task on goes through [`Lost::run`] or [`Lost::wait`]. The manifest names the stages that
//! are lost, and the exit code then says that the bundle is incomplete.

use crate::bundle::{Manifest, remark_of_lost};
use futures_util::future::FutureExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The tasks of a collection that had not ended.
pub(super) const TASKS: &str = "the tasks that had not ended";
/// What a terminal shows meanwhile.
pub(super) const PROGRESS: &str = "the display of progress";
/// What scrapes and objects answer.
pub(super) const ANSWERS: &str = "the answers to queries that no Prometheus answered";
/// The files like `describe.txt`.
pub(super) const DESCRIPTIONS: &str = "the descriptions of objects";
/// What `--into` and `--wait` take over.
pub(super) const EARLIER: &str = "files of the earlier bundle";
/// With trust domain and region.
pub(super) const NAME: &str = "the name of the bundle";
/// All but the list of files.
pub(super) const MANIFEST: &str = "the whole manifest";
/// Findings and reports are made from facts.
pub(super) const FACTS: &str = "facts.json, and with it findings.json, report.html and report.md";
/// Reports are made from findings.
pub(super) const FINDINGS: &str = "findings.json, and with it report.html and report.md";

/// The stages that are lost.
#[derive(Default)]
pub(super) struct Lost(Vec<String>);

impl Lost {
    /// Runs a stage. If it panics, the run goes on without what it returns.
    pub(super) fn run<T>(&mut self, stage: &str, work: impl FnOnce() -> T) -> Option<T> {
        let work = || {
            #[cfg(test)]
            tests::panic_in(stage);
            work()
        };
        // What is left half done is a record that is missing, which the manifest then says.
        let done = catch_unwind(AssertUnwindSafe(work));
        self.keep(stage, done.ok())
    }

    /// The same for a stage that waits.
    pub(super) async fn wait<T>(&mut self, stage: &str, work: impl Future<Output = T>) -> Option<T> {
        let done = AssertUnwindSafe(work).catch_unwind().await;
        self.keep(stage, done.ok())
    }

    /// Adds a stage whose panic was caught elsewhere.
    pub(super) fn add(&mut self, stage: &str) {
        self.0.push(stage.to_owned());
    }

    /// Lets the manifest say what is lost.
    pub(super) fn tell(&mut self, manifest: &mut Manifest) {
        // The panic's message may quote text that is not redacted.
        manifest.remarks.extend(self.0.iter().map(|stage| remark_of_lost(stage)));
        manifest.lost.append(&mut self.0);
    }

    fn keep<T>(&mut self, stage: &str, done: Option<T>) -> Option<T> {
        if done.is_none() {
            self.add(stage);
        }
        done
    }
}
