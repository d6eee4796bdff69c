//! Owns redaction, and so the only maker of [`Clean`]: nothing reaches the writer or the facts but through here.
//!
//! A secret becomes a token, `<rule:hex>`, made with the [`Key`] of the run: the same secret has the same hex digits
//! wherever it stands, and they tell nothing about it. Everything else stays as it was, byte for byte.
//!
//! Text is read in three steps. `keywords` searches for a few words near which secrets stand. A detector (a file in
//! `detectors`) looks around each word. `stream` replaces what the detectors found by tokens; it alone knows about
//! chunks, lines and memory. `object` walks JSON, whose structure tells more than text, and hands each string to the
//! same detectors. `page` and `own_json` redact what this program itself makes.
//!
//! **To add a rule** for a token with a prefix, add an entry to the table in `detectors/vendor_tokens/table.rs`: an id,
//! what it replaces, texts that must match, texts that must not, and the prefix with what follows it. To add a name
//! whose value is a secret, or a value that never is one, add a word to the lists in `detectors/secret_names.rs` or
//! `placeholders.rs`. For a secret of any other form, add a file as `detectors/mod.rs` says. Two commands do the rest:
//! `cargo test --test it redact` tries every example in every kind of text, and `UPDATE=1 cargo test --test it
//! reference` writes the table in docs/SECURITY.md.
//!
//! Each file uses only files that stand before it in this order: `rule`, `text`, `key`, `clean`, `detectors`,
//! `keywords`, `scan`, `output`, `stream`, `object`, `page`, `own_json`.

mod clean;
mod detectors;
mod key;
mod keywords;
mod object;
mod output;
mod own_json;
mod page;
mod rule;
mod scan;
mod stream;
mod text;

use crate::yaml;
use serde_json::{Value, value::RawValue};
use std::sync::Arc;

pub use clean::{Clean, CleanJson, Counts, Joined};
pub use key::{Key, KeyError};
pub use rule::Rule;
pub use stream::Stream;

/// Every rule, in the order of docs/SECURITY.md.
pub fn rules() -> Vec<&'static Rule> {
    detectors::RULE_SETS.iter().flat_map(|set| (set.rules)()).chain(object::RULES).collect()
}

/// Replaces secrets by tokens that are made with one key. Clones share the key.
#[derive(Clone, Debug)]
pub struct Redactor(Arc<Key>);

impl Redactor {
    /// A redactor that makes its tokens with `key`.
    pub fn new(key: &Key) -> Self {
        Self(Arc::new(key.clone()))
    }

    /// Redacts a stream of bytes of any length, such as a log.
    pub fn stream(&self) -> Stream {
        Stream::new(Arc::clone(&self.0))
    }

    /// Redacts a whole text. The result is that of a stream of its bytes.
    pub fn text(&self, input: &[u8]) -> (Clean, Counts) {
        let (bytes, counts) = stream::redact(&self.0, input);
        (Clean::new(bytes), counts)
    }

    /// Redacts a page of HTML that this program made, in which others' text is escaped, as its reader sees it.
    pub fn page(&self, page: &str) -> (Clean, Counts) {
        page::redact(&self.0, page)
    }

    /// Redacts a short text, such as the message of an error.
    pub fn string(&self, input: &str) -> (String, Counts) {
        stream::redact_str(&self.0, input)
    }

    /// Redacts the strings of a JSON value, most often a Kubernetes object. Its structure, its names, numbers and truth
    /// values stay.
    pub fn object(&self, object: Value) -> (CleanJson, Counts) {
        self.object_with_managed_fields(object, None)
    }

    /// Redacts an object, and puts `managed_fields`, redacted as text, in place of its own into its JSON.
    pub fn object_with_managed_fields(
        &self,
        object: Value,
        managed_fields: Option<Box<RawValue>>,
    ) -> (CleanJson, Counts) {
        let mut object = object;
        let mut counts = object::redact(&self.0, &mut object);
        let managed_fields = managed_fields.and_then(|text| object::managed_fields(&self.0, text, &mut counts));
        (CleanJson::new(object, managed_fields), counts)
    }

    /// Redacts a value that this program made. The result is JSON without spaces, in the order of its fields.
    pub fn json<T: serde::Serialize>(&self, value: &T) -> Clean {
        own_json::redact(&self.0, value, own_json::Lines::One)
    }

    /// The same as [`Self::json`], indented by two spaces and with a newline at the end.
    pub fn pretty_json<T: serde::Serialize>(&self, value: &T) -> Clean {
        own_json::redact(&self.0, value, own_json::Lines::Many)
    }

    /// A clean value as YAML, redacted once more as text.
    pub fn yaml(&self, object: &CleanJson) -> (Clean, Counts) {
        self.text(yaml::object(object.value()).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        rule::{DIGITS, LONGEST_TOKEN, token_length},
        *,
    };

    #[test]
    fn every_id_fits_the_grammar() {
        for rule in rules() {
            let token = format!("<{}:{}>", rule.id, "0a".repeat(DIGITS / 2));
            assert_eq!(token_length(token.as_bytes()), Some(token.len()), "{}", rule.id);
            assert!(token.len() <= LONGEST_TOKEN);
        }
    }
}
