//! Asking a Prometheus: what becomes of its answers, those that are other than they should among them.

use crate::support::{
    Api, Piece, Reply, Run, World,
    prometheus::{self, END, INCIDENT, START, matrix, refusal, success},
    run::Bundle,
};
use kubectl_escalate::bundle::{CheckState, Judged, Outcome, QueryRecord};
use serde_json::json;
use std::time::Duration;

/// A run that asks a Prometheus by its address.
pub(super) fn run(api: &Api, of: &Api) -> Run {
    Run::collect(api).args(["--prometheus", &of.url()])
}

#[track_caller]
pub(super) fn query<'a>(bundle: &'a Bundle, id: &str) -> &'a QueryRecord {
    bundle.manifest().queries.iter().find(|record| record.id == id).expect("a query of this name")
}

#[track_caller]
pub(super) fn check(bundle: &Bundle) -> (CheckState, String, Option<String>) {
    let item = bundle.manifest().checklist.iter().find(|item| item.id == "metrics").expect("the item");
    (item.state, item.detail.clone(), item.command.clone())
}

pub(super) fn metrics(file: &str) -> String {
    format!("clusters/prod/metrics/{file}")
}

#[test]
fn what_it_answered_is_in_the_bundle_with_what_that_says() {
    let (api, prometheus) = (World::one().serve(), prometheus::serve());
    let bundle = run(&api, &prometheus).finish().exits(0).bundle();
    let record = query(&bundle, "mint-success");
    assert_eq!((record.answer.verdict, record.answer.steps, record.answer.steps_with_data), (Judged::Alert, 121, 3));
    assert_eq!((record.start.timestamp(), record.end.timestamp(), record.step_seconds), (START, END, 15));
    let worst = record.answer.worst.as_ref().expect("a worst value");
    assert_eq!((worst.value.as_str(), worst.at.timestamp()), ("0.5", INCIDENT));
    assert_eq!(record.answer.at_incident.as_ref().map(|it| it.value.as_str()), Some("0.5"));
    assert!(record.expr.contains("namespace=\"tdd-one\""), "{}", record.expr);
    // The servers' own labels alone could be those of other servers.
    let identity = &query(&bundle, "api-errors").expr;
    for matcher in ["namespace=\"tdd-one\"", "spirl_trust_domain=\"example.org\""] {
        assert!(identity.contains(matcher), "{identity}");
    }
    let file = bundle.json(record.entry.as_deref().expect("an entry"));
    assert_eq!(file["question"]["query"], record.expr.as_str());
    assert_eq!(file["answer"]["result"][0]["values"][1], json!([INCIDENT, "0.5"]));
    assert_eq!(file["verdict"]["verdict"], "alert");
    let page = bundle.text("report.html");
    assert!(page.contains("<polyline") || page.contains("<circle"), "the answer is drawn");
    let text = bundle.text(&metrics("queries.txt"));
    assert!(
        text.contains("every 15 s: ALERT (< 0.99), worst 0.5 at 2024-03-05T14:05:00Z, 0.5 at the incident"),
        "{text}"
    );
    let (state, detail, command) = check(&bundle);
    assert_eq!((state, command), (CheckState::Yes, None), "{detail}");
    let all = prometheus::queries_of_profile();
    assert!(detail.contains(&format!("{all} of {all} queries answered")), "{detail}");
    // Only what is about the workload.
    let alerts = bundle.text(&metrics("alerts.json"));
    assert!(alerts.contains("MintErrors") && !alerts.contains("SomebodyElses"), "{alerts}");
    let rules = bundle.text(&metrics("rules.json"));
    assert!(rules.contains("MintErrors") && !rules.contains("Shop"), "{rules}");
    let targets = bundle.json(&metrics("targets.json"));
    assert_eq!(targets["targets"].as_array().map(Vec::len), Some(1), "{targets}");
    let samples = bundle.text(&metrics("samples.openmetrics"));
    let line = "spirl_server_mint_svid_total{region=\"eu-west-1\",status_code=\"ok\",trust_domain=\"example.org\"} 1 1709646600\n";
    assert!(samples.contains(line) && samples.ends_with("# EOF\n"), "{samples}");
}

#[test]
fn it_is_asked_for_all_of_it_and_for_no_cached_and_shifted_answer() {
    let (api, prometheus) = (World::one().serve(), prometheus::serve());
    run(&api, &prometheus).finish().exits(0);
    let ranges: Vec<_> = prometheus.asked().into_iter().filter(|it| it.path == "/api/v1/query_range").collect();
    assert_eq!(ranges.len(), prometheus::queries_of_profile());
    for asked in ranges {
        let sent =
            ["nocache", "partial_response", "deny_partial_response"].map(|name| asked.parameter(name).to_owned());
        assert_eq!(sent, ["1", "false", "1"], "{}", asked.target);
    }
}

