//! Owns profiles: YAML that says what evidence one kind of workload needs. Knows no cluster.
//!
//! The one way in is [`Profile::load`], and the result is a checked profile that cannot change. From the bottom up:
//!
//! - `name`, `threshold`, `label_selector` and `pattern` read what a key's text stands for;
//! - `model` and `rules` are the keys, as types: an unknown key is refused;
//! - `problem` collects what is wrong, with line and column; `validate` checks what the types cannot;
//! - `load` finds the text, and makes a [`Profile`] of it.
//!
//! To add a key, add a field to `model` or `rules`, and check its value in `validate`. Its doc comment becomes its row
//! in docs/PROFILES.md, which `UPDATE=1 cargo test --test it reference` writes, and its description in the schema,
//! which `UPDATE=1 cargo test --test it profile` writes.

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
