//! The manifest's words, and the schemas of it and of the facts, which are committed and must be those of the code.

use super::started;
use kubectl_escalate::bundle::{
    CheckState, Ended, EntryRecord, GapCause, IdentityKind, Manifest, Outcome, facts::Facts, findings::Findings,
};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn the_committed_schemas_are_the_code_s() {
    is_committed("manifest.schema.json", &schemars::schema_for!(Manifest));
    is_committed("facts.schema.json", &schemars::schema_for!(Facts));
    is_committed("findings.schema.json", &schemars::schema_for!(Findings));
}

fn is_committed(name: &str, schema: &schemars::Schema) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    let mut text = serde_json::to_string_pretty(schema).expect("JSON");
    text.push('\n');
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("a file");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/{name} is out of date; write it anew with `UPDATE=1 cargo test --test it the_committed_schema`"
    );
}

#[test]
fn words_are_those_that_were_promised() {
    let word = |value: Value| value.as_str().expect("a word").to_owned();
    let outcomes = [
        Outcome::Collected,
        Outcome::Empty,
        Outcome::Absent,
        Outcome::Forbidden,
        Outcome::Truncated,
        Outcome::Skipped,
        Outcome::TimedOut,
        Outcome::Failed,
        Outcome::Cancelled,
    ];
    assert_eq!(
        outcomes.map(|o| word(json!(o))),
        ["collected", "empty", "absent", "forbidden", "truncated", "skipped", "timed-out", "failed", "cancelled"]
    );
    let causes = [
        (GapCause::RotatedAway, "rotated-away"),
        (GapCause::ContainerNotStarted, "container-not-started"),
        (GapCause::ContainerEnded, "container-ended"),
        (GapCause::PreviousInstanceGone, "previous-instance-gone"),
        (GapCause::WindowNotOver, "window-not-over"),
        (GapCause::CutByLimit, "cut-by-limit"),
        (GapCause::StreamFailed, "stream-failed"),
        (GapCause::Forbidden, "forbidden"),
        (GapCause::TimedOut, "timed-out"),
        (GapCause::Cancelled, "cancelled"),
        (GapCause::Skipped, "skipped"),
        (GapCause::Expired, "expired"),
        (GapCause::Unknown, "unknown"),
    ];
    let documented = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/BUNDLE.md"));
    let documented = documented.expect("the format in prose");
    for (cause, promised) in causes {
        assert_eq!(word(json!(cause)), promised);
        assert!(
            documented.contains(&format!("\n| `{promised}` | ")),
            "docs/BUNDLE.md does not say what tells {promised}"
        );
    }
    assert_eq!(word(json!(Ended::DiskFull)), "disk-full");
    assert_eq!(word(json!(CheckState::NotCollectedYet)), "not-collected-yet");
    assert_eq!(word(json!(IdentityKind::TrustDomain)), "trust_domain");
}

#[test]
fn the_identity_comes_first_and_in_order() {
    let mut manifest = Manifest::new(started(), started(), started());
    manifest.entries.push(EntryRecord::new("a".into(), 1, 2, "f".into()));
    let text = String::from_utf8(manifest.to_json().expect("JSON")).expect("text");
    assert!(text.starts_with("{\n  \"format\": 1,\n  \"trust_domain\": null,\n"), "{text}");
    assert!(text.contains("\"window_start\": \"2026-11-22T15:42:00Z\""), "{text}");
    let keys = [
        "trust_domain",
        "region",
        "incident_start",
        "window_start",
        "ticket",
        "production",
        "tool",
        "profile",
        "started",
        "complete",
        "ended",
        "redaction_key_id",
        "redactions_total",
        "checklist",
        "identity",
        "clusters",
        "tasks",
        "entries",
    ];
    let places: Vec<_> = keys.map(|k| text.find(&format!("  \"{k}\":")).expect(k)).into();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn a_manifest_with_more_and_with_less_is_read() {
    let text = json!({
        "format": 1,
        "window_start": "2026-11-22T15:42:00Z",
        "window_end": "2026-11-22T16:42:00+01:00",
        "started": "2026-11-22T15:42:00.5Z",
        "complete": true,
        "ended": "finished",
        "what_a_later_version_adds": {"x": 1},
        "tasks": [{"id": "t", "kind": "log", "outcome": "collected", "new": []}],
        "entries": [{
            "path": "a.log", "bytes": 1, "compressed": 1, "sha256": "",
            "coverage": {"first": null, "last": null, "lines": 1, "complete": false, "gap": "x", "gap_cause": "unknown"},
        }],
    });
    let manifest: Manifest = serde_json::from_value(text).expect("a manifest");
    assert_eq!(manifest.window_start, manifest.window_end);
    assert_eq!(manifest.tasks[0].outcome, Outcome::Collected);
    let coverage = manifest.entries[0].coverage.as_ref().expect("coverage");
    assert_eq!((coverage.gap_cause, coverage.covered.len(), coverage.gaps.len()), (Some(GapCause::Unknown), 0, 0));
    assert!(manifest.containers.is_empty());
    let again = serde_json::to_value(&manifest).expect("JSON");
    assert_eq!(again["started"], "2026-11-22T15:42:00.500Z");
}