#[test]
fn what_had_no_turn_before_the_deadline_is_told() {
    let (api, server) = (World::one().serve(), prometheus::serve());
    // A list that does not end keeps what is known of the workload open.
    api.on(|asked| asked.path.ends_with("/configmaps").then(|| Reply::pieces([Piece::Stall])));
    let ended = run(&api, &server).args(["--deadline", "4s", "--request-timeout", "60s"]).finish();
    let bundle = ended.bundle();
    assert_eq!(bundle.outcome("query/mint-success", Outcome::TimedOut).started, None);
    let (state, detail, command) = check(&bundle);
    assert!(state != CheckState::Yes && command.is_some(), "{detail}");
    assert!(bundle.text(&metrics("queries.txt")).contains("was found but not queried"));
}

#[test]
fn an_answer_that_is_none_costs_itself_alone_and_is_what_it_is() {
    let server = prometheus::serve();
    server.on(|asked| {
        let of = |id: &str| asked.parameter("query").contains(id) && asked.path.ends_with("query_range");
        let endless = |series: &str| {
            let begins = format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{series}");
            let goes_on = "1709646600,\"1\"],[".repeat(1000);
            Reply::pieces([Piece::Bytes(begins.into_bytes()), Piece::Forever(goes_on.into_bytes())])
        };
        Some(match () {
            () if of("odd_400") => refusal(400, "bad_data", "parse error: unexpected end"),
            () if of("odd_422") => refusal(422, "execution", "found duplicate series for the match group"),
            () if of("odd_503") => refusal(503, "timeout", "query timed out in expression evaluation"),
            () if of("odd_html") => Reply::text("<!DOCTYPE html><title>Sign in</title>"),
            () if of("odd_cut") => Reply::pieces([Piece::Bytes(b"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[17".to_vec())]),
            () if of("odd_reset") => Reply::pieces([Piece::Bytes(b"{\"status\":\"success\",".to_vec()), Piece::Reset]),
            () if of("odd_scalar") => Reply::json(&success(json!({ "resultType": "scalar", "result": [1, "2"] }))),
            () if of("odd_value") => Reply::json(&matrix(&[(json!({}), &[(START, "eyes only")])])),
            () if of("odd_stall") => Reply::pieces([Piece::Stall]),
            // Series that do not end, one after another that is whole or none.
            () if of("odd_huge") => endless("{\"metric\":{},\"values\":[["),
            () if of("odd_part") => endless("{\"metric\":{},\"values\":[[1709646600,\"1\"]]},{\"metric\":{},\"values\":[["),
            () => return None,
        })
    });
    let api = World::one().serve();
    let odd = ["400", "422", "503", "html", "cut", "reset", "scalar", "value", "stall", "huge", "part"];
    let queries = odd.iter().flat_map(|odd| ["--query".to_owned(), format!("odd-{odd}=odd_{odd}")]);
    let running = run(&api, &server).args(queries).args(["--request-timeout", "3s"]).spawn();
    let ended = running.finish().exits(0);
    let bundle = ended.bundle();
    let failed = |id: &str, outcome: Outcome, word: &str| {
        let task = bundle.outcome(&format!("query/odd-{id}"), outcome);
        assert!(task.causes.join(": ").contains(word), "{task:?}");
        assert_eq!(query(&bundle, &format!("odd-{id}")).answer.verdict, Judged::NotAnswered);
    };
    failed("400", Outcome::Failed, "it answered 400 bad_data: parse error: unexpected end");
    failed("422", Outcome::Failed, "it answered 422 execution: found duplicate series");
    failed("503", Outcome::Failed, "it answered 503 timeout: query timed out");
    failed("html", Outcome::Failed, "but not like a Prometheus: Sign in");
    failed("cut", Outcome::Failed, "the answer could not be parsed");
    failed("reset", Outcome::Failed, "cut off");
    failed("scalar", Outcome::Failed, "the answer could not be parsed");
    failed("stall", Outcome::TimedOut, "took longer than 3 s");
    failed("huge", Outcome::Failed, "is larger than");
    // What came of it is there, and says that it is not all.
    let part = bundle.outcome("query/odd-part", Outcome::Truncated);
    assert!(part.causes[0].contains("is larger than"), "{part:?}");
    assert!(query(&bundle, "odd-part").answer.partial);
    // Its value is no number, so it says nothing.
    bundle.outcome("query/odd-value", Outcome::Empty);
    assert_eq!(query(&bundle, "mint-success").answer.verdict, Judged::Alert);
    assert_eq!(check(&bundle).0, CheckState::Partial);
    assert!(ended.took < Duration::from_secs(60), "{:?}", ended.took);
}

