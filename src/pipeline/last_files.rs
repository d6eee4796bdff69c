//! Owns the files that say what is in a bundle: facts, findings, reports, README.txt, each cluster's file, and the
//! manifest.
//!
//! Each is made independently of the others: a panic costs only that file, and the manifest names it. If the manifest
//! itself fails, a minimal one is written, which only lists the files.

use super::lost::{self, Lost};
use crate::{
    bundle::{
        EntryPath, EntryRecord, FinalPaths, Manifest, QueryRecord, WrittenEntries, facts::Facts, findings::Findings,
        layout, remark_of_lost,
    },
    facts::queries,
    plan::Request,
    redact::{Clean, Redactor},
    report::{self, Series},
};
use chrono::{DateTime, Utc};

/// What the last files are made from.
pub(super) struct Sources<'a> {
    pub(super) request: &'a Request,
    pub(super) started: DateTime<Utc>,
    /// None when they could not be made.
    pub(super) facts: Option<&'a Facts>,
    /// None when they could not be made.
    pub(super) findings: Option<&'a Findings>,
    /// The answers of the Prometheus are read from here.
    pub(super) so_far: &'a WrittenEntries,
    pub(super) paths: &'a FinalPaths,
    pub(super) redactor: &'a Redactor,
}

/// The last files, the manifest last of all. Adds the records of the others to `manifest`, and what is lost.
pub(super) fn last_files(manifest: &mut Manifest, of: &Sources<'_>, lost: &mut Lost) -> Vec<(EntryPath, Clean)> {
    let redactor = of.redactor;
    let mut files = Files { lost, made: Vec::new() };
    for cluster in &manifest.clusters {
        files.add(layout::cluster_json(&cluster.name), || Some(redactor.pretty_json(cluster)));
        if cluster.error.is_none() {
            files.add(layout::queries_text(&cluster.name), || {
                let asked = queries::text(of.request, &manifest.identity, cluster, &manifest.queries, of.started);
                asked.map(|text| redactor.text(text.as_bytes()).0)
            });
        }
    }
    // For programs, and the largest of these: without blanks it is scanned in half the time.
    files.add(layout::facts(), || of.facts.map(|facts| redactor.json(facts)));
    files.add(layout::findings(), || of.findings.map(|findings| redactor.pretty_json(findings)));
    let both = of.findings.zip(of.facts);
    files.add(layout::report_html(), || {
        let (findings, facts) = both?;
        let page = report::page(manifest, findings, facts, &curves(manifest, of.so_far));
        Some(redactor.page(&page).0)
    });
    files.add(layout::report_md(), || {
        let (findings, facts) = both?;
        Some(redactor.text(report::markdown(manifest, findings, facts).as_bytes()).0)
    });
    // README.txt shows the remarks.
    files.lost.tell(manifest);
    files.add(layout::readme(), || Some(redactor.text(report::readme(manifest).as_bytes()).0));
    files.finish(manifest, of.paths, |manifest| redactor.pretty_json(manifest))
}

/// The last files as far as they are made.
struct Files<'a> {
    lost: &'a mut Lost,
    made: Vec<(EntryPath, Clean)>,
}

impl Files<'_> {
    /// Makes a file, unless there is nothing to make it of.
    fn add(&mut self, path: EntryPath, make: impl FnOnce() -> Option<Clean>) {
        let made = self.lost.run(path.as_str(), make).flatten();
        self.made.extend(made.map(|clean| (path, clean)));
    }

    /// Adds their records and what is lost to the manifest, and makes that with `make`.
    fn finish(
        mut self,
        manifest: &mut Manifest,
        paths: &FinalPaths,
        make: impl Fn(&Manifest) -> Clean,
    ) -> Vec<(EntryPath, Clean)> {
        for (path, clean) in &self.made {
            let mut record = paths.measure(path, clean);
            env!("CARGO_PKG_NAME").clone_into(&mut record.source);
            manifest.entries.push(record);
        }
        manifest.entries.sort_by(|one, other| one.path.cmp(&other.path));
        self.lost.tell(manifest);
        let whole = self.lost.run(lost::MANIFEST, || make(manifest));
        let text = whole.unwrap_or_else(|| {
            *manifest = minimal(manifest, paths.records());
            for (path, clean) in &self.made {
                manifest.entries.push(paths.measure(path, clean));
            }
            manifest.entries.sort_by(|one, other| one.path.cmp(&other.path));
            self.lost.tell(manifest);
            make(manifest)
        });
        self.made.push((layout::manifest(), text));
        self.made
    }
}

