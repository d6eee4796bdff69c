//! The API server's client: what is sent, discovery old and new, and the limits on waiting.

use crate::support::{Api, Piece, Reply, Run, World, world::legacy};
use kubectl_escalate::bundle::Outcome;
use std::collections::BTreeSet;

fn collect(api: &Api) -> crate::support::Ended {
    Run::collect(api).finish()
}

#[test]
fn only_get_is_sent_and_aggregated_discovery_takes_two_requests() {
    let api = World::one().serve();
    collect(&api).exits(0);
    assert!(api.asked().iter().all(|asked| asked.method == "GET"));
    // Once for the plan, once for the bundle.
    for path in ["/api", "/apis"] {
        assert!((1..=2).contains(&api.asked_for(path).len()));
    }
    assert!(api.asked_for("/apis/apps/v1").is_empty());
}

/// A server that knows no aggregated discovery.
fn old(world: World) -> Api {
    let documents = legacy();
    let api = world.serve();
    api.on(move |asked| documents.get(&asked.path).map(Reply::json));
    api
}

#[test]
fn an_old_server_is_asked_group_by_group() {
    let api = old(World::one());
    let bundle = collect(&api).exits(0).bundle();
    bundle.outcome("discovery", Outcome::Collected);
    assert!(bundle.paths().iter().any(|path| path.ends_with("api/groups/apps/v1.json")), "{:#?}", bundle.paths());
    assert!(!bundle.ids().iter().any(|id| id.contains("/status")), "a subresource is no resource");
}

#[test]
fn a_group_that_fails_costs_only_itself() {
    let api = old(World::one());
    api.on_path("/apis/autoscaling/v2", |_| Reply::status(500, "InternalError", "the server behind it is away"));
    let ended = collect(&api).exits(0);
    let bundle = ended.bundle();
    let task = bundle.outcome("discovery", Outcome::Truncated);
    assert!(task.causes[0].contains("autoscaling/v2") && task.causes[0].contains("is away"), "{task:?}");
    bundle.outcome("list/tdd-one/deployments.apps", Outcome::Empty);
}

#[test]
fn a_group_that_is_unavailable_is_not_waited_for_long() {
    let api = old(World::one());
    api.on_path("/apis/autoscaling/v2", |_| {
        Reply::status(503, "ServiceUnavailable", "the server behind it is away").header("retry-after", "0")
    });
    let ended = collect(&api).exits(0);
    ended.bundle().outcome("discovery", Outcome::Truncated);
    assert!(
        api.asked_for("/apis/autoscaling/v2").len() <= 12,
        "asked no more than the limit of attempts, for the plan and for the bundle"
    );
}

#[test]
fn a_stale_group_of_aggregated_discovery_is_named() {
    let api = World::one().serve();
    let stale = serde_json::json!({ "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": [
        { "metadata": { "name": "metrics.k8s.io" }, "versions": [{ "version": "v1beta1", "freshness": "Stale" }] },
        { "metadata": { "name": "apps" }, "versions": [{ "version": "v1", "resources": [
            { "resource": "deployments", "responseKind": { "group": "apps", "version": "v1", "kind": "Deployment" }, "scope": "Namespaced", "verbs": ["get", "list"] },
        ] }] },
    ] });
    api.on_path("/apis", move |_| Reply::json(&stale));
    let bundle = collect(&api).exits(0).bundle();
    assert!(bundle.outcome("discovery", Outcome::Truncated).causes[0].contains("metrics.k8s.io/v1beta1"));
    bundle.outcome("list/tdd-one/deployments.apps", Outcome::Empty);
    // Whether there are any is not known, which is not the same as none.
    bundle.outcome("list/pods.metrics.k8s.io", Outcome::Failed);
}

