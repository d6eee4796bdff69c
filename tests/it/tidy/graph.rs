//! Owns who uses whom: between the rooms of the crate, and between what lies in one folder.
//!
//! A path counts where the item is that it leads to. What a `mod.rs` re-exports is its room's face: it needs nothing of
//! an item to pass it on, so a re-export is no use of it, and a file that imports from its own `mod.rs` uses the file
//! behind. Methods are not seen, only paths: a type has to be named before its methods can be called, if not always in
//! the file that calls them. Code that is there for tests alone may use whatever it likes.
//!
//! In each folder its files and its subfolders are held against each other, a subfolder as one, so a circle through two
//! folders is found where both lie side by side. The folder's `mod.rs` is left out: it has what they share, and calls them.

use super::source::{By, Named, Source};
use std::collections::{BTreeMap, BTreeSet};

/// The modules of the crate by their paths.
pub(super) struct Graph<'a> {
    files: BTreeMap<&'a [String], &'a Source>,
}

/// One use of another file.
pub(super) struct Edge<'a> {
    pub(super) from: &'a Source,
    pub(super) to: &'a Source,
    pub(super) named: &'a Named,
}

impl<'a> Graph<'a> {
    pub(super) fn new(sources: &'a [Source]) -> Self {
        let is_library = |source: &&Source| source.path != "src/main.rs";
        Self { files: sources.iter().filter(is_library).map(|source| (&source.module[..], source)).collect() }
    }

    /// The file in which the item that a full path leads to is defined.
    fn definition(&self, path: &[String], steps: usize) -> Option<&'a Source> {
        // Re-exports of re-exports come to an end, unless a file re-exports itself.
        if steps == 0 || path.first().is_none_or(|first| first != "crate") {
            return None;
        }
        let depth = (1..=path.len()).rev().find(|depth| self.files.contains_key(&path[..*depth]))?;
        let file = self.files[&path[..depth]];
        let Some(name) = path.get(depth) else { return Some(file) };
        if let Some(target) = file.import(name) {
            return self.definition(&[target, &path[depth + 1..]].concat(), steps - 1);
        }
        if !file.items.contains(name) {
            let behind = |module: &[String]| {
                let found = self.definition(&[module, &path[depth..]].concat(), steps - 1);
                found.filter(|found| found.items.contains(name))
            };
            if let Some(found) = file.globs().find_map(behind) {
                return Some(found);
            }
        }
        Some(file)
    }

    /// Every use of one file by another.
    pub(super) fn edges(&self) -> Vec<Edge<'a>> {
        let mut edges = Vec::new();
        for &from in self.files.values() {
            for named in from.named.iter().filter(|named| named.by != By::Reexport && !named.for_tests) {
                // What is used of an imported module is what its paths in code lead to.
                let is_module = named.by == By::Import && self.files.contains_key(&named.parts[..]);
                let to = self.definition(&named.parts, 16).filter(|to| !is_module && to.path != from.path);
                edges.extend(to.map(|to| Edge { from, to, named }));
            }
        }
        edges
    }
}

impl Edge<'_> {
    fn text(&self) -> String {
        let last = self.named.parts.iter().rev().find(|part| *part != "*").map_or("", String::as_str);
        format!("{}:{} names {}", self.from.path, self.from.line(last), self.named.parts.join("::"))
    }

    /// What the edge is between in the folder that holds both ends, and that folder.
    fn within_folder(&self) -> (String, String, String) {
        let (from, to) = (&self.from.module, &self.to.module);
        let common = from.iter().zip(to).take_while(|(from, to)| from == to).count();
        let node = |module: &[String]| module.get(common).map_or_else(|| "mod".to_owned(), Clone::clone);
        (from[..common].join("::"), node(from), node(to))
    }
}

