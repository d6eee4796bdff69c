//! Owns the window that a bundle's manifest states. Whoever made the bundle, the window is used only if a user could
//! have requested it.

use crate::{
    bundle::Manifest,
    plan::window::{CLOCKS_DIFFER, Incident, LONGEST, Window, is_before_kubernetes},
    text::utc,
};
use chrono::{DateTime, Utc};

/// What is wrong with the window of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestWindowError {
    /// Its end is before its start.
    #[error("its window_end, {}, is before its window_start, {}", utc(*end), utc(*start))]
    EndsBeforeStart {
        /// `window_start`.
        start: DateTime<Utc>,
        /// `window_end`.
        end: DateTime<Utc>,
    },
    /// It starts before Kubernetes existed.
    #[error("its window_start, {}, is too long ago", utc(*.0))]
    TooOld(DateTime<Utc>),
    /// It starts in the future.
    #[error("its window_start, {}, is in the future", utc(*.0))]
    Future(DateTime<Utc>),
    /// It is longer than a user can request.
    #[error("its window, from {} to {}, is longer than {} days", utc(*start), utc(*end), LONGEST.num_days())]
    TooLong {
        /// `window_start`.
        start: DateTime<Utc>,
        /// `window_end`.
        end: DateTime<Utc>,
    },
    /// Only one of the incident's two times is there.
    #[error("it has only one of incident_start and incident_end")]
    HalfIncident,
    /// The incident ends before it starts, or is not within the window.
    #[error("its incident, from {} to {}, is not within its window, from {} to {}", utc(incident.start), utc(incident.end), utc(window.0), utc(window.1))]
    Incident {
        /// `incident_start` and `incident_end`.
        incident: Incident,
        /// `window_start` and `window_end`.
        window: (DateTime<Utc>, DateTime<Utc>),
    },
}

/// The window that `manifest` names, within the same limits as the flags.
///
/// # Errors
/// If no flags could have requested it.
pub fn window_of(manifest: &Manifest, now: DateTime<Utc>) -> Result<Window, ManifestWindowError> {
    let (start, end) = (manifest.window_start, manifest.window_end);
    if end < start {
        return Err(ManifestWindowError::EndsBeforeStart { start, end });
    }
    if is_before_kubernetes(start) {
        return Err(ManifestWindowError::TooOld(start));
    }
    if start - now > CLOCKS_DIFFER {
        return Err(ManifestWindowError::Future(start));
    }
    if end - start > LONGEST {
        return Err(ManifestWindowError::TooLong { start, end });
    }
    let incident = match (manifest.incident_start, manifest.incident_end) {
        (Some(start), Some(end)) => Some(Incident { start, end }),
        (None, None) => None,
        _ => return Err(ManifestWindowError::HalfIncident),
    };
    let is_within =
        |incident: &Incident| start <= incident.start && incident.start <= incident.end && incident.end <= end;
    match incident {
        Some(incident) if !is_within(&incident) => {
            Err(ManifestWindowError::Incident { incident, window: (start, end) })
        }
        incident => Ok(Window { start, end, incident }),
    }
}
