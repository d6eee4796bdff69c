//! Owns what the user adds: notes and text files. They are redacted like everything else.

use super::Entry;
use crate::{
    bundle::{BundleError, BundleWriter, layout},
    redact::Redactor,
};
use chrono::Utc;
use std::{fs, path::Path};

/// A file that the user attaches, already read: it must be readable before anything is collected.
#[derive(Clone, Debug)]
pub struct Attachment {
    name: String,
    text: Vec<u8>,
}

/// Why a file cannot be attached.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// It cannot be read.
    #[error("cannot attach {path}: {why}")]
    Unreadable {
        /// As given.
        path: String,
        /// What the operating system says.
        why: std::io::Error,
    },
    /// It is not text, and only text can be redacted.
    #[error("cannot attach {0}: it is not text, and only text can be redacted; send it to support by itself")]
    NotText(String),
    /// It is too large for something that a person has read.
    #[error("cannot attach {path}: it has {size} bytes, and the limit is {limit}; cut it to the relevant part")]
    TooLarge {
        /// As given.
        path: String,
        /// In bytes.
        size: u64,
        /// The most.
        limit: u64,
    },
}

const LIMIT: u64 = 16 << 20;

impl Attachment {
    /// Reads a file. Only its last name enters the bundle, never its path.
    ///
    /// # Errors
    /// If it cannot be read or is not text.
    pub fn read(path: &Path) -> Result<Self, NoteError> {
        let shown = path.display().to_string();
        let unreadable = |why| NoteError::Unreadable { path: shown.clone(), why };
        let size = fs::metadata(path).map_err(unreadable)?.len();
        if size > LIMIT {
            return Err(NoteError::TooLarge { path: shown, size, limit: LIMIT });
        }
        let text = fs::read(path).map_err(unreadable)?;
        if text.contains(&0) || std::str::from_utf8(&text).is_err() {
            return Err(NoteError::NotText(shown));
        }
        let name = path.file_name().map_or_else(|| "attachment".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Self { name, text })
    }
}

/// Writes the notes and attachments. Attachments with the same name are numbered.
///
/// # Errors
/// When the bundle cannot be written.
pub fn notes(
    bundle: &BundleWriter,
    redactor: &Redactor,
    notes: &[String],
    attachments: &[Attachment],
) -> Result<Vec<Entry>, BundleError> {
    let mut entries = Vec::new();
    let mut add = |path, source: &str, text: &[u8]| {
        let (clean, redactions) = redactor.text(text);
        let started = Utc::now();
        let mut entry = bundle.entry(path)?;
        entry.write(&clean)?;
        let path = entry.finish()?.path;
        entries.push(Entry { path, source: source.to_owned(), started, ended: Utc::now(), coverage: None, redactions });
        Ok::<_, BundleError>(())
    };
    for (number, note) in (1..).zip(notes) {
        add(layout::note(number), "--note", format!("{note}\n").as_bytes())?;
    }
    for (at, attachment) in attachments.iter().enumerate() {
        let earlier = attachments[..at].iter().filter(|other| other.name == attachment.name).count();
        let name = if earlier == 0 { attachment.name.clone() } else { format!("{}-{}", earlier + 1, attachment.name) };
        add(layout::attachment(&name), "--attach", &attachment.text)?;
    }
    Ok(entries)
}
