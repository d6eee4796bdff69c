//! Owns the level of a line, read from its bytes without parsing it, and whether a line continues the one before.

use super::Members;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A log line's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A panic, or what ends the process.
    Fatal,
    /// Worse than a warning; the process goes on.
    Error,
    /// A warning.
    Warn,
    /// What is logged in normal operation.
    Info,
    /// Debug and below.
    Debug,
    /// The line has no level, or an unknown one.
    None,
}

/// What some editors put before a text.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// So much of a line that is not JSON may stand before its level (bytes).
const HEAD: usize = 160;
/// Most words of such a line up to its level: a date, a time, a zone, a thread, the level.
const WORDS: usize = 5;
/// The members of a JSON line that name its level, in any case.
const NAMES: [&[u8]; 5] = [b"level", b"severity", b"lvl", b"levelname", b"log.level"];
/// What the last words of a Go program begin with.
const LAST_WORDS: [&[u8]; 2] = [b"panic: ", b"fatal error: "];
/// What other lines of a stack begin with.
const STACK: [&[u8]; 6] = [b"created by ", b"[signal ", b"runtime stack:", b"exit status ", b"Caused by: ", b"..."];

/// A text without a byte order mark before it.
#[must_use]
pub fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(BOM).unwrap_or(text)
}

/// The level of a line without its timestamp. The first four KiB of it are enough for nearly all.
#[must_use]
pub fn level(text: &[u8]) -> Level {
    let text = without_bom(text);
    match text.first() {
        Some(b'{') => of_object(text),
        // A part of something: `  "error": "refused"` says no level.
        None | Some(b' ' | b'\t' | b'"') => Level::None,
        Some(_) => of_console(text).unwrap_or(Level::None),
    }
}

/// The level that a word names, in any case.
#[must_use]
pub fn level_word(word: &[u8]) -> Option<Level> {
    const WORDS: [(&[u8], Level); 26] = [
        (b"info", Level::Info),
        (b"debug", Level::Debug),
        (b"error", Level::Error),
        (b"warn", Level::Warn),
        (b"warning", Level::Warn),
        (b"fatal", Level::Fatal),
        (b"panic", Level::Fatal),
        (b"dpanic", Level::Error),
        (b"err", Level::Error),
        (b"trace", Level::Debug),
        (b"critical", Level::Fatal),
        (b"crit", Level::Fatal),
        (b"alert", Level::Fatal),
        (b"emerg", Level::Fatal),
        (b"emergency", Level::Fatal),
        (b"notice", Level::Info),
        (b"information", Level::Info),
        (b"informational", Level::Info),
        (b"severe", Level::Error),
        (b"inf", Level::Info),
        (b"dbg", Level::Debug),
        (b"wrn", Level::Warn),
        (b"ftl", Level::Fatal),
        (b"pnc", Level::Fatal),
        (b"trc", Level::Debug),
        (b"verbose", Level::Debug),
    ];
    WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, level)| *level)
}

fn of_object(text: &[u8]) -> Level {
    // As zap writes it; other forms are found below.
    let first = text.strip_prefix(b"{\"level\":\"").and_then(|text| text.split(|byte| *byte == b'"').next());
    if let Some(level) = first.and_then(level_word) {
        return level;
    }
    let (mut is_event, mut severity) = (false, None);
    for (key, value) in Members::of(text) {
        let (key, value) = (text.get(key).unwrap_or_default(), text.get(value).unwrap_or_default());
        let is_level = NAMES.iter().any(|name| key.eq_ignore_ascii_case(name));
        let value_text = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).filter(|_| is_level);
        if let Some(level) = value_text.and_then(level_word) {
            return level;
        }
        is_event |= key == b"class_uid";
        severity = severity.or((key == b"severity_id").then_some(value));
        if let Some(severity) = severity.filter(|_| is_event) {
            return of_event(severity);
        }
    }
    Level::None
}

/// The level of an OCSF event: https://schema.ocsf.io.
fn of_event(severity: &[u8]) -> Level {
    match severity {
        b"1" | b"2" => Level::Info,
        b"3" => Level::Warn,
        b"4" => Level::Error,
        b"5" | b"6" => Level::Fatal,
        _ => Level::None,
    }
}

fn of_console(text: &[u8]) -> Option<Level> {
    if LAST_WORDS.iter().any(|start| text.starts_with(start)) || is_goroutine_start(text) {
        return Some(Level::Fatal);
    }
    if let [level, m, d, a, y, b' ', ..] = text
        && [m, d, a, y].iter().all(|byte| byte.is_ascii_digit())
        && let Some(at) = b"IWEF".iter().position(|letter| letter == level)
    {
        return [Level::Info, Level::Warn, Level::Error, Level::Fatal].get(at).copied();
    }
    let head = without_colors(text.get(..HEAD).unwrap_or(text));
    let mut is_behind_time = false;
    let mut rest = &*head;
    for _ in 0..WORDS {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let (whole, behind) = rest.split_at(end);
        let bare = trim(whole);
        let is_set_off = bare.len() < whole.len() || behind.first() == Some(&b'\t');
        let is_capital = bare.iter().all(u8::is_ascii_uppercase);
        if let Some(level) = level_word(bare).filter(|_| is_capital || is_set_off || is_behind_time) {
            return Some(level);
        }
        let pair = whole.iter().position(|byte| *byte == b'=').map(|at| whole.split_at(at));
        if let Some((b"level" | b"lvl" | b"severity", value)) = pair {
            return level_word(trim(value));
        }
        is_behind_time = is_time(bare);
        let is_bracketed = whole.starts_with(b"[") && whole.ends_with(b"]");
        if !is_behind_time && !is_bracketed && pair.is_none() {
            break;
        }
        rest = behind;
    }
    None
}

