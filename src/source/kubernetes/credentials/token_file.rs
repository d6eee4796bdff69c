//! Owns tokens in files, as `kubectl create token > FILE` writes them and a kubelet renews them.

use super::{Credential, CredentialError};
use std::path::Path;

/// Reads the token of a file, or takes the other one if that is not possible.
pub(super) fn read(path: &Path, otherwise: Option<&str>) -> Result<Credential, CredentialError> {
    let wrong = |why: &str| CredentialError(format!("the token file {} cannot be used: {why}", path.display()));
    let read = match std::fs::read_to_string(path) {
        Ok(token) if token.trim().is_empty() => Err(wrong("it is empty")),
        Ok(token) => Ok(token),
        Err(why) => Err(wrong(&why.to_string())),
    };
    match (read, otherwise) {
        (Ok(token), _) => Credential::bearer(&token),
        (Err(_), Some(token)) => Credential::bearer(token),
        (Err(why), None) => Err(why),
    }
}
