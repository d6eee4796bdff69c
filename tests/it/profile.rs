//! `profile`: the embedded profiles hold, and what a profile must not say is refused with its place.

use kubectl_escalate::profile::{Profile, ProfileError, ResourceName, Scope, WorkloadKind, embedded, schema};
use proptest::prelude::*;
use std::path::Path;

/// A profile as small as one can be, in flow style, with these keys on its second line.
fn parse(lines: &str) -> Result<Profile, ProfileError> {
    Profile::parse(
        "x.yaml",
        &format!("{{name: x, version: 1, select: {{labels: [app=x]}},\n{lines}}}\n"),
        &kubectl_escalate::collectors::optional(),
    )
}

/// Why this text is refused.
#[track_caller]
fn refused(text: &str) -> String {
    Profile::parse("x.yaml", text, &kubectl_escalate::collectors::optional()).expect_err(text).to_string()
}

const HEAD: &str = "name: x\nversion: 1\nselect:\n  labels: [app=x]\n";

#[test]
fn the_embedded_profiles_hold() {
    let names: Vec<&str> = embedded().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["trust-domain-server", "agent"]);
    for (name, text) in embedded() {
        let profile = Profile::load(name, &kubectl_escalate::collectors::optional()).unwrap();
        assert_eq!(profile.name, *name);
        assert_eq!(profile.sha256().len(), 64);
        let required: Vec<String> =
            profile.objects.iter().filter(|rule| rule.required).map(|rule| rule.resource.to_string()).collect();
        assert_eq!(required, ["events", "pods"]);
        assert!(profile.logs.current.unwrap().required && profile.logs.previous.unwrap().required);
        assert!(profile.logs.init_containers && profile.logs.ephemeral_containers);
        let keys = profile.custom_resources.iter().find(|rule| rule.group == "data.spirl.com").unwrap();
        assert!(keys.metadata_only && keys.definitions);
        assert_eq!((profile.scrapes[0].port, profile.scrapes[0].path.as_str()), (9090, "/metrics"));
        let nodes = profile.objects.iter().find(|rule| rule.resource.is("nodes", "")).unwrap();
        assert_eq!(nodes.scope, Scope::Used);
        // What may not be in any profile, whatever the rules say.
        assert!(!text.to_lowercase().contains("secret"));
        assert!(!profile.owns_namespace("kube-system") && !profile.owns_namespace("default"));
    }
}

#[test]
fn a_server_is_known_by_label_then_by_namespace() {
    let profile = Profile::load("trust-domain-server", &kubectl_escalate::collectors::optional()).unwrap();
    assert_eq!(profile.select.labels, ["app.kubernetes.io/name=spirl-server", "app=spirl-server"]);
    assert_eq!(profile.select.limit, None);
    assert!(profile.owns_namespace("tdd-0c9009b3ed"));
    for other in ["tdd-", "xtdd-0c9009b3ed", "tdd-0c-9009", "tdd-0c9009b3ed\n", "TDD-0c9009b3ed", ""] {
        assert!(!profile.owns_namespace(other), "{other:?}");
    }
    assert_eq!(profile.identity.info_metric.as_deref(), Some("spirl_application_info"));
    assert_eq!(profile.identity.metric_labels.trust_domain.as_deref(), Some("spirl_trust_domain"));
}

#[test]
fn agents_are_known_by_name_too_and_are_twenty_at_most() {
    let profile = Profile::load("agent", &kubectl_escalate::collectors::optional()).unwrap();
    assert_eq!(profile.select.limit, Some(20));
    assert!(profile.owns_namespace("spirl-system"));
    let workloads: Vec<String> = profile.select.workloads.iter().map(ToString::to_string).collect();
    assert_eq!(workloads, ["daemonset/spirl-agent", "deployment/spirl-controller"]);
    let agent = &profile.select.workloads[0];
    assert_eq!(
        (agent.kind(), agent.kind().kind(), agent.name()),
        (WorkloadKind::DaemonSet, "DaemonSet", "spirl-agent")
    );
    assert_eq!(agent.kind().resource().to_string(), "daemonsets.apps");
    let driver = profile.objects.iter().find(|rule| rule.resource.plural() == "csidrivers").unwrap();
    assert_eq!(driver.names, ["csi.spiffe.io"]);
}

