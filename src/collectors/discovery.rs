//! What the API server serves, as it answered: a replay of the bundle answers the same.

use crate::{
    bundle::{Outcome, layout},
    collect::{Done, Site},
    plan::{Task, UnknownGroup, What},
};

pub(super) async fn collect(site: &Site) -> Done {
    let task = Task { what: What::Discovery, required: false };
    let discovery = match site.kubernetes.discover().await {
        Ok(discovery) => discovery,
        Err(error) => return Done::failed(&error, &task),
    };
    let mut entries = Vec::new();
    for document in discovery.documents {
        let path = match document.path.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["apis", group, version] => layout::api_discovery(&site.cluster, group, version),
            ["api", version] => layout::api_discovery(&site.cluster, "", version),
            [root] => layout::api_document(&site.cluster, root),
            _ => continue,
        };
        let (clean, counts) = site.redactor.object(document.body);
        match site.write(path, &format!("GET {}", document.path), &clean.to_clean(), counts) {
            Ok(entry) => entries.push(entry),
            Err(error) => return Done { entries, ..error.into() },
        }
    }
    let mut done = Done::collected(entries);
    if !discovery.failed.is_empty() {
        done.outcome = Outcome::Truncated;
        let text = |group: UnknownGroup| format!("{}: {}", group.group_version, group.causes.join(": "));
        done.causes = discovery.failed.into_iter().map(text).collect();
    }
    done
}
