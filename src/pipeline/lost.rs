//! Owns what a panic costs a run: the stage that panicked, and nothing else.
//!
//! Every stage after the last task goes through [`Lost::run`]; the scheduler sees to the tasks. The manifest names the stages that
//! are lost, and the exit code then says that the bundle is incomplete.

use crate::bundle::{Manifest, remark_of_lost};
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
        let done = catch_unwind(AssertUnwindSafe(work)).ok();
        if done.is_none() {
            self.add(stage);
        }
        done
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bundle::{BundleReader, Destination, Outcome, verify},
        exit::Exit,
        pipeline::{Control, Silent, collect, request_of},
    };
    use chrono::Utc;
    use std::{cell::Cell, sync::Arc};

    thread_local! {
        /// The stage of this thread's run that panics.
        static BROKEN: Cell<&'static str> = const { Cell::new("") };
    }

    pub(super) fn panic_in(stage: &str) {
        assert!(BROKEN.get() != stage, "a secret");
    }

    #[test]
    fn a_panic_costs_its_stage_and_nothing_else() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        for stage in [PROGRESS, ANSWERS, DESCRIPTIONS, NAME, FACTS, FINDINGS, "report.html", "README.txt", MANIFEST] {
            let folder = tempfile::tempdir().expect("a folder");
            let recording = BundleReader::held("a recording", include_bytes!("../cli/demo.zip")).expect("a bundle");
            let mut request = request_of(Arc::new(recording), Utc::now()).expect("a request");
            request.to = Destination::Folder(folder.path().to_owned());
            BROKEN.set(stage);
            let collected = runtime.block_on(collect(request, Arc::new(Silent), &Control::default()));
            BROKEN.set("");
            let collected = collected.expect("a bundle");
            assert_eq!(collected.exit(), Exit::Incomplete, "{stage}");
            let bundle = BundleReader::open(&collected.finished.path).expect("a bundle");
            let problems = verify(&collected.finished.path).expect("a report").problems;
            assert!(problems.is_empty(), "{stage}: {problems:?}");
            let manifest = bundle.manifest();
            assert!(manifest.lost.contains(&stage.to_owned()), "{stage}: {:?}", manifest.lost);
            assert!(manifest.remarks.iter().any(|remark| remark.contains(stage)), "{:?}", manifest.remarks);
            assert!(!manifest.remarks.join("").contains("a secret"), "the message of a panic may have one");
            let has_log = manifest.entries.iter().any(|entry| entry.path.ends_with(".log"));
            assert!(has_log, "{stage}");
            let tasks = manifest.tasks.iter().filter(|task| task.outcome == Outcome::Collected).count();
            assert!(tasks >= 20 || stage == MANIFEST, "{stage}: {tasks}");
        }
    }
}
