//! `plan::window`: what users write for a time, and the window that follows.

use chrono::{DateTime, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use kubectl_escalate::plan::window::{
    Incident, LONGEST, Window, WindowError, format_duration, parse_duration, parse_incident, seconds_floor,
};
use proptest::prelude::*;

/// Central Europe in 2026: an hour ahead of UTC, two from 29 March to 25 October, 01:00 UTC both.
#[derive(Clone, Copy, Debug)]
struct Berlin;

impl TimeZone for Berlin {
    type Offset = FixedOffset;

    fn from_offset(_: &FixedOffset) -> Berlin {
        Berlin
    }

    fn offset_from_utc_datetime(&self, at: &NaiveDateTime) -> FixedOffset {
        let summer = utc("2026-03-29T01:00:00Z").naive_utc()..utc("2026-10-25T01:00:00Z").naive_utc();
        hours(if summer.contains(at) { 2 } else { 1 })
    }

    fn offset_from_utc_date(&self, day: &NaiveDate) -> FixedOffset {
        self.offset_from_utc_datetime(&day.and_hms_opt(0, 0, 0).unwrap())
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<FixedOffset> {
        let fits = |offset: &FixedOffset| self.offset_from_utc_datetime(&(*local - *offset)) == *offset;
        match (fits(&hours(2)), fits(&hours(1))) {
            (true, true) => MappedLocalTime::Ambiguous(hours(2), hours(1)),
            (true, false) => MappedLocalTime::Single(hours(2)),
            (false, true) => MappedLocalTime::Single(hours(1)),
            (false, false) => MappedLocalTime::None,
        }
    }

    fn offset_from_local_date(&self, day: &NaiveDate) -> MappedLocalTime<FixedOffset> {
        self.offset_from_local_datetime(&day.and_hms_opt(0, 0, 0).unwrap())
    }
}

fn hours(east: i32) -> FixedOffset {
    FixedOffset::east_opt(east * 3600).unwrap()
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A Sunday in winter; in Berlin it is 16:00.
const NOW: &str = "2026-11-22T15:00:00Z";

fn incident_at(text: &str, now: &str) -> Result<Incident, WindowError> {
    parse_incident(text, utc(now), &Berlin)
}

fn interval(start: &str, end: &str) -> Incident {
    Incident { start: utc(start), end: utc(end) }
}

/// Each text, at `NOW` in Berlin, means this interval.
#[track_caller]
fn means(text: &str, start: &str, end: &str) {
    assert_eq!(incident_at(text, NOW), Ok(interval(start, end)), "{text}");
}

#[track_caller]
fn refused(text: &str, now: &str) -> String {
    let message = incident_at(text, now).expect_err(text).to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[test]
fn instants() {
    for (text, at) in [
        ("2026-11-22T14:05:00Z", "2026-11-22T14:05:00Z"),
        ("2026-11-22t14:05:00z", "2026-11-22T14:05:00Z"),
        ("2026-11-22 14:05:00+01:00", "2026-11-22T13:05:00Z"),
        ("2026-11-22 14:05:00 +01:00", "2026-11-22T13:05:00Z"),
        ("2026-11-22T03:05:00.5-05:30", "2026-11-22T08:35:00.5Z"),
        ("2026-11-22T14:05Z", "2026-11-22T14:05:00Z"),
        ("2026-11-22T14:05:00.123456789123Z", "2026-11-22T14:05:00.123456789Z"),
        ("2026-11-22T14:05", "2026-11-22T13:05:00Z"),
        ("2026-07-01T14:05:00", "2026-07-01T12:05:00Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z"),
        ("14:05", "2026-11-22T13:05:00Z"),
        ("9:05", "2026-11-22T08:05:00Z"),
        ("14:05:30", "2026-11-22T13:05:30Z"),
        ("16:00", "2026-11-22T15:00:00Z"),
        ("16:01", "2026-11-21T15:01:00Z"),
        ("14:05Z", "2026-11-22T14:05:00Z"),
        ("15:30Z", "2026-11-21T15:30:00Z"),
        ("14:05+01:00", "2026-11-22T13:05:00Z"),
        ("23:30-10:00", "2026-11-22T09:30:00Z"),
        ("-20m", "2026-11-22T14:40:00Z"),
        ("-1h30m", "2026-11-22T13:30:00Z"),
        ("now", NOW),
        ("  Now ", NOW),
        // Clocks differ: less than a minute ahead is now.
        ("2026-11-22T15:00:59Z", "2026-11-22T15:00:59Z"),
    ] {
        means(text, at, at);
    }
}

#[test]
fn intervals() {
    for (text, start, end) in [
        ("14:05/14:20", "2026-11-22T13:05:00Z", "2026-11-22T13:20:00Z"),
        ("14:05 / 14:20", "2026-11-22T13:05:00Z", "2026-11-22T13:20:00Z"),
        ("23:50/00:10", "2026-11-21T22:50:00Z", "2026-11-21T23:10:00Z"),
        ("14:05/", "2026-11-22T13:05:00Z", NOW),
        ("14:05/now", "2026-11-22T13:05:00Z", NOW),
        ("14:05/14:05", "2026-11-22T13:05:00Z", "2026-11-22T13:05:00Z"),
        ("-30m/-10m", "2026-11-22T14:30:00Z", "2026-11-22T14:50:00Z"),
        ("-2h/15:00", "2026-11-22T13:00:00Z", "2026-11-22T14:00:00Z"),
        ("2026-11-20T14:05:00Z/2026-11-20T14:06:00Z", "2026-11-20T14:05:00Z", "2026-11-20T14:06:00Z"),
        // A start that is only a time is the latest one before its end.
        ("14:05/2026-11-20T15:00:00Z", "2026-11-20T13:05:00Z", "2026-11-20T15:00:00Z"),
        ("15:55/-10m", "2026-11-21T14:55:00Z", "2026-11-22T14:50:00Z"),
        // An end without an offset is meant in its start's.
        ("14:05Z/14:20", "2026-11-22T14:05:00Z", "2026-11-22T14:20:00Z"),
        ("2026-11-20T14:05:00-05:00/14:20", "2026-11-20T19:05:00Z", "2026-11-20T19:20:00Z"),
        ("14:05Z/2026-11-22T14:20", "2026-11-22T14:05:00Z", "2026-11-22T14:20:00Z"),
        ("2026-11-22T15:00:30Z/", "2026-11-22T15:00:30Z", "2026-11-22T15:00:30Z"),
    ] {
        means(text, start, end);
    }
}

#[test]
fn unreadable_times_say_what_can_be_read() {
    for text in [
        "",
        " ",
        "/",
        "/14:05",
        "yesterday",
        "14",
        "1405",
        "14:5",
        "24:00",
        "14:60",
        "14:05:61",
        "2026-11-22",
        "2026-11-22T",
        "2026-02-30T10:00Z",
        "2026-13-01T10:00Z",
        "22.11.2026 14:05",
        "1795356300",
        "-",
        "-20",
        "--20m",
        "20m",
        "14:05 ",
        "14:05/14:06/14:07",
        "14:05+1",
        "14:05+01:60",
        "14:05+25:00",
        "14:05:30.",
        "14:05 UTC",
        "2026-11-22  14:05",
        "2026-11-22\n14:05",
        "２０26-11-22T14:05Z",
        "\u{0}",
        "١٤:٠٥",
        "\u{1b}[31m",
    ] {
        if text.trim() != "14:05" {
            let message = refused(text, NOW);
            assert!(message.starts_with("cannot read `") && message.contains("-20m"), "{message}");
            assert!(!message.contains('\u{1b}'), "{message}");
        }
    }
    assert!(refused(&"x".repeat(10_000), NOW).len() < 400);
}

#[test]
fn times_that_cannot_be_meant_are_refused() {
    assert_eq!(
        refused("2026-11-22T15:01:01Z", NOW),
        "2026-11-22T15:01:01Z is in the future, 61 s from now; an incident must have started; START/ means until now"
    );
    assert!(refused("14:05/17:00", NOW).starts_with("2026-11-22T16:00:00Z is in the future, 60 min from now"));
    assert!(refused("2027-11-22T15:00:00Z/", NOW).contains("in the future, 365 d from now"));
    assert!(refused("2999-01-01T00:00:00Z", NOW).contains("in the future, 972 years from now"));
    assert_eq!(
        refused("-10m/-20m", NOW),
        "the incident ends at 2026-11-22T14:40:00Z, before it starts at 2026-11-22T14:50:00Z"
    );
    assert!(refused("2000-12-31T23:00:00Z", NOW).contains("too long ago"));
    assert!(refused("0000-01-01T00:00:00+23:59", NOW).contains("too long ago"));
    assert!(refused("0026-11-22T14:05:00Z/14:10", NOW).contains("too long ago"));
    assert!(refused("-200y", NOW).contains("too long ago"));
    assert_eq!(refused("-8d/", NOW), "the incident is longer than 7 days; give a shorter time around what went wrong");
    assert!(incident_at("-7d/", NOW).is_ok());
    assert!(incident_at("2001-01-01T00:00:00Z", NOW).is_ok());
}

#[test]
fn a_time_that_clocks_skipped_is_refused() {
    // Clocks went from 02:00 to 03:00, on 29 March 2026 at 01:00 UTC.
    let message = refused("02:30", "2026-03-29T07:00:00Z");
    assert!(message.contains("02:30:00 did not exist") && message.contains("on 2026-03-29"), "{message}");
    refused("2026-03-29T02:30:00", "2026-03-29T07:00:00Z");
    refused("01:30/02:30", "2026-03-29T07:00:00Z");
    refused("02:30/04:00", "2026-03-29T07:00:00Z");
    // In UTC, or with an offset, it did exist, and the day before it did.
    assert_eq!(incident_at("02:30Z", "2026-03-29T07:00:00Z").unwrap().start, utc("2026-03-29T02:30:00Z"));
    assert_eq!(incident_at("02:30+01:00", "2026-03-29T07:00:00Z").unwrap().start, utc("2026-03-29T01:30:00Z"));
    assert_eq!(incident_at("02:30", "2026-03-29T00:45:00Z").unwrap().start, utc("2026-03-28T01:30:00Z"));
    assert_eq!(incident_at("02:30", "2026-03-30T07:00:00Z").unwrap().start, utc("2026-03-30T00:30:00Z"));
    assert_eq!(incident_at("03:00", "2026-03-29T01:00:00Z").unwrap().start, utc("2026-03-29T01:00:00Z"));
    // Over the change, an interval is as long as it was.
    assert_eq!(
        incident_at("01:30/03:30", "2026-03-29T07:00:00Z").unwrap(),
        interval("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z")
    );
}

#[test]
fn a_time_that_clocks_showed_twice_is_the_latest_one_past() {
    // Clocks went from 03:00 back to 02:00, on 25 October 2026 at 01:00 UTC.
    let at = |text, now| incident_at(text, now).unwrap().start;
    assert_eq!(at("02:30", "2026-10-25T08:00:00Z"), utc("2026-10-25T01:30:00Z"));
    assert_eq!(at("02:30", "2026-10-25T01:15:00Z"), utc("2026-10-25T00:30:00Z"));
    assert_eq!(at("02:30", "2026-10-25T00:15:00Z"), utc("2026-10-24T00:30:00Z"));
    assert_eq!(at("2026-10-25T02:30:00", "2026-10-25T08:00:00Z"), utc("2026-10-25T01:30:00Z"));
    assert_eq!(at("2026-10-25T02:30:00", "2026-10-25T01:15:00Z"), utc("2026-10-25T00:30:00Z"));
    // An end is the first one after its start.
    assert_eq!(
        incident_at("01:50/02:10", "2026-10-25T08:00:00Z").unwrap(),
        interval("2026-10-24T23:50:00Z", "2026-10-25T00:10:00Z")
    );
}

#[test]
fn durations() {
    for (text, seconds) in [
        ("15m", 900),
        ("1h30m", 5400),
        ("90s", 90),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1y", 31_536_000),
        ("1.5h", 5400),
        (".5m", 30),
        ("0", 0),
        ("0s", 0),
        ("1d12h", 129_600),
        (" 15m ", 900),
        ("2000ms", 2),
        ("007s", 7),
    ] {
        assert_eq!(parse_duration(text), Ok(TimeDelta::seconds(seconds)), "{text}");
    }
    assert_eq!(parse_duration("1ns"), Ok(TimeDelta::nanoseconds(1)));
    assert_eq!(parse_duration("1µs"), Ok(TimeDelta::microseconds(1)));
    assert_eq!(parse_duration("1.0000000009s"), Ok(TimeDelta::seconds(1)));
    for text in ["", "15", "m", ".m", "1.m.", "1h 30m", "15M", "15min", "1h30", "+5m", "1e3s", "5 m", "½h", "1.2.3s"] {
        assert!(matches!(parse_duration(text), Err(WindowError::NotADuration { .. })), "{text}");
    }
    assert!(matches!(parse_duration("-5m"), Err(WindowError::Negative { .. })));
    for text in ["300y".to_owned(), format!("{}s", "9".repeat(60)), format!("{}y", u64::MAX)] {
        assert!(matches!(parse_duration(&text), Err(WindowError::TooLong { .. })), "{text}");
    }
}

#[test]
fn the_window_is_a_quarter_of_an_hour_on_both_sides() {
    let now = utc(NOW);
    let incident = interval("2026-11-22T14:05:00Z", "2026-11-22T14:10:00Z");
    let window = Window::new(Some(incident), None, None, now).unwrap();
    assert_eq!((window.start, window.end), (utc("2026-11-22T13:50:00Z"), utc("2026-11-22T14:25:00Z")));
    assert_eq!(window.shortfalls(), Vec::<String>::new());
    assert_eq!(window.unfinished(now, false), None);
    assert!(window.contains(window.start) && window.contains(window.end) && !window.contains(now));

    let window = Window::new(Some(incident), Some(TimeDelta::minutes(5)), Some(TimeDelta::zero()), now).unwrap();
    assert_eq!((window.start, window.end), (utc("2026-11-22T14:00:00Z"), utc("2026-11-22T14:10:00Z")));
    assert_eq!(
        window.shortfalls(),
        [
            "only 5 min before the incident; support asks for at least 15 min (--before 15m)",
            "only 0 s after the incident; support asks for at least 15 min (--after 15m)",
        ]
    );
}

#[test]
fn without_an_incident_it_is_the_last_half_hour() {
    let now = utc(NOW);
    let window = Window::new(None, None, None, now).unwrap();
    assert_eq!((window.start, window.end, window.incident), (utc("2026-11-22T14:30:00Z"), now, None));
    assert_eq!(window.length(), TimeDelta::minutes(30));
    assert_eq!(window.shortfalls(), Vec::<String>::new());
    let window = Window::new(None, Some(TimeDelta::minutes(5)), None, now).unwrap();
    assert_eq!(window.start, utc("2026-11-22T14:55:00Z"));
    assert_eq!(window.shortfalls(), ["only 5 min before now; support asks for at least 15 min (--before 15m)"]);
    assert_eq!(Window::new(None, None, Some(TimeDelta::minutes(5)), now), Err(WindowError::NothingToFollow));
}

#[test]
fn a_window_may_end_in_the_future_and_says_so() {
    let now = utc(NOW);
    let window = Window::new(Some(interval(NOW, NOW)), None, None, now).unwrap();
    assert_eq!(window.end, utc("2026-11-22T15:15:00Z"));
    assert_eq!(
        window.unfinished(now, false).unwrap(),
        "the window ends in 15 min, at 2026-11-22T15:15:00Z; what happens until then is not in this bundle; --wait includes it"
    );
    assert_eq!(
        window.unfinished(now, true).unwrap(),
        "the window ends in 15 min, at 2026-11-22T15:15:00Z; the logs are followed until then"
    );
    let over = now + TimeDelta::hours(1);
    assert_eq!(window.unfinished(over, true).unwrap(), "the window has ended, so there is nothing to wait for");
}

#[test]
fn impossible_windows_are_refused() {
    let now = utc(NOW);
    let incident = Some(interval(NOW, NOW));
    let minute = TimeDelta::minutes(1);
    let new = |before, after| Window::new(incident, before, after, now);
    assert!(matches!(new(Some(-minute), None), Err(WindowError::Negative { .. })));
    assert!(matches!(new(None, Some(-minute)), Err(WindowError::Negative { .. })));
    assert!(matches!(new(Some(LONGEST), Some(minute)), Err(WindowError::TooLong { .. })));
    assert!(matches!(new(Some(TimeDelta::MAX), None), Err(WindowError::TooLong { .. })));
    assert!(matches!(new(None, Some(TimeDelta::MAX)), Err(WindowError::TooLong { .. })));
    assert!(new(Some(LONGEST), Some(TimeDelta::zero())).is_ok());
    // An incident made by other code is checked, too.
    let backwards = Incident { start: now, end: now - minute };
    assert!(matches!(Window::new(Some(backwards), None, None, now), Err(WindowError::Backwards { .. })));
    let ahead = Incident { start: now + minute * 2, end: now + minute * 2 };
    assert!(matches!(Window::new(Some(ahead), None, None, now), Err(WindowError::Future { .. })));
}

#[test]
fn the_echo_shows_utc_local_and_how_long_ago() {
    let now = utc(NOW);
    let at = utc("2026-11-22T14:50:00Z");
    let window = Window::new(Some(Incident { start: at, end: at }), None, None, now).unwrap();
    assert_eq!(
        window.echo(now, &Berlin),
        "from      2026-11-22T14:35:00Z  2026-11-22 15:35:00 +01:00  25 min ago\n\
         incident  2026-11-22T14:50:00Z  2026-11-22 15:50:00 +01:00  10 min ago\n\
         to        2026-11-22T15:05:00Z  2026-11-22 16:05:00 +01:00  in 5 min\n"
    );
    let window = Window::new(Some(interval("2026-11-19T14:00:00Z", "2026-11-19T14:01:30Z")), None, None, now).unwrap();
    assert_eq!(
        window.echo(now, &Utc),
        "from           2026-11-19T13:45:00Z  2026-11-19 13:45:00 +00:00  3 d 1 h ago\n\
         incident from  2026-11-19T14:00:00Z  2026-11-19 14:00:00 +00:00  3 d 1 h ago\n\
         incident to    2026-11-19T14:01:30Z  2026-11-19 14:01:30 +00:00  3 d ago\n\
         to             2026-11-19T14:16:30Z  2026-11-19 14:16:30 +00:00  3 d ago\n"
    );
    let window = Window::new(None, Some(TimeDelta::hours(3)), None, now).unwrap();
    assert_eq!(
        window.echo(now, &Berlin),
        "from  2026-11-22T12:00:00Z  2026-11-22 13:00:00 +01:00  3 h ago\n\
         to    2026-11-22T15:00:00Z  2026-11-22 16:00:00 +01:00  now\n"
    );
}

#[test]
fn seconds_are_cut_downwards() {
    assert_eq!(seconds_floor(utc("2026-11-22T14:05:00.999999999Z")), utc("2026-11-22T14:05:00Z"));
    assert_eq!(seconds_floor(utc("2026-11-22T14:05:00Z")), utc("2026-11-22T14:05:00Z"));
    assert_eq!(seconds_floor(utc("1969-12-31T23:59:59.5Z")), utc("1969-12-31T23:59:59Z"));
}

/// Texts that are nearly times.
fn nearly() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9TZtz:/+. -]{0,40}",
        "[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,12})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?",
        "[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9](:[0-6][0-9])?(Z|[+-][0-2][0-9]:[0-5][0-9])?",
        "-?([0-9]{0,30}\\.?[0-9]{0,30}(ns|us|µs|ms|s|m|h|d|w|y|é)){0,4}",
    ]
}

proptest! {
    #[test]
    fn no_text_breaks_it(start in nearly(), end in nearly(), seconds in -100_000_000_i64..100_000_000) {
        let now = utc(NOW) + TimeDelta::seconds(seconds);
        let _ = parse_duration(&start);
        for text in [start.clone(), format!("{start}/"), format!("{start}/{end}")] {
            for incident in [parse_incident(&text, now, &Berlin), parse_incident(&text, now, &hours(-11))] {
                match incident {
                    Ok(incident) => {
                        prop_assert!(incident.start <= incident.end && incident.end <= now + TimeDelta::minutes(1));
                        let window = Window::new(Some(incident), None, Some(TimeDelta::zero()), now);
                        prop_assert!(window.is_ok() || incident.end - incident.start > LONGEST - TimeDelta::minutes(15));
                    }
                    Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1),
                }
            }
        }
    }

    #[test]
    fn a_duration_is_read_as_it_was_written(nanos in 0_i64..i64::MAX) {
        for nanos in [nanos, nanos / 1_000_000 * 1_000_000, nanos / 1_000_000_000_000 * 1_000_000_000] {
            let length = TimeDelta::nanoseconds(nanos);
            prop_assert_eq!(parse_duration(&format_duration(length)), Ok(length));
        }
    }

    #[test]
    fn a_time_of_day_is_at_most_a_day_ago(hour in 0..24, minute in 0..60, seconds in 0_i64..20_000_000) {
        let now = utc("2026-04-01T00:00:00Z") + TimeDelta::seconds(seconds);
        let at = parse_incident(&format!("{hour:02}:{minute:02}"), now, &Berlin).unwrap().start;
        // A day of the change back has 25 hours.
        prop_assert!(at <= now && now - at < TimeDelta::hours(25));
        prop_assert_eq!(at.with_timezone(&Berlin).format("%H:%M").to_string(), format!("{hour:02}:{minute:02}"));
    }

    #[test]
    fn what_is_echoed_can_be_given_back(seconds in 0_i64..30_000_000) {
        let now = utc(NOW);
        let at = now - TimeDelta::seconds(seconds);
        for text in [
            at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            at.with_timezone(&Berlin).format("%Y-%m-%d %H:%M:%S %:z").to_string(),
        ] {
            prop_assert_eq!(parse_incident(&text, now, &Berlin), Ok(Incident { start: at, end: at }));
        }
    }
}
