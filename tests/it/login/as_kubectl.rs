//! The differential test: each login that works for kubectl works for us.

use super::{case::Case, rows};
use crate::support::needs;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    process::Output,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

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

struct Done {
    kubectl: bool,
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

fn run(row: &Row) -> Done {
    let kubectl = (row.case)().kubectl(&kubectl());
    let ours = (row.case)().ours();
    let words = [words("kubectl", &kubectl), words("ours", &ours)].concat();
    Done { kubectl: kubectl.status.success(), ours: ours.status.success(), words }
}

#[test]
#[ignore = "needs kubectl, openssl and a minute; tests/run runs it"]
fn each_login_that_works_for_kubectl_works_for_us() {
    if !needs::programs(&[("openssl", "openssl"), ("unshare", "util-linux")]) {
        return;
    }
    let only = std::env::var("ESCALATE_TEST_ROWS").unwrap_or_default();
    let rows: Vec<_> =
        rows::all().into_iter().filter(|row| format!("{}: {}", row.kind, row.name).contains(&only)).collect();
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Done>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let at = rows.iter().position(|other| std::ptr::eq(other, row)).expect("its place");
                    let result = run(row);
                    done.lock().expect("the table").insert(at, result);
                }
            });
        }
    });
    let done = done.into_inner().expect("the table");
    let (mut table, mut faults, mut counts) = (String::new(), String::new(), BTreeMap::<_, [usize; 4]>::new());
    for (row, done) in rows.iter().zip(done.values()) {
        let mark = |works| if works { "works" } else { "fails" };
        let wanted = match row.wanted {
            Wanted::Works => (true, true),
            Wanted::Fails => (false, false),
            Wanted::OnlyOurs(_) => (false, true),
        };
        let note = match row.wanted {
            Wanted::OnlyOurs(why) => format!("  ({why})"),
            _ => String::new(),
        };
        let count = counts.entry(row.kind).or_default();
        count[0] += 1;
        count[1] += usize::from(done.kubectl);
        count[2] += usize::from(done.ours);
        count[3] += usize::from(done.kubectl && !done.ours);
        let line = format!("{:<22} {:<62} {:<8} {}{note}\n", row.kind, row.name, mark(done.kubectl), mark(done.ours));
        table.push_str(&line);
        if (done.kubectl, done.ours) != wanted {
            let _ = write!(faults, "  {line}{}", done.words);
        }
    }
    let mut summary = format!("{:<22} {:>6} {:>8} {:>6} {:>13}\n", "kind", "logins", "kubectl", "ours", "only kubectl");
    for (kind, [all, kubectl, ours, only_kubectl]) in &counts {
        let _ = writeln!(summary, "{kind:<22} {all:>6} {kubectl:>8} {ours:>6} {only_kubectl:>13}");
    }
    let took = began.elapsed().as_secs();
    let heads = format!("{:<22} {:<62} {:<8} ours\n", "kind", "login", "kubectl");
    crate::support::say(&format!("{heads}{table}\n{summary}{} logins in {took} s\n", rows.len()));
    assert!(faults.is_empty(), "not as wanted:\n{faults}");
    assert!(!only.is_empty() || rows.len() >= 150, "only {} logins", rows.len());
}
