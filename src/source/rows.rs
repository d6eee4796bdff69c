//! Owns the splitting of a JSON list, or of a query's answer, into its rows while it arrives, so that memory holds one
//! row, not one page.
//!
//! It reads only strings and the nesting of brackets. `serde_json` parses the rows and the frame around them.

/// The bytes with a meaning outside of strings and inside a row, where a comma does not end the row.
const WITHIN: [bool; 256] = marks(b"\"{}[]");
/// The bytes with a meaning outside of strings.
const MARKS: [bool; 256] = marks(b"\"{}[],");

const fn marks(bytes: &[u8]) -> [bool; 256] {
    let (mut table, mut at) = ([false; 256], 0);
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

/// Most strings are shorter than this, in bytes; a plain loop is faster for them than a search.
const FEW: usize = 24;

/// Splits a list into rows.
pub(super) struct JsonRowSplitter {
    /// Nesting depth of the array of rows; 1 is the outermost bracket.
    level: usize,
    /// The keys that the array of rows may have.
    keys: &'static [&'static str],
    /// Everything but the rows, with an empty array in their place.
    frame: Vec<u8>,
    /// The start of a row, from earlier chunks.
    row: Vec<u8>,
    depth: usize,
    in_string: bool,
    /// The last byte of the last chunk was a backslash that escapes the next byte.
    escaped: bool,
    in_rows: bool,
}

impl JsonRowSplitter {
    /// For the `rows` of a Table or the `items` of a list.
    pub(super) fn of_list() -> Self {
        Self::new(2, &["rows", "items"])
    }

    /// For the array in the `data` of a Prometheus' answer, such as `data.result`.
    pub(super) fn of_data() -> Self {
        Self::new(3, &["result", "alerts", "groups", "activeTargets"])
    }

