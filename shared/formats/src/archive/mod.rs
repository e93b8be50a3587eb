//! Files out of archives: zip, tar, gzip and zstd, and these within each other.
//!
//! What a file is, its first bytes say, not its name. Nothing is trusted: every length is checked
//! against the bytes that are there, what is unpacked is bounded by [`Limits`] whatever is
//! declared, and checksums are verified where the format has them. An entry that can't be read
//! does not keep the others from being read.
//!
//! Not here: archives that are encrypted, in several parts, or start with a program that unpacks
//! them; sparse files; compression other than deflate and zstd.

mod gzip;
mod inflate;
mod tar;
mod zip;
mod zstd;

use std::borrow::Cow;

use crate::limits::Limits;
use crate::{Fault, Place, ReadError};

use self::inflate::Inflate;

/// Gives `sink` every regular file in an archive: its name, which is that of the archive, a slash
/// and the path inside, and its bytes. Archives inside are unpacked too, with their own name as a
/// folder's. A single compressed file has the name of the archive without the ending; a compressed
/// tar counts as one archive. Entries whose path leads out of the archive lose all of it but the
/// last part; directories, links and devices are skipped.
///
/// Gives `false` if these bytes are no archive.
///
/// # Errors
/// The first thing that could not be read; its place is in the outermost archive, what follows
/// names places inside. All other files have been given to `sink` all the same, unless more is in
/// it than `limits` allow altogether.
pub fn unpack(
    name: &str,
    bytes: &[u8],
    limits: &Limits,
    sink: &mut dyn FnMut(&str, &[u8]),
) -> Result<bool, ReadError> {
    let Some(kind) = Kind::of(bytes) else { return Ok(false) };
    let most = bytes.len().saturating_mul(limits.ratio).max(limits.free_bytes);
    let mut unpacking = Unpacking {
        limits,
        sink,
        inflate: Inflate::default(),
        left_bytes: most.min(limits.total_bytes),
        left_entries: limits.entries,
        spent: false,
        first: None,
    };
    unpacking.archive(kind, name, bytes, 1)?;
    unpacking.first.map_or(Ok(true), Err)
}

/// A zip of a few files of less than 4 GiB; the same files always give the same bytes.
pub fn pack(files: &crate::Files) -> Vec<u8> {
    zip::write(files)
}

/// Whether the first bytes of a file, up to [`crate::HEAD_BYTES`], are an archive's.
pub fn sniff(head: &[u8]) -> bool {
    Kind::of(head).is_some()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Zip,
    Tar,
    Gzip,
    Zstd,
}

impl Kind {
    fn of(head: &[u8]) -> Option<Self> {
        if zip::sniff(head) {
            Some(Self::Zip)
        } else if gzip::sniff(head) {
            Some(Self::Gzip)
        } else if zstd::sniff(head) {
            Some(Self::Zstd)
        } else if tar::sniff(head) {
            Some(Self::Tar)
        } else {
            None
        }
    }
}

/// What is done so far, and how much more may be.
struct Unpacking<'a> {
    limits: &'a Limits,
    sink: &'a mut dyn FnMut(&str, &[u8]),
    inflate: Inflate,
    left_bytes: usize,
    left_entries: usize,
    /// Whether a limit on the whole is reached, so that nothing more is read.
    spent: bool,
    /// The first thing that could not be read.
    first: Option<ReadError>,
}

