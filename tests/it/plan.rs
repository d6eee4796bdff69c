//! The plan: pure, from a profile and what was seen to tasks.

use crate::support::world::pod;
use kubectl_escalate::{
    collectors,
    plan::{
        self, Basis, DeletedPod, Evidence, Known, ListTask, Neighbours, Place, Planned, Planner, Pod, Preset, Related,
        Request, Resource, Right, Role, Scope, Shown, UnknownGroup,
        window::{Window, parse_incident},
    },
    profile::Profile,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

pub(crate) fn request(skip: &[&str]) -> Request {
    let now = "2024-03-05T18:00:00Z".parse().expect("a time");
    let incident = parse_incident("2024-03-05T14:05:00Z", now, &chrono::Utc).expect("an incident");
    Request {
        profile: Profile::load("trust-domain-server", &kubectl_escalate::collectors::optional()).expect("a profile"),
        window: Window::new(Some(incident), None, None, now).expect("a window"),
        skip: skip.iter().map(|kind| (*kind).to_owned()).collect(),
        node_neighbours: false,
        trust_domain: None,
        region: None,
        prometheus: plan::PrometheusChoice::default(),
        queries: Vec::new(),
        rotated_logs: false,
    }
}

fn resource(group: &str, plural: &str, namespaced: bool) -> Resource {
    Resource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        plural: plural.to_owned(),
        kind: String::new(),
        namespaced,
        verbs: vec!["get".to_owned(), "list".to_owned()],
    }
}

fn served() -> Vec<Resource> {
    vec![
        resource("", "pods", true),
        resource("", "events", true),
        resource("", "nodes", false),
        resource("apps", "deployments", true),
        resource("coordination.k8s.io", "leases", true),
        resource("data.spirl.com", "serverconfigs", true),
        resource("data.spirl.com", "secrets", true),
    ]
}

pub(crate) fn place(names: &[&str]) -> Place {
    let scope = Scope { own: true, pods: ["a".to_owned()].into(), ..Scope::default() };
    Place { namespaces: names.iter().map(|name| ((*name).to_owned(), scope.clone())).collect() }
}

pub(crate) fn basis(request: &Request, unknown: &[UnknownGroup], place: &Place) -> Basis {
    Basis {
        request: Arc::new(request.clone()),
        served: Arc::new(served()),
        unknown: Arc::new(unknown.to_vec()),
        place: Arc::new(place.clone()),
        scrape_gap: Duration::from_secs(10),
    }
}

fn planner(basis: Basis) -> Planner {
    collectors::planner(&basis, HashSet::new())
}

/// What needs no more than discovery.
fn first(request: &Request, unknown: &[UnknownGroup], place: &Place) -> Vec<Planned> {
    planner(basis(request, unknown, place)).start(chrono::DateTime::UNIX_EPOCH)
}

/// What hangs on these pods, which the first list of pods shows.
fn expand(request: &Request, place: &Place, mut pods: Vec<Pod>) -> Vec<Planned> {
    let mut planner = planner(basis(request, &[], place));
    let first = planner.start(chrono::DateTime::UNIX_EPOCH);
    let mut plan = Vec::new();
    for list in first.iter().filter(|planned| planned.preset.is_none() && planned.task.role() == Role::Pods) {
        let pods = std::mem::take(&mut pods);
        plan.extend(planner.on(&list.task, Shown { pods, ..Shown::default() }, &Nothing));
    }
    plan
}

/// What there is before anything else has ended.
struct Nothing;

impl Evidence for Nothing {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::UNIX_EPOCH
    }

    fn known(&self) -> Known {
        Known::default()
    }

    fn deleted(&self, _there: &HashSet<String>) -> Vec<DeletedPod> {
        Vec::new()
    }
}

fn ids(plan: &[Planned]) -> Vec<String> {
    plan.iter().map(|planned| planned.task.id()).collect()
}

fn find<'a>(plan: &'a [Planned], id: &str) -> &'a Planned {
    plan.iter().find(|planned| planned.task.id() == id).unwrap_or_else(|| panic!("{id} of {:#?}", ids(plan)))
}

pub(crate) fn pods(values: &[Value], request: &Request) -> Vec<Pod> {
    values.iter().map(|value| Pod::read(request, value).expect("a pod")).collect()
}

