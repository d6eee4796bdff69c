//! Owns the reading of a bundle as its receiver would: other people's programs, the manifest as
//! plain JSON, hashes worked out anew.

use crate::tool::program_text;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use tempfile::TempDir;

/// A bundle, all of it in memory.
pub(crate) struct Bundle {
    pub(crate) path: PathBuf,
    pub(crate) manifest: Value,
    /// Contents by path inside the bundle's folder.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Keeps the file for as long as this is needed.
    _folder: Option<Arc<TempDir>>,
}

impl Bundle {
    pub(crate) fn open(path: &Path) -> Self {
        let mut zip = zip::ZipArchive::new(File::open(path).expect("the bundle")).expect("a zip");
        let mut files = BTreeMap::new();
        for at in 0..zip.len() {
            let mut entry = zip.by_index(at).expect("an entry");
            let name = entry.name().expect("a name").split_once('/').expect("all is in one folder").1.to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("whole entries");
            assert!(files.insert(name.clone(), bytes).is_none(), "{name} is there twice");
        }
        let manifest = serde_json::from_slice(&files["manifest.json"]).expect("a manifest");
        Self { path: path.to_owned(), manifest, files, _folder: None }
    }

    /// Keeps the folder that it lies in.
    pub(crate) fn within(self, folder: Arc<TempDir>) -> Self {
        Self { _folder: Some(folder), ..self }
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = &Value> {
        self.manifest["tasks"].as_array().expect("tasks").iter()
    }

    /// The tasks of a kind of evidence, as people name it and what became of it.
    pub(crate) fn outcomes(&self, kinds: &[&str]) -> Vec<(String, String)> {
        let of_kind = self.tasks().filter(|task| kinds.contains(&text(&task["kind"])));
        of_kind.map(|task| (text(&task["target"]).to_owned(), text(&task["outcome"]).to_owned())).collect()
    }

    pub(crate) fn with_outcome<'a>(&'a self, outcome: &'a str) -> impl Iterator<Item = &'a Value> {
        self.tasks().filter(move |task| task["outcome"] == outcome)
    }

    /// The one file whose path ends so.
    pub(crate) fn file(&self, ending: &str) -> &[u8] {
        self.find(ending).unwrap_or_else(|| panic!("no file ends in {ending}; there are: {:#?}", self.files.keys()))
    }

    pub(crate) fn find(&self, ending: &str) -> Option<&[u8]> {
        let mut found = self.files.iter().filter(|(path, _)| path.ends_with(ending));
        let first = found.next()?;
        assert!(found.next().is_none(), "several files end in {ending}");
        Some(first.1)
    }

    pub(crate) fn text(&self, ending: &str) -> &str {
        std::str::from_utf8(self.file(ending)).expect("UTF-8")
    }

    /// The manifest's record of the one file whose path ends so.
    pub(crate) fn record(&self, ending: &str) -> &Value {
        let entries = self.manifest["entries"].as_array().expect("entries");
        let found = entries.iter().find(|entry| text(&entry["path"]).ends_with(ending));
        found.unwrap_or_else(|| panic!("the manifest has no entry that ends in {ending}"))
    }

    /// Panics unless this is a sound bundle in every respect that does not depend on what is in it.
    pub(crate) fn assert_sound(&self) {
        other_programs_accept(&self.path);
        self.hashes_hold();
        self.tasks_are_settled();
        self.the_window_is_accounted_for();
        self.checklist_is_everywhere();
        program_text(&["verify", &self.path.to_string_lossy()]);
    }

    fn hashes_hold(&self) {
        let mut named = BTreeSet::from(["manifest.json".to_owned()]);
        for entry in self.manifest["entries"].as_array().expect("entries") {
            let path = text(&entry["path"]);
            let bytes = self.files.get(path).unwrap_or_else(|| panic!("{path} is in the manifest only"));
            assert_eq!(entry["bytes"], bytes.len(), "size of {path}");
            let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(entry["sha256"], sum, "hash of {path}");
            assert!(named.insert(path.to_owned()), "{path} is in the manifest twice");
        }
        assert_eq!(named, self.files.keys().cloned().collect(), "files in the manifest, and in the zip");
    }

    /// Every task has one outcome that fits what is there, and every file one task.
    fn tasks_are_settled(&self) {
        let mut ids = BTreeSet::new();
        for task in self.tasks() {
            let (id, outcome) = (text(&task["id"]), text(&task["outcome"]));
            assert!(ids.insert(id), "{id} is there twice");
            let files: Vec<&str> = task["entries"].as_array().into_iter().flatten().map(text).collect();
            for file in &files {
                assert_eq!(self.record(file)["task"], id, "the task of {file}");
            }
            match outcome {
                "collected" => assert!(
                    !files.is_empty() || ["version", "discovery"].contains(&text(&task["kind"])),
                    "{id} has no file: {task:#}"
                ),
                // The list of what there is none of is a file, too.
                "empty" | "truncated" => {}
                "absent" | "forbidden" | "skipped" | "timed-out" | "failed" | "cancelled" => {
                    assert!(!task["causes"].as_array().expect("causes").is_empty(), "{id} does not say why: {task:#}");
                    assert!(outcome != "absent" || files.is_empty(), "{id} is absent, with files");
                }
                other => panic!("{id}: there is no outcome {other}"),
            }
        }
        for entry in self.manifest["entries"].as_array().expect("entries") {
            let (path, task) = (text(&entry["path"]), text(&entry["task"]));
            let of_task = |held: &&Value| held["id"] == task;
            let owner = self.tasks().find(of_task);
            let is_owned = owner
                .is_some_and(|owner| owner["entries"].as_array().is_some_and(|files| files.contains(&entry["path"])));
            // Of the program's own making, or the user's.
            let is_no_evidence =
                task.is_empty() && (entry["source"] == "kubectl-escalate" || path.starts_with("notes/"));
            assert!(is_owned || is_no_evidence, "{path} is no task's");
        }
    }

    /// Of every container, and of every entry with coverage, what is covered and what is not are
    /// exactly the window.
    fn the_window_is_accounted_for(&self) {
        let time = |value: &Value| text(value).parse::<DateTime<Utc>>().expect("a time");
        let window = (time(&self.manifest["window_start"]), time(&self.manifest["window_end"]));
        let check = |what: &str, coverage: &Value| {
            let parts = ["covered", "gaps"].map(|list| coverage[list].as_array().expect("a list"));
            let bounds = |part: &Value| (time(&part["from"]), time(&part["to"]));
            let mut parts: Vec<_> = parts.into_iter().flatten().map(bounds).collect();
            parts.sort();
            let ends = parts.first().zip(parts.last()).map(|(first, last)| (first.0, last.1));
            assert_eq!(ends, Some(window), "{what}: {coverage:#}");
            assert!(parts.windows(2).all(|pair| pair[0].1 == pair[1].0), "{what}: {coverage:#}");
            let missing = coverage["gaps"].as_array().expect("gaps").iter().any(|gap| gap["missing"] == true);
            assert_eq!(coverage["complete"], !missing, "{what}: {coverage:#}");
        };
        let entries = self.manifest["entries"].as_array().expect("entries").iter();
        entries
            .filter(|entry| !entry["coverage"].is_null())
            .for_each(|entry| check(text(&entry["path"]), &entry["coverage"]));
        let containers = self.manifest["containers"].as_array().into_iter().flatten();
        let mut known = BTreeSet::new();
        for container in containers {
            let name = ["pod", "container"].map(|part| text(&container[part])).join("/");
            check(&name, container);
            known.insert(name);
        }
        for task in self.tasks().filter(|task| task["kind"] == "log") {
            let name = text(&task["target"]).trim_start_matches("log of ");
            assert!(known.contains(name), "{name} is in no container's coverage");
        }
    }

    /// The only container's coverage.
    pub(crate) fn container(&self) -> &Value {
        match self.manifest["containers"].as_array().map(Vec::as_slice) {
            Some([one]) => one,
            other => panic!("one container, not {other:#?}"),
        }
    }

    fn checklist_is_everywhere(&self) {
        let items = self.manifest["checklist"].as_array().expect("a checklist");
        let ids: Vec<&str> = items.iter().map(|item| text(&item["id"])).collect();
        assert_eq!(ids, ["logs", "metrics", "identity", "priority"]);
        let readme = self.text("README.txt");
        for item in items {
            assert!(readme.contains(text(&item["text"])), "README.txt lacks {}", item["text"]);
        }
    }
}

/// A string, or nothing where there is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The four programs that open a zip almost everywhere.
pub(crate) fn other_programs_accept(bundle: &Path) {
    let python = "import sys, zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip())";
    let programs: [(&str, &[&str]); 4] =
        [("unzip", &["-tq"]), ("7z", &["t", "-bd"]), ("bsdtar", &["-tf"]), ("python3", &["-c", python])];
    for (program, args) in programs {
        let done = Command::new(program)
            .args(args)
            .arg(bundle)
            .output()
            .unwrap_or_else(|why| panic!("{program} must be there: {why}"));
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(
            done.status.success() && !said.contains("warning"),
            "{program} does not accept {}: {said}",
            bundle.display()
        );
    }
}
