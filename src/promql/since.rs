//! Owns what an expression says of counters since they began: in place of how fast they grow, how far they have.

use super::Query;
use promql_parser::parser::{Expr, Offset, VectorSelector};

impl Query {
    /// The same of the counters' values, in place of their rates and increases; none where it has none of these,
    /// or what it takes of them is no matter of a moment.
    #[must_use]
    pub fn since_start(&self) -> Option<Self> {
        let mut expr = self.expr.clone();
        let mut changed = false;
        change(&mut expr, &mut changed)?;
        let text = expr.prettify();
        changed.then(|| Self::parse(&text).ok()).flatten()
    }
}

/// Puts the counters in place of their rates; none where there is a range that is another's.
fn change(expr: &mut Expr, changed: &mut bool) -> Option<()> {
    match expr {
        Expr::Aggregate(it) => {
            if let Some(param) = &mut it.param {
                change(param, changed)?;
            }
            change(&mut it.expr, changed)
        }
        Expr::Unary(it) => change(&mut it.expr, changed),
        Expr::Paren(it) => change(&mut it.expr, changed),
        Expr::Binary(it) => {
            change(&mut it.lhs, changed)?;
            change(&mut it.rhs, changed)
        }
        Expr::Call(it) if ["rate", "increase", "irate"].contains(&it.func.name) => {
            let counter = it.args.args.first().and_then(|arg| counter(arg))?;
            *changed = true;
            *expr = Expr::VectorSelector(counter);
            Some(())
        }
        Expr::Call(it) => it.args.args.iter_mut().try_for_each(|arg| change(arg, changed)),
        Expr::MatrixSelector(_) | Expr::Subquery(_) | Expr::Extension(_) => None,
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::VectorSelector(_) => Some(()),
    }
}

fn counter(range: &Expr) -> Option<VectorSelector> {
    match range {
        Expr::MatrixSelector(it) => Some(VectorSelector { offset: None::<Offset>, ..it.vs.clone() }),
        Expr::Paren(it) => counter(&it.expr),
        _ => None,
    }
}
