//! Which Prometheus is asked, by what way and with which credentials.

use super::metrics::{check, metrics, query, run};
use crate::support::{
    Api, Piece, Reply, Run, World,
    prometheus::{self, has, refusal, service},
};
use kubectl_escalate::bundle::{CheckState, Judged, Outcome};
use serde_json::json;

/// A world with these services, behind each of which nothing answers yet.
fn world(services: &[&str]) -> Api {
    let mut world = World::one();
    for named in services {
        let (namespace, name) = named.split_once('/').expect("NAMESPACE/NAME");
        let (name, port) = name.split_once(':').expect("NAME:PORT");
        service(&mut world, namespace, name, port.parse().expect("a port"));
    }
    world.serve()
}

#[test]
fn the_one_that_has_our_servers_is_taken_not_the_one_with_the_right_name() {
    let services = ["monitoring/prometheus:9090", "team/vmsingle-x:8428", "old/prometheus-server:80"];
    let api = world(&services);
    prometheus::behind(&api, services[0], |asked| match asked.parameter("query") {
        query if query.contains("count_over_time") => Some(Reply::json(&has(&[]))),
        _ => prometheus::answer(asked),
    });
    prometheus::behind(&api, services[1], prometheus::answer);
    prometheus::behind(&api, services[2], |_| Some(Reply::text("<html>not here</html>").with_status(404)));
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let asked = bundle.manifest().clusters[0].prometheus.clone().expect("one was asked");
    assert_eq!(asked.at, "service team/vmsingle-x:8428");
    assert!(asked.why.contains("the best of 3") && asked.by_namespace, "{asked:?}");
    let about = bundle.json(&metrics("prometheus.json"));
    assert_eq!(about["chosen"], "service team/vmsingle-x:8428");
    assert_eq!(about["asked"].as_array().map(Vec::len), Some(3), "{about}");
    assert!(bundle.text("README.txt").contains("queried service team/vmsingle-x:8428"));
}

/// Of servers of two clusters that have one namespace, each with the label `cluster`.
fn shared(has_pods: bool) -> (Api, Api) {
    let server = prometheus::serve();
    server.on(move |asked| {
        let query = asked.parameter("query");
        let of = |trust_domain: &str, cluster: &str| {
            (json!({ "spirl_trust_domain": trust_domain, "cluster": cluster }), 120)
        };
        Some(Reply::json(&match query.contains("count_over_time") {
            true if query.contains("pod=") && has_pods => has(&[of("example.org", "ours")]),
            true if query.contains("pod=") => has(&[]),
            true => has(&[of("example.org", "ours"), of("other.org", "theirs")]),
            false => return None,
        }))
    });
    let mut world = World::one();
    // So that nothing but the Prometheus says who this is.
    world.metrics(crate::support::world::POD, None);
    (world.serve(), server)
}

#[test]
fn of_several_clusters_only_ours_is_asked_for() {
    let (api, server) = shared(true);
    let bundle = run(&api, &server).finish().bundle();
    assert_eq!(bundle.manifest().trust_domain.as_deref(), Some("example.org"));
    for id in ["mint-success", "api-errors", "restarts"] {
        let record = query(&bundle, id);
        assert!(record.expr.contains("cluster=\"ours\"") && record.narrowed, "{record:?}");
    }
    let text = bundle.text(&metrics("queries.txt"));
    assert!(text.contains("distinguished from other clusters by cluster=ours"), "{text}");
}

/// The servers' profile with a query about nodes.
fn asks_about_nodes(run: Run) -> Run {
    let (_, profile) =
        kubectl_escalate::profile::embedded().iter().find(|(name, _)| *name == "trust-domain-server").expect("it");
    let node = "queries:\n  - {id: node-disk, scenario: nodes, measures: nodes under disk pressure, unit: count, alert: '> 0', \
                narrowedBy: cluster, twoScrapes: none, \
                expr: 'max by (node) (kube_node_status_condition{condition=\"DiskPressure\"})'}\n";
    let path = run.file("mine.yaml", profile.replacen("queries:\n", node, 1));
    run.args(["--profile".as_ref(), path.as_os_str()])
}

