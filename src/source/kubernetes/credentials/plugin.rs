//! Owns the running of credential plugins, as client-go runs them (`plugin/pkg/client/auth/exec`). What a plugin prints
//! is bounded, and it ends with the future that runs it.

use super::{Credential, CredentialError};
use crate::{
    source::{
        kubernetes::kubeconfig::{Cluster, Exec},
        text::first_words,
    },
    text::quoted,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    io::{ErrorKind, IsTerminal as _},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    task::JoinHandle,
};

/// Most bytes of a credential.
const MOST: usize = 4 << 20;
/// How much of the end of standard error is kept.
const WORDS: usize = 2 << 10;
/// How long is waited for the end of a stream after the plugin has ended: a process that it started may hold it.
const REST: Duration = Duration::from_secs(1);
/// How many of the last lines of standard error an error has, how many characters of each, and of the command.
const LINES: usize = 3;
const LINE: usize = 200;
const COMMAND: usize = 300;
/// What to do if a plugin fails.
const BY_HAND: &str = "run it by hand, and log in again if it asks for that";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Runs a plugin and reads the credential that it prints.
pub(super) async fn run(exec: &Exec, cluster: &Cluster) -> Result<Credential, CredentialError> {
    let failed = |why: String| CredentialError(format!("{} {why}", name(exec)));
    let has_terminal = std::io::stdin().is_terminal();
    let is_interactive = match exec.interactive_mode.as_deref() {
        Some("Never") => false,
        Some("Always") if !has_terminal => {
            return Err(failed(
                "asks its user (interactiveMode: Always), and standard input is no terminal".to_owned(),
            ));
        }
        None | Some("IfAvailable" | "Always") => has_terminal,
        Some(mode) => return Err(failed(format!("has the unknown interactiveMode \"{mode}\""))),
    };
    let mut command = Command::new(found(&exec.command));
    command.args(exec.args.iter().flatten());
    command.envs(exec.env.iter().flatten().map(|variable| (&variable.name, &variable.value)));
    command.env("KUBERNETES_EXEC_INFO", info(exec, cluster, is_interactive).to_string());
    command.stdin(if is_interactive { Stdio::inherit() } else { Stdio::null() }).stdout(Stdio::piped());
    // At a terminal, its user has to see what it asks for.
    command.stderr(if has_terminal { Stdio::inherit() } else { Stdio::piped() }).kill_on_drop(true);
    // So that what it has started is ended with it. At a terminal, Ctrl-C and its input must reach it.
    let has_group = cfg!(unix) && !has_terminal;
    #[cfg(unix)]
    if has_group {
        command.process_group(0);
    }
    let mut child = Ended { child: command.spawn().map_err(|why| failed(missing(&why, exec)))?, has_group };
    let mut stdout = Printed::read(child.child.stdout.take(), |held| held.len() <= MOST);
    let mut stderr = Printed::read(child.child.stderr.take(), |held| {
        held.drain(..held.len().saturating_sub(WORDS));
        true
    });
    let status = child.child.wait().await.map_err(|why| failed(format!("was lost: {why}")))?;
    if !status.success() {
        stderr.wait().await;
        return Err(failed(ended(status, &stderr.now(), has_terminal)));
    }
    if !stdout.wait().await
        && let Ok(credential) = read(&stdout.now(), exec)
    {
        return Ok(credential);
    }
    stdout.end().await;
    let bytes = stdout.now();
    if bytes.len() > MOST {
        return Err(failed(format!("printed more than {MOST} bytes")));
    }
    read(&bytes, exec).map_err(|why| failed(format!("{why}; run it by hand to see what it prints")))
}

/// What a plugin prints, while it prints.
struct Printed {
    held: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Printed {
    /// Reads until the end, or as long as `goes_on` says so. What is not read then, the plugin cannot print.
    fn read(
        stream: Option<impl AsyncRead + Send + Unpin + 'static>,
        goes_on: impl Fn(&mut Vec<u8>) -> bool + Send + 'static,
    ) -> Self {
        let held = Arc::<Mutex<Vec<u8>>>::default();
        let filled = held.clone();
        let reading = tokio::spawn(async move {
            let Some(mut stream) = stream else { return };
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut chunk).await {
                let mut held = filled.lock().unwrap_or_else(PoisonError::into_inner);
                held.extend_from_slice(&chunk[..read]);
                if !goes_on(&mut held) {
                    return;
                }
            }
        });
        Self { held, reading }
    }

    fn now(&self) -> Vec<u8> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the end, but not long; false if a process that the plugin started holds the stream.
    async fn wait(&mut self) -> bool {
        tokio::time::timeout(REST, self.end()).await.is_ok()
    }

