//! Owns the level of a line, read from its bytes without parsing it, and whether a line continues the one before.
//!
//! A level counts only where a logger puts it: in a member of a JSON object, in a `level=` pair, or before the message,
//! behind nothing but times, brackets and the like. The words of a message never count.

use super::{
    Members,
    members::string,
    stack::{is_continuation, is_goroutine_start, is_last_words},
};
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
/// How much of a line decides its level (bytes).
const LOOK: usize = 4096;
/// The longest group in brackets that may stand before a level (bytes).
const GROUP: usize = 160;
/// Most words of a line for a console up to its level: a date, a time, a zone, a thread, the level, and what separates
/// them.
const WORDS: usize = 10;
/// The members of a JSON line, and the keys of pairs, that name its level, in any case.
const NAMES: [&[u8]; 10] = [
    b"level",
    b"severity",
    b"lvl",
    b"levelname",
    b"level_name",
    b"loglevel",
    b"log.level",
    b"@level",
    b"severity_text",
    b"severityText",
];

/// A text without a byte order mark before it.
#[must_use]
pub fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(BOM).unwrap_or(text)
}

/// The level of a line without its timestamp. Only its first four KiB are read.
#[must_use]
pub fn level(text: &[u8]) -> Level {
    let text = without_bom(text);
    let text = text.get(..LOOK).unwrap_or(text);
    match text.first() {
        Some(b'{') => of_object(text),
        // A part of something: `  "error": "refused"` says no level.
        None | Some(b' ' | b'\t' | b'"') => Level::None,
        Some(_) if is_last_words(text) => Level::Fatal,
        Some(b'<') => of_priority(text).or_else(|| of_console(text)).unwrap_or(Level::None),
        Some(_) => of_console(text).unwrap_or(Level::None),
    }
}

