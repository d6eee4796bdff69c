//! Logs, cut as a request asks.

use super::{
    Shared,
    answer::{Answer, Refusal},
    said,
};
use crate::bundle::Outcome;
use chrono::{DateTime, FixedOffset};
use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead as _, BufReader, Read as _},
};

pub(super) fn answer(
    shared: &Shared,
    namespace: &str,
    pod: &str,
    query: &HashMap<String, String>,
) -> Result<Answer, Refusal> {
    let container = query.get("container").map(String::as_str).unwrap_or_default();
    let previous = query.get("previous").is_some_and(|text| text == "true");
    let which = if previous { "previous log" } else { "log" };
    let what = format!("the {which} of {pod}/{container} in namespace {namespace}");
    let Some(task) = shared.index.log(namespace, pod, container, previous) else {
        return Err(shared.refusal(&[], &what));
    };
    let record = &shared.evidence.tasks()[task];
    match (record.entries.first(), record.outcome) {
        (Some(entry), _) => cut(shared, entry, query).map(Answer::text),
        (None, Outcome::Empty) => Ok(Answer::text(Vec::new())),
        // How the API server says that there is none.
        (None, Outcome::Absent) => {
            let message = format!("{what} is not available: {}", record.causes.join(": "));
            Err(Refusal::new(400, "BadRequest", &message))
        }
        (None, Outcome::Forbidden) => {
            Err(Refusal::new(403, "Forbidden", &format!("{what} was not collected: {}", said(record)))
                .missing(&said(record)))
        }
        (None, _) => {
            Err(Refusal::not_found(&format!("{what} was not collected: {}", said(record))).missing(&said(record)))
        }
    }
}

/// Lines from `sinceTime` on, the last `tailLines` of them, at most `limitBytes`, with their stamps
/// if `timestamps` says so. A line without a stamp belongs to the one before.
fn cut(shared: &Shared, entry: &str, query: &HashMap<String, String>) -> Result<Vec<u8>, Refusal> {
    let broken = |error: &dyn std::fmt::Display| Refusal::broken(&format!("{entry}: {error}"));
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let time = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    let since: Option<DateTime<FixedOffset>> = query.get("sinceTime").and_then(|text| time(text));
    let (tail, limit) = (number("tailLines"), number("limitBytes").unwrap_or(usize::MAX));
    let stamped = query.get("timestamps").is_some_and(|text| text == "true");
    let open = shared.evidence.open(entry).map_err(|error| broken(&error))?;
    let mut text = BufReader::with_capacity(64 << 10, open);
    if since.is_none() && tail.is_none() && stamped {
        let mut all = Vec::new();
        text.take(limit as u64).read_to_end(&mut all).map_err(|error| broken(&error))?;
        return Ok(all);
    }
    let (mut kept, mut size, mut line) = (VecDeque::new(), 0, Vec::new());
    let mut keeps = since.is_none();
    loop {
        line.clear();
        if text.read_until(b'\n', &mut line).map_err(|error| broken(&error))? == 0 {
            break;
        }
        let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let at = std::str::from_utf8(&line[..end]).ok().and_then(time);
        if let (Some(since), Some(at)) = (since, at) {
            keeps = at >= since;
        }
        if !keeps {
            continue;
        }
        let from = if at.is_some() && !stamped { (end + 1).min(line.len()) } else { 0 };
        size += line.len() - from;
        kept.push_back(line[from..].to_vec());
        if tail.is_some_and(|tail| kept.len() > tail) {
            size -= kept.pop_front().map_or(0, |line| line.len());
        }
        if tail.is_none() && size >= limit {
            break;
        }
    }
    let mut all: Vec<u8> = kept.into_iter().flatten().collect();
    all.truncate(limit);
    Ok(all)
}
