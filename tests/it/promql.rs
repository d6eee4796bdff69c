//! PromQL without a Prometheus: what is refused, and that nothing panics. That its answers are those of
//! Prometheus is tested against one, in tests/cluster/promql.rs.

use kubectl_escalate::promql::{EvalError, Labels, Point, Query, QueryError, Samples, Value, stale};
use proptest::prelude::*;

fn labels(name: &str, instance: &str) -> Labels {
    [("__name__", name), ("instance", instance)].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
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
        ("up{job=\"a\" or job=\"b\"}", "`or` within braces"),
        ("sum(histogram_count(up))", "histogram_count()"),
        ("up / on(job) limitk(1, up)", "limitk"),
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
fn of_two_values_at_one_time_the_first_counts() {
    let samples = samples(&[(0, 5, 1.0), (0, 5, 2.0), (0, 3, 3.0), (0, 6, stale())]);
    let at = |at| Query::parse("sum(up)").expect("PromQL").at(&samples, at);
    let Ok(Value::Vector(vector)) = at(5) else { panic!("{:?}", at(5)) };
    assert_eq!(vector[0].value, 1.0);
    assert_eq!(at(6), Ok(Value::Vector(Vec::new())), "it has ended");
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
            "histogram_quantile(0.9, label_less)", "irate(up[10m])", "stddev_over_time(up[20m])", "round(up, 0)",
            "avg(up) - avg_over_time(down[10m])", "up % down", "up offset 10000000000000y", "clamp(up, 0/0, 1)",
        ]),
        at in any::<i64>(),
    ) {
        let samples = samples(&points);
        if let Ok(query) = Query::parse(text) {
            let _ = query.at(&samples, 0);
            let _ = query.at(&samples, at / 4);
        }
    }
}
