//! Findings: what the rules of the profiles make of facts in the shapes of real servers.

mod case;
mod evidence;
mod incidents;
mod language;
mod pairs;
mod properties;
mod report;
mod rules;