#[test]
fn a_query_about_nodes_is_narrowed_by_the_cluster_alone() {
    let (api, server) = shared(true);
    let bundle = asks_about_nodes(run(&api, &server)).finish().bundle();
    let record = query(&bundle, "node-disk");
    assert!(!record.expr.contains("namespace") && !record.expr.contains("spirl_trust_domain"), "{}", record.expr);
    assert!(record.expr.contains("cluster=\"ours\"") && record.narrowed, "{record:?}");
    assert!(bundle.text(&metrics("queries.txt")).contains("of the whole cluster"));
    // In a Prometheus of one cluster, all nodes are ours.
    let (api, server) = (World::one().serve(), prometheus::serve());
    let bundle = asks_about_nodes(run(&api, &server)).finish().bundle();
    assert!(query(&bundle, "node-disk").narrowed);
    // One that has no samples of our servers may be another cluster's.
    server.on(|asked| {
        let is_of_servers = asked.parameter("query").contains("spirl_application_info");
        is_of_servers.then(|| Reply::json(&has(&[])))
    });
    let bundle = asks_about_nodes(run(&api, &server)).finish().bundle();
    let record = query(&bundle, "node-disk");
    assert_eq!((record.answer.verdict, record.narrowed), (Judged::Value, false));
}

#[test]
fn where_nothing_tells_them_apart_nothing_is_said_of_ours() {
    let (api, server) = shared(false);
    let bundle = run(&api, &server).finish().bundle();
    assert_eq!(bundle.manifest().trust_domain, None);
    assert!(bundle.manifest().identity.iter().any(|claim| claim.hint && claim.value == "other.org"));
    let record = query(&bundle, "mint-success");
    assert_eq!((record.answer.verdict, record.narrowed), (Judged::Value, false));
    assert!(bundle.text(&metrics("queries.txt")).contains("of all servers there: nothing distinguishes ours"));
}

#[test]
fn one_that_hangs_among_those_found_costs_the_others_nothing() {
    let services = ["a/prometheus-a:9090", "b/prometheus-b:9090"];
    let api = world(&services);
    prometheus::behind(&api, services[0], |_| Some(Reply::pieces([Piece::Stall])));
    prometheus::behind(&api, services[1], prometheus::answer);
    let bundle = Run::collect(&api).args(["--request-timeout", "60s"]).finish().exits(0).bundle();
    let asked = bundle.manifest().clusters[0].prometheus.clone().expect("one was asked");
    assert_eq!(asked.at, "service b/prometheus-b:9090");
    let about = bundle.text(&metrics("prometheus.json"));
    assert!(about.contains("asking for its samples took longer than"), "{about}");
}

#[test]
fn an_address_is_cut_at_its_end_alone() {
    let server = prometheus::serve();
    for (given, below) in [
        ("/graph", ""),
        ("/a/vmui/", "/a"),
        ("/api/v1/query", ""),
        ("/query-frontend/p", "/query-frontend/p"),
        ("/api/v1/namespaces/x/services/y/proxy", "/api/v1/namespaces/x/services/y/proxy"),
    ] {
        let api = World::one().serve();
        let before = server.asked().len();
        let bundle =
            Run::collect(&api).args(["--prometheus", &format!("{}{given}", server.url())]).finish().exits(0).bundle();
        assert_eq!(query(&bundle, "mint-success").answer.verdict, Judged::Alert);
        let asked = server.asked().split_off(before);
        assert!(asked.iter().all(|it| it.path.starts_with(&format!("{below}/api/v1/"))), "{given}: {}", asked[0].path);
    }
}

#[test]
fn none_that_has_nothing_of_ours_is_asked() {
    let api = world(&["monitoring/prometheus:9090"]);
    prometheus::behind(&api, "monitoring/prometheus:9090", |asked| match asked.parameter("query") {
        query if query.contains("count_over_time") => Some(Reply::json(&has(&[]))),
        _ => prometheus::answer(asked),
    });
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let task = bundle.outcome("prometheus", Outcome::Empty);
    assert!(task.causes[0].contains("no sample of our servers or namespaces"), "{task:?}");
    assert!(bundle.manifest().queries.iter().all(|record| record.answer.of_objects));
    let (state, detail, command) = check(&bundle);
    assert_eq!(state, CheckState::Partial, "{detail}");
    let command = command.expect("a command");
    assert!(command.contains(" --into escalation-") && command.ends_with(" --prometheus URL"), "{command}");
}

#[test]
fn a_cluster_without_one_lacks_nothing_that_the_user_could_grant() {
    let api = World::one().serve();
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let task = bundle.outcome("prometheus", Outcome::Absent);
    assert!(task.hint.as_ref().is_some_and(|hint| hint.contains("--prometheus URL")), "{task:?}");
}

