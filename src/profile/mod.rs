//! Profiles: YAML that says what evidence a kind of workload needs.
//!
//! One way in, [`Profile::load`], and nothing leaves but a checked, immutable
//! [`Profile`]: `model`, `rules` and `name` have the types, `load` finds and reads the text,
//! `validate` holds the rules that span several keys, `selector` those of labels,
//! `bound` what values are held against.

mod bound;
mod load;
mod model;
mod name;
pub mod rules;
mod selector;
mod validate;

pub use bound::Bound;
pub use load::{Problem, Profile, ProfileError, embedded, schema};
pub use model::{
    GroupRule, Identity, LogFields, LogRule, LogRules, MetricLabels, NarrowedBy, ObjectRule, QueryRule, RegionHints,
    Scheme, Scope, Scrape, Select, Spec, TwoScrapes, Unit,
};
pub use name::{NameError, ResourceName, WorkloadKind, WorkloadName, is_dns_label, is_subdomain};
pub use validate::is_path;
pub(crate) use validate::rules::VARIABLES;
