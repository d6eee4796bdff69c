//! Owns running the program: with a home and a kubeconfig of its own, so that nothing of the user's
//! is ever read, and what it gave back.

use super::{Api, HANG};
use kubectl_escalate::bundle::{BundleReader, EntryRecord, Manifest, Outcome, TaskRecord, verify};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The incident of every test that does not give its own: the window is 13:50 to 14:20.
pub(crate) const INCIDENT: &str = "2024-03-05T14:05:00Z";

/// A context's name, its server and its namespace.
type Context = (String, String, Option<String>);

/// Whom every context's user is but that of `login`.
const USER: &str = "jane";

/// A run of the program to be.
pub(crate) struct Run {
    command: Command,
    home: TempDir,
    contexts: Vec<Context>,
    /// How the first context logs in: `exec` of the kubeconfig.
    login: Option<Value>,
    /// Whether standard output and standard error are a terminal; if so, the text after which it goes away.
    terminal: Option<Option<&'static str>>,
}

impl Run {
    /// `collect` of the incident from `api`, whose context is `prod`, into the folder `out`.
    pub(crate) fn collect(api: &Api) -> Self {
        Self::collect_of(api, INCIDENT)
    }

    /// `collect` of another incident.
    pub(crate) fn collect_of(api: &Api, incident: &str) -> Self {
        Self::collecting(&api.url(), incident)
    }

    /// `collect` of the incident from an address.
    pub(crate) fn collect_at(url: &str) -> Self {
        Self::collecting(url, INCIDENT)
    }

    fn collecting(url: &str, incident: &str) -> Self {
        let run = Self::new(["collect", "--incident-time", incident]).context("prod", url);
        let out = run.out();
        run.args(["--to".as_ref(), out.as_os_str()])
    }

    /// Any verb.
    pub(crate) fn new<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(home.path().join("out")).expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-escalate"));
        let arguments: Vec<_> = arguments.into_iter().map(|it| it.as_ref().to_owned()).collect();
        command.args(&arguments);
        if arguments.first().is_some_and(|verb| verb == "collect") {
            // A test that is about two scrapes says how far apart.
            command.args(["--scrape-gap", "0s"]);
        }
        command.current_dir(home.path()).env_clear();
        command.env("HOME", home.path()).env("KUBECONFIG", home.path().join("kubeconfig")).env("TZ", "UTC");
        for kept in ["PATH", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        Self { command, home, contexts: Vec::new(), login: None, terminal: None }
    }

    /// Adds a context; the first is the current one.
    pub(crate) fn context(mut self, name: &str, url: &str) -> Self {
        self.contexts.push((name.to_owned(), url.to_owned(), None));
        self
    }

    /// Takes the kubeconfig away, also the name of one.
    pub(crate) fn without_kubeconfig(mut self) -> Self {
        self.command.env_remove("KUBECONFIG");
        self
    }

    /// Gives the last context a namespace.
    pub(crate) fn context_namespace(mut self, namespace: &str) -> Self {
        if let Some(last) = self.contexts.last_mut() {
            last.2 = Some(namespace.to_owned());
        }
        self
    }

    pub(crate) fn args<S: AsRef<std::ffi::OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Runs it by a shell with these redirections, or a pipe, behind its words. See [`Ended::own_code`].
    pub(crate) fn redirected(mut self, how: &str) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(format!("{{ \"$0\" \"$@\"; echo $? >code; }} {how}"));
        shell.arg(self.command.get_program()).args(self.command.get_args());
        shell.current_dir(self.home.path()).env_clear();
        shell.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.command = shell;
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Makes standard output and standard error one terminal.
    pub(crate) fn on_terminal(mut self) -> Self {
        self.command.env("TERM", "xterm");
        self.terminal = Some(None);
        self
    }

    /// The same with a terminal that goes away as soon as the program has written this text.
    pub(crate) fn on_terminal_until(self, text: &'static str) -> Self {
        Self { terminal: Some(Some(text)), ..self.on_terminal() }
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.home.path().join("out")
    }

    /// Logs in to the first context by a script of sh.
    pub(crate) fn login(self, script: &str) -> Self {
        let script = self.file("login.sh", script);
        self.login_command(&["/bin/sh", &script.to_string_lossy(), "--profile=jane-corp"])
    }

    /// Logs in to the first context by any command.
    pub(crate) fn login_command(mut self, words: &[&str]) -> Self {
        self.login = Some(json!({
            "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
            "command": words[0], "args": words[1..],
        }));
        self
    }