/// A manifest that states only when the run took place, how it ended, and which files there are.
pub(super) fn minimal(known: &Manifest, entries: Vec<EntryRecord>) -> Manifest {
    Manifest {
        tool: env!("CARGO_PKG_NAME").to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        finished: known.finished,
        ended: known.ended,
        redaction_key_id: known.redaction_key_id.clone(),
        remarks: known.lost.iter().map(|stage| remark_of_lost(stage)).collect(),
        lost: known.lost.clone(),
        entries,
        ..Manifest::new(known.started, known.window_start, known.window_end)
    }
}

/// The curves of the answers that are in the bundle.
fn curves(manifest: &Manifest, so_far: &WrittenEntries) -> Vec<Series> {
    let of = |query: &QueryRecord| {
        let path = layout::query(&query.cluster, &query.id);
        so_far.size(path.as_str()).filter(|bytes| *bytes <= report::ANSWER_BYTES)?;
        Some(report::series(query, so_far.open_entry(path.as_str()).ok()?))
    };
    manifest.queries.iter().filter_map(of).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bundle::{BundleName, BundleReader, BundleWriter, Destination, Ended, verify},
        redact::Key,
    };
    use tempfile::TempDir;

    fn text(text: &str) -> Clean {
        Redactor::new(&Key::random()).text(text.as_bytes()).0
    }

    /// A bundle of one note, whose last files `add` makes.
    fn bundle(folder: &TempDir, add: impl FnOnce(&mut Files<'_>), make: impl Fn(&Manifest) -> Clean) -> BundleReader {
        let at = DateTime::UNIX_EPOCH;
        let bundle = BundleWriter::create(&Destination::Folder(folder.path().to_owned()), at).expect("a bundle");
        let mut note = bundle.entry(layout::note(1)).expect("an entry");
        note.write(&text("what the user said")).expect("room");
        note.finish().expect("room");
        let finished = bundle.finish(&BundleName::provisional(at), |paths| {
            let mut manifest = Manifest::new(at, at, at);
            manifest.complete = true;
            manifest.ended = Ended::Finished;
            manifest.entries = paths.records();
            manifest.remarks.push("as before".to_owned());
            let mut lost = Lost::default();
            let mut files = Files { lost: &mut lost, made: Vec::new() };
            add(&mut files);
            files.finish(&mut manifest, paths, make)
        });
        let finished = finished.expect("a bundle");
        let report = verify(&finished.path).expect("a bundle");
        assert!(report.is_sound(), "{:?}", report.problems);
        BundleReader::open(&finished.path).expect("a bundle")
    }

    fn whole(manifest: &Manifest) -> Clean {
        Redactor::new(&Key::random()).pretty_json(manifest)
    }

    #[test]
    fn a_panic_costs_one_file_and_the_manifest_names_it() {
        let all = [layout::facts(), layout::findings(), layout::report_html(), layout::report_md(), layout::readme()];
        for broken in &all {
            let folder = tempfile::tempdir().expect("a folder");
            let add = |files: &mut Files<'_>| {
                for path in &all {
                    let make = || if path == broken { panic!("a secret") } else { Some(text("made")) };
                    files.add(path.clone(), make);
                }
            };
            let reader = bundle(&folder, add, whole);
            for path in &all {
                assert_eq!(reader.info(path.as_str()).is_some(), path != broken, "{path} without {broken}");
            }
            let manifest = reader.manifest();
            assert!(manifest.complete && manifest.remarks.len() == 2, "{:?}", manifest.remarks);
            assert_eq!(manifest.lost, [broken.as_str()]);
            assert_eq!(manifest.remarks[1], remark_of_lost(broken.as_str()));
        }
    }

    #[test]
    fn without_its_manifest_a_bundle_has_one_that_names_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let make = |manifest: &Manifest| {
            assert!(manifest.remarks.first().is_none_or(|remark| remark != "as before"), "cannot be made");
            whole(manifest)
        };
        let add = |files: &mut Files<'_>| {
            files.add(layout::facts(), || panic!("a secret"));
            files.add(layout::readme(), || Some(text("made")));
        };
        let reader = bundle(&folder, add, make);
        let manifest = reader.manifest();
        assert!(!manifest.complete && manifest.ended == Ended::Finished);
        let paths: Vec<&str> = manifest.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["README.txt", "notes/1.txt"]);
        assert_eq!(manifest.lost, ["facts.json", lost::MANIFEST]);
        assert_eq!(manifest.remarks, manifest.lost.iter().map(|stage| remark_of_lost(stage)).collect::<Vec<_>>());
    }
}
