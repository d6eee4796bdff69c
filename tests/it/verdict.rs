//! What an answer to a query says.

use chrono::{DateTime, TimeDelta, Utc};
use kubectl_escalate::{
    bundle::{Judged, Verdict},
    facts::verdict::Judge,
    profile::Threshold,
    promql::Labels,
};

const START: i64 = 1_709_646_600;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(START + seconds, 0).expect("a time")
}

fn bound(text: &str) -> Option<Threshold> {
    (!text.is_empty()).then(|| text.parse().expect("a bound"))
}

/// The verdict on series of values, 15 s apart from the start on, of ten minutes whose incident is at the fifth.
fn verdict(healthy: &str, alert: &str, series: &[&[&str]]) -> Verdict {
    let incident = Some((at(300), at(300)));
    let mut judge = Judge::new((bound(healthy), bound(alert)), (at(0), at(600)), TimeDelta::seconds(15), incident);
    for (number, values) in series.iter().enumerate() {
        let labels = Labels::from_iter([("pod", number.to_string())]);
        let points: Vec<(f64, &str)> =
            (0i64..).zip(*values).map(|(step, value)| ((START + 15 * step) as f64, *value)).collect();
        judge.add(&labels, &points);
    }
    judge.verdict(false, true, Vec::new())
}

#[test]
fn the_worst_value_is_in_the_direction_of_what_is_wrong() {
    let worst = |healthy: &str, alert: &str| {
        let verdict = verdict(healthy, alert, &[&["0.5", "0.9"], &["0.2", "0.7"]]);
        let worst = verdict.worst.expect("a worst value");
        (worst.value, worst.at, worst.labels["pod"].clone())
    };
    assert_eq!(worst("> 0.8", "< 0.6"), ("0.2".to_owned(), at(0), "1".to_owned()));
    assert_eq!(worst("< 0.6", "> 0.8"), ("0.9".to_owned(), at(15), "0".to_owned()));
    assert_eq!(worst("> 0.8", ""), ("0.2".to_owned(), at(0), "1".to_owned()));
    assert_eq!(worst("<= 0.5", ""), ("0.9".to_owned(), at(15), "0".to_owned()));
    assert_eq!(worst("== 0", "> 0"), ("0.9".to_owned(), at(15), "0".to_owned()));
    assert_eq!(worst("!= 0.7", ""), ("0.7".to_owned(), at(15), "1".to_owned()));
    assert_eq!(worst("", ""), ("0.9".to_owned(), at(15), "0".to_owned()));
}

#[test]
fn one_moment_that_is_wrong_is_enough_and_is_told_with_its_time() {
    let verdict = verdict("< 0.5", "> 0.7", &[&["0.1", "0.8", "0.1", "0.9", "0.1"]]);
    assert_eq!(verdict.verdict, Judged::Alert);
    assert_eq!((verdict.alert_from, verdict.alert_to, verdict.alert_steps), (Some(at(15)), Some(at(45)), 2));
    assert_eq!(verdict.worst.expect("a worst value").value, "0.9");
}

#[test]
fn between_the_bounds_it_is_neither_well_nor_wrong() {
    assert_eq!(verdict("< 0.5", "> 0.7", &[&["0.6"]]).verdict, Judged::Unhealthy);
    assert_eq!(verdict("< 0.5", "> 0.7", &[&["0.4"; 41]]).verdict, Judged::Healthy);
    // Without a word of what is well, nothing is.
    assert_eq!(verdict("", "> 0.7", &[&["0.4"; 41]]).verdict, Judged::Value);
    assert_eq!(verdict("", "", &[&["0.4"]]).verdict, Judged::Value);
}

#[test]
fn no_data_is_no_all_clear() {
    for series in [&[][..], &[&[][..]], &[&["NaN", "NaN"][..]]] {
        let verdict = verdict("< 0.5", "> 0.7", series);
        assert_eq!((verdict.verdict, verdict.steps, verdict.steps_with_data), (Judged::NoData, 41, 0));
        assert_eq!((verdict.worst, verdict.at_incident), (None, None));
    }
    // What is no number beside it is none of its values.
    let verdict = verdict("< 0.5", "> 0.7", &[&["NaN", "0.4", "NaN"]]);
    assert_eq!((verdict.verdict, verdict.steps_with_data), (Judged::Gaps, 1));
}

