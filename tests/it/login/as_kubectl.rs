//! The differential test: each login that works for kubectl works for us.

use super::{case::Case, rows};
use crate::support::{needs, say};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Output,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

/// What the rows are made with.
const PROGRAMS: needs::Programs = &[("openssl", "openssl")];

/// What is expected of kubectl, and of us if we do otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Works,
    Fails,
    /// kubectl refuses what we take, for this reason.
    OnlyOurs(&'static str),
}

/// A row of the table.
pub(super) struct Row {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) wanted: Wanted,
    /// Builds the case anew for each program, because a login may change it.
    pub(super) case: Box<dyn Fn() -> Case + Send + Sync>,
}

/// Whether kubectl and we got to the pods, and what was said.
struct Done {
    kubectl: Option<bool>,
    ours: bool,
    words: String,
}

/// `kubectl` of `ESCALATE_TEST_KUBECTL`, or of `PATH`.
fn kubectl() -> PathBuf {
    std::env::var_os("ESCALATE_TEST_KUBECTL").map_or_else(|| "kubectl".into(), PathBuf::from)
}

fn words(what: &str, output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let last: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = last[last.len().saturating_sub(3)..].join("\n      ");
    format!("    {what} ended with {}: {last}\n", output.status)
}

/// Runs all rows, or those that `ESCALATE_TEST_ROWS` names, with kubectl or without.
fn run(kubectl: Option<&Path>) -> (Vec<Row>, Vec<Done>) {
    let only = std::env::var("ESCALATE_TEST_ROWS").unwrap_or_default();
    let rows: Vec<_> =
        rows::all().into_iter().filter(|row| format!("{}: {}", row.kind, row.name).contains(&only)).collect();
    assert!(!only.is_empty() || rows.len() >= 150, "only {} logins", rows.len());
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Done>> = Mutex::default();
    thread::scope(|scope| {
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(row) = rows.get(at) else { return };
                let theirs = kubectl.map(|kubectl| (row.case)().kubectl(kubectl));
                let ours = (row.case)().ours();
                let said = theirs.as_ref().map(|theirs| words("kubectl", theirs)).unwrap_or_default();
                let result = Done {
                    kubectl: theirs.map(|theirs| theirs.status.success()),
                    ours: ours.status.success(),
                    words: said + &words("ours", &ours),
                };
                done.lock().expect("the table").insert(at, result);
            }
        };
        (0..4).for_each(|_| drop(scope.spawn(work)));
    });
    let done = done.into_inner().expect("the table").into_values().collect();
    (rows, done)
}

fn line(row: &Row, done: &Done) -> String {
    let mark = |works| if works { "works" } else { "fails" };
    let note = match row.wanted {
        Wanted::OnlyOurs(why) => format!("  ({why})"),
        _ => String::new(),
    };
    format!("{:<22} {:<62} {:<8} {}{note}\n", row.kind, row.name, done.kubectl.map_or("", mark), mark(done.ours))
}

/// Panics unless each row ended as wanted.
fn judge(rows: &[Row], done: &[Done]) {
    let mut faults = String::new();
    for (row, done) in rows.iter().zip(done) {
        let (kubectl, ours) = match row.wanted {
            Wanted::Works => (true, true),
            Wanted::Fails => (false, false),
            Wanted::OnlyOurs(_) => (false, true),
        };
        if done.kubectl.unwrap_or(kubectl) != kubectl || done.ours != ours {
            let _ = write!(faults, "  {}{}", line(row, done), done.words);
        }
    }
    assert!(faults.is_empty(), "not as wanted:\n{faults}");
}

#[test]
fn each_login_ends_as_wanted() {
    if needs::programs(PROGRAMS) {
        let (rows, done) = run(None);
        judge(&rows, &done);
    }
}

#[test]
#[ignore = "needs kubectl and a minute; tests/run runs it"]
fn each_login_that_works_for_kubectl_works_for_us() {
    if !needs::programs(PROGRAMS) {
        return;
    }
    let began = Instant::now();
    let (rows, done) = run(Some(&kubectl()));
    let mut counts = BTreeMap::<_, [usize; 4]>::new();
    let mut text = format!("{:<22} {:<62} {:<8} ours\n", "kind", "login", "kubectl");
    for (row, done) in rows.iter().zip(&done) {
        let kubectl = done.kubectl == Some(true);
        let count = counts.entry(row.kind).or_default();
        count[0] += 1;
        count[1] += usize::from(kubectl);
        count[2] += usize::from(done.ours);
        count[3] += usize::from(kubectl && !done.ours);
        text.push_str(&line(row, done));
    }
    let _ = writeln!(text, "\n{:<22} {:>6} {:>8} {:>6} {:>13}", "kind", "logins", "kubectl", "ours", "only kubectl");
    for (kind, [all, kubectl, ours, only_kubectl]) in &counts {
        let _ = writeln!(text, "{kind:<22} {all:>6} {kubectl:>8} {ours:>6} {only_kubectl:>13}");
    }
    say(&format!("{text}{} logins in {} s\n", rows.len(), began.elapsed().as_secs()));
    judge(&rows, &done);
}
