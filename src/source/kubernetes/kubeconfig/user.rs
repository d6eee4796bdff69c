//! Owns the users of a kubeconfig: how one logs in, and whom one acts as.

use super::{Bytes, Fault, data_or_file, files::Entry, filled};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// How a user logs in.
#[derive(Clone, Default)]
pub struct User {
    /// The client certificate and its key.
    pub certificate: Option<(Bytes, Bytes)>,
    /// What goes into the header `Authorization`, or where it comes from.
    pub credential: Credential,
    /// Whom the user acts as.
    pub impersonation: Impersonation,
}

/// What goes into the header `Authorization`, or where it comes from.
#[derive(Clone, Default)]
pub enum Credential {
    /// Nothing.
    #[default]
    None,
    /// A token.
    Token(String),
    /// A file with a token, which may change, and the token if the file cannot be read.
    TokenFile(PathBuf, Option<String>),
    /// User and password.
    Basic(String, String),
    /// A credential plugin.
    Exec(Exec),
    /// An ID token, and what gets a new one.
    Oidc(Oidc),
}

/// A credential plugin, as `exec` describes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exec {
    /// `client.authentication.k8s.io/v1` or `/v1beta1`.
    #[serde(default)]
    pub api_version: String,
    /// The program.
    #[serde(default)]
    pub command: String,
    /// Its arguments.
    pub args: Option<Vec<String>>,
    /// What is added to its environment.
    pub env: Option<Vec<Variable>>,
    /// What to do if the program is missing.
    pub install_hint: Option<String>,
    /// `Never`, `IfAvailable` or `Always`.
    pub interactive_mode: Option<String>,
    /// Whether it is told about the cluster.
    pub provide_cluster_info: Option<bool>,
}

/// A variable of a credential plugin's environment.
#[derive(Clone, Debug, Deserialize)]
pub struct Variable {
    /// Such as `AWS_PROFILE`.
    pub name: String,
    /// Replaces that of our own environment.
    #[serde(default)]
    pub value: String,
}

/// An OpenID Connect login, as `auth-provider` describes it.
#[derive(Clone, Default)]
pub struct Oidc {
    /// `idp-issuer-url`.
    pub issuer: String,
    /// `client-id`.
    pub client: String,
    /// `client-secret`.
    pub secret: String,
    /// `id-token`, if there is one yet.
    pub id_token: Option<String>,
    /// `refresh-token`.
    pub refresh_token: Option<String>,
    /// The issuer's certificate authorities, if not the system's.
    pub authority: Option<Bytes>,
    /// The kubeconfig that the tokens are in.
    pub file: PathBuf,
}

/// Whom a user acts as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// `as`, or the flag.
    pub user: Option<String>,
    /// `as-uid`; Kubernetes ignores it without a user.
    pub uid: Option<String>,
    /// `as-groups`, or the flags.
    pub groups: Vec<String>,
    /// `as-user-extra`.
    pub extra: BTreeMap<String, Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Fields {
    username: Option<String>,
    password: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    #[serde(rename = "as")]
    user: Option<String>,
    as_uid: Option<String>,
    as_groups: Option<Vec<String>>,
    as_user_extra: Option<BTreeMap<String, Vec<String>>>,
    auth_provider: Option<Provider>,
    exec: Option<Exec>,
}

#[derive(Deserialize)]
struct Provider {
    #[serde(default)]
    name: String,
    config: Option<BTreeMap<String, Option<String>>>,
}

impl User {
    pub(super) fn read(entry: &Entry) -> Result<Self, Fault> {
        let fields: Fields = entry.read("user")?;
        let wrong = |why: Fault| format!("the user \"{}\" is wrong: {why}", entry.name);
        let impersonation = Impersonation {
            user: fields.user.clone().filter(|user| !user.is_empty()),
            uid: fields.as_uid.clone().filter(|uid| !uid.is_empty()),
            groups: fields.as_groups.clone().unwrap_or_default(),
            extra: fields.as_user_extra.clone().unwrap_or_default(),
        };
        let has_more =
            impersonation.uid.is_some() || !impersonation.groups.is_empty() || !impersonation.extra.is_empty();
        if impersonation.user.is_none() && has_more {
            return Err(wrong("it names groups, a UID or more to act as, and no user in `as`".to_owned()));
        }
        let certificate = certificate(&fields, &entry.folder).map_err(wrong)?;
        let credential = credential(fields, entry, certificate.is_some()).map_err(wrong)?;
        Ok(Self { certificate, credential, impersonation })
    }
}

