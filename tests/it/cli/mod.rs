//! The command line: what a mistake says, what a dry run does and does not, the rights asked for, and
//! the smaller copy.

mod dry_run;
mod fit;
mod mistakes;
mod rights;
