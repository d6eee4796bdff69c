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

/// The words and signs of Rust code with their lines. Comments and literals are left out: a room may be
/// spoken of, not used.
fn tokens(text: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    let (mut line, mut rest) = (1, text);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|part: char| !part.is_alphanumeric() && part != '_').unwrap_or(rest.len());
        let (prefix, behind) = rest.split_at(word);
        let raw = behind.trim_start_matches('#');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            2 + comment.find("*/").expect("an end") + 2
        } else if matches!(prefix, "r" | "br" | "cr") && raw.starts_with('"') {
            let end = format!("\"{}", "#".repeat(behind.len() - raw.len()));
            let start = rest.len() - raw.len() + 1;
            start + rest[start..].find(&end).expect("an end") + end.len()
        } else if matches!(prefix, "" | "b" | "c") && behind.starts_with('"') {
            word + literal(behind, '"')
        } else if matches!(prefix, "" | "b") && behind.starts_with('\'') {
            // A lifetime has no second quote, or not where a character has it.
            let is_character = behind[1..].starts_with('\\') || behind.chars().nth(2) == Some('\'');
            word + if is_character { literal(behind, '\'') } else { 1 }
        } else {
            let sign = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            let length = if word > 0 { word } else { sign };
            tokens.extend((!first.is_whitespace()).then_some((line, &rest[..length])));
            length
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of the literal that `text` begins with.
fn literal(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, part)| {
        let ends = *part == quote && !escaped;
        escaped = *part == '\\' && !escaped;
        ends
    });
    end.expect("an end").0 + 1
}

/// A path that code names, in full.
struct Named {
    line: usize,
    parts: Vec<String>,
    /// By `use`, so that a word alone is a path.
    imported: bool,
}

/// Finds the paths in one file: trees of `use` are taken apart, `self` and `super` written out.
struct Paths<'a> {
    tokens: Vec<(usize, &'a str)>,
    at: usize,
    /// The module that `at` is in.
    module: Vec<String>,
    found: Vec<Named>,
}

impl<'a> Paths<'a> {
    fn of(path: &str, text: &'a str) -> Vec<Named> {
        let parts = path.trim_start_matches("src/").trim_end_matches(".rs").split('/');
        let parts = parts.filter(|part| !["mod", "lib", "main"].contains(part));
        let module = ["crate"].into_iter().chain(parts).map(str::to_owned).collect();
        let mut paths = Self { tokens: tokens(text), at: 0, module, found: Vec::new() };
        paths.read();
        paths.found
    }

