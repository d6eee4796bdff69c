//! Owns the writer's only access to the disk, so that a test can make any operation fail, and the differences between
//! operating systems.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

/// How long a file is to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Until it is removed, also when this process is killed.
    Lasting,
    /// Only as long as it is open, where the system can do that. Its owner removes it when done,
    /// which is then no error.
    Scratch,
}

/// A disk.
pub trait Storage: Send + Sync {
    /// Creates a file that only this user may read. Never opens one that exists.
    ///
    /// # Errors
    /// Those of the system, `AlreadyExists` among them.
    fn create(&self, path: &Path, stay: Stay) -> io::Result<Box<dyn StoreFile>>;
    /// Gives a file its final name, unless that is taken.
    ///
    /// # Errors
    /// Those of the system, `AlreadyExists` when the name is taken.
    fn publish(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// Those of the system.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes changes of names in `folder` survive a loss of power.
    ///
    /// # Errors
    /// Those of the system; some disks cannot do this.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Whether this name exists.
    fn exists(&self, path: &Path) -> bool;
    /// Free bytes for this user on the disk that holds `folder`, when the system says.
    fn free(&self, folder: &Path) -> Option<u64>;
}

/// A file on a [`Storage`]. Places are in bytes from its start.
pub trait StoreFile: Send + Sync {
    /// Writes all of `bytes` at `at`.
    ///
    /// # Errors
    /// Those of the system; part of the bytes may have been written.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Reads up to `buf.len()` bytes from `at`; 0 at the end of the file.
    ///
    /// # Errors
    /// Those of the system.
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize>;
    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    /// Those of the system.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes what was written survive a loss of power.
    ///
    /// # Errors
    /// Those of the system.
    fn sync(&self) -> io::Result<()>;
}

/// Bytes of this program, as a file that is only read.
pub(super) struct Held(pub(super) &'static [u8]);

impl StoreFile for Held {
    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The disks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Storage for Disk {
    fn create(&self, path: &Path, stay: Stay) -> io::Result<Box<dyn StoreFile>> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if stay == Stay::Scratch
            && let Some(file) = nameless(path)
        {
            return Ok(Box::new(file));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let file = options.open(path)?;
        match stay {
            // `salvage` checks this lock, so as not to touch a file that is still being written. The bundle is written
            // even if the disk cannot lock.
            Stay::Lasting => drop(file.try_lock()),
            // Without a name, it disappears with the process, however that ends.
            Stay::Scratch => {
                #[cfg(unix)]
                fs::remove_file(path)?;
            }
        }
        Ok(Box::new(file))
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        {
            use rustix::{
                fs::{CWD, RenameFlags, renameat_with},
                io::Errno,
            };
            match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
                // Not every file system can do this.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                other => return other.map_err(io::Error::from),
            }
        }
        // A second name never replaces a file either.
        match fs::hard_link(from, to) {
            Ok(()) => return fs::remove_file(from),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(e),
            Err(_) => {}
        }
        // This leaves a moment between the check and the rename, in which only another program that writes the same
        // name could interfere.
        if self.exists(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        let _ = folder;
        Ok(())
    }

    fn exists(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    fn free(&self, folder: &Path) -> Option<u64> {
        #[cfg(unix)]
        {
            let at = rustix::fs::statvfs(folder).ok()?;
            Some(at.f_bavail.saturating_mul(at.f_frsize))
        }
        #[cfg(not(unix))]
        {
            let _ = folder;
            None
        }
    }
}

/// A file beside `path` that never has a name, so that nothing remains of it whenever the process is killed; `None` if
/// the file system cannot do this, or the folder is not writable.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn nameless(path: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags, open};
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
    open(folder, flags, Mode::RUSR | Mode::WUSR).ok().map(File::from)
}

impl StoreFile for File {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        #[cfg(unix)]
        {
            std::os::unix::fs::FileExt::write_all_at(self, bytes, at)
        }
        #[cfg(windows)]
        {
            let (mut bytes, mut at) = (bytes, at);
            while !bytes.is_empty() {
                let n = std::os::windows::fs::FileExt::seek_write(self, bytes, at)?;
                if n == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                (bytes, at) = (&bytes[n..], at + n as u64);
            }
            Ok(())
        }
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        #[cfg(unix)]
        {
            std::os::unix::fs::FileExt::read_at(self, buf, at)
        }
        #[cfg(windows)]
        {
            std::os::windows::fs::FileExt::seek_read(self, buf, at)
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}

/// A stretch of a file, read from its start to its end without moving the file's own position: many
/// can be read at once.
pub(super) struct Section<F> {
    file: F,
    at: u64,
    left: u64,
}

impl<F> Section<F> {
    pub(super) fn new(file: F, at: u64, len: u64) -> Self {
        Self { file, at, left: len }
    }
}

impl<F: std::ops::Deref<Target: StoreFile>> io::Read for Section<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        if most == 0 {
            return Ok(0);
        }
        let n = loop {
            match self.file.read_at(&mut buf[..most], self.at) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}