#[test]
fn few_namespaces_are_listed_each_and_many_at_once() {
    let request = request(&[]);
    let few = ids(&first(&request, &[], &place(&["n1", "n2", "n3", "n4"])));
    assert!(few.contains(&"list/n4/pods".to_owned()) && !few.contains(&"list/pods".to_owned()));
    let many = ids(&first(&request, &[], &place(&["n1", "n2", "n3", "n4", "n5"])));
    assert!(many.contains(&"list/pods".to_owned()) && !many.contains(&"list/n4/pods".to_owned()));
}

#[test]
fn what_is_not_served_is_planned_as_absent() {
    let plan = first(&request(&[]), &[], &place(&["n1"]));
    assert!(matches!(find(&plan, "list/services").preset, Some(Preset::Absent(_))));
}

#[test]
fn what_cannot_be_known_to_be_served_is_planned_as_failed() {
    let unknown = UnknownGroup { group_version: "metrics.k8s.io/v1beta1".to_owned(), causes: vec!["away".to_owned()] };
    let plan = first(&request(&[]), &[unknown], &place(&["n1"]));
    let preset = &find(&plan, "list/pods.metrics.k8s.io").preset;
    assert!(matches!(preset, Some(Preset::Failed(causes)) if causes[1] == "away"), "{preset:?}");
    assert!(matches!(find(&plan, "list/services").preset, Some(Preset::Absent(_))));
}

#[test]
fn an_annotated_path_that_leads_elsewhere_is_not_taken() {
    for (annotated, taken) in
        [("/stats", "/stats"), ("/../../../secrets/x", "/metrics"), ("/a b", "/metrics"), ("/%2e%2e/x", "/metrics")]
    {
        let mut pod = pod("n1", "a");
        pod["metadata"]["annotations"] = json!({ "prometheus.io/path": annotated });
        let mut place = place(&["n1"]);
        place.namespaces.get_mut("n1").expect("n1").pods.insert("a".to_owned());
        let request = request(&[]);
        let plan = expand(&request, &place, pods(&[pod], &request));
        let scrape = plan.iter().find(|planned| planned.task.kind() == "scrape").expect("a scrape");
        assert!(scrape.task.path().ends_with(&format!("/proxy{taken}")), "{}", scrape.task.path());
    }
}

#[test]
fn nothing_called_secrets_is_planned_in_any_group() {
    for (name, _) in kubectl_escalate::profile::embedded() {
        let request = Request {
            profile: Profile::load(name, &kubectl_escalate::collectors::optional()).expect("a profile"),
            ..request(&[])
        };
        let plan = first(&request, &[], &place(&["n1"]));
        assert!(!ids(&plan).iter().any(|id| id.contains("secrets")), "{name}: {:#?}", ids(&plan));
        let any = vec![Pod::any(&request, "n1")];
        let plan: Vec<Planned> = plan.into_iter().chain(expand(&request, &place(&["n1"]), any)).collect();
        let rights =
            plan.iter().flat_map(|planned| planned.task.right().into_iter().chain(planned.task.further_rights()));
        let is_sound = |right: &Right| match right {
            Right::Resource { resource, verb, .. } => ["get", "list"].contains(verb) && !resource.contains("secrets"),
            Right::Path(_) => true,
        };
        let unsound: Vec<Right> = rights.filter(|right| !is_sound(right)).collect();
        assert_eq!(unsound, [], "{name}");
    }
}

#[test]
fn data_of_the_server_is_asked_for_by_metadata() {
    let plan = first(&request(&[]), &[], &place(&["n1"]));
    let list = find(&plan, "list/n1/serverconfigs.data.spirl.com").task.spec::<ListTask>().expect("a list");
    assert!(list.metadata_only);
}

#[test]
fn ids_are_unique_and_what_is_gone_first_is_asked_first() {
    let request = request(&[]);
    let place = place(&["n1"]);
    let mut plan = first(&request, &[], &place);
    plan.extend(expand(&request, &place, pods(&[pod("n1", "a"), pod("n1", "b")], &request)));
    let distinct: BTreeSet<_> = ids(&plan).into_iter().collect();
    assert_eq!(distinct.len(), plan.len());
    plan.sort_by_key(|planned| planned.task.priority());
    let at = |id: &str| ids(&plan).iter().position(|held| held == id).unwrap_or_else(|| panic!("{id}"));
    assert!(at("list/n1/events") < at("log/n1/a/server/previous"));
    assert!(at("log/n1/b/server/previous") < at("log/n1/a/server"));
    assert!(at("log/n1/b/server") < at("list/n1/deployments.apps"));
}

