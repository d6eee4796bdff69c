//! Nothing planted gets out: not into any file of a bundle, not into the zip, not into what is
//! printed; and what only looks like a secret stays.

use crate::{
    bundle::{Bundle, text},
    kubernetes::incidents,
    tool::{Run, collect},
};
use aho_corasick::AhoCorasick;
use serde_json::Value;
use std::collections::BTreeMap;

/// Part of a secret that is as bad as the whole.
const PART: usize = 20;

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // Only whole groups of three: what follows a secret would change the rest.
    let group = |three: &[u8]| {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[(bits >> shift & 63) as usize]))
    };
    bytes.chunks_exact(3).flat_map(group).collect()
}

/// Every form that a planted secret may not be found in, with what it is.
fn needles(planted: &Value) -> BTreeMap<String, String> {
    let mut needles = BTreeMap::new();
    for secret in planted["planted"].as_array().expect("secrets") {
        let (kind, value) = (text(&secret["kind"]), text(&secret["value"]));
        let mut add = |form: &str, needle: String| {
            needles.entry(needle).or_insert_with(|| format!("{kind} {form}"));
        };
        add("as it is", value.to_owned());
        add("as JSON", serde_json::to_string(value).expect("JSON").trim_matches('"').to_owned());
        // A token's head and claims are no secret, its signature is listed on its own.
        let is_token = value.contains('.');
        for offset in 0..3.min(value.len()) {
            let coded = base64(&value.as_bytes()[offset..]);
            if !is_token && coded.len() >= 16 {
                add("in base64", coded);
            }
        }
        if !is_token {
            for at in 0..(value.len() + 1).saturating_sub(PART) {
                add("in part", value[at..at + PART].to_owned());
            }
        }
    }
    // All keys begin alike, public ones and those in certificates too, and so does their base64.
    let kept: Vec<&str> = planted["keep"].as_array().expect("values to keep").iter().map(text).collect();
    let begins = base64(b"-----BEGIN PRIVATE KEY-----\n");
    needles.retain(|needle, _| {
        !begins.contains(needle.as_str()) && !kept.iter().any(|kept| kept.contains(needle.as_str()))
    });
    needles
}

fn search<'a>(places: impl Iterator<Item = (String, &'a [u8])>, needles: &BTreeMap<String, String>) -> Vec<String> {
    let names: Vec<&String> = needles.values().collect();
    let automaton = AhoCorasick::new(needles.keys()).expect("an automaton");
    let mut found = Vec::new();
    for (place, bytes) in places {
        for hit in automaton.find_overlapping_iter(bytes) {
            found.push(format!("{place} at {}: {}", hit.start(), names[hit.pattern().as_usize()]));
        }
    }
    found.dedup_by_key(|line| line.split(" at ").next().unwrap_or_default().to_owned());
    found
}

fn places<'a>(run: &'a Run, bundle: &'a Bundle, zip: &'a [u8]) -> impl Iterator<Item = (String, &'a [u8])> {
    let names = bundle.files.keys().map(|path| (format!("the name {path}"), path.as_bytes()));
    let files = bundle.files.iter().map(|(path, bytes)| (path.clone(), bytes.as_slice()));
    let printed = [("standard error", &run.stderr), ("standard output", &run.stdout)];
    let printed = printed.map(|(name, text)| (name.to_owned(), text.as_bytes()));
    files.chain(names).chain(printed).chain([("the zip itself".to_owned(), zip)])
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn no_secret_leaves_and_look_alikes_stay() {
    let planted = &incidents().planted;
    let needles = needles(planted);
    assert!(needles.len() > 500, "{} forms to look for", needles.len());
    // What the user says and gives may hold secrets as well.
    let of_kind = |kind: &str| {
        let secrets = planted["planted"].as_array().expect("secrets");
        text(&secrets.iter().find(|secret| secret["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))["value"])
            .to_owned()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let attached = folder.path().join("spirldbg.txt");
    std::fs::write(
        &attached,
        format!("Authorization: Bearer {}\ntoken={}\n", of_kind("bearer"), of_kind("github-token")),
    )
    .expect("a file");
    let note = format!("the relay said password={}", of_kind("password"));
    let namespace = incidents().namespace("planted");
    let run = collect(&["-n", namespace, "--note", &note, "--attach", &attached.to_string_lossy()]).expect(0);
    let bundle = run.bundle();
    bundle.assert_sound();
    let zip = std::fs::read(&bundle.path).expect("the zip");

    let found = search(places(&run, &bundle, &zip), &needles);
    assert!(found.is_empty(), "{} secrets got out: {found:#?}", found.len());
    assert!(bundle.manifest["redactions_total"].as_u64() > Some(20), "{}", bundle.manifest["redactions_total"]);

    let kept: Vec<&str> = planted["keep"].as_array().expect("values to keep").iter().map(text).collect();
    let log = bundle.file("logs/spirl-server.log");
    let lost: Vec<&&str> = kept.iter().filter(|value| memchr::memmem::find(log, value.as_bytes()).is_none()).collect();
    assert!(lost.is_empty(), "the log lost what is no secret: {lost:#?}");
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_search_finds_what_is_there() {
    let planted = &incidents().planted;
    let needles = needles(planted);
    for secret in planted["secrets"].as_array().expect("secrets") {
        let line = format!("before {} after", text(secret));
        assert!(!search([("a line".to_owned(), line.as_bytes())].into_iter(), &needles).is_empty(), "{secret}");
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_same_key_gives_the_same_marks() {
    let namespace = incidents().namespace("planted");
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    std::fs::write(&key, b"only used in this test, 32 bytes").expect("a key");
    let marks = |args: &[&str]| {
        let bundle = collect(&[&["-n", namespace], args].concat()).expect(0).bundle();
        let deployment =
            bundle.files.iter().find(|(path, _)| path.contains("/deployments/") && path.ends_with(".yaml"));
        let text = String::from_utf8(deployment.expect("a deployment").1.clone()).expect("UTF-8");
        text.lines()
            .filter(|line| line.contains("webhook") || line.contains("ci-token"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let key = key.to_string_lossy().into_owned();
    let with = marks(&["--redaction-key", &key]);
    assert!(!with.is_empty() && with.iter().any(|line| line.contains('<')), "{with:?}");
    assert_eq!(with, marks(&["--redaction-key", &key]));
    assert_ne!(with, marks(&[]));
}
