//! Owns [`Threshold`]: the comparison that a profile writes for a value, such as `> 0.99`.

use std::str::FromStr;

/// A comparison with a finite number, as in `> 0.99`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
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

/// The longer ones come first, because `<=` begins with `<`.
const OPERATORS: [(&str, Operator); 6] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl FromStr for Threshold {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let read = |(word, operator): &(&str, Operator)| Some((*operator, text.strip_prefix(word)?));
        let (operator, number) = OPERATORS.iter().find_map(read).ok_or(())?;
        let number = number.trim().parse().map_err(|_| ())?;
        if f64::is_finite(number) { Ok(Self { operator, number }) } else { Err(()) }
    }
}

impl Threshold {
    /// The number that values are compared with.
    #[must_use]
    pub fn number(self) -> f64 {
        self.number
    }

    /// Whether the comparison is true of `value`. It is never true of NaN.
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

    /// Whether it is an upper limit: `<` or `<=`.
    #[must_use]
    pub fn is_below(self) -> bool {
        matches!(self.operator, Operator::Less | Operator::AtMost)
    }

    /// Whether it is a lower limit: `>` or `>=`.
    #[must_use]
    pub fn is_above(self) -> bool {
        matches!(self.operator, Operator::Greater | Operator::AtLeast)
    }
}
