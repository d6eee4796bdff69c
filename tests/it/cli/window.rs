//! The window that a bundle's manifest names, whoever wrote it: what cannot be asked for is refused before anything is
//! asked or written, with what is wrong and in which bundle.

use crate::support::{Run, run::files};
use serde_json::{Value, json};
use std::{fs, io::Write as _, path::Path};
use zip::write::{SimpleFileOptions, ZipWriter};

/// A bundle of nothing but a manifest, changed by `change`.
fn bundle(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut manifest = json!({
        "format": 1, "profile": "trust-domain-server", "started": "2024-03-05T14:30:00Z",
        "window_start": "2024-03-05T13:50:00Z", "window_end": "2024-03-05T14:20:00Z",
        "incident_start": "2024-03-05T14:05:00Z", "incident_end": "2024-03-05T14:05:00Z",
        "complete": true, "ended": "finished",
    });
    change(&mut manifest);
    let mut zip = ZipWriter::new(fs::File::create(path).expect("a file"));
    zip.start_file("x/manifest.json", SimpleFileOptions::default()).expect("an entry");
    zip.write_all(manifest.to_string().as_bytes()).expect("room");
    zip.finish().expect("a zip");
}

/// Asserts what both verbs that use another bundle's window say of one.
#[track_caller]
fn is_refused(change: impl Fn(&mut Value), says: &str) {
    for (verb, flag) in [("collect", "--into"), ("demo", "--bundle")] {
        let run = Run::new([verb]).without_kubeconfig();
        let (odd, out) = (run.out().with_file_name("odd.zip"), run.out());
        bundle(&odd, &change);
        let ended = run.args([flag.as_ref(), odd.as_os_str(), "--to".as_ref(), out.as_os_str()]).finish().exits(2);
        assert!(ended.stderr.contains(says) && ended.stderr.contains("odd.zip"), "{says:?} in {}", ended.stderr);
        assert_eq!(files(&out), [""; 0]);
    }
}

#[track_caller]
fn window_is_refused(start: &str, end: &str, says: &str) {
    let change = |manifest: &mut Value| {
        manifest["window_start"] = start.into();
        manifest["window_end"] = end.into();
        manifest["incident_start"] = Value::Null;
        manifest["incident_end"] = Value::Null;
    };
    is_refused(change, says);
}

#[test]
fn a_window_that_ends_before_it_starts() {
    window_is_refused(
        "2024-03-05T14:20:00Z",
        "2024-03-05T13:50:00Z",
        "its window_end, 2024-03-05T13:50:00Z, is before its window_start, 2024-03-05T14:20:00Z",
    );
}

#[test]
fn a_window_in_the_future() {
    window_is_refused(
        "9999-03-05T13:50:00Z",
        "9999-03-05T14:20:00Z",
        "window_start, 9999-03-05T13:50:00Z, is in the future",
    );
}

#[test]
fn a_window_that_ends_in_the_year_9999_is_too_long() {
    window_is_refused("2024-03-05T13:50:00Z", "9999-12-31T23:59:59Z", "longer than 7 days");
    window_is_refused("2024-03-05T13:50:00Z", "2024-03-12T13:50:01Z", "longer than 7 days");
}

#[test]
fn a_window_before_kubernetes() {
    window_is_refused(
        "0000-01-01T00:00:00Z",
        "0000-01-01T00:30:00Z",
        "window_start, 0000-01-01T00:00:00Z, is too long ago",
    );
}

#[test]
fn times_that_no_calendar_has() {
    for at in ["+262142-12-31T23:59:59Z", "+999999-01-01T00:00:00Z", "-262143-01-01T00:00:00Z", "2024-02-30T00:00:00Z"]
    {
        window_is_refused(at, at, "");
    }
}

#[test]
fn a_window_that_is_missing() {
    for missing in ["window_start", "window_end"] {
        is_refused(|manifest| _ = manifest.as_object_mut().map(|fields| fields.remove(missing)), missing);
    }
}

#[test]
fn an_incident_that_is_not_within_the_window() {
    let incident = |start: Value, end: Value| {
        move |manifest: &mut Value| {
            manifest["incident_start"] = start.clone();
            manifest["incident_end"] = end.clone();
        }
    };
    let is_outside = "is not within its window, from 2024-03-05T13:50:00Z to 2024-03-05T14:20:00Z";
    for (start, end) in [
        ("2024-03-05T13:49:59Z", "2024-03-05T14:05:00Z"),
        ("2024-03-05T14:05:00Z", "2024-03-05T14:20:01Z"),
        ("2024-03-05T14:06:00Z", "2024-03-05T14:05:00Z"),
    ] {
        is_refused(incident(start.into(), end.into()), is_outside);
    }
    let half = "only one of incident_start and incident_end";
    is_refused(incident("2024-03-05T14:05:00Z".into(), Value::Null), half);
    is_refused(incident(Value::Null, "2024-03-05T14:05:00Z".into()), half);
}
