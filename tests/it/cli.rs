//! The command line: what a mistake says, what a dry run does and does not, and the rights asked for.

mod dry_run;
mod mistakes;
mod rights;
