//! Owns the way from a kubeconfig context to a client: kubectl's rules for the file and the context, our timeouts, and
//! impersonation.

use super::{
    client::{Kubernetes, RequestLimits},
    login::{self, Login},
};
use crate::source::{Stop, causes};
use hyper_util::client::proxy::matcher::Matcher;
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{path::PathBuf, time::Duration};

/// Time limit of a credential plugin, which may ask the user to log in.
const CREDENTIALS: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(10);

/// The cluster and the identity that the user requested, as kubectl's flags name them.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// `--kubeconfig`; `None` means `KUBECONFIG` or the default file.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`; `None` means the current context.
    pub context: Option<String>,
    /// `--as`; replaces the kubeconfig's.
    pub impersonate: Option<String>,
    /// `--as-group`; replaces the kubeconfig's if there is any.
    pub impersonate_groups: Vec<String>,
}

/// A client for a context, with its credentials. Nothing was sent to the cluster yet.
pub struct Connection {
    /// The client of the cluster's API server.
    pub kubernetes: Kubernetes,
    /// The context's name; `in-cluster` if the pod's service account is used.
    pub context: String,
    /// The user as kubeconfig names it. Only for the terminal; it must never enter a bundle.
    pub user: String,
    /// The namespace of the context, if it has one.
    pub namespace: Option<String>,
    /// The API server's address, for error messages.
    pub server: String,
}

/// Why there is no client for a context.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no kubeconfig, and the program does not run in a pod. Holds why no kubeconfig was found.
    #[error(
        "no kubeconfig was found ({0}) and the program does not run in a pod; give one with --kubeconfig or KUBECONFIG"
    )]
    NoConfig(String),
    /// A kubeconfig cannot be read or parsed.
    #[error("the kubeconfig {path} cannot be used: {why}")]
    BadConfig {
        /// Path of the file, or how it is found.
        path: String,
        /// The cause.
        why: String,
    },
    /// The kubeconfig has no context of this name.
    #[error("there is no context \"{name}\" in the kubeconfig; it has: {known}")]
    NoContext {
        /// The name that the user asked for.
        name: String,
        /// The contexts that the kubeconfig has.
        known: String,
    },
    /// The user named no context, and the kubeconfig has no current one.
    #[error("the kubeconfig names no current context; give one with --context ({known})")]
    NoCurrent {
        /// The contexts that the kubeconfig has.
        known: String,
    },
    /// The credentials could not be obtained.
    #[error("the credentials of context \"{context}\" could not be obtained: {why}")]
    Credentials {
        /// The context's name.
        context: String,
        /// The cause.
        why: String,
    },
}

impl ConnectError {
    /// Whether the user's flags or kubeconfig are wrong (exit code 2), rather than the cluster or its credentials.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoConfig(_) | Self::NoContext { .. } | Self::NoCurrent { .. } | Self::BadConfig { .. })
    }
}

/// Makes a client for a context. Sends nothing to the cluster, but may run a credential plugin.
///
/// # Errors
/// If the kubeconfig, the context or its credentials cannot be used.
pub async fn connect(target: &Target, limits: RequestLimits, stop: Stop) -> Result<Connection, ConnectError> {
    let (mut config, context, user, namespace) = load(target).await?;
    config.connect_timeout = Some(CONNECT);
    // Each body has its own timeouts, which tell a slow stream from a stalled one.
    config.read_timeout = None;
    // Our own retries are bounded; those of the library are not.
    config.default_retry = false;
    if target.impersonate.is_some() {
        config.auth_info.impersonate.clone_from(&target.impersonate);
    }
    if !target.impersonate_groups.is_empty() {
        config.auth_info.impersonate_groups = Some(target.impersonate_groups.clone());
    }
    let server = config.cluster_url.to_string();
    let failed = |why: String| ConnectError::Credentials { context: context.clone(), why };
    let login = config.auth_info.exec.as_ref().map(Login::of);
    // The builder blocks while a credential plugin runs, and needs the runtime's handle.
    let handle = tokio::runtime::Handle::current();
    let building = tokio::task::spawn_blocking(move || {
        let _entered = handle.enter();
        ClientBuilder::try_from(config).map(ClientBuilder::build)
    });
    let built = tokio::select! {
        built = tokio::time::timeout(CREDENTIALS, building) => built,
        reason = stop.stopped() => {
            let running = login.map(|login| login.stopped(reason));
            return Err(failed(running.unwrap_or_else(|| "the run was told to end".to_owned())));
        }
    };
    let client: Client = match built {
        Err(_) => {
            let slow = login.map(|login| login.slow(CREDENTIALS));
            let took = || format!("this took longer than {} s", CREDENTIALS.as_secs());
            return Err(failed(slow.unwrap_or_else(took)));
        }
        Ok(Err(panic)) => return Err(failed(panic.to_string())),
        Ok(Ok(Err(error))) => {
            let why = login::explain(&error, login.as_ref()).unwrap_or_else(|| causes(&error).join(": "));
            return Err(failed(why));
        }
        Ok(Ok(Ok(client))) => client,
    };
    let kubernetes = Kubernetes::new(client, limits, stop).with_login(login);
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
        // Only if no file was named. Otherwise this would silently collect another cluster.
        Err(error) if target.kubeconfig.is_none() && std::env::var_os("KUBECONFIG").is_none() => {
            let why = causes(&error).join(": ");
            let config = Config::incluster().map_err(|_| ConnectError::NoConfig(why))?;
            let namespace = config.default_namespace.clone();
            return Ok((config, "in-cluster".to_owned(), "the pod's service account".to_owned(), Some(namespace)));
        }
        Err(error) => return Err(ConnectError::BadConfig { path, why: causes(&error).join(": ") }),
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
        .map_err(|error| ConnectError::Credentials { context: name.clone(), why: causes(&error).join(": ") })?;
    // kube 5.0 checks NO_PROXY against the proxy's address instead of the cluster's.
    if !names_proxy && Matcher::from_env().intercept(&config.cluster_url).is_none() {
        config.proxy_url = None;
    }
    Ok((config, name, user, namespace))
}
