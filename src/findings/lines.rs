//! What logs show: hits of patterns, lines of a level, ready checks.

use super::{
    answers,
    case::Case,
    evidence::{Evidence, Seen, quote},
};
use crate::{
    bundle::{
        facts::{Hit, LogFacts, ReadyState},
        findings::Shown,
    },
    facts::logs::Pattern,
    profile::rules::{LinesMatch, LogMatch, ReadyMatch},
};
use regex_automata::meta::Regex;
use sha2::{Digest, Sha256};

/// The pattern that a log is searched for; none where an expression cannot be read, which no checked profile has.
pub(super) fn pattern(log: &LogMatch) -> Option<Pattern> {
    let compiled = |text: &String| Regex::new(text).ok();
    let fields: Option<Vec<_>> =
        log.fields.iter().map(|(field, text)| Some((field.clone(), compiled(text)?))).collect();
    let text = match &log.text {
        Some(text) => Some(compiled(text)?),
        None => None,
    };
    Some(Pattern { id: id(log), contains: log.contains.clone(), level: log.level, fields: fields?, text })
}

/// Named after what it looks for, so that a later profile's that looks for something else is never taken for it.
fn id(log: &LogMatch) -> String {
    let LogMatch { contains, level, fields, text, .. } = log;
    let what = serde_json::to_vec(&(contains, level, fields, text)).unwrap_or_default();
    let first: String =
        contains.iter().flat_map(|word| word.chars()).filter(char::is_ascii_alphanumeric).take(24).collect();
    Sha256::digest(&what).iter().take(6).fold(format!("{first}-"), |id, byte| format!("{id}{byte:02x}"))
}

pub(super) fn log(case: &Case<'_>, log: &LogMatch) -> Seen {
    let id = id(log);
    let hits = case.facts.logs.iter().flat_map(|of| of.hits.iter().map(move |hit| (of, hit)));
    let mut hits: Vec<(&LogFacts, &Hit)> = hits.filter(|(_, hit)| hit.pattern == id && hit.count > 0).collect();
    let count = hits.iter().fold(0_u64, |sum, (_, hit)| sum.saturating_add(hit.count));
    if count >= log.at_least {
        let first = hits.iter().filter_map(|(_, hit)| hit.first.first().map(|line| line.at)).min();
        if log.denied_by.as_ref().is_some_and(|query| answers::denies(case, query, first)) {
            return Seen::No;
        }
        hits.sort_by_key(|(_, hit)| std::cmp::Reverse(hit.count));
        return Seen::of(hits.into_iter().map(|(of, hit)| shown(of, hit)), || None);
    }
    lacks(case, &id).map_or(Seen::No, Seen::Unknown)
}

/// Why the logs cannot tell that there is no such line.
fn lacks(case: &Case<'_>, id: &str) -> Option<String> {
    let facts = case.facts;
    if let Some(lack) = case.lacks_logs() {
        return Some(lack);
    }
    let has_logs = case.manifest.tasks.iter().any(|task| task.is_log() && !task.entries.is_empty());
    let was_searched = match facts.patterns.is_empty() {
        true => case.manifest.profile_sha256 == case.profile.sha256(),
        false => facts.patterns.iter().any(|known| known == id),
    };
    match (has_logs && facts.logs.is_empty(), was_searched || !has_logs) {
        (true, _) => Some("facts.json has nothing of the logs".to_owned()),
        (_, false) => Some("the logs were collected by a profile that did not look for it".to_owned()),
        (false, true) => None,
    }
}

fn shown(of: &LogFacts, hit: &Hit) -> Evidence {
    let first = hit.first.first().unwrap_or(&hit.last);
    Evidence {
        shown: vec![Shown {
            quote: quote(&first.text),
            entry: Some(of.entry.clone()),
            at: Some(first.at),
            times: hit.count,
            ..Shown::default()
        }],
        since: Some(first.at),
        until: Some(hit.last.at),
        pods: [pod(of)].into(),
        container: Some((pod(of), of.container.clone())),
    }
}

fn pod(of: &LogFacts) -> String {
    format!("{}/{}/{}", of.cluster, of.namespace, of.pod)
}

pub(super) fn lines(case: &Case<'_>, wanted: &LinesMatch) -> Seen {
    let count = |of: &LogFacts| of.levels.get(&wanted.level).copied().unwrap_or_default();
    let many = case.facts.logs.iter().filter(|of| count(of) >= wanted.at_least);
    let shown = many.map(|of| {
        let has = |minute: &&crate::bundle::facts::Minute| minute.levels.contains_key(&wanted.level);
        let (first, last) = (of.minutes.iter().find(has), of.minutes.iter().rev().find(has));
        let level = serde_json::to_value(wanted.level).ok();
        let level = level.as_ref().and_then(|level| level.as_str()).unwrap_or_default();
        let quote = format!("{} lines of level {level}", count(of));
        Evidence {
            shown: vec![Shown { quote, entry: Some(of.entry.clone()), times: 1, ..Shown::default() }],
            since: first.map(|minute| minute.at),
            until: last.map(|minute| minute.at),
            pods: [pod(of)].into(),
            container: Some((pod(of), of.container.clone())),
        }
    });
    Seen::of(shown, || case.lacks_logs())
}

pub(super) fn ready(case: &Case<'_>, wanted: &ReadyMatch) -> Seen {
    // A run that has ended says nothing of what is.
    let logs = || case.facts.logs.iter().filter(|of| of.kind == "log" && !of.ready.is_empty());
    let shown = logs().filter_map(|of| {
        let is_down = |state: &ReadyState| match wanted.down.is_empty() {
            true => !state.down.is_empty(),
            false => state.down.iter().any(|check| wanted.down.contains(check)),
        };
        let last = of.ready.last()?;
        let first = of.ready.iter().rev().take_while(|state| is_down(state)).last()?;
        // Where only a change is logged, it holds as long as the log goes on.
        let until = of.minutes.last().map_or(last.until, |minute| minute.at.max(last.until));
        let lasted = (until - first.at).to_std().ok()?;
        let quote = format!("ready checks: status {}, down: {}", last.status, last.down.join(", "));
        (crate::promql::duration(&wanted.longer_than)? < lasted).then(|| Evidence {
            shown: vec![Shown {
                quote: self::quote(&quote),
                entry: Some(of.entry.clone()),
                at: Some(first.at),
                times: 1,
                ..Shown::default()
            }],
            since: Some(first.at),
            until: Some(until),
            pods: [pod(of)].into(),
            container: Some((pod(of), of.container.clone())),
        })
    });
    Seen::of(shown, || {
        let silent = "no log has a line of the ready checks".to_owned();
        case.lacks_logs().or_else(|| logs().next().is_none().then_some(silent))
    })
}
