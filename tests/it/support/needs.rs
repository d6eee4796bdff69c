//! Owns what some tests need of the machine and not every machine has: other people's programs, and the right to mount.
//!
//! Where it is missing, a test is left out and says so on standard error, so that a first `cargo test` needs nothing but
//! Rust. `tests/run` sets `ESCALATE_TEST_COMPLETE`, with which such a test fails: there, what has passed has been run.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// Programs and the Debian packages that have them.
pub(crate) type Programs<'a> = &'a [(&'a str, &'a str)];

/// Whether all these programs are in the `PATH`.
pub(crate) fn programs(wanted: Programs) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let Some((program, package)) = wanted.iter().find(|(program, _)| !is_there(program)) else { return true };
    leave_out(&format!("{program} (install the package {package})"));
    false
}

/// Says that a test is left out, or fails where none may be.
#[track_caller]
fn leave_out(what: &str) {
    assert!(std::env::var_os("ESCALATE_TEST_COMPLETE").is_none(), "this test needs {what}");
    let current = thread::current();
    let test = current.name().unwrap_or_default();
    // `eprintln!` would be captured, and a test that passes shows nothing of it.
    let _ = writeln!(std::io::stderr(), "LEFT OUT: {test} needs {what}");
}

/// Whether a process may have mounts of its own, which nobody else sees.
pub(crate) fn mounts() -> bool {
    let tried = Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "tmpfs", "/run"]).output();
    let can_mount = tried.is_ok_and(|out| out.status.success());
    if !can_mount {
        leave_out("mounts of its own (unshare -Urm)");
    }
    can_mount
}

/// A disk of 20 MiB in memory, mounted on a folder for as long as this lives.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn mount(on: &Path) -> Option<Self> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=20m", "tmpfs"]).arg(on).output();
        if mount.is_ok_and(|out| out.status.success()) {
            return Some(Self(on.to_owned()));
        }
        leave_out("the right to mount a disk (run it as root)");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