#[test]
fn only_the_selected_pods_are_scraped() {
    let request = request(&[]);
    let plan = ids(&expand(&request, &place(&["n1"]), pods(&[pod("n1", "a"), pod("n1", "b")], &request)));
    assert!(plan.contains(&"scrape/n1/a/metrics".to_owned()) && !plan.contains(&"scrape/n1/b/metrics".to_owned()));
}

#[test]
fn a_node_is_asked_for_once() {
    let request = request(&[]);
    let plan = ids(&expand(&request, &place(&["n1"]), pods(&[pod("n1", "a"), pod("n1", "b")], &request)));
    assert_eq!(plan.iter().filter(|id| *id == "get/nodes/node-a").count(), 1);
    assert!(plan.contains(&"get/kube-node-lease/leases.coordination.k8s.io/node-a".to_owned()));
}

#[test]
fn what_is_skipped_is_said_and_not_asked_for() {
    let request = request(&["logs", "deployments.apps"]);
    let place = place(&["n1"]);
    let first = first(&request, &[], &place);
    assert!(matches!(find(&first, "list/n1/deployments.apps").preset, Some(Preset::Skipped(_))));
    assert!(matches!(find(&first, "kind/logs").preset, Some(Preset::Skipped(_))));
    let more = expand(&request, &place, pods(&[pod("n1", "a")], &request));
    assert!(!ids(&more).iter().any(|id| id.starts_with("log/")));
}

#[test]
fn of_many_agents_the_unhealthy_are_taken_first() {
    let request = Request {
        profile: Profile::load("agent", &kubectl_escalate::collectors::optional()).expect("a profile"),
        ..request(&[])
    };
    let mut all: Vec<Value> = (0..25).map(|number| pod("spirl-system", &format!("agent-{number:02}"))).collect();
    all[24]["status"]["conditions"][0]["status"] = "False".into();
    let plan = expand(&request, &place(&["spirl-system"]), pods(&all, &request));
    let logs: BTreeSet<String> =
        ids(&plan).into_iter().filter(|id| id.starts_with("log/") && !id.ends_with("previous")).collect();
    assert_eq!(logs.len(), 20);
    assert!(logs.contains("log/spirl-system/agent-24/server"));
    let Some(Preset::Skipped(cause)) = &find(&plan, "kind/further pods").preset else { panic!("a word of the rest") };
    assert!(cause.contains("only listed: 5 further pods"), "{cause}");
}

// ---- A shared namespace ----

fn owned(name: &str, owner: (&str, &str)) -> Value {
    json!({ "metadata": {
        "name": name, "uid": format!("uid-{name}"), "labels": { "app": name.split('-').next() },
        "ownerReferences": [{ "kind": owner.0, "name": owner.1, "uid": format!("uid-{}", owner.1) }],
    } })
}

/// Two Deployments side by side: `ours`, of which one pod is of an earlier rollout, and `theirs`.
fn neighbours() -> Neighbours {
    let mut chosen = owned("ours-2-x", ("ReplicaSet", "ours-2"));
    chosen["spec"] = json!({
        "serviceAccountName": "our-account",
        "volumes": [
            { "configMap": { "name": "our-files" } },
            { "persistentVolumeClaim": { "claimName": "our-disk" } },
            { "projected": { "sources": [{ "configMap": { "name": "our-bundle" } }] } },
        ],
        "containers": [{ "envFrom": [{ "configMapRef": { "name": "our-settings" } }] }],
        "initContainers": [{ "env": [{ "valueFrom": { "configMapKeyRef": { "name": "our-key-names" } } }] }],
    });
    let service =
        |name: &str, app: &str| json!({ "metadata": { "name": name }, "spec": { "selector": { "app": app } } });
    Neighbours {
        pods: vec![
            owned("theirs-1-x", ("ReplicaSet", "theirs-1")),
            owned("ours-1-y", ("ReplicaSet", "ours-1")),
            owned("numbered-0", ("StatefulSet", "numbered")),
            chosen,
        ],
        replica_sets: ["ours-0", "ours-1", "ours-2", "theirs-1"]
            .map(|name| owned(name, ("Deployment", name.split('-').next().expect("a name"))))
            .into(),
        jobs: Vec::new(),
        services: vec![
            service("our-service", "ours"),
            service("their-service", "theirs"),
            json!({ "metadata": { "name": "without-selector" }, "spec": {} }),
        ],
    }
}

