//! Owns which samples an expression is made of: its selectors, and how far back each reaches.

use super::{Query, narrow, samples::LOOKBACK};
use promql_parser::{
    label::{Matcher, Matchers},
    parser::{Expr, Offset, VectorSelector},
};
use std::{collections::BTreeMap, time::Duration};

/// Samples that some expressions are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// A selector, as PromQL.
    pub selector: String,
    /// How far before the first moment they reach.
    pub reach: Duration,
}

impl Query {
    /// The names of the metrics that it is made of.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        let mut found = Vec::new();
        narrow::selectors(&mut self.expr.clone(), &mut |selector, _| found.extend(selector.name.clone()));
        found
    }
}

/// Label and values of each label that an expression is narrowed by.
type Narrowing = Vec<(String, Vec<String>)>;

/// The samples that these expressions are made of, each narrowed and looked at for some time before the first
/// moment: one selector a metric, of what all of its selectors have in common. A selector without a metric's
/// name is left out.
#[must_use]
pub fn raw<'a>(queries: impl Iterator<Item = (&'a Query, &'a Narrowing, Duration)>) -> Vec<Wanted> {
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
        Wanted { selector: Expr::VectorSelector(selector).prettify(), reach }
    };
    wanted.into_iter().map(one).collect()
}

/// How far before a moment a selector of this range looks.
fn reach(selector: &VectorSelector, range: Duration) -> Duration {
    let lookback = Duration::from_millis(LOOKBACK.unsigned_abs());
    let offset = match selector.offset {
        Some(Offset::Pos(offset)) => offset,
        // What is later than the moment is asked for with the moments.
        Some(Offset::Neg(_)) | None => Duration::ZERO,
    };
    range.max(lookback) + offset
}
