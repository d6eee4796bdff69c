//! Owns the detectors and their rules: a file for each family of secrets. Each file knows only those above it here.
//!
//! | | |
//! |---|---|
//! | what a secret looks like | `der`, `key_text`, `secret_names`, `placeholders` |
//! | what a detector is | `multiline_key`, `detection` |
//! | secrets with a form of their own | `jws`, `jwk`, `pem`, `der_key`, `base64_pem`, `urls`, `vendor_tokens` |
//! | secrets by their header or their name | `http_headers`, `value_rules`, `name_context`, `named_values` |
//!
//! A token with a prefix is an entry in `vendor_tokens/table.rs`. For anything else, copy `jws.rs`: a `Rule` with
//! its examples, a function that looks around a keyword, a `RuleSet` that names both, and a line in [`RULE_SETS`].

mod base64_pem;
mod der;
mod der_key;
pub(super) mod detection;
pub(super) mod http_headers;
pub(super) mod jwk;
mod jws;
pub(super) mod key_text;
pub(super) mod multiline_key;
pub(super) mod name_context;
pub(super) mod named_values;
mod pem;
mod placeholders;
pub(super) mod secret_names;
pub(super) mod urls;
pub(super) mod value_rules;
pub(super) mod vendor_tokens;

use detection::RuleSet;

/// Every rule that text is searched by. Where two keywords begin at the same byte, the earlier one counts.
pub(super) const RULE_SETS: &[RuleSet] = &[
    named_values::RULES,
    http_headers::RULES,
    jwk::RULES,
    urls::RULES,
    jws::RULES,
    pem::RULES,
    der_key::RULES,
    vendor_tokens::RULES,
    base64_pem::RULES,
];
