//! One pod's metrics endpoint, through the API server's proxy, as it answers now.

use super::{Done, Site};
use crate::{
    bundle::{Outcome, layout},
    facts::identity::Extract,
    plan::{ScrapeTask, Task},
    source::kubernetes::SourceError,
};

/// Far above any real endpoint; what is larger is no metrics.
const LIMIT: u64 = 256 << 20;

pub(super) async fn collect(site: &Site, task: &Task, scrape: &ScrapeTask) -> Done {
    let answer = site.kubernetes.get(&task.path(), "text/plain;version=0.0.4").await;
    let mut body = match answer {
        Ok(answer) => answer.body,
        // The proxy's own words for a port that nobody listens on, and for a pod without an address. Any
        // other failure says nothing of the port: the node may be gone.
        Err(SourceError::Status { code: 502..=503, message, .. }) if message.contains("connection refused") => {
            return Done {
                hint: Some("metrics are off, or the process is not up; telemetry.enabled turns them on".to_owned()),
                ..Done::absent(message)
            };
        }
        Err(SourceError::Status { code: 400, message, .. }) if message.contains("address not allowed") => {
            return Done::absent("the pod has no address yet");
        }
        Err(error) => return Done::failed(&error, task),
    };
    let (mut redact, mut extract, mut received) = (site.redactor.stream(), Extract::of_scrape(&site.names), 0);
    let path = layout::scrape(&site.cluster, &scrape.namespace, &scrape.pod, 0);
    let mut entry = match site.begin(path, &task.request()) {
        Ok(entry) => entry,
        Err(error) => return error.into(),
    };
    let broken = loop {
        let clean = match body.chunk().await {
            Ok(Some(chunk)) => {
                site.progress.bytes(chunk.len() as u64);
                received += chunk.len() as u64;
                redact.push(&chunk)
            }
            Ok(None) => break None,
            Err(error) => break Some(Done::failed(&error, task)),
        };
        extract.push(&clean);
        if let Err(error) = entry.write(&clean) {
            return error.into();
        }
        if received > LIMIT {
            let causes = vec![format!("the answer is larger than {LIMIT} bytes, which no metrics are")];
            break Some(Done { causes, ..Done::new(Outcome::Truncated) });
        }
    };
    if received == 0 {
        return broken.unwrap_or_else(|| Done::new(Outcome::Empty));
    }
    let (clean, counts) = redact.finish();
    extract.push(&clean);
    let entry = match entry.write(&clean).and_then(|()| entry.finish(counts, None)) {
        Ok(entry) => entry,
        Err(error) => return error.into(),
    };
    let mut done = broken.unwrap_or_else(|| Done::new(Outcome::Collected));
    // What has come is there; only the rest is missing.
    if done.outcome == Outcome::Failed {
        done.outcome = Outcome::Truncated;
    }
    done.claims = extract.claims(&format!("{} of {}", scrape.name, scrape.pod), &site.cluster);
    done.entries.push(entry);
    done
}
