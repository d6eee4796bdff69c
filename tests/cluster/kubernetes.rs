//! Owns the way to the cluster under test: `kubectl` with its kubeconfig and no other, and the
//! incidents, which are brought about once.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Debug,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
};

/// The kubeconfig to test with. Never the current context: it may be somebody's real cluster.
pub(crate) fn kubeconfig() -> PathBuf {
    let path = std::env::var_os("ESCALATE_TEST_KUBECONFIG").filter(|path| !path.is_empty());
    path.map(PathBuf::from).expect("ESCALATE_TEST_KUBECONFIG must name the kubeconfig of a cluster for tests")
}

/// The kubeconfig of a user without rights of its own, which lies beside.
pub(crate) fn kubeconfig_of(user: &str) -> PathBuf {
    let path = kubeconfig().with_file_name(format!("{user}.kubeconfig"));
    assert!(path.is_file(), "{} is missing: the tests need a user {user} with no rights", path.display());
    path
}

/// Runs kubectl and returns what it printed.
pub(crate) fn kubectl(args: &[&str]) -> Vec<u8> {
    kubectl_with(args, None).unwrap_or_else(|why| panic!("kubectl {}: {why}", args.join(" ")))
}

pub(crate) fn kubectl_text(args: &[&str]) -> String {
    String::from_utf8(kubectl(args)).expect("kubectl prints UTF-8")
}

pub(crate) fn kubectl_json(args: &[&str]) -> Value {
    serde_json::from_slice(&kubectl(&[args, &["-o", "json"]].concat())).expect("kubectl prints JSON")
}

/// Applies objects, as YAML or JSON; by the server, so that no annotation repeats them.
pub(crate) fn apply(objects: &str) {
    kubectl_with(&["apply", "--server-side", "--force-conflicts", "-f", "-"], Some(objects))
        .unwrap_or_else(|why| panic!("kubectl apply: {why}\n{objects}"));
}

/// Runs kubectl with this input; what it said is the error.
pub(crate) fn kubectl_with(args: &[&str], input: Option<&str>) -> Result<Vec<u8>, String> {
    let mut command = Command::new("kubectl");
    command.arg("--kubeconfig").arg(kubeconfig()).args(args);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|why| format!("kubectl must be in PATH: {why}"))?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        // An early end of kubectl says why on its standard error.
        let _ = pipe.write_all(input.as_bytes());
    }
    let done = child.wait_with_output().map_err(|why| why.to_string())?;
    if done.status.success() { Ok(done.stdout) } else { Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()) }
}

/// Asks again until there is an answer; the last thing seen is in the message when there is none.
pub(crate) fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(seen) if began.elapsed() > limit => {
                panic!("after {} s still not so: {what}; last seen: {seen}", limit.as_secs())
            }
            Err(_) => sleep(Duration::from_millis(200)),
        }
    }
}

/// The incidents, all of them there and showing.
pub(crate) struct Incidents {
    namespaces: BTreeMap<String, String>,
    /// What `incident apply --secrets-out` wrote.
    pub(crate) planted: Value,
}

impl Incidents {
    /// As `tests/cluster/incident list` names it.
    pub(crate) fn namespace(&self, name: &str) -> &str {
        self.namespaces.get(name).unwrap_or_else(|| panic!("there is no incident {name}"))
    }

    /// Names and namespaces.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.namespaces.iter().map(|(name, namespace)| (name.as_str(), namespace.as_str()))
    }
}

