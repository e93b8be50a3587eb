//! A file that another process of this user writes: opened with suspicion, read by position.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::limits;
use super::refusal::Refusal;

/// An open file that is private to this user.
///
/// It is never mapped: a target that truncates its file ends a read early, and harms nobody else.
#[derive(Debug)]
pub(super) struct SharedFile {
    file: File,
}

impl SharedFile {
    /// Opens a file that somebody made.
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        // What isn't a plain file of ours is never opened: opening alone may block or act.
        let found = std::fs::symlink_metadata(path).map_err(io_error("cannot look at it"))?;
        check(&found)?;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)
            .map_err(io_error("cannot open it"))?;
        check(&file.metadata().map_err(io_error("cannot look at it"))?)?;
        Ok(Self { file })
    }

    /// Makes a file of `bytes` zeros that takes its room at once.
    pub(super) fn create(path: &Path, bytes: u64) -> Result<Self, Refusal> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(io_error("cannot create it"))?;
        // Written, not merely lengthened: a hole that can't be filled later would kill the target
        // that has it mapped.
        let zeros = vec![0; 64 << 10];
        let mut offset = 0;
        while offset < bytes {
            let length = (bytes - offset).min(zeros.len() as u64);
            let chunk = zeros.get(..usize::try_from(length).unwrap_or(0)).unwrap_or_default();
            file.write_all_at(chunk, offset).map_err(|source| {
                // Half a file is of no use to anybody.
                let _ = std::fs::remove_file(path);
                Refusal::Io { what: "cannot reserve its room", source }
            })?;
            offset += length;
        }
        Ok(Self { file })
    }

    /// Length in bytes, now.
    pub(super) fn length(&self) -> Result<u64, Refusal> {
        Ok(self.file.metadata().map_err(io_error("cannot look at it"))?.len())
    }

    /// When it was made, renamed or written last; see [`touched_ms`].
    pub(super) fn touched_ms(&self) -> u64 {
        self.file.metadata().map_or(0, |found| touched_ms(&found))
    }

    /// Fills `buffer` from `offset`.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Refusal> {
        self.file.read_exact_at(buffer, offset).map_err(|source| {
            if source.kind() == io::ErrorKind::UnexpectedEof {
                Refusal::malformed(offset, "the file ends here")
            } else {
                Refusal::Io { what: "cannot read it", source }
            }
        })
    }

    /// Overwrites bytes from `offset`.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Refusal> {
        self.file.write_all_at(bytes, offset).map_err(io_error("cannot write it"))
    }
}

/// When a file was made, renamed or written last, in Unix milliseconds. Stores through a mapping
/// don't count.
pub(super) fn touched_ms(found: &std::fs::Metadata) -> u64 {
    u64::try_from(found.ctime() * 1000 + found.ctime_nsec() / 1_000_000).unwrap_or(0)
}

fn check(found: &std::fs::Metadata) -> Result<(), Refusal> {
    if !found.file_type().is_file() {
        return Err(Refusal::Unsafe("not a plain file"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(Refusal::Unsafe("it belongs to another user"));
    }
    if found.nlink() > 1 {
        return Err(Refusal::Unsafe("it has a second name"));
    }
    if found.mode() & 0o7177 != 0 || found.mode() & 0o600 != 0o600 {
        return Err(Refusal::Unsafe("its mode is not 0600"));
    }
    if found.len() > limits::FILE_BYTES {
        return Err(Refusal::Limit { offset: 0, what: "file", limit: limits::FILE_BYTES });
    }
    Ok(())
}

fn io_error(what: &'static str) -> impl Fn(io::Error) -> Refusal {
    move |source| Refusal::Io { what, source }
}
