//! Owns which kubeconfig files there are, and how they become one: the first file that has a name or a current context
//! wins, and missing files of a list are passed over.

use super::{Fault, document};
use serde::Deserialize;
use serde_json::Value;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// The kubeconfig that the files make together. An entry is read only when it is used, so that one that is wrong costs
/// only itself.
#[derive(Default)]
pub struct Kubeconfig {
    /// The current context, if one is named.
    pub current: Option<String>,
    pub(super) clusters: Vec<Entry>,
    pub(super) users: Vec<Entry>,
    pub(super) contexts: Vec<Entry>,
    /// The files that were read, for error messages.
    pub files: Vec<PathBuf>,
    /// Those that are not there.
    pub missing: Vec<PathBuf>,
}

/// A named entry, and the folder that its relative paths start from.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: Value,
    pub(super) folder: PathBuf,
    /// Where it stands, so that new tokens can be written there.
    pub(super) file: PathBuf,
}

/// A file that cannot be used, and why.
#[derive(Debug)]
pub struct BadFile {
    /// The file.
    pub path: PathBuf,
    /// The cause.
    pub why: Fault,
}

#[derive(Deserialize)]
struct Document {
    clusters: Option<Vec<Value>>,
    users: Option<Vec<Value>>,
    contexts: Option<Vec<Value>>,
    #[serde(rename = "current-context")]
    current: Option<String>,
}

impl Kubeconfig {
    /// Reads the file that `--kubeconfig` names, or else those of `KUBECONFIG`, or else the one of the home folder.
    /// Only the first has to be there.
    ///
    /// # Errors
    /// If a file is there and cannot be read.
    pub fn find(flag: Option<&Path>) -> Result<Self, BadFile> {
        if let Some(path) = flag {
            let mut kubeconfig = Self::default();
            let missing = || BadFile { path: path.to_owned(), why: "there is no such file".to_owned() };
            return kubeconfig.add(path)?.then_some(kubeconfig).ok_or_else(missing);
        }
        match std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty()) {
            Some(list) => Self::read(std::env::split_paths(&list)),
            None => Self::read(std::env::home_dir().map(|home| home.join(".kube").join("config"))),
        }
    }

    /// Merges files. Those that are missing, and empty names, are passed over.
    ///
    /// # Errors
    /// If a file is there and cannot be read.
    pub fn read(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, BadFile> {
        let mut kubeconfig = Self::default();
        for path in paths {
            if !path.as_os_str().is_empty() && !kubeconfig.add(&path)? {
                kubeconfig.missing.push(path);
            }
        }
        Ok(kubeconfig)
    }

    /// The names of its contexts.
    pub fn contexts(&self) -> impl Iterator<Item = &str> {
        self.contexts.iter().map(|entry| entry.name.as_str())
    }

    /// Adds a file; false if it does not exist.
    fn add(&mut self, path: &Path) -> Result<bool, BadFile> {
        let bad = |why: Fault| BadFile { path: path.to_owned(), why };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(bad(error.to_string())),
        };
        self.files.push(path.to_owned());
        if bytes.trim_ascii().is_empty() {
            return Ok(true);
        }
        let document = document::read(&bytes).map_err(bad)?;
        if document.is_null() {
            return Ok(true);
        }
        let document: Document = serde_json::from_value(document).map_err(|why| bad(why.to_string()))?;
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = whole.parent().unwrap_or(Path::new("/"));
        for (list, items, field) in [
            (&mut self.clusters, document.clusters, "cluster"),
            (&mut self.users, document.users, "user"),
            (&mut self.contexts, document.contexts, "context"),
        ] {
            for mut item in items.unwrap_or_default() {
                let name = item["name"].as_str().unwrap_or_default().to_owned();
                if item.is_object() && !list.iter().any(|entry| entry.name == name) {
                    list.push(Entry {
                        name,
                        value: item[field].take(),
                        folder: folder.to_owned(),
                        file: whole.clone(),
                    });
                }
            }
        }
        if self.current.is_none() {
            self.current = document.current.filter(|name| !name.is_empty());
        }
        Ok(true)
    }
}

impl Entry {
    /// The entry as a `T`; an empty one is the default.
    pub(super) fn read<T: serde::de::DeserializeOwned + Default>(&self, kind: &str) -> Result<T, Fault> {
        if self.value.is_null() {
            return Ok(T::default());
        }
        T::deserialize(&self.value).map_err(|why| format!("the {kind} \"{}\" is wrong: {why}", self.name))
    }
}
