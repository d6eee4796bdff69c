//! Owns binary operators, and which series of their two sides match.

use super::{
    labels::Labels,
    samples::Sample,
    value::{EvalError, Value, unique},
};
use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality as Card};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An operator on two numbers.
#[derive(Clone, Copy)]
enum Op {
    Arithmetic(fn(f64, f64) -> f64),
    Comparison(fn(&f64, &f64) -> bool),
}

impl Op {
    fn read(name: &str) -> Option<Self> {
        Some(match name {
            "+" => Self::Arithmetic(|one, other| one + other),
            "-" => Self::Arithmetic(|one, other| one - other),
            "*" => Self::Arithmetic(|one, other| one * other),
            "/" => Self::Arithmetic(|one, other| one / other),
            "%" => Self::Arithmetic(|one, other| one % other),
            "^" => Self::Arithmetic(f64::powf),
            "atan2" => Self::Arithmetic(f64::atan2),
            "==" => Self::Comparison(f64::eq),
            "!=" => Self::Comparison(f64::ne),
            ">" => Self::Comparison(f64::gt),
            ">=" => Self::Comparison(f64::ge),
            "<" => Self::Comparison(f64::lt),
            "<=" => Self::Comparison(f64::le),
            _ => return None,
        })
    }

    /// The result. A comparison without `bool` filters: its result is `kept`, or `None`.
    fn apply(self, one: f64, other: f64, kept: f64, returns_bool: bool) -> Option<f64> {
        match self {
            Self::Arithmetic(compute) => Some(compute(one, other)),
            Self::Comparison(compares) if returns_bool => Some(f64::from(u8::from(compares(&one, &other)))),
            Self::Comparison(compares) => compares(&one, &other).then_some(kept),
        }
    }

    /// Whether the result loses the metric's name.
    fn drops_name(self, returns_bool: bool) -> bool {
        returns_bool || matches!(self, Self::Arithmetic(_))
    }
}

/// The value of a binary operator on its two sides.
pub(super) fn value(expr: &BinaryExpr, left: Value, right: Value) -> Result<Value, EvalError> {
    let returns_bool = expr.return_bool();
    let name = expr.op.to_string();
    let wrong = || EvalError::Type(expr.to_string());
    if let (Value::Vector(left), Value::Vector(right), "and" | "or" | "unless") = (&left, &right, name.as_str()) {
        return of_sets(&name, expr.modifier.as_ref(), left, right);
    }
    let op = Op::read(&name).ok_or_else(wrong)?;
    // A comparison keeps the series' value, even if that is on the right.
    let with = |sample: Sample, one: f64, other: f64| {
        let value = op.apply(one, other, sample.value, returns_bool)?;
        let labels = if op.drops_name(returns_bool) { sample.labels.unnamed() } else { sample.labels };
        Some(Sample { labels, value })
    };
    match (left, right) {
        (Value::Scalar(one), Value::Scalar(other)) => {
            op.apply(one, other, one, returns_bool).map(Value::Scalar).ok_or_else(wrong)
        }
        (Value::Vector(left), Value::Scalar(other)) => unique(
            left.into_iter()
                .filter_map(|it| {
                    let one = it.value;
                    with(it, one, other)
                })
                .collect(),
        ),
        (Value::Scalar(one), Value::Vector(right)) => unique(
            right
                .into_iter()
                .filter_map(|it| {
                    let other = it.value;
                    with(it, one, other)
                })
                .collect(),
        ),
        (Value::Vector(left), Value::Vector(right)) => of_vectors(op, expr.modifier.as_ref(), left, right),
    }
}

/// The labels by which series of the two sides match.
fn signature(modifier: Option<&BinModifier>, labels: &Labels) -> Labels {
    match modifier.and_then(|modifier| modifier.matching.as_ref()) {
        Some(matching) => labels.picked(matching),
        None => labels.picked(&LabelModifier::exclude(Vec::new())),
    }
}

/// `and`, `or` and `unless`.
fn of_sets(name: &str, modifier: Option<&BinModifier>, left: &[Sample], right: &[Sample]) -> Result<Value, EvalError> {
    let signatures = |side: &[Sample]| -> BTreeSet<Labels> {
        side.iter().map(|sample| signature(modifier, &sample.labels)).collect()
    };
    let (ours, theirs) = (signatures(left), signatures(right));
    let of_left = left.iter().filter(|sample| {
        let is_matched = theirs.contains(&signature(modifier, &sample.labels));
        match name {
            "and" => is_matched,
            "unless" => !is_matched,
            _ => true,
        }
    });
    let of_right = right.iter().filter(|sample| name == "or" && !ours.contains(&signature(modifier, &sample.labels)));
    unique(of_left.chain(of_right).cloned().collect())
}

/// An operator on the matching series of two vectors.
fn of_vectors(
    op: Op,
    modifier: Option<&BinModifier>,
    left: Vec<Sample>,
    right: Vec<Sample>,
) -> Result<Value, EvalError> {
    if left.is_empty() || right.is_empty() {
        return Ok(Value::Vector(Vec::new()));
    }
    let returns_bool = modifier.is_some_and(|modifier| modifier.return_bool);
    let card = modifier.map_or(&Card::OneToOne, |modifier| &modifier.card);
    let (is_swapped, included) = match card {
        Card::OneToMany(labels) => (true, Some(labels)),
        Card::ManyToOne(labels) => (false, Some(labels)),
        Card::OneToOne | Card::ManyToMany => (false, None),
    };
    let (many, one) = if is_swapped { (right, left) } else { (left, right) };
    let mut ones: BTreeMap<Labels, Sample> = BTreeMap::new();
    for sample in one {
        let signature = signature(modifier, &sample.labels);
        if ones.contains_key(&signature) {
            return Err(EvalError::ManyToMany(signature));
        }
        ones.insert(signature, sample);
    }
    let mut out = Vec::new();
    let mut matched: HashMap<Labels, BTreeSet<Labels>> = HashMap::new();
    for sample in many {
        let signature = signature(modifier, &sample.labels);
        let Some(other) = ones.get(&signature) else { continue };
        let (one, two) = if is_swapped { (other.value, sample.value) } else { (sample.value, other.value) };
        let value = op.apply(one, two, one, returns_bool);
        let labels = if op.drops_name(returns_bool) { sample.labels.unnamed() } else { sample.labels };
        let labels = match (included, modifier.and_then(|modifier| modifier.matching.as_ref())) {
            // A label that the other side lacks becomes empty.
            (Some(included), _) => {
                let theirs = included.labels.iter().map(|name| (name.as_str(), other.labels.get(name).unwrap_or("")));
                labels.iter().chain(theirs).collect()
            }
            (None, Some(matching)) => labels.kept(matching),
            (None, None) => labels,
        };
        let seen = matched.entry(signature).or_default();
        if included.is_none() && !seen.is_empty() || !seen.insert(labels.clone()) {
            return Err(EvalError::ManyToOne(labels));
        }
        out.extend(value.map(|value| Sample { labels, value }));
    }
    unique(out)
}
