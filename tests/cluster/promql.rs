//! Our PromQL against a real Prometheus', over the same samples: whatever is asked, the answers are the same.

use crate::prometheus::Prometheus;
use chrono::Utc;
use kubectl_escalate::promql::{EvalError, Labels, Millis, Point, Query, Sample, Samples, Value, stale};
use std::collections::BTreeMap;

/// How often a target is scraped.
const EVERY: Millis = 15_000;
/// How many scrapes there were.
const SCRAPES: i64 = 120;

/// A generator of numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.roll(of.len() as u64)).expect("few")]
    }
}

fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().chain([("__name__", name)]).collect()
}

/// Counters with resets, gaps and an end; gauges with NaN and infinities; a histogram; what never changes.
fn samples(start: Millis) -> Samples {
    let mut samples = Samples::default();
    let mut dice = Dice(7);
    let mut add = |labels: &Labels, n: i64, value: f64| {
        samples.push(labels, Point { at: start + n * EVERY, value });
    };
    for (instance, zone) in [("a", "east"), ("b", "east"), ("c", "west")] {
        for code in ["200", "404", "500"] {
            let series = labels("requests_total", &[("instance", instance), ("zone", zone), ("code", code)]);
            let mut count = dice.roll(1000) as f64;
            for n in 0..SCRAPES {
                count += dice.roll(40) as f64 / 4.0;
                match (instance, code) {
                    // Restarted, and restarted often.
                    ("a", "404") if n == 50 => count = 3.0,
                    ("b", "500") if dice.roll(6) == 0 => count = 0.0,
                    _ => {}
                }
                match (instance, code) {
                    // Not scraped for a while; began late; came and went.
                    ("a", "500") if (30..70).contains(&n) || n % 3 == 0 => continue,
                    ("c", "404") if n < 80 => continue,
                    ("c", "500") if n == 40 || n == 90 => add(&series, n, stale()),
                    ("c", "500") if (41..60).contains(&n) || n > 90 => {}
                    _ => add(&series, n, count),
                }
            }
        }
        let memory = labels("memory_bytes", &[("instance", instance), ("zone", zone)]);
        let limit = labels("memory_limit_bytes", &[("instance", instance)]);
        let info = labels("build_info", &[("instance", instance), ("version", &format!("1.{instance}"))]);
        let up = labels("up", &[("instance", instance), ("job", "server")]);
        let temperature = labels("temperature", &[("instance", instance)]);
        let mut buckets = [0.0; 6];
        for n in 0..SCRAPES {
            let value = 1e6 + 1e4 * n as f64 + dice.roll(100_000) as f64;
            add(
                &memory,
                n,
                match (instance, n) {
                    ("b", 33 | 34 | 110) => f64::NAN,
                    ("c", 20) => f64::INFINITY,
                    ("c", 21) => f64::NEG_INFINITY,
                    _ => value,
                },
            );
            add(&limit, n, 4e6);
            add(&info, n, 1.0);
            add(&up, n, f64::from(u8::from(dice.roll(10) > 0)));
            add(&temperature, n, (n as f64 / 7.0).sin() * 30.0 - 5.0);
            for (held, bound) in buckets.iter_mut().zip([3, 6, 9, 12, 14, 15]) {
                *held += (bound * dice.roll(2) / 2) as f64 + bound as f64;
            }
            for (count, le) in buckets.iter().zip(["0.1", "0.25", "0.5", "1.0", "2.5", "+Inf"]) {
                // One whose buckets are not in order, and one without an end.
                let count = if instance == "b" && le == "0.5" { count / 3.0 } else { *count };
                if instance != "c" || le != "+Inf" || n < 60 {
                    add(&labels("latency_seconds_bucket", &[("instance", instance), ("le", le)]), n, count);
                }
            }
            // Bounds that are none, or too large, and counts that are no numbers.
            for (le, count) in [("1", 5.0), ("2", 7.0), ("NaN", 1.0), ("1e400", 3.0), ("x", 2.0), ("+Inf", 10.0)] {
                let count = if instance == "b" && le == "+Inf" { f64::NAN } else { count };
                let count = if instance == "c" && le == "+Inf" { f64::INFINITY } else { count };
                add(&labels("odd_bucket", &[("instance", instance), ("le", le)]), n, count);
            }
            add(&labels("latency_seconds_count", &[("instance", instance)]), n, buckets[5]);
            add(&labels("latency_seconds_sum", &[("instance", instance)]), n, buckets[5] * 0.37);
        }
    }
    samples
}