/// Brings all incidents about, once for all tests: later calls only wait for the first.
pub(crate) fn incidents() -> &'static Incidents {
    static INCIDENTS: OnceLock<Result<Incidents, String>> = OnceLock::new();
    let brought = INCIDENTS.get_or_init(|| {
        kubeconfig();
        let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
        let secrets = folder.path().join("planted.json");
        // What the servers' logs say may be in other words.
        let seed = std::env::var("ESCALATE_TEST_REWORD").unwrap_or_default();
        incident(&["apply", "--all", "--reword", &seed, "--secrets-out", &secrets.to_string_lossy()])?;
        incident(&["wait", "--all"])?;
        let planted = std::fs::read(&secrets).map_err(|why| why.to_string())?;
        let list = incident(&["list"])?;
        let pair = |line: &str| {
            let mut words = line.split_whitespace().map(str::to_owned);
            Some((words.next()?, words.next()?))
        };
        Ok(Incidents {
            namespaces: list.lines().filter_map(pair).collect(),
            planted: serde_json::from_slice(&planted).map_err(|why| why.to_string())?,
        })
    });
    brought.as_ref().unwrap_or_else(|why| panic!("the incidents could not be brought about: {why}"))
}

/// Runs the script of that name and returns what it printed.
pub(crate) fn incident(args: &[&str]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/incident");
    let done = Command::new(&script).args(args).output().map_err(|why| format!("{}: {why}", script.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if done.status.success() {
        Ok(text(&done.stdout))
    } else {
        Err(format!("{}{}", text(&done.stdout), text(&done.stderr)))
    }
}

/// Objects that a test made, deleted at its end however that is.
#[derive(Debug, Default)]
pub(crate) struct Made(Vec<Vec<String>>);

impl Made {
    /// Will delete what `kubectl delete` with these words deletes.
    pub(crate) fn add(&mut self, words: &[&str]) {
        self.0.push(words.iter().map(|word| (*word).to_owned()).collect());
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for words in self.0.iter().rev() {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            // Nothing more can be done about it here.
            let _ = kubectl_with(&[&["delete", "--ignore-not-found", "--wait=false"], &words[..]].concat(), None);
        }
    }
}

/// A Role or a bound ClusterRole for a user in one namespace. `made` deletes it again.
pub(crate) fn bind(made: &mut Made, namespace: &str, user: &str, role_ref: &Value) {
    let name = format!("escalate-test-{user}");
    made.add(&["rolebinding", "-n", namespace, &name]);
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace}, "roleRef": role_ref,
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    });
    apply(&binding.to_string());
}

/// Lets a user view a namespace, as a customer's engineer often may and no more.
pub(crate) fn let_view(made: &mut Made, namespace: &str, user: &str) {
    bind(
        made,
        namespace,
        user,
        &json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}),
    );
    wait_for_right(user, true, &["get", "pods/log", "-n", namespace]);
}

/// Waits until a user has a right, or has it no longer: authorisation follows its objects by a moment.
pub(crate) fn wait_for_right(user: &str, allowed: bool, words: &[&str]) {
    let mut args = vec!["auth", "can-i", "--quiet", "--as", user];
    args.extend_from_slice(words);
    let expected = format!("{user} {} {}", if allowed { "may" } else { "may not" }, words.join(" "));
    until(&expected, Duration::from_secs(20), || match kubectl_with(&args, None) {
        Ok(_) if allowed => Ok(()),
        Err(_) if !allowed => Ok(()),
        other => Err(format!("{:?}", other.map(|_| "yes"))),
    });
}

/// The names of the pods of a namespace, in order.
pub(crate) fn pods(namespace: &str) -> Vec<String> {
    let text = kubectl_text(&["get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].metadata.name}"]);
    text.split_whitespace().map(str::to_owned).collect()
}

/// Panics unless both are equal, and shows the first lines that are not.
pub(crate) fn assert_same<T: PartialEq + Debug>(what: &str, ours: &[T], theirs: &[T]) {
    if let Some(at) = ours.iter().zip(theirs).position(|(one, other)| one != other) {
        panic!("{what}: at {at}: {:?} instead of {:?}", ours[at], theirs[at]);
    }
    assert_eq!(ours.len(), theirs.len(), "{what}: how many; the first {} are the same", ours.len().min(theirs.len()));
}
