//! What a Prometheus shows of each incident, by each way to one; and that the samples in the bundle are those that
//! its answers are made of.

use crate::{
    bundle::{Bundle, text},
    kubernetes::{Made, apply, incident, incidents, kubeconfig_of, kubectl, let_view, until, wait_for_right},
    prometheus::{Prometheus, Server, free},
    scraping::{SERVICE, scraping},
    tool::{collect, collect_as, program_text},
};
use chrono::{SecondsFormat, Utc};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path, process::Command, time::Duration};
use tempfile::TempDir;

/// Each incident that the servers' own metrics can show, with the queries that show it; others may, too.
const SHOWN: &[(&str, &[&str])] = &[
    ("healthy", &[]),
    ("idle", &[]),
    ("mint-attestation-failed", &["mint-success", "mint-failures"]),
    ("mint-auth-failed", &["mint-success", "mint-failures"]),
    ("mint-invalid-public-key", &["mint-success", "mint-failures"]),
    ("mint-invalid-request", &["mint-success", "mint-failures"]),
    ("mint-signing-failed", &["mint-success", "mint-failures"]),
    ("mint-template-error", &["mint-success", "mint-failures"]),
    ("grpc-failedprecondition", &["agent-api-errors", "api-errors"]),
    ("grpc-unauthenticated", &["agent-api-errors", "api-errors"]),
    ("grpc-permissiondenied", &["agent-api-errors", "api-errors"]),
    ("grpc-invalidargument", &["agent-api-errors", "api-errors"]),
    ("grpc-notfound", &["api-errors"]),
    ("grpc-internal", &["agent-api-errors", "api-errors"]),
    ("grpc-unknown", &["agent-api-errors", "api-errors"]),
    ("grpc-unavailable", &["agent-api-errors", "api-errors"]),
    ("control-plane-away", &["control-plane-errors", "control-plane-events-errors"]),
    ("control-plane-inbound", &["control-plane-errors", "control-plane-calls-errors", "api-errors"]),
    ("slow", &["mint-latency"]),
];

/// Only metrics, of the half hour until now.
fn metrics_of(incident: &str, more: &[&str]) -> Bundle {
    let namespace = incidents().namespace(incident);
    let args = ["-n", namespace, "--prometheus", "auto", "--skip", "logs,previous-logs,descriptions"];
    collect(&[&args[..], more].concat()).expect(0).bundle()
}

pub(crate) fn queries(bundle: &Bundle) -> impl Iterator<Item = &Value> {
    bundle.manifest["queries"].as_array().expect("queries").iter()
}

