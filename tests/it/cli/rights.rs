//! `rbac`: the least rights, and never one too many.

use crate::support::{Asked, Run, World, prometheus, world::NAMESPACE};
use kubectl_escalate::profile::{self, Profile};
use serde_json::Value;
use std::collections::BTreeSet;

/// The documents that `rbac` prints.
pub(super) fn roles(run: Run) -> Vec<Value> {
    let ended = run.finish().exits(0);
    let documents = ended.stdout.split("---\n").skip(1);
    documents.map(|text| serde_yaml::from_str(text).expect("YAML")).collect()
}

fn roles_of(arguments: &[&str], world: World) -> Vec<Value> {
    let api = world.serve();
    roles(Run::new(["rbac"]).args(arguments).context("prod", &api.url()))
}

/// Each rule, with the namespace of its role.
pub(super) fn rules(roles: &[Value]) -> Vec<(Option<String>, Value)> {
    let rules = |role: &Value| {
        let namespace = role["metadata"]["namespace"].as_str().map(str::to_owned);
        role["rules"].as_array().into_iter().flatten().map(|rule| (namespace.clone(), rule.clone())).collect::<Vec<_>>()
    };
    roles.iter().flat_map(rules).collect()
}

fn has(value: &Value, word: &str) -> bool {
    value.as_array().into_iter().flatten().any(|held| held == word)
}

#[test]
fn no_profile_takes_more_than_reading_and_none_takes_secrets() {
    for (name, _) in profile::embedded() {
        for place in [&["-n", NAMESPACE][..], &[]] {
            let roles = roles_of(&[&["--profile", name][..], place].concat(), World::one());
            assert!(!roles.is_empty());
            for (_, rule) in rules(&roles) {
                let verbs = rule["verbs"].as_array().expect("verbs");
                assert!(verbs.iter().all(|verb| verb == "get" || verb == "list"), "{rule}");
                if rule["nonResourceURLs"].is_array() {
                    continue;
                }
                let resources = rule["resources"].as_array().expect("resources").iter();
                assert!(
                    resources.into_iter().all(|resource| resource
                        .as_str()
                        .is_some_and(|name| !name.contains("secret") && !name.contains('*'))),
                    "{rule}"
                );
                assert!(!has(&rule["resources"], "nodes/proxy") && !has(&rule["resources"], "pods/exec"), "{rule}");
                assert!(
                    rule["apiGroups"].as_array().is_some_and(|groups| groups.iter().all(|group| group != "*")),
                    "{rule}"
                );
            }
        }
    }
}

/// Namespace, group, resource, verb and name.
type Parts<'a> = (Option<&'a str>, &'a str, String, &'static str, Option<&'a str>);

/// What a request takes; none where every authenticated user may ask.
fn parts(path: &str) -> Option<Parts<'_>> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (group, rest) = match parts[..] {
        ["api", _, ref rest @ ..] => ("", rest),
        ["apis", group, _, ref rest @ ..] => (group, rest),
        ["version"] | ["api"] | ["apis"] => return None,
        _ => return Some((None, "", path.to_owned(), "get", None)),
    };
    let (namespace, resource, name) = match *rest {
        [] => return None,
        ["namespaces", name] => (Some(name), "namespaces".to_owned(), Some(name)),
        ["namespaces", namespace, resource] => (Some(namespace), resource.to_owned(), None),
        ["namespaces", namespace, resource, name] => (Some(namespace), resource.to_owned(), Some(name)),
        ["namespaces", namespace, resource @ ("pods" | "services"), name, sub, ..] => {
            (Some(namespace), format!("{resource}/{sub}"), Some(name))
        }
        [resource] => (None, resource.to_owned(), None),
        [resource, name] => (None, resource.to_owned(), Some(name)),
        _ => panic!("no request of ours: {path}"),
    };
    Some((namespace, group, resource, if name.is_some() { "get" } else { "list" }, name))
}

