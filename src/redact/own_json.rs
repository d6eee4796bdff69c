//! Owns redaction of JSON that this program made. It is redacted as text, which keeps the order of its fields, and
//! piece by piece: a manifest of thousands of entries has some megabytes, of which only the redacted ones are held.

use super::{
    clean::{Clean, CleanJson},
    key::Key,
    object,
    stream::{BLOCK, Stream},
};
use serde::{Serialize, de::IgnoredAny};
use std::{
    io::{self, BufWriter, Write},
    sync::Arc,
};

/// How the JSON is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// On one line, without spaces.
    One,
    /// Two spaces of indent, and a newline at the end.
    Many,
}

/// The value as redacted JSON. When a secret was replaced such that the text is no longer JSON, the value is redacted
/// as an object instead.
pub(super) fn redact<T: Serialize>(key: &Arc<Key>, value: &T, lines: Lines) -> Clean {
    // Written twice, for that is cheap: a buffer that has to grow is held two times over.
    let mut size = Size(0);
    let written = write(value, lines, &mut size);
    let through = Through { stream: Stream::new(Arc::clone(key)), clean: Vec::with_capacity(size.0) };
    let mut through = BufWriter::with_capacity(BLOCK, through);
    if let Ok(through) =
        written.and_then(|()| write(value, lines, &mut through)).and_then(|()| Ok(through.into_inner()?))
    {
        let Through { stream, mut clean } = through;
        clean.extend_from_slice(stream.finish().0.as_bytes());
        if serde_json::from_slice::<IgnoredAny>(&clean).is_ok() {
            return Clean::new(clean);
        }
    }
    let mut value = serde_json::to_value(value).unwrap_or_default();
    object::redact(key, &mut value);
    CleanJson::new(value, None).to_clean()
}

fn write<T: Serialize>(value: &T, lines: Lines, mut to: impl Write) -> io::Result<()> {
    match lines {
        Lines::One => Ok(serde_json::to_writer(to, value)?),
        Lines::Many => {
            serde_json::to_writer_pretty(&mut to, value)?;
            to.write_all(b"\n")
        }
    }
}

/// Counts the bytes that are written.
struct Size(usize);

impl Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Redacts what is written.
struct Through {
    stream: Stream,
    clean: Vec<u8>,
}

impl Write for Through {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.clean.extend_from_slice(self.stream.push(bytes).as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
