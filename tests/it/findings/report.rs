//! `report`: a bundle's findings, again.

use super::case::{Case, servers};
use crate::support::Run;
use chrono::Utc;
use kubectl_escalate::{
    bundle::{BundleName, BundleWriter, Destination, EntryPath, NamePart, findings::Findings, layout},
    redact::{Key, Redactor},
};
use std::path::{Path, PathBuf};

/// A bundle of a case's manifest, with its facts if wanted.
fn bundle(folder: &Path, case: &Case, has_facts: bool) -> PathBuf {
    bundle_with(folder, case, has_facts, "")
}

/// The same with this log of each container, if it is one.
fn bundle_with(folder: &Path, case: &Case, has_facts: bool, log: &str) -> PathBuf {
    let redactor = Redactor::new(&Key::random());
    let clean = |value: serde_json::Value| redactor.object(value).0.to_clean();
    let writer = BundleWriter::create(&Destination::Folder(folder.to_owned()), Utc::now()).expect("a bundle");
    for facts in case.facts.logs.iter().filter(|_| !log.is_empty()) {
        let mut entry = writer.entry(EntryPath::new(&facts.entry).expect("a path")).expect("an entry");
        entry.write(&redactor.text(log.as_bytes()).0).expect("room");
        entry.finish().expect("room");
    }
    let name = BundleName::new(&NamePart::of(["example.org"], None), &NamePart::of(["x"], None), Utc::now());
    let mut manifest = case.manifest.clone();
    (manifest.profile, manifest.tool) = ("trust-domain-server".to_owned(), "test".to_owned());
    let finished = writer.finish(&name, |_| {
        let facts = (layout::facts(), clean(serde_json::to_value(&case.facts).expect("JSON")));
        let manifest = (layout::manifest(), clean(serde_json::to_value(&manifest).expect("JSON")));
        has_facts.then_some(facts).into_iter().chain([manifest]).collect()
    });
    finished.expect("a zip").path
}

/// Changes a byte of an entry.
fn damage(path: &Path, entry: &str) {
    let mut bytes = std::fs::read(path).expect("a zip");
    let header = memchr::memmem::find(&bytes, entry.as_bytes()).expect("its header");
    let next = memchr::memmem::find(&bytes[header..], b"PK\x03\x04").expect("another entry");
    bytes[header + next - 10] ^= 1;
    std::fs::write(path, bytes).expect("room");
}

fn report(path: &Path) -> Run {
    Run::new(["report"]).without_kubeconfig().args([path.as_os_str()])
}

#[test]
fn a_bundle_is_judged_again_as_text_and_as_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut case = super::incidents::control_plane_away(Case::well());
    case.facts.pods[0].containers[0].env.insert("SPIRL_LOG_DEBUG".to_owned(), "true".to_owned());
    let path = bundle(folder.path(), &case, true);
    let text = report(&path).finish().exits(0).stdout;
    let places: Vec<usize> =
        ["issuance affected: ", "warning   Servers cannot reach", "info      Debug logging is on", "baseline  "]
            .iter()
            .map(|words| text.find(words).unwrap_or_else(|| panic!("{words} in {text}")))
            .collect();
    assert!(places.is_sorted(), "{text}");
    let json = report(&path).args(["-o", "json"]).finish().exits(0).stdout;
    let findings: Findings = serde_json::from_str(&json).expect("findings");
    assert_eq!(findings, case.judge());
}

#[test]
fn another_profile_judges_by_its_own_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = bundle(folder.path(), &super::incidents::control_plane_away(Case::well()), true);
    let own = folder.path().join("own.yaml");
    let text = "name: own\nversion: 3\nselect: {labels: [a=b]}\nobjects: [{resource: pods}]\nfindings:\n\
                - {id: mine, scenario: s, severity: warning, title: t, means: m, any: [{lines: {level: error, atLeast: 1}}]}\n";
    std::fs::write(&own, text).expect("a profile");
    let json = report(&path).args(["-o", "json", "--profile"]).args([own.as_os_str()]).finish().exits(0).stdout;
    let findings: Findings = serde_json::from_str(&json).expect("findings");
    assert_eq!((findings.profile.as_str(), findings.profile_version.as_str()), ("own", "3"));
    assert_eq!(findings.root_cause.as_deref(), Some("mine"));
    report(&path).args(["--profile", "nothing"]).finish().exits(2);
}