    async fn end(&mut self) {
        if !self.reading.is_finished() {
            let _ = (&mut self.reading).await;
        }
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Where a program is by our own `PATH`. The system would look it up by the one that the plugin gets.
fn found(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_bare = cfg!(unix) && !name.contains(std::path::MAIN_SEPARATOR);
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    is_bare.then(|| places.find(|place| place.is_file())).flatten().unwrap_or_else(|| name.into())
}

/// A child that is killed when this is dropped, with all that it has started if it has a group of its own.
struct Ended {
    child: Child,
    has_group: bool,
}

impl Drop for Ended {
    fn drop(&mut self) {
        // A child that has ended has no id any more, and what it left behind is left alone.
        let id = self.child.id().filter(|_| self.has_group).and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id {
            end_group(id);
        }
        let _ = self.child.start_kill();
    }
}

#[cfg(unix)]
fn end_group(id: i32) {
    if let Some(id) = rustix::process::Pid::from_raw(id) {
        let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn end_group(_: i32) {}

/// What the plugin is told.
fn info(exec: &Exec, cluster: &Cluster, is_interactive: bool) -> Value {
    let mut spec = json!({ "interactive": is_interactive });
    if exec.provide_cluster_info == Some(true) {
        spec["cluster"] = told(cluster);
    }
    json!({ "kind": "ExecCredential", "apiVersion": exec.api_version, "spec": spec })
}

fn told(cluster: &Cluster) -> Value {
    use base64::Engine as _;
    let mut told = json!({ "server": cluster.server.written });
    let authority = cluster.authority.as_ref().and_then(|authority| authority.read().ok());
    let packed = authority.map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes));
    let proxy = cluster.proxy.as_ref().map(|proxy| proxy.with_user());
    for (name, value) in
        [("tls-server-name", cluster.server_name.clone()), ("certificate-authority-data", packed), ("proxy-url", proxy)]
    {
        if let Some(value) = value {
            told[name] = value.into();
        }
    }
    for (name, is_on) in
        [("insecure-skip-tls-verify", cluster.insecure), ("disable-compression", cluster.plain_answers)]
    {
        if is_on {
            told[name] = true.into();
        }
    }
    told["config"] = cluster.for_plugins.clone().unwrap_or_default();
    told
}

/// A plugin as errors name it: with its arguments, as a shell would take them.
pub(super) fn name(exec: &Exec) -> String {
    let words: Vec<_> =
        [&exec.command].into_iter().chain(exec.args.iter().flatten()).map(|word| quoted(word)).collect();
    format!("the credential plugin `{}`", shortened(&words.join(" "), COMMAND))
}

fn missing(why: &std::io::Error, exec: &Exec) -> String {
    let hint = exec.install_hint.as_deref().map(str::trim).filter(|hint| !hint.is_empty());
    let hint = hint.map(|hint| format!("; the kubeconfig says: {}", first_words(hint, LINE))).unwrap_or_default();
    let what = match why.kind() {
        ErrorKind::NotFound => "is not installed, or not in PATH".to_owned(),
        _ => format!("cannot be run: {why}"),
    };
    format!("{what}; install it, or correct the command of this user in the kubeconfig{hint}")
}

fn ended(status: ExitStatus, words: &[u8], has_terminal: bool) -> String {
    let how = status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"));
    let text = String::from_utf8_lossy(words);
    let mut last: Vec<_> =
        text.lines().rev().map(|line| shortened(line, LINE)).filter(|line| !line.is_empty()).collect();
    last.truncate(LINES);
    last.reverse();
    let words = match last.is_empty() {
        true if has_terminal => ", see above".to_owned(),
        true => " and printed no error".to_owned(),
        false => format!(": {}", last.join(" / ")),
    };
    format!("ended with {how}{words}; {BY_HAND}")
}

/// The start of a line, cut between two words: the half of a secret may not be recognised as one.
fn shortened(line: &str, most: usize) -> String {
    let words = first_words(line, most);
    match words.strip_suffix('…') {
        Some(cut) => format!("{}…", cut.rfind(' ').map_or("", |end| &cut[..=end])),
        None => words,
    }
}

/// Reads what a plugin has printed: JSON, or YAML. No error contains what was printed.
fn read(bytes: &[u8], exec: &Exec) -> Result<Credential, String> {
    let text = String::from_utf8_lossy(bytes);
    let answer: Answer = serde_json::from_str(&text)
        .or_else(|why| crate::yaml::from_str(&text).map_err(|_| why))
        .map_err(|why| format!("printed no ExecCredential (line {}, column {})", why.line(), why.column()))?;
    if let Some(version) = answer.api_version.filter(|version| *version != exec.api_version) {
        return Err(format!(
            "printed apiVersion {}, and the kubeconfig says {}",
            first_words(&version, LINE),
            exec.api_version
        ));
    }
    let status = answer.status.ok_or("printed an ExecCredential without a status")?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let identity = match (filled(status.client_certificate_data), filled(status.client_key_data)) {
        (Some(certificate), Some(key)) => Some((certificate.into_bytes(), key.into_bytes())),
        (None, None) => None,
        _ => return Err("printed only one of a client certificate and its key".to_owned()),
    };
    let bearer = filled(status.token).map(|token| Credential::bearer(&token)).transpose().map_err(|why| why.0)?;
    if bearer.is_none() && identity.is_none() {
        return Err("printed neither a token nor a client certificate".to_owned());
    }
    let expires = filled(status.expiration_timestamp).map(|text| DateTime::parse_from_rfc3339(&text)).transpose();
    let expires = expires.map_err(|why| format!("printed an expirationTimestamp that is no time: {why}"))?;
    let expires = expires.map(|time| time.with_timezone(&Utc));
    Ok(Credential { identity, expires, ..bearer.unwrap_or_default() })
}