#[test]
fn without_a_list_over_the_cluster_it_is_looked_for_where_it_commonly_is() {
    let api = world(&["monitoring/prometheus-k8s:9090"]);
    api.on(|asked| (asked.path == "/api/v1/services").then(Reply::forbidden));
    prometheus::behind(&api, "monitoring/prometheus-k8s:9090", prometheus::answer);
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    assert_eq!(query(&bundle, "mint-success").answer.verdict, Judged::Alert);
}

#[test]
fn rights_that_are_missing_are_named() {
    let api = World::one().serve();
    api.on(|asked| asked.path.ends_with("/services").then(Reply::forbidden));
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    bundle.outcome("prometheus", Outcome::Forbidden);

    let api = world(&["monitoring/prometheus-k8s:9090"]);
    prometheus::behind(&api, "monitoring/prometheus-k8s:9090", |_| Some(Reply::forbidden()));
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let hint = bundle.outcome("prometheus", Outcome::Forbidden).hint.clone().expect("a hint");
    let right = "get services/proxy \"prometheus-k8s:9090\" in namespace monitoring";
    assert!(hint.contains(right) && hint.contains("rbac --prometheus monitoring/prometheus-k8s:9090"), "{hint}");
}

#[test]
fn it_may_be_below_a_prefix_and_behind_a_named_service() {
    for (named, prefix) in [("mimir/mimir-gateway:80", "/prometheus"), ("vm/vmselect-a:8481", "/select/0/prometheus")] {
        let api = world(&[named]);
        prometheus::behind(&api, named, move |asked| match asked.path.contains(&format!("/proxy{prefix}/api/")) {
            true => prometheus::answer(asked),
            false => Some(Reply::text("404 page not found").with_status(404)),
        });
        let named = named.rsplit_once(':').map_or(named, |(named, _)| named);
        let bundle = Run::collect(&api).args(["--prometheus", named]).finish().exits(0).bundle();
        let asked = bundle.manifest().clusters[0].prometheus.clone().expect("one was asked");
        assert!(asked.at.ends_with(prefix) && asked.why.contains("named by --prometheus"), "{asked:?}");
    }
}

#[test]
fn credentials_reach_it_and_nothing_else() {
    const SECRET: &str = "Zq81LxT7PvRw0aKd";
    let (api, server) = (World::one().serve(), prometheus::serve());
    let url = server.url();
    let with_user = url.replace("://", &format!("://anna:{SECRET}@"));
    let cases: [(&[&str], &str, &str); 5] = [
        (&["--prometheus", &with_user], "authorization", "Basic "),
        (&["--prometheus", &url, "--prometheus-bearer", "FILE"], "authorization", "Bearer Zq81LxT7PvRw0aKd"),
        (&["--prometheus", &url, "--prometheus-basic", "PAIR"], "authorization", "Basic "),
        (&["--prometheus", &url, "--prometheus-header", "X-Scope-OrgID: Zq81LxT7PvRw0aKd"], "x-scope-orgid", SECRET),
        (&["--prometheus", &url, "--prometheus-header", "@HEADER"], "x-scope-orgid", SECRET),
    ];
    for (arguments, header, begins) in cases {
        let run = Run::collect(&api);
        let file = run.file("token", format!("{SECRET}\n")).display().to_string();
        let pair = run.file("pair", format!("anna:{SECRET}\n")).display().to_string();
        let line = run.file("headers", format!("X-Scope-OrgID: {SECRET}\n")).display().to_string();
        let given =
            arguments.iter().map(|it| it.replace("FILE", &file).replace("PAIR", &pair).replace("HEADER", &line));
        let before = server.asked().len();
        let ended = run.args(given).finish().exits(0);
        let asked = server.asked().split_off(before);
        assert!(asked.len() > 20 && asked.iter().all(|it| it.header(header).starts_with(begins)), "{asked:#?}");
        let bundle = ended.bundle();
        for secret in [SECRET, "anna"] {
            assert!(!bundle.holds(secret) && !ended.stderr.contains(secret), "{arguments:?}: {}", ended.stderr);
        }
        assert!(api.asked().iter().all(|it| it.header(header).is_empty()));
    }
}

