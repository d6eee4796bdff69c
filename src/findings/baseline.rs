//! Owns the healthy baseline: whether each of its lines is as expected.

use super::{answers, context::EvalContext, evidence::MatchResult, matchers};
use crate::{
    bundle::{
        Judged, QueryRecord,
        findings::{BaselineLine, BaselineState},
    },
    facts::verdict,
    profile::rules::{BaselineRule, Matcher},
};

pub(super) fn lines(context: &EvalContext<'_>) -> Vec<BaselineLine> {
    context.profile.baseline.iter().map(|rule| line(context, rule)).collect()
}

fn line(context: &EvalContext<'_>, rule: &BaselineRule) -> BaselineLine {
    let BaselineRule { id, signal, expected, query, wrong } = rule;
    let record = query.as_ref().and_then(|id| worst(context, id));
    let mut line = BaselineLine {
        id: id.clone(),
        signal: signal.clone(),
        expected: expected.clone(),
        state: record.map_or(BaselineState::NotChecked, state),
        value: record.and_then(answers::value),
        why: match (record, query) {
            (Some(record), _) if record.answer.verdict == Judged::NotAnswered => answers::unanswered(context, record),
            (Some(record), _) => verdict::words(record),
            (None, Some(id)) => answers::not_asked(context, id),
            (None, None) => String::new(),
        },
        query: record.map(|record| record.id.clone()),
        entry: record.and_then(|record| record.entry.clone()),
    };
    if let (BaselineState::NotChecked, Some(wrong)) = (line.state, wrong) {
        otherwise(context, wrong, &mut line);
    }
    line
}

/// Of the answers of several clusters, the one that is farthest from what is expected.
fn worst<'a>(context: &EvalContext<'a>, id: &str) -> Option<&'a QueryRecord> {
    let is_complete = answers::missing_answer(context, id).is_none();
    let is_open = |record: &&QueryRecord| is_complete || state(record) != BaselineState::AsExpected;
    answers::records(context, id).filter(is_open).min_by_key(|record| match state(record) {
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

/// Checks a line by its matcher, if its query did not answer.
fn otherwise(context: &EvalContext<'_>, wrong: &Matcher, line: &mut BaselineLine) {
    match matchers::matcher(context, wrong) {
        MatchResult::Match(evidence) => {
            let first = evidence.shown.first();
            line.state = BaselineState::NotAsExpected;
            line.why = first.map(|shown| shown.quote.clone()).unwrap_or_default();
            line.entry = first.and_then(|shown| shown.entry.clone());
        }
        // Objects are complete about restarts. Log lines are not complete about calls.
        MatchResult::NoMatch if wrong.pod.is_some() => {
            line.state = BaselineState::AsExpected;
            "nothing in the evidence says otherwise".clone_into(&mut line.why);
        }
        MatchResult::NoMatch => line.why.push_str("; nothing in the evidence says otherwise"),
        MatchResult::Unknown(why) if line.why.is_empty() => line.why = why,
        MatchResult::Unknown(why) => line.why = format!("{}; {why}", line.why),
    }
}
