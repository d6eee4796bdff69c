//! Writing: what is in the zip, under which names, and what is left on the disk.

use super::{clean, dense, finish, last, log, ls, name, put, sample, started, to};
use kubectl_escalate::bundle::{
    BundleError, BundleName, BundleReader, BundleWriter, Destination, NamePart, layout, verify,
};
use std::{fs, io::Read as _};
use tempfile::tempdir;

#[test]
fn a_bundle_has_what_was_written_under_its_own_name() {
    let dir = tempdir().expect("a folder");
    let finished = sample(dir.path());
    let expected = "escalation-example.org-eu-west-1-20261122T154200Z";
    assert_eq!(ls(dir.path()), [format!("{expected}.zip")], "nothing else may be left");
    let report = verify(&finished.path).expect("a bundle");
    assert!(report.is_sound(), "{:?}", report.problems);
    assert_eq!(report.entries, 9);
    let reader = BundleReader::open(&finished.path).expect("a bundle");
    assert_eq!(reader.folder(), expected);
    let path = layout::pod_log("prod", "spirl", "dense", "c", true);
    let found = reader.find(&path).expect("an entry");
    assert_eq!(reader.read(found, 1 << 30).expect("contents"), dense(3 << 20));
    let file = fs::read(&finished.path).expect("a file");
    assert_eq!(file.len() as u64, finished.bytes);
    let placeholder = b"escalation-unfinished";
    assert!(!file.windows(placeholder.len()).any(|w| w == placeholder));
}

#[test]
fn the_same_entries_give_the_same_bytes_however_they_arrive() {
    let all: Vec<Vec<u8>> = [13, 4096, 65536, 65537, 1 << 30]
        .into_iter()
        .map(|chunk| {
            let dir = tempdir().expect("a folder");
            let bundle = BundleWriter::create(&to(dir.path()), started()).expect("a bundle");
            let path = layout::pod_log("c", "ns", "p", "x", false);
            let mut entry = bundle.entry(path).expect("an entry");
            for chunk in log(1500).chunks(chunk) {
                entry.write(&clean(chunk)).expect("room");
            }
            entry.finish().expect("room");
            fs::read(finish(bundle).expect("a bundle").path).expect("a file")
        })
        .collect();
    assert!(all.iter().all(|one| *one == all[0]));
}

#[test]
fn long_names_are_shortened_for_all_files_of_a_pod_alike() {
    let dir = tempdir().expect("a folder");
    let bundle = BundleWriter::create(&to(dir.path()), started()).expect("a bundle");
    let pod = format!("{}-7f9c8d6b5-x2k7p", "spire-trust-domain-server-of-a-long-name-".repeat(3));
    let cluster = "arn:aws:eks:eu-west-1:123456789012:cluster/production";
    let paths = [
        layout::pod_yaml(cluster, "trust-domain-servers", &pod),
        layout::pod_log(cluster, "trust-domain-servers", &pod, "server-of-some-name", true),
        layout::pod_log(cluster, "trust-domain-servers", &pod, "server-of-some-name", false),
        layout::scrape(cluster, "trust-domain-servers", &pod, 1),
    ];
    for path in &paths {
        put(&bundle, path.clone(), path.as_str().as_bytes()).expect("an entry");
    }
    let long = NamePart::Known("x".repeat(60));
    let name = BundleName::new(&long, &long, started());
    let finished = bundle.finish(&name, last).expect("a bundle");
    assert!(verify(&finished.path).expect("a bundle").is_sound());
    let reader = BundleReader::open(&finished.path).expect("a bundle");
    let mut folders = std::collections::BTreeSet::new();
    for path in &paths {
        let settled = reader.find(path).expect("still found by its long name");
        assert!(reader.folder().len() + 1 + settled.len() <= layout::MAX_PATH, "{settled}");
        assert_eq!(reader.read(settled, 1 << 20).expect("contents"), path.as_str().as_bytes());
        folders.extend(settled.split("/pods/").nth(1).and_then(|rest| rest.split('/').next()));
        let record = reader.manifest().entries.iter().find(|e| e.path == settled);
        let record = record.expect("in the manifest");
        assert_eq!(record.names["pod"], pod);
        assert_eq!(record.names["cluster"], cluster);
    }
    assert_eq!(folders.len(), 1, "{folders:?}");
}