    /// The token that is so many ahead.
    fn token(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |(_, token)| token)
    }

    /// The token that is so many behind.
    fn before(&self, behind: usize) -> &'a str {
        self.at.checked_sub(behind).map_or("", |at| self.tokens[at].1)
    }

    fn read(&mut self) {
        // Of each open brace, whether it is a module's.
        let mut open = Vec::new();
        while self.at < self.tokens.len() {
            let token = self.token(0);
            // A field or a method, unless the dot is a range's.
            let is_member = self.before(1) == "." && self.before(2) != ".";
            let is_import = token == "use" || token == "crate" && self.before(1) == "extern";
            if is_word(token) && !is_member {
                self.at += usize::from(is_import);
                self.tree(Vec::new(), is_import);
                continue;
            }
            if token == "{" {
                let is_module = self.before(2) == "mod";
                self.module.extend(is_module.then(|| self.before(1).to_owned()));
                open.push(is_module);
            } else if token == "}" && open.pop() == Some(true) {
                self.module.pop();
            }
            self.at += 1;
        }
    }

    /// The paths from here on, all of which begin with `parts`.
    fn tree(&mut self, mut parts: Vec<String>, imported: bool) {
        let line = self.tokens.get(self.at).map_or(0, |(line, _)| *line);
        self.at += usize::from(self.token(0) == "::");
        if imported && self.token(0) == "{" {
            self.at += 1;
            while !matches!(self.token(0), "}" | "") {
                self.tree(parts.clone(), true);
                self.at += usize::from(self.token(0) != "}");
            }
            self.at += 1;
            return;
        }
        let word = self.token(0);
        if !is_word(word) && word != "*" {
            return;
        }
        match word {
            "crate" | "kubectl_escalate" if parts.is_empty() => parts.push("crate".to_owned()),
            "self" if parts.is_empty() => parts.clone_from(&self.module),
            "self" => {}
            "super" if parts.is_empty() => parts.extend_from_slice(&self.module[..self.module.len() - 1]),
            "super" => _ = parts.pop(),
            _ => parts.push(word.to_owned()),
        }
        self.at += 1;
        let follows = self.token(0) == "::" && (is_word(self.token(1)) || imported);
        if follows {
            return self.tree(parts, imported);
        }
        if imported && self.token(0) == "as" {
            self.at += 2;
        }
        self.found.push(Named { line, parts, imported });
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

impl Named {
    /// Whether this is what a rule speaks of: `::zip` and `crate::redact` are where a path begins,
    /// `Utc::now` is anywhere in one.
    fn is(&self, word: &str) -> bool {
        let wanted: Vec<_> = word.trim_start_matches("::").split("::").collect();
        if !word.starts_with("::") && wanted[0] != "crate" {
            return self.parts.windows(wanted.len()).any(|parts| parts == wanted);
        }
        // A word alone may be a variable, and a glob brings all with it.
        let all = self.parts.last().is_some_and(|last| last == "*");
        let shown = &self.parts[..self.parts.len() - usize::from(all)];
        (self.imported || self.parts.len() > 1)
            && (shown.iter().take(wanted.len()).eq(&wanted) || all && wanted.iter().take(shown.len()).eq(shown))
    }
}

/// Where a file names one of these.
fn faults(path: &str, text: &str, words: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for named in Paths::of(path, text) {
        let broken = words.iter().filter(|word| named.is(word));
        faults.extend(broken.map(|word| format!("{path}:{} names {word}", named.line)));
    }
    // Of a nested `use`, each of its branches names what they have in common.
    faults.dedup();
    faults
}

#[track_caller]
fn never(rooms: &[&str], words: &[&str]) {
    let mut found = Vec::new();
    for room in rooms {
        let files = sources(&format!("src/{room}"));
        assert!(!files.is_empty(), "there is no room {room}");
        found.extend(files.iter().flat_map(|(path, text)| faults(path, text, words)));
    }
    assert!(found.is_empty(), "what a room never does: {found:#?}");
}

#[test]
fn collect_never_names_zip_and_the_bundle_never_kube() {
    never(&["collect", "collectors", "source", "plan", "cli"], &["::zip"]);
    never(&["bundle"], &["::kube", "::k8s_openapi"]);
}

#[test]
fn what_is_pure_does_no_io_and_never_asks_for_the_time() {
    let words =
        ["::tokio", "::std::fs", "File", "Utc::now", "Local::now", "Instant", "SystemTime", "::std::env", "::reqwest"];
    never(&["plan", "facts", "promql", "findings", "report"], &words);
}

#[test]
fn sources_know_nothing_of_redaction_tasks_or_the_bundle() {
    never(&["source"], &["crate::redact", "crate::bundle", "crate::collect", "crate::collectors", "crate::plan::Task"]);
}

#[test]
fn the_machinery_knows_no_collector() {
    never(&["collect", "plan"], &["crate::collectors"]);
}

#[test]
fn yaml_is_the_only_user_of_serde_yaml() {
    for (path, text) in sources("src").iter().filter(|(path, _)| path != "src/yaml.rs") {
        assert_eq!(faults(path, text, &["::serde_yaml"]), [""; 0]);
    }
}

#[test]
fn only_get_is_ever_sent() {
    let requests = ["Request::post", "Request::put", "Request::patch", "Request::delete"];
    let methods = ["Method::POST", "Method::PUT", "Method::PATCH", "Method::DELETE"];
    for (path, text) in sources("src") {
        assert_eq!(faults(&path, &text, &[requests, methods].concat()), [""; 0]);
    }
}

#[test]
fn what_breaks_a_rule_is_found() {
    for (word, line, text) in [
        ("::zip", 1, "use zip::ZipArchive;"),
        ("::zip", 1, "use zip as archive;"),
        ("::zip", 1, "extern crate zip;"),
        ("::zip", 1, "use ::zip::ZipArchive;"),
        ("::zip", 3, "use {\n    std::io,\n    zip::{self, write::FileOptions},\n};"),
        ("::zip", 1, "fn open(file: File) { zip::ZipArchive::new(file).unwrap(); }"),
        ("::zip", 1, "struct Open<'a>(&'a Vec<zip::ZipArchive<'a>>);"),
        ("::zip", 1, "let all = 0..zip::LIMIT;"),
        ("::zip", 2, "let text = r#\"// \"\n\"#; zip::x();"),
        ("::zip", 1, "let quote = ['\"', '\\'', 'x']; zip::x(\"//\"); let lifetime: &'static str;"),
        ("crate::redact", 1, "use crate::redact::Clean;"),
        ("crate::redact", 1, "use crate::redact;"),
        ("crate::redact", 1, "use crate::*;"),
        ("crate::redact", 1, "use kubectl_escalate::redact::Clean;"),
        ("crate::redact", 3, "use crate::{\n    plan::Task,\n    redact::{Clean, Redactor},\n};"),
        ("crate::redact", 1, "fn write(clean: &crate::redact::Clean) {}"),
        ("crate::redact", 1, "use super::super::super::redact::Clean;"),
        ("crate::redact", 1, "use super::super::{self as source, super::{plan::Task, redact}};"),
        ("crate::redact", 2, "mod tests {\n    use super::super::super::super::redact::Clean;\n}"),
        ("crate::redact", 1, "mod tests { use super::*; } use super::super::super::redact::Clean;"),
        ("crate::plan::Task", 1, "use crate::plan::{Resource, Task};"),
        ("crate::plan::Task", 1, "use crate::plan::*;"),
        ("::std::fs", 1, "use std::{fs::{self, File}, io};"),
        ("File", 1, "use std::{fs::{self, File}, io};"),
        ("Utc::now", 1, "use chrono::{DateTime, Utc}; fn now() -> DateTime<Utc> { Utc::now() }"),
        ("Method::PUT", 1, "let method = http::Method::PUT;"),
    ] {
        let found = faults("src/source/kubernetes/log.rs", text, &[word]);
        assert_eq!(found, [format!("src/source/kubernetes/log.rs:{line} names {word}")], "{text}");
    }
    let module = "src/source/kubernetes/mod.rs";
    assert_eq!(faults(module, "use super::super::redact::Clean;", &["crate::redact"]).len(), 1);
}

#[test]
fn what_breaks_no_rule_is_not_found() {
    for (word, text) in [
        ("::zip", "first.iter().zip(second).map(|(first, second)| first + second)"),
        ("::zip", "use std::iter::zip; let zip = zip(first, second);"),
        ("::zip", "//! zip::ZipArchive\n/* zip::ZipArchive\n */ let path = \"https://zip::ZipArchive\";"),
        (
            "::zip",
            "let text = r##\"\"# zip::ZipArchive \"##; let more = b\"\\\" zip::x\"; let mark = b'\"'; // \"zip::x",
        ),
        ("crate::redact", "use self::redact::Clean; use super::redact::Clean; use super::super::redact::Clean;"),
        ("crate::redact", "use crate::{plan::redact::Clean, source::{redact, *}}; pub(crate) use redact::Other;"),
        ("crate::redact", "mod tests { use super::super::super::redact::Clean; } impl Iterator + use<'a> { }"),
        ("crate::plan::Task", "use crate::plan::Resource; crate::plan::Resource::Task;"),
        ("::std::fs", "use std::{io::*, path::Path};"),
        ("File", "let File_name = \"File\"; self.file()"),
    ] {
        assert_eq!(faults("src/source/kubernetes/log.rs", text, &[word]), [""; 0], "{text}");
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
    for name in ["bundle", "cli", "collect", "coverage", "findings", "redact", "report"] {
        let folder = format!("tests/it/{name}");
        if Path::new(&root().join(&folder)).is_dir() {
            assert_eq!(forgotten(&folder, &format!("{folder}.rs")), none, "not listed in {folder}.rs");
        }
    }
    assert_eq!(forgotten("tests/it/support", "tests/it/support/mod.rs"), none);
}

#[test]
fn every_collector_is_listed_called_and_documented() {
    let list = fs::read_to_string(root().join("src/collectors/mod.rs")).expect("the list");
    let collectors =
        sources("src/collectors").into_iter().filter(|(_, text)| text.contains("pub(super) async fn collect("));
    let mut count = 0;
    for (path, _) in collectors {
        let name = Path::new(&path).file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(
            list.contains(&format!("{name}::collect(site")),
            "{path} is called by nothing: add it to the list in src/collectors/mod.rs"
        );
        count += 1;
    }
    assert!(count >= 6, "{count} collectors were found");
    for room in ["collect", "collectors"] {
        assert_eq!(forgotten(&format!("src/{room}"), &format!("src/{room}/mod.rs")), BTreeSet::new());
    }
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
