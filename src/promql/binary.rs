//! Owns operators between two sides, and which series of one are matched with which of the other.

use super::{
    eval::{EvalError, Value, unique},
    labels::Labels,
    samples::Sample,
};
use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality as Card};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What an operator does with two numbers.
#[derive(Clone, Copy)]
enum Op {
    Makes(fn(f64, f64) -> f64),
    Compares(fn(&f64, &f64) -> bool),
}

impl Op {
    fn read(name: &str) -> Option<Self> {
        Some(match name {
            "+" => Self::Makes(|one, other| one + other),
            "-" => Self::Makes(|one, other| one - other),
            "*" => Self::Makes(|one, other| one * other),
            "/" => Self::Makes(|one, other| one / other),
            "%" => Self::Makes(|one, other| one % other),
            "^" => Self::Makes(f64::powf),
            "atan2" => Self::Makes(f64::atan2),
            "==" => Self::Compares(f64::eq),
            "!=" => Self::Compares(f64::ne),
            ">" => Self::Compares(f64::gt),
            ">=" => Self::Compares(f64::ge),
            "<" => Self::Compares(f64::lt),
            "<=" => Self::Compares(f64::le),
            _ => return None,
        })
    }

    /// What it gives: of a comparison that filters, what is `kept` or nothing.
    fn of(self, one: f64, other: f64, kept: f64, returns_bool: bool) -> Option<f64> {
        match self {
            Self::Makes(makes) => Some(makes(one, other)),
            Self::Compares(compares) if returns_bool => Some(f64::from(u8::from(compares(&one, &other)))),
            Self::Compares(compares) => compares(&one, &other).then_some(kept),
        }
    }

    /// Whether what it gives is no value of the metric any more.
    fn unnames(self, returns_bool: bool) -> bool {
        returns_bool || matches!(self, Self::Makes(_))
    }
}

pub(super) fn value(expr: &BinaryExpr, left: Value, right: Value) -> Result<Value, EvalError> {
    let returns_bool = expr.return_bool();
    let name = expr.op.to_string();
    let wrong = || EvalError::Type(expr.to_string());
    if let (Value::Vector(left), Value::Vector(right), "and" | "or" | "unless") = (&left, &right, name.as_str()) {
        return of_sets(&name, expr.modifier.as_ref(), left, right);
    }
    let op = Op::read(&name).ok_or_else(wrong)?;
    // A comparison keeps the series' value also where that is on the right.
    let with = |sample: Sample, one: f64, other: f64| {
        let value = op.of(one, other, sample.value, returns_bool)?;
        let labels = if op.unnames(returns_bool) { sample.labels.unnamed() } else { sample.labels };
        Some(Sample { labels, value })
    };
    match (left, right) {
        (Value::Scalar(one), Value::Scalar(other)) => {
            op.of(one, other, one, returns_bool).map(Value::Scalar).ok_or_else(wrong)
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

/// The labels by which the series of two sides are matched.
fn signature(modifier: Option<&BinModifier>, labels: &Labels) -> Labels {
    match modifier.and_then(|modifier| modifier.matching.as_ref()) {
        Some(matching) => labels.picked(matching),
        None => labels.picked(&LabelModifier::exclude(Vec::new())),
    }
}

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
        let value = op.of(one, two, one, returns_bool);
        let labels = if op.unnames(returns_bool) { sample.labels.unnamed() } else { sample.labels };
        let labels = match (included, modifier.and_then(|modifier| modifier.matching.as_ref())) {
            // What the other has not is of no value.
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