#[test]
fn of_a_shared_namespace_what_hangs_on_our_pods_is_ours() {
    let related = Related::of(&["ours-2-x".to_owned(), "numbered-0".to_owned()].into(), &neighbours());
    let holds = |plural: &str, group: &str, object: Value| related.holds(&resource(group, plural, true), &object);
    let named = |name: &str| json!({ "metadata": { "name": name, "uid": format!("uid-{name}") } });
    let event = |kind: &str, name: &str| json!({ "involvedObject": { "kind": kind, "name": name, "uid": format!("uid-{name}") } });
    let about = |name: &str| event("Pod", name);
    let ours: Vec<(&str, &str, Value)> = vec![
        ("pods", "", named("ours-2-x")),
        ("pods", "", named("ours-1-y")),
        ("replicasets", "apps", named("ours-1")),
        ("deployments", "apps", named("ours")),
        ("services", "", named("our-service")),
        ("configmaps", "", named("our-files")),
        ("configmaps", "", named("our-bundle")),
        ("configmaps", "", named("our-settings")),
        ("configmaps", "", named("our-key-names")),
        ("persistentvolumeclaims", "", named("our-disk")),
        ("serviceaccounts", "", named("our-account")),
        ("events", "", about("ours-2-x")),
        ("events", "", event("Deployment", "ours")),
        ("events", "", event("Service", "our-service")),
        ("events", "", about("ours-2-x7c2z")),
        ("events", "", about("ours-0-x7c2z")),
        ("events", "", about("numbered-12")),
        (
            "endpointslices",
            "discovery.k8s.io",
            json!({ "metadata": { "labels": { "kubernetes.io/service-name": "our-service" } } }),
        ),
        ("horizontalpodautoscalers", "autoscaling", json!({ "spec": { "scaleTargetRef": { "name": "ours" } } })),
        ("poddisruptionbudgets", "policy", json!({ "spec": { "selector": { "matchLabels": { "app": "ours" } } } })),
        ("networkpolicies", "networking.k8s.io", json!({ "spec": { "podSelector": {} } })),
        (
            "ingresses",
            "networking.k8s.io",
            json!({ "spec": { "rules": [{ "http": { "paths": [{ "backend": { "service": { "name": "our-service" } } }] } }] } }),
        ),
        ("leases", "coordination.k8s.io", json!({ "spec": { "holderIdentity": "ours-2-x_1234" } })),
        ("resourcequotas", "", named("quota")),
        ("pods", "metrics.k8s.io", named("ours-1-y")),
    ];
    for (plural, group, object) in ours {
        assert!(holds(plural, group, object.clone()), "{plural} {object}");
    }
    let theirs: Vec<(&str, &str, Value)> = vec![
        ("pods", "", named("theirs-1-x")),
        ("replicasets", "apps", named("theirs-1")),
        ("deployments", "apps", named("theirs")),
        ("services", "", named("their-service")),
        ("services", "", named("without-selector")),
        ("configmaps", "", named("their-settings")),
        ("serviceaccounts", "", named("default")),
        ("events", "", about("theirs-1-x")),
        ("events", "", json!({ "involvedObject": { "kind": "Pod", "name": "ours", "uid": "uid-theirs" } })),
        ("events", "", about("our-service")),
        ("events", "", about("ours-2-gone-further")),
        ("events", "", about("ours-2-agent")),
        ("events", "", about("ours-2-2")),
        ("events", "", about("numbered-x7c2z")),
        ("horizontalpodautoscalers", "autoscaling", json!({ "spec": { "scaleTargetRef": { "name": "theirs" } } })),
        ("poddisruptionbudgets", "policy", json!({ "spec": { "selector": { "matchLabels": { "app": "theirs" } } } })),
        (
            "networkpolicies",
            "networking.k8s.io",
            json!({ "spec": { "podSelector": { "matchLabels": { "app": "theirs" } } } }),
        ),
        ("leases", "coordination.k8s.io", json!({ "spec": { "holderIdentity": "theirs-1-x" } })),
        ("pods", "metrics.k8s.io", named("theirs-1-x")),
    ];
    for (plural, group, object) in theirs {
        assert!(!holds(plural, group, object.clone()), "{plural} {object}");
    }
}

#[test]
fn without_a_selected_pod_nothing_is_ours() {
    let related = Related::of(&BTreeSet::new(), &neighbours());
    for name in ["ours-2-x", "theirs-1-x"] {
        assert!(!related.has_pod(name));
    }
}
