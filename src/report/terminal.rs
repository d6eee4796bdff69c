//! The last words of a run in the terminal: a screenful.

use super::{checklist, holdings, lacks};
use crate::{
    bundle::{Ended, Manifest},
    facts::coverage,
};

/// At most this many lacks are shown; README.txt has all.
const LACKS: usize = 8;

/// What a ticket commonly takes; the command for a copy of a larger bundle is shown.
const TICKET: u64 = 20_000_000;

/// The summary of a bundle of `bytes` bytes with this SHA-256, at `path` as a shell takes it; none
/// when a smaller copy is made without more words.
#[must_use]
pub fn summary(manifest: &Manifest, bytes: u64, sha256: &str, path: Option<&str>) -> String {
    let mut text = String::from("\n");
    checklist(manifest, &mut text);
    text.push_str(&format!("\nholds    {}\n", holdings(manifest)));
    text.push_str(&match manifest.redactions_total {
        0 => "redacted nothing: no secret was recognised\n".to_owned(),
        many => format!("redacted {many} values; manifest.json counts them by rule and file\n"),
    });
    match manifest.ended {
        Ended::Finished => {}
        Ended::Interrupted => {
            text.push_str("ended    by your interrupt: what was gathered until then is in the bundle\n")
        }
        Ended::Deadline => text.push_str("ended    by the deadline: give more with --deadline\n"),
        Ended::DiskFull => text.push_str("ended    because the disk is full: give another place with --to\n"),
        Ended::Salvaged => text.push_str("ended    by being killed\n"),
    }
    let lacks = lacks(manifest);
    for lack in lacks.iter().take(LACKS) {
        text.push_str(&format!("lacks    {lack}\n"));
    }
    if lacks.len() > LACKS {
        text.push_str(&format!("lacks    {} more, in README.txt\n", lacks.len() - LACKS));
    }
    // The checklist has what is missing of logs.
    if let Some(lack) = coverage::events_lack(manifest) {
        text.push_str(&format!("lacks    {lack}\n"));
    }
    text.push_str("next     attach the bundle to your ticket with Defakto support\n");
    if let Some(path) = path.filter(|_| bytes > TICKET) {
        text.push_str("         if that takes no more than 20 MB, a smaller copy:\n");
        text.push_str(&format!("         $ kubectl-escalate fit {path} --max-size 20MB\n"));
    }
    text.push_str(&format!("size     {}, sha256 {sha256}\n", bytesize::ByteSize(bytes).display().si()));
    // An answer of somebody else's server may have anything in it, and a terminal obeys it.
    text.replace(|char: char| char.is_control() && char != '\n', " ")
}
