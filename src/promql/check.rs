//! Owns the limits of what is evaluated: whatever is not in these lists is refused by its name.

use super::{aggregate, call, eval::strip, over_time};
use promql_parser::parser::{Expr, VectorSelector, value::ValueType};

/// What an expression as a whole uses that is not evaluated here.
pub(super) fn whole(expr: &Expr) -> Option<String> {
    match strip(expr) {
        Expr::MatrixSelector(_) => Some("a range for its value".to_owned()),
        expr => unsupported(expr),
    }
}

/// A duration that is a mere number, or has one too long in it, by its text.
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
        // A subquery has two of them.
        if is_next && token.split(':').any(|part| is_odd_duration(part.trim_start_matches(['+', '-']))) {
            return Some(format!("the duration {token}"));
        }
        let is_blank = token.chars().all(char::is_whitespace);
        is_next = token == "[" || token.eq_ignore_ascii_case("offset") || is_next && is_blank;
        rest = after;
    }
    None
}

/// Whether a duration has no unit, or more digits than are counted.
pub(super) fn is_odd_duration(text: &str) -> bool {
    let is_long = text.split(|char: char| !char.is_ascii_digit()).any(|digits| digits.len() > 9);
    is_long || text.parse::<f64>().is_ok()
}

/// Where a text in quotes ends.
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
            // The parser lets these pass.
            let takes_vector = ["exp", "ln", "log2", "log10"].contains(&name);
            let of_number = it.args.first().is_some_and(|arg| arg.value_type() == ValueType::Scalar);
            let wrong = (takes_vector && of_number).then(|| format!("{name}() of a number"));
            unknown.or(wrong).or_else(|| it.args.args.iter().find_map(|arg| unsupported(arg)))
        }
    }
}

fn selector(selector: &VectorSelector) -> Option<String> {
    if selector.at.is_some() {
        return Some("the @ modifier".to_owned());
    }
    (!selector.matchers.or_matchers.is_empty()).then(|| "`or` within braces".to_owned())
}
