//! Owns the evaluation of rules: which matcher is evaluated where, and how the matchers of a rule combine.

use super::{answers, cluster, context::EvalContext, evidence::MatchResult, lines, pods};
use crate::profile::rules::{FindingRule, Match, Matcher};

/// Evaluates a rule: all of `all`, one of `any`, and none of `unless`.
pub(super) fn rule(context: &EvalContext<'_>, rule: &FindingRule) -> MatchResult {
    if rule.unless.iter().any(|it| matches!(matcher(context, it), MatchResult::Match(_))) {
        return MatchResult::NoMatch;
    }
    let all = MatchResult::all_of(rule.all.iter().map(|it| matcher(context, it)));
    let any = MatchResult::any_of(rule.any.iter().map(|it| matcher(context, it)));
    MatchResult::all_of([all, any])
}

/// Evaluates a matcher.
pub(super) fn matcher(context: &EvalContext<'_>, matcher: &Matcher) -> MatchResult {
    match matcher.one() {
        None => MatchResult::Unknown("the matcher has no condition, or more than one".to_owned()),
        Some(Match::Log(log)) => lines::log(context, log),
        Some(Match::Lines(level)) => lines::lines(context, level),
        Some(Match::Ready(ready)) => lines::ready(context, ready),
        Some(Match::Query(query)) => answers::query(context, query),
        Some(Match::Pod(pod)) => pods::pod(context, pod),
        Some(Match::Resources(resources)) => pods::resources(context, resources),
        Some(Match::Usage(usage)) => pods::usage(context, usage),
        Some(Match::Env(env)) => pods::env(context, env),
        Some(Match::Versions(_)) => pods::versions(context),
        Some(Match::Event(event)) => cluster::event(context, event),
        Some(Match::Autoscaler(autoscaler)) => cluster::autoscaler(context, autoscaler),
        Some(Match::Workload(workload)) => cluster::workload(context, workload),
        Some(Match::CustomResource(resource)) => cluster::custom_resource(context, resource),
        Some(Match::Scrape(_)) => cluster::scrape(context),
    }
}
