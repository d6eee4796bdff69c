//! Owns the parts of the zip format that the writer and `salvage` use: local headers, the central directory, its end,
//! and the zip64 forms of all three.
//!
//! The `zip` crate reads bundles but does not write them: its writer cannot return to the last good entry after a
//! failed write, and cannot leave room in a header for a name that is known later.

use chrono::{DateTime, Datelike, Timelike, Utc};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;

/// How a local header begins.
pub(super) const LOCAL_MARK: [u8; 4] = LOCAL.to_le_bytes();

/// Fixed part of a local header, in bytes.
pub(super) const LOCAL_FIXED: usize = 30;

const DEFLATE: u16 = 8;
const ZIP64: u16 = 0x0001;

/// Extra field without meaning, which fills a header after its name became shorter. Archivers skip fields that they do
/// not know; this is the id that Android's aligner uses for padding.
const PADDING: u16 = 0xD935;
/// Shortest extra field: its id and its length.
pub(super) const PADDING_MIN: usize = 4;

const VERSION: u16 = 20;
const VERSION64: u16 = 45;
const UNIX: u16 = 3 << 8;
/// A regular file that everyone may read once it is unpacked.
const MODE: u32 = 0o100_644 << 16;

/// What the headers of one entry say, except its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryHeader {
    /// CRC-32 of the contents.
    pub(super) crc: u32,
    /// Size in the zip, in bytes.
    pub(super) compressed: u64,
    /// Size of the contents, in bytes.
    pub(super) bytes: u64,
    /// When it was last changed.
    pub(super) time: DosTime,
}

impl EntryHeader {
    /// Whether the sizes need zip64.
    fn large(&self) -> bool {
        self.compressed >= u64::from(u32::MAX) || self.bytes >= u64::from(u32::MAX)
    }

    /// Length of a local header under a name of `name` bytes.
    pub(super) fn local_len(&self, name: usize) -> usize {
        LOCAL_FIXED + name + if self.large() { 20 } else { 0 }
    }

    /// A local header of exactly `len` bytes: padding fills what the name does not use. `len` is [`Self::local_len`] of
    /// this name, or at least [`PADDING_MIN`] more.
    pub(super) fn local(&self, name: &str, len: usize) -> Vec<u8> {
        let pad = len.saturating_sub(self.local_len(name.len()));
        let large = self.large();
        let extra = pad + if large { 20 } else { 0 };
        let mut out = Out(Vec::with_capacity(len));
        out.u32(LOCAL);
        out.u16(if large { VERSION64 } else { VERSION });
        out.u16(0);
        out.u16(DEFLATE);
        out.u16(self.time.time);
        out.u16(self.time.date);
        out.u32(self.crc);
        out.u32(if large { u32::MAX } else { low(self.compressed) });
        out.u32(if large { u32::MAX } else { low(self.bytes) });
        out.u16(short(name.len()));
        out.u16(short(extra));
        out.0.extend_from_slice(name.as_bytes());
        if pad >= PADDING_MIN {
            out.u16(PADDING);
            out.u16(short(pad - PADDING_MIN));
            out.0.resize(out.0.len() + pad - PADDING_MIN, 0);
        }
        if large {
            out.u16(ZIP64);
            out.u16(16);
            out.u64(self.bytes);
            out.u64(self.compressed);
        }
        out.0
    }

    fn central(&self, name: &str, offset: u64, out: &mut Out) {
        let over = |n: u64| n >= u64::from(u32::MAX);
        let big: Vec<u64> = [self.bytes, self.compressed, offset].into_iter().filter(|n| over(*n)).collect();
        let version = if big.is_empty() { VERSION } else { VERSION64 };
        out.u32(CENTRAL);
        out.u16(UNIX | version);
        out.u16(version);
        out.u16(0);
        out.u16(DEFLATE);
        out.u16(self.time.time);
        out.u16(self.time.date);
        out.u32(self.crc);
        out.u32(low(self.compressed));
        out.u32(low(self.bytes));
        out.u16(short(name.len()));
        out.u16(if big.is_empty() { 0 } else { short(4 + 8 * big.len()) });
        out.u16(0);
        out.u16(0);
        out.u16(0);
        out.u32(MODE);
        out.u32(low(offset));
        out.0.extend_from_slice(name.as_bytes());
        if !big.is_empty() {
            out.u16(ZIP64);
            out.u16(short(8 * big.len()));
            big.into_iter().for_each(|n| out.u64(n));
        }
    }
}

/// The central directory and its end, to be written at `at`: name, header and place of every entry.
pub(super) fn directory<'a>(entries: impl Iterator<Item = (&'a str, EntryHeader, u64)>, at: u64) -> Vec<u8> {
    let mut out = Out(Vec::new());
    let mut count = 0_u64;
    for (name, header, offset) in entries {
        header.central(name, offset, &mut out);
        count += 1;
    }
    let size = out.0.len() as u64;
    if count >= u64::from(u16::MAX) || at >= u64::from(u32::MAX) || size >= u64::from(u32::MAX) {
        let end = at + size;
        out.u32(END64);
        out.u64(44);
        out.u16(UNIX | VERSION64);
        out.u16(VERSION64);
        out.u32(0);
        out.u32(0);
        out.u64(count);
        out.u64(count);
        out.u64(size);
        out.u64(at);
        out.u32(LOCATOR64);
        out.u32(0);
        out.u64(end);
        out.u32(1);
    }
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    out.u32(END);
    out.u16(0);
    out.u16(0);
    out.u16(count);
    out.u16(count);
    out.u32(low(size));
    out.u32(low(at));
    out.u16(0);
    out.0
}

