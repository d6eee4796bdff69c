//! Owns which parts of PromQL are evaluated. Everything else is refused, by its name.

use super::{aggregate, call, over_time, value::strip};
use promql_parser::{
    parser::{Expr, VectorSelector, value::ValueType},
    util,
};
use std::time::Duration;

/// The unsupported part of a whole expression, by its name in PromQL; `None` if all is supported.
pub(super) fn whole(expr: &Expr) -> Option<String> {
    match strip(expr) {
        Expr::MatrixSelector(_) => Some("a range as its value".to_owned()),
        expr => unsupported(expr),
    }
}

/// A duration in the text that the parser cannot be given, as `the duration 5`; `None` if there is none.
pub(super) fn odd_duration(text: &str) -> Option<String> {
    let (mut rest, mut is_next) = (text, false);
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '\'' | '`' => quoted(rest, first),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '[' => 1,
            _ if first.is_alphanumeric() || "_.:+-".contains(first) => {
                rest.find(|char: char| !(char.is_alphanumeric() || "_.:+-".contains(char))).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(end);
        // A subquery has two durations.
        if is_next && token.split(':').any(|part| is_odd_duration(part.trim_start_matches(['+', '-']))) {
            return Some(format!("the duration {token}"));
        }
        let is_blank = token.chars().all(char::is_whitespace);
        is_next = token == "[" || token.eq_ignore_ascii_case("offset") || is_next && is_blank;
        rest = after;
    }
    None
}

/// Whether a duration has no unit, or a number with more than nine digits.
pub(super) fn is_odd_duration(text: &str) -> bool {
    let is_long = text.split(|char: char| !char.is_ascii_digit()).any(|digits| digits.len() > 9);
    is_long || text.parse::<f64>().is_ok()
}

/// A duration as PromQL writes it, such as `5m`; `None` if the text is no duration, or a duration of 0.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    // The parser panics on some of these.
    let text = Some(text).filter(|text| !is_odd_duration(text))?;
    util::parse_duration(text).ok().filter(|duration| !duration.is_zero())
}

/// The end of a quoted string that the text begins with.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' if quote != '`' => is_escaped = true,
            _ if char == quote => return at + char.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The unsupported part of an expression, by its name in PromQL; `None` if all is supported.
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
        Expr::StringLiteral(_) => Some("a string".to_owned()),
        Expr::VectorSelector(it) => selector(it),
        Expr::MatrixSelector(it) => selector(&it.vs),
        Expr::Call(it) => {
            let name = it.func.name;
            let is_known = call::is_known(name) || over_time::Function::read(name).is_some();
            let unknown = (!is_known).then(|| format!("{name}()"));
            // The parser accepts these with a scalar.
            let takes_vector = ["exp", "ln", "log2", "log10"].contains(&name);
            let of_number = it.args.first().is_some_and(|arg| arg.value_type() == ValueType::Scalar);
            let wrong = (takes_vector && of_number).then(|| format!("{name}() of a number"));
            unknown.or(wrong).or_else(|| it.args.args.iter().find_map(|arg| unsupported(arg)))
        }
    }
}

/// The unsupported part of a selector.
fn selector(selector: &VectorSelector) -> Option<String> {
    if selector.at.is_some() {
        return Some("the @ modifier".to_owned());
    }
    (!selector.matchers.or_matchers.is_empty()).then(|| "`or` in braces".to_owned())
}
