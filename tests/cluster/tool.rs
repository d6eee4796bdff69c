//! Owns the running of the program: at most two at once, so that two cores suffice.

use crate::{bundle::Bundle, kubernetes::kubeconfig};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
};
use tempfile::TempDir;

/// A run that has ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Where the bundle went: gone when neither this nor the bundle is needed any more.
    folder: Arc<TempDir>,
}

impl Run {
    /// The bundle; panics when there is none.
    pub(crate) fn bundle(&self) -> Bundle {
        let path = self.stdout.trim();
        assert!(path.ends_with(".zip"), "no bundle, exit code {}:\n{}", self.code, self.stderr);
        Bundle::open(Path::new(path)).within(self.folder.clone())
    }

    /// Panics unless the program ended with this exit code.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code; it said:\n{}", self.stderr);
        self
    }

    /// What lies where the bundle should go.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let entries = self.folder.path().read_dir().expect("the folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

/// `collect` with the test cluster's kubeconfig, into a folder of its own.
pub(crate) fn collect(args: &[&str]) -> Run {
    collect_as(&kubeconfig(), args)
}

/// `collect` with this kubeconfig.
pub(crate) fn collect_as(kubeconfig: &Path, args: &[&str]) -> Run {
    let _permit = Permit::take();
    let folder = tempfile::tempdir().expect("a folder");
    let done = collecting(kubeconfig, folder.path(), args).output().expect("the program runs");
    Run::of(done, folder)
}

impl Run {
    pub(crate) fn of(done: Output, folder: TempDir) -> Self {
        Self {
            code: done.status.code().unwrap_or(-1),
            stdout: String::from_utf8(done.stdout).expect("UTF-8"),
            stderr: String::from_utf8(done.stderr).expect("UTF-8"),
            folder: Arc::new(folder),
        }
    }
}

/// `demo` into a folder of its own: no cluster is asked.
pub(crate) fn demo(args: &[&str]) -> Run {
    let _permit = Permit::take();
    let folder = tempfile::tempdir().expect("a folder");
    let done = program().arg("demo").arg("--to").arg(folder.path()).args(args).output().expect("the program runs");
    Run::of(done, folder)
}

fn collecting(kubeconfig: &Path, folder: &Path, args: &[&str]) -> Command {
    let mut command = program();
    // A test that is about metrics says so: the Prometheus of the tests comes and goes, and two scrapes take time.
    command
        .args(["collect", "--scrape-gap", "0s", "--prometheus", "none", "--kubeconfig"])
        .arg(kubeconfig)
        .arg("--to")
        .arg(folder)
        .args(args);
    command
}

/// A collection that goes on, with the permit it holds.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) folder: TempDir,
    _permit: Permit,
}

pub(crate) fn start_collecting(args: &[&str]) -> Running {
    let permit = Permit::take();
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = collecting(&kubeconfig(), folder.path(), args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    Running { child, folder, _permit: permit }
}

/// The program, with no environment of the user's that changes what it does.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-escalate"));
    command.env_remove("KUBECONFIG").env("TZ", "UTC").stdin(Stdio::null());
    command
}

/// Runs the program with these arguments and returns what it printed; panics unless it ends with 0.
pub(crate) fn program_text(args: &[&str]) -> String {
    let done = program().args(args).output().expect("the program runs");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}

static FREE: (Mutex<usize>, Condvar) = (Mutex::new(2), Condvar::new());

struct Permit;

impl Permit {
    fn take() -> Self {
        // A test that failed with a permit has given it back.
        let free = FREE.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = FREE.1.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *FREE.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREE.1.notify_one();
    }
}
