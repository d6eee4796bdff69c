//! What logs say.

mod pattern;

pub use pattern::Pattern;