/// The level that a word names, in any case: `error`, `ERR`; slog's `WARN+2`; PostgreSQL's `DEBUG1`.
#[must_use]
pub fn level_word(word: &[u8]) -> Option<Level> {
    const WORDS: [(&[u8], Level); 32] = [
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
        (b"silly", Level::Debug),
        // logrus cuts them in colour.
        (b"erro", Level::Error),
        (b"debu", Level::Debug),
        (b"trac", Level::Debug),
        (b"fata", Level::Fatal),
        (b"pani", Level::Fatal),
    ];
    let letters = word.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(word.len());
    if !(3..=13).contains(&letters) {
        return None;
    }
    let (name, rest) = word.split_at(letters);
    let is_step = match rest {
        [] => true,
        [b'+' | b'-', steps @ ..] => !steps.is_empty() && steps.iter().all(u8::is_ascii_digit),
        [b'1'..=b'5'] => name.eq_ignore_ascii_case(b"debug"),
        _ => false,
    };
    let level = WORDS.iter().find(|(word, _)| is_step && name.eq_ignore_ascii_case(word));
    level.map(|(_, level)| *level)
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
        if let Some(level) = is_name(key).then(|| of_value(value)).flatten() {
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

/// Whether a member or a key names a level. Those in short are zap's in development, and Serilog's.
fn is_name(key: &[u8]) -> bool {
    // Few members begin like this, so the others are soon done with.
    matches!(key.first(), Some(b'l' | b'L' | b's' | b'S' | b'@'))
        && (NAMES.iter().any(|name| key.eq_ignore_ascii_case(name)) || key == b"L" || key == b"@l")
}

/// The level that a JSON value names: a word, or a number as bunyan and pino write it.
fn of_value(value: &[u8]) -> Option<Level> {
    match value {
        [b'"', word @ .., b'"'] => level_word(word),
        [b'1' | b'2', b'0'..=b'9'] => Some(Level::Debug),
        [b'3', b'0'..=b'9'] => Some(Level::Info),
        [b'4', b'0'..=b'9'] => Some(Level::Warn),
        [b'5', b'0'..=b'9'] => Some(Level::Error),
        [b'6', b'0'..=b'9'] => Some(Level::Fatal),
        _ => None,
    }
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

/// The level of a line with a priority, as systemd and syslog have it: `<3>`, or with a facility, `<27>`.
fn of_priority(text: &[u8]) -> Option<Level> {
    let end = text.iter().take(5).position(|byte| *byte == b'>')?;
    let priority: u8 = std::str::from_utf8(text.get(1..end)?).ok()?.parse().ok()?;
    Some(match priority % 8 {
        0..=2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warn,
        5 | 6 => Level::Info,
        _ => Level::Debug,
    })
}

/// The level of a line for a console.
fn of_console(text: &[u8]) -> Option<Level> {
    let text = without_colors(text);
    let (mut rest, mut is_behind_time, mut has_time) = (&*text, false, false);
    for _ in 0..WORDS {
        rest = rest.trim_ascii_start();
        if rest.starts_with(b"{") {
            return Some(of_object(rest));
        }
        if let Some((group, behind)) = group(rest) {
            let last = group.rsplit(|byte| *byte == b':').next().unwrap_or_default();
            if let Some(level) = level_word(last).or_else(|| of_group(group)) {
                return Some(level);
            }
            (is_behind_time, has_time, rest) = (false, has_time || is_time(group), behind);
            continue;
        }
        let (word, behind) = first_word(rest);
        let is_behind = is_behind_time;
        is_behind_time = is_time(word);
        has_time |= is_behind_time;
        if !is_behind_time {
            if let Some(level) = klog(word, behind).or_else(|| of_word(word, behind, is_behind)) {
                return Some(level);
            }
            if has_key(word) {
                return of_pairs(rest);
            }
            if !is_before_level(word, behind, has_time) {
                return None;
            }
        }
        rest = behind;
    }
    None
}

/// What stands in the brackets that `text` begins with, and what follows them. A list in JSON is no such group.
fn group(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[")?;
    let end = memchr::memchr3(b']', b'{', b'"', inner.get(..GROUP).unwrap_or(inner))?;
    let (group, behind) = inner.split_at(end);
    Some((group, behind.strip_prefix(b"]")?))
}

/// The level in a group of several words, behind a time: `[2026-11-26T15:04:05Z ERROR app]`.
fn of_group(group: &[u8]) -> Option<Level> {
    let (mut rest, mut is_behind_time) = (group.trim_ascii_start(), false);
    while !rest.is_empty() {
        let (word, behind) = first_word(rest);
        if let Some(level) = of_word(word, behind, is_behind_time) {
            return Some(level);
        }
        is_behind_time = is_time(trim(word));
        if !is_behind_time {
            return None;
        }
        rest = behind.trim_ascii_start();
    }
    None
}

fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len()))
}

/// The level that a word names in this place: in capitals, behind a time, or set off by what follows it.
fn of_word(word: &[u8], behind: &[u8], is_behind_time: bool) -> Option<Level> {
    if word == b"LOG:" {
        // PostgreSQL's word for info.
        return Some(Level::Info);
    }
    let is_set_off = matches!(word.last(), Some(b':' | b')' | b'>' | b'|')) || behind.starts_with(b"\t");
    let bare = trim(word);
    let is_capital = bare.iter().all(|byte| !byte.is_ascii_lowercase());
    if let Some(level) = level_word(bare).filter(|_| is_capital || is_set_off || is_behind_time) {
        return Some(level);
    }
    // With more behind it: `ERROR:root:x`, `ERROR/MainProcess`, `ERRO[0012]`.
    let end = word.iter().position(|byte| !byte.is_ascii_uppercase())?;
    let is_end = matches!(word.get(end), Some(b':' | b'/' | b'['));
    word.get(..end).filter(|_| is_end).and_then(level_word)
}

/// The level of a line as klog and glog begin it: `E1126 15:04:05.123456`, `E20261126 15:04:05.123456`.
fn klog(word: &[u8], behind: &[u8]) -> Option<Level> {
    let (letter, date) = word.split_first()?;
    let is_date = matches!(date.len(), 4 | 8) && date.iter().all(u8::is_ascii_digit) && behind.get(3) == Some(&b':');
    let at = b"IWEF".iter().position(|it| it == letter).filter(|_| is_date)?;
    [Level::Info, Level::Warn, Level::Error, Level::Fatal].get(at).copied()
}

/// Whether a word is a `key=value` pair, or the beginning of one whose value is quoted.
fn has_key(word: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-@/".contains(byte);
    word.iter().position(|byte| *byte == b'=').is_some_and(|at| at > 0 && word.iter().take(at).all(is_part))
}

/// The level of a line of `key=value` pairs. Values may be quoted. Whatever is no pair ends them.
fn of_pairs(mut rest: &[u8]) -> Option<Level> {
    loop {
        rest = rest.trim_ascii_start();
        let at = memchr::memchr3(b'=', b' ', b'"', rest).filter(|at| rest.get(*at) == Some(&b'='))?;
        let (key, value) = (rest.get(..at)?, rest.get(at + 1..)?);
        let end = if value.starts_with(b"\"") { string(value)? } else { first_word(value).0.len() };
        if is_name(key) {
            return level_word(trim(value.get(..end)?));
        }
        rest = value.get(end..)?;
    }
}

/// Whether a word may stand before a level, though it is no time: the stream and the flag of a container runtime, a
/// number or a user behind a time, a dash or bar, and a name between dashes.
fn is_before_level(word: &[u8], behind: &[u8], has_time: bool) -> bool {
    let is_separated = || behind.starts_with(b" - ") || behind.starts_with(b" | ");
    match word {
        b"-" | b"|" => true,
        b"stdout" | b"stderr" | b"F" | b"P" => has_time,
        _ => has_time && (word.iter().all(u8::is_ascii_digit) || word.contains(&b'@') || is_separated()),
    }
}

/// A word without what sets it off.
fn trim(word: &[u8]) -> &[u8] {
    let is_sign = |byte: &u8| b"[](){}<>|:;,=\"'".contains(byte);
    let from = word.iter().position(|byte| !is_sign(byte)).unwrap_or(word.len());
    let to = word.iter().rposition(|byte| !is_sign(byte)).map_or(from, |at| at + 1);
    word.get(from..to).unwrap_or_default()
}

/// Whether a word is a date, a time or a zone, judged by its letters alone. An address is none.
fn is_time(word: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_digit() || b":-/.,+TZAPM ".contains(byte);
    let has_month = || word.get(2) == Some(&b'-') && word.get(6) == Some(&b'-');
    let is_address = || word.iter().filter(|byte| **byte == b'.').count() > 2;
    let begins = word.first().is_some_and(u8::is_ascii_digit) && word.len() >= 5;
    word == b"UTC" || word == b"GMT" || begins && (has_month() || word.iter().all(is_part)) && !is_address()
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
        _ if is_goroutine_start(text) => before <= Level::Warn,
        _ => before == Level::Fatal && text.starts_with(b"runtime: "),
    }
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
}