/// Namespace, group, resource and verb that a request takes.
pub(super) fn needed(path: &str) -> Option<(Option<String>, String, String, String)> {
    let (namespace, group, resource, verb, _) = parts(path)?;
    Some((namespace.map(str::to_owned), group.to_owned(), resource, verb.to_owned()))
}

/// Whether the rules grant what a request takes.
fn grants(rules: &[(Option<String>, Value)], asked: &Asked) -> bool {
    let Some((namespace, group, resource, verb, name)) = parts(&asked.path) else { return true };
    rules.iter().any(|(within, rule)| {
        (within.is_none() || within.as_deref() == namespace)
            && (has(&rule["nonResourceURLs"], &resource)
                || has(&rule["apiGroups"], group) && has(&rule["resources"], &resource))
            && has(&rule["verbs"], verb)
            && (rule["resourceNames"].is_null() || name.is_some_and(|name| has(&rule["resourceNames"], name)))
    })
}

#[test]
fn every_request_of_a_collection_is_granted() {
    let mut world = World::one();
    world.object("serverconfigs", NAMESPACE, "config", serde_json::json!({}));
    let cases: [(&[&str], World); 3] = [
        (&["-n", NAMESPACE], world.clone()),
        (&[], world),
        (&["-n", "shared"], {
            let mut shared = World::default();
            shared.server("shared", "spirl-server-7f9c-aaaaa");
            shared
        }),
    ];
    for (place, world) in cases {
        let rules = rules(&roles_of(place, world.clone()));
        let api = world.serve();
        Run::collect(&api).args(place).args(["--prometheus", "none"]).finish().exits(0);
        let refused: Vec<_> =
            api.asked().into_iter().filter(|asked| !grants(&rules, asked)).map(|asked| asked.target).collect();
        assert!(refused.is_empty(), "{refused:#?} with {place:?}");
    }
}

/// The namespaces in which a collection takes rights, beside that of the servers: what is about their nodes is there.
const OTHER_NAMESPACES: [&str; 2] = ["default", "kube-node-lease"];
/// The resources of which it takes rights in a ClusterRole, beside paths.
const CLUSTER_WIDE: [&str; 3] = ["nodes", "resourceslices", "customresourcedefinitions"];

#[test]
fn a_limit_of_pods_takes_no_rights_away() {
    let profile = |limit: &str| {
        let own = "name: own\nversion: 1\ndescription: Our own.\nobjects: [{resource: pods, required: true}]\n";
        format!("{own}select:\n  labels: [app=own]\n{limit}logs:\n  current: {{}}\n  previous: {{}}\n")
    };
    let roles_with = |limit: &str| {
        let mut world = World::one();
        world.server("tdd-two", "spirl-server-7f9c-bbbbb");
        let api = world.serve();
        let run = Run::new(["rbac", "-n", NAMESPACE, "-n", "tdd-two", "--profile", "./own.yaml"]);
        run.file("own.yaml", profile(limit));
        roles(run.context("prod", &api.url()))
    };
    let limited = roles_with("  limit: 1\n");
    let logs = rules(&limited).into_iter().filter(|(_, rule)| has(&rule["resources"], "pods/log"));
    let namespaces: Vec<_> = logs.map(|(namespace, _)| namespace.expect("a namespace")).collect();
    assert_eq!(namespaces, [NAMESPACE, "tdd-two"]);
    assert_eq!(limited, roles_with(""));
}