impl Unpacking<'_> {
    fn archive(
        &mut self,
        kind: Kind,
        name: &str,
        bytes: &[u8],
        depth: usize,
    ) -> Result<(), ReadError> {
        match kind {
            Kind::Zip => zip::read(self, name, bytes, depth),
            Kind::Tar => tar::read(self, name, bytes, depth),
            Kind::Gzip => {
                let whole = gzip::read(self, bytes)?;
                self.single(name, &[".gz", ".gzip"], &whole, depth)
            }
            Kind::Zstd => {
                let whole = zstd::read(self, bytes)?;
                self.single(name, &[".zst", ".zstd"], &whole, depth)
            }
        }
    }

    /// A file of an archive: an archive itself, or what was looked for.
    fn file(&mut self, name: &str, bytes: &[u8], depth: usize) -> Result<(), ReadError> {
        match Kind::of(bytes) {
            Some(kind) => self.inner(kind, name, bytes, depth),
            None => {
                (self.sink)(name, bytes);
                Ok(())
            }
        }
    }

    /// What was compressed as one.
    fn single(
        &mut self,
        name: &str,
        endings: &[&str],
        bytes: &[u8],
        depth: usize,
    ) -> Result<(), ReadError> {
        if let Some(kind) = Kind::of(bytes) {
            return self.inner(kind, name, bytes, depth).map_err(|error| ReadError {
                fault: error.fault,
                place: Place::Whole,
                reason: format!("what it unpacks to: {error}").into(),
            });
        }
        let base = name.rsplit('/').next().unwrap_or(name);
        let stem = endings.iter().find_map(|ending| base.strip_suffix(ending));
        let stem = stem.filter(|stem| !stem.is_empty()).unwrap_or(base);
        (self.sink)(&format!("{name}/{stem}"), bytes);
        Ok(())
    }

    /// An archive inside of one.
    fn inner(
        &mut self,
        kind: Kind,
        name: &str,
        bytes: &[u8],
        depth: usize,
    ) -> Result<(), ReadError> {
        if depth >= self.limits.depth {
            let reason = format!("an archive inside of {depth} others");
            return Err(ReadError::limit(Place::Whole, reason));
        }
        let first = self.first.take();
        self.archive(kind, name, bytes, depth + 1)?;
        // An error inside is one of the entry outside, where its place is known.
        std::mem::replace(&mut self.first, first).map_or(Ok(()), Err)
    }

    /// Counts an entry.
    fn count(&mut self, offset: usize) -> Result<(), ReadError> {
        match self.left_entries.checked_sub(1) {
            Some(left) => self.left_entries = left,
            None => {
                self.spent = true;
                let reason = format!("more than {} entries", self.limits.entries);
                return Err(ReadError::limit(Place::Byte(offset), reason));
            }
        }
        Ok(())
    }

    /// How many bytes the next entry may have.
    fn most(&self) -> usize {
        self.left_bytes.min(self.limits.entry_bytes)
    }

    /// Counts bytes that were unpacked.
    fn charge(&mut self, n_bytes: usize) {
        self.left_bytes = self.left_bytes.saturating_sub(n_bytes);
    }

    /// The error where something has more bytes than [`Self::most`].
    fn too_large(&mut self, offset: usize) -> ReadError {
        if self.limits.entry_bytes <= self.left_bytes {
            let reason = format!("unpacks to more than {} bytes", self.limits.entry_bytes);
            return ReadError::limit(Place::Byte(offset), reason);
        }
        self.spent = true;
        let reason = "unpacks to far more than is allowed: its size by all its files, or by how \
                      small it was";
        ReadError::limit(Place::Byte(offset), reason)
    }

    /// An entry that can't be read: the others are, unless a limit on the whole is reached.
    fn left_out(&mut self, offset: usize, name: &str, error: ReadError) -> Result<(), ReadError> {
        let ReadError { fault, .. } = error;
        let reason = Cow::from(format!("{name}: {error}"));
        let error = ReadError { fault, place: Place::Byte(offset), reason };
        if self.spent {
            return Err(error);
        }
        self.first.get_or_insert(error);
        Ok(())
    }
}

/// Longest path of an entry that is taken, in bytes.
const NAME_BYTES: usize = 4_096;

/// The path of an entry, safe to be printed and to be taken apart; `None` where nothing is left.
fn entry_name(raw: &[u8]) -> Result<Option<String>, ReadError> {
    if raw.len() > NAME_BYTES {
        let reason = format!("a path of more than {NAME_BYTES} bytes");
        return Err(ReadError { fault: Fault::Limit, place: Place::Whole, reason: reason.into() });
    }
    let text = String::from_utf8_lossy(raw).replace(char::is_control, "\u{fffd}");
    // Some tools for Windows write its separators.
    let text = if text.contains('/') { text } else { text.replace('\\', "/") };
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let has_drive = text.as_bytes().get(1) == Some(&b':');
    let leads_out = text.starts_with('/') || has_drive || parts.contains(&"..");
    let Some(last) = parts.last() else { return Ok(None) };
    if leads_out {
        let last = last.rsplit(['\\', ':']).next().unwrap_or(last);
        return Ok(Some(last.to_owned()).filter(|last| !matches!(&**last, "" | "..")));
    }
    Ok(Some(parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_lead_out() {
        let name = |raw: &str| entry_name(raw.as_bytes()).unwrap();
        let is = |raw, wanted: &str| assert_eq!(name(raw).as_deref(), Some(wanted), "{raw}");
        is("a/b.out", "a/b.out");
        is("./a//b.out", "a/b.out");
        is("a\\b.out", "a/b.out");
        is("../../a/b.out", "b.out");
        is("a/../../b.out", "b.out");
        is("/etc/passwd", "passwd");
        is("C:\\x\\b.out", "b.out");
        is("C:/x/b.out", "b.out");
        is("C:b.out", "b.out");
        is("a\x1b[2J\n", "a\u{fffd}[2J\u{fffd}");
        for raw in ["", "/", ".", "..", "a/..", "C:"] {
            assert_eq!(name(raw), None, "{raw}");
        }
        assert!(entry_name(&[b'a'; NAME_BYTES + 1]).is_err());
    }

    #[test]
    fn what_is_packed_unpacks_to_the_same() {
        let files = vec![("a/b".to_owned(), vec![7; 1000]), ("ü".to_owned(), Vec::new())];
        let mut found = Vec::new();
        let result = unpack("z", &pack(&files), &Limits::default(), &mut |name, bytes| {
            found.push((name["z/".len()..].to_owned(), bytes.to_vec()));
        });
        assert_eq!((result, found), (Ok(true), files));
    }

    #[test]
    fn what_is_no_archive_is_said_to_be_none() {
        for bytes in [&b""[..], b"P", b"PK", b"mode: set\n", b"\x1f\x8b", &[0; 1024]] {
            let result = unpack("a", bytes, &Limits::default(), &mut |_, _| panic!("an entry"));
            assert_eq!(result, Ok(false));
        }
    }
}
