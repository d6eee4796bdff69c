//! The plan that is printed, the requests that are sent and the roles that are printed, held against one another over
//! every recording.

use super::rights::{needed, roles, rules};
use crate::support::{Api, Run, recorded, run::Bundle};
use kubectl_escalate::bundle::{Manifest, TaskRecord};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Every recording of tests/recordings, and the demo's.
fn recordings() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = std::fs::read_dir(root.join("tests/recordings")).expect("the recordings");
    let mut paths: Vec<PathBuf> = folder.map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "zip"));
    paths.push(root.join("src/cli/demo.zip"));
    paths.sort();
    assert!(paths.len() >= 6, "{paths:?}");
    paths
}

/// The command line that `demo` gives to `collect` for a recording.
fn collect(api: &Api, recorded: &Manifest) -> Run {
    let (from, to) = match (recorded.incident_start, recorded.incident_end) {
        (Some(from), Some(to)) => (from, to),
        _ => (recorded.window_start, recorded.window_end),
    };
    let seconds = |span: chrono::TimeDelta| format!("{}s", span.num_seconds());
    let run = Run::collect_of(api, &format!("{}/{}", from.to_rfc3339(), to.to_rfc3339()));
    let run = run.args(["--before", &seconds(from - recorded.window_start)]);
    let run = run.args(["--after", &seconds(recorded.window_end - to), "--prometheus", "none"]);
    run.args(["--profile", &recorded.profile, "-n", &recorded.clusters[0].namespaces[0]])
}

/// Tasks by id: the request, empty where none is sent, and whether it is required.
type Plan = BTreeMap<String, (String, bool)>;

fn printed(api: &Api, recorded: &Manifest) -> Plan {
    let ended = collect(api, recorded).args(["--dry-run", "-o", "json"]).finish().exits(0);
    let plan: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tasks = plan["clusters"][0]["tasks"].as_array().expect("tasks").iter();
    tasks.map(|task| (text(&task["id"]), (text(&task["request"]), task["required"] == true))).collect()
}

fn ran(manifest: &Manifest) -> Plan {
    let request = |task: &TaskRecord| if task.started.is_some() { task.request.clone() } else { String::new() };
    let id = |task: &TaskRecord| task.id.split_once('/').expect("its cluster").1.to_owned();
    let tasks = manifest.tasks.iter().filter(|task| !task.is_derived());
    tasks.map(|task| (id(task), (request(task), task.required))).collect()
}

/// What is asked for each recording: the plan, and the same by its requests.
fn each(mut check: impl FnMut(&Path, &Manifest, &Api)) {
    for path in recordings() {
        let recorded = Bundle::open(&path);
        check(&path, recorded.manifest(), &recorded::serve(&path));
    }
}

#[test]
fn of_each_recording_what_is_planned_is_what_is_asked_for() {
    each(|path, recorded, api| {
        let plan = printed(api, recorded);
        let asked_to_plan = api.asked().len();
        let bundle = collect(api, recorded).finish().bundle();
        assert_eq!(plan, ran(bundle.manifest()), "{}", path.display());
        let sent: BTreeSet<String> = api.asked().into_iter().skip(asked_to_plan).map(|asked| asked.path).collect();
        for (request, _) in plan.values().filter(|(request, _)| !request.is_empty()) {
            let planned = request.strip_prefix("GET ").expect("a request").split('?').next().unwrap_or_default();
            assert!(sent.contains(planned), "{planned} is planned and not sent, for {}", path.display());
        }
    });
}

#[test]
fn the_demo_asks_for_what_is_planned() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cli/demo.zip");
    let recorded = Bundle::open(&path);
    let plan = printed(&recorded::serve(&path), recorded.manifest());
    let run = Run::new(["demo"]).without_kubeconfig();
    let out = run.out();
    let bundle = run.args(["--to".as_ref(), out.as_os_str()]).finish().exits(0).bundle();
    assert_eq!(plan, ran(bundle.manifest()));
}

/// Namespace, group, resource and verb.
type Needed = (Option<String>, String, String, String);

/// What roles grant, to objects of any name.
fn granted(roles: &[Value]) -> BTreeSet<Needed> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut granted = BTreeSet::new();
    for (namespace, rule) in rules(roles) {
        for (verb, resource) in texts(&rule["verbs"]).iter().flat_map(|verb| {
            texts(&rule["resources"]).into_iter().map(move |resource| (verb.clone(), resource)).collect::<Vec<_>>()
        }) {
            let group = texts(&rule["apiGroups"]).concat();
            granted.insert((namespace.clone(), group, resource, verb));
        }
        let paths = texts(&rule["nonResourceURLs"]).into_iter();
        granted.extend(paths.map(|path| (None, String::new(), path, "get".to_owned())));
    }
    granted
}

#[test]
fn of_each_recording_the_roles_are_the_rights_of_its_requests() {
    each(|path, recorded, api| {
        let namespace = recorded.clusters[0].namespaces[0].clone();
        let bundle = collect(api, recorded).finish().bundle();
        let tasks: Vec<&TaskRecord> = bundle.manifest().tasks.iter().filter(|task| task.started.is_some()).collect();
        let asked = tasks.iter().filter_map(|task| task.request.strip_prefix("GET ")).filter(|it| !it.is_empty());
        let mut rights: BTreeSet<Needed> =
            asked.filter_map(|target| needed(target.split('?').next().unwrap_or_default())).collect();
        if tasks.iter().any(|task| task.is_log()) {
            // Whether a pod was replaced under its name is told by its UID.
            rights.insert((Some(namespace.clone()), String::new(), "pods".to_owned(), "get".to_owned()));
        }
        // Roles are for any pod, and pods that were never scheduled have no node.
        if !tasks.iter().any(|task| task.id.contains("/get/nodes/")) {
            let of_nodes = [
                (None, "", "nodes", "get"),
                (None, "resource.k8s.io", "resourceslices", "list"),
                (Some("kube-node-lease"), "coordination.k8s.io", "leases", "get"),
                (Some("default"), "", "events", "list"),
            ];
            rights.extend(of_nodes.map(|(within, group, resource, verb)| {
                (within.map(str::to_owned), group.to_owned(), resource.to_owned(), verb.to_owned())
            }));
        }
        let run = Run::new(["rbac", "--profile", &recorded.profile, "-n", &namespace]).context("prod", &api.url());
        assert_eq!(granted(&roles(run)), rights, "{}", path.display());
    });
}
