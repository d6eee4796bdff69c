//! Owns the findings of a finished bundle, by the rules of its own profile or another, without a cluster.

use super::search::search;
use crate::{
    bundle::{BundleError, BundleReader, facts::Facts, findings::Findings, layout},
    findings,
    profile::{Profile, ProfileError},
    text::quoted,
};
use std::path::{Path, PathBuf};

/// Largest facts.json that is read, in bytes.
const LARGEST: u64 = 128 << 20;

/// What a bundle shows.
#[derive(Debug)]
pub struct Report {
    /// What went wrong, the root cause first.
    pub findings: Findings,
    /// Why its logs could not be searched for the profile's patterns, if they could not. The rules that need them are
    /// then not checked.
    pub unread: Option<String>,
}

/// Why a bundle gives no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It cannot be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It has no facts.
    #[error("{} has no facts.json, which findings are made from: its run was killed, or it is a recording; `kubectl escalate demo --bundle {path}` makes a full bundle of its evidence without a cluster, and `kubectl escalate collect --into {path}` completes it from the cluster", .0.display(), path = quoted(&.0.to_string_lossy()))]
    NoFacts(PathBuf),
    /// Its facts are not as they were written.
    #[error("cannot read facts.json of {path}: {why}; `kubectl escalate verify {path}` shows whether the bundle is damaged", path = .path.display())]
    BadFacts {
        /// The bundle's file.
        path: PathBuf,
        /// At which byte, and what was expected there.
        why: serde_json::Error,
    },
    /// Its profile does not come with the program.
    #[error("the bundle was made with the profile \"{0}\", which does not come with this program; give --profile FILE")]
    NoProfile(String),
    /// The requested profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// Applies the rules of `profile`, or else of the profile that the bundle was made with.
///
/// # Errors
/// If the bundle cannot be read, has no facts, or was made with a profile that is not built in.
pub fn report(bundle: &Path, profile: Option<&Profile>) -> Result<Report, ReportError> {
    let reader = BundleReader::open(bundle)?;
    let manifest = reader.manifest();
    let own;
    let profile = match profile {
        Some(profile) => profile,
        None => {
            let unknown = |_| ReportError::NoProfile(manifest.profile.clone());
            own = Profile::built_in(&manifest.profile, &crate::collectors::optional()).map_err(unknown)?;
            &own
        }
    };
    let path = reader.find(&layout::facts()).ok_or_else(|| ReportError::NoFacts(bundle.to_owned()))?;
    let text = reader.read(path, LARGEST)?;
    let mut facts: Facts =
        serde_json::from_slice(&text).map_err(|why| ReportError::BadFacts { path: bundle.to_owned(), why })?;
    let unread = search(&reader, &mut facts, profile);
    Ok(Report { findings: findings::of_bundle(profile, &facts, manifest), unread })
}
