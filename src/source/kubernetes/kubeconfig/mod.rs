//! Owns what a kubeconfig says: the files, the environment and the service account that kubectl would use, read as
//! kubectl's library client-go reads them. kube-rs is stricter: it refuses what kubectl takes.
//!
//! The rules are those of client-go 0.36, `tools/clientcmd/loader.go` and `client_config.go`.

mod document;
mod files;
mod login;
mod pod;
mod server;
mod user;

pub use files::Kubeconfig;
pub use login::{Cluster, Login};
pub use pod::{service_account, without_kubeconfig};
pub use server::{Proxy, ProxyKind, Server};
pub use user::{Credential, Exec, Impersonation, Oidc, User};

use base64::Engine as _;
use std::path::{Path, PathBuf};

/// What is wrong with a kubeconfig, in words.
pub type Fault = String;

/// Bytes that a kubeconfig has itself, or that are in a file which may change.
#[derive(Clone, PartialEq, Eq)]
pub enum Bytes {
    /// Those of a `…-data` field.
    Here(Vec<u8>),
    /// Those of a file.
    File(PathBuf),
}

impl Bytes {
    /// The bytes now.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Here(bytes) => Ok(bytes.clone()),
            Self::File(path) => std::fs::read(path).map_err(|why| format!("{} cannot be read: {why}", path.display())),
        }
    }
}

/// Base64 as it stands in a kubeconfig. Go passes over line breaks; spaces are what YAML makes of them.
///
/// # Errors
/// If it is not base64.
pub fn base64(field: &str, text: &str) -> Result<Vec<u8>, Fault> {
    let packed: String = text.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD
        .decode(packed)
        .map_err(|why| format!("{field} is not base64: {why}; encode it with `base64 -w0`"))
}

/// The data of a field, or else the file that the other field names.
fn data_or_file(
    (field, data): (&str, Option<&String>),
    file: Option<&String>,
    folder: &Path,
) -> Result<Option<Bytes>, Fault> {
    match (filled(data), filled(file)) {
        (Some(data), _) => base64(field, data).map(|bytes| Some(Bytes::Here(bytes))),
        (None, Some(file)) => Ok(Some(Bytes::File(folder.join(file)))),
        (None, None) => Ok(None),
    }
}

/// An empty text is no text, as in Go.
fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
