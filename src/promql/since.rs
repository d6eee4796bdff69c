//! Owns the form of an expression over counters since they started: their values instead of their rates.

use super::query::Query;
use promql_parser::parser::{Expr, Offset, VectorSelector};

impl Query {
    /// The expression with counters in place of their `rate`, `increase` or `irate`; `None` if it has none of these, or has
    /// other ranges.
    #[must_use]
    pub fn since_start(&self) -> Option<Self> {
        let mut expr = self.expr.clone();
        let mut replaced = false;
        replace_rates(&mut expr, &mut replaced)?;
        let text = expr.prettify();
        replaced.then(|| Self::parse(&text).ok()).flatten()
    }
}

/// Replaces rates by their counters; `None` if there is another range.
fn replace_rates(expr: &mut Expr, replaced: &mut bool) -> Option<()> {
    match expr {
        Expr::Aggregate(it) => {
            if let Some(param) = &mut it.param {
                replace_rates(param, replaced)?;
            }
            replace_rates(&mut it.expr, replaced)
        }
        Expr::Unary(it) => replace_rates(&mut it.expr, replaced),
        Expr::Paren(it) => replace_rates(&mut it.expr, replaced),
        Expr::Binary(it) => {
            replace_rates(&mut it.lhs, replaced)?;
            replace_rates(&mut it.rhs, replaced)
        }
        Expr::Call(it) if ["rate", "increase", "irate"].contains(&it.func.name) => {
            let counter = it.args.args.first().and_then(|arg| counter(arg))?;
            *replaced = true;
            *expr = Expr::VectorSelector(counter);
            Some(())
        }
        Expr::Call(it) => it.args.args.iter_mut().try_for_each(|arg| replace_rates(arg, replaced)),
        Expr::MatrixSelector(_) | Expr::Subquery(_) | Expr::Extension(_) => None,
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::VectorSelector(_) => Some(()),
    }
}

/// The selector of a range.
fn counter(range: &Expr) -> Option<VectorSelector> {
    match range {
        Expr::MatrixSelector(it) => Some(VectorSelector { offset: None::<Offset>, ..it.vs.clone() }),
        Expr::Paren(it) => counter(&it.expr),
        _ => None,
    }
}