#[test]
fn one_that_hangs_costs_no_more_than_its_time() {
    let (api, server) = (World::one().serve(), Api::new(|_| Some(Reply::pieces([Piece::Stall]))));
    let ended = run(&api, &server).args(["--request-timeout", "2s"]).finish().exits(0);
    let task = ended.bundle().outcome("prometheus", Outcome::TimedOut).clone();
    assert!(task.hint.as_ref().is_some_and(|hint| hint.contains("--request-timeout")), "{task:?}");
}

#[test]
fn parts_that_do_not_answer_are_marked() {
    let server = prometheus::serve();
    server.on(|asked| match (asked.path.as_str(), asked.parameter("partial_response")) {
        ("/api/v1/query_range", "false") => Some(refusal(422, "execution", "store gateway 3 is unreachable")),
        ("/api/v1/query_range", _) => {
            let mut answer = matrix(&[(json!({}), &[(START, "0.999")])]);
            answer["warnings"] = json!(["store gateway 3 is unreachable"]);
            Some(Reply::json(&answer))
        }
        _ => None,
    });
    let api = World::one().serve();
    let bundle = run(&api, &server).finish().exits(0).bundle();
    bundle.outcome("query/mint-success", Outcome::Truncated);
    let answer = &query(&bundle, "mint-success").answer;
    // Of a part nothing says that all is well.
    assert_eq!((answer.verdict, answer.partial), (Judged::Value, true));
    assert_eq!(answer.warnings, ["store gateway 3 is unreachable"]);
    assert_eq!(check(&bundle).0, CheckState::Partial);
}

#[test]
fn what_a_cluster_of_victoriametrics_leaves_out_is_marked() {
    let server = prometheus::serve();
    server.on(|asked| {
        let mut answer = matrix(&[(json!({}), &[(START, "0.999")])]);
        answer["isPartial"] = json!(true);
        (asked.path == "/api/v1/query_range").then(|| Reply::json(&answer))
    });
    let api = World::one().serve();
    let bundle = run(&api, &server).finish().exits(0).bundle();
    bundle.outcome("query/mint-success", Outcome::Truncated);
}

#[test]
fn labels_are_redacted_and_numbers_are_not() {
    const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzcGlmZmU6Ly9leGFtcGxlLm9yZy9hIn0.MEUCIQDf3b1v0pYkq2m5r7t9wXyZ0123456789abcdefghij";
    let server = prometheus::serve();
    server.on(|asked| {
        let series = [(json!({ "__name__": "m", "who": JWT }), &[(START, "0.123456789012345678"), (END, "NaN")][..])];
        (asked.path.ends_with("query_range") || asked.parameter("query").ends_with("s]"))
            .then(|| Reply::json(&matrix(&series)))
    });
    let api = World::one().serve();
    let bundle = run(&api, &server).args(["--query", "own=m"]).finish().exits(0).bundle();
    let record = query(&bundle, "own");
    let text = bundle.text(record.entry.as_deref().expect("an entry"));
    assert!(text.contains("0.123456789012345678") && text.contains("\"NaN\""), "{text}");
    let secret = JWT.rsplit('.').next().expect("a signature");
    assert!(!bundle.holds(secret), "the signature is in the bundle");
    assert!(text.contains("<jws-signature:"), "{text}");
    let worst = record.answer.worst.as_ref().expect("a worst value");
    assert!(worst.labels["who"].contains("<jws-signature:"), "{worst:?}");
    assert!(bundle.text(&metrics("samples.openmetrics")).contains("<jws-signature:"));
}

#[test]
fn a_bundle_without_metrics_is_completed_with_them() {
    let (api, server) = (World::one().serve(), prometheus::serve());
    let first = Run::collect(&api).args(["--prometheus", "none"]).finish().exits(0);
    let bundle = first.bundle();
    bundle.outcome("prometheus", Outcome::Skipped);
    let path = first.stdout.trim().to_owned();
    let completed = |url: &str| {
        let run = Run::new(["collect", "--into", &path, "--prometheus", url]).context("prod", &api.url());
        let out = run.out();
        run.args(["--to".as_ref(), out.as_os_str()]).finish().exits(0)
    };
    let second = completed(&server.url());
    assert_eq!(query(&second.bundle(), "mint-success").answer.verdict, Judged::Alert);
    assert_eq!(check(&second.bundle()).0, CheckState::Yes);
    // And what was answered is not lost when it cannot be asked again.
    let path = second.stdout.trim().to_owned();
    let run = Run::new(["collect", "--into", &path, "--prometheus", "none"]).context("prod", &api.url());
    let out = run.out();
    let third = run.args(["--to".as_ref(), out.as_os_str()]).finish().exits(0).bundle();
    let record = query(&third, "mint-success");
    assert_eq!(record.answer.verdict, Judged::Alert);
    assert!(third.paths().contains(&record.entry.as_deref().expect("an entry")), "{:?}", third.paths());
    assert!(third.text(&metrics("queries.txt")).contains("ALERT (< 0.99)"));
}