#[test]
fn the_published_schema_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/schema.json");
    let now = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(published == now, "profiles/schema.json is out of date; run the tests with UPDATE=1");
}

#[test]
fn every_embedded_file_is_listed_and_every_listed_file_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    let mut listed: Vec<&str> = embedded().iter().map(|(name, _)| *name).collect();
    files.sort();
    listed.sort_unstable();
    assert_eq!(files, listed);
}

#[test]
fn the_example_of_the_documentation_is_a_profile() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PROFILES.md")).unwrap();
    let example = docs.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    Profile::parse("docs/PROFILES.md", example, &kubectl_escalate::collectors::optional()).unwrap();
}

#[test]
fn a_profile_is_found_by_name_or_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    std::fs::write(&path, embedded()[0].1).unwrap();
    let by_file = Profile::load(path.to_str().unwrap(), &kubectl_escalate::collectors::optional()).unwrap();
    let by_name = Profile::load("trust-domain-server", &kubectl_escalate::collectors::optional()).unwrap();
    assert_eq!(by_file.sha256(), by_name.sha256());
    assert_eq!(by_file.source(), path.to_str().unwrap());

    let unknown = Profile::load("server", &kubectl_escalate::collectors::optional()).unwrap_err().to_string();
    assert!(
        unknown.contains("`server`") && unknown.contains("`trust-domain-server`") && unknown.contains("`agent`"),
        "{unknown}"
    );
    for path in ["./nowhere", "nowhere.yaml", "nowhere.yml"] {
        assert!(matches!(
            Profile::load(path, &kubectl_escalate::collectors::optional()),
            Err(ProfileError::Unreadable { .. })
        ));
    }
    std::fs::write(&path, "#".repeat(2 << 20)).unwrap();
    assert!(
        Profile::load(path.to_str().unwrap(), &kubectl_escalate::collectors::optional())
            .unwrap_err()
            .to_string()
            .contains("too large")
    );
}

