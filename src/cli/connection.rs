//! The flags that every verb against a cluster takes: kubectl's own, with kubectl's meaning.

use super::Failure;
use crate::{
    collect::Places,
    source::{
        Stop,
        kubernetes::{Connection, Limits, Target, connect},
    },
};
use clap::Args;
use futures_util::future::join_all;
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
    pub(super) fn limits(&self, requests: usize) -> Limits {
        Limits { idle: self.request_timeout, requests, ..Limits::default() }
    }

    pub(super) fn places(&self, connection: &Connection) -> Places {
        Places {
            namespaces: self.namespace.clone(),
            all: self.all_namespaces,
            selector: self.selector.clone(),
            context: connection.namespace.clone(),
        }
    }

    /// A client for each context asked for, in order, with so many requests at once; those whose credentials cannot be obtained come
    /// with the reason.
    pub(super) async fn connect(
        &self,
        stop: &Stop,
        requests: usize,
    ) -> Result<Vec<(String, Result<Connection, String>)>, Failure> {
        let contexts: Vec<Option<String>> = match &self.context[..] {
            [] => vec![None],
            named => named.iter().cloned().map(Some).collect(),
        };
        for (at, context) in contexts.iter().enumerate() {
            if contexts[..at].contains(context) {
                return Err(Failure::usage(format!(
                    "--context {} is given twice",
                    context.as_deref().unwrap_or_default()
                )));
            }
        }
        let connecting = contexts.into_iter().map(|context| async move {
            let target = Target {
                kubeconfig: self.kubeconfig.clone(),
                context: context.clone(),
                impersonate: self.impersonate.clone(),
                impersonate_groups: self.impersonate_groups.clone(),
            };
            (context, connect(&target, self.limits(requests), stop.clone()).await)
        });
        let mut connections = Vec::new();
        for (context, connected) in join_all(connecting).await {
            match connected {
                Err(error) if error.is_usage() => return Err(Failure::usage(error)),
                Err(error) => {
                    connections.push((context.unwrap_or_else(|| "current".to_owned()), Err(error.to_string())))
                }
                Ok(connection) => connections.push((connection.context.clone(), Ok(connection))),
            }
        }
        Ok(connections)
    }
}
