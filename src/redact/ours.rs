//! JSON of this program's own making on its way through redaction: as text, which keeps its order, and piece by
//! piece, for a manifest of thousands of entries is some megabytes, of which only the clean ones are held.

use super::{
    Redactor,
    clean::Clean,
    stream::{BLOCK, Stream},
};
use serde::{Serialize, de::IgnoredAny};
use std::io::{self, BufWriter, Write};

/// Whether it has lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    One,
    /// Two spaces of indent, and a newline at the end.
    Many,
}

/// The value as JSON, redacted; redacted as a value, should a secret in its text have been cut such that it is JSON
/// no more.
pub(super) fn redact<T: Serialize>(redactor: &Redactor, value: &T, lines: Lines) -> Clean {
    // Written twice, for that is cheap: a buffer that has to grow is held two times over.
    let mut size = Size(0);
    let written = write(value, lines, &mut size);
    let through = Through { stream: redactor.stream(), clean: Vec::with_capacity(size.0) };
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
    redactor.object(serde_json::to_value(value).unwrap_or_default()).0.to_clean()
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

/// How much is written.
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