#[test]
fn mistakes_are_told_with_line_and_column() {
    for (body, expected) in [
        (
            "objects:\n  - {resource: pods,\n     requird: true}\n",
            "x.yaml:7:6: unknown key `requird`, expected one of `resource`, `required`",
        ),
        ("objects: [{resource: pods}]\nobjekts: []\n", "x.yaml:6:1: unknown key `objekts`, expected one of `name`"),
        ("objects: [{resource: pods}]\nobjects: []\n", "x.yaml:1:1: duplicate key `objects`"),
        ("objects: [{required: true}]\n", "x.yaml:5:11: missing key `resource`"),
        ("objects: [{resource: Pods}]\n", "x.yaml:5:22: `Pods` is not a resource name; write the plural"),
        (
            "objects: [{resource: pods, required: yes please}]\n",
            "x.yaml:5:38: invalid type: string \"yes please\", expected a boolean",
        ),
        (
            "objects: [{resource: nodes, scope: all}]\n",
            "x.yaml:5:36: unknown value `all`, expected `namespace` or `used`",
        ),
        ("objects: []\n", "x.yaml:5:10: list at least `resource: pods`"),
        (
            "objects: [{resource: pods}]\nqueries:\n- {id: a, scenario: s, measures: m, unit: ratio, expr: 'sum('}\n",
            "x.yaml:7:56: \"sum(\" is not PromQL",
        ),
        (
            "objects: [{resource: pods}]\nqueries:\n- {id: a, scenario: s, measures: m, unit: ratio, expr: 'rate(up[$range:1m])'}\n",
            "x.yaml:7:56: \"rate(up[5m:1m])\" uses a subquery, which cannot be evaluated without a Prometheus",
        ),
        (
            "objects: [{resource: pods}]\nqueries:\n- {id: a, scenario: s, measures: m, unit: ratio, alert: '0.5', expr: up}\n",
            "x.yaml:7:57: `0.5` is not a comparison; write an operator and a number, for example `> 0.99`",
        ),
        (
            "objects: [{resource: pods}]\nqueries:\n- {id: a, scenario: s, measures: m, unit: ratio, lookback: soon, expr: up}\n",
            "x.yaml:7:60: `soon` is not a duration",
        ),
        (
            "objects: [{resource: pods}]\nqueries:\n- {id: a, scenario: s, measures: m, unit: ratio, lookback: 200000000y, expr: up}\n",
            "x.yaml:7:60: `200000000y` is too long; write at most `1y`",
        ),
        (
            "objects: [{resource: pods}]\nqueries:\n- {id: a, scenario: s, measures: m, unit: ratio, step: 2y, expr: up}\n",
            "x.yaml:7:56: `2y` is too long; write at most `1y`",
        ),
        (
            "objects: [{resource: pods}]\nqueries:\n- {id: a, scenario: s, measures: m, unit: ratio, step: 200000000y, expr: up}\n",
            "x.yaml:7:56: `200000000y` is too long; write at most `1y`",
        ),
        (
            "objects: [{resource: pods}]\nqueries:\n- {id: A, scenario: s, measures: m, unit: ratio, expr: up}\n",
            "x.yaml:7:8: `A` is not a valid query name",
        ),
        (
            "objects: [{resource: pods}]\ncollectors: [weather]\n",
            "x.yaml:6:14: there is no collector `weather`; a profile can name ",
        ),
        ("objects: [{resource: nodes}]\n", "x.yaml:5:22: `nodes` selects every node of the cluster; add `scope: used`"),
        ("objects: [{resource: pods}, {resource: pods}]\n", "x.yaml:5:40: `pods` is listed twice"),
        (
            "objects: [{resource: pods, labels: 'a=b=c'}]\n",
            "x.yaml:5:36: `a=b=c` is not a label selector: `b=c` is not a label value",
        ),
        (
            "objects: [{resource: pods, labels: a=b, names: [x]}]\n",
            "x.yaml:5:11: `labels`, `names` and `scope: used` exclude each other",
        ),
        ("objects: [{resource: pods, names: ['../x']}]\n", "x.yaml:5:36: `../x` is not an object name"),
        ("objects: [{resource: pods}]\nscrapes: [{name: a, port: 0}]\n", "x.yaml:6:27: write a port from 1 to 65535"),
        (
            "objects: [{resource: pods}]\nscrapes: [{name: a, port: 70000}]\n",
            "x.yaml:6:27: invalid value: integer `70000`",
        ),
        (
            "objects: [{resource: pods}]\nscrapes: [{name: a, port: 1, path: /a/../b}]\n",
            "x.yaml:6:36: `/a/../b` is not a path",
        ),
        ("objects: [{resource: pods}]\nidentity: {infoMetric: a-b}\n", "x.yaml:6:24: `a-b` is not a metric name"),
        ("objects: [{resource: pods}]\nlogs: {current: true}\n", "x.yaml:6:17: invalid type: boolean `true`"),
        ("objects: [{resource: pods}\n", "x.yaml:6:1: "),
        ("objects: [{resource: pods}]\n---\nname: y\n", "x.yaml: the file contains several YAML documents; keep one"),
    ] {
        let message = refused(&format!("{HEAD}{body}"));
        assert!(message.starts_with(expected), "\n{message}\nis not\n{expected}");
    }
    assert_eq!(refused(""), "x.yaml:1:1: missing key `name`");
}

