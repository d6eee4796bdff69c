//! What logs say: levels, templates, ready checks, errors and patterns, however the bytes were cut.

use chrono::{DateTime, Utc};
use kubectl_escalate::{
    bundle::facts::{Level, LogFacts},
    facts::logs::{LogExtractor, Pattern, Patterns},
    redact::{Clean, Key, Redactor},
};
use proptest::prelude::*;
use regex_automata::meta::Regex;
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&Key::random()));
static PATTERNS: LazyLock<Arc<Patterns>> = LazyLock::new(patterns);

fn clean(bytes: &[u8]) -> Clean {
    REDACTOR.text(bytes).0
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a moment")
}

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("an expression")
}

fn pattern(id: &str, contains: &[&str]) -> Pattern {
    let contains = contains.iter().map(|word| (*word).to_owned()).collect();
    Pattern { id: id.to_owned(), contains, ..Pattern::default() }
}

fn patterns() -> Arc<Patterns> {
    let field = |name: &str, value: &str| (name.to_owned(), regex(value));
    Arc::new(Patterns::new(vec![
        Pattern {
            fields: vec![field("status_code", "^attestation_failed$")],
            ..pattern("attestation", &["ATTESTATION_failed"])
        },
        Pattern {
            level: Some(Level::Warn),
            fields: vec![field("grpc.code", "^(Unavailable|Internal)$")],
            ..pattern("code", &["unavailable", "Internal"])
        },
        Pattern { fields: vec![field("logger", "crbackend$")], level: Some(Level::Error), ..pattern("resource", &[]) },
        Pattern { text: Some(regex("^panic: ")), ..pattern("panic", &["panic: "]) },
        Pattern { fields: vec![field("error", "Unavailable")], ..pattern("sink", &["ingestServiceSink"]) },
        pattern("never", &["is not there"]),
    ]))
}

fn facts(log: &[u8]) -> LogFacts {
    cut_at(log, &[])
}

/// The facts of a log that comes in pieces, with an incident at 15:05.
fn cut_at(log: &[u8], cuts: &[usize]) -> LogFacts {
    let mut extract = LogExtractor::new(&PATTERNS, Some(at("2026-11-26T15:05:00Z")));
    let mut from = 0;
    for cut in cuts.iter().copied().chain([log.len()]).filter(|cut| *cut <= log.len()) {
        extract.push(&clean(&log[from..cut.max(from)]));
        from = cut.max(from);
    }
    extract.finish()
}

/// Lines as the node gives them, a second apart from 15:04:50 on.
fn log(lines: &[&str]) -> String {
    let stamp = |second: i64| (at("2026-11-26T15:04:50Z") + chrono::TimeDelta::seconds(second)).to_rfc3339();
    (0..)
        .zip(lines)
        .map(|(second, line)| format!("{} {line}\n", stamp(second).replace("+00:00", ".000000001Z")))
        .collect()
}

