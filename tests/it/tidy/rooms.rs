//! Owns what each room of the design must not know, and in which direction the rooms use each other.

use super::{
    graph::{Graph, circles, upward},
    source::{Named, Source, src},
};

/// Folders in which files may use each other in a circle, with the reason.
const CIRCLES: &[(&str, &str)] = &[("crate::promql", "an expression is evaluated by evaluating those inside it")];

/// The rooms from the ground up: each uses only those that stand before it. `src/lib.rs` has them in the order in which a
/// run goes through them, which is another one: what a room asks for stands behind it there, and what it is given before.
const GROUND_UP: [&str; 20] = [
    "text",
    "quantity",
    "yaml",
    "kubelet_log",
    "promql",
    "redact",
    "bundle",
    "exit",
    "profile",
    "plan",
    "source",
    "facts",
    "findings",
    "report",
    "replay",
    "describe",
    "collect",
    "collectors",
    "pipeline",
    "cli",
];

impl Named {
    /// Whether this is what a rule speaks of: `::zip` and `crate::redact` are where a path begins,
    /// `Utc::now` is anywhere in one.
    fn is(&self, word: &str) -> bool {
        let wanted: Vec<_> = word.trim_start_matches("::").split("::").collect();
        if !word.starts_with("::") && wanted[0] != "crate" {
            return self.parts.windows(wanted.len()).any(|parts| parts == wanted);
        }
        // A glob brings all with it.
        let all = self.parts.last().is_some_and(|last| last == "*");
        let shown = &self.parts[..self.parts.len() - usize::from(all)];
        shown.iter().take(wanted.len()).eq(&wanted) || all && wanted.iter().take(shown.len()).eq(shown)
    }
}

/// Where a file names one of these.
fn faults(source: &Source, words: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for named in &source.named {
        for word in words.iter().filter(|word| named.is(word)) {
            let line = source.line(word.rsplit("::").next().unwrap_or_default());
            faults.push(format!("{}:{line} names {word}", source.path));
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

#[track_caller]
fn never(rooms: &[&str], words: &[&str]) {
    let mut found = Vec::new();
    for room in rooms {
        let files: Vec<_> = src().iter().filter(|source| source.room() == *room).collect();
        assert!(!files.is_empty(), "there is no room {room}");
        found.extend(files.into_iter().flat_map(|source| faults(source, words)));
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
    never(&["kubelet_log", "plan", "facts", "promql", "findings", "report"], &words);
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
fn a_run_knows_no_command_line_and_prints_nothing() {
    never(&["pipeline"], &["::clap", "::indicatif", "crate::cli", "stdout", "stderr"]);
}

#[test]
fn only_the_terminal_writes_to_standard_output_and_standard_error() {
    for source in src().iter().filter(|source| source.path != "src/cli/terminal.rs") {
        assert_eq!(faults(source, &["stdout", "stderr"]), [""; 0]);
    }
}

#[test]
fn yaml_is_the_only_user_of_serde_yaml() {
    for source in src().iter().filter(|source| source.room() != "yaml") {
        assert_eq!(faults(source, &["::serde_yaml"]), [""; 0]);
    }
}

#[test]
fn only_get_is_ever_sent() {
    let requests = ["Request::post", "Request::put", "Request::patch", "Request::delete"];
    let methods = ["Method::POST", "Method::PUT", "Method::PATCH", "Method::DELETE"];
    for source in src() {
        assert_eq!(faults(source, &[requests, methods].concat()), [""; 0]);
    }
}

#[test]
fn neither_rooms_nor_files_use_each_other_in_a_circle() {
    let graph = Graph::new(src());
    let mut found = circles(&graph.edges());
    for (folder, reason) in CIRCLES {
        let before = found.len();
        found.retain(|circle, _| !circle.starts_with(&format!("{folder}: ")));
        assert!(found.len() < before, "{folder} has no circle any more; it was allowed because {reason}");
    }
    assert!(found.is_empty(), "circles: {found:#?}");
}

#[test]
fn each_room_uses_only_those_below_it() {
    let rooms = GROUND_UP.map(str::to_owned);
    let listed = src().iter().find(|source| source.path == "src/lib.rs").expect("the list of rooms");
    let folders = src().iter().map(Source::room).filter(|room| !room.is_empty());
    for room in folders {
        assert!(listed.items.contains(room) && GROUND_UP.contains(&room), "{room} has no place among the rooms");
    }
    assert_eq!(upward(&Graph::new(src()).edges(), &rooms), [""; 0]);
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
        ("::zip", 1, "fn f() { let all = 0..zip::LIMIT; }"),
        ("::zip", 2, "fn f() { let text = r#\"// \"\n\"#; zip::x(); }"),
        ("::zip", 1, "fn f() { let quote = ['\"', '\\'', 'x']; zip::x(\"//\"); }"),
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
        ("::zip", 1, "fn f() { let all = vec![0, zip::LIMIT]; }"),
        ("::zip", 1, "use zip::write as w; fn f() { w::x(); }"),
        ("Utc::now", 1, "use chrono::Utc as Clock; fn f() { Clock::now(); }"),
        ("Utc::now", 1, "use chrono::{DateTime, Utc}; fn now() -> DateTime<Utc> { Utc::now() }"),
        ("Method::PUT", 1, "fn f() { let method = http::Method::PUT; }"),
    ] {
        let found = faults(&Source::parse("src/source/kubernetes/log.rs", text), &[word]);
        assert_eq!(found, [format!("src/source/kubernetes/log.rs:{line} names {word}")], "{text}");
    }
    let module = "src/source/kubernetes/mod.rs";
    assert_eq!(faults(&Source::parse(module, "use super::super::redact::Clean;"), &["crate::redact"]).len(), 1);
}

#[test]
fn what_breaks_no_rule_is_not_found() {
    for (word, text) in [
        ("::zip", "fn f() { first.iter().zip(second).map(|(first, second)| first + second); }"),
        ("::zip", "use std::iter::zip; fn f() { let zip = zip(first, second); }"),
        ("::zip", "//! zip::ZipArchive\n/* zip::ZipArchive\n */ const PATH: &str = \"https://zip::ZipArchive\";"),
        (
            "::zip",
            "fn f() { let text = r##\"\"# zip::ZipArchive \"##; let more = b\"\\\" zip::x\"; let mark = b'\"'; } // \"zip::x",
        ),
        ("crate::redact", "use self::redact::Clean; use super::redact::Clean; use super::super::redact::Clean;"),
        ("crate::redact", "use crate::{plan::redact::Clean, source::{redact, *}}; pub(crate) use redact::Other;"),
        (
            "crate::redact",
            "mod tests { use super::super::super::redact::Clean; } fn f<'a>() -> impl Iterator + use<'a> { }",
        ),
        ("crate::plan::Task", "use crate::plan::Resource; fn f() { crate::plan::Resource::Task; }"),
        ("::std::fs", "use std::{io::*, path::Path};"),
        ("File", "fn f() { let File_name = \"File\"; self.file(); }"),
    ] {
        assert_eq!(faults(&Source::parse("src/source/kubernetes/log.rs", text), &[word]), [""; 0], "{text}");
    }
}