#[test]
fn a_query_that_its_narrowing_leaves_nothing_is_refused() {
    let with = |expr: &str, rest: &str| {
        format!(
            "{HEAD}objects: [{{resource: pods}}]\nidentity: {{metricLabels: {{trustDomain: td}}}}\n\
             queries: [{{id: a, scenario: s, measures: m, unit: count, expr: '{expr}'{rest}}}]\n"
        )
    };
    let namespace = ", narrowedBy: namespace";
    for (expr, rest, expected) in [
        ("sum(kube_node_info)", namespace, "`kube_node_info` is about the whole cluster"),
        ("up + on(node) node_load1", "", "`node_load1` is about the whole cluster"),
        ("kube_pod_info", "", "`kube_pod_info` has no label `td`"),
        ("rate(container_cpu_usage_seconds_total[5m])", "", "add `narrowedBy: namespace`"),
        ("up{namespace=\"\"}", namespace, "this selects series without the label `namespace`"),
        ("up{td=\"\"}", "", "this selects series without the label `td`"),
        ("up", ", fromObjects: kube_node_info", "no listed object states `kube_node_info`"),
    ] {
        let message = refused(&with(expr, rest));
        assert!(message.starts_with("x.yaml:7:") && message.contains(expected), "{expr}{rest}: {message}");
    }
    for (expr, rest) in [
        ("kube_node_info", ", narrowedBy: cluster"),
        ("kube_pod_info{node!=\"\"}", namespace),
        ("up{namespace!=\"\", td=\"x\"}", ""),
        // What a recording rule makes of its series is not known.
        ("node_load1:avg{x=\"\"} + kube_pod_info:sum", ""),
    ] {
        let profile = with(expr, rest);
        Profile::parse("x.yaml", &profile, &kubectl_escalate::collectors::optional()).expect(expr);
    }
}

#[test]
fn selections_that_mean_too_much_or_nothing_are_refused() {
    let with = |select: &str| format!("name: x\nversion: 1\nobjects: [{{resource: pods}}]\nselect: {select}\n");
    for (select, expected) in [
        ("{}", "x.yaml:4:9: this selects no pods"),
        ("{labels: ['']}", "x.yaml:4:19: an empty label selector selects everything"),
        ("{labels: ['!app']}", "x.yaml:4:19: `!app` only excludes pods"),
        ("{labels: ['app!=x,tier notin (a)']}", "x.yaml:4:19: `app!=x,tier notin (a)` only excludes pods"),
        ("{labels: [app in a]}", "x.yaml:4:19: `app in a` is not a label selector: `app in a` is not a label key"),
        ("{labels: [app=a], namespacePattern: '('}", "x.yaml:4:45: `(` is not a regular expression: unclosed group"),
        ("{labels: [app=a], namespacePattern: '.*'}", "x.yaml:4:45: `.*` matches the namespace default"),
        ("{labels: [app=a], namespacePattern: 'a)|(b'}", "x.yaml:4:45: `a)|(b` is not a regular expression"),
        ("{labels: [app=a], namespaces: ['*']}", "x.yaml:4:40: `*` is not a namespace"),
        ("{labels: [app=a], limit: 0}", "x.yaml:4:34: a limit of 0 selects no pods"),
        ("{workloads: [replicaset/x]}", "x.yaml:4:22: `replicaset/x` is not a workload"),
        ("{workloads: [deployment/]}", "x.yaml:4:22: `deployment/` is not a workload"),
    ] {
        let message = refused(&with(select));
        assert!(message.starts_with(expected), "\n{message}\nis not\n{expected}");
    }
    for select in [
        "{labels: ['a, b!=c, d in (e, f), !g, h/i']}",
        "{workloads: [deployment/x]}",
        "{labels: [a=b], namespacePattern: 'a|b'}",
    ] {
        Profile::parse("x.yaml", &with(select), &kubectl_escalate::collectors::optional()).unwrap();
    }
}

#[test]
fn secrets_cannot_be_asked_for() {
    for resource in [
        "secrets",
        "Secrets",
        "secret",
        "SECRETS",
        "secrets.v1",
        "secrets.",
        "secrets/x",
        "v1/secrets",
        "secrets.example.com",
        "sealedsecrets.bitnami.com",
        "clustersecrets.clustersecret.io",
        "externalsecrets.external-secrets.io",
        "*",
        "*.*",
        "pods.*",
        "*.apps",
        "secrets ",
        " secrets",
        "sec\\u0072ets",
    ] {
        let message = parse(&format!("objects: [{{resource: \"{resource}\"}}]")).expect_err(resource).to_string();
        assert!(message.starts_with("x.yaml:2:22: "), "{message}");
        let message = parse(&format!("objects: [{{resource: \"{resource}\", metadataOnly: true}}]"))
            .expect_err(resource)
            .to_string();
        assert!(message.starts_with("x.yaml:2:22: "), "{message}");
    }
    // Nor by an alias, a tag or a merge.
    for text in [
        "[{resource: &a pods}, {resource: secrets}]",
        "[{resource: !x secrets}]",
        "[{<<: {resource: secrets}}]",
        "[{resource: [secrets]}]",
    ] {
        assert!(parse(&format!("objects: {text}")).is_err(), "{text}");
    }
    assert!(ResourceName::new("secrets", "").is_err() && ResourceName::new("pods", "*").is_err());
}

