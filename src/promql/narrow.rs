//! Owns the narrowing of an expression to some series. It changes the syntax tree, so that no label value is parsed as
//! PromQL.

use promql_parser::{
    label::{MatchOp, Matcher},
    parser::{Expr, VectorSelector, token::T_EQL_REGEX},
};
use std::time::Duration;

/// Adds matchers to every selector of an expression.
pub(super) fn narrow(expr: &mut Expr, to: &[(String, Vec<String>)]) {
    selectors(expr, &mut |selector, _| select(selector, to));
}

/// Calls `each` with each selector of an expression and its range, which is 0 for an instant selector.
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

/// Adds matchers to a selector.
fn select(selector: &mut VectorSelector, to: &[(String, Vec<String>)]) {
    let matchers = &mut selector.matchers.matchers;
    for matcher in to.iter().filter_map(|(label, values)| matcher(label, values)) {
        // `absent` ignores labels with two equal matchers.
        if !matchers.contains(&matcher) {
            matchers.push(matcher);
        }
    }
}

/// The matcher of a label with one of these values.
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

/// The regular expression that matches only this text.
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
