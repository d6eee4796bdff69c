//! Owns the order of the findings: which one is the root cause, and which are its consequences.

use crate::bundle::findings::{Finding, Severity};
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet};

/// A cause may first show this much later than its effect, because counters are read at intervals.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// Findings in the order in which to read them.
pub(super) struct Ordered {
    pub(super) findings: Vec<Finding>,
    /// The id of the root cause; `None` if no finding is above "info".
    pub(super) root_cause: Option<String>,
    /// Why this finding is the root cause, as a sentence without a full stop.
    pub(super) root_cause_why: String,
}

/// Sorts findings: the root cause, then its consequences, then the rest. The root cause is a finding above "info" that
/// no other finding explains; of several, the most severe, then the earliest. A cause is as severe as its worst
/// consequence.
pub(super) fn ordered(mut findings: Vec<Finding>) -> Ordered {
    let severities: BTreeMap<String, Severity> = findings.iter().map(|it| (it.id.clone(), it.severity)).collect();
    let is_above_info = |id: &String| severities.get(id).is_some_and(|severity| *severity < Severity::Info);
    let explains = |cause: &Finding| -> Vec<String> {
        // A finding of severity "info" never explains a problem.
        let effects =
            findings.iter().filter(|it| is_above_info(&cause.id) && it.id != cause.id && can_cause(cause, it));
        let ids: BTreeSet<&String> = effects.map(|it| &it.id).collect();
        cause.explains.iter().filter(|id| ids.contains(id)).cloned().collect()
    };
    let explains: Vec<Vec<String>> = findings.iter().map(explains).collect();
    findings.iter_mut().zip(explains).for_each(|(finding, explains)| finding.explains = explains);
    let consequences: BTreeMap<String, BTreeSet<String>> =
        findings.iter().map(|it| (it.id.clone(), consequences_of(&findings, &it.id))).collect();
    for finding in &mut findings {
        let ids = consequences.get(&finding.id).into_iter().flatten();
        let worst = ids.filter_map(|id| severities.get(id)).min();
        if finding.severity < Severity::Info {
            finding.severity = worst.map_or(finding.severity, |worst| finding.severity.min(*worst));
        }
    }
    findings.sort_by_key(|it| (it.severity, it.since.is_none(), it.since));
    let is_explained = |id: &String| findings.iter().any(|other| other.explains.contains(id));
    let unexplained: Vec<String> =
        findings.iter().map(|it| &it.id).filter(|id| is_above_info(id) && !is_explained(id)).cloned().collect();
    let root_cause = unexplained.first().cloned();
    let of_root = root_cause.as_ref().and_then(|root| consequences.get(root)).cloned().unwrap_or_default();
    findings.sort_by_key(|it| match () {
        () if root_cause.as_ref() == Some(&it.id) => 0,
        () if of_root.contains(&it.id) => 1,
        () => 2,
    });
    let causes: Vec<(String, Vec<String>)> = findings.iter().map(|it| (it.id.clone(), it.explains.clone())).collect();
    for finding in &mut findings {
        let cause = causes.iter().find(|(_, explains)| explains.contains(&finding.id));
        finding.explained_by = cause.map(|(id, _)| id.clone());
    }
    let root_cause_why = why(&findings, root_cause.as_ref(), &of_root, unexplained.len());
    Ordered { findings, root_cause, root_cause_why }
}

/// Whether one finding can cause the other: they share a pod (or one of them is about no pod), and the cause began
/// before the effect ended.
fn can_cause(cause: &Finding, effect: &Finding) -> bool {
    let are_apart =
        !cause.pods.is_empty() && !effect.pods.is_empty() && !cause.pods.iter().any(|pod| effect.pods.contains(pod));
    let is_late = cause.since.zip(effect.until).is_some_and(|(since, until)| since > until + SLACK);
    !are_apart && !is_late
}

/// The ids of all direct and indirect consequences of a finding, without its own id.
fn consequences_of(findings: &[Finding], id: &str) -> BTreeSet<String> {
    let (mut known, mut left) = (BTreeSet::new(), vec![id.to_owned()]);
    while let Some(next) = left.pop() {
        let explains = findings.iter().find(|it| it.id == next).map(|it| it.explains.clone()).unwrap_or_default();
        left.extend(explains.into_iter().filter(|id| known.insert(id.clone())));
    }
    known.remove(id);
    known
}

/// Why the root cause was chosen, of this number of unexplained findings.
fn why(findings: &[Finding], root: Option<&String>, consequences: &BTreeSet<String>, unexplained: usize) -> String {
    let Some(root) = root.and_then(|root| findings.iter().find(|it| it.id == *root)) else {
        return String::new();
    };
    let titles: Vec<&str> =
        findings.iter().filter(|it| consequences.contains(&it.id)).map(|it| it.title.as_str()).collect();
    let explains = match titles.as_slice() {
        [] => "no other finding explains it".to_owned(),
        [one] => format!("it explains 1 other finding: {one}"),
        many => format!("it explains {} other findings: {}", many.len(), many.join("; ")),
    };
    if unexplained < 2 {
        return explains;
    }
    let others =
        findings.iter().filter(|it| it.id != root.id && it.severity < Severity::Info && it.explained_by.is_none());
    let is_most_severe = others.clone().all(|it| it.severity > root.severity);
    let is_earliest = root.since.is_some() && others.clone().all(|it| it.since.is_none_or(|at| Some(at) >= root.since));
    let rank = match (is_most_severe, is_earliest) {
        (true, _) => "the most severe",
        (false, true) => "the earliest",
        (false, false) => "the first",
    };
    format!("{explains}; of {unexplained} unexplained findings, it is {rank}")
}
