//! Owns what the rules know of a file of Rust code, and how the paths in it lead to others.

use super::reader;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::OnceLock,
};

/// A file of Rust code, taken apart.
#[derive(Default)]
pub(super) struct Source {
    /// From the root of the project, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// `crate::redact::stream` in its parts.
    pub(super) module: Vec<String>,
    pub(super) named: Vec<Named>,
    /// Items of the file itself, not of a module inside it.
    pub(super) items: BTreeSet<String>,
    /// What a name that is imported or re-exported stands for, by the module that does so.
    pub(super) imports: BTreeMap<Vec<String>, BTreeMap<String, Vec<String>>>,
    pub(super) uses: Vec<Use>,
    pub(super) docs: Vec<Doc>,
    pub(super) functions: Vec<Function>,
    pub(super) literals: Vec<Literal>,
}

/// A path that code names, in full.
pub(super) struct Named {
    pub(super) parts: Vec<String>,
    pub(super) by: By,
    /// Within `#[cfg(test)]`.
    pub(super) for_tests: bool,
}

/// How a path is named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Import,
    Reexport,
    Code,
}

/// One `use` statement of a module that has no attribute.
pub(super) struct Use {
    /// The module it is in, which may be one inside the file.
    pub(super) module: Vec<String>,
    /// `pub`, `pub(…)` or nothing.
    pub(super) visibility: &'static str,
    /// The first part of its path; none for `use {a, b}`.
    pub(super) root: Option<String>,
}

/// A doc comment.
pub(super) struct Doc {
    pub(super) text: String,
    /// The name of the item.
    pub(super) about: String,
}

pub(super) struct Function {
    pub(super) name: String,
    pub(super) takes_mut_self: bool,
}

pub(super) struct Literal {
    pub(super) name: String,
    pub(super) fields: usize,
}

pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of `src`, sorted by path.
pub(super) fn src() -> &'static [Source] {
    static READ: OnceLock<Vec<Source>> = OnceLock::new();
    READ.get_or_init(|| read("src"))
}

/// Every Rust file of `tests`, sorted by path.
pub(super) fn tests() -> &'static [Source] {
    static READ: OnceLock<Vec<Source>> = OnceLock::new();
    READ.get_or_init(|| read("tests"))
}

fn read(folder: &str) -> Vec<Source> {
    let paths = files(folder).into_iter().filter(|path| path.ends_with(".rs"));
    paths.map(|path| Source::parse(&path, &fs::read_to_string(root().join(&path)).expect("a file"))).collect()
}

/// Every file under a folder, by its path from the root of the project, sorted.
pub(super) fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(path) = folders.pop() {
        if path.is_dir() {
            folders.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else {
            let path = path.strip_prefix(root()).expect("a path within the project");
            found.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "there is nothing in {folder}");
    found
}

impl Source {
    /// Takes a file apart. The path says which module it is.
    pub(super) fn parse(path: &str, text: &str) -> Self {
        let parts = path.trim_start_matches("src/").trim_end_matches(".rs").split('/');
        let parts = parts.filter(|part| !["mod", "lib", "main"].contains(part));
        let module = ["crate"].into_iter().chain(parts).map(str::to_owned).collect();
        reader::read(Self { path: path.to_owned(), text: text.to_owned(), module, ..Self::default() })
    }

    /// The first line of code with this word, to tell where to look. syn itself knows lines only with a feature of
    /// proc-macro2, with which much of the program would be built once more for these tests.
    pub(super) fn line(&self, word: &str) -> usize {
        let is_part = |part: char| part.is_alphanumeric() || part == '_';
        let has = |line: &str| {
            let found = line
                .match_indices(word)
                .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part));
            found && !line.trim_start().starts_with("//")
        };
        self.text.lines().position(has).map_or(1, |at| at + 1)
    }

    /// The folder in `src` that this file is in, or the file itself.
    pub(super) fn room(&self) -> &str {
        self.module.get(1).map_or("", String::as_str)
    }

    /// What a name of this file's own module stands for, if it comes from elsewhere.
    pub(super) fn import(&self, name: &str) -> Option<&[String]> {
        self.imports.get(&self.module)?.get(name).map(Vec::as_slice)
    }

    /// The modules whose names all come in by a glob.
    pub(super) fn globs(&self) -> impl Iterator<Item = &[String]> {
        let globs = self.named.iter().filter(|named| named.by != By::Code);
        globs.filter_map(|named| named.parts.split_last()).filter(|(last, _)| *last == "*").map(|(_, module)| module)
    }

    /// The full path behind one in code; none for what may as well be a variable or a type of the prelude.
    pub(super) fn resolve(&self, module: &[String], parts: &[String]) -> Option<Vec<String>> {
        let (first, rest) = parts.split_first()?;
        let imported = self.imports.get(module).and_then(|imports| imports.get(first));
        let base = match (first.as_str(), imported) {
            ("crate" | "kubectl_escalate" | "self" | "super", _) => return Some(absolute(module, parts)),
            ("Self", _) => return None,
            (_, Some(path)) => path.clone(),
            _ if module == self.module && self.items.contains(first) => [module, std::slice::from_ref(first)].concat(),
            _ if !rest.is_empty() => vec![first.clone()],
            _ => return None,
        };
        Some([base, rest.to_vec()].concat())
    }
}

/// A path as it stands there, with `self` and `super` written out.
pub(super) fn absolute(module: &[String], parts: &[String]) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        match part.as_str() {
            "crate" | "kubectl_escalate" if at == 0 => path.push("crate".to_owned()),
            "self" if at == 0 => path = module.to_vec(),
            "self" => {}
            "super" => {
                if at == 0 {
                    path = module.to_vec();
                }
                path.pop();
            }
            _ => path.push(part.clone()),
        }
    }
    path
}