/// The queries that say so.
pub(crate) fn that_are<'a>(bundle: &'a Bundle, verdict: &str) -> Vec<&'a str> {
    queries(bundle).filter(|query| query["verdict"] == verdict).map(|query| text(&query["id"])).collect()
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn each_incident_is_shown_by_the_prometheus_that_is_found() {
    let scraping = scraping();
    for (incident, shown) in SHOWN {
        let bundle = metrics_of(incident, &[]);
        let cluster = &bundle.manifest["clusters"][0];
        let at = format!("service {}/{SERVICE}:9090", scraping.namespace);
        assert_eq!(cluster["prometheus"]["at"], at, "{incident}: {cluster:#}");
        let alerts = that_are(&bundle, "alert");
        for id in *shown {
            assert!(alerts.contains(id), "{incident} is not shown by {id}: {:#}", bundle.manifest["queries"]);
        }
        // Whatever else it is, these two are well.
        assert!(!shown.is_empty() || alerts.is_empty(), "{incident}: {:#}", bundle.manifest["queries"]);
        assert!(that_are(&bundle, "not-answered").is_empty(), "{incident}");
        eprintln!("{incident:24} alerts: {}", alerts.join(", "));
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn each_incident_that_goes_on_is_shown_by_two_scrapes_alone() {
    let shown = |(incident, shown): &(&str, &[&str])| {
        // Some calls are made every three seconds, and fail by chance: two scrapes may fall between.
        let alerts = until(&format!("{incident} is shown by two scrapes"), Duration::from_secs(90), || {
            let bundle = metrics_of(incident, &["--prometheus", "none", "--scrape-gap", "5s"]);
            let alerts = that_are(&bundle, "alert");
            assert!(!shown.is_empty() || alerts.is_empty(), "{incident}: {:#}", bundle.manifest["queries"]);
            assert!(that_are(&bundle, "healthy").is_empty(), "{incident}: a moment is no all-clear");
            match shown.iter().find(|id| !alerts.contains(id)) {
                Some(id) => Err(format!("{id} does not show it: {:#}", bundle.manifest["queries"])),
                None => Ok(alerts.join(", ")),
            }
        });
        eprintln!("{incident:24} by two scrapes: {alerts}");
    };
    let _incidents = incidents();
    let (even, odd): (Vec<_>, Vec<_>) = SHOWN.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    // They mostly wait.
    std::thread::scope(|scope| {
        scope.spawn(|| even.iter().for_each(|(_, incident)| shown(incident)));
        odd.iter().for_each(|(_, incident)| shown(incident));
    });
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn what_is_over_is_shown_by_the_prometheus_and_not_acquitted_by_scrapes() {
    const NAMESPACE: &str = "tdd-mended0001";
    let deployment = format!("deployment/{NAMESPACE}-spirl-server");
    let scraping = scraping();
    let mut made = Made::default();
    made.add(&["namespace", NAMESPACE]);
    apply(&incident(&["manifest", "mint-signing-failed", "--namespace", NAMESPACE]).expect("a manifest"));
    let rollout = || drop(kubectl(&["rollout", "status", &deployment, "-n", NAMESPACE, "--timeout=120s"]));
    let scraped = |code: &str| {
        let selector = format!("spirl_server_mint_svid_total{{namespace=\"{NAMESPACE}\",status_code=\"{code}\"}}");
        // That of the last minute alone.
        let query = format!("max(count_over_time({selector}[30s]) and {selector})");
        until(&format!("mints are scraped that are {code}"), Duration::from_secs(90), || {
            scraping.rescan();
            let answer = scraping.prometheus.ask("/api/v1/query", &[("query", &query)])?;
            let count = text(&answer["result"][0]["value"][1]).parse().unwrap_or(0);
            if count >= 4 { Ok(()) } else { Err(count.to_string()) }
        });
    };
    rollout();
    scraped("signing_failed");
    let at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    kubectl(&["set", "env", &deployment, "-n", NAMESPACE, "MINT_FAIL-"]);
    rollout();
    scraped("ok");
    let args = ["-n", NAMESPACE, "--incident-time", &at, "--skip", "logs,previous-logs,descriptions"];
    let url = scraping.prometheus.url();
    let shown = collect(&[&args[..], &["--prometheus", &url]].concat()).expect(0).bundle();
    assert!(that_are(&shown, "alert").contains(&"mint-success"), "{:#}", shown.manifest["queries"]);
    let scraped = collect(&[&args[..], &["--prometheus", "none", "--scrape-gap", "4s"]].concat()).expect(0).bundle();
    for verdict in ["healthy", "gaps", "alert"] {
        assert!(that_are(&scraped, verdict).is_empty(), "{verdict}: {:#}", scraped.manifest["queries"]);
    }
    let queries = scraped.text("metrics/queries.txt");
    assert!(
        queries.contains("no alert (< 0.99)") && queries.contains("say nothing about the time before"),
        "{queries}"
    );
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn victoriametrics_says_the_same() {
    let scraping = scraping();
    let url = format!("http://{}", scraping.victoria.address);
    for (incident, shown) in SHOWN.iter().filter(|(name, _)| ["healthy", "mint-signing-failed", "slow"].contains(name))
    {
        let bundle = metrics_of(incident, &["--prometheus", &url]);
        let alerts = that_are(&bundle, "alert");
        assert!(shown.iter().all(|id| alerts.contains(id)), "{incident}: {:#}", bundle.manifest["queries"]);
        assert!(!shown.is_empty() || alerts.is_empty(), "{incident}: {:#}", bundle.manifest["queries"]);
        // Half of the mints fail, whoever counts them.
        if *incident == "mint-signing-failed" {
            let ratios = [bundle, metrics_of(incident, &["--prometheus", &scraping.prometheus.url()])].map(|bundle| {
                let found = queries(&bundle).find(|query| query["id"] == "mint-success").expect("the query");
                text(&found["worst"]["value"]).parse::<f64>().expect("a number")
            });
            assert!((ratios[0] - ratios[1]).abs() < 0.25, "{ratios:?}");
        }
    }
}

/// nginx before the Prometheus, with this in its server.
fn nginx(folder: &TempDir, upstream: &str, server: &str) -> Server {
    let address = free("127.0.0.1");
    let place = folder.path().display();
    let config = format!(
        "daemon off; worker_processes 1; error_log {place}/error.log; pid {place}/pid;
         events {{}}
         http {{
           access_log off; client_body_temp_path {place}/1; proxy_temp_path {place}/2; fastcgi_temp_path {place}/3;
           uwsgi_temp_path {place}/4; scgi_temp_path {place}/5;
           server {{ listen {address}; location = /ready {{ return 200; }} }}
           server {{ {server} }}
         }}",
    );
    let config = config.replace("UPSTREAM", upstream);
    let file = folder.path().join("nginx.conf");
    fs::write(&file, config).expect("its configuration");
    Server::start(Command::new("nginx").arg("-c").arg(&file), &address, "/ready")
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn a_proxy_that_asks_for_credentials_is_given_them() {
    let scraping = scraping();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let shell = |script: &str| {
        let done = Command::new("sh").args(["-ec", script]).current_dir(folder.path()).output().expect("sh");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    // An authority, the server's certificate and the client's.
    shell(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
         for name in server client; do
           openssl req -newkey rsa:2048 -nodes -subj /CN=$name -keyout $name.key -out $name.csr
           printf 'subjectAltName=IP:127.0.0.1' > $name.ext
           openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $name.ext -out $name.pem
         done
         printf 'anna:%s\\n' \"$(openssl passwd -apr1 'open%41sesame')\" > htpasswd",
    );
    let (basic, bearer, tls, old) = (free("127.0.0.1"), free("127.0.0.1"), free("127.0.0.1"), free("127.0.0.1"));
    let place = folder.path().display().to_string();
    let pass = "location / { proxy_pass UPSTREAM; }";
    let servers = format!(
        "listen {basic}; auth_basic realm; auth_basic_user_file {place}/htpasswd; {pass} }}
         server {{ listen {bearer}; if ($http_authorization != \"Bearer open-sesame-1\") {{ return 401; }} {pass} }}
         server {{ listen {tls} ssl; ssl_certificate {place}/server.pem; ssl_certificate_key {place}/server.key;
           ssl_client_certificate {place}/ca.pem; ssl_verify_client on; {pass} }}
         server {{ listen {old}; location /a/ {{ return 307 http://{old}/b$request_uri; }}
           location /b/a/ {{ proxy_pass UPSTREAM/; }} location /away/ {{ return 302 https://login.example.org/?x=1; }}"
    );
    let _nginx = nginx(&folder, &scraping.prometheus.url(), &servers);
    let at = |path: &str| folder.path().join(path).display().to_string();
    let pair = file("pair", "anna:open%41sesame\n");
    let token = file("token", "open-sesame-1\n");
    let url = |address: &str| format!("http://{address}");
    let https = format!("https://{tls}");
    let cases: [(&str, Vec<String>); 4] = [
        ("basic", vec![url(&basic), "--prometheus-basic".to_owned(), pair]),
        ("bearer", vec![url(&bearer), "--prometheus-bearer".to_owned(), token]),
        (
            "client certificate",
            [
                https.as_str(),
                "--prometheus-ca",
                &at("ca.pem"),
                "--prometheus-cert",
                &at("client.pem"),
                "--prometheus-key",
                &at("client.key"),
            ]
            .map(str::to_owned)
            .to_vec(),
        ),
        ("redirect", vec![format!("{}/a", url(&old))]),
    ];
    for (what, args) in &cases {
        let args: Vec<&str> = std::iter::once("--prometheus").chain(args.iter().map(String::as_str)).collect();
        let bundle = metrics_of("mint-signing-failed", &args);
        assert!(that_are(&bundle, "alert").contains(&"mint-success"), "{what}: {:#}", bundle.manifest["checklist"]);
        let secrets = ["sesame", "anna"];
        let leaks = bundle
            .files
            .iter()
            .find(|(_, bytes)| secrets.iter().any(|secret| memchr::memmem::find(bytes, secret.as_bytes()).is_some()));
        assert!(leaks.is_none(), "{what}: {:?}", leaks.map(|(path, _)| path));
    }
    for (args, outcome, hint) in [
        (vec![url(&basic)], "forbidden", "--prometheus-basic"),
        (vec![url(&bearer)], "forbidden", "--prometheus-bearer"),
        (vec![https.clone(), "--prometheus-ca".to_owned(), at("ca.pem")], "forbidden", "--prometheus-cert"),
        (vec![https], "failed", "check the address"),
        (vec![format!("{}/away", url(&old))], "failed", "--prometheus-bearer"),
    ] {
        let args: Vec<&str> = std::iter::once("--prometheus").chain(args.iter().map(String::as_str)).collect();
        let bundle = metrics_of("mint-signing-failed", &args);
        let task = bundle.tasks().find(|task| task["kind"] == "prometheus").expect("the task");
        assert_eq!(task["outcome"], outcome, "{args:?}: {task:#}");
        assert!(text(&task["hint"]).contains(hint), "{args:?}: {task:#}");
    }
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn someone_who_may_view_asks_with_what_rbac_adds() {
    let scraping = scraping();
    let service = format!("{}/{SERVICE}", scraping.namespace);
    let (user, namespace) = ("metrics", incidents().namespace("mint-signing-failed"));
    let mut made = Made::default();
    let_view(&mut made, namespace, user);
    let args = ["-n", namespace, "--skip", "logs,previous-logs,descriptions", "--prometheus", &service];
    let refused = collect_as(&kubeconfig_of(user), &args).bundle();
    let task = refused.tasks().find(|task| task["kind"] == "prometheus").expect("the task");
    assert_eq!(task["outcome"], "forbidden", "{task:#}");
    assert!(text(&task["hint"]).contains("get services/proxy \"prometheus-k8s:9090\" in namespace"), "{task:#}");
    let kubeconfig = crate::kubernetes::kubeconfig();
    let roles = program_text(&[
        "rbac",
        "--kubeconfig",
        &kubeconfig.to_string_lossy(),
        "-n",
        namespace,
        "--prometheus",
        &service,
        "--name",
        "escalate-test-asking",
        "--user",
        user,
    ]);
    for kind in ["role", "rolebinding"] {
        for within in [namespace, &scraping.namespace, "default", "kube-node-lease"] {
            made.add(&[kind, "-n", within, "escalate-test-asking"]);
        }
        made.add(&[&format!("cluster{kind}"), "escalate-test-asking"]);
    }
    apply(&roles);
    wait_for_right(
        user,
        true,
        &["get", "services/prometheus-k8s:9090", "--subresource=proxy", "-n", &scraping.namespace],
    );
    let bundle = collect_as(&kubeconfig_of(user), &args).bundle();
    assert!(that_are(&bundle, "alert").contains(&"mint-success"), "{:#}", bundle.manifest["checklist"]);
}

/// The values of an answer, by labels and time.
pub(crate) fn values(result: &Value) -> BTreeMap<(String, i64), f64> {
    let mut values = BTreeMap::new();
    for series in result.as_array().expect("series") {
        // Those that only the file has tell where it is from.
        let mut labels = series["metric"].clone();
        ["trust_domain", "region"]
            .iter()
            .for_each(|label| drop(labels.as_object_mut().expect("labels").remove(*label)));
        for point in series["values"].as_array().into_iter().flatten() {
            let at = (point[0].as_f64().expect("a time") * 1000.0) as i64;
            values.insert((labels.to_string(), at), text(&point[1]).parse().expect("a number"));
        }
    }
    values
}

#[test]
#[ignore = "needs a Kubernetes: run tests/run"]
fn the_samples_loaded_elsewhere_answer_the_same() {
    let scraping = scraping();
    let (mut total, mut stated) = (0, 0);
    for incident in ["mint-signing-failed", "slow", "control-plane-away", "memory-oom"] {
        let bundle = metrics_of(incident, &["--prometheus", &scraping.prometheus.url()]);
        let samples = bundle.text("metrics/samples.openmetrics");
        for label in ["trust_domain=\"example.org\"", "region=\"eu-west-1\""] {
            assert!(samples.lines().all(|line| line == "# EOF" || line.contains(label)), "a line has no {label}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        load(samples, folder.path());
        let fresh = Prometheus::of(&free("127.0.0.1"), "global: {}\n", folder);
        for query in queries(&bundle) {
            // What objects state is of one moment.
            let step = query["step_seconds"].as_u64().expect("seconds").max(1).to_string();
            let id = text(&query["id"]);
            stated += usize::from(query["of_objects"] == true);
            let file: Value = serde_json::from_slice(bundle.file(text(&query["entry"]))).expect("JSON");
            let was = values(&file["answer"]["result"]);
            let parameters = [
                ("query", text(&query["expr"])),
                ("start", text(&query["start"])),
                ("end", text(&query["end"])),
                ("step", &step),
            ];
            let is = values(
                &fresh.ask("/api/v1/query_range", &parameters).unwrap_or_else(|why| panic!("{id}: {why}"))["result"],
            );
            assert!(was.keys().eq(is.keys()), "{incident}, {id}: {was:#?} was answered, and is {is:#?}");
            for (key, value) in &was {
                let other = is[key];
                let close = (value - other).abs() <= 1e-9 * value.abs().max(1.0);
                assert!(close || value.is_nan() && other.is_nan(), "{incident}, {id} at {key:?}: {value}, and {other}");
            }
            total += was.len();
        }
    }
    assert!(total > 40 && stated > 5, "{total} values, {stated} queries answered by objects");
    eprintln!(
        "{total} values of answers are the same from the samples alone, those of {stated} queries by objects among them"
    );
}

/// Loads samples as promtool does.
fn load(samples: &str, folder: &Path) {
    let file = folder.join("samples.openmetrics");
    fs::write(&file, samples).expect("a file");
    let done = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .arg(&file)
        .arg(folder.join("data"))
        .output();
    let done = done.unwrap_or_else(|why| panic!("promtool must be in PATH: {why}"));
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}
