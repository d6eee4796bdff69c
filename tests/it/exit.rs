//! Exit codes: what a finished bundle means.

use kubectl_escalate::{
    bundle::{ClusterInfo, Ended, Manifest, Outcome, TaskRecord},
    exit::Exit,
};

/// A manifest of a run in which all went well.
fn complete() -> Manifest {
    let at = "2026-11-22T15:42:00Z".parse().expect("a time");
    let mut manifest = Manifest::new(at, at, at);
    manifest.ended = Ended::Finished;
    manifest.trust_domain = Some("example.org".to_owned());
    manifest.region = Some("eu-west-1".to_owned());
    manifest.clusters = vec![ClusterInfo::default()];
    manifest
}

fn task(outcome: Outcome, required: bool) -> TaskRecord {
    serde_json::from_value(serde_json::json!({ "id": "x", "kind": "log", "required": required, "outcome": outcome }))
        .expect("a task")
}

#[test]
fn the_numbers_are_those_of_the_design() {
    let all = [Exit::Complete, Exit::Usage, Exit::Incomplete, Exit::NoBundle, Exit::Interrupted];
    assert_eq!(all.map(Exit::code), [0, 2, 3, 4, 130]);
}

#[test]
fn all_that_is_required_was_had_or_is_truly_absent() {
    use Outcome::{Absent, Cancelled, Collected, Empty, Failed, Forbidden, Skipped, TimedOut, Truncated};
    for outcome in [Collected, Empty, Absent, Skipped, Forbidden, Truncated, TimedOut, Failed, Cancelled] {
        let mut manifest = complete();
        manifest.tasks = vec![task(outcome, true)];
        let had = matches!(outcome, Collected | Empty | Absent | Skipped);
        assert_eq!(Exit::of(&manifest), if had { Exit::Complete } else { Exit::Incomplete }, "{outcome:?}");
        manifest.tasks = vec![task(outcome, false)];
        assert_eq!(Exit::of(&manifest), Exit::Complete, "{outcome:?} of what is not required");
    }
}

#[test]
fn who_this_is_and_every_cluster_belong_to_it() {
    assert_eq!(Exit::of(&complete()), Exit::Complete);
    let changes: [fn(&mut Manifest); 3] = [
        |manifest| manifest.trust_domain = None,
        |manifest| manifest.region = None,
        |manifest| manifest.clusters[0].error = Some(vec!["not reached".to_owned()]),
    ];
    for change in changes {
        let mut manifest = complete();
        change(&mut manifest);
        assert_eq!(Exit::of(&manifest), Exit::Incomplete);
    }
}

#[test]
fn how_it_ended_counts_and_the_interrupt_before_all() {
    for (ended, exit) in [
        (Ended::Deadline, Exit::Incomplete),
        (Ended::DiskFull, Exit::Incomplete),
        (Ended::Salvaged, Exit::Incomplete),
        (Ended::Interrupted, Exit::Interrupted),
    ] {
        let mut manifest = complete();
        manifest.ended = ended;
        manifest.tasks = vec![task(Outcome::Failed, true)];
        assert_eq!(Exit::of(&manifest), exit);
    }
}
