//! The design's rooms hold, and nothing was forgotten on the way to a new file.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Rust files under a folder, or the one file, by their path from the root, with their text.
fn sources(room: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(room)];
    while let Some(path) = folders.pop() {
        if path.is_dir() {
            folders.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let name = path.strip_prefix(root()).expect("within").to_string_lossy().replace('\\', "/");
            found.push((name, fs::read_to_string(&path).expect("a file")));
        }
    }
    if found.is_empty() && !room.ends_with(".rs") {
        // A room may be one file.
        return sources(&format!("{room}.rs"));
    }
    found
}

/// Code without its comments and its strings' worth of words: a room may be spoken of, not used.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Whether a word stands in the code by itself.
fn names(text: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    code(text).match_indices(word).any(|(at, _)| {
        let code = code(text);
        !code[..at].ends_with(is_part) && !code[at + word.len()..].starts_with(is_part)
    })
}

#[track_caller]
fn never(rooms: &[&str], words: &[&str]) {
    for room in rooms {
        let files = sources(&format!("src/{room}"));
        assert!(!files.is_empty(), "there is no room {room}");
        for (path, text) in files {
            for word in words {
                assert!(!names(&text, word), "{path} names {word}, which its room never does");
            }
        }
    }
}

#[test]
fn collect_never_names_zip_and_the_bundle_never_kube() {
    never(&["collect", "source", "plan", "cli"], &["zip::"]);
    never(&["bundle"], &["kube", "k8s_openapi"]);
}

#[test]
fn what_is_pure_does_no_io_and_never_asks_for_the_time() {
    let words = ["tokio", "std::fs", "File", "Utc::now", "Local::now", "Instant", "SystemTime", "std::env", "reqwest"];
    never(&["plan", "facts", "report"], &words);
}

#[test]
fn sources_know_nothing_of_redaction_tasks_or_the_bundle() {
    never(&["source"], &["crate::redact", "crate::bundle", "crate::collect"]);
}

#[test]
fn yaml_is_the_only_user_of_serde_yaml() {
    for (path, text) in sources("src") {
        assert!(path == "src/yaml.rs" || !names(&text, "serde_yaml"), "{path} names serde_yaml");
    }
}

#[test]
fn only_get_is_ever_sent() {
    for (path, text) in sources("src") {
        for word in ["Request::post", "Request::put", "Request::patch", "Request::delete", "Method::POST"] {
            assert!(!names(&text, word), "{path} names {word}");
        }
    }
}

#[test]
fn no_file_is_longer_than_500_lines() {
    for room in ["src", "tests"] {
        for (path, text) in sources(room) {
            assert!(text.lines().count() <= 500, "{path} has {} lines", text.lines().count());
        }
    }
}

#[test]
fn every_file_says_what_it_owns() {
    for room in ["src", "tests"] {
        for (path, text) in sources(room) {
            assert!(text.starts_with("//! "), "{path} begins without a word of what it is");
        }
    }
}

/// Files of a folder that its list does not name as modules.
fn forgotten(folder: &str, list: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(list)).expect("the list");
    let listed = |name: &str| {
        ["mod ", "pub mod ", "pub(crate) mod "]
            .iter()
            .any(|before| text.lines().any(|line| line == format!("{before}{name};")))
    };
    let entries = fs::read_dir(root().join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path());
    let modules = entries.filter(|path| path.extension().is_some_and(|end| end == "rs") || path.is_dir());
    let stems = modules.filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    stems.filter(|name| !["mod", "main", "lib"].contains(&name.as_str()) && !listed(name)).collect()
}

#[test]
fn every_test_file_is_listed() {
    let none = BTreeSet::new();
    assert_eq!(forgotten("tests/it", "tests/it/main.rs"), none, "not listed in tests/it/main.rs");
    for name in ["bundle", "cli", "collect", "redact"] {
        let folder = format!("tests/it/{name}");
        if Path::new(&root().join(&folder)).is_dir() {
            assert_eq!(forgotten(&folder, &format!("{folder}.rs")), none, "not listed in {folder}.rs");
        }
    }
    assert_eq!(forgotten("tests/it/support", "tests/it/support/mod.rs"), none);
}

#[test]
fn every_collector_is_listed_called_and_documented() {
    let list = fs::read_to_string(root().join("src/collect/mod.rs")).expect("the list");
    let collectors =
        sources("src/collect").into_iter().filter(|(_, text)| text.contains("pub(super) async fn collect("));
    let mut count = 0;
    for (path, _) in collectors {
        let name = Path::new(&path).file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(
            list.contains(&format!("{name}::collect(site")),
            "{path} is called by nothing: add it to the list in src/collect/mod.rs"
        );
        count += 1;
    }
    assert!(count >= 6, "{count} collectors were found");
    assert_eq!(forgotten("src/collect", "src/collect/mod.rs"), BTreeSet::new());
}

#[test]
fn every_profile_is_embedded_and_asks_for_no_secret() {
    let embedded: BTreeSet<String> =
        kubectl_escalate::profile::embedded().iter().map(|(name, _)| format!("{name}.yaml")).collect();
    let files = fs::read_dir(root().join("profiles"))
        .expect("the profiles")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    assert_eq!(files.filter(|name| name.ends_with(".yaml")).collect::<BTreeSet<_>>(), embedded);
    for (name, text) in kubectl_escalate::profile::embedded() {
        assert!(!text.contains("resource: secrets"), "{name}");
    }
}
