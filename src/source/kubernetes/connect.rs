//! Owns the way from a kubeconfig context to a client: which context counts, which proxy, whom the user acts as.

use super::{
    client::{Kubernetes, RequestLimits},
    kubeconfig::{self, Credential, Kubeconfig, Login},
    transport::{Transport, environment},
};
use crate::source::{Stop, causes};
use kube::{Client, Config, client::ConfigExt as _};
use std::path::PathBuf;
use tower::ServiceBuilder;
use tower_http::decompression::DecompressionLayer;

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
    /// Certificates, a proxy or the user to act as cannot be used.
    #[error("the context \"{context}\" cannot be used: {why}")]
    Unusable {
        /// The context's name.
        context: String,
        /// The cause.
        why: String,
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
    /// The error as a bundle may have it, without paths of this machine and words of a plugin.
    #[must_use]
    pub fn in_bundle(&self) -> &'static str {
        match self {
            Self::Credentials { .. } => "its credentials could not be obtained",
            _ => "its kubeconfig could not be used",
        }
    }

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
    let Login { context, user_name, namespace, cluster, mut user } = load(target)?;
    let unusable = |why: String| ConnectError::Unusable { context: context.clone(), why };
    if target.impersonate.is_some() {
        user.impersonation.user.clone_from(&target.impersonate);
    }
    if !target.impersonate_groups.is_empty() {
        user.impersonation.groups.clone_from(&target.impersonate_groups);
    }
    if let (Credential::None, Some((name, password))) = (&user.credential, &cluster.server.basic) {
        user.credential = Credential::Basic(name.clone(), password.clone());
    }
    let proxy = match &cluster.proxy {
        Some(proxy) => Some(proxy.clone()),
        None => environment::proxy(&cluster.server, |name| std::env::var(name).ok()).map_err(unusable)?,
    };
    let mut config = Config::new(cluster.server.url.clone());
    config.auth_info.impersonate = user.impersonation.user.take();
    config.auth_info.impersonate_uid = user.impersonation.uid.take();
    config.auth_info.impersonate_groups = Some(std::mem::take(&mut user.impersonation.groups));
    config.auth_info.impersonate_user_extra = Some(std::mem::take(&mut user.impersonation.extra).into_iter().collect());
    let headers = config.extra_headers_layer().map_err(|why| unusable(causes(&why).join(": ")))?;
    let unpacking = DecompressionLayer::new().gzip(!cluster.plain_answers);
    let transport = Transport::new(cluster, user, proxy, stop.clone());
    let credential = transport.log_in().await;
    let credential = credential.map_err(|why| ConnectError::Credentials { context: context.clone(), why: why.0 })?;
    transport.check(&credential).map_err(unusable)?;
    let service =
        ServiceBuilder::new().layer(config.base_uri_layer()).layer(unpacking).layer(headers).service(transport);
    let kubernetes = Kubernetes::new(Client::new(service, "default"), limits, stop);
    Ok(Connection { kubernetes, context, user: user_name, namespace, server: config.cluster_url.to_string() })
}

fn load(target: &Target) -> Result<Login, ConnectError> {
    let bad = |path: String, why: String| ConnectError::BadConfig { path, why };
    let kubeconfig = Kubeconfig::find(target.kubeconfig.as_deref())
        .map_err(|file| bad(file.path.display().to_string(), file.why))?;
    let names: Vec<_> = kubeconfig.contexts().collect();
    let known = if names.is_empty() { "it has none".to_owned() } else { names.join(", ") };
    let files = kubeconfig.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    if let Some(name) = target.context.clone().filter(|name| !name.is_empty()).or_else(|| kubeconfig.current.clone()) {
        return match kubeconfig.login(&name) {
            Some(login) => login.map_err(|why| bad(files, why)),
            None => Err(ConnectError::NoContext { name, known }),
        };
    }
    // kubectl looks there whenever the files say nothing.
    if let Some(login) = kubeconfig::service_account().or_else(kubeconfig::without_kubeconfig) {
        return login.map_err(|why| bad("of the environment".to_owned(), why));
    }
    if !names.is_empty() {
        return Err(ConnectError::NoCurrent { known });
    }
    let missing = kubeconfig.missing.iter().map(|path| format!("{} does not exist", path.display()));
    let empty = kubeconfig.files.iter().map(|path| format!("{} has no context", path.display()));
    Err(ConnectError::NoConfig(missing.chain(empty).collect::<Vec<_>>().join(", ")))
}