#[test]
fn requests_to_a_cluster_are_limited_until_their_bodies_end() {
    let api = World::one().serve();
    let (now, most) = (std::sync::Arc::new(std::sync::Mutex::new((0, 0))), 3);
    let held = now.clone();
    api.on(move |_| {
        let mut count = held.lock().expect("a count");
        count.0 += 1;
        count.1 = count.1.max(count.0);
        drop(count);
        std::thread::sleep(std::time::Duration::from_millis(10));
        held.lock().expect("a count").0 -= 1;
        None
    });
    Run::collect(&api).args(["--cluster-streams", &most.to_string()]).finish().exits(0);
    let seen = now.lock().expect("a count").1;
    assert!((1..=most).contains(&seen), "{seen} at once");
}

#[test]
fn who_may_not_ask_for_the_version_may_still_collect() {
    let api = World::one().serve();
    api.on_path("/version", |_| Reply::forbidden());
    let bundle = collect(&api).exits(0).bundle();
    bundle.outcome("version", Outcome::Forbidden);
}

#[cfg(target_os = "linux")]
#[test]
fn words_of_a_credential_plugin_that_fails_later_stay_out_of_the_bundle() {
    use crate::support::{
        certificates::Pair,
        front::{Front, Tls},
    };
    /// Works once, for a token that has expired already and is refused, as when a session ends meanwhile.
    const LOGIN: &str = r#"[ -e "$0.done" ] && { echo "the session of jane-corp ended" >&2; exit 1; }
touch "$0.done"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
"status":{"token":"t0","expirationTimestamp":"2020-01-01T00:00:00Z"}}'
"#;
    let (first, second) = (World::one().serve(), World::one().serve());
    first.on(|_| Some(Reply::status(401, "Unauthorized", "Unauthorized")));
    // Only a server with TLS is logged in to.
    let authority = Pair::authority("authority", &rcgen::PKCS_ECDSA_P256_SHA256);
    let server = authority.server(&["127.0.0.1"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let front = Front::tls([127, 0, 0, 1].into(), &Tls::new(&server.certificate, &server.key), first.address());
    let run = Run::collect_at(&format!("https://{}", front.address)).context("other", &second.url()).login(LOGIN);
    let trusted = run.file("authority.crt", authority.certificate);
    let run = run.env("SSL_CERT_FILE", trusted);
    let ended = run.args(["--context", "prod", "--context", "other"]).finish().exits(3);
    assert!(ended.stderr.contains("credentials could not be obtained"), "{}", ended.stderr);
    let bundle = ended.bundle();
    assert!(bundle.manifest().clusters.iter().any(|cluster| cluster.error.is_some()));
    assert!(!bundle.holds("jane-corp"), "what the plugin was called with, or said");
}

/// What is said of a login that fails, without what stands around it.
#[cfg(unix)]
fn said_of_login(run: impl FnOnce(Run) -> Run) -> String {
    let ended = run(Run::new(["collect"]).context("prod", "https://127.0.0.1:1")).finish().exits(4);
    let line = ended.stderr.lines().find(|line| line.contains("could not be obtained")).expect("a line");
    let why = line.split_once("the credentials of context \"prod\" could not be obtained: ").expect("a reason").1;
    why.replace(&ended.out().parent().expect("a home").display().to_string(), "HOME")
}

#[cfg(unix)]
#[test]
fn a_login_that_fails_is_explained() {
    let token = ["ghp_", &"x1Y2".repeat(9)].concat();
    let fails = format!("echo first; for n in 1 2 3; do echo line $n >&2; done; echo token={token} >&2; echo; exit 7");
    let said = said_of_login(|run| run.login(&fails));
    let (before, after) = said.split_once("token=").expect("the last line");
    assert_eq!(
        before,
        "the credential plugin `/bin/sh HOME/login.sh --profile=jane-corp` ended with exit code 7: line 2 / line 3 / "
    );
    assert!(after.starts_with('<') && after.ends_with(">; run it by hand, and log in again if it asks for that"));

    let said = said_of_login(|run| run.login("kill -9 $$"));
    assert!(said.contains(" ended with signal: 9 (SIGKILL) and printed no error; run it by hand"), "{said}");

    let said = said_of_login(|run| run.login_command(&["no-such-login", "--role", "a b"]));
    assert_eq!(
        said,
        "the credential plugin `no-such-login --role 'a b'` is not installed, or not in PATH; \
         install it, or correct the command of this user in the kubeconfig"
    );

    for prints in [format!("echo token {token}"), "echo '{\"kind\":\"ExecCredential\"}'".to_owned(), String::new()] {
        let said = said_of_login(|run| run.login(&prints));
        assert!(said.contains(" printed ") && said.ends_with("; run it by hand to see what it prints"), "{said}");
        assert!(!said.contains("x1Y2"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_login_that_hangs_ends_with_the_run() {
    let said = said_of_login(|run| run.login("sleep 60").args(["--deadline", "1s"]));
    assert!(said.contains(" was ended before it answered: the run's deadline passed"), "{said}");
}

#[test]
fn credentials_that_are_not_accepted_are_said_to_be() {
    let api = Api::new(|_| Some(Reply::status(401, "Unauthorized", "Unauthorized")));
    let ended = collect(&api).exits(4);
    assert!(ended.stderr.contains("401 Unauthorized"), "{}", ended.stderr);
}

#[test]
fn impersonation_is_sent_with_every_request() {
    let api = World::one().serve();
    Run::collect(&api).args(["--as", "auditor", "--as-group", "readers"]).finish().exits(0);
    for asked in api.asked() {
        assert_eq!(
            (asked.header("impersonate-user"), asked.header("impersonate-group")),
            ("auditor", "readers"),
            "{}",
            asked.target
        );
    }
}

#[test]
fn what_an_overloaded_server_made_us_wait_is_no_skew() {
    let api = World::one().serve();
    api.on_path("/version", |asked| match asked.earlier {
        0 => Reply::status(429, "TooManyRequests", "later").header("retry-after", "4"),
        _ => {
            let date = chrono::Utc::now().to_rfc2822().replace("+0000", "GMT");
            Reply::json(&serde_json::json!({ "gitVersion": "v1.34.4" })).header("date", &date)
        }
    });
    let skew = collect(&api).exits(0).bundle().manifest().clusters[0].clock_skew_ms.expect("a skew");
    assert!(skew.abs() < 1_000, "{skew}");
}

#[test]
fn a_servers_clock_that_is_ahead_is_told() {
    let api = World::one().serve();
    let ahead = (chrono::Utc::now() + chrono::TimeDelta::minutes(10)).to_rfc2822();
    let ahead = ahead.replace("+0000", "GMT");
    api.on_path("/version", move |_| {
        Reply::json(&serde_json::json!({ "gitVersion": "v1.34.4" })).header("date", &ahead)
    });
    let bundle = collect(&api).exits(0).bundle();
    let skew = bundle.manifest().clusters[0].clock_skew_ms.expect("a skew");
    assert!((500_000..=601_000).contains(&skew), "{skew}");
}

#[test]
fn no_more_requests_are_in_flight_than_allowed() {
    let mut world = World::default();
    for number in 0..12 {
        world.server("tdd-one", &format!("spirl-server-7f9c-{number}"));
    }
    let api = world.serve();
    let (now, most) = (std::sync::Arc::new(std::sync::Mutex::new((0, 0))), 2);
    let held = now.clone();
    // In flight from the request to the last byte of its body.
    api.on(move |asked| {
        asked.log()?;
        let mut count = held.lock().expect("a count");
        count.0 += 1;
        count.1 = count.1.max(count.0);
        drop(count);
        std::thread::sleep(std::time::Duration::from_millis(50));
        held.lock().expect("a count").0 -= 1;
        Some(Reply::text("2024-03-05T14:00:00Z a line\n"))
    });
    Run::collect(&api).args(["--node-streams", &most.to_string()]).finish().exits(0);
    let seen = now.lock().expect("a count").1;
    assert!((1..=most).contains(&seen), "{seen} at once");
}

/// The first request for each target gets this answer, except for what comes from kubelets and pods.
fn once_each(api: &Api, reply: impl Fn() -> Reply + Send + Sync + 'static) {
    api.on(move |asked| (asked.earlier == 0 && asked.log().is_none() && !asked.path.contains("/proxy/")).then(&reply));
}

#[test]
fn a_connection_that_breaks_before_any_answer_costs_nothing() {
    let api = World::one().serve();
    let failed = std::sync::Mutex::new(BTreeSet::new());
    // Neither a status line nor a reset: the connection is closed, as a load balancer does that changes its backend.
    api.on(move |asked| failed.lock().expect("a set").insert(asked.target.clone()).then(Reply::none));
    let bundle = collect(&api).exits(0).bundle();
    assert!(
        bundle.manifest().tasks.iter().all(|task| task.outcome != Outcome::Failed),
        "{:#?}",
        bundle.manifest().tasks
    );
    bundle.outcome("list/tdd-one/pods", Outcome::Collected);
}

#[test]
fn a_body_that_breaks_costs_nothing() {
    let api = World::one().serve();
    once_each(&api, || Reply::pieces([Piece::Bytes(b"{\"kind\": \"Li".to_vec()), Piece::Reset]));
    let bundle = collect(&api).exits(0).bundle();
    let failed = |task: &&kubectl_escalate::bundle::TaskRecord| task.outcome == Outcome::Failed;
    assert_eq!(bundle.manifest().tasks.iter().find(failed).map(|task| &task.causes), None);
}

#[test]
fn a_server_that_never_answers_is_given_up_soon() {
    let api = Api::new(|_| Some(Reply::none()));
    let began = std::time::Instant::now();
    let ended = collect(&api).exits(4);
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(ended.stderr.contains("kubectl --context prod version"), "{}", ended.stderr);
    assert_eq!(api.asked().len(), 4, "one request, and no more than three again");
}

#[test]
fn a_version_that_cannot_be_read_costs_only_itself() {
    for reply in [Reply::status(500, "InternalError", "not now"), Reply::status(404, "NotFound", "no such path")] {
        let api = World::one().serve();
        api.on_path("/version", move |_| reply.clone());
        collect(&api).exits(0).bundle().outcome("list/tdd-one/pods", Outcome::Collected);
    }
}

#[test]
fn without_discovery_the_kinds_of_every_kubernetes_are_collected() {
    let login = || Reply::text("<!DOCTYPE html>\n<html><title>Sign in</title>").header("content-type", "text/html");
    let odd = || Reply::json(&serde_json::json!({ "hello": "world" }));
    let forbidden = Reply::forbidden;
    let replies: [fn() -> Reply; 4] =
        [login, odd, forbidden, || Reply::status(500, "InternalError", "the aggregator is away")];
    for (roots, reply) in
        [&["/apis"][..], &["/api", "/apis"]].iter().flat_map(|roots| replies.map(|reply| (roots, reply)))
    {
        let api = World::one().serve();
        for root in *roots {
            api.on_path(root, move |_| reply());
        }
        let ended = collect(&api).exits(0);
        let bundle = ended.bundle();
        bundle.outcome("list/tdd-one/pods", Outcome::Collected);
        bundle.outcome("list/tdd-one/deployments.apps", Outcome::Empty);
        let unknown = bundle.outcome("list/pods.metrics.k8s.io", Outcome::Failed);
        assert!(unknown.causes[0].contains("cannot tell whether"), "{unknown:?}");
        let discovery = bundle.outcome("discovery", Outcome::Truncated);
        let said = discovery.causes.join("; ");
        assert!(roots.iter().all(|root| said.contains(&format!("{root}: "))), "{said}");
        if reply().is_page() {
            assert!(said.contains("begins with: <!DOCTYPE html> <html><title>Sign in</title>"), "{said}");
        }
        let log = bundle.manifest().tasks.iter().find(|task| task.kind == "log").expect("a log");
        assert_eq!(log.outcome, Outcome::Collected);
    }
}

#[test]
fn finding_the_servers_survives_an_answer_that_makes_no_sense() {
    let api = World::one().serve();
    api.on(|asked| (asked.path == "/api/v1/pods").then(|| Reply::text("<html>Sign in</html>")));
    let ended = Run::collect(&api).finish().exits(0);
    ended.bundle().outcome("list/tdd-one/pods", Outcome::Collected);
}
