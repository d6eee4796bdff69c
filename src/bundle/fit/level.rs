//! Owns the level of a log line: what a look at its beginning says, without parsing it.

use crate::bundle::LeftOut;
use aho_corasick::{AhoCorasick, MatchKind};

/// How much of a line is looked at.
pub(super) const LOOK: usize = 4096;
/// How much of a line that is no JSON may stand before its level.
const HEAD: usize = 96;
/// The field that names the level, as loggers call it.
const FIELDS: [&str; 4] = ["level", "levelname", "lvl", "severity"];

/// How telling a line is, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    pub(super) const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    /// From a logger's own word in lower case.
    fn of_word(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"error" | b"err" | b"fatal" | b"ftl" | b"panic" | b"pnc" | b"dpanic" | b"critical" | b"crit"
            | b"alert" | b"emerg" | b"emergency" | b"severe" => Self::Error,
            b"warn" | b"warning" | b"wrn" => Self::Warn,
            b"info" | b"inf" | b"information" | b"informational" | b"notice" => Self::Info,
            b"debug" | b"dbg" | b"trace" | b"trc" | b"verbose" => Self::Debug,
            _ => return None,
        })
    }
}

impl LeftOut {
    pub(super) fn of(&self, level: Level) -> u64 {
        match level {
            Level::Error => self.error,
            Level::Warn => self.warn,
            Level::Info => self.info,
            Level::Debug => self.debug,
        }
    }

    pub(super) fn add(&mut self, level: Level, lines: u64) {
        *match level {
            Level::Error => &mut self.error,
            Level::Warn => &mut self.warn,
            Level::Info => &mut self.info,
            Level::Debug => &mut self.debug,
        } += lines;
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        Level::ALL.into_iter().for_each(|level| self.add(level, other.of(level)));
    }
}

/// What finds levels.
pub(super) struct Levels {
    fields: AhoCorasick,
}

impl Levels {
    pub(super) fn new() -> Self {
        let fields = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(FIELDS)
            .expect("four short words");
        Self { fields }
    }

    /// The level that a line says, its timestamp taken off; none when it says none.
    pub(super) fn of(&self, message: &[u8]) -> Option<Level> {
        let message = &message[..message.len().min(LOOK)];
        // What zap writes, and so nearly every line there is.
        if let Some(value) = message.strip_prefix(b"{\"level\":\"")
            && let Some(level) = word(value)
        {
            return Some(level);
        }
        if message.first() == Some(&b'{') {
            return self.of_field(message);
        }
        of_klog(message).or_else(|| of_console(message)).or_else(|| self.of_field(message))
    }

    /// `"level": "debug"` or `level=debug`, wherever it stands.
    fn of_field(&self, message: &[u8]) -> Option<Level> {
        self.fields.find_iter(message).find_map(|found| {
            let rest = &message[found.end()..];
            let rest = rest.strip_prefix(b"\"").unwrap_or(rest).trim_ascii_start();
            let value = rest.strip_prefix(b":").or_else(|| rest.strip_prefix(b"="))?.trim_ascii_start();
            word(value.strip_prefix(b"\"").unwrap_or(value))
        })
    }
}

/// The level that `text` begins with, in any case.
fn word(text: &[u8]) -> Option<Level> {
    let mut lower = [0; 16];
    let length = text.iter().take(lower.len()).take_while(|byte| byte.is_ascii_alphabetic()).count();
    lower[..length].copy_from_slice(&text[..length]);
    lower[..length].make_ascii_lowercase();
    Level::of_word(&lower[..length])
}

/// `E0102 15:04:05.000000       1 file.go:12] …`, klog's own form.
fn of_klog(message: &[u8]) -> Option<Level> {
    let (first, rest) = message.split_first()?;
    if !rest.iter().take(4).all(u8::is_ascii_digit) || rest.get(4) != Some(&b' ') {
        return None;
    }
    match first {
        b'E' | b'F' => Some(Level::Error),
        b'W' => Some(Level::Warn),
        b'I' => Some(Level::Info),
        b'D' => Some(Level::Debug),
        _ => None,
    }
}

/// A word in capitals, such as ` DEBUG `, or one in brackets, near the line's beginning.
fn of_console(message: &[u8]) -> Option<Level> {
    if begins_panic(message) {
        return Some(Level::Error);
    }
    let head = &message[..message.len().min(HEAD)];
    let mut at = 0;
    while at < head.len() {
        // A terminal's colours end in a letter that is none of the word's.
        if head[at] == 0x1b {
            at += 1 + head[at + 1..].iter().position(u8::is_ascii_alphabetic).map_or(head.len(), |end| end + 1);
            continue;
        }
        let length = head[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let text = &head[at..at + length];
        let is_bracketed = || at > 0 && head[at - 1] == b'[' && head.get(at + length) == Some(&b']');
        if length > 0 && at + length < HEAD && (text.iter().all(u8::is_ascii_uppercase) || is_bracketed()) {
            let mut lower = [0; 16];
            if let Some(lower) = lower.get_mut(..length) {
                lower.copy_from_slice(text);
                lower.make_ascii_lowercase();
                if let Some(level) = Level::of_word(lower) {
                    return Some(level);
                }
            }
        }
        at += length.max(1);
    }
    None
}

/// How Go says that a process dies; the lines that follow have no level and belong to it.
pub(super) fn begins_panic(message: &[u8]) -> bool {
    message.starts_with(b"panic: ") || message.starts_with(b"fatal error: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_found_in_the_form_of_many_loggers() {
        let levels = Levels::new();
        for (level, line) in [
            (Level::Debug, "{\"level\":\"debug\",\"msg\":\"an error\"}"),
            (Level::Error, "{\"ts\":1.5,\"LEVEL\" : \"Error\"}"),
            (Level::Warn, "{\"@timestamp\":\"x\",\"log.level\":\"warn\"}"),
            (Level::Info, "{\"time\":\"x\",\"severity\":\"NOTICE\"}"),
            (Level::Error, "{\"level\":\"dpanic\"}"),
            (Level::Debug, "time=x level=trace msg=\"level of error\""),
            (Level::Error, "E0102 15:04:05.000000       1 file.go:12] x"),
            (Level::Warn, "W0102 15:04:05.000000       1 file.go:12] ERROR"),
            (Level::Debug, "2026-11-22T15:42:00Z\tDEBUG\tserver\tx"),
            (Level::Error, "\u{1b}[31mERROR\u{1b}[0m x"),
            (Level::Info, "3:04PM \u{1b}[32mINF\u{1b}[0m x"),
            (Level::Error, "2026/11/22 15:42:00 [error] 7#7: x"),
            (Level::Warn, "[WARNING] x"),
            (Level::Error, "panic: runtime error"),
        ] {
            assert_eq!(levels.of(line.as_bytes()), Some(level), "{line}");
        }
        for line in [
            "",
            "{",
            "no error is here",
            "ERROR_CODE 5",
            "{\"msg\":\"\\\"level\\\":\\\"error\\\"\"}",
            "{\"level\":7}",
            "E012 x",
            "goroutine 1 [running]:",
            "\u{1b}",
        ] {
            assert_eq!(levels.of(line.as_bytes()), None, "{line}");
        }
        let late = format!("{{\"msg\":\"{}\",\"level\":\"error\"}}", "x".repeat(LOOK));
        assert_eq!(levels.of(late.as_bytes()), None);
    }
}
