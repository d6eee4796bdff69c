//! Samples out of the text that an endpoint answers.

use kubectl_escalate::{
    facts::exposition::{SampleReader, parse_sample, parse_series},
    promql::{Labels, NAME},
    redact::{Key, Redactor},
};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter().copied().chain([(NAME, name)]);
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn lines_are_read_as_the_format_says() {
    let is = |line: &str, name: &str, pairs: &[(&str, &str)], value: f64| {
        assert_eq!(parse_sample(line), Some((labels(name, pairs), value)), "{line}");
    };
    is("up 1", "up", &[], 1.0);
    is("up\t1 1709646600000", "up", &[], 1.0);
    is(
        "requests_total{method=\"post\",code=\"200\"} 1027",
        "requests_total",
        &[("code", "200"), ("method", "post")],
        1027.0,
    );
    is("a { b = \"c\" , d=\"e\", }  -0.5e3", "a", &[("b", "c"), ("d", "e")], -500.0);
    is("a{b=\"x\\\"y\\\\z\\n,{}=\"} +Inf", "a", &[("b", "x\"y\\z\n,{}=")], f64::INFINITY);
    is("a{b=\"\\d\",c=\"\"} 1 # {trace_id=\"x\"} 0.5", "a", &[("b", "\\d")], 1.0);
    is("{\"a.b\",\"c.d\"=\"e\"} 2", "a.b", &[("c.d", "e")], 2.0);
    assert!(parse_sample("a NaN").is_some_and(|(_, value)| value.is_nan()));
    for odd in [
        "",
        "# HELP a b",
        "# TYPE a counter",
        "a",
        "a{",
        "a{b",
        "a{b=c} 1",
        "a{b=\"c} 1",
        "a{b=\"c\"",
        "a{} x",
        "{b=\"c\"} 1",
        "a{b=\"c\" d=\"e\"} 1",
    ] {
        assert_eq!(parse_sample(odd), None, "{odd}");
    }
}

/// What is found of these metrics in a text that comes in pieces.
fn found(text: &[u8], wanted: &[&str], sizes: &[usize]) -> Vec<(Labels, f64)> {
    let redactor = Redactor::new(&Key::random());
    let mut extract = SampleReader::new(wanted.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
    let (mut rest, mut sizes) = (text, sizes.iter().cycle());
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at((*sizes.next().unwrap_or(&1)).clamp(1, rest.len()));
        extract.push(&redactor.text(chunk).0);
        rest = after;
    }
    let read = |(series, value): (Box<str>, f64)| (parse_series(&series).expect("a series"), value);
    extract.finish().0.into_iter().map(read).collect()
}

#[test]
fn only_what_is_wanted_is_held_and_no_line_without_end() {
    let long = "x".repeat(100_000);
    let text = format!("a 1\nb 2\n{long} 3\na{{x=\"{long}\"}} 4\na{{x=\"y\"}} 5");
    let found = found(text.as_bytes(), &["a"], &[1000]);
    assert_eq!(found, [(labels("a", &[]), 1.0), (labels("a", &[("x", "y")]), 5.0)]);
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        name in "[a-z_:][a-z0-9_:]{0,8}",
        pairs in prop::collection::btree_map("[a-z_][a-z0-9_]{0,6}", "\\PC{1,12}|[\\\\\"\n,{}=]{1,6}", 0..4),
        value in any::<f64>().prop_filter("a number", |value| !value.is_nan()),
    ) {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let written: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let line = format!("{name}{{{}}} {value:e}", written.join(","));
        let expected = pairs.into_iter().chain([(NAME.to_owned(), name)]).collect::<Labels>();
        prop_assert_eq!(parse_sample(&line), Some((expected, value)), "{}", line);
    }

    #[test]
    fn pieces_make_no_difference(lines in prop::collection::vec("(a|b)(\\{x=\"[a-z]{0,3}\"\\})? [0-9]{1,3}|# [a-z]{0,9}|[a-z{}\"=]{0,6}", 0..20), sizes in prop::collection::vec(1usize..20, 1..5)) {
        let text = lines.join("\n");
        prop_assert_eq!(found(text.as_bytes(), &["a"], &sizes), found(text.as_bytes(), &["a"], &[1 << 20]));
    }

    #[test]
    fn no_line_panics(line in "\\PC{0,40}|[a{}\"\\\\=, 0-9]{0,30}") {
        let _ = parse_sample(&line);
    }
}
