//! Files out of archives: zip, tar, gzip and zstd, and these within each other.
//!
//! What a file is, its first bytes say, not its name. Nothing is trusted: every length is checked
//! against the bytes that are there, what is held and what is unpacked is bounded by [`Limits`]
//! whatever is declared, and checksums are verified where the format has them before a file is
//! given. Files come one by one, each freed before the next; of those that nobody wants only the
//! first bytes are unpacked, or in a compressed tar passed over without being held. An entry that
//! can't be read does not keep the others from being read.
//!
//! Not here: archives that are encrypted, in several parts, or start with a program that unpacks
//! them; sparse files; compression other than deflate and zstd.

mod gzip;
mod inflate;
mod source;
mod tar;
mod zip;
mod zstd;

use std::borrow::Cow;

use crate::limits::Limits;
use crate::{Fault, HEAD_BYTES, Place, ReadError};

use self::gzip::Gunzip;
use self::inflate::Inflate;
use self::source::{Slice, Source, Work, drain, fill};
use self::zstd::Unzstd;

/// Whoever wants files out of an archive.
pub trait Sink {
    /// Whether a file is wanted, by its name and its first bytes: all, or [`HEAD_BYTES`].
    fn wants(&mut self, name: &str, head: &[u8]) -> bool;

    /// Takes a file that is wanted; gives how many bytes of memory stay taken because of it, for
    /// [`Limits::held_bytes`].
    fn take(&mut self, name: &str, bytes: &[u8]) -> usize;
}