    /// Writes a file into the home and gives its path.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    pub(crate) fn finish(self) -> Ended {
        self.spawn().finish()
    }

    pub(crate) fn spawn(mut self) -> Running {
        if !self.contexts.is_empty() {
            let mut config = kubeconfig(&self.contexts);
            if let Some(exec) = &self.login {
                config["contexts"][0]["context"]["user"] = "login".into();
                config["users"][1] = json!({ "name": "login", "user": { "exec": exec } });
            }
            std::fs::write(self.home.path().join("kubeconfig"), config.to_string()).expect("a kubeconfig");
        }
        self.command.stdin(Stdio::null());
        let Some(last) = self.terminal else {
            self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = self.command.spawn().expect("the program");
            let stdout = Heard::listen(child.stdout.take().expect("a pipe"), None);
            let stderr = Heard::listen(child.stderr.take().expect("a pipe"), None);
            return Running { child, stdout, stderr, home: self.home, began: Instant::now() };
        };
        let (ours, theirs) = terminal().expect("a terminal");
        self.command.stdout(theirs.try_clone().expect("a terminal")).stderr(theirs);
        let child = self.command.spawn().expect("the program");
        let both = Heard::listen(ours, last);
        Running { child, stdout: both.clone(), stderr: both, home: self.home, began: Instant::now() }
    }
}

/// A new terminal of 100 columns: our side, and the program's.
fn terminal() -> rustix::io::Result<(std::fs::File, std::fs::File)> {
    use rustix::{
        fs::{Mode, OFlags, open},
        pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
        termios::{Winsize, tcsetwinsize},
    };
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let theirs = open(&ptsname(&ours, Vec::new())?, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    tcsetwinsize(&theirs, Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 })?;
    Ok((ours.into(), theirs.into()))
}

fn kubeconfig(contexts: &[Context]) -> Value {
    let each = |make: &dyn Fn(&Context) -> Value| contexts.iter().map(make).collect::<Vec<_>>();
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": contexts[0].0,
        "clusters": each(&|(name, url, _)| json!({ "name": name, "cluster": { "server": url } })),
        "contexts": each(&|(name, _, namespace)| {
            let mut context = json!({ "cluster": name, "user": USER });
            if let Some(namespace) = namespace {
                context["namespace"] = namespace.as_str().into();
            }
            json!({ "name": name, "context": context })
        }),
        "users": [{ "name": USER, "user": {} }, { "name": "nobody", "user": {} }],
    })
}

/// What a stream of the program has said so far.
#[derive(Clone, Default)]
struct Heard(Arc<Said>);

/// The bytes, whether they are all, and the word that they are more.
type Said = (Mutex<(Vec<u8>, bool)>, Condvar);

impl Heard {
    /// Listens until the pipe ends, or until `last` was heard, and closes it.
    fn listen(mut pipe: impl std::io::Read + Send + 'static, last: Option<&'static str>) -> Self {
        let heard = Self::default();
        let writes = heard.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let read = pipe.read(&mut bytes).unwrap_or(0);
                let mut held = writes.0.0.lock().unwrap_or_else(PoisonError::into_inner);
                held.0.extend_from_slice(&bytes[..read]);
                let is_last = last.is_some_and(|last| String::from_utf8_lossy(&held.0).contains(last));
                if read == 0 || is_last {
                    drop(pipe);
                    held.1 = true;
                    writes.0.1.notify_all();
                    return;
                }
                writes.0.1.notify_all();
            }
        });
        heard
    }

    fn wait(&self, what: &str, wanted: impl Fn(&str, bool) -> bool) -> String {
        let held = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let done = |held: &(Vec<u8>, bool)| wanted(&String::from_utf8_lossy(&held.0), held.1);
        let (held, waited) =
            self.0.1.wait_timeout_while(held, HANG, |held| !done(held)).unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&held.0).into_owned();
        assert!(!waited.timed_out(), "waited for {what}; heard {text}");
        text
    }
}

/// The program, running.
pub(crate) struct Running {
    child: Child,
    stdout: Heard,
    stderr: Heard,
    home: TempDir,
    began: Instant,
}