#[test]
fn entries_are_written_from_many_threads() {
    let dir = tempdir().expect("a folder");
    let bundle = BundleWriter::create(&to(dir.path()), started()).expect("a bundle");
    std::thread::scope(|scope| {
        for t in 0..8 {
            let bundle = bundle.clone();
            scope.spawn(move || {
                for n in 0..20 {
                    let path = layout::pod_log("c", &format!("ns-{t}"), "p", &format!("x{n}"), false);
                    put(&bundle, path, &log(t * 10 + n)).expect("an entry");
                }
            });
        }
    });
    let finished = finish(bundle).expect("a bundle");
    let report = verify(&finished.path).expect("a bundle");
    assert!(report.is_sound() && report.entries == 162, "{report:?}");
}

#[test]
fn an_entry_that_is_dropped_never_was() {
    let dir = tempdir().expect("a folder");
    let bundle = BundleWriter::create(&to(dir.path()), started()).expect("a bundle");
    let path = layout::pod_yaml("c", "ns", "p");
    let mut entry = bundle.entry(path.clone()).expect("an entry");
    entry.write(&clean(dense(3 << 20))).expect("room");
    let again = bundle.entry(path.clone());
    assert!(matches!(again.err(), Some(BundleError::Taken { .. })));
    drop(entry);
    put(&bundle, path, b"second").expect("the path is free again");
    let mut late = bundle.entry(layout::note(1)).expect("an entry");
    let finished = finish(bundle).expect("a bundle");
    late.write(&clean("too late")).expect("it is only in memory");
    assert!(matches!(late.finish(), Err(BundleError::Closed { .. })));
    assert!(verify(&finished.path).expect("a bundle").is_sound());
    assert_eq!(ls(dir.path()).len(), 1);
}

#[test]
fn what_is_abandoned_leaves_nothing() {
    let dir = tempdir().expect("a folder");
    let bundle = BundleWriter::create(&to(dir.path()), started()).expect("a bundle");
    let mut open = bundle.entry(layout::note(1)).expect("an entry");
    open.write(&clean(dense(3 << 20))).expect("room");
    put(&bundle, layout::note(2), b"x").expect("an entry");
    bundle.abandon();
    drop(open);
    assert_eq!(ls(dir.path()), Vec::<String>::new());
}

#[test]
fn no_file_is_ever_replaced() {
    let dir = tempdir().expect("a folder");
    let target = dir.path().join("mine.zip");
    fs::write(&target, "precious").expect("a file");
    let to_file = Destination::from_arg(Some(&target)).expect("a destination");
    let error = BundleWriter::create(&to_file, started()).err().expect("it exists").to_string();
    assert!(error.contains("mine.zip") && error.contains("--to"), "{error}");

    // It may also appear while the bundle is written.
    fs::remove_file(&target).expect("gone");
    let bundle = BundleWriter::create(&to_file, started()).expect("a bundle");
    let second = BundleWriter::create(&to_file, started()).err().expect("one at a time");
    assert!(second.to_string().contains("salvage"), "{second}");
    fs::write(&target, "precious").expect("a file");
    let finished = finish(bundle).expect("a bundle");
    assert_eq!(finished.path, dir.path().join("mine-2.zip"));
    assert_eq!(fs::read(&target).expect("a file"), b"precious");
}

#[test]
fn two_runs_of_one_second_do_not_meet() {
    let dir = tempdir().expect("a folder");
    let one = BundleWriter::create(&to(dir.path()), started()).expect("a bundle");
    let two = BundleWriter::create(&to(dir.path()), started()).expect("another");
    let (one, two) = (finish(one).expect("one"), finish(two).expect("two"));
    assert_ne!(one.path, two.path);
    assert!(verify(&two.path).expect("a bundle").is_sound());
}

#[test]
fn a_place_that_is_none_is_refused_with_a_reason() {
    let dir = tempdir().expect("a folder");
    let nowhere = dir.path().join("no/such/folder");
    let error = Destination::from_arg(Some(&nowhere)).expect_err("no folder").to_string();
    assert!(error.contains("no/such/folder") && error.contains("create the folder"), "{error}");
    let file = Destination::from_arg(Some(&nowhere.join("x.zip"))).expect("a file name");
    let error = BundleWriter::create(&file, started()).err().expect("no folder").to_string();
    assert!(error.contains("x.zip") && error.contains("there is no such folder"), "{error}");
    assert_eq!(Destination::from_arg(None).expect("here"), Destination::Folder(".".into()));
}