/// Gives `sink` every regular file in an archive that it wants: its name, which is that of the
/// archive, a slash and the path inside, and its bytes. Archives inside are unpacked too, with
/// their own name as a folder's. A single compressed file has the name of the archive without the
/// ending; a compressed tar counts as one archive. Entries whose path leads out of the archive lose
/// all of it but the last part; directories, links and devices are skipped.
///
/// Gives `false` if these bytes are no archive. The same bytes always give the same files in the
/// same order.
///
/// # Errors
/// The first thing that could not be read; its place is in the outermost archive, what follows
/// names places inside. All other files have been given to `sink` all the same, unless more is in
/// it than `limits` allow altogether.
pub fn unpack(
    name: &str,
    bytes: &[u8],
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<bool, ReadError> {
    let Some(kind) = Kind::of(bytes) else { return Ok(false) };
    let most = |bytes_any: usize, ratio| bytes.len().saturating_mul(ratio).max(bytes_any);
    let mut unpacking = Unpacking {
        limits,
        sink,
        inflate: None,
        work: Work::new(most(limits.work_bytes, limits.work_ratio)),
        most_held: most(limits.held_bytes, limits.held_ratio),
        held: 0,
        left_entries: limits.entries,
        first: None,
    };
    unpacking.archive(kind, name, bytes, 1)?;
    unpacking.first.map_or(Ok(true), Err)
}

/// Wants nothing.
impl Sink for () {
    fn wants(&mut self, _: &str, _: &[u8]) -> bool {
        false
    }

    fn take(&mut self, _: &str, _: &[u8]) -> usize {
        0
    }
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
    sink: &'a mut dyn Sink,
    /// Room for a deflated entry, kept from one to the next.
    inflate: Option<Inflate>,
    work: Work,
    /// Bytes that may be held, and that are: by what is outside of this file, and by those before.
    most_held: usize,
    held: usize,
    left_entries: usize,
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
            Kind::Tar => tar::read(self, name, &mut Slice(bytes), depth),
            Kind::Gzip => {
                let open = || Box::new(Gunzip::new(bytes)) as Box<dyn Source + '_>;
                self.single(name, &[".gz", ".gzip"], &open, depth)
            }
            Kind::Zstd => {
                let open = || Box::new(Unzstd::new(bytes)) as Box<dyn Source + '_>;
                self.single(name, &[".zst", ".zstd"], &open, depth)
            }
        }
    }

    /// A file of an archive: an archive itself, or one that may be wanted.
    fn file(&mut self, name: &str, source: &mut dyn Source, depth: usize) -> Result<(), ReadError> {
        let mut bytes = Vec::new();
        fill(source, &mut self.work, &mut bytes, HEAD_BYTES)?;
        match Kind::of(&bytes) {
            Some(kind) => {
                self.check_depth(depth)?;
                self.read_on(source, &mut bytes)?;
                self.inner(bytes.len(), |this| this.archive(kind, name, &bytes, depth + 1))
            }
            None if self.sink.wants(name, &bytes) => {
                self.read_on(source, &mut bytes)?;
                self.held = self.held.saturating_add(self.sink.take(name, &bytes));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What was compressed as one, and can be unpacked again.
    fn single<'b>(
        &mut self,
        name: &str,
        endings: &[&str],
        open: &dyn Fn() -> Box<dyn Source + 'b>,
        depth: usize,
    ) -> Result<(), ReadError> {
        let mut source = open();
        let mut head = Vec::new();
        fill(&mut *source, &mut self.work, &mut head, HEAD_BYTES)?;
        let inside = |error: ReadError| ReadError {
            fault: error.fault,
            place: Place::Whole,
            reason: format!("what it unpacks to: {error}").into(),
        };
        match Kind::of(&head) {
            None => {
                let base = name.rsplit('/').next().unwrap_or(name);
                let stem = endings.iter().find_map(|ending| base.strip_suffix(ending));
                let stem = stem.filter(|stem| !stem.is_empty()).unwrap_or(base);
                let name = format!("{name}/{stem}");
                if self.sink.wants(&name, &head) {
                    self.read_on(&mut *source, &mut head)?;
                    self.held = self.held.saturating_add(self.sink.take(&name, &head));
                }
                Ok(())
            }
            Some(Kind::Tar) => {
                self.check_depth(depth).map_err(inside)?;
                let room = self.limits.tar_bytes.max(HEAD_BYTES);
                fill(&mut *source, &mut self.work, &mut head, room)?;
                let is_whole = source.next(&mut self.work)?.is_empty();
                let read = if is_whole {
                    self.inner(head.len(), |this| {
                        tar::read(this, name, &mut Slice(&head), depth + 1)
                    })
                } else {
                    drop(head);
                    // Nothing is given before the checksum at the end.
                    drain(&mut *source, &mut self.work)?;
                    source = open();
                    self.inner(0, |this| tar::read(this, name, &mut *source, depth + 1))
                };
                read.map_err(inside)
            }
            Some(kind) => {
                self.check_depth(depth).map_err(inside)?;
                self.read_on(&mut *source, &mut head)?;
                drop(source);
                self.inner(head.len(), |this| this.archive(kind, name, &head, depth + 1))
                    .map_err(inside)
            }
        }
    }

    /// Reads the rest of a file, if that may be held.
    fn read_on(&mut self, source: &mut dyn Source, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        loop {
            let more = source.next(&mut self.work)?;
            if more.is_empty() {
                return Ok(());
            }
            let n_bytes = bytes.len() + more.len();
            if n_bytes > self.left_held() {
                return Err(self.too_large());
            }
            // Half as much again, not twice, so that less lies idle.
            if n_bytes > bytes.capacity() {
                let room = (n_bytes + n_bytes / 2).min(self.left_held()) - bytes.len();
                let full = |_| ReadError::limit(Place::Whole, "there is too little memory for it");
                bytes.try_reserve_exact(room).map_err(full)?;
            }
            let n_more = more.len();
            bytes.extend_from_slice(more);
            source.skip(n_more);
        }
    }

    fn check_depth(&self, depth: usize) -> Result<(), ReadError> {
        if depth >= self.limits.depth {
            let reason = format!("an archive inside of {depth} others");
            return Err(ReadError::limit(Place::Whole, reason));
        }
        Ok(())
    }

    /// Reads an archive inside of one, of which so many bytes are held meanwhile.
    fn inner(
        &mut self,
        n_bytes: usize,
        read: impl FnOnce(&mut Self) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.held = self.held.saturating_add(n_bytes);
        let first = self.first.take();
        let result = read(self);
        self.held = self.held.saturating_sub(n_bytes);
        // An error inside is one of the entry outside, where its place is known.
        let first_inside = std::mem::replace(&mut self.first, first);
        result.and(first_inside.map_or(Ok(()), Err))
    }

    /// Counts an entry.
    fn count(&mut self, offset: usize) -> Result<(), ReadError> {
        match self.left_entries.checked_sub(1) {
            Some(left) => self.left_entries = left,
            None => {
                self.work.is_over = true;
                let reason = format!("more than {} entries", self.limits.entries);
                return Err(ReadError::limit(Place::Byte(offset), reason));
            }
        }
        Ok(())
    }

    /// How many bytes the next file may have.
    fn left_held(&self) -> usize {
        self.most_held.saturating_sub(self.held)
    }

    /// The error where something has more bytes than [`Self::left_held`].
    fn too_large(&self) -> ReadError {
        let most = self.most_held;
        let before = match self.held {
            0 => String::new(),
            held => format!(", {held} of them by what came before"),
        };
        let reason = format!(
            "it unpacks to more than the {most} bytes that an archive of this size may hold at \
             once{before}: unpack it first, if it is to be trusted"
        );
        ReadError::limit(Place::Whole, reason)
    }

    /// An entry that can't be read: the others are, unless a limit on the whole is reached.
    fn left_out(&mut self, offset: usize, name: &str, error: ReadError) -> Result<(), ReadError> {
        let ReadError { fault, .. } = error;
        let reason = Cow::from(format!("{name}: {error}"));
        let error = ReadError { fault, place: Place::Byte(offset), reason };
        if self.work.is_over {
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

    /// Wants everything.
    #[derive(Default)]
    struct All(crate::Files);

    impl Sink for All {
        fn wants(&mut self, _: &str, _: &[u8]) -> bool {
            true
        }

        fn take(&mut self, name: &str, bytes: &[u8]) -> usize {
            self.0.push((name.to_owned(), bytes.to_vec()));
            bytes.len()
        }
    }

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
        let files = [("a/b".to_owned(), vec![7; 1000]), ("ü".to_owned(), Vec::new())];
        let mut all = All::default();
        assert_eq!(unpack("z", &pack(&files.to_vec()), &Limits::default(), &mut all), Ok(true));
        assert_eq!(all.0, files.map(|(name, bytes)| (format!("z/{name}"), bytes)));
    }

    #[test]
    fn what_is_no_archive_is_said_to_be_none() {
        for bytes in [&b""[..], b"P", b"PK", b"mode: set\n", b"\x1f\x8b", &[0; 1024]] {
            assert_eq!(unpack("a", bytes, &Limits::default(), &mut All::default()), Ok(false));
        }
    }
}
