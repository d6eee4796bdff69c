//! Owns the answer to a request for a log: the lines of it that the request asks for.

use super::{
    answer::{Answer, Refusal, refusal},
    index::Index,
};
use crate::{
    bundle::{Evidence, Outcome},
    kubelet_log::{LineSplitter, STAMP, Stamp, split},
};
use chrono::{DateTime, Utc};
use std::{
    collections::{HashMap, VecDeque},
    io::Read as _,
};

/// So much is read at a time (bytes).
const CHUNK: usize = 64 << 10;

pub(super) fn answer(
    evidence: &dyn Evidence,
    index: &Index,
    (namespace, pod): (&str, &str),
    query: &HashMap<String, String>,
) -> Result<Answer, Refusal> {
    let container = query.get("container").map(String::as_str).unwrap_or_default();
    let previous = query.get("previous").is_some_and(|text| text == "true");
    let which = if previous { "previous log" } else { "log" };
    let what = format!("the {which} of {pod}/{container} in namespace {namespace}");
    let Some(task) = index.log(namespace, pod, container, previous) else {
        return Err(refusal(&[], &what, true));
    };
    let record = &evidence.tasks()[task];
    match (record.entries.first(), record.outcome) {
        (Some(entry), _) => select(evidence, entry, query).map(Answer::text),
        (None, Outcome::Empty) => Ok(Answer::text(Vec::new())),
        // The status with which the API server says that there is none.
        (None, Outcome::Absent) => {
            let message = format!("{what} is not available: {}", record.causes.join(": "));
            Err(Refusal::new(400, "BadRequest", &message))
        }
        (None, _) => Err(refusal(&[record], &what, true)),
    }
}

/// The lines from `sinceTime` on, of these the last `tailLines`, of these the first `limitBytes`. The timestamps are
/// kept where `timestamps` is true. A line without a timestamp goes with the line before it.
fn select(evidence: &dyn Evidence, entry: &str, query: &HashMap<String, String>) -> Result<Vec<u8>, Refusal> {
    let broken = |error: &dyn std::fmt::Display| Refusal::broken(&format!("{entry}: {error}"));
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let since = query.get("sinceTime").and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let timestamps = query.get("timestamps").is_some_and(|text| text == "true");
    let limit = number("limitBytes").unwrap_or(usize::MAX);
    let mut lines =
        Lines { since: since.map(|since| since.to_utc()), tail: number("tailLines"), timestamps, ..Lines::default() };
    let mut splitter = LineSplitter::new(STAMP);
    let mut log = evidence.open(entry).map_err(|error| broken(&error))?;
    let mut chunk = vec![0; CHUNK];
    lines.keeps = lines.since.is_none();
    while lines.tail.is_some() || lines.size < limit {
        let read = log.read(&mut chunk).map_err(|error| broken(&error))?;
        if read == 0 {
            splitter.finish().parts().for_each(|part| lines.take(part.bytes, part.is_start));
            break;
        }
        let blocks = splitter.push(&chunk[..read]);
        blocks.into_iter().flat_map(|block| block.parts()).for_each(|part| lines.take(part.bytes, part.is_start));
    }
    let mut all: Vec<u8> = lines.kept.into_iter().flatten().collect();
    all.truncate(limit);
    Ok(all)
}

/// The lines that a request asks for, of those that have come so far.
#[derive(Default)]
struct Lines {
    since: Option<DateTime<Utc>>,
    /// Most lines that are kept, the last ones.
    tail: Option<usize>,
    timestamps: bool,
    keeps: bool,
    kept: VecDeque<Vec<u8>>,
    size: usize,
}

impl Lines {
    /// Takes a line, or the next part of a long one.
    fn take(&mut self, bytes: &[u8], is_start: bool) {
        let (stamp, text) = if is_start { split(bytes) } else { (None, bytes) };
        if let (Some(since), Some(at)) = (self.since, stamp.map(Stamp::at)) {
            self.keeps = at >= since;
        }
        if !self.keeps {
            return;
        }
        let shown = if self.timestamps { bytes } else { text };
        self.size += shown.len();
        match self.kept.back_mut().filter(|_| !is_start) {
            Some(line) => line.extend_from_slice(shown),
            None => self.kept.push_back(shown.to_vec()),
        }
        if self.tail.is_some_and(|tail| self.kept.len() > tail) {
            self.size -= self.kept.pop_front().map_or(0, |line| line.len());
        }
    }
}
