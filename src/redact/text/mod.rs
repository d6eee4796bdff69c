//! Owns how bytes of text are read: encodings, quotes, line prefixes, and where a value ends. Knows no rule.

pub(super) mod base64;
pub(super) mod escapes;
pub(super) mod line_prefix;
pub(super) mod quotes;
pub(super) mod region;
pub(super) mod value_end;
