//! Owns the reading of a bundle, a file that may come from anywhere: everything in it is checked before it is used, and
//! no small file can make the reader use much memory.

use super::{
    error::BundleError,
    format::{FORMAT, Manifest},
    layout::{self, EntryPath},
    storage::{Held, Section, StoreFile},
};
use flate2::{Crc, bufread::DeflateDecoder};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
};
use zip::{CompressionMethod, ZipArchive};

/// Largest manifest that is read, in bytes.
const MANIFEST_LIMIT: u64 = 256 << 20;
/// Most entries a bundle may have.
const MOST: usize = 1_000_000;
/// Deflate cannot compress by more than this ratio; declared sizes beyond it are an attack.
const RATIO: u64 = 1032;

/// One file of a bundle, as the zip describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryInfo {
    /// Its path in the bundle's folder.
    pub path: String,
    /// Its size in bytes, as declared; reading it fails if there is more or less.
    pub bytes: u64,
    /// Its size in the zip, in bytes.
    pub compressed: u64,
    pub(super) crc: u32,
    /// Where its contents begin in the file.
    pub(super) at: u64,
    /// Whether they are not compressed.
    pub(super) stored: bool,
}

/// A bundle that is open. Any number of its entries can be read at once.
pub struct BundleReader {
    path: PathBuf,
    file: Arc<dyn StoreFile>,
    folder: String,
    entries: BTreeMap<String, EntryInfo>,
    manifest: Manifest,
}

impl std::fmt::Debug for BundleReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BundleReader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl BundleReader {
    /// Opens a bundle and reads its manifest.
    ///
    /// # Errors
    /// If it cannot be read, is not a bundle ([`BundleError::NotABundle`]), has a later format
    /// ([`BundleError::Newer`]), or is damaged ([`BundleError::Damaged`]).
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let file = File::open(path).map_err(|e| BundleError::io("open", path, e))?;
        let list_of = file.try_clone().map_err(|e| BundleError::io("read", path, e))?;
        Self::read_from(path, BufReader::new(list_of), Arc::new(file))
    }

    /// Opens a bundle that is part of this program; `name` stands for its path.
    ///
    /// # Errors
    /// As those of [`Self::open`].
    pub fn held(name: &str, bytes: &'static [u8]) -> Result<Self, BundleError> {
        Self::read_from(Path::new(name), io::Cursor::new(bytes), Arc::new(Held(bytes)))
    }

    fn read_from(path: &Path, source: impl Read + Seek, file: Arc<dyn StoreFile>) -> Result<Self, BundleError> {
        let (folder, entries) = list(path, source)?;
        let (started, window) = Default::default();
        let manifest = Manifest::new(started, window, window);
        let mut reader = Self { path: path.to_owned(), file, folder, entries, manifest };
        reader.manifest = reader.read_manifest()?;
        Ok(reader)
    }

    /// The file it was opened from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The one folder in the zip: the bundle's name when it was made.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// As `manifest.json` in the bundle says.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Every file of the bundle, the manifest included, sorted by path.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &EntryInfo> {
        self.entries.values()
    }

    /// One file, by its path in the bundle's folder.
    #[must_use]
    pub fn info(&self, path: &str) -> Option<&EntryInfo> {
        self.entries.get(path)
    }

    /// The path that a file of [`layout`] has in this bundle, shortened or not; none if the bundle does not have it.
    #[must_use]
    pub fn find(&self, path: &EntryPath) -> Option<&str> {
        let known = |candidate: String| self.entries.get(&candidate).map(|e| e.path.as_str());
        layout::candidates(path.as_str()).find_map(known)
    }

    /// Reads a file as a stream, checked against its declared size and checksum: the error comes
    /// when the stream ends, as `InvalidData`.
    ///
    /// # Errors
    /// [`BundleError::Missing`] when the bundle has no such file.
    pub fn open_entry(&self, path: &str) -> Result<EntryReader, BundleError> {
        let Some(info) = self.entries.get(path) else {
            return Err(BundleError::Missing { path: path.to_owned() });
        };
        let section = Section::new(self.file.clone(), info.at, info.compressed);
        Ok(EntryReader::new(section, info.stored, info.bytes, info.crc))
    }

    /// The bytes of a file as they are in the zip.
    pub(super) fn compressed(&self, info: &EntryInfo) -> Section<Arc<dyn StoreFile>> {
        Section::new(self.file.clone(), info.at, info.compressed)
    }

    /// Reads a file of at most `limit` bytes as a whole.
    ///
    /// # Errors
    /// [`BundleError::Missing`], [`BundleError::TooLarge`], or [`BundleError::Damaged`] when it is
    /// not as it was written.
    pub fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, BundleError> {
        let mut entry = self.open_entry(path)?;
        if entry.left > limit {
            return Err(BundleError::TooLarge { path: path.to_owned(), limit });
        }
        let mut out = Vec::new();
        entry.read_to_end(&mut out).map_err(|e| {
            if e.kind() == io::ErrorKind::InvalidData || e.kind() == io::ErrorKind::UnexpectedEof {
                BundleError::damaged(&self.path, &format!("{path}: {e}"))
            } else {
                BundleError::io("read", &self.path, e)
            }
        })?;
        Ok(out)
    }

    fn read_manifest(&self) -> Result<Manifest, BundleError> {
        #[derive(Deserialize)]
        struct Version {
            format: Option<serde_json::Number>,
        }
        let refuse = |why: String| BundleError::NotABundle { path: self.path.clone(), why };
        let text = self.read(layout::MANIFEST, MANIFEST_LIMIT)?;
        let version: Version =
            serde_json::from_slice(&text).map_err(|e| refuse(format!("its manifest.json is not a manifest: {e}")))?;
        let format = version.format.and_then(|n| n.as_u64());
        match format {
            Some(format) if format > u64::from(FORMAT) => {
                return Err(BundleError::Newer { path: self.path.clone(), format, known: FORMAT });
            }
            Some(1..) => {}
            _ => {
                return Err(refuse("its manifest.json does not say which format it is".to_owned()));
            }
        }
        serde_json::from_slice(&text)
            .map_err(|e| BundleError::damaged(&self.path, &format!("manifest.json cannot be read: {e}")))
    }
}

