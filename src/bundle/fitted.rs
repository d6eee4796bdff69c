//! Owns what the manifest of a smaller copy says of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a smaller copy was made of, and what only the full bundle has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fitted {
    /// Most bytes the copy was to have.
    pub max_bytes: u64,
    /// File name of the full bundle.
    pub bundle: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
    /// Paths of the files that were given up.
    #[serde(default)]
    pub files: Vec<String>,
    /// How many logs lines were left out of.
    #[serde(default)]
    pub logs: u64,
    /// How many lines.
    #[serde(default)]
    pub lines: LeftOut,
}

/// Lines by level. A line that says none is `info`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// Debug and finer.
    #[serde(default)]
    pub debug: u64,
    /// Information, and lines without a level.
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