#[test]
fn health_is_health_at_the_incident_and_nearly_all_the_time() {
    let with = |missing: std::ops::Range<usize>| {
        let values: Vec<&str> = (0..41).map(|step| if missing.contains(&step) { "NaN" } else { "0.4" }).collect();
        verdict("< 0.5", "> 0.7", &[&values]).verdict
    };
    assert_eq!(with(0..0), Judged::Healthy);
    // A scrape that failed, and another.
    assert_eq!(with(3..5), Judged::Healthy);
    assert_eq!(with(20..21), Judged::Gaps, "the incident");
    assert_eq!(with(21..41), Judged::Gaps, "five minutes at the end");
    assert_eq!(with(22..41), Judged::Healthy);
    assert_eq!(with(0..20), Judged::Gaps, "five minutes at the beginning");
}

#[test]
fn of_what_may_be_others_too_nothing_is_said() {
    let mut judge = Judge::new((bound("< 0.5"), bound("> 0.7")), (at(0), at(0)), TimeDelta::seconds(15), None);
    judge.add(&Labels::new(), &[(START as f64, "0.8")]);
    assert_eq!(judge.verdict(false, false, Vec::new()).verdict, Judged::Value);
}

#[test]
fn infinity_is_a_value() {
    let verdict = verdict("< 0.5", "> 0.7", &[&["0.1", "+Inf"]]);
    assert_eq!((verdict.verdict, verdict.worst.map(|it| it.value)), (Judged::Alert, Some("+Inf".to_owned())));
    assert_eq!(self::verdict("> 0", "", &[&["-Inf"]]).verdict, Judged::Unhealthy);
}

#[test]
fn the_value_at_the_incident_is_that_of_its_step_alone() {
    // The incident is at step 20.
    let values: Vec<String> = (0..41).map(|step| format!("0.{step:02}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let then = verdict("< 0.5", "> 0.7", &[&values]).at_incident.expect("a value");
    assert_eq!((then.value.as_str(), then.at), ("0.20", at(300)));
    // Where there was none then, no other stands in for it.
    assert_eq!(verdict("< 0.5", "> 0.7", &[&values[..10]]).at_incident, None);
}

#[test]
fn of_a_part_nothing_says_that_all_is_well() {
    let mut judge = Judge::new((bound("< 0.5"), bound("> 0.7")), (at(0), at(60)), TimeDelta::seconds(15), None);
    judge.add(&Labels::new(), &[(START as f64, "0.1")]);
    let partial = judge.clone().verdict(true, true, vec!["a part is away".to_owned()]);
    assert_eq!((partial.verdict, partial.partial, partial.warnings.len()), (Judged::Value, true, 1));
    // What is wrong is wrong in a part, too.
    judge.add(&Labels::new(), &[(START as f64, "0.8")]);
    assert_eq!(judge.verdict(true, true, Vec::new()).verdict, Judged::Alert);
}

proptest::proptest! {
    #[test]
    fn whatever_is_answered_it_ends_in_one_word(
        points in proptest::collection::vec((proptest::num::f64::ANY, "\\PC{0,8}|[+-]?[0-9.]{1,6}|NaN|[+-]Inf"), 0..50),
        step in -5i64..100,
    ) {
        let mut judge = Judge::new((bound("< 1"), bound("> 2")), (at(0), at(600)), TimeDelta::seconds(step), None);
        let points: Vec<(f64, &str)> = points.iter().map(|(at, value)| (*at, value.as_str())).collect();
        judge.add(&Labels::new(), &points);
        let verdict = judge.verdict(false, true, Vec::new());
        proptest::prop_assert!(verdict.steps_with_data <= verdict.steps);
        proptest::prop_assert_eq!(verdict.verdict == Judged::NoData, verdict.worst.is_none());
    }
}
