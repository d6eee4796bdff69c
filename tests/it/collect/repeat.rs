//! The commands of the checklist: they repeat the request, whoever made it.

use crate::support::{Api, Run, World, world::NAMESPACE};
use chrono::{TimeDelta, Utc};
use kubectl_escalate::{
    bundle::{Destination, Manifest},
    collectors,
    pipeline::{Clusters, CollectRequest, Control, PrometheusAccess, Silent, collect, request_of},
    plan::{PrometheusChoice, window::Window},
    profile::Profile,
    source::{kubernetes::Target, prometheus::Access},
};
use std::{path::PathBuf, sync::Arc};

/// Collects with the library, as `examples/collect.rs` does.
fn collected(api: &Api, window: Window, change: impl FnOnce(&mut CollectRequest)) -> Manifest {
    let home = tempfile::tempdir().expect("a folder");
    let kubeconfig = home.path().join("kubeconfig");
    let config = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "prod",
        "clusters": [{ "name": "prod", "cluster": { "server": api.url() } }],
        "contexts": [{ "name": "prod", "context": { "cluster": "prod", "user": "jane" } }],
        "users": [{ "name": "jane", "user": {} }],
    });
    std::fs::write(&kubeconfig, config.to_string()).expect("a kubeconfig");
    let profile = Profile::built_in(Profile::DEFAULT, &collectors::optional()).expect("a profile");
    let mut request = CollectRequest::new(profile, window, Utc::now());
    request.limits.scrape_gap = std::time::Duration::ZERO;
    request.targets.clusters = Clusters::Contexts(vec![Target { kubeconfig: Some(kubeconfig), ..Target::default() }]);
    change(&mut request);
    collected_into(home.path().to_owned(), request)
}

fn collected_into(folder: PathBuf, mut request: CollectRequest) -> Manifest {
    request.to = Destination::Folder(folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let collected = runtime.block_on(collect(request, Arc::new(Silent), &Control::default()));
    collected.unwrap_or_else(|error| panic!("{error}")).manifest
}

/// Without an incident, it collects around one; if the logs were cut by the limit, with a higher one.
fn command_for_logs(manifest: &Manifest) -> &str {
    manifest.checklist[0].command.as_deref().expect("a command")
}

#[test]
fn the_librarys_request_is_repeated_without_being_told_how() {
    let api = World::one().serve();
    let now = Utc::now();
    let usual = Window::new(None, None, None, now).expect("a window");
    let shortest = "kubectl-escalate collect --context prod -n tdd-one --incident-time TIME";
    assert_eq!(command_for_logs(&collected(&api, usual, |_| {})), shortest);

    let window = Window::new(None, Some(TimeDelta::minutes(90)), None, now).expect("a window");
    let manifest = collected(&api, window, |request| {
        request.targets.places.namespaces = vec![NAMESPACE.to_owned()];
        request.targets.places.selector = Some("app in (one, two)".to_owned());
        let evidence = &mut request.evidence;
        evidence.skip = ["scrapes", "descriptions"].map(str::to_owned).into();
        evidence.queries = vec![("up".to_owned(), "sum(up) > 1".to_owned())];
        evidence.trust_domain = Some("example.org".to_owned());
        evidence.region = Some("eu-west-1".to_owned());
        evidence.node_neighbours = true;
        let mut access = Access::new("http://jane:word@127.0.0.1:1").expect("an address");
        evidence.prometheus = PrometheusChoice::At(access.shown());
        let header = [("x-scope-orgid".parse().expect("a name"), "one".parse().expect("a value"))];
        access = access.headers(&http::HeaderMap::from_iter(header));
        request.prometheus = PrometheusAccess::Address(Box::new(access));
    });
    assert_eq!(
        command_for_logs(&manifest),
        "kubectl-escalate collect --context prod -n tdd-one -l 'app in (one, two)' --skip descriptions --skip scrapes \
         --query 'up=sum(up) > 1' --trust-domain example.org --region eu-west-1 --node-neighbours \
         --prometheus http://127.0.0.1:1 --prometheus-basic FILE --prometheus-header @FILE --incident-time TIME \
         --before 1h30m"
    );
}

#[test]
fn a_profile_of_the_users_own_is_a_file() {
    let api = World::one().serve();
    let window = Window::new(None, None, None, Utc::now()).expect("a window");
    let manifest = collected(&api, window, |request| {
        let (_, text) = kubectl_escalate::profile::embedded()[0];
        let text = format!("{text}\n# mine\n");
        let profile = Profile::parse("/home/jane/mine.yaml", &text, &collectors::optional());
        request.evidence.profile = profile.expect("a profile");
    });
    let command = command_for_logs(&manifest);
    assert!(command.contains(" -n tdd-one --profile FILE --incident-time"), "{command}");
}

#[test]
fn demo_repeats_what_was_recorded() {
    let api = World::one().serve();
    let recorded = Run::collect(&api).args(["--before", "10m"]).finish();
    let mut request = request_of(Arc::new(recorded.bundle().reader), Utc::now()).expect("a request");
    request.limits.log = 10;
    let manifest = collected_into(recorded.out(), request);
    assert_eq!(
        command_for_logs(&manifest),
        "kubectl-escalate collect --context prod -n tdd-one --incident-time 2024-03-05T14:05:00Z --before 10m \
         --log-limit SIZE"
    );
}
