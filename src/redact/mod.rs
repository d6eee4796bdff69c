//! Redaction: the only maker of [`Clean`], and so the only way to the writer and
//! to facts.
//!
//! A secret becomes a token, `<rule:hex>`, made with the [`Key`] of the run: the
//! same secret is the same hex wherever it stands, and nothing can be read off it.
//! What is no secret stays as it was, byte for byte.
//!
//! Text is read in three steps. `prefilter` finds the few words that secrets stand
//! near; a finder looks around each (`named`, `jose`, `pem`, `headers`, `urls`,
//! `shapes`); `stream` puts tokens where secrets were. `object` walks JSON, whose
//! structure says more than text can.

use crate::yaml;
use serde_json::{Value, value::RawValue};
use std::sync::Arc;

mod base64;
mod body;
mod clean;
mod der;
mod document;
mod extent;
mod fields;
mod headers;
mod html;
mod jose;
mod judge;
mod key;
mod lead;
mod lines;
mod named;
mod names;
mod object;
mod ours;
mod pem;
mod prefilter;
mod rules;
mod scan;
mod shapes;
mod stream;
mod urls;
mod value;

pub use clean::{Clean, CleanJson, Counts, Joined};
pub use key::{Key, KeyError};
pub use rules::{RuleInfo, rules};
use stream::BLOCK;
pub use stream::Stream;

/// Replaces secrets by tokens made with one key.
#[derive(Clone, Debug)]
pub struct Redactor(Arc<Key>);

impl Redactor {
    /// A redactor that makes its tokens with `key`.
    pub fn new(key: &Key) -> Self {
        Self(Arc::new(key.clone()))
    }

    /// Redaction of a stream of bytes, such as a log, of any length.
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    /// Redacts a whole text; the same as a stream of its bytes.
    pub fn text(&self, input: &[u8]) -> (Clean, Counts) {
        let (bytes, counts) = self.bytes(input);
        (Clean::new(bytes), counts)
    }

    /// Redacts a page of HTML that this program made, in which others' text is escaped, as who reads it would see it.
    pub fn page(&self, page: &str) -> (Clean, Counts) {
        html::redact(self, page)
    }

    /// Redacts a short text, such as the cause of an error.
    pub fn string(&self, input: &str) -> (String, Counts) {
        let (bytes, counts) = self.bytes(input.as_bytes());
        (String::from_utf8_lossy(&bytes).into_owned(), counts)
    }

    /// Redacts the strings of a JSON value, most often a Kubernetes object. Its
    /// structure, its names, numbers and truth values stay.
    pub fn object(&self, object: Value) -> (CleanJson, Counts) {
        self.listed(object, None)
    }

    /// Redacts an object of which `managed_fields` are the managed fields as they came, and are so in its JSON.
    pub fn listed(&self, object: Value, managed_fields: Option<Box<RawValue>>) -> (CleanJson, Counts) {
        let mut object = object;
        let mut counts = object::redact(self, &mut object);
        let managed_fields = managed_fields.and_then(|text| object::managed_fields(self, text, &mut counts));
        (CleanJson::new(object, managed_fields), counts)
    }

    /// Redacts a value of this program's own as JSON without blanks, in the order of its fields.
    pub fn json<T: serde::Serialize>(&self, value: &T) -> Clean {
        ours::redact(self, value, ours::Lines::One)
    }

    /// The same with two spaces of indent, and a newline at the end.
    pub fn pretty_json<T: serde::Serialize>(&self, value: &T) -> Clean {
        ours::redact(self, value, ours::Lines::Many)
    }

    /// A clean value as YAML, scanned once more for what only its text shows.
    pub fn yaml(&self, object: &CleanJson) -> (Clean, Counts) {
        self.text(yaml::object(object.value()).as_bytes())
    }

    fn bytes(&self, input: &[u8]) -> (Vec<u8>, Counts) {
        let mut stream = self.stream();
        let mut bytes = Vec::with_capacity(input.len());
        // By blocks, or the stream would hold all of it once more.
        for block in input.chunks(BLOCK) {
            bytes.extend_from_slice(stream.push(block).as_bytes());
        }
        let (rest, counts) = stream.finish();
        bytes.extend_from_slice(rest.as_bytes());
        (bytes, counts)
    }

    fn key(&self) -> &Key {
        &self.0
    }
}
