//! Counters of LLVM's instrumentation by function, whatever file they come from.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use crate::bytes::Cursor;
use crate::{Place, ReadError, limits};

/// What a program counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// By the hash of the function's name. One name may have several bodies.
    functions: BTreeMap<u64, Vec<Counted>>,
    /// Identities of the program and the libraries that counted, where they have any.
    pub(crate) build_ids: Vec<Vec<u8>>,
    /// Whether test vectors are numbered as compilers up to LLVM 18 did.
    pub(crate) old_vectors: bool,
    /// Whether counters only say if something ran.
    pub(crate) is_set: bool,
}

/// Counters of a function body.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// Hash of the body's structure.
    pub(crate) hash: u64,
    pub(crate) counts: Vec<u64>,
    /// A bit for each test vector of each decision.
    pub(crate) bitmap: Vec<u8>,
}

impl Counts {
    /// Adds a body; `false` if it is known with another number of counters.
    pub(crate) fn add(&mut self, name: u64, body: Counted) -> bool {
        let bodies = self.functions.entry(name).or_default();
        let Some(known) = bodies.iter_mut().find(|known| known.hash == body.hash) else {
            bodies.push(body);
            return true;
        };
        if known.counts.len() != body.counts.len() || known.bitmap.len() != body.bitmap.len() {
            return false;
        }
        for (sum, count) in known.counts.iter_mut().zip(body.counts) {
            *sum = sum.saturating_add(count);
        }
        for (all, bits) in known.bitmap.iter_mut().zip(body.bitmap) {
            *all |= bits;
        }
        true
    }

    /// Adds everything of another file; how many bodies did not fit.
    pub(crate) fn merge(&mut self, other: Self) -> u64 {
        self.old_vectors |= other.old_vectors;
        self.is_set |= other.is_set;
        let mut n_misfits = 0;
        for (name, bodies) in other.functions {
            for body in bodies {
                n_misfits += u64::from(!self.add(name, body));
            }
        }
        n_misfits
    }

    /// The bodies of a name.
    pub(crate) fn of(&self, name: u64) -> &[Counted] {
        self.functions.get(&name).map_or(&[], Vec::as_slice)
    }

    /// How many names there are.
    pub(crate) fn n_functions(&self) -> usize {
        self.functions.len()
    }
}

/// The hash by which LLVM speaks of a name: the first eight bytes of its MD5.
pub(crate) fn name_hash(name: &[u8]) -> u64 {
    let digest: [u8; 16] = Md5::digest(name).into();
    digest.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

/// Names by their hash: runs of joined names, packed or not, with zeros between.
///
/// ```text
/// length  packed length, 0 if not packed  names joined by 0x01
/// ```
pub(crate) fn names(bytes: &[u8]) -> Result<BTreeMap<u64, String>, ReadError> {
    let mut names = BTreeMap::new();
    let mut budget = limits::NAME_BYTES;
    let mut cursor = Cursor::new(bytes);
    loop {
        let zeros = cursor.rest().iter().take_while(|byte| **byte == 0).count();
        cursor.seek(cursor.offset() + zeros);
        if cursor.remaining() == 0 {
            return Ok(names);
        }
        let text = packed(&mut cursor, &mut budget, "function names")?;
        for name in text.split(|byte| *byte == 1) {
            names.insert(name_hash(name), String::from_utf8_lossy(name).into_owned());
        }
    }
}

/// A text that is packed if its packed length is not 0.
pub(crate) fn packed(
    cursor: &mut Cursor<'_>,
    budget: &mut usize,
    what: &'static str,
) -> Result<Vec<u8>, ReadError> {
    let length = uleb(cursor, what)?;
    let packed = uleb(cursor, what)?;
    let at = cursor.offset();
    let large = || ReadError::limit(Place::Byte(at), format!("{what} unpack to too much"));
    let length = usize::try_from(length).map_err(|_| large())?;
    *budget = budget.checked_sub(length).ok_or_else(large)?;
    if packed == 0 {
        return Ok(cursor.take(length, what)?.to_vec());
    }
    let packed = cursor.take(usize::try_from(packed).unwrap_or(usize::MAX), what)?;
    let text = decompress_to_vec_zlib_with_limit(packed, length).map_err(|error| {
        ReadError::malformed(Place::Byte(at), format!("{what} do not unpack: {error}"))
    })?;
    if text.len() != length {
        return Err(ReadError::malformed(Place::Byte(at), format!("{what} unpack to too little")));
    }
    Ok(text)
}

/// An unsigned LEB128 of up to 64 bits.
pub(crate) fn uleb(cursor: &mut Cursor<'_>, what: &'static str) -> Result<u64, ReadError> {
    let start = cursor.offset();
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = cursor.byte(what)?;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            break;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(ReadError::malformed(Place::Byte(start), format!("{what}: a number does not end")))
}

/// An identity as hexadecimal digits.
pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_one_hash_are_added() {
        let body =
            |hash, count: u8| Counted { hash, counts: vec![count.into()], bitmap: vec![count] };
        let mut counts = Counts::default();
        assert!(
            counts.add(7, body(1, 3)) && counts.add(7, body(1, 4)) && counts.add(7, body(2, 9))
        );
        assert!(!counts.add(7, Counted { hash: 1, ..Counted::default() }));
        let [first, second] = counts.of(7) else { panic!("{counts:?}") };
        assert_eq!((&first.counts[..], &first.bitmap[..]), (&[7][..], &[7][..]));
        assert_eq!(second.counts, [9]);
    }

    #[test]
    fn names_are_told_by_their_hash() {
        let found = names(b"\x06\0main\x01f\0\0\x01\0g\0").unwrap();
        let mut texts: Vec<_> = found.values().cloned().collect();
        texts.sort();
        assert_eq!(texts, ["f", "g", "main"]);
        // As `md5sum` says: fad58de7366495db4650cfefac2fcd61.
        assert_eq!(name_hash(b"main"), 0xdb95_6436_e78d_d5fa);
        assert_eq!(found[&name_hash(b"main")], "main");
        let error = names(b"\x90\x90\x90\x90\x90\x01\x01x").unwrap_err();
        assert!(error.to_string().contains("too much"), "{error}");
    }
}
