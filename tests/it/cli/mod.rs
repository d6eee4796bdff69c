//! The command line: what a mistake says, what a dry run does and does not, the rights asked for, the
//! smaller copy, and output that nobody takes.

mod dry_run;
mod fit;
mod mistakes;
mod output;
mod planned;
mod rights;
mod window;
