//! The API server's version, as `/version` answers it.

use crate::{
    bundle::layout,
    collect::{Done, Site},
    plan::{Task, What},
};

pub(super) async fn collect(site: &Site) -> Done {
    let task = Task { what: What::Version, required: false };
    let (version, _) = match site.kubernetes.version().await {
        Ok(version) => version,
        Err(error) => return Done::failed(&error, &task),
    };
    let (clean, counts) = site.redactor.object(version);
    match site.write(layout::api_version(&site.cluster), &task.request(), &clean.to_clean(), counts) {
        Ok(entry) => Done::collected(vec![entry]),
        Err(error) => error.into(),
    }
}
