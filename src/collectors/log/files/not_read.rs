//! Owns the reasons why a log's files were not read, and what happens to the log then.

use crate::{
    bundle::Outcome,
    collect::TaskResult,
    collectors::log::kubelet::gone,
    plan::{Right, Task},
    source::kubernetes::SourceError,
};

/// Why nothing of the files is in the bundle.
pub(in crate::collectors::log) struct NotRead {
    causes: Vec<String>,
    /// The node's error; none where it said that there are no files.
    error: Option<SourceError>,
}

impl NotRead {
    pub(super) fn new(cause: &str) -> Self {
        Self { causes: vec![cause.to_owned()], error: None }
    }

    pub(in crate::collectors::log) fn is_forbidden(&self) -> bool {
        matches!(self.error, Some(SourceError::Status { code: 403, .. }))
    }

    /// The result for the log of a deleted pod, whose files are gone, too, or could not be read.
    pub(in crate::collectors::log) fn gone(self, task: &Task) -> TaskResult {
        if let Some(error) = &self.error {
            return TaskResult::failed(error, task);
        }
        let why = self.causes.join(": ");
        let log = Some(gone(&format!("the pod was deleted, and its log files on the node were not read: {why}")));
        TaskResult { causes: self.causes, log, ..TaskResult::new(Outcome::Absent) }
    }

    /// Adds to the result for the newest file why the others were not read.
    pub(in crate::collectors::log) fn explain(self, mut result: TaskResult) -> TaskResult {
        if !matches!(result.outcome, Outcome::Collected | Outcome::Empty | Outcome::Truncated) {
            return result;
        }
        let why = self.causes.join(": ");
        result.causes.push(format!("only the newest file of the log was read, and none of the rotated files: {why}"));
        if self.is_forbidden() {
            result.hint.get_or_insert_with(|| Right::of_node_files().needed());
        }
        result
    }
}

impl From<SourceError> for NotRead {
    fn from(error: SourceError) -> Self {
        let is_gone = matches!(&error, SourceError::Status { code: 404, .. });
        Self { causes: error.causes(), error: (!is_gone).then_some(error) }
    }
}
