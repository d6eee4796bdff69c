//! Owns the trait through which evidence is read, whether from a bundle or from one that is still being written.

use super::{error::BundleError, format::TaskRecord, reader::BundleReader, writer::WrittenEntries};
use std::io::Read;

/// What a collection holds.
pub trait Evidence: Send + Sync {
    /// The planned tasks, with their outcomes.
    fn tasks(&self) -> &[TaskRecord];
    /// Opens an entry by its path as the tasks name it.
    ///
    /// # Errors
    /// If there is none with that path. Damage is reported when it is read.
    fn open<'a>(&'a self, path: &str) -> Result<Box<dyn Read + Send + 'a>, BundleError>;
}

impl Evidence for BundleReader {
    fn tasks(&self) -> &[TaskRecord] {
        &self.manifest().tasks
    }

    fn open<'a>(&'a self, path: &str) -> Result<Box<dyn Read + Send + 'a>, BundleError> {
        Ok(Box::new(self.open_entry(path)?))
    }
}

/// A collection whose tasks have all ended, and that is not a bundle yet.
pub struct RunEvidence {
    /// Its tasks, with the paths that their entries were written under.
    pub tasks: Vec<TaskRecord>,
    /// As far as the run has come.
    pub entries: WrittenEntries,
}

impl Evidence for RunEvidence {
    fn tasks(&self) -> &[TaskRecord] {
        &self.tasks
    }

    fn open<'a>(&'a self, path: &str) -> Result<Box<dyn Read + Send + 'a>, BundleError> {
        Ok(Box::new(self.entries.open_entry(path)?))
    }
}