fn certificate(fields: &Fields, folder: &Path) -> Result<Option<(Bytes, Bytes)>, Fault> {
    let data = ("client-certificate-data", fields.client_certificate_data.as_ref());
    let Some(certificate) = data_or_file(data, fields.client_certificate.as_ref(), folder)? else {
        return Ok(None);
    };
    let data = ("client-key-data", fields.client_key_data.as_ref());
    let key = data_or_file(data, fields.client_key.as_ref(), folder)?;
    key.map(|key| Some((certificate, key)))
        .ok_or_else(|| "it has a client certificate, and neither client-key nor client-key-data".to_owned())
}

/// Which of several credentials counts, as client-go decides it: a plugin is asked only if nothing else logs in.
fn credential(fields: Fields, entry: &Entry, has_certificate: bool) -> Result<Credential, Fault> {
    let token = filled(fields.token.as_ref()).map(|token| token.trim().to_owned());
    if let Some(file) = filled(fields.token_file.as_ref()) {
        return Ok(Credential::TokenFile(entry.folder.join(file), token));
    }
    let user = fields.username.unwrap_or_default();
    let password = fields.password.unwrap_or_default();
    let has_user = !user.is_empty() || !password.is_empty();
    match (token, fields.exec, fields.auth_provider) {
        (Some(_), ..) if has_user => {
            Err("it has both a token and a user name or password; kubectl takes only one of them".to_owned())
        }
        (Some(token), ..) => Ok(Credential::Token(token)),
        _ if has_user => Ok(Credential::Basic(user, password)),
        (_, Some(_), Some(_)) => Err("it has both exec and auth-provider; kubectl takes only one of them".to_owned()),
        (_, Some(_), _) if has_certificate => Ok(Credential::None),
        (_, Some(exec), _) => plugin(exec, &entry.folder).map(Credential::Exec),
        (_, _, Some(provider)) => oidc(provider, entry).map(Credential::Oidc),
        _ => Ok(Credential::None),
    }
}

fn plugin(mut exec: Exec, folder: &Path) -> Result<Exec, Fault> {
    let known = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
    if exec.command.is_empty() {
        return Err("its exec has no command".to_owned());
    }
    if !known.contains(&exec.api_version.as_str()) {
        let version = &exec.api_version;
        return Err(format!("its exec has the apiVersion \"{version}\", which is none of {}", known.join(" and ")));
    }
    // A bare name is looked up in PATH.
    if exec.command.contains(std::path::MAIN_SEPARATOR) {
        let path: PathBuf = folder.join(&exec.command).components().collect();
        exec.command = path.to_string_lossy().into_owned();
    }
    Ok(exec)
}

fn oidc(provider: Provider, entry: &Entry) -> Result<Oidc, Fault> {
    if provider.name != "oidc" {
        return Err(format!(
            "its auth-provider \"{}\" was removed from kubectl in version 1.26; log in with an exec plugin",
            provider.name
        ));
    }
    let config = provider.config.unwrap_or_default();
    let field = |name: &str| config.get(name).cloned().flatten().filter(|value| !value.is_empty());
    let needed = |name: &str| field(name).ok_or_else(|| format!("its auth-provider has no {name}"));
    let data = field("idp-certificate-authority-data");
    let file = field("idp-certificate-authority");
    Ok(Oidc {
        issuer: needed("idp-issuer-url")?,
        client: needed("client-id")?,
        secret: field("client-secret").unwrap_or_default(),
        id_token: field("id-token"),
        refresh_token: field("refresh-token"),
        // Unlike other files, kubectl looks for this one in the current folder.
        authority: data_or_file(("idp-certificate-authority-data", data.as_ref()), file.as_ref(), Path::new(""))?,
        file: entry.file.clone(),
    })
}
