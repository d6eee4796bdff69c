//! Owns how a context of a kubeconfig becomes a login: the cluster, the user and the namespace that it names.

use super::{
    Bytes, Fault, data_or_file,
    files::{Entry, Kubeconfig},
    filled,
    server::{Proxy, Server},
    user::User,
};
use serde::Deserialize;
use serde_json::Value;

/// The cluster of a context, and who logs in.
#[derive(Clone)]
pub struct Login {
    /// The context's name.
    pub context: String,
    /// The user's name; `nobody` if the context has none.
    pub user_name: String,
    /// The context's namespace.
    pub namespace: Option<String>,
    /// What the context's cluster says.
    pub cluster: Cluster,
    /// Who logs in.
    pub user: User,
}

/// How a cluster is reached.
#[derive(Clone)]
pub struct Cluster {
    /// Its API server.
    pub server: Server,
    /// Its certificate authorities; `None` means the system's.
    pub authority: Option<Bytes>,
    /// Whether its certificate is not checked.
    pub insecure: bool,
    /// The name that its certificate has, if it is not the host.
    pub server_name: Option<String>,
    /// Its own proxy, which no rule of the environment takes away.
    pub proxy: Option<Proxy>,
    /// Whether answers are requested without compression.
    pub plain_answers: bool,
    /// What credential plugins are told, as `extensions` has it.
    pub for_plugins: Option<Value>,
}

#[derive(Default, Deserialize)]
struct ContextFields {
    cluster: Option<String>,
    user: Option<String>,
    namespace: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterFields {
    server: Option<String>,
    tls_server_name: Option<String>,
    insecure_skip_tls_verify: Option<Switch>,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    proxy_url: Option<String>,
    disable_compression: Option<Switch>,
    extensions: Option<Vec<Value>>,
}

/// A boolean, also in the words of YAML 1.1, which Go reads.
#[derive(Deserialize)]
#[serde(untagged)]
enum Switch {
    Is(bool),
    Word(String),
}

fn is_on(switch: Option<Switch>) -> bool {
    match switch {
        Some(Switch::Is(is_on)) => is_on,
        Some(Switch::Word(word)) => ["y", "yes", "on", "true"].contains(&word.to_ascii_lowercase().as_str()),
        None => false,
    }
}

impl Kubeconfig {
    /// The login of a context; `None` if there is no context of this name.
    ///
    /// # Errors
    /// If the context, its cluster or its user is wrong.
    pub fn login(&self, context: &str) -> Option<Result<Login, Fault>> {
        let entry = find(&self.contexts, context)?;
        Some(entry.read("context").and_then(|fields| self.login_of(context, fields)))
    }

    fn login_of(&self, context: &str, fields: ContextFields) -> Result<Login, Fault> {
        let cluster_name = fields.cluster.unwrap_or_default();
        let cluster = find(&self.clusters, &cluster_name).ok_or_else(|| {
            format!("the context \"{context}\" names the cluster \"{cluster_name}\", which it does not have")
        })?;
        let cluster = Cluster::read(cluster)?;
        let user_name = fields.user.unwrap_or_default();
        // kubectl sends requests without credentials if the user is missing, and reads none for a server without TLS.
        let mut user = find(&self.users, &user_name).map(User::read).transpose();
        if !cluster.server.is_tls() {
            user =
                Ok(user.unwrap_or_default().map(|user| User { impersonation: user.impersonation, ..User::default() }));
        }
        let user_name = if user_name.is_empty() { "nobody".to_owned() } else { user_name };
        let namespace = fields.namespace.filter(|namespace| !namespace.is_empty());
        Ok(Login { context: context.to_owned(), user: user?.unwrap_or_default(), user_name, namespace, cluster })
    }
}

fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.name == name)
}

impl Cluster {
    fn read(entry: &Entry) -> Result<Self, Fault> {
        const PLUGINS: &str = "client.authentication.k8s.io/exec";
        let fields: ClusterFields = entry.read("cluster")?;
        let wrong = |why: Fault| format!("the cluster \"{}\" is wrong: {why}", entry.name);
        let server = filled(fields.server.as_ref()).ok_or_else(|| wrong("it has no server".to_owned()))?;
        let data = ("certificate-authority-data", fields.certificate_authority_data.as_ref());
        let authority = data_or_file(data, fields.certificate_authority.as_ref(), &entry.folder).map_err(wrong)?;
        let insecure = is_on(fields.insecure_skip_tls_verify);
        if insecure && authority.is_some() {
            return Err(wrong(
                "it has certificate authorities and insecure-skip-tls-verify; remove one of them, as kubectl demands"
                    .to_owned(),
            ));
        }
        let mut extensions = fields.extensions.unwrap_or_default().into_iter();
        Ok(Self {
            server: Server::read(server).map_err(wrong)?,
            authority,
            insecure,
            server_name: fields.tls_server_name.filter(|name| !name.is_empty()),
            proxy: filled(fields.proxy_url.as_ref()).map(Proxy::read).transpose().map_err(wrong)?,
            plain_answers: is_on(fields.disable_compression),
            for_plugins: extensions.find(|it| it["name"] == PLUGINS).map(|mut it| it["extension"].take()),
        })
    }
}
