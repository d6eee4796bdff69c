//! The healthy baseline, line by line.

use super::{answers, case::Case, evidence::Seen};
use crate::{
    bundle::{
        Judged, QueryRecord,
        findings::{BaselineLine, BaselineState},
    },
    facts::verdict,
    profile::rules::{BaselineRule, Matcher},
};

pub(super) fn lines(case: &Case<'_>) -> Vec<BaselineLine> {
    case.profile.baseline.iter().map(|rule| line(case, rule)).collect()
}

fn line(case: &Case<'_>, rule: &BaselineRule) -> BaselineLine {
    let BaselineRule { id, signal, expected, query, wrong } = rule;
    let record = query.as_ref().and_then(|id| worst(case, id));
    let mut line = BaselineLine {
        id: id.clone(),
        signal: signal.clone(),
        expected: expected.clone(),
        state: record.map_or(BaselineState::NotChecked, state),
        value: record.and_then(answers::value),
        why: match (record, query) {
            (Some(record), _) if record.answer.verdict == Judged::NotAnswered => answers::unanswered(case, record),
            (Some(record), _) => verdict::words(record),
            (None, Some(id)) => answers::not_asked(case, id),
            (None, None) => String::new(),
        },
        query: record.map(|record| record.id.clone()),
        entry: record.and_then(|record| record.entry.clone()),
    };
    if let (BaselineState::NotChecked, Some(wrong)) = (line.state, wrong) {
        otherwise(case, wrong, &mut line);
    }
    line
}

/// Of several clusters, the one that is the farthest from what is expected.
fn worst<'a>(case: &Case<'a>, id: &str) -> Option<&'a QueryRecord> {
    let unasked = answers::unasked(case, id).is_some();
    let is_open = |record: &&QueryRecord| !unasked || state(record) != BaselineState::AsExpected;
    answers::records(case, id).filter(is_open).min_by_key(|record| match state(record) {
        BaselineState::NotAsExpected => 0,
        BaselineState::NotChecked => 1,
        BaselineState::AsExpected => 2,
    })
}

fn state(record: &QueryRecord) -> BaselineState {
    match record.answer.verdict {
        Judged::Alert | Judged::Unhealthy => BaselineState::NotAsExpected,
        Judged::Healthy if !record.answer.is_as_of_now() => BaselineState::AsExpected,
        _ => BaselineState::NotChecked,
    }
}

/// What the matcher says, where the query says nothing.
fn otherwise(case: &Case<'_>, wrong: &Matcher, line: &mut BaselineLine) {
    match case.matcher(wrong) {
        Seen::Yes(evidence) => {
            let first = evidence.shown.first();
            line.state = BaselineState::NotAsExpected;
            line.why = first.map(|shown| shown.quote.clone()).unwrap_or_default();
            line.entry = first.and_then(|shown| shown.entry.clone());
        }
        // Objects say all there is of restarts; that lines say nothing is no word for calls.
        Seen::No if wrong.pod.is_some() => {
            line.state = BaselineState::AsExpected;
            "nothing in the evidence says otherwise".clone_into(&mut line.why);
        }
        Seen::No => line.why.push_str("; nothing in the evidence says otherwise"),
        Seen::Unknown(why) if line.why.is_empty() => line.why = why,
        Seen::Unknown(why) => line.why = format!("{}; {why}", line.why),
    }
}
