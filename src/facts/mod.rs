//! Small typed extracts of clean evidence, taken while it streams by. Pure: no IO, no clock.

pub mod identity;
