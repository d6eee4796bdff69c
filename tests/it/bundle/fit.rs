//! A smaller copy: how small, what is given up for it, and that all it still has is as it was.

use super::{
    fit_support::{
        Full, Line, Nobody, assert_least_first, compare, contents, fitted, incident, lines, log_path, try_fit, words,
    },
    ls, name, started,
};
use chrono::TimeDelta;
use kubectl_escalate::bundle::{
    BundleError, BundleReader, CheckState, Destination, Fit, GapCause, LeftOut, Manifest, Outcome, fit, layout,
};
use std::path::{Path, PathBuf};
use tempfile::tempdir;

/// A smaller copy of a bundle that has a little of everything.
pub(super) fn copied_sample(folder: &Path) -> PathBuf {
    let bundle = Full { objects: 2, ..Full::of(&[lines(3000, 1), lines(500, 2)]) }.write(folder);
    fitted(&bundle, 60_000).0.path
}

#[test]
fn the_least_telling_lines_go_first_and_no_line_is_cut() {
    let dir = tempdir().expect("a folder");
    let log = lines(20_000, 1);
    let bundle = Full::of(std::slice::from_ref(&log)).write(dir.path());
    let size = std::fs::metadata(&bundle).expect("a file").len();
    let mut before = usize::MAX;
    for part in [95, 70, 50, 30, 15, 8, 4] {
        let max = size * part / 100;
        let (copy, fitted) = fitted(&bundle, max);
        assert!(copy.bytes * 100 >= max * 85, "only {} of {max} bytes were used", copy.bytes);
        let (kept, left_out, markers) = compare(&log, &contents(&copy.path, &log_path(0)));
        assert_least_first(&kept, &left_out, incident());
        assert!(kept.len() < before && !kept.is_empty());
        before = kept.len();
        assert_eq!(fitted.lines.total(), left_out.len() as u64);
        // Half an hour has thirty minutes, whatever the pattern of levels is.
        assert!(markers.len() <= 40, "{} markers", markers.len());
        if part >= 15 {
            let near = |line: &&Line| line.level == 0 && (line.at - incident()).abs() < TimeDelta::minutes(3);
            assert_eq!(kept.iter().filter(near).count(), log.iter().filter(near).count(), "errors to {max} bytes");
        }
    }
    let errors = |lines: &[Line]| lines.iter().filter(|line| line.level == 0).count();
    let (copy, _) = fitted(&bundle, size * 4 / 100);
    let (kept, ..) = compare(&log, &contents(&copy.path, &log_path(0)));
    assert_eq!(errors(&kept), kept.len(), "of so little all is errors");
}

#[test]
fn the_manifest_says_what_the_copy_is_and_what_it_lacks() {
    let dir = tempdir().expect("a folder");
    let logs = [lines(3000, 1), lines(300, 2), lines(6000, 3), lines(3, 4)];
    let bundle = Full { objects: 2, ..Full::of(&logs) }.write(dir.path());
    let full = BundleReader::open(&bundle).expect("a bundle");
    let max = std::fs::metadata(&bundle).expect("a file").len() / 2;
    let (copy, fitted) = fitted(&bundle, max);
    assert_eq!(copy.path, dir.path().join(format!("{}-fitted.zip", name())));
    let copy = BundleReader::open(&copy.path).expect("a bundle");
    assert_eq!((copy.folder(), &fitted.bundle), (full.folder(), &format!("{}.zip", name())));
    assert_eq!(fitted.sha256, sha256(&bundle));
    assert_eq!((fitted.max_bytes, fitted.files.len()), (max, 8));
    assert!(fitted.files.is_sorted());
    let manifest = copy.manifest();
    let mut thinned = 0;
    for record in &full.manifest().entries {
        let here = manifest.entries.iter().find(|here| here.path == record.path);
        if fitted.files.contains(&record.path) {
            assert!(here.is_none() && copy.info(&record.path).is_none(), "{}", record.path);
            continue;
        }
        let here = here.unwrap_or_else(|| panic!("{} is missing", record.path));
        if here.sha256 == record.sha256 {
            assert_eq!(here, record);
            continue;
        }
        if here.path == layout::README {
            continue;
        }
        thinned += 1;
        let coverage = here.coverage.as_ref().expect("coverage");
        assert!(!coverage.complete && coverage.gap_cause == Some(GapCause::Fitted), "{coverage:?}");
        let gap = coverage.gap.as_deref().expect("a gap");
        assert!(gap.contains("lines were left out") && gap.ends_with("the window was not over"), "{gap}");
        let n = (0..4).find(|n| log_path(*n).as_str() == here.path).expect("a log");
        let (kept, ..) = compare(&logs[n], &contents(copy.path(), &log_path(n)));
        assert_eq!(coverage.lines, kept.len() as u64);
        assert_eq!((coverage.first, coverage.last), (kept.first().map(|l| l.at), kept.last().map(|l| l.at)));
    }
    assert_eq!(thinned, fitted.logs);
    for (task, before) in manifest.tasks.iter().zip(&full.manifest().tasks) {
        let mut expected = before.clone();
        expected.entries.retain(|path| !fitted.files.contains(path));
        assert_eq!(*task, expected);
        assert_eq!(task.outcome, Outcome::Collected);
    }
    let logs = &manifest.checklist[0];
    assert_eq!(logs.state, CheckState::Partial);
    assert!(logs.detail.starts_with("2 logs; ") && logs.detail.ends_with("this copy smaller; more"), "{}", logs.detail);
    let remarks = manifest.remarks.join("\n");
    for word in
        [fitted.sha256.as_str(), "4 descriptions and 4 YAML files", &fitted.lines.words(), "the incident in time"]
    {
        assert!(remarks.contains(word), "{word} in {remarks}");
    }
    let redactions: u64 = manifest.entries.iter().flat_map(|entry| entry.redactions.values()).sum();
    assert_eq!(manifest.redactions_total, redactions);
    let same = |of: fn(&Manifest) -> String| assert_eq!(of(manifest), of(full.manifest()));
    same(|manifest| format!("{:?}", (manifest.started, manifest.window_end, manifest.ended, manifest.complete)));
    same(|manifest| format!("{:?}", (&manifest.trust_domain, &manifest.tool_version, manifest.incident_start)));
}