#[test]
fn credentials_that_are_wanted_are_asked_for() {
    let (api, server) = (World::one().serve(), Api::new(|_| Some(Reply::text("no org id").with_status(401))));
    let bundle = run(&api, &server).finish().exits(0).bundle();
    let task = bundle.outcome("prometheus", Outcome::Forbidden);
    let hint = task.hint.clone().unwrap_or_default();
    assert!(hint.contains("--prometheus-bearer") && hint.contains("X-Scope-OrgID"), "{task:?}");

    let api = world(&["monitoring/prometheus-k8s:9090"]);
    prometheus::behind(&api, "monitoring/prometheus-k8s:9090", |_| Some(refusal(401, "", "log in")));
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    let hint = bundle.outcome("prometheus", Outcome::Forbidden).hint.clone().unwrap_or_default();
    assert!(hint.contains("the API server does not pass on"), "{hint}");
}

#[test]
fn no_credentials_follow_where_it_sends_to() {
    let elsewhere = Api::new(|_| Some(Reply::text("<html>log in</html>")));
    let to = elsewhere.url();
    let server = Api::new(move |asked| match asked.path.strip_prefix("/old") {
        // On the same host they may go on.
        Some(_) => {
            let to = asked.target.replacen("/old", "", 1);
            Some(Reply::no_content().with_status(307).header("location", &to))
        }
        None if asked.path.starts_with("/away") => {
            Some(Reply::no_content().with_status(302).header("location", &format!("{to}/login?token=Zq81LxT7PvRw0aKd")))
        }
        None => prometheus::answer(asked),
    });
    let api = World::one().serve();
    let bundle = Run::collect(&api).args(["--prometheus", &format!("{}/old", server.url())]).finish().exits(0).bundle();
    assert_eq!(query(&bundle, "mint-success").answer.verdict, Judged::Alert);
    let ended = Run::collect(&api).args(["--prometheus", &format!("{}/away", server.url())]).finish().exits(0);
    let bundle = ended.bundle();
    let task = bundle.outcome("prometheus", Outcome::Failed);
    assert!(task.causes.iter().any(|cause| cause.contains("it redirects to http://127.0.0.1:")), "{task:?}");
    assert!(!bundle.holds("Zq81LxT7PvRw0aKd") && elsewhere.asked().is_empty());
}

#[test]
fn mistakes_in_its_flags_are_told_before_anything_is_asked() {
    let api = World::one().serve();
    let refused = |arguments: &[&str], word: &str| {
        let ended = Run::collect(&api).args(arguments).finish().exits(2);
        assert!(ended.stderr.contains(word), "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("Zq81LxT7"), "{}", ended.stderr);
    };
    refused(&["--prometheus", "prometheus"], "give http://HOST or https://HOST, NAMESPACE/SERVICE");
    refused(&["--prometheus", "ftp://anna:Zq81LxT7@host"], "is not the address of a Prometheus");
    refused(&["--prometheus", "monitoring/prom:99999"], "NAMESPACE/SERVICE:PORT");
    refused(&["--prometheus", "../x/y"], "NAMESPACE/SERVICE");
    refused(&["--prometheus-bearer", "/nowhere"], "--prometheus-bearer needs --prometheus URL");
    refused(&["--prometheus", "http://host", "--prometheus-bearer", "/nowhere"], "cannot read /nowhere");
    refused(
        &["--prometheus-header", "Authorization: Bearer Zq81LxT7"],
        "the header authorization needs --prometheus URL",
    );
    refused(&["--prometheus-header", "X-Api-Key: Zq81LxT7"], "the header x-api-key");
    refused(&["--prometheus", "monitoring/prom", "--prometheus-header", "Impersonate-User: root"], "impersonate-user");
    refused(&["--prometheus", "anna:Zq81LxT7@host/x"], "--prometheus host/x: give http");
    refused(
        &["--prometheus", "https://host/p?token=Zq81LxT7"],
        "`https://host/p` is not the address of a Prometheus: it has a query",
    );
    refused(&["--prometheus", "https://a:b@host", "--prometheus-bearer", "/nowhere"], "a user in its URL");
    refused(&["--prometheus-header", "Zq81LxT7"], "is not a header");
    refused(&["--query", "up"], "give NAME=PROMQL");
    refused(&["--query", "mint-success=up"], "has this name already");
    refused(&["--query", "a=up", "--prometheus", "none"], "--prometheus none queries none");
    assert!(api.asked().is_empty());
}
