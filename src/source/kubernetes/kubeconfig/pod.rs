//! Owns the logins without a kubeconfig: that of a pod's service account, and the address that kubectl falls back to.

use super::{
    Bytes, Fault,
    login::{Cluster, Login},
    server::Server,
    user::{Credential, User},
};
use std::{net::TcpStream, path::Path, time::Duration};

const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Where `kubectl proxy` may listen; kubectl's default.
const LOCAL: &str = "localhost:8080";

/// The login of the pod's service account; `None` outside a pod, or without a mounted token.
///
/// # Errors
/// If the address of the API server is wrong.
pub fn service_account() -> Option<Result<Login, Fault>> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
    let folder = Path::new(FOLDER);
    let token = folder.join("token");
    if !token.is_file() {
        return None;
    }
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let authority = folder.join("ca.crt");
    let namespace = std::fs::read_to_string(folder.join("namespace")).ok();
    let login = |server| Login {
        user_name: "the pod's service account".to_owned(),
        namespace: namespace.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
        user: User { credential: Credential::TokenFile(token, None), ..User::default() },
        ..anonymous("in-cluster", server, authority.is_file().then_some(Bytes::File(authority)))
    };
    Some(Server::read(&format!("https://{host}:{port}")).map(login))
}

/// The login that kubectl falls back to: the server of `KUBERNETES_MASTER`, or what listens where `kubectl proxy` may.
///
/// # Errors
/// If `KUBERNETES_MASTER` is no address.
pub fn without_kubeconfig() -> Option<Result<Login, Fault>> {
    let named = std::env::var("KUBERNETES_MASTER").ok().filter(|address| !address.is_empty());
    let address = named.or_else(|| is_answered(LOCAL).then(|| LOCAL.to_owned()))?;
    let server = Server::read(&address).map_err(|why| format!("KUBERNETES_MASTER: {why}"));
    Some(server.map(|server| anonymous("default", server, None)))
}

fn is_answered(address: &str) -> bool {
    use std::net::ToSocketAddrs as _;
    let mut found = address.to_socket_addrs().into_iter().flatten();
    found.any(|address| TcpStream::connect_timeout(&address, Duration::from_millis(300)).is_ok())
}

fn anonymous(context: &str, server: Server, authority: Option<Bytes>) -> Login {
    Login {
        context: context.to_owned(),
        user_name: "nobody".to_owned(),
        namespace: None,
        cluster: Cluster {
            server,
            authority,
            insecure: false,
            server_name: None,
            proxy: None,
            plain_answers: false,
            for_plugins: None,
        },
        user: User::default(),
    }
}
