//! What the profile's rules look for in logs.

use crate::bundle::facts::Level;
use regex_automata::meta::Regex;

/// Lines that one rule means.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Its id, which its hits bear.
    pub id: String,
    /// Of these words, in whatever case, one at least is in the line.
    pub contains: Vec<String>,
    /// At least this severe.
    pub level: Option<Level>,
    /// Fields of a JSON line, each with what its value matches somewhere.
    pub fields: Vec<(String, Regex)>,
    /// What matches somewhere in the line, its stamp left out.
    pub text: Option<Regex>,
}
