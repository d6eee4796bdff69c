//! What the tests share: a fake API server for what a real one cannot be made to do, a small world
//! that it serves, a bundle served as one, and the program run against them.

pub(crate) mod api;
pub(crate) mod certificates;
pub(crate) mod evidence;
pub(crate) mod front;
pub(crate) mod json;
pub(crate) mod needs;
pub(crate) mod prometheus;
pub(crate) mod recorded;
pub(crate) mod run;
pub(crate) mod world;

pub(crate) use api::{Api, Asked, Gate, Piece, Reply};
pub(crate) use run::{Bundle, Ended, Run};
pub(crate) use world::World;

/// Bound of every wait of a test: far above what anything takes, so that only a hang meets it.
pub(crate) const HANG: std::time::Duration = std::time::Duration::from_secs(120);

/// Shows a text also if the test passes, which `println!` does not.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(text.as_bytes());
}
