//! Causes before symptoms: which finding leads, and in which order the others follow.

use crate::bundle::findings::{Finding, Severity};
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet};

/// So much later than its effect a cause may be seen, for counters are looked at now and then only.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// Findings as they are to be read.
pub(super) struct Ordered {
    pub(super) findings: Vec<Finding>,
    pub(super) lead: Option<String>,
    pub(super) lead_why: String,
}

/// Puts findings in order. The lead is one above "info" that none of the others explains: the most severe, then the
/// earliest. A cause is as severe as what comes of it.
pub(super) fn ordered(mut findings: Vec<Finding>) -> Ordered {
    let known: BTreeMap<String, Severity> = findings.iter().map(|it| (it.id.clone(), it.severity)).collect();
    let is_above = |id: &String| known.get(id).is_some_and(|severity| *severity < Severity::Info);
    let explains = |cause: &Finding| -> Vec<String> {
        // What is only worth knowing is the cause of nothing that is wrong.
        let effects = findings.iter().filter(|it| is_above(&cause.id) && it.id != cause.id && may_be(cause, it));
        let ids: BTreeSet<&String> = effects.map(|it| &it.id).collect();
        cause.explains.iter().filter(|id| ids.contains(id)).cloned().collect()
    };
    let explains: Vec<Vec<String>> = findings.iter().map(explains).collect();
    findings.iter_mut().zip(explains).for_each(|(finding, explains)| finding.explains = explains);
    let effects: BTreeMap<String, BTreeSet<String>> =
        findings.iter().map(|it| (it.id.clone(), closure(&findings, &it.id))).collect();
    for finding in &mut findings {
        let worst = effects.get(&finding.id).into_iter().flatten().filter_map(|id| known.get(id)).min();
        if finding.severity < Severity::Info {
            finding.severity = worst.map_or(finding.severity, |worst| finding.severity.min(*worst));
        }
    }
    findings.sort_by_key(|it| (it.severity, it.since.is_none(), it.since));
    let is_explained = |id: &String| findings.iter().any(|other| other.explains.contains(id));
    let roots: Vec<String> =
        findings.iter().map(|it| &it.id).filter(|id| is_above(id) && !is_explained(id)).cloned().collect();
    let lead = roots.first().cloned();
    let of_lead = lead.as_ref().and_then(|lead| effects.get(lead)).cloned().unwrap_or_default();
    findings.sort_by_key(|it| match () {
        () if lead.as_ref() == Some(&it.id) => 0,
        () if of_lead.contains(&it.id) => 1,
        () => 2,
    });
    let causes: Vec<(String, Vec<String>)> = findings.iter().map(|it| (it.id.clone(), it.explains.clone())).collect();
    for finding in &mut findings {
        let cause = causes.iter().find(|(_, explains)| explains.contains(&finding.id));
        finding.explained_by = cause.map(|(id, _)| id.clone());
    }
    let lead_why = why(&findings, lead.as_ref(), &of_lead, roots.len());
    Ordered { findings, lead, lead_why }
}

/// Whether one can be the cause of the other: not if they are about other pods, or it came when that was over.
fn may_be(cause: &Finding, effect: &Finding) -> bool {
    let are_apart =
        !cause.pods.is_empty() && !effect.pods.is_empty() && !cause.pods.iter().any(|pod| effect.pods.contains(pod));
    let is_late = cause.since.zip(effect.until).is_some_and(|(since, until)| since > until + SLACK);
    !are_apart && !is_late
}

/// All that a finding explains, by whichever way; itself is none of it.
fn closure(findings: &[Finding], id: &str) -> BTreeSet<String> {
    let (mut known, mut left) = (BTreeSet::new(), vec![id.to_owned()]);
    while let Some(next) = left.pop() {
        let explains = findings.iter().find(|it| it.id == next).map(|it| it.explains.clone()).unwrap_or_default();
        left.extend(explains.into_iter().filter(|id| known.insert(id.clone())));
    }
    known.remove(id);
    known
}

fn why(findings: &[Finding], lead: Option<&String>, effects: &BTreeSet<String>, roots: usize) -> String {
    let Some(lead) = lead.and_then(|lead| findings.iter().find(|it| it.id == *lead)) else {
        return String::new();
    };
    let titles: Vec<&str> = findings.iter().filter(|it| effects.contains(&it.id)).map(|it| it.title.as_str()).collect();
    let explains = match titles.as_slice() {
        [] => "no other finding explains it".to_owned(),
        [one] => format!("it explains 1 other finding: {one}"),
        many => format!("it explains {} other findings: {}", many.len(), many.join("; ")),
    };
    if roots < 2 {
        return explains;
    }
    let others =
        findings.iter().filter(|it| it.id != lead.id && it.severity < Severity::Info && it.explained_by.is_none());
    let is_most_severe = others.clone().all(|it| it.severity > lead.severity);
    let has_earliest =
        lead.since.is_some() && others.clone().all(|it| it.since.is_none_or(|at| Some(at) >= lead.since));
    let than = match (is_most_severe, has_earliest) {
        (true, _) => "the most severe",
        (false, true) => "the earliest",
        (false, false) => "the first",
    };
    format!("{explains}; of {roots} unexplained findings, it is {than}")
}