/// What the stand-in server writes, of each kind of line.
const SERVER: [&str; 22] = [
    r#"{"level":"info","ts":1795705445.1,"logger":"server","msg":"Starting trust domain server"}"#,
    r#"{"level":"warn","ts":1.5,"logger":"server.readyChecker","msg":"Health check status","status":"down","checks":{"agentServer":{"Status":"up","ContiguousFails":0,"LastSuccessAt":"2026-11-26T15:04:51Z","LastFailureAt":"0001-01-01T00:00:00Z"},"configCache":{"Status":"down","ContiguousFails":3}}}"#,
    r#"{"level":"info","ts":1.5,"logger":"server.readyChecker","msg":"Check flipped","check":"configCache","status":"up"}"#,
    r#"{"level":"debug","ts":1.5,"logger":"server.agentServer","msg":"finished call","grpc.code":"OK"}"#,
    r#"{"level":"error","ts":1.5,"logger":"server.agentServer","msg":"Failed to mint SVID","seq":4,"svid_type":"x509","status_code":"attestation_failed","error":"extension \"workload-evidence\": 403 Forbidden"}"#,
    r#"{"level":"error","ts":1.5,"logger":"server.crbackend","msg":"Cached resource not found","resource":"configuration","error":"datas.data.spirl.com \"configuration\" not found"}"#,
    r#"{"level":"warn","ts":1.5,"logger":"server","msg":"finished call with error","grpc.code":"Unavailable","error":"rpc error"}"#,
    r#"{"level":"info","ts":1.5,"logger":"server","msg":"finished call with error","grpc.code":"Unavailable"}"#,
    "2026-11-26T15:04:58.000Z\t\u{1b}[33mWARN\u{1b}[0m\tserver.configWatcher\tAttribute not attested\t{\"seq\": 3}",
    "2026-11-26T15:04:59.000Z\tERROR\tserver.ingestServiceSink\tFailed to send events\t{",
    "  \"seq\": 9,",
    "  \"error\": \"rpc error: code = Unavailable desc = connection error\"",
    "}",
    "main.(*ingest).run",
    "\t/src/internal/ingest/sink.go:118",
    r#"{"activity_id":1,"class_uid":3002,"severity_id":1,"time":1795705445}"#,
    r#"{"level":"info","ts":1.5,"logger":"server","msg":"\"level\":\"error\" is no level"}"#,
    "panic: runtime error: index out of range [5] with length 3",
    "",
    "goroutine 17 [running]:",
    "main.main()",
    "\t/src/main.go:12 +0x1d",
];

#[test]
fn the_servers_own_lines_are_understood() {
    let facts = facts(log(&SERVER).as_bytes());
    let levels =
        [(Level::Fatal, 1), (Level::Error, 3), (Level::Warn, 3), (Level::Info, 5), (Level::Debug, 1), (Level::None, 9)];
    assert_eq!(facts.levels, BTreeMap::from(levels));
    assert_eq!(facts.minutes.iter().map(|minute| minute.levels.values().sum::<u64>()).collect::<Vec<_>>(), [10, 12]);
    let hits: Vec<(&str, u64)> = facts.hits.iter().map(|hit| (hit.pattern.as_str(), hit.count)).collect();
    assert_eq!(hits, [("attestation", 1), ("code", 1), ("resource", 1), ("panic", 1), ("sink", 1)]);
    let ready: Vec<(&str, &[String])> = facts.ready.iter().map(|it| (it.status.as_str(), &it.down[..])).collect();
    assert_eq!(ready, [("down", &["configCache".to_owned()][..]), ("up", &[])]);
    assert_eq!(facts.ready[0].at, at("2026-11-26T15:04:51.000000001Z"));
    assert_eq!(facts.info_sample, 32);
}

#[test]
fn a_stack_is_a_part_of_its_error_which_has_the_lines_before_it() {
    let facts = facts(log(&SERVER).as_bytes());
    let errors: Vec<(Level, &str)> = facts.errors.iter().map(|error| (error.level, error.line.text.as_str())).collect();
    assert_eq!(errors[0], (Level::Error, SERVER[4]));
    assert_eq!(errors[2], (Level::Error, SERVER[9..15].join("\n").as_str()));
    assert_eq!(errors[3], (Level::Fatal, SERVER[17..].join("\n").as_str()));
    let before: Vec<&str> = facts.errors[0].before.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(before, SERVER[1..4]);
    assert_eq!(facts.errors[0].before[2].at, at("2026-11-26T15:04:53.000000001Z"));
}