    fn new(level: usize, keys: &'static [&'static str]) -> Self {
        let (frame, row) = (Vec::new(), Vec::new());
        Self { level, keys, frame, row, depth: 0, in_string: false, escaped: false, in_rows: false }
    }

    /// Takes the next bytes, and calls `give` with the frame so far and each row that they complete.
    ///
    /// # Errors
    /// Returns an error of `give` at once.
    pub(super) fn push<E>(
        &mut self,
        chunk: &[u8],
        mut give: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        // Bytes before `from` are in the frame or in a row that was handed over.
        let (mut at, mut from) = (0, 0);
        while at < chunk.len() {
            if self.in_string {
                at = self.string(chunk, at);
                continue;
            }
            let marks = if self.depth > self.level { &WITHIN } else { &MARKS };
            let Some(found) = chunk[at..].iter().position(|byte| marks[usize::from(*byte)]) else { break };
            at += found;
            let byte = chunk[at];
            match byte {
                b'"' => self.in_string = true,
                b'{' => self.depth += 1,
                b'[' => {
                    self.depth += 1;
                    if self.depth == self.level && !self.in_rows {
                        self.frame.extend_from_slice(&chunk[from..=at]);
                        from = at + 1;
                        self.in_rows = is_before_rows(&self.frame, self.keys);
                    }
                }
                b',' if self.in_rows && self.depth == self.level => {
                    self.end_row(&chunk[from..at], &mut give)?;
                    from = at + 1;
                }
                b']' if self.in_rows && self.depth == self.level => {
                    self.end_row(&chunk[from..at], &mut give)?;
                    from = at;
                    self.in_rows = false;
                    self.depth -= 1;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        let rest = if self.in_rows { &mut self.row } else { &mut self.frame };
        rest.extend_from_slice(&chunk[from..]);
        Ok(())
    }

    /// How many bytes it holds: the frame, and the start of a row.
    pub(super) fn held(&self) -> usize {
        self.frame.len() + self.row.len()
    }

    /// Everything but the rows.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// The end of the string around `at`, or of the chunk.
    fn string(&mut self, chunk: &[u8], at: usize) -> usize {
        if std::mem::take(&mut self.escaped) {
            return at + 1;
        }
        let rest = &chunk[at..];
        let near = rest.iter().take(FEW).position(|byte| matches!(byte, b'"' | b'\\'));
        let far = || Some(FEW + memchr::memchr2(b'"', b'\\', rest.get(FEW..)?)?);
        match near.or_else(far) {
            None => chunk.len(),
            Some(found) => {
                match chunk[at + found] {
                    b'"' => self.in_string = false,
                    _ => self.escaped = true,
                }
                at + found + 1
            }
        }
    }

    fn end_row<E>(&mut self, end: &[u8], give: &mut impl FnMut(&[u8], &[u8]) -> Result<(), E>) -> Result<(), E> {
        let given = if self.row.is_empty() {
            give_row(&self.frame, end, give)
        } else {
            self.row.extend_from_slice(end);
            give_row(&self.frame, &self.row, give)
        };
        self.row.clear();
        given
    }
}

/// Calls `give`, unless the row is blank: an empty array has only blanks between its brackets.
fn give_row<E>(frame: &[u8], row: &[u8], give: &mut impl FnMut(&[u8], &[u8]) -> Result<(), E>) -> Result<(), E> {
    if row.iter().all(u8::is_ascii_whitespace) { Ok(()) } else { give(frame, row) }
}

/// Whether the array whose bracket ends `frame` has one of these keys.
fn is_before_rows(frame: &[u8], keys: &[&str]) -> bool {
    let without = |text: &[u8], last: &str| text.trim_ascii_end().strip_suffix(last.as_bytes()).map(<[u8]>::to_vec);
    let key = without(frame, "[").and_then(|text| without(&text, ":")).and_then(|text| without(&text, "\""));
    key.is_some_and(|key| {
        keys.iter().any(|name| key.strip_suffix(name.as_bytes()).is_some_and(|before| before.ends_with(b"\"")))
    })
}

#[cfg(test)]
mod tests {
    use super::JsonRowSplitter;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// The frame and the rows of a text that comes in these pieces.
    fn cut(mut splitter: JsonRowSplitter, text: &str, sizes: &[usize]) -> (Vec<u8>, Vec<Value>) {
        let (mut rows, mut rest) = (Vec::new(), text.as_bytes());
        let mut sizes = sizes.iter().cycle();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at((*sizes.next().unwrap_or(&1)).clamp(1, rest.len()));
            let parsed = splitter.push(chunk, |_, row| serde_json::from_slice(row).map(|row| rows.push(row)));
            parsed.expect("a row is whole JSON");
            rest = after;
        }
        (splitter.frame, rows)
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![".*", Just("\"rows\":[".to_owned()), Just("}],\\\"{".to_owned())];
        let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), text.prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key = prop_oneof![Just("rows".to_owned()), Just("items".to_owned()), ".{0,6}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn rows_and_frame_are_what_they_were(
            rows in prop::collection::vec(value(), 0..5),
            other in value(),
            name in prop_oneof![Just("rows"), Just("items")],
            pretty: bool,
            sizes in prop::collection::vec(1usize..60, 1..8),
        ) {
            let mut list = json!({ "kind": "Table", "metadata": other, "zz": [other] });
            list[name] = rows.clone().into();
            let text = if pretty { serde_json::to_string_pretty(&list) } else { serde_json::to_string(&list) };
            let (frame, cut) = cut(JsonRowSplitter::of_list(), &text.expect("JSON"), &sizes);
            prop_assert_eq!(cut, rows);
            list[name] = json!([]);
            prop_assert_eq!(serde_json::from_slice::<Value>(&frame).expect("the frame is JSON"), list);
        }

        #[test]
        fn series_and_what_is_around_them_are_what_they_were(
            series in prop::collection::vec(value(), 0..5),
            other in value(),
            sizes in prop::collection::vec(1usize..60, 1..8),
        ) {
            let mut answer = json!({ "status": "success", "aa": { "result": [other] }, "data": { "result": series, "stats": other } });
            let text = serde_json::to_string(&answer).expect("JSON");
            // An array of this name at the same depth is one, too, wherever it is.
            let (frame, cut) = cut(JsonRowSplitter::of_data(), &text, &sizes);
            prop_assert_eq!(cut, [vec![other], series].concat());
            (answer["aa"]["result"], answer["data"]["result"]) = (json!([]), json!([]));
            prop_assert_eq!(serde_json::from_slice::<Value>(&frame).expect("the frame is JSON"), answer);
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>, sizes in prop::collection::vec(1usize..9, 1..4)) {
            let (mut splitter, mut sizes, mut rest) = (JsonRowSplitter::of_list(), sizes.iter().cycle(), &bytes[..]);
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at((*sizes.next().unwrap_or(&1)).min(rest.len()));
                let _ = splitter.push(chunk, |_, _| Ok::<_, ()>(()));
                rest = after;
            }
        }
    }
}
