//! Owns one case of a login: a server, a kubeconfig and an environment, in which a program is run.

use crate::support::{
    Api, Reply, World,
    certificates::Pair,
    front::{Front, Tls},
    run::INCIDENT,
    world::{NAMESPACE, legacy},
};
use base64::Engine as _;
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};
use tempfile::TempDir;

/// The token that servers want, if they want one.
pub(super) const TOKEN: &str = "good-token-0123456789";
/// A name that nothing resolves: only a proxy can reach it.
pub(super) const FAR: &str = "api.far.test";
const ALL: [&str; 5] = ["127.0.0.1", "::1", "localhost", FAR, "inner.far.test"];
pub(super) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What all cases share, because keys take time.
pub(super) struct Keys {
    pub(super) authority: Pair,
    pub(super) other: Pair,
    pub(super) server: Pair,
    pub(super) client: Pair,
    /// An address of this machine that is not loopback.
    pub(super) own_ip: Option<IpAddr>,
}

pub(super) static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let authority = Pair::authority("authority", &rcgen::PKCS_ECDSA_P256_SHA256);
    let own_ip = own_ip();
    let own = own_ip.map(|ip| ip.to_string());
    let hosts: Vec<&str> = ALL.into_iter().chain(own.as_deref()).collect();
    Keys {
        server: authority.server(&hosts, &rcgen::PKCS_ECDSA_P256_SHA256),
        client: authority.client("jane", &rcgen::PKCS_ECDSA_P256_SHA256),
        other: Pair::authority("other", &rcgen::PKCS_ECDSA_P256_SHA256),
        authority,
        own_ip,
    }
});

/// The address from which this machine would reach others. Nothing is sent.
fn own_ip() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

/// A case that is being built.
pub(super) struct Case {
    pub(super) api: Api,
    pub(super) fronts: Vec<Front>,
    /// Other servers, such as an issuer of tokens.
    pub(super) others: Vec<Api>,
    pub(super) folder: TempDir,
    /// `cluster`, `user` and `context` of the kubeconfig.
    pub(super) cluster: Value,
    pub(super) user: Value,
    pub(super) context: Value,
    pub(super) environment: Vec<(String, String)>,
    /// The kubeconfig's text, if it is not made of the fields above.
    pub(super) text: Option<String>,
    /// Whether there is none.
    pub(super) without: bool,
    /// What is mounted as the service account of a pod.
    pub(super) pod: Option<PathBuf>,
    pub(super) arguments: Vec<String>,
}

impl Case {
    /// A server with TLS that wants the token, and a kubeconfig that has it.
    pub(super) fn new() -> Self {
        Self::with_tls(&Tls::new(&KEYS.server.certificate, &KEYS.server.key))
    }

    /// The same with TLS of its own.
    pub(super) fn with_tls(tls: &Tls) -> Self {
        Self::listening(tls, HERE)
    }

    /// The same at another address.
    pub(super) fn listening(tls: &Tls, ip: IpAddr) -> Self {
        Self::behind(tls, ip).user(json!({ "token": TOKEN })).wants("authorization", &format!("Bearer {TOKEN}"))
    }

    /// A server with TLS that takes everybody, and nobody who logs in.
    pub(super) fn open() -> Self {
        Self::behind(&Tls::new(&KEYS.server.certificate, &KEYS.server.key), HERE)
    }

    fn behind(tls: &Tls, ip: IpAddr) -> Self {
        let mut case = Self::plain();
        let front = Front::tls(ip, tls, case.api.address());
        let authority = packed(&KEYS.authority.certificate);
        case.cluster =
            json!({ "server": format!("https://{}", front.address), "certificate-authority-data": authority });
        case.fronts.push(front);
        case
    }

    /// A server without TLS, and nobody who logs in.
    pub(super) fn plain() -> Self {
        let (world, documents) = (World::one(), legacy());
        let api = Api::new(move |asked| match documents.get(&asked.path) {
            Some(document) => Some(Reply::json(document)),
            None => world.answer(asked),
        });
        Self {
            cluster: json!({ "server": api.url() }),
            user: json!({}),
            context: json!({ "cluster": "c", "user": "u" }),
            api,
            fronts: Vec::new(),
            others: Vec::new(),
            folder: tempfile::tempdir().expect("a folder"),
            environment: Vec::new(),
            text: None,
            without: false,
            pod: None,
            arguments: Vec::new(),
        }
    }

