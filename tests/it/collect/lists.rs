//! Lists: paging, expiry, refusals, and bodies that are not what they should be.

use crate::support::{
    Api, Asked, Ended, Piece, Reply, Run, World,
    world::{NAMESPACE, POD},
};
use kubectl_escalate::bundle::Outcome;
use serde_json::{Value, json};
use std::time::Duration;

const CONFIG_MAPS: &str = "/api/v1/namespaces/tdd-one/configmaps";
const LIST: &str = "list/tdd-one/configmaps";
const TABLE: &str = "clusters/prod/namespaces/tdd-one/configmaps.json";

fn row(name: &str) -> Value {
    json!({ "cells": [name, "5m"], "object": { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": NAMESPACE } } })
}

fn page(names: &[&str], token: &str) -> Value {
    let rows: Vec<_> = names.iter().map(|name| row(name)).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": { "resourceVersion": "9", "continue": token },
        "columnDefinitions": [{ "name": "Name" }, { "name": "Age" }], "rows": rows,
    })
}

fn with_list(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Api, Ended) {
    let api = World::one().serve();
    api.on_path(CONFIG_MAPS, reply);
    let ended = Run::collect(&api).args(["--request-timeout", "2s"]).finish();
    (api, ended)
}

fn names(ended: &Ended) -> Vec<String> {
    let table = ended.bundle().json(TABLE);
    let rows = table["rows"].as_array().expect("rows").iter();
    rows.map(|row| row["object"]["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn pages_are_asked_for_until_there_are_no_more() {
    let (api, ended) = with_list(|asked| {
        Reply::json(&match asked.parameter("continue") {
            "" => page(&["a", "b"], "next/1="),
            "next/1=" => page(&["c"], "next 2"),
            "next 2" => page(&["d"], ""),
            other => panic!("{other}"),
        })
    });
    assert_eq!(names(&ended.exits(0)), ["a", "b", "c", "d"]);
    assert!(api.asked_for(CONFIG_MAPS).iter().all(|asked| asked.parameter("limit") == "500"));
}

#[test]
fn a_long_list_comes_whole_and_in_order() {
    let name = |at: usize| format!("c{at:04}");
    let (_, ended) = with_list(move |asked| {
        let from: usize = asked.parameter("continue").parse().unwrap_or_default();
        let names: Vec<String> = (from..from + 130).map(name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let next = if from < 1300 { (from + 130).to_string() } else { String::new() };
        Reply::json(&page(&names, &next))
    });
    let ended = ended.exits(0);
    assert_eq!(names(&ended), (0..1430).map(name).collect::<Vec<_>>());
    let bundle = ended.bundle();
    assert_eq!(bundle.task(LIST).entries.len(), 2 * 1430 + 2);
    assert_eq!(bundle.text("clusters/prod/namespaces/tdd-one/configmaps.txt").lines().count(), 1430 + 1);
}

#[test]
fn what_came_before_a_page_that_failed_is_kept() {
    let (_, ended) = with_list(|asked| match asked.parameter("continue") {
        "" => Reply::json(&page(&["a", "b"], "more")),
        _ => Reply::text("<html>Bad gateway</html>").with_status(502),
    });
    let ended = ended.exits(0);
    assert_eq!(names(&ended), ["a", "b"]);
    let bundle = ended.bundle();
    let task = bundle.task(LIST);
    assert_eq!(task.outcome, Outcome::Truncated, "{task:?}");
    assert!(task.causes.join(": ").contains("Bad gateway"), "{task:?}");
}

#[test]
fn a_continuation_that_expired_starts_again_in_one_piece_without_doubles() {
    let (api, ended) = with_list(|asked| match (asked.parameter("continue"), asked.parameter("limit")) {
        ("", "500") => Reply::json(&page(&["a", "b"], "old")),
        ("", "0") => Reply::json(&page(&["a", "b", "c"], "")),
        _ => Reply::status(410, "Expired", "The provided continue parameter is too old"),
    });
    assert_eq!(names(&ended.exits(0)), ["a", "b", "c"]);
    assert_eq!(api.asked_for(CONFIG_MAPS).len(), 3);
}

#[test]
fn an_expiry_that_nothing_explains_is_a_failure_and_no_loop() {
    let (api, ended) = with_list(|_| Reply::status(410, "Expired", "too old"));
    ended.bundle().outcome(LIST, Outcome::Failed);
    assert_eq!(api.asked_for(CONFIG_MAPS).len(), 1);
}

#[test]
fn too_many_requests_are_asked_again_when_the_server_says() {
    let (api, ended) = with_list(|asked| match asked.earlier {
        0 => Reply::status(429, "TooManyRequests", "later").header("retry-after", "1"),
        _ => Reply::json(&page(&["a"], "")),
    });
    assert_eq!(names(&ended.exits(0)), ["a"]);
    let asked = api.asked_for(CONFIG_MAPS);
    assert_eq!(asked.len(), 2);
    assert!(asked[1].at - asked[0].at >= Duration::from_secs(1));
}

#[test]
fn a_wait_beyond_the_budget_is_a_failure_at_once_and_costs_the_others_nothing() {
    let api = World::one().serve();
    api.on_path(CONFIG_MAPS, |_| Reply::status(429, "TooManyRequests", "tomorrow").header("retry-after", "86400"));
    api.on_path("/api/v1/namespaces/tdd-one/services", |asked| match asked.earlier {
        // After the other was refused.
        0 => Reply::pieces([Piece::Pause(Duration::from_millis(300)), Piece::Bytes(b"{}".to_vec())])
            .with_status(429)
            .header("retry-after", "1"),
        _ => Reply::json(&json!({ "kind": "Table", "rows": [] })),
    });
    let ended = Run::collect(&api).finish();
    let bundle = ended.bundle();
    bundle.outcome(LIST, Outcome::Failed);
    bundle.outcome("list/tdd-one/services", Outcome::Empty);
    assert_eq!(api.asked_for(CONFIG_MAPS).len(), 1);
}

#[test]
fn a_plain_list_is_taken_where_there_is_no_table() {
    // In the order that an API server writes it in: what the items are comes before them.
    let item = |name: &str| json!({ "metadata": { "name": name, "namespace": NAMESPACE } });
    let text = format!(
        r#"{{"kind":"ConfigMapList","apiVersion":"v1","metadata":{{}},"items":[{},{}]}}"#,
        item("a"),
        item("b")
    );
    let (_, ended) = with_list(move |_| Reply::text(text.clone()));
    let ended = ended.exits(0);
    assert_eq!(names(&ended), ["a", "b"]);
    let object = ended.bundle().text("clusters/prod/namespaces/tdd-one/configmaps/a.yaml");
    assert!(object.contains("kind: ConfigMap\n"), "{object}");
}

#[test]
fn nulls_where_go_had_no_slice_are_nothing() {
    for body in [
        json!({ "kind": "Table", "metadata": {}, "columnDefinitions": null, "rows": null }),
        json!({ "kind": "ConfigMapList", "apiVersion": "v1", "metadata": {}, "items": null }),
    ] {
        let (_, ended) = with_list(move |_| Reply::json(&body));
        ended.exits(0).bundle().outcome(LIST, Outcome::Empty);
    }
    let null_cells = json!({ "kind": "Table", "columnDefinitions": null, "rows": [{ "cells": null, "object": row("a")["object"] }] });
    let (_, ended) = with_list(move |_| Reply::json(&null_cells));
    assert_eq!(names(&ended.exits(0)), ["a"]);
}

#[test]
fn a_body_that_is_no_list_is_a_failure_that_costs_only_itself() {
    let whole = page(&["a", "b"], "").to_string().into_bytes();
    let half = whole[..whole.len() / 2].to_vec();
    let cases: Vec<(Reply, &str)> = vec![
        (Reply::text(half.clone()), "cut off"),
        (Reply::pieces([Piece::Bytes(half.clone()), Piece::Reset]), "cut off"),
        (Reply::pieces([Piece::Bytes(half), Piece::Stall]), "took longer than 2 s"),
        (Reply::text("<html><body>Log in to the proxy</body></html>"), "begins with: <html><body>Log in to the proxy"),
        (Reply::text("<html>Bad gateway</html>").with_status(502), "Bad gateway"),
        (Reply::text(""), "begins with: nothing"),
    ];
    for (reply, cause) in cases {
        let (_, ended) = with_list(move |_| reply.clone());
        let bundle = ended.exits(0).bundle();
        let task = bundle.task(LIST);
        assert!(matches!(task.outcome, Outcome::Failed | Outcome::TimedOut), "{task:?}");
        assert!(task.causes.join(": ").contains(cause), "{cause}: {task:?}");
        assert!(task.entries.is_empty());
    }
}

#[test]
fn a_huge_object_is_taken() {
    let mut huge = page(&["a"], "");
    huge["rows"][0]["object"]["data"] = json!({ "text": "x".repeat(12 << 20) });
    let (_, ended) = with_list(move |_| Reply::json(&huge));
    let bundle = ended.exits(0).bundle();
    assert!(bundle.reader.info(TABLE).expect("the table").bytes > 12 << 20);
}

/// Six servers, each in a namespace of its own: more than are listed one by one.
fn wide() -> World {
    let mut world = World::default();
    for number in 0..6 {
        world.server(&format!("tdd-{number}"), &format!("spirl-server-{number}"));
        world.object("configmaps", &format!("tdd-{number}"), "settings", json!({}));
    }
    world.namespace("somebody-else");
    world.object("configmaps", "somebody-else", "theirs", json!({}));
    world
}

#[test]
fn many_namespaces_are_listed_at_once_and_cut_to_ours() {
    let api = wide().serve();
    let bundle = Run::collect(&api).args(["-A"]).finish().exits(0).bundle();
    assert_eq!(api.asked_for("/api/v1/configmaps").len(), 1);
    assert_eq!(
        bundle.task("list/configmaps").entries.iter().filter(|path| path.ends_with("configmaps.json")).count(),
        6
    );
    assert!(!bundle.holds("theirs"));
}

#[test]
fn an_order_that_goes_back_loses_nothing() {
    let api = wide().serve();
    let row = |namespace: &str, name: &str| json!({ "cells": [name], "object": { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": namespace } } });
    let rows = [row("tdd-1", "a"), row("tdd-0", "b"), row("tdd-1", "c"), row("tdd-0", "d")];
    let list = json!({ "kind": "Table", "metadata": {}, "columnDefinitions": [{ "name": "Name" }], "rows": rows });
    api.on_path("/api/v1/configmaps", move |_| Reply::json(&list));
    let bundle = Run::collect(&api).args(["-A"]).finish().exits(0).bundle();
    let rows = |file: &str| bundle.json(&format!("clusters/prod/namespaces/{file}"))["rows"].clone();
    assert_eq!(rows("tdd-1/configmaps.json"), json!([row("tdd-1", "a")]));
    assert_eq!(rows("tdd-1/configmaps-more.json"), json!([row("tdd-1", "c")]));
    assert_eq!(rows("tdd-0/configmaps.json"), json!([row("tdd-0", "b"), row("tdd-0", "d")]));
    assert_eq!(rows("tdd-2/configmaps.json"), json!([]));
    for file in ["tdd-1/configmaps/c.yaml", "tdd-0/configmaps/d.yaml", "tdd-1/configmaps-more.txt"] {
        assert!(bundle.text(&format!("clusters/prod/namespaces/{file}")).contains(['c', 'd']));
    }
}

#[test]
fn where_listing_over_the_cluster_is_forbidden_each_namespace_is_listed() {
    let api = wide().serve();
    api.on(|asked| (asked.path == "/api/v1/configmaps").then(Reply::forbidden));
    let bundle = Run::collect(&api).args(["-A"]).finish().exits(0).bundle();
    bundle.outcome("list/configmaps", Outcome::Skipped);
    for number in 0..6 {
        bundle.outcome(&format!("list/tdd-{number}/configmaps"), Outcome::Collected);
    }
    assert!(api.asked_for("/api/v1/namespaces/somebody-else/configmaps").is_empty());
}

#[test]
fn where_pods_may_only_be_listed_one_by_one_their_logs_are_still_had() {
    let api = wide().serve();
    api.on(|asked| (asked.path == "/api/v1/pods").then(Reply::forbidden));
    let many = (0..6).flat_map(|number| ["-n".to_owned(), format!("tdd-{number}")]);
    let bundle = Run::collect(&api).args(many).finish().exits(0).bundle();
    for number in 0..6 {
        bundle.outcome(&format!("log/tdd-{number}/spirl-server-{number}/server"), Outcome::Collected);
    }
}

#[test]
fn that_a_namespace_has_none_is_said_also_when_all_are_listed_at_once() {
    let api = wide().serve();
    let bundle = Run::collect(&api).args(["-A"]).finish().bundle();
    let path = "clusters/prod/namespaces/tdd-0/services.json";
    assert_eq!(bundle.json(path)["rows"], json!([]));
}

#[test]
fn a_scrape_that_nobody_answers_is_absent_and_asked_once() {
    let mut world = World::one();
    world.metrics(POD, None);
    let api = world.serve();
    let ended = Run::collect(&api).args(["--trust-domain", "example.org"]).finish().exits(0);
    let bundle = ended.bundle();
    bundle.outcome("scrape/tdd-one/spirl-server-7f9c-aaaaa/metrics", Outcome::Absent);
    assert_eq!(api.asked().iter().filter(|asked| asked.path.contains("/proxy/")).count(), 1);
}

#[test]
fn a_scrape_without_an_end_is_cut_and_said_to_be() {
    let api = World::one().serve();
    let line = b"spirl_requests_total{code=\"ok\"} 1\n".repeat(2000);
    api.on(move |asked| asked.path.contains("/proxy/").then(|| Reply::pieces([Piece::Forever(line.clone())])));
    let bundle = Run::collect(&api).finish().exits(3).bundle();
    let task = bundle.task("scrape/tdd-one/spirl-server-7f9c-aaaaa/metrics");
    assert!(matches!(task.outcome, Outcome::Truncated | Outcome::TimedOut), "{task:?}");
}

#[test]
fn metadata_is_all_that_is_kept_of_an_answer_with_more() {
    let mut world = World::one();
    world.object("serverconfigs", NAMESPACE, "main", json!({}));
    let api = world.serve();
    let list = json!({ "kind": "ServerConfigList", "apiVersion": "data.spirl.com/v1", "metadata": {}, "items": [
        { "metadata": { "name": "main", "namespace": NAMESPACE }, "spec": { "wrapped": "bXkga2V5" } },
    ] });
    api.on(move |asked| asked.path.ends_with("/serverconfigs").then(|| Reply::json(&list)));
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    bundle.outcome("list/tdd-one/serverconfigs.data.spirl.com", Outcome::Collected);
    assert!(!bundle.holds("bXkga2V5"));
}

#[test]
fn a_scrape_that_could_not_be_made_is_a_failure() {
    let api = World::one().serve();
    api.on(|asked| {
        asked.path.contains("/proxy/").then(|| {
            Reply::status(
                503,
                "ServiceUnavailable",
                "error trying to reach service: dial tcp 10.1.2.3:9090: i/o timeout",
            )
        })
    });
    let ended = Run::collect(&api).finish().exits(3);
    let bundle = ended.bundle();
    let scrape = bundle.manifest().tasks.iter().find(|task| task.kind == "scrape").expect("a scrape");
    assert_eq!(scrape.outcome, Outcome::Failed, "{scrape:?}");
}

#[test]
fn a_page_that_breaks_is_requested_again_and_its_rows_come_once() {
    let (api, ended) = with_list(|asked| match (asked.parameter("continue"), asked.earlier) {
        ("", 0) => broken(&page(&["a", "b"], "more")),
        ("", _) => Reply::json(&page(&["a", "b", "c"], "more")),
        (_, 0) => Reply::status(500, "InternalError", "etcdserver: leader changed"),
        (_, 1) => broken(&page(&["d", "e"], "")),
        _ => Reply::json(&page(&["d", "e"], "")),
    });
    assert_eq!(names(&ended.exits(0)), ["a", "b", "c", "d", "e"]);
    assert!((5..=6).contains(&api.asked_for(CONFIG_MAPS).len()), "{:#?}", api.asked_for(CONFIG_MAPS));
}

/// All of the page but its end.
fn broken(page: &Value) -> Reply {
    let text = page.to_string();
    Reply::pieces([Piece::Bytes(text.as_bytes()[..text.len() - 3].to_vec()), Piece::Reset])
}

#[test]
fn a_list_that_always_breaks_keeps_what_came() {
    let (api, ended) = with_list(|_| broken(&page(&["a", "b"], "")));
    let bundle = ended.exits(0).bundle();
    let task = bundle.outcome(LIST, Outcome::Truncated);
    assert!(task.causes[0].contains("cut off"), "{task:?}");
    assert_eq!(api.asked_for(CONFIG_MAPS).len(), 4);
}

#[test]
fn an_answer_that_is_no_list_is_a_failure_that_quotes_it() {
    for (body, said) in [
        ("<html><body>Please sign in</body></html>", "begins with: <html><body>Please sign in"),
        (r#"{"kind":"Status","status":"Failure","message":"the token has no access","code":403}"#, "has no access"),
        (r#"{"hello":"world"}"#, r#"begins with: {"hello":"world"}"#),
        (r#"["a"]"#, r#"begins with: ["a"]"#),
        ("", "begins with: nothing"),
        ("null", "begins with: null"),
    ] {
        let (_, ended) = with_list(move |_| Reply::text(body));
        let task = ended.bundle().outcome(LIST, Outcome::Failed).clone();
        assert!(task.causes.join(": ").contains(said), "{body}: {task:?}");
    }
}

#[test]
fn a_list_without_an_end_is_recognised() {
    for token in [|_: &Asked| "same".to_owned(), |asked: &Asked| format!("{}x", asked.parameter("continue"))] {
        let (api, ended) = with_list(move |asked| Reply::json(&page(&["a", "b"], &token(asked))));
        let task = ended.bundle().outcome(LIST, Outcome::Truncated).clone();
        assert!(task.causes.join(": ").contains("does not end"), "{task:?}");
        assert!(api.asked_for(CONFIG_MAPS).len() < 110);
    }
}

#[test]
fn an_object_that_pages_repeat_is_kept_once() {
    let (_, ended) = with_list(|asked| {
        Reply::json(&match asked.parameter("continue") {
            "" => page(&["a", "b"], "more"),
            _ => page(&["b", "c"], ""),
        })
    });
    assert_eq!(names(&ended.exits(0)), ["a", "b", "c"]);
}

#[test]
fn what_is_around_the_rows_is_limited() {
    let (_, ended) = with_list(|_| {
        let rest = Piece::Times(64, vec![b'x'; 1 << 20]);
        Reply::pieces([Piece::Bytes(br#"{"kind":"Table","apiVersion":""#.to_vec()), rest])
    });
    let task = ended.bundle().outcome(LIST, Outcome::Failed).clone();
    assert!(task.causes.join(": ").contains("larger than the limit of 16777216 bytes"), "{task:?}");
}
