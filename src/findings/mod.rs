//! What the profile's rules make of the facts: what is wrong, what is the cause of what, and what cannot be told.
//!
//! One way in, [`evaluate`]. Pure: no IO, and no clock but the moment that it is given. Every matcher has three
//! answers: it is so, it is not so, and its evidence is not there; the last never becomes the second.

mod answers;
mod baseline;
mod case;
mod cluster;
mod evidence;
mod lines;
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
use case::Case;
use chrono::{DateTime, Utc};
use evidence::{Evidence, Seen};
use std::collections::BTreeSet;

/// Version of `findings.json`.
pub const FORMAT: u32 = 1;

/// What the profile's rules say of these facts. `at` is the moment that "now" means: the collection's end.
#[must_use]
pub fn evaluate(profile: &Profile, facts: &Facts, manifest: &Manifest, at: DateTime<Utc>) -> Findings {
    let metrics = profile.queries.iter().map(|rule| (rule.id.as_str(), rule.metrics().into_iter().collect())).collect();
    let case = Case { profile, facts, manifest, at, metrics: &metrics };
    let (mut findings, mut not_checked, mut not_found) = (Vec::new(), Vec::new(), Vec::new());
    for rule in &profile.findings {
        match case.rule(rule) {
            Seen::Yes(evidence) => findings.push(finding(&case, rule, *evidence)),
            Seen::No => not_found.push(rule.id.clone()),
            Seen::Unknown(why) => {
                not_checked.push(NotChecked { id: rule.id.clone(), title: rule.title.clone(), why });
            }
        }
    }
    let issuance = issuance(&case, &findings);
    let order::Ordered { findings, lead, lead_why } = order::ordered(findings);
    Findings {
        format: FORMAT,
        profile: profile.name.clone(),
        profile_version: profile.version.to_string(),
        at,
        issuance,
        lead,
        lead_why,
        findings,
        not_checked,
        not_found,
        baseline: baseline::lines(&case),
        changes: facts.changes.clone(),
    }
}

/// The same as of the end of the collection that the manifest is of.
#[must_use]
pub fn of_bundle(profile: &Profile, facts: &Facts, manifest: &Manifest) -> Findings {
    evaluate(profile, facts, manifest, manifest.finished.unwrap_or(manifest.started))
}

/// The text of `findings.json`: two spaces of indent, a newline at the end.
///
/// # Errors
/// None that findings can cause; serde's signature is kept.
pub fn to_json(findings: &Findings) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = serde_json::to_vec_pretty(findings)?;
    out.push(b'\n');
    Ok(out)
}

/// What the profile's rules look for in logs.
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

/// The variables of containers that the profile's rules look at.
#[must_use]
pub fn variables(profile: &Profile) -> BTreeSet<String> {
    let matchers = profile.findings.iter().flat_map(FindingRule::matchers);
    let envs = matchers.filter_map(|matcher| matcher.env.as_ref());
    envs.map(|env| env.name.clone()).collect()
}

fn finding(case: &Case<'_>, rule: &FindingRule, evidence: Evidence) -> Finding {
    Finding {
        id: rule.id.clone(),
        severity: rule.severity,
        scenario: rule.scenario.clone(),
        title: rule.title.clone(),
        means: rule.means.clone(),
        next: steps::filled(case, &rule.next, &evidence),
        since: evidence.since,
        until: evidence.until,
        pods: evidence.pods.into_iter().collect(),
        of_pods: case.servers().count() as u64,
        shown_by: evidence.shown,
        explains: rule.explains.clone(),
        explained_by: None,
    }
}

/// Whether SVIDs are minted. Only a Prometheus can say that they are: it alone knows all of the window.
fn issuance(case: &Case<'_>, findings: &[Finding]) -> Issuance {
    let affects = |finding: &&Finding| {
        let mut rules = case.profile.findings.iter();
        rules.any(|rule| rule.id == finding.id && rule.issuance == IssuanceSaid::Affected)
    };
    let affecting: Vec<&Finding> = findings.iter().filter(affects).collect();
    if let Some(first) = affecting.iter().min_by_key(|finding| finding.severity) {
        let shown_by = affecting.iter().filter_map(|finding| finding.shown_by.first().cloned());
        let shown_by = shown_by.take(evidence::MOST_SHOWN).collect();
        return Issuance { state: IssuanceState::Affected, why: first.title.clone(), shown_by };
    }
    let asked: Vec<_> = case.profile.minting.iter().map(|id| answers::acquitted(case, id)).collect();
    let lacks: Vec<String> = asked.iter().filter_map(|asked| asked.as_ref().err().cloned()).collect();
    match (asked.is_empty(), lacks.is_empty()) {
        (true, _) => Issuance {
            state: IssuanceState::NotChecked,
            why: "the profile has no query for it".to_owned(),
            shown_by: Vec::new(),
        },
        (false, false) => Issuance { state: IssuanceState::NotChecked, why: lacks.join("; "), shown_by: Vec::new() },
        (false, true) => Issuance {
            state: IssuanceState::NotAffected,
            why: "all requested SVIDs were minted over the whole window".to_owned(),
            shown_by: asked.into_iter().flatten().flatten().take(evidence::MOST_SHOWN).collect(),
        },
    }
}