/// Written by hand: each says something that the others do not.
const WRITTEN: &[&str] = &[
    "requests_total",
    "requests_total{code=\"500\"}",
    "requests_total{code!=\"500\",instance=~\"a|b\"}",
    "requests_total{code=~\"[45]..\",zone!~\"we.*\"}",
    "requests_total{missing=\"\"}",
    "requests_total{zone=~\".*st\",code=\"\"}",
    "{__name__=~\"memory_.*\"}",
    "requests_total offset 3m",
    "requests_total offset -2m",
    "nothing_of_the_kind",
    "-memory_bytes",
    "-(3 + 4)",
    "+temperature",
    "7 + 2 * 3 ^ 2 ^ 0.5 % 4 - -1",
    "1 / 0",
    "0 / 0",
    "-1 / 0",
    "1 > bool 2",
    "2 >= bool 2",
    "memory_bytes / memory_limit_bytes",
    "memory_bytes / on(instance) memory_limit_bytes",
    "memory_bytes / ignoring(zone) memory_limit_bytes",
    "memory_bytes / on(instance) group_left memory_limit_bytes",
    "memory_bytes * on(instance) group_left(version) build_info",
    "build_info * on(instance) group_right(version) memory_bytes",
    "requests_total * on(instance) group_left(version) build_info",
    "requests_total * on(instance) build_info",
    "build_info * on(instance) requests_total",
    "requests_total * on(code) group_left requests_total",
    "requests_total * on(instance) group_left(zone) memory_bytes",
    "memory_bytes > 2e6",
    "2e6 < memory_bytes",
    "2e6 < bool memory_bytes",
    "memory_bytes > bool 2e6",
    "memory_bytes > on(instance) (memory_limit_bytes / 2)",
    "memory_bytes > ignoring(zone) memory_limit_bytes / 2",
    "memory_bytes > bool ignoring(zone) memory_limit_bytes / 2",
    "memory_bytes == memory_bytes",
    "memory_bytes != memory_bytes",
    "up == 0",
    "up != 1",
    "up and on(instance) memory_bytes > 1.5e6",
    "up unless on(instance) memory_bytes > 1.5e6",
    "up or memory_bytes",
    "up or on(instance) memory_bytes",
    "up == 0 or up == 1",
    "requests_total and ignoring(code) requests_total{code=\"500\"}",
    "requests_total unless requests_total{zone=\"east\"}",
    "vector(1) or up",
    "vector(3)",
    "vector(time())",
    "time()",
    "time() - timestamp(requests_total)",
    "timestamp(requests_total)",
    "timestamp(requests_total + 0)",
    "timestamp((requests_total offset 1m))",
    "scalar(memory_bytes{instance=\"a\"})",
    "scalar(memory_bytes)",
    "scalar(nothing_of_the_kind) + 1",
    "absent(nothing_of_the_kind)",
    "absent(nothing_of_the_kind{job=\"x\",zone=~\"a|b\",instance!=\"q\"})",
    "absent(nothing_of_the_kind{job=\"x\",job=\"y\",zone=\"z\"})",
    "absent((nothing_of_the_kind{job=\"x\"}))",
    "absent(up)",
    "absent(sum(nothing_of_the_kind))",
    "absent(nothing_of_the_kind{job!=\"\",job=\"a\"})",
    "absent(nothing_of_the_kind{job=\"a\",job!=\"\"})",
    "absent(nothing_of_the_kind{job=\"\"})",
    "topk(scalar(nothing_of_the_kind), up)",
    "topk(1 / 0, up)",
    "bottomk(-1 / 0, up)",
    "clamp_min(memory_bytes, scalar(nothing_of_the_kind))",
    "clamp(memory_bytes, -1 / 0, 1 / 0)",
    "histogram_quantile(0.5, odd_bucket)",
    "histogram_quantile(0, odd_bucket)",
    "absent(up > 2)",
    "absent_over_time(nothing_of_the_kind{job=\"x\"}[5m])",
    "absent_over_time(up[5m])",
    "absent_over_time(requests_total{instance=\"c\",code=\"500\"}[1m])",
    "sum(up)",
    "sum(nothing_of_the_kind)",
    "count(up == 0)",
    "count(up == 0) or vector(0)",
    "sum by (zone) (requests_total)",
    "sum by (zone, missing) (requests_total)",
    "sum by () (requests_total)",
    "sum without (code) (requests_total)",
    "sum without () (requests_total)",
    "sum by (__name__) ({__name__=~\"memory_.*\"})",
    "avg(memory_bytes)",
    "min(memory_bytes)",
    "max(memory_bytes)",
    "count by (zone) (requests_total)",
    "group by (zone) (requests_total)",
    "stddev(requests_total)",
    "stdvar by (zone) (requests_total)",
    "stddev(memory_bytes)",
    "quantile(0.9, requests_total)",
    "quantile by (zone) (0.25, requests_total)",
    "quantile(-1, requests_total)",
    "quantile(1.5, requests_total)",
    "quantile(0.5, memory_bytes)",
    "quantile(scalar(nothing_of_the_kind), up)",
    "topk(2, requests_total)",
    "topk by (zone) (1, requests_total)",
    "bottomk(3, requests_total)",
    "bottomk(0, requests_total)",
    "topk(100, memory_bytes)",
    "topk(2, rate(requests_total[5m]))",
    "rate({__name__=~\"memory_.*|requests_total\"}[5m])",
    "rate({__name__=~\"memory_bytes|temperature\"}[5m])",
    "abs({__name__=~\"latency_seconds_sum|latency_seconds_count\"})",
    "{__name__=~\"latency_seconds_sum|latency_seconds_count\"} + 1",
    "{__name__=~\"latency_seconds_sum|latency_seconds_count\"} > 1",
    "-{__name__=~\"latency_seconds_sum|latency_seconds_count\"}",
    "last_over_time({__name__=~\"latency_seconds_sum|latency_seconds_count\"}[2m])",
    "abs(temperature)",
    "ceil(temperature)",
    "floor(temperature)",
    "round(temperature)",
    "round(temperature, 0.5)",
    "round(temperature, 7)",
    "exp(temperature)",
    "ln(temperature)",
    "log2(memory_bytes)",
    "log10(memory_bytes)",
    "sqrt(temperature)",
    "sgn(temperature)",
    "clamp(temperature, -2, 12)",
    "clamp(temperature, 12, -2)",
    "clamp_min(memory_bytes, 1.5e6)",
    "clamp_max(memory_bytes, 1.5e6)",
    "clamp_max(memory_bytes, scalar(nothing_of_the_kind))",
    "histogram_quantile(0.5, latency_seconds_bucket)",
    "histogram_quantile(0.99, latency_seconds_bucket)",
    "histogram_quantile(0, latency_seconds_bucket)",
    "histogram_quantile(1, latency_seconds_bucket)",
    "histogram_quantile(-0.1, latency_seconds_bucket)",
    "histogram_quantile(1.1, latency_seconds_bucket)",
    "histogram_quantile(0.9, rate(latency_seconds_bucket[5m]))",
    "histogram_quantile(0.9, sum by (le) (rate(latency_seconds_bucket[5m])))",
    "histogram_quantile(0.9, sum by (le, instance) (increase(latency_seconds_bucket[90s])))",
    "histogram_quantile(0.9, latency_seconds_count)",
    "histogram_quantile(0.5, latency_seconds_bucket{le=\"+Inf\"})",
    "sum(rate(latency_seconds_sum[5m])) / sum(rate(latency_seconds_count[5m]))",
    "sum(rate(requests_total{code=~\"5..\"}[5m])) / sum(rate(requests_total[5m]))",
    "sum by (zone) (rate(requests_total{code=~\"5..\"}[5m])) / ignoring(code) sum by (zone) (rate(requests_total[5m])) > 0.01",
    "(sum(rate(requests_total{code=\"418\"}[5m])) or vector(0)) / sum(rate(requests_total[5m]))",
    "max_over_time(memory_bytes[10m]) / on(instance) group_left memory_limit_bytes > bool 0.5",
    "predict_linear(memory_bytes[10m], 3600) > 3e6",
    "deriv(memory_limit_bytes[5m])",
    "quantile_over_time(0.7, temperature[5m])",
    "quantile_over_time(2, temperature[5m])",
    "quantile_over_time(0.5, memory_bytes[15m])",
    "requests_total % 7",
    "temperature % 3",
    "temperature ^ 2",
    "temperature ^ 0.5",
    "2 ^ temperature",
    "temperature atan2 memory_limit_bytes",
    "increase(requests_total[1h])",
    "increase(requests_total[15s])",
    "increase(requests_total[31s])",
];