fn sha256(path: &Path) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(std::fs::read(path).expect("a file"));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn files_that_can_be_made_again_go_before_any_line_and_no_more_than_it_takes() {
    let dir = tempdir().expect("a folder");
    let bundle = Full { objects: 2, ..Full::of(&[lines(500, 1)]) }.write(dir.path());
    let size = std::fs::metadata(&bundle).expect("a file").len();
    let mut before = 0;
    for less in [500, 3000, 6000, 9000, 10_000] {
        let (copy, fitted) = fitted(&bundle, size - less);
        assert_eq!((fitted.logs, fitted.lines), (0, LeftOut::default()), "{less} less");
        assert!(fitted.files.len() >= before);
        before = fitted.files.len();
        let described = fitted.files.iter().filter(|path| path.ends_with("describe.txt")).count();
        assert!(described == 4 || described == fitted.files.len(), "objects before descriptions: {:?}", fitted.files);
        assert_eq!(contents(&copy.path, &log_path(0)), contents(&bundle, &log_path(0)));
        let manifest = BundleReader::open(&copy.path).expect("a bundle").manifest().clone();
        assert_eq!(manifest.checklist[0].state, CheckState::Yes);
        if less == 500 {
            assert_eq!(fitted.files.len(), 1, "one is enough");
        }
    }
    let (_, fitted) = fitted(&bundle, size - 20_000);
    assert!(fitted.files.len() == 8 && fitted.logs == 1, "{fitted:?}");
    assert!(fitted.files.iter().all(|path| !path.contains("nodes") && !path.ends_with(".json")));
}

#[test]
fn an_object_stays_whose_table_may_lack_it() {
    let dir = tempdir().expect("a folder");
    let change: fn(&mut Manifest) = |manifest| manifest.tasks[0].outcome = Outcome::Truncated;
    let bundle = Full { objects: 2, change: Some(change), ..Full::of(&[lines(500, 1)]) }.write(dir.path());
    let (_, fitted) = fitted(&bundle, std::fs::metadata(&bundle).expect("a file").len() - 20_000);
    assert_eq!(fitted.files.len(), 6);
    assert!(!fitted.files.iter().any(|path| path.contains("deployments/") && path.ends_with(".yaml")), "{fitted:?}");
}

#[test]
fn without_an_incident_what_is_near_the_window_s_end_stays() {
    let dir = tempdir().expect("a folder");
    let log = lines(5000, 1);
    let change: fn(&mut Manifest) = |manifest| (manifest.incident_start, manifest.incident_end) = (None, None);
    let bundle = Full { change: Some(change), ..Full::of(std::slice::from_ref(&log)) }.write(dir.path());
    let (copy, _) = fitted(&bundle, 60_000);
    let (kept, left_out, _) = compare(&log, &contents(&copy.path, &log_path(0)));
    assert_least_first(&kept, &left_out, started() + TimeDelta::minutes(30));
    let manifest = BundleReader::open(&copy.path).expect("a bundle").manifest().clone();
    assert!(manifest.remarks.join("\n").contains("the window's end, because no incident was given"));
}