/// Every file of the zip by its path in the one folder, and that folder's name.
fn list(path: &Path, source: impl Read + Seek) -> Result<(String, BTreeMap<String, EntryInfo>), BundleError> {
    let refuse = |why: &str| BundleError::NotABundle { path: path.to_owned(), why: why.to_owned() };
    let no_zip = |e: zip::result::ZipError| match e {
        zip::result::ZipError::Io(e) if e.kind() != io::ErrorKind::UnexpectedEof => BundleError::io("read", path, e),
        e => refuse(&format!("it is not a complete zip file ({e}); it may have been cut off in transit")),
    };
    let mut zip = ZipArchive::new(source).map_err(no_zip)?;
    if zip.len() > MOST {
        return Err(refuse("it has more than a million entries"));
    }
    if zip.has_duplicate_names() {
        return Err(refuse("it has two entries with the same name"));
    }
    let mut folder: Option<String> = None;
    let mut entries = BTreeMap::new();
    let mut spans = Vec::with_capacity(zip.len());
    for n in 0..zip.len() {
        let entry = zip.by_index_raw(n).map_err(no_zip)?;
        let name = entry.name().map_err(no_zip)?.into_owned();
        // macOS adds this when it zips a folder again.
        if name.ends_with('/') || name.starts_with("__MACOSX/") {
            continue;
        }
        let Some((first, inner)) = split(&name) else {
            return Err(refuse(&format!("it has an entry {name:?}, which no bundle has")));
        };
        if folder.get_or_insert_with(|| first.to_owned()) != first {
            return Err(refuse("it has more than one folder"));
        }
        let stored = match entry.compression() {
            CompressionMethod::Stored => true,
            CompressionMethod::Deflated => false,
            other => return Err(refuse(&format!("{name:?} is compressed by {other:?}"))),
        };
        let (bytes, compressed) = (entry.size(), entry.compressed_size());
        let most = if stored { compressed } else { compressed.saturating_mul(RATIO) };
        if entry.encrypted() || entry.is_symlink() || bytes > most {
            return Err(refuse(&format!("its entry {name:?} is not one that this program writes")));
        }
        let Some(at) = entry.data_start() else {
            return Err(refuse(&format!("its entry {name:?} has no place")));
        };
        spans.push((entry.header_start(), at.saturating_add(compressed)));
        let info = EntryInfo { path: inner.to_owned(), bytes, compressed, crc: entry.crc32(), at, stored };
        entries.insert(inner.to_owned(), info);
    }
    spans.sort_unstable();
    if spans.windows(2).any(|two| two[0].1 > two[1].0)
        || spans.last().is_some_and(|last| last.1 > zip.central_directory_start())
    {
        return Err(refuse("its entries overlap"));
    }
    let folder = folder.ok_or_else(|| refuse("it is empty"))?;
    if !entries.contains_key(layout::MANIFEST) {
        return Err(refuse("it has no manifest.json in its one folder"));
    }
    Ok((folder, entries))
}

/// The folder and the rest of a name that stays inside it.
fn split(name: &str) -> Option<(&str, &str)> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let odd = |c: char| c == '\\' || c == ':' || c.is_control();
    if name.contains(odd) || !name.split('/').all(plain) {
        return None;
    }
    name.split_once('/')
}

/// The contents of one entry. Never gives more bytes than were declared.
pub struct EntryReader {
    inner: Inflate,
    crc: Crc,
    expect: u32,
    left: u64,
    done: bool,
}

/// Where an entry's bytes are in the zip.
type Within = Section<Arc<dyn StoreFile>>;

enum Inflate {
    Stored(Within),
    Deflated(Box<DeflateDecoder<BufReader<Within>>>),
}

impl EntryReader {
    pub(super) fn new(section: Within, stored: bool, bytes: u64, expect: u32) -> Self {
        let inner = if stored {
            Inflate::Stored(section)
        } else {
            let section = BufReader::with_capacity(64 * 1024, section);
            Inflate::Deflated(Box::new(DeflateDecoder::new(section)))
        };
        Self { inner, crc: Crc::new(), expect, left: bytes, done: false }
    }
}

impl Read for EntryReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        if self.done || buf.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        // At the declared end, one more byte is read, to check that there is none.
        let mut probe = [0];
        let at_end = most == 0;
        let buf = if at_end { &mut probe[..] } else { &mut buf[..most] };
        let n = match &mut self.inner {
            Inflate::Stored(inner) => inner.read(buf)?,
            Inflate::Deflated(inner) => inner.read(buf)?,
        };
        match (at_end, n) {
            (true, 0) if self.crc.sum() == self.expect => {
                self.done = true;
                Ok(0)
            }
            (true, 0) => Err(invalid("its checksum is wrong")),
            (true, _) => Err(invalid("it is longer than declared")),
            (false, 0) => Err(invalid("it is shorter than declared")),
            (false, n) => {
                self.crc.update(&buf[..n]);
                self.left -= n as u64;
                Ok(n)
            }
        }
    }
}
