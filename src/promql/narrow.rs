//! Owns the walk over an expression's selectors, and its narrowing to some series: by its tree, so that no value can be read as PromQL.

use promql_parser::{
    label::{MatchOp, Matcher},
    parser::{Expr, VectorSelector, token::T_EQL_REGEX},
};
use std::time::Duration;

/// Adds matchers to every selector of an expression.
pub(super) fn narrow(expr: &mut Expr, to: &[(String, Vec<String>)]) {
    selectors(expr, &mut |selector, _| select(selector, to));
}

/// Shows each selector of an expression with its range, which is none of what is of a moment.
pub(super) fn selectors(expr: &mut Expr, each: &mut dyn FnMut(&mut VectorSelector, Duration)) {
    match expr {
        Expr::Aggregate(it) => {
            selectors(&mut it.expr, each);
            if let Some(param) = &mut it.param {
                selectors(param, each);
            }
        }
        Expr::Unary(it) => selectors(&mut it.expr, each),
        Expr::Paren(it) => selectors(&mut it.expr, each),
        Expr::Binary(it) => {
            selectors(&mut it.lhs, each);
            selectors(&mut it.rhs, each);
        }
        Expr::Subquery(it) => selectors(&mut it.expr, each),
        Expr::VectorSelector(it) => each(it, Duration::ZERO),
        Expr::MatrixSelector(it) => each(&mut it.vs, it.range),
        Expr::Call(it) => it.args.args.iter_mut().for_each(|arg| selectors(arg, each)),
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