#[test]
fn all_of_an_incident_that_lasted_is_nearer_than_what_is_outside() {
    let dir = tempdir().expect("a folder");
    let log = lines(5000, 1);
    let change: fn(&mut Manifest) = |manifest| manifest.incident_end = Some(incident() + TimeDelta::minutes(10));
    let bundle = Full { change: Some(change), ..Full::of(std::slice::from_ref(&log)) }.write(dir.path());
    let (copy, _) = fitted(&bundle, 90_000);
    let (kept, left_out, _) = compare(&log, &contents(&copy.path, &log_path(0)));
    let within = |line: &&Line| line.at >= incident() && line.at <= incident() + TimeDelta::minutes(10);
    let level = left_out.iter().map(|line| line.level).min().expect("some");
    let of_level = |line: &&Line| line.level == level;
    let outside_kept = kept.iter().filter(of_level).filter(|line| !within(line)).count();
    let within_left_out = left_out.iter().filter(of_level).filter(within).count();
    assert!(outside_kept == 0 || within_left_out == 0, "{outside_kept} and {within_left_out}");
}

#[test]
fn a_bundle_that_is_small_enough_has_no_copy() {
    let dir = tempdir().expect("a folder");
    let bundle = Full::of(&[lines(50, 1)]).write(dir.path());
    let size = std::fs::metadata(&bundle).expect("a file").len();
    for max in [size, size + 1, u64::MAX] {
        let made = try_fit(&bundle, max).expect("nothing to do");
        assert!(matches!(made, Fit::Already { bytes } if bytes == size), "{made:?}");
    }
    assert_eq!(ls(dir.path()).len(), 1);
}

#[test]
fn a_number_that_is_too_small_says_the_least_there_is_and_leaves_nothing() {
    let dir = tempdir().expect("a folder");
    let logs = [lines(3000, 1), lines(10, 2), lines(1000, 3)];
    let bundle = Full { objects: 2, ..Full::of(&logs) }.write(dir.path());
    let least = |max| match try_fit(&bundle, max) {
        Err(BundleError::TooSmall { least, .. }) => least,
        other => panic!("{other:?}"),
    };
    let size = least(0);
    assert_eq!(least(size / 2), size);
    assert_eq!(ls(dir.path()).len(), 1, "{:?}", ls(dir.path()));
    let (copy, fitted) = fitted(&bundle, size);
    assert!(copy.bytes + 32 >= size, "{} of {size}", copy.bytes);
    assert_eq!(fitted.lines.total(), 4010);
    for (n, log) in logs.iter().enumerate() {
        let (kept, _, markers) = compare(log, &contents(&copy.path, &log_path(n)));
        assert_eq!((kept.len(), markers.len()), (0, 1));
    }
    // Just above it there is no room to be clever in, and below the full size always some copy.
    for more in [1, 10, 100, 600, 1000, 2000] {
        self::fitted(&bundle, size + more);
    }
    let error = try_fit(&bundle, 1).expect_err("too small").to_string();
    assert!(error.contains(&format!("--max-size {size}B")), "{error}");
}

#[test]
fn no_file_is_replaced_and_a_copy_has_no_copy() {
    let dir = tempdir().expect("a folder");
    let bundle = Full::of(&[lines(2000, 1)]).write(dir.path());
    let before = std::fs::read(&bundle).expect("a file");
    let (one, two) = (fitted(&bundle, 30_000).0, fitted(&bundle, 30_000).0);
    assert_eq!(two.path, dir.path().join(format!("{}-fitted-2.zip", name())));
    assert_eq!(std::fs::read(&one.path).expect("one"), std::fs::read(&two.path).expect("two"), "the same each time");
    assert_eq!(std::fs::read(&bundle).expect("a file"), before);
    let target = dir.path().join("mine.zip");
    std::fs::write(&target, "precious").expect("a file");
    let to = Destination::of_copy(&bundle, Some(&target)).expect("a file");
    let error = words(|words| fit(&bundle, &to, 30_000, words, &Nobody)).expect_err("it exists");
    assert!(matches!(error, BundleError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read(&target).expect("a file"), b"precious");
    let error = try_fit(&one.path, 20_000).expect_err("a copy").to_string();
    assert!(error.contains(&format!("{}.zip", name())) && error.contains("fit the full bundle"), "{error}");
    let made = try_fit(&one.path, 30_000).expect("small enough");
    assert!(matches!(made, Fit::Already { .. }));
    assert_eq!(ls(dir.path()).len(), 4, "{:?}", ls(dir.path()));
}
