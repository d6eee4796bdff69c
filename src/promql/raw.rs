//! Owns which samples expressions need: their selectors, and how far back each reaches.

use super::{narrow, query::Query, samples::LOOKBACK};
use promql_parser::{
    label::{MatchOp, Matcher, Matchers},
    parser::{Expr, Offset, VectorSelector},
};
use std::{collections::BTreeMap, time::Duration};

/// A selector of the samples that some expressions need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSelector {
    /// The selector, as PromQL.
    pub selector: String,
    /// How far before the first evaluation the samples reach.
    pub reach: Duration,
}

impl Query {
    /// The names of the metrics in the expression.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        let mut found = Vec::new();
        narrow::selectors(&mut self.expr.clone(), &mut |selector, _| found.extend(selector.name.clone()));
        found
    }

    /// Whether one of its selectors only selects series without this label.
    #[must_use]
    pub fn excludes(&self, label: &str) -> bool {
        let mut excludes = false;
        let is_empty = |matcher: &Matcher| {
            matcher.name == label && matcher.value.is_empty() && matches!(matcher.op, MatchOp::Equal)
        };
        narrow::selectors(&mut self.expr.clone(), &mut |selector, _| {
            excludes |= selector.matchers.matchers.iter().any(is_empty);
        });
        excludes
    }
}

/// The labels that an expression is narrowed by, each with its values.
type Narrowing = Vec<(String, Vec<String>)>;

/// The samples that these expressions need, each with its narrowing and how long before the first time it is evaluated:
/// one selector for each metric, with the matchers that all its selectors have in common. Selectors without a metric's
/// name are left out.
#[must_use]
pub fn raw_selectors<'a>(queries: impl Iterator<Item = (&'a Query, &'a Narrowing, Duration)>) -> Vec<RawSelector> {
    let mut wanted: BTreeMap<String, (Vec<Matcher>, Duration)> = BTreeMap::new();
    for (query, narrowing, before) in queries {
        let mut expr = query.expr.clone();
        narrow::narrow(&mut expr, narrowing);
        narrow::selectors(&mut expr, &mut |selector, range| {
            let Some(name) = selector.name.clone() else { return };
            let (matchers, reach) = (&selector.matchers.matchers, reach(selector, range) + before);
            let (common, held) = wanted.entry(name).or_insert_with(|| (matchers.clone(), reach));
            common.retain(|matcher| matchers.contains(matcher));
            *held = reach.max(*held);
        });
    }
    let one = |(name, (matchers, reach)): (String, (Vec<Matcher>, Duration))| {
        let selector = VectorSelector::new(Some(name), Matchers::new(matchers));
        RawSelector { selector: Expr::VectorSelector(selector).prettify(), reach }
    };
    wanted.into_iter().map(one).collect()
}

/// How far before the time of evaluation a selector with this range looks.
fn reach(selector: &VectorSelector, range: Duration) -> Duration {
    let lookback = Duration::from_millis(LOOKBACK.unsigned_abs());
    let offset = match selector.offset {
        Some(Offset::Pos(offset)) => offset,
        // Samples after the time of evaluation need no reach before it.
        Some(Offset::Neg(_)) | None => Duration::ZERO,
    };
    range.max(lookback) + offset
}