#[test]
fn templates_stand_by_severity_and_those_since_the_incident_are_new() {
    let mint = |seq: usize, who: &str| {
        format!(
            r#"{{"level":"error","logger":"server","msg":"Failed to mint for agent {who}","error":"took {seq}ms"}}"#
        )
    };
    let mut lines: Vec<String> = (0..12).map(|seq| mint(seq, ["alpha", "beta"][seq % 2])).collect();
    lines.push(r#"{"level":"warn","logger":"server","msg":"Slow"}"#.to_owned());
    lines.push("panic: out of luck".to_owned());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let facts = facts(log(&lines).as_bytes());
    let told: Vec<_> = facts.templates.iter().map(|it| (it.text.as_str(), it.level, it.count, it.is_new)).collect();
    let mint = ("server Failed to mint for agent <*>: took <*>", Level::Error, 12, false);
    assert_eq!(told, [("panic: out of luck", Level::Fatal, 1, true), mint, ("server Slow", Level::Warn, 1, true)]);
    assert_eq!(facts.templates[1].logger.as_deref(), Some("server"));
    assert_eq!(
        (facts.templates[1].first.at, facts.templates[1].last),
        (at("2026-11-26T15:04:50.000000001Z"), at("2026-11-26T15:05:01.000000001Z"))
    );
    assert_eq!(facts.untemplated, 0);
}

#[test]
fn nothing_is_new_where_nothing_was_before() {
    let late = "2026-11-26T15:06:00Z {\"level\":\"error\",\"msg\":\"x\"}\n";
    assert!(!facts(late.as_bytes()).templates[0].is_new);
    let early = "2026-11-26T15:00:00Z {\"level\":\"debug\"}\n";
    assert!(facts(format!("{early}{late}").as_bytes()).templates[0].is_new);
}

#[test]
fn of_a_patterns_lines_the_first_three_and_the_last_are_kept() {
    let line = |seq: usize| format!(r#"{{"level":"info","seq":{seq},"status_code":"attestation_failed"}}"#);
    let lines: Vec<String> = (0..30).map(line).collect();
    let facts = facts(log(&lines.iter().map(String::as_str).collect::<Vec<_>>()).as_bytes());
    let hit = &facts.hits[0];
    assert_eq!((hit.pattern.as_str(), hit.count), ("attestation", 30));
    assert_eq!(hit.first.iter().map(|it| &it.text).collect::<Vec<_>>(), lines.iter().take(3).collect::<Vec<_>>());
    assert_eq!(hit.last.text, lines[29]);
}

#[test]
fn hostile_lines_are_lines() {
    let huge = format!(r#"{{"level":"error","msg":"{}","status_code":"attestation_failed"}}"#, "é".repeat(50_000));
    let text = log(&[
        &huge,
        "\u{feff}{\"level\":\"warn\",\"msg\":\"marked\"}\r",
        r#"{"level":"warn","msg":"twice","error":"a","error":"b"}"#,
        r#"{"level":"warn","msg":"cut"#,
        &format!("{{\"level\":\"warn\",\"a\":{}", "[".repeat(5000)),
        "\u{1b}[31mERROR\u{1b}[0m coloured\r",
    ]);
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(
        b"2026-11-26T15:06:00Z {\"level\":\"error\",\"msg\":\"caf\xe9 \x80 \xed\xa0\x80 \x00\"}\r\n",
    );
    bytes.extend_from_slice(b"\xff\xfe raw\nno stamp\n\n2026-11-26T15:06:01Z");
    let facts = facts(&bytes);
    assert_eq!(facts.levels, BTreeMap::from([(Level::Error, 3), (Level::Warn, 4), (Level::None, 4)]));
    let first = &facts.errors[0].line.text;
    assert!(first.len() <= 2048 && first.ends_with("é…"), "{} bytes", first.len());
    assert_eq!(facts.errors[1].line.text, "\u{1b}[31mERROR\u{1b}[0m coloured");
    assert!(facts.errors[2].line.text.contains("caf\u{fffd}"));
    assert_eq!(facts.hits, [], "the field lies too far behind");
}

#[test]
fn cuts_at_every_byte_give_the_same_facts() {
    let text = log(&SERVER).replace("}\n", "}\r\n");
    let whole = facts(text.as_bytes());
    for cut in 0..=text.len() {
        assert_eq!(cut_at(text.as_bytes(), &[cut]), whole, "cut at {cut}");
    }
}

#[test]
fn carriage_returns_are_as_they_are_wherever_a_log_is_cut() {
    let text =
        log(&["hello\r\r", "\r\r", "\r", &format!("{}\r", "x".repeat(2047)), "{\"level\":\"error\",\"msg\":\"x\"}"]);
    let whole = facts(text.as_bytes());
    assert_eq!(whole.errors[0].before.len(), 3, "{whole:#?}");
    for cut in 0..=text.len() {
        assert_eq!(cut_at(text.as_bytes(), &[cut]), whole, "cut at {cut}");
    }
}

#[test]
fn words_are_looked_for_in_what_was_written_and_not_in_the_nodes_stamp() {
    let patterns = Arc::new(Patterns::new(vec![pattern("year", &["2026"]), pattern("seconds", &["4:5"])]));
    let mut extract = LogExtractor::new(&patterns, None);
    let lines = ["{\"level\":\"error\",\"msg\":\"x\"}", "{\"level\":\"info\",\"msg\":\"x\"}", "made in 2026"];
    extract.push(&clean(log(&lines).as_bytes()));
    let hits: Vec<(String, u64)> = extract.finish().hits.into_iter().map(|hit| (hit.pattern, hit.count)).collect();
    assert_eq!(hits, [("year".to_owned(), 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn facts_do_not_depend_on_the_cuts(
        lines in proptest::collection::vec((0..SERVER.len() + 4, ".{0,12}"), 0..30),
        cuts in proptest::collection::vec(0..6000usize, 0..9),
    ) {
        let odd = ["{\"level\":\"error\"", "\r", "goroutine 1 [running]:", "E1126 15:04:05 x"];
        let line = |(at, more): &(usize, String)| format!("{}{more}", SERVER.iter().chain(&odd).nth(*at).expect("one of them"));
        let lines: Vec<String> = lines.iter().map(line).collect();
        let text = log(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let mut cuts = cuts;
        cuts.sort_unstable();
        prop_assert_eq!(cut_at(text.as_bytes(), &cuts), facts(text.as_bytes()));
    }

    #[test]
    fn any_bytes_have_facts(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0..400usize) {
        let stamped = [b"2026-11-26T15:04:05Z {\"level\":\"error\",", &bytes[..]].concat();
        prop_assert_eq!(cut_at(&stamped, &[cut]), facts(&stamped));
        let lines = |facts: &LogFacts| facts.levels.values().sum::<u64>();
        let count = bytes.split(|byte| *byte == b'\n').count() as u64 - u64::from(bytes.is_empty() || bytes.ends_with(b"\n"));
        prop_assert_eq!(lines(&facts(&bytes)), count);
    }
}

#[test]
fn facts_of_a_long_log_are_small() {
    const LINES: usize = 40_000;
    let mut extract = LogExtractor::new(&PATTERNS, None);
    let words = ["one", "two", "red", "odd", "far", "low", "new", "old"];
    for block in 0..LINES / 1000 {
        let line = |at: usize| {
            let number = (block * 1000 + at).wrapping_mul(2_654_435_761);
            let word = |of: usize| words[(number >> (3 * of)) & 7];
            let message: Vec<&str> = (0..8).map(word).collect();
            let logger = format!("{}.{}", word(8), word(9));
            let minute = block % 60;
            format!(
                "2026-11-26T15:{minute:02}:01Z {{\"level\":\"error\",\"logger\":\"{logger}\",\"status_code\":\"attestation_failed\",\"msg\":\"{} {}\"}}\n",
                message.join(" "),
                "x".repeat(number & 511)
            )
        };
        extract.push(&clean((0..1000).map(line).collect::<String>().as_bytes()));
    }
    let facts = extract.finish();
    assert_eq!(facts.levels, BTreeMap::from([(Level::Error, LINES as u64)]));
    assert!(facts.untemplated > 0 && facts.templates.len() <= 200);
    let counted: u64 = facts.templates.iter().map(|it| it.count).sum();
    assert_eq!(counted + facts.untemplated, LINES as u64);
    assert_eq!(facts.hits[0].count, LINES as u64);
    let size = serde_json::to_vec(&facts).expect("JSON").len();
    assert!(size <= 220_000, "{size} bytes");
}
