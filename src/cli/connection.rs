//! Owns the flags that every verb against a cluster takes: kubectl's own, with kubectl's meaning.

use crate::{
    pipeline::{Clusters, Places, Targets},
    source::kubernetes::{RequestLimits, Target},
};
use clap::Args;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster and workload")]
pub(super) struct Flags {
    /// Use this kubeconfig context; repeat to collect from several clusters at once
    #[arg(long, value_name = "NAME")]
    pub(super) context: Vec<String>,
    /// Use this kubeconfig file
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Collect from this namespace; repeatable [default: found by the servers' labels]
    #[arg(short, long, value_name = "NAME")]
    pub(super) namespace: Vec<String>,
    /// Collect from every namespace that the profile matches
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub(super) all_namespaces: bool,
    /// Select the servers' pods by these labels, instead of the profile's
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(super) selector: Option<String>,
    /// Impersonate this user
    #[arg(long = "as", value_name = "USER")]
    pub(super) impersonate: Option<String>,
    /// Impersonate this group; repeatable
    #[arg(long = "as-group", value_name = "GROUP", requires = "impersonate")]
    pub(super) impersonate_groups: Vec<String>,
    /// Give up on a request that receives nothing for this long
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = super::parse::duration)]
    pub(super) request_timeout: std::time::Duration,
}

impl Flags {
    /// The clusters that these flags select, and where in them, with this many requests to each at once.
    pub(super) fn targets(&self, names: Vec<(String, String)>, requests: usize) -> Targets {
        let target = |context| Target {
            kubeconfig: self.kubeconfig.clone(),
            context,
            impersonate: self.impersonate.clone(),
            impersonate_groups: self.impersonate_groups.clone(),
        };
        let contexts = match &self.context[..] {
            [] => vec![target(None)],
            named => named.iter().cloned().map(Some).map(target).collect(),
        };
        Targets {
            clusters: Clusters::Contexts(contexts),
            places: Places {
                namespaces: self.namespace.clone(),
                all: self.all_namespaces,
                selector: self.selector.clone(),
                context: None,
            },
            names,
            requests: RequestLimits { idle: self.request_timeout, requests, ..RequestLimits::default() },
        }
    }
}