/// Put together by the dice.
fn generated(count: usize) -> Vec<String> {
    let mut dice = Dice(11);
    let selectors = [
        "requests_total",
        "requests_total{instance=\"a\"}",
        "requests_total{code=\"500\"}",
        "memory_bytes",
        "temperature",
        "latency_seconds_bucket",
        "up",
    ];
    let functions = [
        "rate",
        "increase",
        "irate",
        "delta",
        "idelta",
        "deriv",
        "changes",
        "resets",
        "avg_over_time",
        "sum_over_time",
        "min_over_time",
        "max_over_time",
        "count_over_time",
        "last_over_time",
        "present_over_time",
        "stddev_over_time",
        "stdvar_over_time",
    ];
    let ranges = ["20s", "47s", "1m", "2m30s", "5m", "13m", "40m"];
    let offsets = ["", "", "", " offset 1m", " offset 7m", " offset -90s"];
    let (aggregates, groups) =
        (["sum", "avg", "min", "max", "count", "stdvar"], ["", " by (instance)", " without (code)"]);
    let (operators, compares) = (["+", "-", "*", "/", "%"], [">", "<", ">=", "<=", "==", "!="]);
    let range = move |dice: &mut Dice| {
        let (function, selector) = (dice.pick(&functions), dice.pick(&selectors));
        format!("{function}({selector}[{}]{})", dice.pick(&ranges), dice.pick(&offsets))
    };
    let mut expressions = Vec::new();
    while expressions.len() < count {
        let one = range(&mut dice);
        let other = range(&mut dice);
        let (aggregate, group) = (dice.pick(&aggregates), dice.pick(&groups));
        let expression = match dice.roll(6) {
            0 | 1 => one,
            2 => format!("{aggregate}{group} ({one})"),
            3 => format!("{one} {} {}", dice.pick(&operators), dice.roll(50)),
            4 => format!("{aggregate} by (instance) ({one}) {} max by (instance) ({other})", dice.pick(&operators)),
            _ => format!("{one} {} {} {}", dice.pick(&compares), dice.pick(&["", "bool"]), dice.roll(9)),
        };
        if !expressions.contains(&expression) {
            expressions.push(expression);
        }
    }
    expressions
}

