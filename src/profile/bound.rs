//! What a value is held against: `> 0.99`.

use std::str::FromStr;

/// A comparison with a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    operator: Operator,
    number: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    AtMost,
    Equal,
    Unequal,
    AtLeast,
    Greater,
}

/// The longer ones first: `<=` begins as `<` does.
const OPERATORS: [(&str, Operator); 6] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl FromStr for Bound {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let read = |(word, operator): &(&str, Operator)| Some((*operator, text.strip_prefix(word)?));
        let (operator, number) = OPERATORS.iter().find_map(read).ok_or(())?;
        let number = number.trim().parse().map_err(|_| ())?;
        if f64::is_finite(number) { Ok(Self { operator, number }) } else { Err(()) }
    }
}

impl Bound {
    /// The number that values are compared with.
    #[must_use]
    pub fn number(self) -> f64 {
        self.number
    }

    /// Whether a value compares so. What is no number compares as nothing.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        let Self { operator, number } = self;
        match operator {
            _ if value.is_nan() => false,
            Operator::Less => value < number,
            Operator::AtMost => value <= number,
            Operator::Equal => value == number,
            Operator::Unequal => value != number,
            Operator::AtLeast => value >= number,
            Operator::Greater => value > number,
        }
    }

    /// Whether values compare so that are small enough; the others do that are large enough, or any but one.
    #[must_use]
    pub fn is_below(self) -> bool {
        matches!(self.operator, Operator::Less | Operator::AtMost)
    }

    /// Whether values compare so that are large enough.
    #[must_use]
    pub fn is_above(self) -> bool {
        matches!(self.operator, Operator::Greater | Operator::AtLeast)
    }
}
