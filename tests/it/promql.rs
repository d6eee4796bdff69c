//! PromQL without a Prometheus: what is refused, and that nothing panics. That its answers are those of
//! Prometheus is tested against one, in tests/cluster/promql.rs.

use crate::support::{Run, World, prometheus};
use kubectl_escalate::promql::{
    EvalError, Labels, Point, Query, QueryError, Samples, Value, duration, raw_selectors, stale,
};
use proptest::prelude::*;
use std::time::Duration;

fn labels(name: &str, instance: &str) -> Labels {
    [("__name__", name), ("instance", instance), ("le", instance)].into_iter().collect()
}

fn samples(points: &[(u8, i64, f64)]) -> Samples {
    let mut samples = Samples::default();
    for (series, at, value) in points {
        let labels = labels(if series % 2 == 0 { "up" } else { "down" }, &(series / 2).to_string());
        samples.push(&labels, Point { at: *at, value: *value });
    }
    samples
}

#[test]
fn what_is_not_evaluated_is_refused_by_name() {
    let refused = [
        ("rate(up[5m:1m])", "a subquery"),
        ("up @ 1700000000", "the @ modifier"),
        ("label_replace(up, \"a\", \"b\", \"c\", \"d\")", "label_replace()"),
        ("count_values(\"v\", up)", "count_values"),
        ("sort(sum(up))", "sort()"),
        ("up{job=\"a\" or job=\"b\"}", "`or` in braces"),
        ("sum(histogram_count(up))", "histogram_count()"),
        ("up / on(job) limitk(1, up)", "limitk"),
        ("(up[5m])", "a range as its value"),
        ("ln(0)", "ln() of a number"),
        ("up offset inf", "the duration inf"),
        ("rate(up[1e20])", "the duration 1e20"),
        ("up offset -5", "the duration -5"),
        ("up{a=\"[9]\"} offset 1d5000000000ms", "the duration 1d5000000000ms"),
        ("rate(up[ 0 ])", "the duration 0"),
    ];
    for (text, name) in refused {
        match Query::parse(text) {
            Err(QueryError::Unsupported { what, .. }) => assert_eq!(what, name, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    for text in ["rate(up)", "sum(", "up[5m] + 1", "up{", "", "rate(up[5x])"] {
        assert!(matches!(Query::parse(text), Err(QueryError::Invalid { .. })), "{text}");
    }
}

#[test]
fn sides_that_cannot_be_matched_are_an_error_that_says_how() {
    let samples = samples(&[(0, 0, 1.0), (1, 0, 1.0), (2, 0, 1.0), (3, 0, 1.0)]);
    let error = |text: &str| Query::parse(text).expect("PromQL").at(&samples, 0).expect_err("no value");
    assert!(matches!(error("up + on() down"), EvalError::ManyToMany(_)));
    assert!(matches!(error("up + on() sum(down)"), EvalError::ManyToOne(_)));
    assert!(matches!(error("abs({__name__=~'up|down'})"), EvalError::Duplicate(_)));
    assert!(error("up + on() sum(down)").to_string().contains("group_left"));
}

#[test]
fn a_duration_is_one_of_time() {
    assert_eq!(duration("1h30m").map(|it| it.as_secs()), Some(5400));
    for other in ["", "0", "5", "-5", "inf", "nan", "1e30", "1x", "h", "5000000000ms", "1d5000000000ms", "0s"] {
        assert_eq!(duration(other), None, "{other}");
    }
}

#[test]
fn of_two_values_at_one_time_the_first_counts() {
    let samples = samples(&[(0, 5, 1.0), (0, 5, 2.0), (0, 3, 3.0), (0, 6, stale())]);
    let at = |at| Query::parse("sum(up)").expect("PromQL").at(&samples, at);
    let Ok(Value::Vector(vector)) = at(5) else { panic!("{:?}", at(5)) };
    assert_eq!(vector[0].value, 1.0);
    assert_eq!(at(6), Ok(Value::Vector(Vec::new())), "it has ended");
}

/// What a query gives of samples that have these values of a label, each its number.
fn instances_of(text: &str, values: &[&str]) -> Vec<f64> {
    let mut samples = Samples::default();
    for (n, value) in values.iter().enumerate() {
        samples.push(&labels("up", value), Point { at: 0, value: n as f64 });
    }
    let Ok(Value::Vector(found)) = Query::parse(text).expect(text).at(&samples, 0) else { panic!("{text}") };
    found.iter().map(|sample| sample.value).collect()
}

#[test]
fn no_value_that_narrows_a_query_is_read_as_promql() {
    let values = ["a", "a.b", "axb", "x\"} or up{y=\"", "back\\slash", "new\nline", "a|b", "(", "€", ".*", ""];
    let query = Query::parse("up").expect("PromQL");
    let narrowed = |to: &[&str]| {
        let to = to.iter().map(|value| (*value).to_owned()).collect();
        query.narrowed(&[("instance".to_owned(), to)])
    };
    for (n, value) in values.iter().enumerate() {
        assert_eq!(instances_of(&narrowed(&[value]), &values), [n as f64], "{value:?}");
        if !value.is_empty() {
            let two = instances_of(&narrowed(&[value, "none"]), &values);
            assert_eq!(two, [n as f64], "{value:?}");
        }
    }
    assert_eq!(instances_of(&narrowed(&[]), &values).len(), values.len(), "what is not known narrows nothing");
}

/// The samples that these expressions are made of, in minutes before the first moment.
fn wanted(queries: &[(&str, u64)]) -> Vec<(String, u64)> {
    let narrowing = vec![("namespace".to_owned(), vec!["tdd-one".to_owned()])];
    let queries: Vec<_> = queries
        .iter()
        .map(|(text, minutes)| (Query::parse(text).expect("PromQL"), Duration::from_secs(minutes * 60)))
        .collect();
    let wanted = raw_selectors(queries.iter().map(|(query, before)| (query, &narrowing, *before)));
    wanted.into_iter().map(|it| (it.selector, it.reach.as_secs() / 60)).collect()
}

#[test]
fn samples_reach_as_far_back_as_the_expression_looks() {
    let one = |text: &str, before: u64| {
        let wanted = wanted(&[(text, before)]);
        assert_eq!(wanted.len(), 1, "{wanted:?}");
        (wanted[0].0.clone(), wanted[0].1)
    };
    assert_eq!(one("a", 0), ("a{namespace=\"tdd-one\"}".to_owned(), 5));
    assert_eq!(one("sum(rate(a[1m])) > 0", 0).1, 5);
    assert_eq!(one("rate(a[1h] offset 30m)", 0).1, 90);
    assert_eq!(one("deriv(a[6h])", 24 * 60).1, 30 * 60);
    assert_eq!(one("a offset -10m", 0).1, 5);
}

#[test]
fn a_metric_is_asked_for_once_by_what_all_its_selectors_have_in_common() {
    let queries = [
        ("rate(a{x=\"1\",y=~\"b|c\"}[10m]) / rate(a{x=\"1\"}[5m])", 0),
        ("b - on () a{x=\"1\",z!=\"\"}", 60),
        ("vector(1)", 0),
    ];
    let found = wanted(&queries);
    let expected = [("a{namespace=\"tdd-one\",x=\"1\"}".to_owned(), 65), ("b{namespace=\"tdd-one\"}".to_owned(), 65)];
    assert_eq!(found, expected);
}

#[test]
fn the_queries_of_profiles_are_what_they_were_when_filled_in() {
    for (name, _) in kubectl_escalate::profile::embedded() {
        let profile = kubectl_escalate::profile::Profile::load(name, &kubectl_escalate::collectors::optional())
            .expect("a profile");
        for rule in &profile.queries {
            let query = rule.query("5m").expect("PromQL");
            let written = query.narrowed(&[]);
            let again = Query::parse(&written).expect("PromQL").narrowed(&[]);
            assert_eq!(again, written, "{}", rule.id);
            let flat = |text: &str| text.split_whitespace().collect::<String>();
            let sorted = |text: &str| {
                let mut chars: Vec<char> = flat(text).chars().collect();
                chars.sort_unstable();
                chars
            };
            assert_eq!(sorted(&written), sorted(&query.to_string()), "{}", rule.id);
        }
    }
}

#[test]
fn a_bundle_has_the_queries_filled_in() {
    let api = World::one().serve();
    let queries = |arguments: &[&str]| {
        let ended = Run::collect(&api).args(arguments).finish().exits(0);
        ended.bundle().text("clusters/prod/metrics/queries.txt")
    };
    let text = queries(&[]);
    for said in ["spirl_trust_domain=\"example.org\"", "namespace=\"tdd-one\"", "2024-03-05T13:50:00Z to", "[5m]"] {
        assert!(text.contains(said), "{said} in\n{text}");
    }
    let blocks: Vec<&str> = text.split("\n\n").filter(|block| !block.starts_with("##")).skip(1).collect();
    assert_eq!(blocks.len(), prometheus::queries_of_profile(), "{text}");
    for block in blocks {
        assert!(block.starts_with("# "), "{block}");
        let expr: Vec<&str> = block.lines().skip_while(|line| line.starts_with("# ")).collect();
        let expr = expr.join("\n");
        Query::parse(expr.trim()).unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(queries(&["--trust-domain", "said.org"]).contains("spirl_trust_domain=\"said.org\""));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-z0-9_(){}\\[\\]\"'=~!<>+*/%^., :@-]{0,60}") {
        let _ = Query::parse(&text);
    }

    #[test]
    fn no_samples_panic(
        points in prop::collection::vec((0..6u8, -600_000..600_000i64, prop_oneof![
            4 => -1e3..1e3f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(stale()), 1 => any::<f64>(),
        ]), 0..80),
        text in prop::sample::select(vec![
            "rate(up[5m])", "deriv(up[10m])", "predict_linear(up[10m], 1e9)", "quantile_over_time(0.3, up[10m])",
            "topk(1e300, up)", "bottomk(0/0, up)", "topk(-5, up)", "quantile(0.5, up)", "up / on(instance) down",
            "histogram_quantile(0.9, up)", "histogram_quantile(0.9, rate(down[9m]))", "irate(up[10m])", "stddev_over_time(up[20m])", "round(up, 0)",
            "avg(up) - avg_over_time(down[10m])", "up % down", "up offset 9999y", "up offset -9999y", "clamp(up, 0/0, 1)",
        ]),
        at in any::<i64>(),
    ) {
        let samples = samples(&points);
        let query = Query::parse(text).expect("PromQL");
        let _ = query.at(&samples, 0);
        let _ = query.at(&samples, at);
    }
}
