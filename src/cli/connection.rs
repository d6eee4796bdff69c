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
#[command(next_help_heading = "Which cluster and workload")]
pub(super) struct Flags {
    /// The kubeconfig context; repeat it to collect from several clusters at once
    #[arg(long, value_name = "NAME")]
    pub(super) context: Vec<String>,
    /// Path of the kubeconfig
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// The namespace of the trust domain server; repeatable [default: found by label]
    #[arg(short, long, value_name = "NAME")]
    pub(super) namespace: Vec<String>,
    /// Every namespace that the profile matches
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub(super) all_namespaces: bool,
    /// Label selector of the server's pods, in place of the profile's
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(super) selector: Option<String>,
    /// User to impersonate
    #[arg(long = "as", value_name = "USER")]
    pub(super) impersonate: Option<String>,
    /// Group to impersonate; repeatable
    #[arg(long = "as-group", value_name = "GROUP", requires = "impersonate")]
    pub(super) impersonate_groups: Vec<String>,
    /// Longest wait for an answer, and between two pieces of it
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

    /// A client for each context asked for, in order, with so many requests at once; those whose credentials cannot be had come
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
