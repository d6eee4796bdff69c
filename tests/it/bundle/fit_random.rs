//! Smaller copies of random bundles, of any size that is possible: each is made within a few passes, is no larger than
//! requested, and lacks the least important lines only.

use super::{
    fit_support::{Full, LEVELS, Line, assert_least_first, compare, contents, incident, log_path, stamp, words},
    ls, started,
};
use chrono::TimeDelta;
use kubectl_escalate::bundle::{BundleError, BundleReader, Destination, Fit, LeftOut, Watch, fit, verify};
use proptest::prelude::*;
use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};
use tempfile::tempdir;

/// How often a log may be read: to measure it, and for each of the copies.
const PASSES: u64 = 1 + 8;

/// The copy's file. No copy that was tried on the way may take its name.
const COPY: &str = "copy.zip";

/// An observer that stops what reads more than this.
struct Limited {
    left: AtomicU64,
}

impl Watch for Limited {
    fn expect(&self, _: u64) {}
    fn read(&self, bytes: u64) {
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(bytes)));
    }
    fn is_stopped(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }
}

fn try_fit(bundle: &Path, max: u64) -> Result<Fit, BundleError> {
    let all: u64 = BundleReader::open(bundle).expect("a bundle").entries().map(|entry| entry.bytes).sum();
    let to = Destination::of_copy(bundle, Some(&bundle.with_file_name(COPY))).expect("a file");
    words(|words| fit(bundle, &to, max, words, &Limited { left: (all * PASSES + 1).into() }))
}

/// A log of lines with these distances in nanoseconds, levels, lengths and bytes to repeat.
fn log(lines: &[(u64, usize, usize, u8)]) -> Vec<Line> {
    let mut at = started();
    let mut log: Vec<Line> = Vec::new();
    for (n, &(nanos, level, length, byte)) in lines.iter().enumerate() {
        let message: String = (0..length).map(|at| char::from(b'a' + (byte as usize * at * at % 26) as u8)).collect();
        let before = log.last().map(|line| (line.level, line.at));
        if let (Some((level, at)), 0) = (before, byte % 9) {
            log.push(Line { text: format!("  {message}\n").into_bytes(), level, at });
            continue;
        }
        at += TimeDelta::nanoseconds(1 + nanos as i64);
        let text = format!("{} {{\"level\":\"{}\",\"n\":{n},\"msg\":\"{message}\"}}\n", stamp(at), LEVELS[level]);
        log.push(Line { text: text.into_bytes(), level, at });
    }
    log
}

fn logs() -> impl Strategy<Value = Vec<Vec<Line>>> {
    let nanos = prop_oneof![Just(0_u64), 1..2_000_000_u64, 1..20_000_000_000_u64];
    let line = (nanos, 0..4_usize, prop_oneof![0..20_usize, 0..400_usize], any::<u8>());
    prop::collection::vec(prop::collection::vec(line, 0..150).prop_map(|lines| log(&lines)), 1..5)
}

/// Checks all that a copy of these logs promises.
fn check(copy: &Path, logs: &[Vec<Line>], max: u64) {
    let folder = copy.parent().expect("a folder");
    assert!(copy.ends_with(COPY) && ls(folder).len() == 2, "{} in {:?}", copy.display(), ls(folder));
    let size = std::fs::metadata(copy).expect("a file").len();
    assert!(size <= max, "{size} bytes of {max}");
    let report = verify(copy).expect("a bundle");
    assert!(report.is_sound(), "{:?}", report.problems);
    let manifest = BundleReader::open(copy).expect("a bundle").manifest().clone();
    let said = manifest.fitted.expect("what it lacks");
    let (mut all_kept, mut all_left_out, mut thinned) = (Vec::new(), Vec::new(), 0);
    for (n, log) in logs.iter().enumerate() {
        let (kept, left_out, _) = compare(log, &contents(copy, &log_path(n)));
        let record = manifest.entries.iter().find(|record| record.path == log_path(n).as_str()).expect("a record");
        if left_out.is_empty() {
            // It may be whole where others are not, because markers would take more than its lines.
            continue;
        }
        assert_eq!(record.coverage.as_ref().expect("coverage").lines, kept.len() as u64);
        thinned += 1;
        all_kept.extend(kept);
        all_left_out.extend(left_out);
    }
    assert_least_first(&all_kept, &all_left_out, incident());
    let [error, warn, info, debug] =
        [0, 1, 2, 3].map(|level| all_left_out.iter().filter(|line| line.level == level).count() as u64);
    assert_eq!((said.logs, said.lines), (thinned, LeftOut { debug, info, warn, error }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 100, ..ProptestConfig::default() })]
    #[test]
    fn any_size_from_the_least_on_has_a_copy_that_is_made_in_a_few_passes(
        logs in logs(), objects in 0..3_usize, parts in prop::collection::vec(0..1000_u64, 3), more in 0..300_u64,
    ) {
        let dir = tempdir().expect("a folder");
        let bundle = Full { objects, ..Full::of(&logs) }.write(dir.path());
        let size = std::fs::metadata(&bundle).expect("a file").len();
        let least = match try_fit(&bundle, 1) {
            Err(BundleError::TooSmall { least, .. }) => least,
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(ls(dir.path()).len(), 1);
        // A copy says what it lacks, so one of a small bundle may take more than the bundle.
        let sizes = parts.iter().map(|part| least + size.saturating_sub(least) * part / 1000);
        for max in sizes.chain([least, least + 1, least + more]).filter(|max| *max < size) {
            match try_fit(&bundle, max) {
                Ok(Fit::Made { finished, .. }) => {
                    check(&finished.path, &logs, max);
                    std::fs::remove_file(&finished.path).expect("the copy");
                }
                other => panic!("{max} bytes of {least} to {size}: {other:?}"),
            }
        }
        for max in [least - 1, least / 2].into_iter().filter(|max| *max < size) {
            let error = try_fit(&bundle, max).expect_err("too small");
            prop_assert!(matches!(error, BundleError::TooSmall { least: found, .. } if found == least), "{error}");
            prop_assert!(error.to_string().contains(&format!("--max-size {least}B")), "{error}");
        }
        prop_assert_eq!(ls(dir.path()).len(), 1);
    }
}
