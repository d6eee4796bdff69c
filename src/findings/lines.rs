//! Owns the matchers over logs: hits of patterns, lines of a level, ready checks.

use super::{
    answers,
    context::EvalContext,
    evidence::{Evidence, MatchResult, pod_name, shown},
};
use crate::{
    bundle::facts::{Hit, LogFacts, Minute, ReadyState},
    facts::logs::Pattern,
    profile::rules::{LinesMatch, LogMatch, ReadyMatch},
    text::{counted, hex},
};
use regex_automata::meta::Regex;
use sha2::{Digest, Sha256};

/// The pattern that logs are searched for; `None` if a regular expression is invalid, which validation refuses.
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

/// The id of a pattern. It contains a hash of the pattern, so that hits of another profile's pattern are never taken
/// for hits of this one.
fn id(log: &LogMatch) -> String {
    let LogMatch { contains, level, fields, text, .. } = log;
    let what = serde_json::to_vec(&(contains, level, fields, text)).unwrap_or_default();
    let first: String =
        contains.iter().flat_map(|word| word.chars()).filter(char::is_ascii_alphanumeric).take(24).collect();
    format!("{first}-{}", hex(&Sha256::digest(&what)[..6]))
}

/// Whether the logs have enough lines that match a pattern.
pub(super) fn log(context: &EvalContext<'_>, log: &LogMatch) -> MatchResult {
    let id = id(log);
    let hits = context.facts.logs.iter().flat_map(|of| of.hits.iter().map(move |hit| (of, hit)));
    let mut hits: Vec<(&LogFacts, &Hit)> = hits.filter(|(_, hit)| hit.pattern == id && hit.count > 0).collect();
    let count = hits.iter().fold(0_u64, |sum, (_, hit)| sum.saturating_add(hit.count));
    if count >= log.at_least {
        let first = hits.iter().filter_map(|(_, hit)| hit.first.first().map(|line| line.at)).min();
        if log.denied_by.as_ref().is_some_and(|query| answers::denies(context, query, first)) {
            return MatchResult::NoMatch;
        }
        hits.sort_by_key(|(_, hit)| std::cmp::Reverse(hit.count));
        return MatchResult::from_evidence(hits.into_iter().map(|(of, hit)| hit_evidence(of, hit)), || None);
    }
    MatchResult::unless_missing(not_searched(context, &id))
}

/// Why the logs cannot show that there is no such line; `None` if they can.
fn not_searched(context: &EvalContext<'_>, id: &str) -> Option<String> {
    let facts = context.facts;
    if let Some(why) = context.missing_logs() {
        return Some(why);
    }
    let has_logs = context.manifest.tasks.iter().any(|task| task.is_log() && !task.entries.is_empty());
    let was_searched = match facts.patterns.is_empty() {
        true => context.manifest.profile_sha256 == context.profile.sha256(),
        false => facts.patterns.iter().any(|known| known == id),
    };
    match (has_logs && facts.logs.is_empty(), was_searched || !has_logs) {
        (true, _) => Some("facts.json has no facts about the logs".to_owned()),
        (_, false) => Some("the profile of the collection did not look for it in the logs".to_owned()),
        (false, true) => None,
    }
}

fn hit_evidence(of: &LogFacts, hit: &Hit) -> Evidence {
    let first = hit.first.first().unwrap_or(&hit.last);
    Evidence {
        shown: vec![shown(&first.text, &of.entry, Some(first.at), hit.count)],
        since: Some(first.at),
        until: Some(hit.last.at),
        pods: [pod(of)].into(),
        container: Some((pod(of), of.container.clone())),
    }
}

fn pod(of: &LogFacts) -> String {
    pod_name(&of.cluster, &of.namespace, &of.pod)
}

/// Whether a log has enough lines of a level.
pub(super) fn lines(context: &EvalContext<'_>, wanted: &LinesMatch) -> MatchResult {
    let count = |of: &LogFacts| of.levels.get(&wanted.level).copied().unwrap_or_default();
    let many = context.facts.logs.iter().filter(|of| count(of) >= wanted.at_least);
    let evidence = many.map(|of| {
        let has = |minute: &&Minute| minute.levels.contains_key(&wanted.level);
        let (first, last) = (of.minutes.iter().find(has), of.minutes.iter().rev().find(has));
        let level = serde_json::to_value(wanted.level).ok();
        let level = level.as_ref().and_then(|level| level.as_str()).unwrap_or_default();
        let quote = format!("{} of level {level}", counted(count(of), "line"));
        Evidence {
            shown: vec![shown(&quote, &of.entry, None, 1)],
            since: first.map(|minute| minute.at),
            until: last.map(|minute| minute.at),
            pods: [pod(of)].into(),
            container: Some((pod(of), of.container.clone())),
        }
    });
    MatchResult::from_evidence(evidence, || context.missing_logs())
}

/// Whether the last ready checks of a log have failed for long enough.
pub(super) fn ready(context: &EvalContext<'_>, wanted: &ReadyMatch) -> MatchResult {
    // The log of an ended run does not show the current state.
    let logs = || context.facts.logs.iter().filter(|of| of.kind == "log" && !of.ready.is_empty());
    let evidence = logs().filter_map(|of| {
        let is_down = |state: &ReadyState| match wanted.down.is_empty() {
            true => !state.down.is_empty(),
            false => state.down.iter().any(|check| wanted.down.contains(check)),
        };
        let last = of.ready.last()?;
        let first = of.ready.iter().rev().take_while(|state| is_down(state)).last()?;
        // If only changes are logged, the last state holds as long as the log goes on.
        let until = of.minutes.last().map_or(last.until, |minute| minute.at.max(last.until));
        let lasted = (until - first.at).to_std().ok()?;
        let quote = format!("ready checks: status {}, down: {}", last.status, last.down.join(", "));
        (crate::promql::duration(&wanted.longer_than)? < lasted).then(|| Evidence {
            shown: vec![shown(&quote, &of.entry, Some(first.at), 1)],
            since: Some(first.at),
            until: Some(until),
            pods: [pod(of)].into(),
            container: Some((pod(of), of.container.clone())),
        })
    });
    MatchResult::from_evidence(evidence, || {
        let silent = "no log has a line about ready checks".to_owned();
        context.missing_logs().or_else(|| logs().next().is_none().then_some(silent))
    })
}
