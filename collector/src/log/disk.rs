//! All that the log asks of a file system: one flat directory. Small, so that tests can put one in its place that loses power.
//!
//! What a power cut may do decides the shape. Bytes that were appended may be lost, kept in part, or torn until
//! [`Append::sync`] returns; names that were made, renamed or removed may be old or new until [`Disk::sync_names`] returns.
//! After a failed sync nobody knows what the file holds: a second one that succeeds proves nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A directory of files.
pub trait Disk: Send + Sync {
    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// A new, empty file; an error where the name is taken.
    fn create(&self, name: &str) -> io::Result<Box<dyn Append>>;
    /// A file to read.
    fn open(&self, name: &str) -> io::Result<Box<dyn Source>>;
    /// Makes a file's bytes durable that another process may have written.
    fn sync_file(&self, name: &str) -> io::Result<()>;
    /// Puts a file in another's place.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file. Whoever has it open reads on.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file that grows.
pub trait Append: Send {
    /// Adds bytes. After an error any part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes them durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file that is read.
pub trait Source: Send {
    /// Its length in bytes now.
    fn size(&self) -> io::Result<u64>;
    /// Reads from an offset; fewer bytes than asked for only at the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// A directory of a real file system, for this process alone.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Held as long as the directory is.
    _lock: File,
}

/// The file whose lock says that a process has the directory. It is never removed: that would unlock it.
const LOCK: &str = "lock";

impl Directory {
    /// Opens a directory, making it where it is missing. An error of kind `WouldBlock`: another process has it.
    pub fn open(path: &Path) -> io::Result<Directory> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
            fs::TryLockError::Error(error) => error,
        })?;
        // The directory's own name is safe too.
        if let Some(parent) = path.canonicalize()?.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Directory { path: path.to_owned(), _lock: lock })
    }
}

impl Disk for Directory {
    fn names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        Ok(Box::new(OpenOptions::new().create_new(true).append(true).open(self.path.join(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(File::open(self.path.join(name))?))
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        File::open(self.path.join(name))?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Append for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Source for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let mut filled = 0;
        while filled < buffer.len() {
            match FileExt::read_at(self, &mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
