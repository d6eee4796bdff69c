//! Owns the types that prove that redaction has happened, and the counts of what it replaced.

use super::rule::Rule;
use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, collections::BTreeMap};

/// Bytes that went through redaction. Only the room `redact` can make them.
#[derive(Clone, Debug)]
pub struct Clean(Bytes);

impl Clean {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(Bytes::from(bytes))
    }

    /// Text of the program itself, such as the brackets around a list.
    #[must_use]
    pub fn literal(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The redacted bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes, without copying them.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Its lines, without their line breaks. They share its memory.
    pub fn lines(&self) -> impl Iterator<Item = Self> {
        self.0.split(|byte| *byte == b'\n').map(|line| Self(self.0.slice_ref(line)))
    }

    /// The bytes as text, with U+FFFD in place of what is not UTF-8.
    pub fn as_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

/// The bytes that [`Joined::numbers`] accepts.
const IN_NUMBERS: [bool; 256] = {
    let (mut table, bytes, mut at) = ([false; 256], b"0123456789+-.,eE[]\" \tNaInf", 0);
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether `text` is a number as OpenMetrics writes it.
fn is_number(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    !text.is_empty() && text.bytes().all(is_part) || matches!(text, "NaN" | "+Inf" | "-Inf" | "Inf")
}

/// Clean bytes that are put together from clean pieces, literals and numbers.
#[derive(Clone, Debug, Default)]
pub struct Joined(Vec<u8>);

impl Joined {
    /// Adds clean bytes.
    pub fn push(&mut self, clean: &Clean) {
        self.0.extend_from_slice(clean.as_bytes());
    }

    /// Adds text of the program itself.
    pub fn literal(&mut self, text: &'static str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Adds numbers, which may have brackets, commas and quotes around them. Returns false, and adds nothing, when the
    /// text has any other letter than those of `NaN`, `Inf` and `e`.
    #[must_use]
    pub fn numbers(&mut self, text: &str) -> bool {
        let are_numbers = text.bytes().all(|byte| IN_NUMBERS[usize::from(byte)]);
        if are_numbers {
            self.0.extend_from_slice(text.as_bytes());
        }
        are_numbers
    }

    /// Adds a line of OpenMetrics: a name, a value and a time. Returns false, and adds nothing, when one of `numbers`
    /// is not a number.
    #[must_use]
    pub fn sample(&mut self, name: &Clean, numbers: [&str; 2]) -> bool {
        let are_numbers = numbers.into_iter().all(is_number);
        if are_numbers {
            self.push(name);
            for number in numbers {
                self.0.push(b' ');
                self.0.extend_from_slice(number.as_bytes());
            }
            self.0.push(b'\n');
        }
        are_numbers
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes everything out.
    pub fn take(&mut self) -> Clean {
        Clean::new(std::mem::take(&mut self.0))
    }

    /// Takes out as many whole blocks of `size` bytes as there are.
    pub fn take_blocks(&mut self, size: usize) -> Clean {
        let whole = self.0.len() - self.0.len() % size;
        // Room for a block and for the piece that fills it, or it would be grown to twice its size each time.
        let mut next = Vec::with_capacity(size + size / 8);
        next.extend_from_slice(&self.0[whole..]);
        self.0.truncate(whole);
        Clean::new(std::mem::replace(&mut self.0, next))
    }
}

/// A JSON value that went through redaction. Only the room `redact` can make one.
#[derive(Clone, Debug)]
pub struct CleanJson {
    value: Value,
    /// What its text has as `metadata.managedFields`, in place of the value's own.
    managed_fields: Option<Box<RawValue>>,
}

impl CleanJson {
    pub(super) fn new(value: Value, managed_fields: Option<Box<RawValue>>) -> Self {
        Self { value, managed_fields }
    }

    /// The redacted value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The value as JSON without spaces, with all of its managed fields.
    pub fn to_clean(&self) -> Clean {
        let bytes = match &self.managed_fields {
            Some(managed_fields) => {
                serde_json::to_vec(&With { way: &["metadata", "managedFields"], value: &self.value, managed_fields })
            }
            None => serde_json::to_vec(&self.value),
        };
        // A value of strings for keys always has a text.
        Clean::new(bytes.unwrap_or_default())
    }

    /// The value, which is then no longer known to be clean.
    pub fn into_value(self) -> Value {
        self.value
    }
}

/// A value, written with other managed fields than its own.
struct With<'a> {
    way: &'static [&'static str],
    value: &'a Value,
    managed_fields: &'a RawValue,
}

impl Serialize for With<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((next, way)) = self.way.split_first() else { return self.managed_fields.serialize(serializer) };
        let Some(members) = self.value.as_object() else { return self.value.serialize(serializer) };
        let mut map = serializer.serialize_map(Some(members.len()))?;
        for (name, value) in members {
            if name == next {
                map.serialize_entry(name, &Self { way, value, ..*self })?;
            } else {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// How many secrets each rule replaced. Serialized as an object of rule ids and numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    pub(super) fn add(&mut self, rule: &Rule) {
        *self.0.entry(rule.id).or_default() += 1;
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Counts) {
        for (rule, count) in &other.0 {
            *self.0.entry(rule).or_default() += count;
        }
    }

    /// Whether no secret was replaced.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id of each rule that replaced something, and how often it did, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(rule, count)| (*rule, *count))
    }

    /// How many secrets all rules together replaced.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::Joined;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_and_what_is_left_are_what_was_put_in(pieces in prop::collection::vec("[0-9]{0,40}", 0..20)) {
            let (mut joined, mut taken) = (Joined::default(), Vec::new());
            for piece in &pieces {
                prop_assert!(joined.numbers(piece));
                if joined.len() >= 16 {
                    let blocks = joined.take_blocks(16);
                    prop_assert!(!blocks.is_empty() && blocks.len() % 16 == 0 && joined.len() < 16);
                    taken.extend_from_slice(blocks.as_bytes());
                }
            }
            taken.extend_from_slice(joined.take().as_bytes());
            prop_assert_eq!(taken, pieces.concat().into_bytes());
        }
    }
}
