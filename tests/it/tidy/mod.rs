//! Owns the rules of the code base that no compiler knows: its rooms, its layout, its names and its lists. Each rule is a
//! function from sources to faults, so that each is also tried on made-up code that breaks it.

mod graph;
mod lists;
mod reader;
mod rooms;
mod source;
mod style;
