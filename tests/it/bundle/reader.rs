//! Reading what somebody else sent: whole, newer, damaged and malicious.

use super::{log, sample};
use kubectl_escalate::bundle::{BundleError, BundleReader, Problem, layout, verify};
use proptest::prelude::*;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};
use tempfile::tempdir;
use zip::{
    CompressionMethod,
    write::{SimpleFileOptions, ZipWriter},
};

const MANIFEST: &str = r#"{"format":1,"window_start":"2026-11-22T15:42:00Z",
    "window_end":"2026-11-22T15:42:00Z","started":"2026-11-22T15:42:00Z","complete":true,
    "ended":"finished"}"#;

/// A zip as any other program would make it.
fn zip(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("b.zip");
    let mut zip = ZipWriter::new(fs::File::create(&path).expect("a file"));
    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, contents) in files {
        let squeeze = contents.len() > 100;
        let deflated = plain.compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, if squeeze { deflated } else { plain }).expect("an entry");
        zip.write_all(contents).expect("room");
    }
    zip.finish().expect("a zip");
    path
}

fn refused(path: &Path) -> String {
    let error = BundleReader::open(path).expect_err("no bundle");
    let text = error.to_string();
    assert!(text.contains("b.zip"), "{text}");
    text
}

#[test]
fn a_bundle_zipped_again_by_another_program_is_one_still() {
    let dir = tempdir().expect("a folder");
    let manifest = MANIFEST.as_bytes();
    let path = zip(dir.path(), &[("x/manifest.json", manifest), ("x/notes/1.txt", b"hello"), ("__MACOSX/x/._1", b"")]);
    let reader = BundleReader::open(&path).expect("a bundle");
    assert_eq!(reader.folder(), "x");
    assert_eq!(reader.read("notes/1.txt", 10).expect("contents"), b"hello");
    let unnamed = Problem::Unnamed { path: "notes/1.txt".into() };
    assert_eq!(verify(&path).expect("a bundle").problems, [unnamed]);
}

#[test]
fn what_is_no_bundle_is_refused_with_a_reason() {
    let dir = tempdir().expect("a folder");
    let at = dir.path();
    let m = MANIFEST.as_bytes();
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let cases: [(Files<'_>, &str); 9] = [
        (&[], "empty"),
        (&[("x/a", b"")], "no manifest.json"),
        (&[("x/manifest.json", m), ("y/a", b"")], "more than one folder"),
        (&[("x/manifest.json", m), ("x/../../a", b"")], "which no bundle has"),
        (&[("x/manifest.json", m), ("/etc/passwd", b"")], "which no bundle has"),
        (&[("x/manifest.json", m), ("x/a\\b", b"")], "which no bundle has"),
        (&[("x/manifest.json", m), ("x/c:a", b"")], "which no bundle has"),
        (&[("manifest.json", m)], "which no bundle has"),
        (&[("x/manifest.json", b"{}")], "does not say which format"),
    ];
    for (files, why) in cases {
        let text = refused(&zip(at, files));
        assert!(text.contains(why), "{text}");
    }
    fs::write(at.join("b.zip"), "no zip at all").expect("a file");
    assert!(refused(&at.join("b.zip")).contains("not a complete zip"));
    let error = BundleReader::open(&at.join("missing.zip")).expect_err("nothing").to_string();
    assert!(error.contains("missing.zip"), "{error}");
}

#[test]
fn a_later_format_is_named() {
    let dir = tempdir().expect("a folder");
    let path = zip(dir.path(), &[("x/manifest.json", br#"{"format":7,"entries":{}}"#)]);
    let error = BundleReader::open(&path).expect_err("too new");
    assert!(matches!(error, BundleError::Newer { format: 7, known: 1, .. }));
    assert!(error.to_string().contains("use a newer version"), "{error}");
}

#[test]
fn limits_are_kept() {
    let dir = tempdir().expect("a folder");
    let zeros = vec![0; 5 << 20];
    let path = zip(dir.path(), &[("x/manifest.json", MANIFEST.as_bytes()), ("x/z", &zeros)]);
    let reader = BundleReader::open(&path).expect("a bundle");
    let error = reader.read("z", 1 << 20).expect_err("too large");
    assert!(matches!(error, BundleError::TooLarge { limit: 1_048_576, .. }), "{error}");
    assert_eq!(reader.read("z", 5 << 20).expect("contents").len(), 5 << 20);
    assert!(matches!(reader.read("y", 1), Err(BundleError::Missing { .. })));

    // A size that lies: declared as one byte, or as more than deflate could ever make.
    let whole = fs::read(&path).expect("a file");
    let size = (5_u32 << 20).to_le_bytes();
    for (lie, why) in [(1_u32, "longer than declared"), (u32::MAX - 1, "not one that this program")] {
        let mut bytes = whole.clone();
        while let Some(at) = bytes.windows(4).position(|w| w == size) {
            bytes[at..at + 4].copy_from_slice(&lie.to_le_bytes());
        }
        fs::write(&path, &bytes).expect("a file");
        let error = match BundleReader::open(&path) {
            Ok(reader) => reader.read("z", 1 << 40).expect_err("a lie").to_string(),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn entries_that_overlap_are_refused() {
    let dir = tempdir().expect("a folder");
    let text = log(2000);
    let path = zip(dir.path(), &[("x/manifest.json", MANIFEST.as_bytes()), ("x/a", &text), ("x/b", &text)]);
    let mut bytes = fs::read(&path).expect("a file");
    // The directory's record of the last entry gets the place of the one before it.
    let records: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, w)| *w == b"PK\x01\x02").map(|(at, _)| at).collect();
    let place = bytes[records[1] + 42..records[1] + 46].to_vec();
    bytes[records[2] + 42..records[2] + 46].copy_from_slice(&place);
    fs::write(&path, &bytes).expect("a file");
    assert!(refused(&path).contains("overlap"));
}

#[test]
fn every_flipped_byte_of_an_entry_is_noticed() {
    let dir = tempdir().expect("a folder");
    let path = sample(dir.path()).path;
    let whole = fs::read(&path).expect("a file");
    let reader = BundleReader::open(&path).expect("a bundle");
    let first = reader.manifest().entries.len();
    assert_eq!(first, 8);
    let mut noticed = 0;
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&path, &bytes).expect("a file");
        let sound = verify(&path).is_ok_and(|report| report.is_sound());
        // Padding and times may change unseen; contents never.
        noticed += usize::from(!sound);
    }
    assert!(noticed >= 55, "{noticed}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damage_anywhere_is_an_error_and_no_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let dir = tempdir().expect("a folder");
        let text = log(30);
        let files: [(&str, &[u8]); 2] =
            [("x/manifest.json", MANIFEST.as_bytes()), ("x/a", &text)];
        let path = zip(dir.path(), &files);
        let mut bytes = fs::read(&path).expect("a file");
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        fs::write(&path, &bytes).expect("a file");
        let _ = verify(&path);
        let _ = kubectl_escalate::bundle::salvage(&path, &super::to(dir.path()));
    }
}

#[test]
fn a_path_is_found_by_its_names() {
    let dir = tempdir().expect("a folder");
    let reader = BundleReader::open(&sample(dir.path()).path).expect("a bundle");
    let path = layout::object_yaml("prod", None, "clusterroles", "system:node");
    let found = reader.find(&path).expect("an entry");
    assert_eq!(reader.read(found, 100).expect("contents"), b"kind: x\n");
    assert!(reader.find(&layout::note(9)).is_none());
}
