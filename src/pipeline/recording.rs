//! Owns the collection of a recorded incident: a request that the recording can answer.

use super::{
    request::{Clusters, CollectRequest},
    window::{ManifestWindowError, window_of},
};
use crate::{
    bundle::BundleReader,
    plan::{self, window::Incident},
    profile::{Profile, ProfileError},
};
use chrono::{DateTime, Utc};
use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

/// Why a recording cannot be collected again.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// Its profile does not come with the program.
    #[error("cannot collect from the recording {}: {why}", path.display())]
    Profile {
        /// The file of the recording.
        path: PathBuf,
        /// It names the profile.
        why: ProfileError,
    },
    /// Its window is not one that can be collected.
    #[error("cannot collect from the recording {}: in its manifest.json, {why}", path.display())]
    Window {
        /// The file of the recording.
        path: PathBuf,
        /// What is wrong with it.
        why: ManifestWindowError,
    },
}

/// A request for the evidence in `recording`, which answers in place of its clusters. No Prometheus is queried: the
/// recording has a Prometheus's answers, but cannot answer other queries.
///
/// # Errors
/// If the manifest names a profile that does not exist, or a window that cannot be collected.
pub fn request_of(recording: Arc<BundleReader>, now: DateTime<Utc>) -> Result<CollectRequest, RecordingError> {
    let (manifest, path) = (recording.manifest(), || recording.path().to_owned());
    let mut window = window_of(manifest, now).map_err(|why| RecordingError::Window { path: path(), why })?;
    // The window of one without an incident ended when it was made, which is not now.
    window.incident.get_or_insert(Incident { start: window.start, end: window.end });
    let profile = Profile::built_in(&manifest.profile, &crate::collectors::optional())
        .map_err(|why| RecordingError::Profile { path: path(), why })?;
    let namespaces: BTreeSet<&String> = manifest.clusters.iter().flat_map(|cluster| &cluster.namespaces).collect();
    let namespaces = namespaces.into_iter().cloned().collect();
    let mut request = CollectRequest::new(profile, window, now);
    request.evidence.prometheus = plan::PrometheusChoice::Nobody;
    request.limits.scrape_gap = Duration::ZERO;
    request.targets.places.namespaces = namespaces;
    request.targets.clusters = Clusters::Recording(recording);
    Ok(request)
}
