//! Owns the request for a run, as types: it knows no text of the command line, and not clap.

use super::place::Places;
use crate::{
    bundle::{BundleReader, Destination},
    collect::{Attachment, Concurrency, Earlier, Named},
    plan,
    profile::Profile,
    redact::Key,
    source::{
        kubernetes::{RequestLimits, Target},
        prometheus::Access,
    },
};
use chrono::{DateTime, Utc};
use http::HeaderMap;
use plan::window::Window;
use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

/// A request for a collection. [`CollectRequest::new`] has the defaults of the command line; change the fields that
/// differ.
pub struct CollectRequest {
    /// Which evidence to collect, and from which time.
    pub evidence: plan::Request,
    /// When the request was made. It is part of the bundle's name.
    pub started: DateTime<Utc>,
    /// The clusters to collect from, and where to look for the workload in them.
    pub targets: Targets,
    /// How the Prometheus that `evidence.prometheus` names is reached.
    pub prometheus: PrometheusAccess,
    /// How much is read, how fast, and for how long.
    pub limits: Limits,
    /// Where the bundle goes.
    pub to: Destination,
    /// A bundle of the same incident to complete into the new one. `evidence.window` has to be its window, see
    /// [`window_of`](super::window_of).
    pub earlier: Option<Earlier>,
    /// Whether to follow the logs until the window ends, and then replace the bundle.
    pub wait: bool,
    /// The key that turns secrets into tokens.
    pub key: Key,
    /// Notes for support.
    pub notes: Vec<String>,
    /// Text files for support.
    pub attachments: Vec<Attachment>,
    /// The number of the support ticket.
    pub ticket: Option<String>,
}

/// The clusters to collect from, and where to look for the workload in them.
#[derive(Clone, Default)]
pub struct Targets {
    /// By their contexts, or a recording that answers for them.
    pub clusters: Clusters,
    /// The namespaces. [`Places::context`] is ignored: each context has its own.
    pub places: Places,
    /// Names of clusters in the bundle that differ from those of their contexts: pairs of context and name.
    pub names: Vec<(String, String)>,
    /// Timeouts, retries and requests at once, for each cluster.
    pub requests: RequestLimits,
}

impl Targets {
    /// Whether the user named the contexts.
    pub(super) fn names_contexts(&self) -> bool {
        matches!(&self.clusters, Clusters::Contexts(contexts) if contexts.iter().any(|target| target.context.is_some()))
    }

    pub(super) fn is_recording(&self) -> bool {
        matches!(self.clusters, Clusters::Recording(_))
    }
}

/// The clusters to collect from.
#[derive(Clone)]
pub enum Clusters {
    /// Those of kubeconfig contexts, all at once.
    Contexts(Vec<Target>),
    /// Those that a bundle was collected from: the bundle answers in their place.
    Recording(Arc<BundleReader>),
}

impl Default for Clusters {
    /// The cluster of the current context.
    fn default() -> Self {
        Self::Contexts(vec![Target::default()])
    }
}

/// How a Prometheus is reached.
#[derive(Clone)]
pub enum PrometheusAccess {
    /// Through the API server, with these headers: the service that is named, or one that is found.
    Service(Option<Named>, HeaderMap),
    /// By its address.
    Address(Box<Access>),
}

/// How much a collection reads, how fast, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest time to collect. The bundle has what was collected by that time.
    pub deadline: Duration,
    /// The most bytes of one container's log.
    pub log: u64,
    /// The time between two scrapes where no Prometheus answers; zero scrapes once.
    pub scrape_gap: Duration,
    /// How many requests run at once.
    pub streams: Concurrency,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5 * 60),
            log: 2 << 30,
            scrape_gap: Duration::from_secs(10),
            streams: Concurrency { cluster: 32, node: 16 },
        }
    }
}

impl CollectRequest {
    /// Requests the evidence of `profile` for `window`, from the cluster of the current context, into a bundle in the
    /// current folder.
    #[must_use]
    pub fn new(profile: Profile, window: Window, now: DateTime<Utc>) -> Self {
        let evidence = plan::Request {
            profile,
            window,
            skip: BTreeSet::new(),
            node_neighbours: false,
            rotated_logs: false,
            trust_domain: None,
            region: None,
            prometheus: plan::PrometheusChoice::default(),
            queries: Vec::new(),
        };
        Self::of(evidence, now)
    }

    /// The same for evidence that is chosen already.
    #[must_use]
    pub fn of(evidence: plan::Request, now: DateTime<Utc>) -> Self {
        Self {
            evidence,
            started: now,
            targets: Targets::default(),
            prometheus: PrometheusAccess::Service(None, HeaderMap::new()),
            limits: Limits::default(),
            to: Destination::Folder(PathBuf::from(".")),
            earlier: None,
            wait: false,
            key: Key::random(),
            notes: Vec::new(),
            attachments: Vec::new(),
            ticket: None,
        }
    }
}
