//! Owns the timestamps that a kubelet's lines begin with.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};

/// The longest timestamp, nine digits of a fraction and an offset, with what may end it: a blank, or the end of a line
/// (bytes).
pub const STAMP: usize = 37;

/// The timestamp that a line begins with: RFC 3339, with at most nine digits of a fraction, as the kubelet and the
/// container runtimes write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    at: DateTime<Utc>,
    text: &'a [u8],
}

impl<'a> Stamp<'a> {
    /// Reads the timestamp at a line's beginning. The first [`STAMP`] bytes of a line are enough. A blank or the end
    /// of the line must follow the timestamp.
    #[must_use]
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let (&[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2], rest) =
            line.split_first_chunk()?
        else {
            return None;
        };
        let date = NaiveDate::from_ymd_opt(
            i32::try_from(number(&[y1, y2, y3, y4])?).ok()?,
            number(&[m1, m2])?,
            number(&[d1, d2])?,
        )?;
        let (nanos, rest) = fraction(rest)?;
        let time = date.and_hms_nano_opt(number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?, nanos)?;
        let (offset, rest) = zone(rest)?;
        let at = match offset {
            0 => time.and_utc(),
            _ => time.and_local_timezone(FixedOffset::east_opt(offset)?).single()?.to_utc(),
        };
        let is_end = matches!(rest, [] | [b' ' | b'\n', ..] | [b'\r', b'\n', ..]);
        is_end.then(|| Self { at, text: &line[..line.len() - rest.len()] })
    }

    /// The time.
    #[must_use]
    pub fn at(self) -> DateTime<Utc> {
        self.at
    }

    /// The timestamp as it is written, without the blank behind it.
    #[must_use]
    pub fn text(self) -> &'a [u8] {
        self.text
    }
}

/// Splits a line into its timestamp and what the container wrote. Without a timestamp, the container wrote all of it.
#[must_use]
pub fn split(line: &[u8]) -> (Option<Stamp<'_>>, &[u8]) {
    let stamp = Stamp::read(line);
    let text = stamp.map_or(line, |stamp| &line[stamp.text.len()..]);
    (stamp, if stamp.is_some() { text.strip_prefix(b" ").unwrap_or(text) } else { text })
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
}

/// The nanoseconds of a fraction such as `.25`, and what follows it. No fraction is zero.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = digits.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    let scale = 10_u32.pow(9_u32.checked_sub(u32::try_from(count).ok()?)?);
    let (digits, rest) = digits.split_at(count);
    (count > 0).then_some((number(digits)? * scale, rest))
}

/// The seconds that a zone is ahead of UTC, and what follows it.
fn zone(text: &[u8]) -> Option<(i32, &[u8])> {
    match text {
        [b'Z', rest @ ..] => Some((0, rest)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2, rest @ ..] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let seconds = i32::try_from((hours * 60 + minutes) * 60).ok()?;
            (hours < 24 && minutes < 60).then_some((if *sign == b'+' { seconds } else { -seconds }, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What chrono reads of the same text, slowly.
    fn naive(line: &[u8]) -> Option<(DateTime<Utc>, usize)> {
        let end = line.iter().position(|byte| b" \r\n".contains(byte)).unwrap_or(line.len());
        let text = std::str::from_utf8(&line[..end]).ok()?;
        let is_end = !line[end..].starts_with(b"\r") || line[end..].starts_with(b"\r\n");
        let fraction = text.split_once('.').map_or(0, |(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
        let is_form = text.as_bytes().get(10) == Some(&b'T') && !text.contains(['z', '\u{2212}']) && fraction <= 9;
        // A leap second: no clock that the kubelet reads has one.
        let is_leap = text.get(17..19) == Some("60");
        let at = DateTime::parse_from_rfc3339(text).ok().filter(|_| is_form && is_end && !is_leap)?;
        Some((at.to_utc(), end))
    }

    fn read(line: &[u8]) -> Option<(DateTime<Utc>, usize)> {
        Stamp::read(line).map(|stamp| (stamp.at(), stamp.text().len()))
    }

    #[test]
    fn a_line_is_split_behind_its_timestamp() {
        let (stamp, text) = split(b"2026-11-26T15:04:05.123456789Z hello you");
        assert_eq!((stamp.map(|it| it.at().timestamp_subsec_nanos()), text), (Some(123_456_789), &b"hello you"[..]));
        let (stamp, text) = split(b"2026-11-26T15:04:05+02:00  two blanks");
        assert_eq!((stamp.map(|it| it.at().timestamp()), text), (Some(1_795_698_245), &b" two blanks"[..]));
        for empty in [&b"2026-11-26T15:04:05Z"[..], b"2026-11-26T15:04:05Z "] {
            assert_eq!((split(empty).0.is_some(), split(empty).1), (true, &b""[..]));
        }
        for none in
            ["", "hello you", "2026", "2026-11-26T15:04:05 x", "2026-11-26T15:04:05Zx y", "2026-02-30T15:04:05Z x"]
        {
            assert_eq!(split(none.as_bytes()), (None, none.as_bytes()), "{none}");
        }
    }

    #[test]
    fn the_longest_timestamp_is_known_by_its_beginning() {
        let line = b"2026-11-26T15:04:05.123456789+02:00 text";
        assert_eq!(read(&line[..STAMP]), read(line));
        assert_eq!(read(line).map(|(_, length)| length), Some(STAMP - 2));
        assert_eq!(read(b"2026-11-26T15:04:05.1234567890Z text"), None);
    }

    proptest! {
        #[test]
        fn a_timestamp_is_what_chrono_reads(
            year in 0..10_000, month in 0..14, day in 0..33, hour in 0..26, minute in 0..62, second in 0..62,
            fraction in "(\\.[0-9]{0,10})?", zone in "Z|[+-](0[0-9]|1[0-9]|2[0-5]):[0-6][0-9]|z||\\+1:00",
            rest in "( .{0,4}|\n|\r\n|\r|x|)",
        ) {
            let line = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}{rest}");
            prop_assert_eq!(read(line.as_bytes()), naive(line.as_bytes()), "{}", line);
        }

        #[test]
        fn of_any_bytes_no_more_than_a_timestamp_is_taken(
            text in "2026-11-26T15:04:05(\\.[0-9]{1,9})?Z", at in 0..20_usize, byte in any::<u8>(), rest in any::<Vec<u8>>(),
        ) {
            let mut line = text.into_bytes();
            line[at] = byte;
            line.push(b' ');
            line.extend(rest);
            prop_assert_eq!(read(&line), naive(&line));
        }
    }
}
