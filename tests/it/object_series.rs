//! What objects state, under kube-state-metrics' names.

use kubectl_escalate::{
    facts::{
        exposition::parse_sample,
        object_series::{AllObjectSeries, CPU, MEMORY, ObjectSeries, of_object},
    },
    plan::RANGE,
    profile::Profile,
    promql::{Labels, NAME},
    redact::{CleanJson, Key, Redactor},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn clean(object: Value) -> CleanJson {
    Redactor::new(&Key::random()).object(object).0
}

type Found = Vec<(Labels, f64)>;

fn stated_by(group: &str, plural: &str, object: Value) -> Found {
    let mut found: Found = of_object(group, plural, &clean(object)).series().collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// What these lines of the text format say.
fn said(lines: &[String]) -> Found {
    let mut said: Found = lines.iter().map(|line| parse_sample(line).expect("a sample")).collect();
    said.sort_by(|one, other| one.0.cmp(&other.0));
    said
}

fn pod() -> Value {
    json!({
        "metadata": {"namespace": "tdd-one", "name": "server-1", "uid": "u-1", "creationTimestamp": "2026-11-22T15:00:00Z"},
        "spec": {"nodeName": "node-a", "containers": [
            {"name": "server", "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}},
        ]},
        "status": {
            "phase": "Running", "startTime": "2026-11-22T15:00:01Z",
            "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "False"}],
            "containerStatuses": [{
                "name": "server", "restartCount": 3, "ready": false,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-22T15:10:00Z"}},
            }],
        },
    })
}

#[test]
fn a_pod_states_what_kube_state_metrics_says_of_it() {
    let of_pod = "namespace=\"tdd-one\",pod=\"server-1\",uid=\"u-1\"";
    let of_container = format!("{of_pod},container=\"server\"");
    let resource = |name: &str, resource: &str, unit: &str, value: &str| {
        format!(
            "kube_pod_container_resource_{name}{{{of_container},node=\"node-a\",resource=\"{resource}\",unit=\"{unit}\"}} {value}"
        )
    };
    let status = |name: &str, more: &str, value: &str| {
        format!("kube_pod_container_status_{name}{{{of_container}{more}}} {value}")
    };
    let phase = |word: &str, value: u8| format!("kube_pod_status_phase{{{of_pod},phase=\"{word}\"}} {value}");
    let ready = |word: &str, value: u8| format!("kube_pod_status_ready{{{of_pod},condition=\"{word}\"}} {value}");
    let expected = [
        resource("requests", "cpu", "core", "0.25"),
        resource("requests", "memory", "byte", "268435456"),
        resource("limits", "memory", "byte", "536870912"),
        status("restarts_total", "", "3"),
        status("ready", "", "0"),
        status("running", "", "0"),
        status("waiting", "", "1"),
        status("terminated", "", "0"),
        status("waiting_reason", ",reason=\"CrashLoopBackOff\"", "1"),
        status("last_terminated_reason", ",reason=\"OOMKilled\"", "1"),
        status("last_terminated_exitcode", "", "137"),
        status("last_terminated_timestamp", "", "1795360200"),
        format!("kube_pod_created{{{of_pod}}} 1795359600"),
        format!("kube_pod_start_time{{{of_pod}}} 1795359601"),
        phase("Pending", 0),
        phase("Succeeded", 0),
        phase("Failed", 0),
        phase("Unknown", 0),
        phase("Running", 1),
        ready("true", 0),
        ready("false", 1),
        ready("unknown", 0),
    ];
    assert_eq!(stated_by("", "pods", pod()), said(&expected));
}

#[test]
fn what_makes_and_scales_pods_states_its_numbers() {
    let deployment = json!({
        "metadata": {"namespace": "tdd-one", "name": "server"},
        "spec": {"replicas": 3}, "status": {"replicas": 3, "readyReplicas": 1, "availableReplicas": 1, "unavailableReplicas": 2, "updatedReplicas": 3},
    });
    let found = stated_by("apps", "deployments", deployment);
    for (name, value) in [("spec_replicas", 3), ("status_replicas_available", 1), ("status_replicas_unavailable", 2)] {
        let line = format!("kube_deployment_{name}{{namespace=\"tdd-one\",deployment=\"server\"}} {value}");
        assert!(found.contains(&said(std::slice::from_ref(&line))[0]), "{line} in {found:#?}");
    }
    let autoscaler = json!({
        "metadata": {"namespace": "tdd-one", "name": "server"},
        "spec": {"minReplicas": 1, "maxReplicas": 4, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]},
        "status": {"currentReplicas": 4, "desiredReplicas": 4,
            "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 93}}}],
            "conditions": [{"type": "ScalingLimited", "status": "True"}]},
    });
    let found = stated_by("autoscaling", "horizontalpodautoscalers", autoscaler);
    let about = "namespace=\"tdd-one\",horizontalpodautoscaler=\"server\"";
    for line in [
        format!("kube_horizontalpodautoscaler_status_current_replicas{{{about}}} 4"),
        format!(
            "kube_horizontalpodautoscaler_spec_target_metric{{{about},metric_name=\"cpu\",metric_target_type=\"utilization\"}} 70"
        ),
        format!(
            "kube_horizontalpodautoscaler_status_target_metric{{{about},metric_name=\"cpu\",metric_target_type=\"utilization\"}} 93"
        ),
        format!(
            "kube_horizontalpodautoscaler_status_condition{{{about},condition=\"ScalingLimited\",status=\"true\"}} 1"
        ),
    ] {
        assert!(found.contains(&said(std::slice::from_ref(&line))[0]), "{line} in {found:#?}");
    }
}

fn usage() -> Value {
    json!({
        "metadata": {"namespace": "tdd-one", "name": "server-1"}, "timestamp": "2026-11-22T15:00:00Z", "window": "15s",
        "containers": [{"name": "server", "usage": {"cpu": "7341n", "memory": "52Mi"}}],
    })
}

#[test]
fn the_metrics_server_s_numbers_have_names_of_our_own() {
    let about = "namespace=\"tdd-one\",pod=\"server-1\",container=\"server\"";
    let expected = [format!("{}{{{about}}} 0.000007341", CPU), format!("{}{{{about}}} 54525952", MEMORY)];
    assert_eq!(stated_by("metrics.k8s.io", "pods", usage()), said(&expected));
}

#[test]
fn every_metric_that_a_profile_asks_objects_for_is_stated() {
    let all = [
        of_object("", "pods", &clean(pod())),
        of_object("metrics.k8s.io", "pods", &clean(usage())),
        of_object("apps", "deployments", &clean(json!({}))),
        of_object(
            "autoscaling",
            "horizontalpodautoscalers",
            &clean(json!({ "status": { "conditions": [{ "type": "ScalingLimited", "status": "True" }] } })),
        ),
    ];
    let name = |(labels, _): (Labels, f64)| labels.get(NAME).expect("a name").to_owned();
    let stated: BTreeSet<String> = all.iter().flat_map(ObjectSeries::series).map(name).collect();
    for profile in ["trust-domain-server", "agent"] {
        let profile = Profile::load(profile, &kubectl_escalate::collectors::optional()).expect("an embedded profile");
        for rule in &profile.queries {
            let query = rule.query_of_objects(RANGE).expect("it was read when the profile was");
            let missing: Vec<String> =
                query.iter().flat_map(|it| it.metrics()).filter(|it| !stated.contains(it)).collect();
            assert!(missing.is_empty(), "{}: {missing:?}", rule.id);
        }
    }
}

fn anything() -> impl Strategy<Value = Value> {
    const KEYS: &[&str] = &[
        "metadata",
        "name",
        "namespace",
        "spec",
        "status",
        "containers",
        "containerStatuses",
        "resources",
        "limits",
        "cpu",
        "memory",
        "state",
        "lastState",
        "terminated",
        "reason",
        "conditions",
        "type",
        "metrics",
        "resource",
        "replicas",
        "restartCount",
        "usage",
    ];
    crate::support::json::of("[a-zA-Z0-9\"\\\\\n{},= .]{0,12}", prop::sample::select(KEYS).prop_map(str::to_owned))
}

proptest! {
    /// Whatever an object is, all that it states can be read again, and asked for by its metric's name.
    #[test]
    fn any_object_states_series_that_can_be_read(object in anything()) {
        for (group, plural) in [("", "pods"), ("metrics.k8s.io", "pods"), ("apps", "deployments"), ("autoscaling", "horizontalpodautoscalers")] {
            let stated = of_object(group, plural, &clean(object.clone()));
            let all: Found = stated.series().collect();
            prop_assert_eq!(all.len(), stated.len(), "{:?}", stated);
            for (labels, value) in all {
                let name = BTreeSet::from([labels.get(NAME).expect("a name").to_owned()]);
                prop_assert!(stated.of(&name).any(|it| it == (labels.clone(), value)), "{:?} {}", labels, value);
            }
        }
    }

    /// What a container is called is what its series say, whatever letters it has.
    #[test]
    fn a_name_is_read_as_it_is(name in "\\PC{1,8}|[\\\\\"\n,{}= ]{1,6}") {
        let pod = json!({ "status": { "containerStatuses": [{ "name": name, "ready": true }] } });
        let redacted = clean(pod.clone());
        let name = redacted.value()["status"]["containerStatuses"][0]["name"].as_str();
        let stated: Found = of_object("", "pods", &redacted).series().collect();
        prop_assert!(stated.iter().any(|(labels, _)| labels.get("container") == name), "{:?}", stated);
    }
}

#[test]
fn all_lists_together_have_one_limit() {
    let container = |n: usize| json!({"name": format!("c{n}"), "usage": {"cpu": "1", "memory": "1Mi"}});
    let containers: Vec<Value> = (0..1000).map(container).collect();
    let usage = json!({"metadata": {"namespace": "tdd-one", "name": "server-1"}, "containers": containers});
    let series = of_object("metrics.k8s.io", "pods", &clean(usage));
    assert_eq!(series.len(), 2000);
    let list = |objects: usize| {
        let mut list = AllObjectSeries::default();
        (0..objects).for_each(|_| list.add(|| series.clone()));
        list
    };
    let held = |all: &AllObjectSeries| all.objects.iter().map(ObjectSeries::len).sum::<usize>();
    let mut all = AllObjectSeries::default();
    all.join(list(1), false);
    assert!(all.is_cut, "the rest of a list is missing");
    all.join(list(20), true);
    assert_eq!(held(&all), 42_000, "a list that broke off does not keep out the others");
    let mut all = AllObjectSeries::default();
    (0..2).for_each(|_| all.join(list(15), true));
    assert_eq!((held(&all), all.is_cut), (60_000, false));
    all.join(list(15), true);
    assert_eq!((held(&all), all.is_cut), (60_000, true));
}
