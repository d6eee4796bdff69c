//! From a kubeconfig context to a client: kubectl's rules for which file and which context, our
//! timeouts and limits, and the user's impersonation.

use super::{Kubernetes, Limits, Stop};
use hyper_util::client::proxy::matcher::Matcher;
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{path::PathBuf, time::Duration};

/// Credential plugins may ask the user to log in; longer than this is a hang.
const CREDENTIALS: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(10);

/// Which cluster, as the user named it.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// `--kubeconfig`; otherwise `KUBECONFIG` and the default file, as kubectl does.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`; otherwise the current context.
    pub context: Option<String>,
    /// `--as`.
    pub impersonate: Option<String>,
    /// `--as-group`.
    pub impersonate_groups: Vec<String>,
}

/// A cluster we have credentials for. Nothing was sent to it yet.
pub struct Connection {
    /// The client.
    pub kubernetes: Kubernetes,
    /// The context's name; `in-cluster` when a pod's own account is used.
    pub context: String,
    /// The user as kubeconfig names it, for the run's first lines only: it never enters a bundle.
    pub user: String,
    /// The namespace of the context, where it has one.
    pub namespace: Option<String>,
    /// The server's address, for error texts.
    pub server: String,
}

/// Why a context gave no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No kubeconfig and not in a pod.
    #[error("no kubeconfig was found ({0}) and this is not a pod; give one with --kubeconfig or KUBECONFIG")]
    NoConfig(String),
    /// The file cannot be used.
    #[error("the kubeconfig {path} cannot be used: {why}")]
    BadConfig {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// The context is not there.
    #[error("there is no context \"{name}\" in the kubeconfig; it has: {known}")]
    NoContext {
        /// As asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// No context was named and none is current.
    #[error("the kubeconfig names no current context; give one with --context ({known})")]
    NoCurrent {
        /// Those there are.
        known: String,
    },
    /// The credentials could not be had.
    #[error("the credentials of context \"{context}\" could not be obtained: {why}")]
    Credentials {
        /// The context.
        context: String,
        /// Why.
        why: String,
    },
}

impl ConnectError {
    /// Whether the user's words are wrong (exit 2), rather than a cluster not to be had.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoConfig(_) | Self::NoContext { .. } | Self::NoCurrent { .. } | Self::BadConfig { .. })
    }
}

/// Makes a client for a context. Sends nothing, but may run a credential plugin.
///
/// # Errors
/// When the kubeconfig, the context or its credentials cannot be used.
pub async fn connect(target: &Target, limits: Limits, stop: Stop) -> Result<Connection, ConnectError> {
    let (mut config, context, user, namespace) = load(target).await?;
    config.connect_timeout = Some(CONNECT);
    // Idle and total times are kept per body, where a slow stream differs from a stalled one.
    config.read_timeout = None;
    // Ours is bounded and known to the manifest; the library's is not.
    config.default_retry = false;
    if target.impersonate.is_some() {
        config.auth_info.impersonate.clone_from(&target.impersonate);
    }
    if !target.impersonate_groups.is_empty() {
        config.auth_info.impersonate_groups = Some(target.impersonate_groups.clone());
    }
    let server = config.cluster_url.to_string();
    let failed = |why: String| ConnectError::Credentials { context: context.clone(), why };
    // The builder runs credential plugins while it blocks, and on the runtime's handle.
    let handle = tokio::runtime::Handle::current();
    let building = tokio::task::spawn_blocking(move || {
        let _entered = handle.enter();
        ClientBuilder::try_from(config).map(ClientBuilder::build)
    });
    let client: Client = match tokio::time::timeout(CREDENTIALS, building).await {
        Err(_) => {
            return Err(failed(format!("the credential plugin did not answer within {} s", CREDENTIALS.as_secs())));
        }
        Ok(Err(panic)) => return Err(failed(panic.to_string())),
        Ok(Ok(Err(error))) => return Err(failed(super::causes(&error).join(": "))),
        Ok(Ok(Ok(client))) => client,
    };
    let kubernetes = Kubernetes::new(client, limits, stop);
    Ok(Connection { kubernetes, context, user, namespace, server })
}

async fn load(target: &Target) -> Result<(Config, String, String, Option<String>), ConnectError> {
    let (kubeconfig, path) = match &target.kubeconfig {
        Some(path) => (Kubeconfig::read_from(path), path.display().to_string()),
        None => {
            let named = std::env::var("KUBECONFIG").ok().filter(|path| !path.is_empty());
            (Kubeconfig::read(), named.unwrap_or_else(|| "of the home directory".to_owned()))
        }
    };
    let kubeconfig = match kubeconfig {
        Ok(kubeconfig) => kubeconfig,
        // Only where no file is meant: any other fallback would quietly collect another cluster.
        Err(error) if target.kubeconfig.is_none() && std::env::var_os("KUBECONFIG").is_none() => {
            let why = super::causes(&error).join(": ");
            let config = Config::incluster().map_err(|_| ConnectError::NoConfig(why))?;
            let namespace = config.default_namespace.clone();
            return Ok((config, "in-cluster".to_owned(), "the pod's service account".to_owned(), Some(namespace)));
        }
        Err(error) => return Err(ConnectError::BadConfig { path, why: super::causes(&error).join(": ") }),
    };
    let known = || {
        let names: Vec<_> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
        if names.is_empty() { "it has none".to_owned() } else { names.join(", ") }
    };
    let name = target.context.clone().or_else(|| kubeconfig.current_context.clone()).filter(|name| !name.is_empty());
    let Some(name) = name else {
        return Err(ConnectError::NoCurrent { known: known() });
    };
    let Some(context) = kubeconfig.contexts.iter().find(|context| context.name == name) else {
        return Err(ConnectError::NoContext { known: known(), name });
    };
    let (user, namespace) = context
        .context
        .as_ref()
        .map(|context| (context.user.clone().unwrap_or_default(), context.namespace.clone()))
        .unwrap_or_default();
    let cluster_of =
        |context: &kube::config::NamedContext| context.context.as_ref().map(|context| context.cluster.clone());
    let cluster = kubeconfig.clusters.iter().find(|cluster| Some(&cluster.name) == cluster_of(context).as_ref());
    let names_proxy =
        cluster.and_then(|cluster| cluster.cluster.as_ref()?.proxy_url.as_ref()).is_some_and(|url| !url.is_empty());
    let options = KubeConfigOptions { context: Some(name.clone()), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options)
        .await
        .map_err(|error| ConnectError::Credentials { context: name.clone(), why: super::causes(&error).join(": ") })?;
    // kube 5.0 holds NO_PROXY against the proxy's own address instead of the cluster's.
    if !names_proxy && Matcher::from_env().intercept(&config.cluster_url).is_none() {
        config.proxy_url = None;
    }
    Ok((config, name, user, namespace))
}