/// A local header as read back.
#[derive(Debug)]
pub(super) struct LocalHeader {
    /// The whole name.
    pub(super) name: String,
    /// What it says.
    pub(super) header: EntryHeader,
    /// Its length in bytes; the contents follow.
    pub(super) len: u64,
}

impl LocalHeader {
    /// Lengths of the name and of the extra fields, when `fixed` begins a header of this program's.
    pub(super) fn lengths(fixed: &[u8; LOCAL_FIXED]) -> Option<(usize, usize)> {
        let input = In(fixed);
        let ours = input.u32(0)? == LOCAL && input.u16(6)? == 0 && input.u16(8)? == DEFLATE;
        ours.then_some((usize::from(input.u16(26)?), usize::from(input.u16(28)?)))
    }

    /// From the fixed part and what follows it: the name and the extra fields.
    pub(super) fn read(fixed: &[u8; LOCAL_FIXED], rest: &[u8]) -> Option<Self> {
        let (name, extra) = Self::lengths(fixed)?;
        let input = In(fixed);
        let mut header = EntryHeader {
            crc: input.u32(14)?,
            compressed: u64::from(input.u32(18)?),
            bytes: u64::from(input.u32(22)?),
            time: DosTime { time: input.u16(10)?, date: input.u16(12)? },
        };
        let mut fields = rest.get(name..name + extra)?;
        while let (Some(id), Some(len)) = (In(fields).u16(0), In(fields).u16(2)) {
            let body = fields.get(4..4 + usize::from(len))?;
            if id == ZIP64 {
                header.bytes = In(body).u64(0)?;
                header.compressed = In(body).u64(8)?;
            }
            fields = &fields[4 + body.len()..];
        }
        let text = std::str::from_utf8(rest.get(..name)?).ok()?;
        Some(Self { name: text.to_owned(), header, len: (LOCAL_FIXED + name + extra) as u64 })
    }
}

/// A time in a zip: in UTC, in steps of two seconds, from 1980 to 2107.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DosTime {
    time: u16,
    date: u16,
}

impl DosTime {
    pub(super) fn of(at: DateTime<Utc>) -> Self {
        let year = u32::try_from(at.year() - 1980).unwrap_or(0).min(127);
        let date = (year << 9) | (at.month() << 5) | at.day();
        let time = (at.hour() << 11) | (at.minute() << 5) | (at.second() / 2);
        Self { time: short(time as usize), date: short(date as usize) }
    }

    /// The reverse, if it is a valid time.
    pub(super) fn read(self) -> Option<DateTime<Utc>> {
        let (date, time) = (u32::from(self.date), u32::from(self.time));
        let year = i32::try_from(1980 + (date >> 9)).ok()?;
        let day = chrono::NaiveDate::from_ymd_opt(year, (date >> 5) & 15, date & 31)?;
        let at = day.and_hms_opt(time >> 11, (time >> 5) & 63, (time & 31) * 2)?;
        Some(at.and_utc())
    }
}

/// A number in 32 bits; all ones mean that the zip64 field has it.
fn low(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Lengths in headers come from paths of at most a few thousand characters.
fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

struct Out(Vec<u8>);

impl Out {
    fn u16(&mut self, n: u16) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }
    fn u32(&mut self, n: u32) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }
    fn u64(&mut self, n: u64) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }
}

struct In<'a>(&'a [u8]);

impl In<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.0.get(at..at + 2)?.try_into().ok()?))
    }
    fn u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.0.get(at..at + 4)?.try_into().ok()?))
    }
    fn u64(&self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(self.0.get(at..at + 8)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(bytes: u64, compressed: u64) -> EntryHeader {
        let at = DateTime::from_timestamp(1_795_362_121, 0).unwrap_or_default();
        EntryHeader { crc: 0xdead_beef, compressed, bytes, time: DosTime::of(at) }
    }

    #[test]
    fn a_local_header_keeps_its_length_under_a_shorter_name() {
        for (bytes, compressed) in [(0, 2), (70_000, 900), (5 << 32, 3 << 32), (5 << 32, 12)] {
            let header = header(bytes, compressed);
            let long = "x".repeat(96);
            let len = header.local_len(long.len());
            for name in [&long[..], &long[..92], "a/b"] {
                let local = header.local(name, len);
                assert_eq!(local.len(), len);
                let (fixed, rest) = local.split_first_chunk().expect("a whole header");
                let back = LocalHeader::read(fixed, rest).expect("a header of ours");
                assert_eq!((back.name.as_str(), back.header, back.len), (name, header, len as u64));
            }
        }
    }

    #[test]
    fn a_time_survives_but_for_its_odd_seconds() {
        let at = DateTime::from_timestamp(1_795_362_121, 0).expect("a time");
        let back = DosTime::of(at).read().expect("a time");
        assert_eq!((at - back).num_seconds(), 1);
    }

    #[test]
    fn places_beyond_four_gigabytes_take_the_larger_form() {
        let entry = header(10, 12);
        let at = 5_u64 << 32;
        let out = directory([("f/a", entry, at - 100)].into_iter(), at);
        assert_eq!(In(&out).u32(42), Some(u32::MAX));
        assert_eq!(In(&out).u64(46 + 3 + 4), Some(at - 100));
        let end = out.len() - 22 - 20 - 56;
        assert_eq!(In(&out).u32(end), Some(END64));
        assert_eq!(In(&out).u64(end + 48), Some(at));
        assert_eq!(In(&out).u64(out.len() - 22 - 12), Some(at + end as u64));
    }
}
