//! Owns the values of flags that clap checks.

use crate::plan::window;
use clap::ValueEnum;
use std::time::Duration;

/// `90s`, `15m`, `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = window::parse_duration(text).map_err(|error| error.to_string())?;
    parsed.to_std().map_err(|error| error.to_string())
}

/// `20MB` is decimal, `20MiB` binary.
pub(super) fn size(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| format!("cannot read `{text}` as a size; give 20MB or 20MiB"))
}

/// `CONTEXT=NAME`.
pub(super) fn renaming(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        // A context may contain `=`, but a name in the bundle may not.
        Some(_) => {
            let (context, name) = text.rsplit_once('=').unwrap_or((text, ""));
            if context.is_empty() || name.is_empty() {
                Err("give CONTEXT=NAME, both not empty".to_owned())
            } else {
                Ok((context.to_owned(), name.to_owned()))
            }
        }
        None => Err(format!("cannot read `{text}`; give CONTEXT=NAME")),
    }
}

/// The output format, `-o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Text,
    Json,
}