/// The circles among what lies in one folder, each as `folder: one, another`, with the uses that make it.
pub(super) fn circles(edges: &[Edge]) -> BTreeMap<String, Vec<String>> {
    let mut folders: BTreeMap<String, BTreeMap<String, BTreeMap<String, Vec<String>>>> = BTreeMap::new();
    for edge in edges {
        let (folder, from, to) = edge.within_folder();
        if from != "mod" && to != "mod" {
            folders.entry(folder).or_default().entry(from).or_default().entry(to).or_default().push(edge.text());
        }
    }
    let mut found = BTreeMap::new();
    for (folder, uses) in &folders {
        let reached = |from: &str| {
            let mut reached = BTreeSet::new();
            let mut next = vec![from.to_owned()];
            while let Some(node) = next.pop() {
                let fresh =
                    uses.get(&node).into_iter().flat_map(BTreeMap::keys).filter(|to| reached.insert((*to).clone()));
                next.extend(fresh.cloned());
            }
            reached
        };
        let reach: BTreeMap<_, _> = uses.keys().map(|node| (node.clone(), reached(node))).collect();
        let meets = |one: &str, other: &str| reach.get(one).is_some_and(|reached| reached.contains(other));
        for node in reach.keys().filter(|node| meets(node, node)) {
            let circle: Vec<_> =
                reach.keys().filter(|other| meets(node, other) && meets(other, node)).cloned().collect();
            let inside = circle.iter().flat_map(|from| uses[from].iter().filter(|(to, _)| circle.contains(to)));
            let why = inside.flat_map(|(_, why)| why.first()).cloned().collect();
            found.insert(format!("{folder}: {}", circle.join(", ")), why);
        }
    }
    found
}

/// Uses of a room that stands above the one that uses it, in a list from the ground up.
pub(super) fn upward(edges: &[Edge], rooms: &[String]) -> Vec<String> {
    // The crate's own file is in no room, and above all of them.
    let place = |source: &Source| rooms.iter().position(|room| room == source.room());
    let against = edges.iter().filter(|edge| place(edge.from).is_some_and(|from| place(edge.to) > Some(from)));
    let faults: BTreeSet<_> = against.map(|edge| format!("{}, which stands above it", edge.text())).collect();
    faults.into_iter().collect()
}

/// Made-up files of a crate.
fn crate_of(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(path, text)| Source::parse(path, text)).collect()
}

#[test]
fn what_goes_round_in_a_circle_is_found() {
    let lib = ("src/lib.rs", "pub mod one; pub mod two;");
    let face = ("src/one/mod.rs", "mod a; mod b; pub use a::A; pub use b::*; pub(crate) fn shared() {}");
    let found = |files: &[(&str, &str)]| circles(&Graph::new(&crate_of(files)).edges()).into_keys().collect::<Vec<_>>();
    let files = |a, b, two| [lib, face, ("src/one/a.rs", a), ("src/one/b.rs", b), ("src/two.rs", two)];
    for (a, b, two, circle) in [
        ("use super::b::B; pub struct A(B);", "use super::a::A; pub struct B(A);", "", "crate::one: a, b"),
        ("use super::B; pub struct A(B);", "pub struct B(super::A);", "", "crate::one: a, b"),
        ("pub struct A; fn f() { crate::one::b::f() }", "use super::a; pub fn f() { a::A }", "", "crate::one: a, b"),
        ("pub struct A; fn f() { vec![super::b::f()] }", "use super::A; pub fn f() {}", "", "crate::one: a, b"),
        ("pub struct A; fn f() { crate::two::f() }", "", "use crate::one; pub fn f() -> one::A {}", "crate: one, two"),
        (
            "#[derive(X)]\n#[x(with = \"crate::two::f\")]\npub struct A;",
            "",
            "use crate::one::A; pub fn f() {}",
            "crate: one, two",
        ),
    ] {
        assert_eq!(found(&files(a, b, two)), [circle], "{a} {b} {two}");
    }
    for (a, b, two) in [
        ("use super::B; pub struct A(B);", "use super::shared; pub struct B;", "use crate::one::{A, B};"),
        ("use super::shared; pub struct A;", "use super::A; pub struct B(A);", ""),
        ("pub struct A;\n#[cfg(test)]\nmod tests { use crate::two; }", "", "use crate::one::A;"),
        ("pub struct A; // super::b::B", "use super::A; pub struct B(A);", ""),
    ] {
        assert_eq!(found(&files(a, b, two)), [""; 0], "{a} {b} {two}");
    }
}

#[test]
fn what_uses_a_room_above_it_is_found() {
    let sources = crate_of(&[("src/one.rs", "use crate::two::B; pub struct A(B);"), ("src/two.rs", "pub struct B;")]);
    let edges = Graph::new(&sources).edges();
    assert_eq!(upward(&edges, &["two", "one"].map(str::to_owned)), [""; 0]);
    let against = ["src/one.rs:1 names crate::two::B, which stands above it"];
    assert_eq!(upward(&edges, &["one", "two"].map(str::to_owned)), against);
}
