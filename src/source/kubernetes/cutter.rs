//! Cuts the JSON of a list into its rows while it arrives, so that each is parsed on its own and
//! memory holds one row, not one page.
//!
//! Only as much of JSON is understood as that takes: strings, and how deep brackets are nested.
//! Rows and what stands around them are parsed by `serde_json`.

/// A list, as far as it has come.
#[derive(Default)]
pub(super) struct Cutter {
    /// All but the rows: with an empty array in their place.
    frame: Vec<u8>,
    /// The part of a row that earlier chunks held.
    row: Vec<u8>,
    depth: usize,
    in_string: bool,
    /// The last byte of the last chunk was a backslash that escapes the next.
    escaped: bool,
    in_rows: bool,
}

impl Cutter {
    /// Takes the next bytes, and hands each row that they complete to `give`, with the frame
    /// before it.
    ///
    /// # Errors
    /// Those of `give`, at once.
    pub(super) fn push<E>(
        &mut self,
        chunk: &[u8],
        mut give: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        // Bytes before `from` are in the frame, or in a row that was given away.
        let (mut at, mut from) = (0, 0);
        while let Some(&byte) = chunk.get(at) {
            if self.in_string {
                at = self.string(chunk, at);
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' => self.depth += 1,
                b'[' => {
                    self.depth += 1;
                    if self.depth == 2 && !self.in_rows {
                        self.frame.extend_from_slice(&chunk[from..=at]);
                        from = at + 1;
                        self.in_rows = is_before_rows(&self.frame);
                    }
                }
                b',' if self.in_rows && self.depth == 2 => {
                    self.end_row(&chunk[from..at], &mut give)?;
                    from = at + 1;
                }
                b']' if self.in_rows && self.depth == 2 => {
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

    /// What stood around the rows.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Where the string that `at` is in ends, or the chunk does.
    fn string(&mut self, chunk: &[u8], at: usize) -> usize {
        if std::mem::take(&mut self.escaped) {
            return at + 1;
        }
        match memchr::memchr2(b'"', b'\\', &chunk[at..]) {
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

/// An array without items has nothing but blanks between its brackets.
fn give_row<E>(frame: &[u8], row: &[u8], give: &mut impl FnMut(&[u8], &[u8]) -> Result<(), E>) -> Result<(), E> {
    if row.iter().all(u8::is_ascii_whitespace) { Ok(()) } else { give(frame, row) }
}

/// Whether the array that `frame` ends with the bracket of is that of a Table's rows, or a list's items.
fn is_before_rows(frame: &[u8]) -> bool {
    let without = |text: &[u8], last: u8| text.trim_ascii_end().strip_suffix(&[last]).map(<[u8]>::to_vec);
    let key = without(frame, b'[').and_then(|text| without(&text, b':'));
    key.is_some_and(|key| {
        let key = key.trim_ascii_end();
        key.ends_with(b"\"rows\"") || key.ends_with(b"\"items\"")
    })
}

#[cfg(test)]
mod tests {
    use super::Cutter;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// The frame and the rows of a text that comes in these pieces.
    fn cut(text: &str, sizes: &[usize]) -> (Vec<u8>, Vec<Value>) {
        let (mut cutter, mut rows, mut rest) = (Cutter::default(), Vec::new(), text.as_bytes());
        let mut sizes = sizes.iter().cycle();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at((*sizes.next().unwrap_or(&1)).clamp(1, rest.len()));
            let parsed = cutter.push(chunk, |_, row| serde_json::from_slice(row).map(|row| rows.push(row)));
            parsed.expect("a row is whole JSON");
            rest = after;
        }
        (cutter.frame, rows)
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
            let (frame, cut) = cut(&text.expect("JSON"), &sizes);
            prop_assert_eq!(cut, rows);
            list[name] = json!([]);
            prop_assert_eq!(serde_json::from_slice::<Value>(&frame).expect("the frame is JSON"), list);
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>, sizes in prop::collection::vec(1usize..9, 1..4)) {
            let (mut cutter, mut sizes, mut rest) = (Cutter::default(), sizes.iter().cycle(), &bytes[..]);
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at((*sizes.next().unwrap_or(&1)).min(rest.len()));
                let _ = cutter.push(chunk, |_, _| Ok::<_, ()>(()));
                rest = after;
            }
        }
    }
}
