//! Owns the forms in which every room writes a time, a count and a hash.

use chrono::{DateTime, SecondsFormat, Utc};

/// A moment in RFC 3339, UTC, cut off to the second: `2026-11-22T14:05:00Z`.
pub(crate) fn utc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_off_counts_have_their_number_and_every_byte_has_two_digits() {
        let at = DateTime::from_timestamp(1_764_511_199, 999_999_999).expect("a time");
        assert_eq!(utc(at), "2025-11-30T13:59:59Z");
        assert_eq!([0, 1, 2].map(|count| counted(count, "log")), ["0 logs", "1 log", "2 logs"]);
        assert_eq!(hex(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
    }
}
