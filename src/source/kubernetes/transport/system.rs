//! Owns the certificate authorities that a Linux system trusts, read as Go reads them (`crypto/x509/root_linux.go` and
//! `root_unix.go`): the first of the usual bundles, and all files of the usual folders, whatever they are called.

use super::pem;
use rustls::pki_types::CertificateDer;
use std::{collections::BTreeSet, fs, path::PathBuf};

const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const FOLDERS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// The authorities; `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the usual places.
pub(super) fn authorities() -> Vec<CertificateDer<'static>> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let bundles = named("SSL_CERT_FILE").map_or_else(|| BUNDLES.map(PathBuf::from).to_vec(), |file| vec![file.into()]);
    let folders = named("SSL_CERT_DIR")
        .map_or_else(|| FOLDERS.map(PathBuf::from).to_vec(), |list| std::env::split_paths(&list).collect());
    let mut found: BTreeSet<Vec<u8>> = BTreeSet::new();
    if let Some(text) = bundles.iter().find_map(|path| fs::read(path).ok()) {
        found.extend(pem::certificates(&text));
    }
    for entry in folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
        if let Ok(text) = fs::read(entry.path()) {
            found.extend(pem::certificates(&text));
        }
    }
    found.into_iter().map(Into::into).collect()
}
