//! Owns profiles: YAML that says what evidence one kind of workload needs. Knows no cluster.
//!
//! The one way in is [`Profile::load`], and the result is a checked profile that cannot change. From the bottom up:
//!
//! - `name`, `threshold`, `label_selector` and `pattern` read what a key's text stands for;
//! - `model` and `rules` are the keys, as types: an unknown key is refused;
//! - `problem` collects what is wrong, with line and column; `validate` checks what the types cannot;
//! - `load` finds the text, and makes a [`Profile`] of it.
//!
//! To add a key, add a field with its doc comment to `model` or `rules`, check its value in `validate`, and add a row to
//! docs/PROFILES.md. `UPDATE=1 cargo test --test it profile` writes the schema, and the tests name what is missing.

mod defaults;
mod label_selector;
mod load;
mod model;
mod name;
mod pattern;
mod problem;
pub mod rules;
mod threshold;
mod validate;

pub use load::{Profile, ProfileError, embedded, schema};
pub use model::{
    GroupRule, Identity, LogFields, LogRule, LogRules, MetricLabels, NarrowedBy, ObjectRule, QueryRule, RegionHints,
    Scheme, Scope, Scrape, Select, Spec, TwoScrapes, Unit,
};
pub use name::{NameError, ResourceName, WorkloadKind, WorkloadName, is_dns_label, is_path, is_subdomain};
pub use problem::Problem;
pub use threshold::Threshold;
