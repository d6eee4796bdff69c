//! Owns the errors of a run that ends without a bundle. The command line chooses their exit codes.

use super::place::PlaceError;
use crate::{
    bundle::BundleError,
    collect::EarlierError,
    source::{kubernetes::ConnectError, prometheus::AccessError},
};

/// Why a run gave no bundle.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The kubeconfig, or a context in it, cannot be used.
    #[error(transparent)]
    Context(#[from] ConnectError),
    /// A context is given twice.
    #[error("--context {0} is given twice; give each context once")]
    ContextTwice(String),
    /// A name was given for a context that is not part of the run.
    #[error("--cluster-name {0}=…: this run does not collect from that context; name one of its contexts")]
    UnknownContext(String),
    /// Two clusters would have one name.
    #[error("two clusters would be called \"{0}\" in the bundle; give them different names with --cluster-name")]
    NameTwice(String),
    /// No cluster has what was requested, or the user has to choose.
    #[error("{}", .0.iter().map(NoPlace::to_string).collect::<Vec<_>>().join("\n"))]
    NoPlace(Vec<NoPlace>),
    /// The Prometheus cannot be reached with these flags.
    #[error(transparent)]
    Prometheus(#[from] AccessError),
    /// The bundle to complete cannot be used.
    #[error(transparent)]
    Earlier(#[from] EarlierError),
    /// The bundle could not be created or written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle was written without a manifest.
    #[error("internal error: the bundle has no manifest, because its writer did not ask for one; please report this")]
    NoManifest,
    /// No cluster answered. The observer was told the reason for each.
    #[error("there is no bundle, because no cluster was reached")]
    NoCluster,
    /// The run was interrupted before any cluster had answered.
    #[error("interrupted before anything was collected; there is no bundle")]
    Interrupted,
}

/// Why there is nothing to collect in a cluster.
#[derive(Debug, thiserror::Error)]
#[error("{}{error}{}", cluster.as_ref().map(|name| format!("{name}: ")).unwrap_or_default(), commands(context.as_deref(), error))]
pub struct NoPlace {
    /// The cluster's name in the bundle, if there are several.
    pub cluster: Option<String>,
    /// The context, where the user named one.
    pub context: Option<String>,
    /// What was looked for, and why it was not found.
    pub error: PlaceError,
}

/// If several deployments were found: a command for each.
fn commands(context: Option<&str>, error: &PlaceError) -> String {
    let PlaceError::Several(found) = error else { return String::new() };
    let context = context.map(|context| format!(" --context {context}")).unwrap_or_default();
    let command = |(namespace, pods): &(String, usize)| {
        format!("\n  kubectl escalate collect{context} -n {namespace}   # {pods} server pods")
    };
    found.iter().map(command).collect()
}