#[test]
fn rights_lie_in_the_namespace_asked_for() {
    let roles = roles_of(&["-n", NAMESPACE, "--user", "jane", "--name", "reader"], World::one());
    for (namespace, rule) in rules(&roles) {
        let resources: Vec<&str> =
            rule["resources"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (is_open, list) = match namespace.as_deref() {
            Some(namespace) => (namespace == NAMESPACE || OTHER_NAMESPACES.contains(&namespace), "OTHER_NAMESPACES"),
            None => (resources.iter().all(|resource| CLUSTER_WIDE.contains(resource)), "CLUSTER_WIDE"),
        };
        assert!(
            is_open,
            "{rule} in {namespace:?} reaches further than the servers' namespace: if a collector cannot do with less, \
             add it to {list} in tests/it/cli/rights.rs and to the Rights in docs/SECURITY.md"
        );
    }
    let bindings: Vec<_> =
        roles.iter().filter(|role| role["kind"].as_str().is_some_and(|kind| kind.ends_with("Binding"))).collect();
    assert!(
        bindings.len() * 2 == roles.len() && bindings.iter().all(|binding| binding["subjects"][0]["name"] == "jane")
    );
}

#[test]
fn a_prometheus_is_asked_with_what_naming_it_adds() {
    for named in ["monitoring/prometheus-k8s", "monitoring/prometheus-k8s:9090"] {
        let mut world = World::one();
        prometheus::service(&mut world, "monitoring", "prometheus-k8s", 9090);
        let arguments = ["-n", NAMESPACE, "--prometheus", named];
        let rules = rules(&roles_of(&arguments, world.clone()));
        let api = world.serve();
        prometheus::behind(&api, "monitoring/prometheus-k8s:9090", prometheus::answer);
        let bundle = Run::collect(&api).args(arguments).finish().exits(0).bundle();
        assert!(bundle.manifest().clusters[0].prometheus.is_some());
        let asked = api.asked();
        let refused: Vec<_> = asked.iter().filter(|asked| !grants(&rules, asked)).map(|asked| &asked.target).collect();
        assert!(refused.is_empty(), "{refused:#?} with {named}");
        // Nothing of that namespace but the one port of the one service.
        for (_, rule) in rules.iter().filter(|(namespace, _)| namespace.as_deref() == Some("monitoring")) {
            assert!(rule["resourceNames"].is_array() && has(&rule["verbs"], "get"), "{rule}");
        }
    }
}

/// The rights that `rbac` prints with these arguments and that are more than to list the profile's objects, each in the
/// words of docs/SECURITY.md.
fn special(arguments: &[&str], profile: &Profile, world: World) -> BTreeSet<String> {
    let mut special = BTreeSet::new();
    for (namespace, rule) in rules(&roles_of(arguments, world)) {
        let texts = |key: &str| -> Vec<String> {
            rule[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        special.extend(texts("nonResourceURLs"));
        let group = texts("apiGroups").concat();
        for (verb, resource) in
            texts("verbs").iter().flat_map(|verb| texts("resources").into_iter().map(move |of| (verb.clone(), of)))
        {
            let is_of_profile = profile.objects.iter().any(|rule| rule.resource.is(&resource, &group))
                || profile.custom_resources.iter().any(|rule| rule.group == group);
            if !(is_of_profile && verb == "list" && namespace.is_some()) {
                special.insert(format!("{verb} {resource}"));
            }
        }
    }
    special
}

#[test]
fn each_right_is_in_the_documentation() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SECURITY.md")).expect("the page");
    let (_, rights) = page.split_once("\n## Rights\n").expect("a section");
    let rights = rights.split("\n## ").next().unwrap_or_default();
    let mut needed = BTreeSet::new();
    for (name, _) in profile::embedded() {
        let profile = Profile::load(name, &kubectl_escalate::collectors::optional()).expect("a profile");
        for arguments in [
            &["-n", NAMESPACE, "--rotated-logs", "--node-neighbours"][..],
            &["-n", NAMESPACE, "--prometheus", "monitoring/prometheus"],
            &["-n", "shared"],
            &[],
        ] {
            let arguments = [&["--profile", name][..], arguments].concat();
            needed.extend(special(&arguments, &profile, World::one()));
        }
    }
    let servers = Profile::load("trust-domain-server", &kubectl_escalate::collectors::optional()).expect("a profile");
    needed.extend(special(&["-A"], &servers, World::one()));
    let missing: Vec<_> = needed.iter().filter(|right| !rights.contains(&format!("`{right}`"))).collect();
    assert!(
        missing.is_empty(),
        "add a row for each of these to a table under Rights in docs/SECURITY.md, with what it is for, the right \
         between backquotes: {missing:#?}"
    );
}
