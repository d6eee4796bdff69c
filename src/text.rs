//! Owns the forms in which every room writes a time, a duration, a count, a hash and a word of a command.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// A moment in RFC 3339, UTC, cut off to the second: `2026-11-22T14:05:00Z`.
pub(crate) fn utc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `90 s`, `20 min`, `3 h 5 min`, `2 d 1 h`, `972 years`: the more, the coarser.
pub(crate) fn duration(length: TimeDelta) -> String {
    let with = |whole: i64, unit: &str, rest: i64, small: &str| {
        if rest == 0 { format!("{whole} {unit}") } else { format!("{whole} {unit} {rest} {small}") }
    };
    match length.num_seconds() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 2 * 3600 => format!("{} min", seconds / 60),
        seconds if seconds < 2 * 86400 => with(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        seconds if seconds < 2 * 365 * 86400 => with(seconds / 86400, "d", seconds % 86400 / 3600, "h"),
        seconds => format!("{} years", seconds / (365 * 86400)),
    }
}

/// `1 log`, `2 logs`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `bytes` in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    bytes.iter().flat_map(digits).map(char::from).collect()
}

/// A word quoted for a shell, whatever it contains.
pub(crate) fn quoted(word: &str) -> String {
    let word = word.replace(char::is_control, " ");
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@%+=,".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_durations_counts_and_hashes_have_one_form() {
        let at = DateTime::from_timestamp(1_764_511_199, 999_999_999).expect("a time");
        assert_eq!(utc(at), "2025-11-30T13:59:59Z");
        assert_eq!([0, 1, 2].map(|count| counted(count, "log")), ["0 logs", "1 log", "2 logs"]);
        let durations = [119, 121, 7200, 7260, 180_000, 63_072_000, 30_676_060_800].map(TimeDelta::seconds);
        let expected = ["119 s", "2 min", "2 h", "2 h 1 min", "2 d 2 h", "2 years", "972 years"];
        assert_eq!(durations.map(duration), expected);
        assert_eq!(hex(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
    }

    #[test]
    fn a_shell_takes_every_word_for_one() {
        for (word, text) in [
            ("tdd-one", "tdd-one"),
            ("", "''"),
            ("a b", "'a b'"),
            ("a'b;$(c)", r"'a'\''b;$(c)'"),
            ("~", "'~'"),
            ("a\nb", "'a b'"),
            ("app=a,tier=b", "app=a,tier=b"),
        ] {
            assert_eq!(quoted(word), text);
        }
    }
}