/// Series and values, so that they compare whatever their order; a number has no labels, not even none.
type Answer = BTreeMap<Option<Labels>, f64>;

fn ours(query: &Query, samples: &Samples, at: Millis) -> Result<Answer, String> {
    match query.at(samples, at) {
        Ok(Value::Scalar(value)) => Ok([(None, value)].into()),
        Ok(Value::Vector(vector)) => {
            let count = vector.len();
            let answer: Answer = vector.into_iter().map(|Sample { labels, value }| (Some(labels), value)).collect();
            assert_eq!(answer.len(), count, "{query} gives a series twice");
            Ok(answer)
        }
        Err(error @ EvalError::Type(_)) => panic!("{query}: {error}"),
        Err(error) => Err(error.to_string()),
    }
}

fn theirs(prometheus: &Prometheus, text: &str, at: Millis) -> Result<Answer, String> {
    let time = format!("{}.{:03}", at / 1000, at % 1000);
    let data = prometheus.ask("/api/v1/query", &[("query", text), ("time", &time)])?;
    let value = |pair: &serde_json::Value| pair[1].as_str().and_then(|text| text.parse().ok()).expect("a number");
    if data["resultType"] == "scalar" {
        return Ok([(None, value(&data["result"]))].into());
    }
    let series = data["result"].as_array().expect("a vector").iter();
    let labels = |it: &serde_json::Value| serde_json::from_value(it["metric"].clone()).expect("labels");
    Ok(series.map(|it| (Some(labels(it)), value(&it["value"]))).collect())
}

