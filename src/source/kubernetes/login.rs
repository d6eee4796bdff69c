//! Owns the login program of a kubeconfig, which Kubernetes calls a credential plugin, and the error when it fails.

use crate::{
    source::{StopReason, causes, text::first_words},
    text::quoted,
};
use kube::{
    client::AuthError,
    config::{ExecConfig, ExecInteractiveMode},
};
use std::{error::Error, process::Output, time::Duration};

/// How many of the last lines of its standard error are shown, and how many characters of each.
const LINES: usize = 3;
const LINE: usize = 200;
/// How many characters of the command are shown.
const COMMAND: usize = 300;

/// A login program, as the kubeconfig names it.
#[derive(Clone)]
pub(super) struct Login {
    command: String,
    /// Whether it writes to the terminal itself.
    is_interactive: bool,
}

impl Login {
    pub(super) fn of(exec: &ExecConfig) -> Self {
        let words = exec.command.iter().chain(exec.args.iter().flatten());
        let words: Vec<String> = words.map(|word| quoted(word)).collect();
        Self {
            command: shortened(&words.join(" "), COMMAND),
            is_interactive: exec.interactive_mode != Some(ExecInteractiveMode::Never),
        }
    }

    /// The error when it has run for this long.
    pub(super) fn slow(&self, after: Duration) -> String {
        format!("{} did not end within {} s; {BY_HAND}", self.name(), after.as_secs())
    }

    /// The error when the run ends first.
    pub(super) fn stopped(&self, reason: StopReason) -> String {
        let when = match reason {
            StopReason::Interrupted => "the run was interrupted",
            StopReason::Deadline => "the deadline of the run passed",
            StopReason::DiskFull => "the disk was full",
        };
        format!("{} had not ended when {when}; {BY_HAND}", self.name())
    }

    fn name(&self) -> String {
        format!("the login program `{}`", self.command)
    }

    fn failed(&self, output: &Output) -> String {
        let how = match output.status.code() {
            Some(code) => format!("exit code {code}"),
            None => output.status.to_string(),
        };
        let lines = String::from_utf8_lossy(&output.stderr);
        let mut last: Vec<String> = lines.lines().rev().map(|line| shortened(line, LINE)).collect();
        last.retain(|line| !line.is_empty());
        last.truncate(LINES);
        last.reverse();
        let words = match last.is_empty() {
            true if self.is_interactive => ", see above".to_owned(),
            true => " and printed no error".to_owned(),
            false => format!(": {}", last.join(" / ")),
        };
        format!("{} ended with {how}{words}; {BY_HAND}", self.name())
    }
}

/// The start of a line, cut between two words: the half of a secret may not be recognised as one.
fn shortened(line: &str, most: usize) -> String {
    let words = first_words(line, most);
    match words.strip_suffix('…') {
        Some(cut) => format!("{}…", cut.rfind(' ').map_or("", |end| &cut[..=end])),
        None => words,
    }
}

/// What to do.
const BY_HAND: &str = "run it by hand, and log in again if it asks for that";

/// What was wrong with the credentials, if they are the cause of an error. They are checked when a client is made, and
/// again by its layers when they are renewed.
pub(super) fn explain(error: &kube::Error, login: Option<&Login>) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<AuthError>() {
            return Some(of_auth(error, login));
        }
        cause = error.source();
    }
    None
}

fn of_auth(error: &AuthError, login: Option<&Login>) -> String {
    match (error, login) {
        (AuthError::AuthExecRun { out, .. }, Some(login)) => login.failed(out),
        (AuthError::AuthExecStart(why), Some(login)) => format!(
            "{} cannot be run: {why}; install it, or correct the command of this user in the kubeconfig",
            login.name()
        ),
        // What it printed may be a token.
        (AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed, Some(login)) => format!(
            "{} printed no credentials (a JSON object of kind ExecCredential with a status); run it by hand to see \
             what it prints",
            login.name()
        ),
        // Its text has all that the command printed.
        (AuthError::AuthExecRun { .. } | AuthError::AuthExecParse(_), None) => "the login program failed".to_owned(),
        (error, _) => causes(error).join(": "),
    }
}
