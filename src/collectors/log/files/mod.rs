//! Owns the reading of all files of a container's log from its node: also those that were rotated, plain and
//! compressed.
//!
//! The kubelet shows the folder of logs to whoever may `get nodes/proxy`. It renames, compresses and deletes these files
//! while they are read. So a file is known not by its name, but by its place in the order and by how many bytes of it
//! were read.

mod not_read;
mod part;
mod reading;

pub(super) use not_read::NotRead;
pub(super) use reading::{Reading, take};
