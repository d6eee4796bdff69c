//! The types that prove redaction has happened, and the count of what it did.

use super::rules::Rule;
use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, collections::BTreeMap};

/// Bytes that went through redaction; nothing outside this module can make one.
#[derive(Clone, Debug)]
pub struct Clean(Bytes);

impl Clean {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(Bytes::from(bytes))
    }

    /// Text of this program itself, such as the brackets around a list: no evidence is in it.
    #[must_use]
    pub fn literal(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The bytes.
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

    /// The bytes, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Its lines, without what ends them.
    pub fn lines(&self) -> impl Iterator<Item = Self> {
        self.0.split(|byte| *byte == b'\n').map(|line| Self(self.0.slice_ref(line)))
    }

    /// The bytes as text, what is no UTF-8 shown as U+FFFD.
    pub fn as_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

/// The bytes that stand in and between numbers.
const IN_NUMBERS: [bool; 256] = {
    let (mut table, bytes, mut at) = ([false; 256], b"0123456789+-.,eE[]\" \tNaInf", 0);
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether a text is a number as OpenMetrics has it.
fn is_number(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    !text.is_empty() && text.bytes().all(is_part) || matches!(text, "NaN" | "+Inf" | "-Inf" | "Inf")
}

/// Clean bytes put together from clean pieces and from numbers.
#[derive(Clone, Debug, Default)]
pub struct Joined(Vec<u8>);

impl Joined {
    /// Adds what is clean.
    pub fn push(&mut self, clean: &Clean) {
        self.0.extend_from_slice(clean.as_bytes());
    }

    /// Adds text of this program itself.
    pub fn literal(&mut self, text: &'static str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Adds numbers, be they between brackets, commas and quotes: there is no secret in them. Whether it did;
    /// what has any other letter than those of `NaN`, `Inf` and `e` is left out.
    #[must_use]
    pub fn numbers(&mut self, text: &str) -> bool {
        let are_numbers = text.bytes().all(|byte| IN_NUMBERS[usize::from(byte)]);
        if are_numbers {
            self.0.extend_from_slice(text.as_bytes());
        }
        are_numbers
    }

    /// Adds a line of OpenMetrics: a name, a value and a time, which are one number each. Whether it did.
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

    /// All of it, and begins anew.
    pub fn take(&mut self) -> Clean {
        Clean::new(std::mem::take(&mut self.0))
    }

    /// As many times `size` bytes as there are, and goes on with what is behind them.
    pub fn take_blocks(&mut self, size: usize) -> Clean {
        let whole = self.0.len() - self.0.len() % size;
        // Room for a block and for the piece that fills it, or it would be grown to twice its size each time.
        let mut next = Vec::with_capacity(size + size / 8);
        next.extend_from_slice(&self.0[whole..]);
        self.0.truncate(whole);
        Clean::new(std::mem::replace(&mut self.0, next))
    }
}

/// A JSON value that went through redaction; nothing outside this module can make one.
#[derive(Clone, Debug)]
pub struct CleanJson {
    value: Value,
    /// What stands for `metadata.managedFields` in its text.
    managed_fields: Option<Box<RawValue>>,
}

impl CleanJson {
    pub(super) fn new(value: Value, managed_fields: Option<Box<RawValue>>) -> Self {
        Self { value, managed_fields }
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The value as compact JSON, with all of its managed fields.
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

    /// The value, no longer known to be clean.
    pub fn into_value(self) -> Value {
        self.value
    }
}

/// A value with other managed fields than it has.
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

/// How many secrets each rule replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    pub(super) fn add(&mut self, rule: Rule) {
        *self.0.entry(rule.id()).or_default() += 1;
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Counts) {
        for (rule, count) in &other.0 {
            *self.0.entry(rule).or_default() += count;
        }
    }

    /// Whether nothing was replaced.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each rule that replaced something, with how often, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(rule, count)| (*rule, *count))
    }

    /// How many secrets were replaced, by all rules together.
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