/// A word without what sets it off.
fn trim(word: &[u8]) -> &[u8] {
    let is_sign = |byte: &u8| b"[](){}<>|:;,=\"'-".contains(byte);
    let from = word.iter().position(|byte| !is_sign(byte)).unwrap_or(word.len());
    let to = word.iter().rposition(|byte| !is_sign(byte)).map_or(from, |at| at + 1);
    word.get(from..to).unwrap_or_default()
}

/// Whether a word is a date, a time or a zone, judged by its letters alone.
fn is_time(word: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_digit() || b":-/.,+TZAPM".contains(byte);
    word == b"UTC" || word.first().is_some_and(u8::is_ascii_digit) && word.len() >= 5 && word.iter().all(is_part)
}

/// Text without the codes that colour it.
#[must_use]
pub fn without_colors(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(0x1b, text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        let (before, code) = rest.split_at(at);
        plain.extend_from_slice(before);
        let parameters = code.strip_prefix(b"\x1b[");
        let end = parameters.map(|code| code.iter().position(|byte| (0x40..=0x7e).contains(byte)));
        rest = match end {
            Some(Some(end)) => code.get(end + 3..).unwrap_or_default(),
            Some(None) => &[],
            None => code.get(1..).unwrap_or_default(),
        };
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

/// Whether a line of this level continues the line before, which has the level `before`: it is indented, begins with a
/// closing bracket, or is a line of a stack.
#[must_use]
pub fn continues(text: &[u8], level: Level, before: Level) -> bool {
    match level {
        Level::None => is_continuation(text),
        // The stack of a panic, and not the first sign of one.
        _ => before <= Level::Warn && is_goroutine_start(text),
    }
}

fn is_continuation(text: &[u8]) -> bool {
    let is_inner = matches!(text.first(), None | Some(b' ' | b'\t' | b'}' | b')' | b']'));
    is_inner || STACK.iter().any(|start| text.starts_with(start)) || is_frame(text)
}

/// Whether a line begins the stack of a goroutine: `goroutine 7 [running]:`.
fn is_goroutine_start(text: &[u8]) -> bool {
    let behind = text.strip_prefix(b"goroutine ").map(|text| text.trim_ascii_start());
    let digits = behind.map_or(0, |text| text.iter().take_while(|byte| byte.is_ascii_digit()).count());
    digits > 0 && behind.and_then(|text| text.get(digits..)).is_some_and(|text| text.starts_with(b" ["))
}

/// Whether it is a function of a Go stack: `main.(*server).run(0x1, {0x2, 0x3})`, or without arguments.
fn is_frame(text: &[u8]) -> bool {
    let name = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./*()[]{}-@%,?~\xc2\xb7".contains(byte);
    let has_package = name.iter().position(|byte| *byte == b'.').is_some_and(|at| at > 0 && at + 1 < name.len());
    has_package
        && name.iter().all(is_part)
        && (name.len() == text.len() || text.ends_with(b")") && name.contains(&b'('))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Debug, Error, Fatal, Info, None, Warn};

    #[track_caller]
    fn are(level: Level, lines: &[&str]) {
        for line in lines {
            assert_eq!(super::level(line.as_bytes()), level, "{line}");
        }
    }

    #[test]
    fn json_says_it_in_any_case_place_and_name() {
        are(Error, &[r#"{"level":"error","msg":"x"}"#, r#"{"level":"ERROR"}"#, r#"{"level": "Error"}"#]);
        are(
            Error,
            &[r#"{"ts":1.5,"msg":"x","lvl":"err"}"#, r#"{ "severity" : "ERROR" }"#, "\u{feff}{\"level\":\"error\"}"],
        );
        are(Warn, &[r#"{"time":"t","Level":"WARN"}"#, r#"{"level":"warning","x":"cut"#]);
        are(Fatal, &[r#"{"level":"panic"}"#, r#"{"severity":"CRITICAL"}"#, r#"{"level":"fatal"}"#]);
        are(Info, &[r#"{"level":"info"}"#, r#"{"severity":"NOTICE"}"#]);
        are(Debug, &[r#"{"level":"debug"}"#, r#"{"level":"trace"}"#]);
        are(None, &[r#"{"level":"other"}"#, r#"{"level":3}"#, r#"{"msg":"x"}"#, "{", "{}"]);
    }

    #[test]
    fn what_a_string_or_a_nested_object_says_is_no_level() {
        are(Info, &[r#"{"msg":"\"level\":\"error\"","level":"info"}"#, r#"{"a":{"level":"error"},"level":"info"}"#]);
        are(
            None,
            &[r#"{"msg":"{\"level\":\"error\"}"}"#, r#"{"a":[{"level":"error"}]}"#, r#"{"msg":"level","x":"error"}"#],
        );
        are(
            None,
            &[r#"{"msg":"x\\","error":"level"}"#, r#"{"x":"ERROR"}"#, r#"{"msg":"a \" ,\"level\":\"error\" b"}"#],
        );
    }

    #[test]
    fn console_lines_say_it_before_their_message() {
        are(Error, &["2026-11-26T15:04:05.000Z\tERROR\tserver.sink\tmsg\t{", "ERROR server: x", "[ERROR] x"]);
        are(Error, &["2026/11/26 15:04:05 ERROR x", "2026-11-26 15:04:05,123 UTC error x", "Error: no such flag"]);
        are(Error, &["error\tserver\tx", "time=\"2026-11-26T15:04:05Z\" level=error msg=\"x\"", "ts=1 lvl=error x"]);
        are(Warn, &["2026-11-26T15:04:05.000Z\t\u{1b}[33mWARN\u{1b}[0m\tserver\tx", "\u{1b}[1;33mWARNING\u{1b}[0m: x"]);
        are(Info, &["INFO x", "2026/11/26 15:04:05 [info] x", "level=info err=\"ERROR\""]);
        are(None, &["error of somebody", "what an ERROR", "10.0.0.1 - ERROR", "3 errors", "", "x level=error", "info"]);
        are(None, &["  \"error\": \"refused\",", "\tERROR", "\"error\": 1"]);
        are(None, &["\u{fffd}\u{1b}[", "\u{1b}", "level=", "= = ="]);
    }

    #[test]
    fn other_loggers_are_understood() {
        are(Info, &["3:04PM \u{1b}[32mINF\u{1b}[0m x"]);
        are(Warn, &["3:04PM WRN x", "2026-11-26 15:04:05 [main] WARN com.example.Main - x"]);
        are(Warn, &[r#"{"@timestamp":"x","log.level":"warn"}"#, r#"{"asctime":"x","levelname":"WARNING"}"#]);
        are(Debug, &["[worker-1] TRC x", "time=x level=trace msg=\"level of error\""]);
        are(None, &["[main] an ERROR", "ERROR_CODE 5", "[1] x"]);
    }

    #[test]
    fn klog_and_go_say_it_in_their_own_way() {
        are(Error, &["E1126 15:04:05.123456       1 reflector.go:138] failed"]);
        are(Warn, &["W1126 15:04:05.123 1 x.go:1] x"]);
        are(Info, &["I1126 15:04:05.123 1 x.go:1] ERROR"]);
        are(
            Fatal,
            &[
                "F1126 15:04:05.123 1 x.go:1] x",
                "panic: runtime error",
                "fatal error: all asleep",
                "goroutine 7 [select]:",
            ],
        );
        are(None, &["panicking: x", "E1126x 15:04", "goroutine x [running]", "goroutine 7 runs"]);
    }

    #[test]
    fn an_event_says_it_by_its_severity() {
        are(
            Info,
            &[r#"{"activity_id":1,"class_uid":3002,"severity_id":1,"time":2}"#, r#"{"severity_id":2,"class_uid":1}"#],
        );
        are(Warn, &[r#"{"class_uid":3002,"severity_id":3}"#]);
        are(Error, &[r#"{"class_uid":3002,"severity_id":4}"#]);
        are(Fatal, &[r#"{"class_uid":3002,"severity_id":5}"#, r#"{"class_uid":3002,"severity_id": 6 }"#]);
        are(None, &[r#"{"severity_id":4}"#, r#"{"class_uid":1,"severity_id":99}"#, r#"{"class_uid":1}"#]);
    }

    #[test]
    fn lines_of_a_stack_continue_the_line_before() {
        let lines = [
            "",
            "\t/src/main.go:12 +0x1d",
            "  \"seq\": 5,",
            "}",
            "main.main()",
            "main.(*ingest).run",
            "runtime.goexit({})",
            "net/http.(*conn).serve(0xc000, {0x1, 0x2})",
            "created by main.run in goroutine 1",
            "exit status 2",
            "goroutine 1 [running]:",
            "github.com/a/b-c/v2.Run[...](0x1)",
            "[signal SIGSEGV: segmentation violation]",
        ];
        for line in lines {
            assert!(continues(line.as_bytes(), super::level(line.as_bytes()), Error), "{line}");
        }
        for line in ["Starting the server", "{\"level\":\"info\"}", "done.", "see example.org for more (really)", "x"] {
            assert!(!continues(line.as_bytes(), super::level(line.as_bytes()), Error), "{line}");
        }
        assert!(!continues(b"goroutine 1 [running]:", Fatal, Info));
    }
}