#[cfg(unix)]
#[test]
fn only_this_user_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempdir().expect("a folder");
    let bundle = BundleWriter::create(&to(dir.path()), started()).expect("a bundle");
    put(&bundle, layout::note(1), b"x").expect("an entry");
    for file in ls(dir.path()) {
        let mode = fs::metadata(dir.path().join(&file)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(
        ls(dir.path()),
        ["escalation-20261122T154200Z.zip.partial", "escalation-20261122T154200Z.zip.partial.journal"]
    );
    let finished = finish(bundle).expect("a bundle");
    let mode = fs::metadata(finished.path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn other_readers_see_fixed_times_and_modes() {
    let dir = tempdir().expect("a folder");
    let finished = sample(dir.path());
    let mut zip = zip::ZipArchive::new(fs::File::open(&finished.path).expect("a file")).expect("a zip");
    zip.validate_header_consistency().expect("both headers of each entry agree");
    for n in 0..zip.len() {
        let mut entry = zip.by_index(n).expect("an entry");
        assert_eq!(entry.unix_mode(), Some(0o100_644));
        let at = entry.last_modified().expect("a time");
        assert_eq!((at.year(), at.month(), at.hour(), at.minute()), (2026, 11, 15, 42));
        assert!(entry.enclosed_name().expect("a safe name").starts_with(name().as_str()));
        let mut all = Vec::new();
        entry.read_to_end(&mut all).expect("contents with the right checksum");
    }
    assert!(!zip.has_overlapping_files().expect("a zip"));
}

/// Five gigabytes that compress to almost nothing: sizes that need the larger headers.
#[test]
#[ignore = "needs a minute: it writes and reads five gigabytes"]
fn an_entry_of_five_gigabytes_is_written_and_read() {
    let dir = tempdir().expect("a folder");
    let bundle = BundleWriter::create(&to(dir.path()), started()).expect("a bundle");
    let mut entry = bundle.entry(layout::pod_log("c", "n", "p", "x", false)).expect("an entry");
    let block = clean(vec![b'\n'; 1 << 20]);
    for _ in 0..5 * 1024 {
        entry.write(&block).expect("room");
    }
    assert_eq!(entry.finish().expect("room").bytes, 5 << 30);
    put(&bundle, layout::note(1), b"after it").expect("an entry");
    let finished = finish(bundle).expect("a bundle");
    assert!(verify(&finished.path).expect("a bundle").is_sound());
    super::programs::test_with_all(&finished.path);
}

/// How fast entries are taken in, one after the other, on one core.
#[test]
#[ignore = "needs a release build to say anything"]
#[expect(clippy::print_stderr)]
fn throughput() {
    let dir = tempdir().expect("a folder");
    let bundle = BundleWriter::create(&to(dir.path()), started()).expect("a bundle");
    let line = |n: usize| {
        format!(
            "2026-11-22T15:{:02}:{:02}.{:09}Z {{\"time\":\"2026-11-22T15:{:02}:{:02}.{:06}Z\",\"level\":\"INFO\",\
             \"msg\":\"issued X.509-SVID\",\"component\":\"server/agentapi\",\"trust_domain\":\"example.org\",\
             \"spiffe_id\":\"spiffe://example.org/ns/shop-{}/sa/checkout-{}\",\"serial\":\"{:016x}\",\
             \"duration_ms\":{}}}\n",
            n / 60_000 % 60,
            n / 1000 % 60,
            n * 7919 % 1_000_000_000,
            n / 60_000 % 60,
            n / 1000 % 60,
            n * 7919 % 1_000_000,
            n % 41,
            n % 97,
            n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            n * 31 % 450,
        )
    };
    let text: String = (0..200_000).map(line).collect();
    let text = text.as_bytes();
    let chunks: Vec<_> = text.chunks(64 << 10).map(clean).collect();
    let begun = std::time::Instant::now();
    let mut bytes = 0;
    for n in 0..5 {
        let path = layout::pod_log("c", "n", &format!("p{n}"), "x", false);
        let mut entry = bundle.entry(path).expect("an entry");
        chunks.iter().for_each(|chunk| entry.write(chunk).expect("room"));
        bytes += entry.finish().expect("room").bytes;
    }
    let took = begun.elapsed();
    let finished = finish(bundle).expect("a bundle");
    let speed = bytes as f64 / 1e6 / took.as_secs_f64();
    eprintln!("{speed:.0} MB/s, {bytes} bytes to {}", finished.bytes);
}
