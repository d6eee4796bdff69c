//! Whatever facts there are, judging them ends, and what it names is there.

use super::case::{Case, ago, now, pod};
use kubectl_escalate::{
    bundle::{
        Judged,
        facts::{Condition, EventFacts, Hit, Line, ReadyState, RunState},
    },
    findings,
};
use proptest::{collection::vec, prelude::*, sample::select};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_facts_break_it_and_every_id_exists(
        hits in vec((0_usize..80, 0_u64..40), 0..12),
        answers in vec((0_usize..17, 0_usize..5, ".{0,6}"), 0..12),
        states in vec((select(vec!["waiting", "terminated", "running", "?"]), select(vec!["CrashLoopBackOff", "OOMKilled", "Error", "ErrImagePull", ""]), any::<Option<i64>>()), 0..4),
        events in vec((select(vec!["Unhealthy", "NodeNotReady", "FailedScheduling", "x"]), ".{0,20}", any::<u64>()), 0..4),
        downs in vec(select(vec!["configCache", "bundleCache", "agentServer", "other"]), 0..3),
        names in vec(".{0,30}", 1..4),
        minutes in -100_000_i64..100_000,
    ) {
        let mut case = Case::well();
        let patterns = findings::patterns(&case.profile);
        for (at, count) in hits {
            let line = Line { at: ago(minutes), text: "é".repeat(900) };
            let pattern = patterns[at % patterns.len()].id.clone();
            case.facts.logs[0].hits.push(Hit { pattern, count, first: Vec::new(), last: line });
        }
        let ids: Vec<String> = case.profile.queries.iter().map(|rule| rule.id.clone()).collect();
        for (id, verdict, value) in answers {
            let verdict = [Judged::Alert, Judged::Unhealthy, Judged::Gaps, Judged::NoData, Judged::NotAnswered][verdict];
            case = case.query(&ids[id % ids.len()], verdict, &value, &[("status_code", "signing_failed")]);
        }
        for name in names {
            let mut other = pod();
            other.pod.clone_from(&name);
            other.conditions = vec![Condition { kind: "Ready".into(), status: name, since: Some(ago(minutes)), ..Default::default() }];
            for (kind, reason, exit_code) in &states {
                let state = RunState { kind: (*kind).into(), reason: (*reason).into(), exit_code: *exit_code, finished: Some(ago(minutes)), ..Default::default() };
                other.containers[0].last_state = other.containers[0].state.replace(state);
                other.containers[0].restarts = 2;
            }
            case.facts.pods.push(other);
        }
        for (reason, about, count) in events {
            case.facts.events.push(EventFacts { reason: reason.into(), about, count, last: Some(now()), kind: "Warning".into(), ..Default::default() });
        }
        for down in downs {
            let state = ReadyState { at: ago(minutes), until: ago(0), status: "down".into(), down: vec![down.into()], up: Vec::new() };
            case.facts.logs[0].ready.push(state);
        }
        let judged = case.judge();
        let found: Vec<&String> = judged.findings.iter().map(|it| &it.id).collect();
        prop_assert_eq!(found.len() + judged.not_checked.len() + judged.not_found.len(), case.profile.findings.len());
        prop_assert!(judged.root_cause.iter().all(|root| found.first() == Some(&root)));
        for finding in &judged.findings {
            prop_assert!(finding.explains.iter().chain(&finding.explained_by).all(|id| found.contains(&id)));
            prop_assert!(finding.shown_by.len() <= 6 && !finding.shown_by.is_empty());
            prop_assert!(finding.shown_by.iter().all(|shown| shown.quote.chars().count() <= 601));
        }
        let root = judged.findings.first().filter(|it| judged.root_cause.as_ref() == Some(&it.id));
        prop_assert!(root.is_none_or(|root| root.explained_by.is_none()));
        // The same facts give the same findings.
        prop_assert_eq!(&case.judge(), &judged);
    }
}