    /// The server refuses every request without this header.
    pub(super) fn wants(self, name: &str, value: &str) -> Self {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.api.on(move |asked| {
            (asked.header(&name) != value).then(|| Reply::status(401, "Unauthorized", "Unauthorized"))
        });
        self
    }

    /// A server that wants a client certificate, and no token.
    pub(super) fn with_clients() -> Self {
        let mut tls = Tls::new(&KEYS.server.certificate, &KEYS.server.key);
        tls.clients = Some(KEYS.authority.certificate.clone());
        Self::behind(&tls, HERE)
    }

    pub(super) fn cluster(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.cluster[field] = value.into();
        self
    }

    pub(super) fn user(mut self, user: Value) -> Self {
        self.user = user;
        self
    }

    pub(super) fn context(mut self, context: Value) -> Self {
        self.context = context;
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Writes a file next to the kubeconfig; a script can be run.
    pub(super) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &text).expect("a file");
        let mode = if text.as_ref().starts_with(b"#!") { 0o755 } else { 0o600 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("permissions");
        path
    }

    pub(super) fn port(&self) -> u16 {
        self.fronts.first().map_or_else(|| self.api.address(), |front| front.address).port()
    }

    pub(super) fn front(&self) -> SocketAddr {
        self.fronts[0].address
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The kubeconfig as the fields have it.
    pub(super) fn config(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{ "name": "c", "cluster": self.cluster }],
            "users": [{ "name": "u", "user": self.user }],
            "contexts": [{ "name": "x", "context": self.context }],
        })
    }

    /// Runs `kubectl get pods`, without a flag that would make it forget the service account of its pod.
    pub(super) fn kubectl(&self, kubectl: &Path) -> Output {
        self.run(kubectl, &["get", "pods", "-n", NAMESPACE, "-o", "name"])
    }

    /// Runs our `collect --dry-run`, which lists pods, too.
    pub(super) fn ours(&self) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_kubectl-escalate"));
        self.run(
            program,
            &["collect", "--dry-run", "--prometheus", "none", "-n", NAMESPACE, "--incident-time", INCIDENT],
        )
    }

    /// Runs our `collect` into the folder `out`.
    pub(super) fn collect(&self, arguments: &[&str]) -> Output {
        self.collecting(arguments).output().expect("the program runs")
    }

    pub(super) fn collecting(&self, arguments: &[&str]) -> Command {
        std::fs::create_dir_all(self.path("out")).expect("a folder");
        let program = Path::new(env!("CARGO_BIN_EXE_kubectl-escalate"));
        let usual = [
            "collect",
            "--prometheus",
            "none",
            "--scrape-gap",
            "0s",
            "--to",
            "out",
            "-n",
            NAMESPACE,
            "--incident-time",
            INCIDENT,
        ];
        self.command(program, &[&usual[..], arguments].concat())
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Output {
        self.command(program, arguments).output().expect("the program runs")
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        if !self.without {
            self.file("config", self.text.clone().unwrap_or_else(|| self.config().to_string()));
        }
        let mut command = Command::new(program);
        if let Some(account) = &self.pod {
            let script = "mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io && \
                          cp -r \"$0\" /run/secrets/kubernetes.io/serviceaccount && exec \"$@\"";
            command = Command::new("unshare");
            command.args(["-Urm", "/bin/sh", "-c", script]).arg(account).arg(program);
        }
        command.args(arguments).args(&self.arguments).current_dir(self.folder.path()).env_clear();
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", path).env("HOME", self.folder.path()).stdin(Stdio::null());
        if !self.without {
            command.env("KUBECONFIG", self.path("config"));
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// As `base64 -w0`.
pub(super) fn packed(text: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// As `base64`, with these line breaks.
pub(super) fn wrapped(text: impl AsRef<[u8]>, end: &str) -> String {
    let packed = packed(text);
    packed.as_bytes().chunks(64).map(|line| format!("{}{end}", String::from_utf8_lossy(line))).collect()
}
