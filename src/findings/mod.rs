//! Owns the findings: which rules of the profile match the facts, which finding causes which, and which rules could not
//! be checked.
//!
//! The way in is [`evaluate`]. It does no IO, and time is an argument. A matcher gives one of three results: matched,
//! not matched, or unknown because evidence is missing. Unknown never becomes not matched.

mod answers;
mod baseline;
mod cluster;
mod context;
mod evidence;
mod lines;
mod matchers;
mod order;
mod pods;
mod steps;

use crate::{
    bundle::{
        Manifest,
        facts::Facts,
        findings::{Finding, Findings, Issuance, IssuanceState, NotChecked},
    },
    facts::logs::Pattern,
    profile::{
        Profile,
        rules::{FindingRule, IssuanceSaid, Match},
    },
};
use chrono::{DateTime, Utc};
use context::EvalContext;
use evidence::{Evidence, MatchResult};
use std::collections::BTreeSet;

/// Version of `findings.json`.
pub const FORMAT: u32 = 1;

/// Evaluates the profile's rules over these facts. `at` is the end of the collection, from which ages are measured.
#[must_use]
pub fn evaluate(profile: &Profile, facts: &Facts, manifest: &Manifest, at: DateTime<Utc>) -> Findings {
    let metrics = profile.queries.iter().map(|rule| (rule.id.as_str(), rule.metrics().into_iter().collect())).collect();
    let context = EvalContext { profile, facts, manifest, at, metrics: &metrics };
    let (mut findings, mut not_checked, mut not_found) = (Vec::new(), Vec::new(), Vec::new());
    for rule in &profile.findings {
        match matchers::rule(&context, rule) {
            MatchResult::Match(evidence) => findings.push(finding(&context, rule, *evidence)),
            MatchResult::NoMatch => not_found.push(rule.id.clone()),
            MatchResult::Unknown(why) => {
                not_checked.push(NotChecked { id: rule.id.clone(), title: rule.title.clone(), why });
            }
        }
    }
    let issuance = issuance(&context, &findings);
    let order::Ordered { findings, root_cause, root_cause_why } = order::ordered(findings);
    Findings {
        format: FORMAT,
        profile: profile.name.clone(),
        profile_version: profile.version.to_string(),
        at,
        issuance,
        root_cause,
        root_cause_why,
        findings,
        not_checked,
        not_found,
        baseline: baseline::lines(&context),
        changes: facts.changes.clone(),
    }
}

/// [`evaluate`] at the end of the collection that the manifest describes.
#[must_use]
pub fn of_bundle(profile: &Profile, facts: &Facts, manifest: &Manifest) -> Findings {
    evaluate(profile, facts, manifest, manifest.finished.unwrap_or(manifest.started))
}

/// The patterns that the profile's rules look for in logs, each once.
#[must_use]
pub fn patterns(profile: &Profile) -> Vec<Pattern> {
    let of_rules = profile.findings.iter().flat_map(FindingRule::matchers);
    let of_baseline = profile.baseline.iter().filter_map(|line| line.wrong.as_ref());
    let logs = of_rules.chain(of_baseline).filter_map(|matcher| match matcher.one() {
        Some(Match::Log(log)) => lines::pattern(log),
        _ => None,
    });
    let mut seen = BTreeSet::new();
    logs.filter(|pattern| seen.insert(pattern.id.clone())).collect()
}

/// The names of the environment variables that the profile's rules look at.
#[must_use]
pub fn variables(profile: &Profile) -> BTreeSet<String> {
    let matchers = profile.findings.iter().flat_map(FindingRule::matchers);
    let envs = matchers.filter_map(|matcher| matcher.env.as_ref());
    envs.map(|env| env.name.clone()).collect()
}

fn finding(context: &EvalContext<'_>, rule: &FindingRule, evidence: Evidence) -> Finding {
    Finding {
        id: rule.id.clone(),
        severity: rule.severity,
        scenario: rule.scenario.clone(),
        title: rule.title.clone(),
        means: rule.means.clone(),
        next: steps::filled(context, rule, &evidence),
        since: evidence.since,
        until: evidence.until,
        pods: evidence.pods.into_iter().collect(),
        of_pods: context.servers().count() as u64,
        shown_by: evidence.shown,
        explains: rule.explains.clone(),
        explained_by: None,
    }
}

/// Whether SVIDs are minted. Only a Prometheus can show that they are, because only it covers the whole window.
fn issuance(context: &EvalContext<'_>, findings: &[Finding]) -> Issuance {
    let affects = |finding: &&Finding| {
        let mut rules = context.profile.findings.iter();
        rules.any(|rule| rule.id == finding.id && rule.issuance == IssuanceSaid::Affected)
    };
    let affecting: Vec<&Finding> = findings.iter().filter(affects).collect();
    if let Some(first) = affecting.iter().min_by_key(|finding| finding.severity) {
        let shown_by = affecting.iter().filter_map(|finding| finding.shown_by.first().cloned());
        let shown_by = shown_by.take(evidence::MOST_SHOWN).collect();
        return Issuance { state: IssuanceState::Affected, why: first.title.clone(), shown_by };
    }
    let asked: Vec<_> = context.profile.minting.iter().map(|id| answers::healthy(context, id)).collect();
    // Most often, all queries lack an answer for the same reason.
    let mut seen = BTreeSet::new();
    let missing = asked.iter().filter_map(|asked| asked.as_ref().err());
    let missing: Vec<&str> = missing.map(String::as_str).filter(|why| seen.insert(*why)).collect();
    match (asked.is_empty(), missing.is_empty()) {
        (true, _) => Issuance {
            state: IssuanceState::NotChecked,
            why: "the profile has no query for it".to_owned(),
            shown_by: Vec::new(),
        },
        (false, false) => Issuance { state: IssuanceState::NotChecked, why: missing.join("; "), shown_by: Vec::new() },
        (false, true) => Issuance {
            state: IssuanceState::NotAffected,
            why: "all requested SVIDs were minted over the whole window".to_owned(),
            shown_by: asked.into_iter().flatten().flatten().take(evidence::MOST_SHOWN).collect(),
        },
    }
}
