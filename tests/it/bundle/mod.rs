//! The bundle: written, finished, broken, salvaged and read.

use chrono::{DateTime, Utc};
use kubectl_escalate::{
    bundle::{
        BundleError, BundleName, BundleWriter, Destination, Ended, EntryPath, FinalPaths, Finished, Manifest, NamePart,
        Written, layout,
    },
    redact::{Clean, Key, Redactor},
};
use std::{path::Path, sync::LazyLock};

mod faults;
mod fit;
mod fit_odd;
mod fit_random;
mod fit_speed;
mod fit_support;
mod paths;
mod programs;
mod reader;
mod salvage;
mod schema;
mod writer;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&Key::random()));

/// Bytes as the redactor hands them on. What the tests write has nothing to redact.
fn clean(bytes: impl AsRef<[u8]>) -> Clean {
    REDACTOR.text(bytes.as_ref()).0
}

fn started() -> DateTime<Utc> {
    "2026-11-22T15:42:00Z".parse().expect("a time")
}

fn to(folder: &Path) -> Destination {
    Destination::Folder(folder.to_owned())
}

fn name() -> BundleName {
    let domain = NamePart::Known("example.org".into());
    BundleName::new(&domain, &NamePart::Known("eu-west-1".into()), started())
}

/// A log: lines that look like a server's, `n` of them, never the same twice.
fn log(n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut noise = Noise(n as u64 + 1);
    for i in 0..n {
        let (id, ms) = (noise.next(), noise.next() % 5_000);
        let line = format!(
            "2026-11-22T15:{:02}:{:02}.{:09}Z {{\"level\":\"info\",\"msg\":\"signed an SVID\",\
             \"request\":\"{id:016x}\",\"elapsed_ms\":{ms},\"agent\":\"node-{}\"}}\n",
            i / 60 % 60,
            i % 60,
            id % 1_000_000_000,
            id % 97,
        );
        out.extend_from_slice(line.as_bytes());
    }
    out
}

/// Bytes that do not compress.
fn dense(bytes: usize) -> Vec<u8> {
    let mut noise = Noise(bytes as u64);
    (0..bytes.div_ceil(7)).flat_map(|_| noise.next().to_le_bytes()[..7].to_owned()).take(bytes).collect()
}

/// Numbers that look like chance and are not.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }
}

fn put(bundle: &BundleWriter, path: EntryPath, bytes: &[u8]) -> Result<Written, BundleError> {
    let mut entry = bundle.entry(path)?;
    for chunk in bytes.chunks(50_000) {
        entry.write(&clean(chunk))?;
    }
    entry.finish()
}

/// README.txt and the manifest, as the collector makes them.
fn last(settled: &FinalPaths) -> Vec<(EntryPath, Clean)> {
    let mut manifest = Manifest::new(started(), started(), started());
    manifest.trust_domain = Some("example.org".into());
    manifest.complete = true;
    manifest.ended = Ended::Finished;
    let readme = clean(format!("In {}.\n", settled.name()));
    manifest.entries = settled.records();
    manifest.entries.push(settled.measure(&layout::readme(), &readme));
    let lost = settled.dropped().iter().map(|w| format!("Lost: {}", w.path));
    manifest.remarks.extend(lost);
    let manifest = clean(manifest.to_json().expect("JSON"));
    vec![(layout::readme(), readme), (layout::manifest(), manifest)]
}

fn finish(bundle: BundleWriter) -> Result<Finished, BundleError> {
    bundle.finish(&name(), last)
}

/// A bundle with a little of everything.
fn sample(folder: &Path) -> Finished {
    let bundle = BundleWriter::create(&to(folder), started()).expect("a bundle");
    for n in 0..5 {
        let pod = format!("server-{n}");
        put(&bundle, layout::pod_log("prod", "spirl", &pod, "server", false), &log(n * 300)).expect("an entry");
    }
    put(&bundle, layout::pod_log("prod", "spirl", "dense", "c", true), &dense(3 << 20)).expect("a spooled entry");
    put(&bundle, layout::object_yaml("prod", None, "clusterroles", "system:node"), b"kind: x\n").expect("an entry");
    finish(bundle).expect("a finished bundle")
}

/// Names in a folder.
fn ls(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
