//! Owns the limits of what is evaluated: whatever is not in these lists is refused by its name.

use super::{aggregate, call, over_time};
use promql_parser::parser::{Expr, VectorSelector};

/// What an expression uses that is not evaluated here, by its name in PromQL; none where all is.
pub(super) fn unsupported(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Aggregate(it) => {
            let name = it.op.to_string();
            let is_known = aggregate::Op::read(&name).is_some();
            let param = it.param.as_deref().and_then(unsupported);
            (!is_known).then_some(name).or(param).or_else(|| unsupported(&it.expr))
        }
        Expr::Unary(it) => unsupported(&it.expr),
        Expr::Paren(it) => unsupported(&it.expr),
        Expr::Binary(it) => {
            let modifier = it.modifier.as_ref();
            let fills = modifier.is_some_and(|it| it.fill_values.lhs.is_some() || it.fill_values.rhs.is_some());
            let fill = fills.then(|| "fill modifiers".to_owned());
            fill.or_else(|| unsupported(&it.lhs)).or_else(|| unsupported(&it.rhs))
        }
        Expr::Subquery(_) => Some("a subquery".to_owned()),
        Expr::Extension(_) => Some("an extension".to_owned()),
        Expr::NumberLiteral(_) => None,
        Expr::StringLiteral(_) => Some("a text".to_owned()),
        Expr::VectorSelector(it) => selector(it),
        Expr::MatrixSelector(it) => selector(&it.vs),
        Expr::Call(it) => {
            let name = it.func.name;
            let is_known = call::is_known(name) || over_time::Function::read(name).is_some();
            let unknown = (!is_known).then(|| format!("{name}()"));
            unknown.or_else(|| it.args.args.iter().find_map(|arg| unsupported(arg)))
        }
    }
}

fn selector(selector: &VectorSelector) -> Option<String> {
    if selector.at.is_some() {
        return Some("the @ modifier".to_owned());
    }
    (!selector.matchers.or_matchers.is_empty()).then(|| "`or` within braces".to_owned())
}
