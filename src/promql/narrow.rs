//! Owns the narrowing of an expression to some series: by its tree, so that no value can be read as PromQL.

use promql_parser::{
    label::{MatchOp, Matcher},
    parser::{Expr, VectorSelector, token::T_EQL_REGEX},
};

/// Adds matchers to every selector of an expression.
pub(super) fn narrow(expr: &mut Expr, to: &[(String, Vec<String>)]) {
    match expr {
        Expr::Aggregate(it) => {
            narrow(&mut it.expr, to);
            if let Some(param) = &mut it.param {
                narrow(param, to);
            }
        }
        Expr::Unary(it) => narrow(&mut it.expr, to),
        Expr::Paren(it) => narrow(&mut it.expr, to),
        Expr::Binary(it) => {
            narrow(&mut it.lhs, to);
            narrow(&mut it.rhs, to);
        }
        Expr::Subquery(it) => narrow(&mut it.expr, to),
        Expr::VectorSelector(it) => select(it, to),
        Expr::MatrixSelector(it) => select(&mut it.vs, to),
        Expr::Call(it) => it.args.args.iter_mut().for_each(|arg| narrow(arg, to)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn select(selector: &mut VectorSelector, to: &[(String, Vec<String>)]) {
    let matchers = &mut selector.matchers.matchers;
    for matcher in to.iter().filter_map(|(label, values)| matcher(label, values)) {
        // Said twice, `absent` would not tell it.
        if !matchers.contains(&matcher) {
            matchers.push(matcher);
        }
    }
}

fn matcher(label: &str, values: &[String]) -> Option<Matcher> {
    match values {
        [] => None,
        [value] => Some(Matcher::new(MatchOp::Equal, label, value)),
        _ => {
            let any = values.iter().map(|value| escaped(value)).collect::<Vec<_>>().join("|");
            Matcher::new_matcher(T_EQL_REGEX, label.to_owned(), any).ok()
        }
    }
}

/// A text as the pattern that matches it alone.
fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for char in text.chars() {
        if r"\.+*?()|[]{}^$".contains(char) {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}
