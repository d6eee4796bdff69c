//! Owns a collection from beginning to end: the place for the bundle, the clusters, the tasks, and, with `--wait`, the
//! logs until the window ends.

use super::{
    control::Control,
    error::PipelineError,
    fit,
    observer::{Notice, Observer},
    pass::{Made, Session},
    reach::reach,
    request::{CollectRequest, PrometheusAccess},
};
use crate::{
    bundle::{BundleError, BundleWriter, Destination, Finished, Fit, Manifest, findings::Findings},
    collect::{Earlier, PrometheusRoute},
    collectors,
    exit::Exit,
    redact::Redactor,
    source::{StopReason, prometheus::Prometheus},
};
use chrono::Utc;
use std::sync::Arc;

/// A finished bundle.
pub struct Collected {
    /// The bundle's manifest.json.
    pub manifest: Manifest,
    /// What went wrong. None if an internal error kept them from being made; the manifest then says so.
    pub findings: Option<Findings>,
    /// Where it is, its size and its hash.
    pub finished: Finished,
    redactor: Redactor,
}

impl Collected {
    /// The exit code that this bundle means.
    #[must_use]
    pub fn exit(&self) -> Exit {
        Exit::of(&self.manifest)
    }

    /// Makes a copy of at most `max` bytes beside the bundle, unless that is small enough. Blocks the thread.
    ///
    /// # Errors
    /// The same as for [`fit`](super::fit).
    pub fn fit(&self, max: u64, observer: &dyn Observer, control: &Control) -> Result<Fit, BundleError> {
        let to = Destination::of_copy(&self.finished.path, None)?;
        fit::fit_with(&self.redactor, &self.finished.path, &to, max, observer, control)
    }
}

/// Collects one incident into one bundle. Needs a multi-threaded runtime of tokio.
///
/// Whatever ends the run early (an interrupt through `control`, the deadline, a full disk) ends in a valid bundle of
/// what was collected, once one cluster has answered. Before that, nothing is left behind.
///
/// # Errors
/// When there is no bundle.
pub async fn collect(
    mut request: CollectRequest,
    observer: Arc<dyn Observer>,
    control: &Control,
) -> Result<Collected, PipelineError> {
    let prometheus = match &request.prometheus {
        PrometheusAccess::Service(named, headers) => PrometheusRoute::Service(named.clone(), headers.clone()),
        PrometheusAccess::Address(access) => {
            let prometheus = Prometheus::at_address((**access).clone(), request.targets.requests.idle, control.stop())?;
            PrometheusRoute::Address(Box::new(prometheus))
        }
    };
    let bundle = BundleWriter::create(&request.to, request.started)?;
    let deadline = control.end_after(request.limits.deadline);
    // Whatever ends the run before there is a bundle leaves nothing behind.
    let reached = match reach(&request.targets, &request.evidence.profile, &*observer, control).await {
        Ok(reached) if !reached.clusters.is_empty() => reached,
        none => {
            bundle.abandon();
            return Err(none.err().unwrap_or_else(|| match control.stop.reason() {
                Some(StopReason::Interrupted) => PipelineError::Interrupted,
                _ => PipelineError::NoCluster,
            }));
        }
    };
    let earlier = request.earlier.take().map(Arc::new);
    let run = Session {
        evidence: Arc::new(request.evidence.clone()),
        redactor: Redactor::new(&request.key),
        request,
        reached,
        prometheus,
        observer,
        control: control.clone(),
    };
    let mut made = run.run(run.pass(bundle, earlier)).await?;
    drop(deadline);
    if run.request.wait && run.is_open() {
        made = wait(&run, made).await;
    }
    let Made { manifest, findings, finished, .. } = made;
    Ok(Collected { manifest, findings, finished, redactor: run.redactor })
}

/// Follows the logs until the window ends, and completes the bundle that was made. If that fails, that bundle stays.
async fn wait(run: &Session, made: Made) -> Made {
    let bundle = &made.finished.path;
    run.observer.notice(&Notice::Following { bundle, until: run.evidence.window.end });
    match complete(run, &made).await {
        Ok(completed) => completed,
        Err(error) => {
            run.observer.notice(&Notice::NotCompleted { bundle, why: &error });
            made
        }
    }
}

async fn complete(run: &Session, made: &Made) -> Result<Made, PipelineError> {
    let first = &made.finished.path;
    let earlier = Earlier::of_this_run(first)?;
    let bundle = BundleWriter::create(&Destination::Next(first.clone()), run.request.started)?;
    let mut pass = run.pass(bundle, Some(Arc::new(earlier)));
    pass.followed = collectors::follow(&mut pass.contexts, &run.control.stop).await;
    run.observer.following_ended();
    pass.asked = Utc::now();
    let deadline = run.control.end_after(run.request.limits.deadline);
    let completed = run.run(pass).await;
    drop(deadline);
    let completed = completed?;
    if !completed.has_all {
        run.observer.notice(&Notice::BothStay { first });
        return Ok(completed);
    }
    let finished = completed.finished.in_place_of(&made.finished)?;
    Ok(Made { finished, ..completed })
}
