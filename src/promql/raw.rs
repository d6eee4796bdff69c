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
        selectors(&self.expr, Duration::ZERO, &mut found);
        found.into_iter().filter_map(|(selector, _)| selector.name).collect()
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
        let mut found = Vec::new();
        selectors(&expr, Duration::ZERO, &mut found);
        for (selector, reach) in found {
            let Some(name) = selector.name.clone() else { continue };
            let (matchers, reach) = (selector.matchers.matchers, reach + before);
            match wanted.get_mut(&name) {
                Some((common, held)) => {
                    common.retain(|matcher| matchers.contains(matcher));
                    *held = reach.max(*held);
                }
                None => {
                    wanted.insert(name, (matchers, reach));
                }
            }
        }
    }
    let one = |(name, (matchers, reach)): (String, (Vec<Matcher>, Duration))| {
        let selector = VectorSelector::new(Some(name), Matchers::new(matchers));
        Wanted { selector: Expr::VectorSelector(selector).prettify(), reach }
    };
    wanted.into_iter().map(one).collect()
}

fn selectors(expr: &Expr, range: Duration, found: &mut Vec<(VectorSelector, Duration)>) {
    match expr {
        Expr::Aggregate(it) => {
            selectors(&it.expr, range, found);
            if let Some(param) = &it.param {
                selectors(param, range, found);
            }
        }
        Expr::Unary(it) => selectors(&it.expr, range, found),
        Expr::Paren(it) => selectors(&it.expr, range, found),
        Expr::Binary(it) => {
            selectors(&it.lhs, range, found);
            selectors(&it.rhs, range, found);
        }
        Expr::Subquery(it) => selectors(&it.expr, range, found),
        Expr::VectorSelector(it) => {
            let lookback = Duration::from_millis(LOOKBACK.unsigned_abs());
            let offset = match it.offset {
                Some(Offset::Pos(offset)) => offset,
                // What is later than the moment is asked for with the moments.
                Some(Offset::Neg(_)) | None => Duration::ZERO,
            };
            found.push((it.clone(), range.max(lookback) + offset));
        }
        Expr::MatrixSelector(it) => selectors(&Expr::VectorSelector(it.vs.clone()), it.range, found),
        Expr::Call(it) => it.args.args.iter().for_each(|arg| selectors(arg, range, found)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}
