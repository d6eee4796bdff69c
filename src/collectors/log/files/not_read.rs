//! Why a log's files were not read, and what then becomes of the log.

use crate::{
    bundle::Outcome,
    collect::Done,
    collectors::log::gone,
    plan::{Right, Task},
    source::kubernetes::SourceError,
};

/// Why the files were not read, and nothing of them is in the bundle.
pub(in crate::collectors::log) struct NotRead {
    causes: Vec<String>,
    /// What the node answered, where that is not that there are none.
    error: Option<SourceError>,
}

impl NotRead {
    pub(super) fn new(cause: &str) -> Self {
        Self { causes: vec![cause.to_owned()], error: None }
    }

    pub(in crate::collectors::log) fn is_forbidden(&self) -> bool {
        matches!(self.error, Some(SourceError::Status { code: 403, .. }))
    }

    /// What became of the log of a pod that is gone, when its files are as well, or could not be read.
    pub(in crate::collectors::log) fn gone(self, task: &Task) -> Done {
        if let Some(error) = &self.error {
            return Done::failed(error, task);
        }
        let why = self.causes.join(": ");
        let log = Some(gone(&format!("the pod was deleted, and its files on the node were not read: {why}")));
        Done { causes: self.causes, log, ..Done::new(Outcome::Absent) }
    }

    /// The newest file's log, which was taken in place of all, with why it is no more than that.
    pub(in crate::collectors::log) fn told_by(self, mut done: Done) -> Done {
        if !matches!(done.outcome, Outcome::Collected | Outcome::Empty | Outcome::Truncated) {
            return done;
        }
        let why = self.causes.join(": ");
        done.causes.push(format!("only the newest file of the log was read, and none that was rotated before: {why}"));
        if self.is_forbidden() {
            done.hint.get_or_insert_with(|| Right::of_node_files().needed());
        }
        done
    }
}

impl From<SourceError> for NotRead {
    fn from(error: SourceError) -> Self {
        let is_gone = matches!(&error, SourceError::Status { code: 404, .. });
        Self { causes: error.causes(), error: (!is_gone).then_some(error) }
    }
}
