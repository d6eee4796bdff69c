//! Owns the manifest's fields about a smaller copy.

use crate::kubelet_log::Level;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which bundle a smaller copy was made from, and what only that bundle has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fitted {
    /// Limit for the size of the copy.
    pub max_bytes: u64,
    /// File name of the full bundle.
    pub bundle: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
    /// Paths of the files that were left out.
    #[serde(default)]
    pub files: Vec<String>,
    /// Number of logs that lack lines.
    #[serde(default)]
    pub logs: u64,
    /// Number of lines left out.
    #[serde(default)]
    pub lines: LeftOut,
}

/// Number of lines by level. A line without a level counts as `info`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// Lines of level debug and below.
    #[serde(default)]
    pub debug: u64,
    /// Lines of level info and without a level.
    #[serde(default)]
    pub info: u64,
    /// Warnings.
    #[serde(default)]
    pub warn: u64,
    /// Errors and worse.
    #[serde(default)]
    pub error: u64,
}

impl LeftOut {
    /// Counts one more line.
    pub(super) fn add(&mut self, level: Level) {
        *match level {
            Level::Fatal | Level::Error => &mut self.error,
            Level::Warn => &mut self.warn,
            Level::Info | Level::None => &mut self.info,
            Level::Debug => &mut self.debug,
        } += 1;
    }

    /// Counts those of `other` as well.
    pub(super) fn add_all(&mut self, other: Self) {
        self.debug += other.debug;
        self.info += other.info;
        self.warn += other.warn;
        self.error += other.error;
    }

    /// How many lines there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.debug + self.info + self.warn + self.error
    }

    /// `1200 debug and 3 info`; empty when there are none.
    #[must_use]
    pub fn words(&self) -> String {
        let named = [(self.debug, "debug"), (self.info, "info"), (self.warn, "warn"), (self.error, "error")];
        let words: Vec<String> =
            named.iter().filter(|(lines, _)| *lines > 0).map(|(lines, level)| format!("{lines} {level}")).collect();
        match words.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => words.concat(),
        }
    }
}