#[test]
fn the_logs_are_searched_for_what_another_profile_means() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut case = super::incidents::control_plane_away(Case::well());
    case.facts.patterns = vec!["of-another".to_owned()];
    let own = folder.path().join("own.yaml");
    let text = "name: own\nversion: 3\nselect: {labels: [a=b]}\nobjects: [{resource: pods}]\nfindings:\n\
                - {id: mine, scenario: s, severity: warning, title: t, means: m, \
                any: [{log: {contains: [e42], level: error, fields: {code: '^E42$'}, atLeast: 3}}]}\n";
    std::fs::write(&own, text).expect("a profile");
    let judged = |path: &Path| -> Findings {
        let json = report(path).args(["-o", "json", "--profile"]).args([own.as_os_str()]).finish().exits(0).stdout;
        serde_json::from_str(&json).expect("findings")
    };
    let at = super::case::ago(20).to_rfc3339();
    let line = |level: &str| format!("{at} {{\"level\":\"{level}\",\"msg\":\"it went\",\"code\":\"E42\"}}\n");
    let found = judged(&bundle_with(folder.path(), &case, true, &(line("error").repeat(4) + &line("info"))));
    assert_eq!(found.root_cause.as_deref(), Some("mine"), "{found:#?}");
    assert_eq!(found.findings[0].shown_by[0].times, 4, "{found:#?}");
    // Two are not enough: they were looked at, and it is not so.
    let found = judged(&bundle_with(folder.path(), &case, true, &line("error").repeat(2)));
    assert!(found.root_cause.is_none() && found.not_found.iter().any(|it| it == "mine"), "{found:#?}");
    // Of a log that cannot be read it cannot tell, and of all else it does.
    let path = bundle_with(folder.path(), &case, true, &line("error").repeat(4));
    damage(&path, case.facts.logs[0].entry.as_str());
    let ended = report(&path).args(["-o", "json", "--profile"]).args([own.as_os_str()]).finish().exits(3);
    let found: Findings = serde_json::from_str(&ended.stdout).expect("findings");
    assert!(found.not_checked.iter().any(|it| it.id == "mine"), "{found:#?}");
    assert!(ended.stderr.contains(&case.facts.logs[0].entry), "{}", ended.stderr);
    // Nor can it where it has a log that nothing is known of.
    let mut more = case.clone();
    let log = more.manifest.tasks.iter_mut().find(|task| task.is_log()).expect("a log");
    log.entries.push("clusters/a/namespaces/b/pods/c/d.log".to_owned());
    let found = judged(&bundle_with(folder.path(), &more, true, &line("error").repeat(4)));
    assert!(found.not_checked.iter().any(|it| it.id == "mine"), "{found:#?}");
    // Without its logs a bundle cannot tell.
    let found = judged(&bundle(folder.path(), &case, true));
    let why = found.not_checked.iter().find(|it| it.id == "mine").map(|it| it.why.as_str());
    assert!(why.is_some_and(|why| why.contains("did not look for it")), "{found:#?}");
}

#[test]
fn a_bundle_without_facts_says_so_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = bundle(folder.path(), &Case::well(), false);
    let ended = report(&path).finish().exits(2);
    assert!(ended.stderr.contains("has no facts.json") && ended.stderr.contains("collect --into"), "{}", ended.stderr);
    // A recording has none either, and what the error says to do helps.
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/demo.zip");
    let ended = report(&recording).finish().exits(2);
    let advice = format!("`kubectl escalate demo --bundle {}`", recording.display());
    assert!(ended.stderr.contains(&advice), "{}", ended.stderr);
    let full = Run::new(["demo".as_ref(), "--bundle".as_ref(), recording.as_os_str()]).finish().exits(0);
    let full = full.out().with_file_name(full.stdout.trim());
    report(&full).finish().exits(0);
    assert_eq!(servers().name, "trust-domain-server");
}