fn is_same(one: f64, other: f64) -> bool {
    let near = 1e-9 * one.abs().max(other.abs());
    one == other || one.is_nan() && other.is_nan() || near.is_finite() && (one - other).abs() <= near
}

fn are_same(ours: &Result<Answer, String>, theirs: &Result<Answer, String>) -> bool {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            ours.keys().eq(theirs.keys())
                && ours.values().zip(theirs.values()).all(|(one, other)| is_same(*one, *other))
        }
        (Err(_), Err(_)) => true,
        _ => false,
    }
}

/// A Prometheus that has the samples, the samples, and when they begin.
fn served() -> (Prometheus, Samples, Millis) {
    let prometheus = Prometheus::start();
    let start = (Utc::now().timestamp_millis() / 60_000 - 45) * 60_000;
    let samples = samples(start);
    prometheus.write(&samples);
    (prometheus, samples, start)
}

#[test]
#[ignore = "needs a Prometheus: run tests/run"]
fn whatever_is_asked_the_answer_is_that_of_prometheus() {
    let (prometheus, samples, start) = served();
    let expressions: Vec<String> = WRITTEN.iter().map(|text| (*text).to_owned()).chain(generated(400)).collect();
    let moments = [0, 7_500, 300_000, 320_000, 612_345, 900_000, 1_234_000, 1_500_000, 1_785_000, 1_950_000, 2_400_000];
    let (mut answers, mut errors, mut values, mut different) = (0, 0, 0, Vec::new());
    for text in &expressions {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{error}"));
        for at in moments.map(|after| start + after) {
            let (ours, theirs) = (ours(&query, &samples, at), theirs(&prometheus, text, at));
            if !are_same(&ours, &theirs) {
                different.push(format!("{text} at {at}:\n  ours   {ours:?}\n  theirs {theirs:?}"));
            }
            answers += 1;
            errors += usize::from(theirs.is_err());
            values += theirs.map_or(0, |answer| answer.len());
        }
    }
    eprintln!(
        "promql: {} expressions at {} moments: {answers} answers with {values} values, {errors} of them errors, {} different",
        expressions.len(),
        moments.len(),
        different.len()
    );
    assert!(
        different.is_empty(),
        "{} of {answers} differ:\n{}",
        different.len(),
        different[..different.len().min(20)].join("\n")
    );
    assert!(values > 10_000 && errors > 20, "they are asked something");
}

#[test]
#[ignore = "needs a Prometheus: run tests/run"]
fn a_range_has_the_same_points() {
    let (prometheus, samples, start) = served();
    let seconds = |millis: Millis| (millis / 1000).to_string();
    for text in ["rate(requests_total[2m])", "memory_bytes > 1.5e6", "time()", "sum(up)"] {
        let (from, to, step) = (start - 60_000, start + 2_000_000, 40_000);
        let range = [("query", text), ("start", &seconds(from)), ("end", &seconds(to)), ("step", &seconds(step))];
        let data = prometheus.ask("/api/v1/query_range", &range).expect("an answer");
        let query = Query::parse(text).expect("PromQL");
        let ours = query.over(&samples, from, to, step).expect("a range");
        let theirs = data["result"].as_array().expect("series");
        assert_eq!(ours.len(), theirs.len(), "{text}");
        for series in theirs {
            let labels: Labels = serde_json::from_value(series["metric"].clone()).expect("labels");
            let ours = ours.series().find(|ours| ours.labels == labels).expect("the same series");
            let points = series["values"].as_array().expect("points");
            assert_eq!(ours.points.len(), points.len(), "{text} {labels:?}");
            for (ours, theirs) in ours.points.iter().zip(points) {
                let value: f64 = theirs[1].as_str().and_then(|text| text.parse().ok()).expect("a number");
                let at = theirs[0].as_f64().expect("a time");
                assert!((at * 1000.0 - ours.at as f64).abs() < 0.5 && is_same(ours.value, value), "{text} {labels:?}");
            }
        }
    }
}
