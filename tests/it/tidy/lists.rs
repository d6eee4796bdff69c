//! Owns what is easily forgotten with a new file: the list that it belongs into.

use super::source::{Source, files, root, src, tests};
use std::{collections::BTreeSet, fs};

/// Modules in a folder that its list does not name. No compiler sees such a file.
fn not_listed(paths: &[String], list: &Source) -> Vec<String> {
    let Some((folder, name)) = list.path.rsplit_once('/') else { return Vec::new() };
    if !["mod.rs", "lib.rs"].contains(&name) && list.path != "tests/it/main.rs" && list.path != "tests/cluster/main.rs"
    {
        return Vec::new();
    }
    let within = paths.iter().filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'));
    let modules = within.filter_map(|path| path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix(".rs")));
    let is_listed = |name: &str| ["mod", "main", "lib"].contains(&name) || list.items.contains(name);
    let left = modules.filter(|name| !name.contains('/') && !is_listed(name));
    left.map(|name| format!("{folder}/{name} is compiled by nothing: add `mod {name};` to {}", list.path)).collect()
}

/// Collectors that the list does not call.
fn not_called(collectors: &[&Source], list: &Source) -> Vec<String> {
    let name = |source: &Source| source.module.last().cloned().unwrap_or_default();
    let is_called =
        |name: &str| list.named.iter().any(|named| named.parts.ends_with(&[name.to_owned(), "COLLECTOR".to_owned()]));
    let left = collectors.iter().map(|source| name(source)).filter(|name| !is_called(name));
    left.map(|name| format!("nothing calls {name}::COLLECTOR: add it to the list in {}", list.path)).collect()
}

fn list_of_collectors() -> &'static Source {
    src().iter().find(|source| source.path == "src/collectors/mod.rs").expect("the list of collectors")
}

#[test]
fn every_file_is_listed() {
    let paths = [files("src"), files("tests")].concat();
    let faults: Vec<_> = src().iter().chain(tests()).flat_map(|list| not_listed(&paths, list)).collect();
    assert_eq!(faults, [""; 0]);
}

#[test]
fn every_collector_is_called() {
    let is_collector = |source: &&Source| source.room() == "collectors" && source.items.contains("COLLECTOR");
    let collectors: Vec<_> = src().iter().filter(is_collector).collect();
    assert!(collectors.len() >= 10, "{} collectors were found", collectors.len());
    assert_eq!(not_called(&collectors, list_of_collectors()), [""; 0]);
}

#[test]
fn every_profile_is_embedded_and_asks_for_no_secret() {
    let embedded = kubectl_escalate::profile::embedded();
    let names: BTreeSet<String> = embedded.iter().map(|(name, _)| format!("profiles/{name}.yaml")).collect();
    let there = files("profiles").into_iter().filter(|path| path.ends_with(".yaml"));
    assert_eq!(there.collect::<BTreeSet<_>>(), names);
    for name in names {
        let text = fs::read_to_string(root().join(&name)).expect("a profile");
        assert!(!text.contains("resource: secrets"), "{name}");
    }
}

#[test]
fn what_was_forgotten_is_found() {
    let list =
        Source::parse("src/collectors/mod.rs", "mod one;\nmod folder;\nmod two { }\nfn all() { one::COLLECTOR; }");
    let paths =
        ["src/collectors/mod.rs", "src/collectors/one.rs", "src/collectors/three.rs", "src/collectors/folder/mod.rs"];
    let paths = [&paths[..], &["src/collectors/left/mod.rs", "src/collectors/left/x.rs", "src/collect/y.rs"]].concat();
    let paths: Vec<_> = paths.into_iter().map(str::to_owned).collect();
    let says = |name: &str| {
        format!("src/collectors/{name} is compiled by nothing: add `mod {name};` to src/collectors/mod.rs")
    };
    assert_eq!(not_listed(&paths, &list), [says("three"), says("left")]);
    let collectors =
        ["one", "two"].map(|name| Source::parse(&format!("src/collectors/{name}.rs"), "const COLLECTOR: u8 = 0;"));
    let says = "nothing calls two::COLLECTOR: add it to the list in src/collectors/mod.rs";
    assert_eq!(not_called(&collectors.iter().collect::<Vec<_>>(), &list), [says]);
}