impl Running {
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        rustix::process::kill_process(id, signal).expect("the program takes signals");
    }

    /// Waits until its terminal has gone, and tells it so, as the kernel tells the programs of a session.
    pub(crate) fn loses_terminal(&self) {
        self.stderr.wait("the terminal's end", |_, is_over| is_over);
        self.signal(rustix::process::Signal::HUP);
    }

    /// Waits until the program has said something on standard error.
    pub(crate) fn hears(&self, text: &str) {
        self.stderr.wait(text, |heard, is_over| {
            assert!(!is_over || heard.contains(text), "it ended without a word of {text:?}: {heard}");
            heard.contains(text)
        });
    }

    /// The most memory it has had so far, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.home.path().join("out")
    }

    pub(crate) fn finish(mut self) -> Ended {
        // Its streams end when it does; their wait has the bound that the process's has not.
        let ended = |stream: &Heard| stream.wait("its end", |_, is_over| is_over);
        let streams =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (ended(&self.stdout), ended(&self.stderr))));
        if streams.is_err() {
            let _ = self.child.kill();
        }
        let status = self.child.wait().expect("its end");
        let (stdout, stderr) = streams.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let took = self.began.elapsed();
        Ended { code: status.code(), stdout, stderr, took, home: Arc::new(self.home) }
    }
}

/// What a run gave.
pub(crate) struct Ended {
    /// None when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
    home: Arc<TempDir>,
}

impl Ended {
    pub(crate) fn out(&self) -> PathBuf {
        self.home.path().join("out")
    }

    /// The exit code of the program itself, where a shell ran it.
    #[track_caller]
    pub(crate) fn own_code(&self) -> i32 {
        let code = std::fs::read_to_string(self.home.path().join("code")).expect("an exit code");
        code.trim_end().parse().expect("a number")
    }

    /// Names of the files in the folder of bundles.
    pub(crate) fn files(&self) -> Vec<String> {
        files(&self.out())
    }

    /// Asserts the exit code, with all that was said when it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The bundle that standard output names, after checking every file in it.
    #[track_caller]
    pub(crate) fn bundle(&self) -> Bundle {
        let path = self.stdout.strip_suffix('\n').unwrap_or_else(|| panic!("no bundle was named: {}", self.stderr));
        Bundle { _home: Some(Arc::clone(&self.home)), ..Bundle::open(Path::new(path)) }
    }
}

/// Names of the files in a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A bundle, opened.
pub(crate) struct Bundle {
    pub(crate) reader: BundleReader,
    /// The run's folder, which is removed with the last of the run and its bundles.
    _home: Option<Arc<TempDir>>,
}

impl Bundle {
    /// Opens a bundle in which every file is as the manifest says.
    #[track_caller]
    pub(crate) fn open(path: &Path) -> Self {
        let report = verify(path).expect("a bundle");
        assert!(report.is_sound(), "{:#?}", report.problems);
        Self { reader: BundleReader::open(path).expect("a bundle"), _home: None }
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        self.reader.manifest()
    }

    /// A task of the cluster `prod`.
    #[track_caller]
    pub(crate) fn task(&self, id: &str) -> &TaskRecord {
        let full = format!("prod/{id}");
        let found: Vec<_> = self.manifest().tasks.iter().filter(|task| task.id == full).collect();
        assert_eq!(found.len(), 1, "tasks called {full} among {:#?}", self.ids());
        found[0]
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.manifest().tasks.iter().map(|task| task.id.as_str()).collect()
    }

    /// Asserts a task's outcome and gives the task.
    #[track_caller]
    pub(crate) fn outcome(&self, id: &str, outcome: Outcome) -> &TaskRecord {
        let task = self.task(id);
        assert_eq!(task.outcome, outcome, "{task:#?}");
        task
    }

    pub(crate) fn paths(&self) -> Vec<&str> {
        self.reader.entries().map(|entry| entry.path.as_str()).collect()
    }

    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        self.reader.read(path, 1 << 30).unwrap_or_else(|why| panic!("{path}: {why}; there are {:#?}", self.paths()))
    }

    pub(crate) fn text(&self, path: &str) -> String {
        String::from_utf8_lossy(&self.bytes(path)).into_owned()
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.bytes(path)).expect("JSON")
    }

    /// The only entry of a task, and its record.
    #[track_caller]
    pub(crate) fn entry(&self, id: &str) -> (&EntryRecord, String) {
        let task = self.task(id);
        assert_eq!(task.entries.len(), 1, "{task:#?}");
        let record = self.manifest().entries.iter().find(|entry| entry.path == task.entries[0]);
        (record.expect("a record"), self.text(&task.entries[0]))
    }

    /// Whether these bytes are in any file.
    pub(crate) fn holds(&self, text: &str) -> bool {
        self.paths().iter().any(|path| memchr::memmem::find(&self.bytes(path), text.as_bytes()).is_some())
    }
}
