//! What other people's programs make of a bundle. They are Debian's packages unzip, p7zip-full,
//! libarchive-tools and python3.

use super::{name, sample};
use crate::support::needs;
use std::{fs, path::Path, process::Command};
use tempfile::tempdir;

const PROGRAMS: [(&str, &str, &[&str]); 4] = [
    ("unzip", "unzip", &["-tq"]),
    ("7z", "p7zip-full", &["t", "-bd"]),
    ("bsdtar", "libarchive-tools", &["-tf"]),
    ("python3", "python3", &["-m", "zipfile", "-t"]),
];

fn are_there() -> bool {
    needs::programs(&PROGRAMS.map(|(program, package, _)| (program, package)))
}

fn run(program: &str, args: &[&str], bundle: &Path, inside: &Path) -> String {
    let mut command = Command::new(program);
    command.args(args).arg(bundle).current_dir(inside);
    let out = command.output().unwrap_or_else(|e| panic!("cannot run {program}: {e}"));
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{program} {args:?} did not like it:\n{text}");
    text
}

/// Has every program test the whole bundle.
pub(super) fn test_with_all(bundle: &Path) {
    if !are_there() {
        return;
    }
    for (program, _, args) in PROGRAMS {
        let text = run(program, args, bundle, Path::new("."));
        let text = text.to_lowercase().replace("no errors", "");
        assert!(!text.contains("warning") && !text.contains("error"), "{program}: {text}");
    }
}

#[test]
fn all_of_them_accept_it() {
    let dir = tempdir().expect("a folder");
    test_with_all(&sample(dir.path()).path);
}

#[test]
fn all_of_them_unpack_the_same() {
    if !are_there() {
        return;
    }
    let dir = tempdir().expect("a folder");
    let bundle = sample(dir.path()).path;
    let mut first: Option<Vec<(String, Vec<u8>)>> = None;
    let unpack: [(&str, &[&str]); 3] = [("unzip", &["-q"]), ("7z", &["x", "-bd"]), ("bsdtar", &["-xf"])];
    for (program, args) in unpack {
        let out = tempdir().expect("a folder");
        run(program, args, &bundle, out.path());
        let mut files = Vec::new();
        collect(&out.path().join(name().as_str()), "", &mut files);
        files.sort();
        assert_eq!(files.len(), 9, "{program}");
        assert!(files == *first.get_or_insert(files.clone()), "{program} has other contents");
    }
}

#[test]
fn all_of_them_accept_what_was_salvaged() {
    let dir = tempdir().expect("a folder");
    let salvaged = super::salvage::salvaged_sample(dir.path());
    test_with_all(&salvaged.finished.path);
}

#[test]
fn all_of_them_accept_a_smaller_copy() {
    let dir = tempdir().expect("a folder");
    test_with_all(&super::fit::copied_sample(dir.path()));
}

fn collect(folder: &Path, under: &str, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("the bundle's folder") {
        let entry = entry.expect("an entry");
        let path = format!("{under}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().expect("a type").is_dir() {
            collect(&entry.path(), &path, files);
        } else {
            files.push((path, fs::read(entry.path()).expect("a file")));
        }
    }
}