#[test]
fn key_material_is_asked_for_by_metadata_only() {
    for rest in [
        "objects: [{resource: pods}], customResources: [{group: data.spirl.com}]",
        "objects: [{resource: pods}], customResources: [{group: data.spirl.com, metadataOnly: false}]",
        "objects: [{resource: pods}], customResources: [{group: x.data.spirl.com}]",
        "objects: [{resource: pods}], customResources: [{group: '*'}]",
        "objects: [{resource: pods}], customResources: [{group: '*.spirl.com', metadataOnly: true}]",
        "objects: [{resource: pods}], customResources: [{group: Data.Spirl.Com}]",
        "objects: [{resource: pods}], customResources: [{group: data.spirl.com.}]",
        "objects: [{resource: pods}], customResources: [{group: ''}]",
        "objects: [{resource: pods}], customResources: [{group: apps}]",
        "objects: [{resource: pods}], customResources: [{group: external-secrets.io}]",
        "objects: [{resource: snapshots.data.spirl.com}]",
        "objects: [{resource: snapshots.data.spirl.com, names: [a]}]",
        // Helm's releases, where they are not in Secrets.
        "objects: [{resource: configmaps}]",
        "objects: [{resource: configmaps, labels: owner=helm}]",
        "objects: [{resource: configmaps, labels: 'a in (x,owner!=helm,y)'}]",
        "objects: [{resource: configmaps, names: [sh.helm.release.v1.x.v1]}]",
    ] {
        let message = parse(rest).expect_err(rest).to_string();
        assert!(message.starts_with("x.yaml:2:"), "{message}");
    }
    for rest in [
        "objects: [{resource: snapshots.data.spirl.com, metadataOnly: true}]",
        "objects: [{resource: configmaps, metadataOnly: true}]",
        "objects: [{resource: configmaps, labels: 'a=b, owner != helm'}]",
        "objects: [{resource: configmaps, names: [settings]}]",
        "objects: [{resource: pods}], customResources: [{group: other.spirl.com}]",
        "objects: [{resource: pods}], customResources: [{group: data.spirl.com, metadataOnly: true}]",
    ] {
        parse(rest).expect(rest);
    }
}

#[test]
fn every_mistake_is_told_at_once_and_in_order() {
    let message = refused(&format!(
        "{HEAD}objects:\n  - {{resource: nodes}}\n  - {{resource: configmaps}}\ncustomResources: [{{group: '*'}}]\n"
    ));
    let places: Vec<&str> = message.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["x.yaml:6:16", "x.yaml:7:5", "x.yaml:8:27"]);
}

#[test]
fn a_profile_written_and_read_is_the_same() {
    for (name, text) in embedded() {
        let profile = Profile::parse(name, text, &kubectl_escalate::collectors::optional()).unwrap();
        let again = Profile::parse(
            name,
            &kubectl_escalate::yaml::object(&serde_json::to_value(&*profile).unwrap()),
            &kubectl_escalate::collectors::optional(),
        )
        .unwrap();
        assert_eq!(*profile, *again);
    }
}

proptest! {
    #[test]
    fn no_text_breaks_it(text in any::<String>(), lines in "[a-zA-Z:{}*&!\\[\\] \n-]{0,80}") {
        let _ = Profile::parse("x.yaml", &text, &kubectl_escalate::collectors::optional());
        let _ = parse(&lines);
        if let Ok(name) = text.parse::<ResourceName>() {
            prop_assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn no_resource_that_parses_names_secrets(plural in "[a-zA-Z.*/]{0,6}(secret|Secret|SECRET)[a-zA-Z.*/]{0,6}") {
        if let Ok(name) = plural.parse::<ResourceName>() {
            // A group may be called so; what it has is not.
            prop_assert!(!name.plural().contains("secret"));
        }
    }
}
