//! The two files that GCC's `--coverage` leaves, as they stand: notes (`.gcno`) of the compiler
//! with the graph of each function, and counters (`.gcda`) of the program that ran.
//!
//! ```text
//! u32 magic "gcno" | "gcda", whose order of bytes is that of the file
//! u32 version       four characters: "B22*" is GCC 12.2, "407*" is 4.7
//! u32 stamp         the same in both files of one compilation
//! u32 checksum      since GCC 12
//! notes only: string working directory (9), u32 whether blocks may be left out (8)
//! records: u32 tag, u32 length, then so many words; bytes since GCC 12
//!
//! notes     01000000 function: u32 ident, line checksum, graph checksum (4.7), string name,
//!                    u32 artificial (8), string source, u32 line, column (8), last line (8),
//!                    last column (9)
//!           01410000 blocks: u32 for each; since GCC 8 only u32 how many
//!           01430000 arcs: u32 block, then u32 block and u32 flags for each arc that leaves it
//!           01450000 lines: u32 block, then u32 line, or u32 0 and string source; ends with
//!                    an empty string
//!           01470000 conditions (14): u32 block, u32 number of conditions
//! counters  01000000 function: u32 ident and checksums, or nothing
//!           01a10000 u64 for each arc that is not on the spanning tree; a negative length stands
//!                    for so many zeros (10)
//!           01b10000 2 u64 for each decision (14): conditions seen true, and seen false
//!           a1000000, a3000000 summaries: how many runs
//! ```
//!
//! Spec: GCC internals manual and the comment on top of `gcov-io.h`. Strings are u32 length in
//! words or, since GCC 12, in bytes, then that, with zeros behind. Clang writes the same with the
//! version of the GCC that it imitates, and a record of tag 0 at the end of notes.

use std::collections::HashMap;

use crate::bytes::Cursor;
use crate::{Place, ReadError};

/// What is known of a pair by the heads of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) is_counters: bool,
    /// Ten times the major version, plus the minor one.
    pub(crate) version: u32,
    pub(crate) stamp: u32,
}

/// Notes of one compilation.
#[derive(Debug, Default)]
pub(crate) struct Graphs {
    pub(crate) version: u32,
    pub(crate) folder: String,
    pub(crate) sources: Sources,
    pub(crate) functions: Vec<Graph>,
    /// Whether Clang wrote them.
    pub(crate) is_clang: bool,
}

/// Paths of sources, each once, without steps up and down again.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) names: Vec<String>,
    positions: HashMap<String, usize>,
}

impl Sources {
    fn known(&mut self, path: &str) -> usize {
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "." => {}
                ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let next = self.names.len();
        *self.positions.entry(parts.join("/")).or_insert_with_key(|path| {
            self.names.push(path.clone());
            next
        })
    }
}

/// A function.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) ident: u32,
    /// Of its lines, and since GCC 4.7 of its graph.
    pub(crate) checksums: [u32; 2],
    pub(crate) name: String,
    /// Whether no source holds it.
    pub(crate) is_artificial: bool,
    /// A position in [`Graphs::sources`].
    pub(crate) source: usize,
    /// Line and column where it starts; columns are 0 where unknown.
    pub(crate) start: (u32, u32),
    /// Line and column of its last character, 0 where unknown.
    pub(crate) last: (u32, u32),
    pub(crate) n_blocks: usize,
    pub(crate) arcs: Vec<Arc>,
    /// Lines of blocks, as they stand.
    pub(crate) stretches: Vec<Stretch>,
    /// Blocks that end in a decision, and how many conditions that has.
    pub(crate) decisions: Vec<(usize, u32)>,
}

/// A way from one block to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arc {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) flags: u32,
}

impl Arc {
    /// Whether its count is not stored, but follows from others.
    pub(crate) fn is_on_tree(self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether nothing in the source goes this way: a call that does not return.
    pub(crate) fn is_fake(self) -> bool {
        self.flags & 2 != 0
    }
}

/// Lines of one block in one source.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) block: usize,
    /// A position in [`Graphs::sources`].
    pub(crate) source: usize,
    pub(crate) lines: Vec<u32>,
}

/// What a run, or several of them, counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) functions: Vec<FunctionCounts>,
    /// Whether the mark at the end is there.
    pub(crate) is_whole: bool,
}

/// Counters of one function.
#[derive(Debug, Default)]
pub(crate) struct FunctionCounts {
    pub(crate) offset: usize,
    pub(crate) ident: u32,
    pub(crate) checksums: [u32; 2],
    /// Of arcs that are not on the tree, in their order; none where all are 0, absent where they
    /// were not written.
    pub(crate) arcs: Option<Vec<i64>>,
    /// Of decisions: conditions that were true, and that were false, as bits.
    pub(crate) decisions: Vec<(u64, u64)>,
}

const FUNCTION: u32 = 0x0100_0000;
const BLOCKS: u32 = 0x0141_0000;
const ARCS: u32 = 0x0143_0000;
const LINES: u32 = 0x0145_0000;
const DECISIONS: u32 = 0x0147_0000;
const ARC_COUNTS: u32 = 0x01a1_0000;
const DECISION_COUNTS: u32 = 0x01b1_0000;

/// The head of a file, if it is one of these.
pub(crate) fn head(bytes: &[u8]) -> Option<Head> {
    Words::open(bytes).ok().map(|(head, _)| head)
}

/// Notes in these bytes.
pub(crate) fn graphs(bytes: &[u8]) -> Result<Graphs, ReadError> {
    let (head, mut words) = Words::open(bytes)?;
    let mut found = Graphs { version: head.version, ..Graphs::default() };
    if head.version >= 120 {
        words.word("the checksum")?;
    }
    if head.version >= 90 {
        found.folder = words.string("the working directory")?;
    }
    if head.version >= 80 {
        words.word("the head")?;
    }
    // A block takes 8 bytes and more, but its record only says how many there are.
    let mut room = bytes.len() / 8 + 16;
    while let Some(record) = words.record()? {
        let Record { tag, offset, length, mut words } = record;
        let function = found.functions.last_mut();
        match (tag, function) {
            (0, _) => {
                found.is_clang = true;
                break;
            }
            (FUNCTION, _) => {
                let function = function_record(&mut words, &mut found.sources)?;
                found.functions.push(function);
            }
            (BLOCKS, Some(function)) => {
                let n_blocks = if head.version < 80 { length / 4 } else { words.size("blocks")? };
                room = room.checked_sub(n_blocks).ok_or_else(|| {
                    let reason = format!("{n_blocks} blocks do not fit into the file");
                    ReadError::malformed(Place::Byte(offset), reason)
                })?;
                function.n_blocks = n_blocks;
            }
            (ARCS, Some(function)) => {
                let from = words.block(function, "a block that arcs leave")?;
                while !words.is_done() {
                    let to = words.block(function, "a block that an arc leads to")?;
                    let flags = words.word("flags of an arc")?;
                    function.arcs.push(Arc { from, to, flags });
                }
            }
            (LINES, Some(function)) => {
                let block = words.block(function, "a block with lines")?;
                lines_record(&mut words, block, function, &mut found.sources)?;
            }
            (DECISIONS, Some(function)) => {
                while !words.is_done() {
                    let block = words.block(function, "a block with a decision")?;
                    let n_conditions = words.word("conditions")?;
                    if n_conditions > 64 {
                        let reason =
                            format!("{n_conditions} conditions are more than a counter has bits");
                        return Err(ReadError::malformed(Place::Byte(offset), reason));
                    }
                    function.decisions.push((block, n_conditions));
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

fn function_record(words: &mut Words<'_>, sources: &mut Sources) -> Result<Graph, ReadError> {
    let version = words.version;
    let ident = words.word("a function")?;
    let checksums = words.checksums()?;
    let name = words.string("name of a function")?;
    let is_artificial = version >= 80 && words.word("a function")? != 0;
    let source = words.source(sources)?;
    let mut place = |since: u32| {
        if version >= since { words.word("place of a function") } else { Ok(0) }
    };
    let start = (place(0)?, place(80)?);
    let last = (place(80)?, place(90)?);
    Ok(Graph { ident, checksums, name, is_artificial, source, start, last, ..Graph::default() })
}

fn lines_record(
    words: &mut Words<'_>,
    block: usize,
    function: &mut Graph,
    sources: &mut Sources,
) -> Result<(), ReadError> {
    let first = function.stretches.len();
    loop {
        let offset = words.cursor.offset();
        match words.word("lines")? {
            0 => {
                let name = words.string("name of a source")?;
                if name.is_empty() {
                    return Ok(());
                }
                let source = sources.known(&name);
                function.stretches.push(Stretch { block, source, lines: Vec::new() });
            }
            line => match function.stretches.get_mut(first..).and_then(<[_]>::last_mut) {
                Some(stretch) => stretch.lines.push(line),
                None => {
                    let reason = "a line before the name of its source";
                    return Err(ReadError::malformed(Place::Byte(offset), reason));
                }
            },
        }
    }
}

/// Counters in these bytes.
pub(crate) fn counts(bytes: &[u8]) -> Result<Counts, ReadError> {
    let (head, mut words) = Words::open(bytes)?;
    if head.version >= 120 {
        words.word("the checksum")?;
    }
    let mut found = Counts::default();
    // Whether counters that follow are of the function that came last.
    let mut is_open = false;
    while let Some(record) = words.record()? {
        let Record { tag, offset, length, mut words } = record;
        match tag {
            0 => {
                found.is_whole = true;
                break;
            }
            FUNCTION if length == 0 => is_open = false,
            FUNCTION => {
                let ident = words.word("a function")?;
                let checksums = words.checksums()?;
                let function = FunctionCounts { offset, ident, checksums, ..Default::default() };
                found.functions.push(function);
                is_open = true;
            }
            ARC_COUNTS | DECISION_COUNTS if is_open => {
                let Some(function) = found.functions.last_mut() else { continue };
                let mut counters = Vec::new();
                while !words.is_done() {
                    counters.push(words.counter()?);
                }
                if tag == ARC_COUNTS {
                    function.arcs = Some(counters.into_iter().map(u64::cast_signed).collect());
                } else {
                    let pair = |pair: &[u64]| Some((*pair.first()?, *pair.get(1)?));
                    function.decisions = counters.chunks(2).filter_map(pair).collect();
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Words of a file, or of one record.
#[derive(Debug, Clone)]
struct Words<'a> {
    cursor: Cursor<'a>,
    is_big: bool,
    version: u32,
}

struct Record<'a> {
    tag: u32,
    /// Where it starts.
    offset: usize,
    /// Length in bytes.
    length: usize,
    words: Words<'a>,
}

impl<'a> Words<'a> {
    fn open(bytes: &'a [u8]) -> Result<(Head, Self), ReadError> {
        let mut cursor = Cursor::new(bytes);
        let (is_big, is_counters) = match &cursor.array::<4>("the magic number")? {
            b"gcno" => (true, false),
            b"gcda" => (true, true),
            b"oncg" => (false, false),
            b"adcg" => (false, true),
            _ => return Err(ReadError::malformed(Place::Byte(0), "no magic number of GCC")),
        };
        let mut words = Self { cursor, is_big, version: 0 };
        let version = words.word("the version")?;
        words.version = number(version).ok_or_else(|| {
            let reason = format!("{version:#010x} is no version of GCC");
            ReadError::malformed(Place::Byte(4), reason)
        })?;
        let stamp = words.word("the stamp")?;
        Ok((Head { is_counters, version: words.version, stamp }, words))
    }

    fn word(&mut self, what: &'static str) -> Result<u32, ReadError> {
        let bytes = self.cursor.array(what)?;
        Ok(if self.is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn counter(&mut self) -> Result<u64, ReadError> {
        let low = self.word("a counter")?;
        let high = self.word("a counter")?;
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    fn size(&mut self, what: &'static str) -> Result<usize, ReadError> {
        Ok(usize::try_from(self.word(what)?).unwrap_or(usize::MAX))
    }

    fn checksums(&mut self) -> Result<[u32; 2], ReadError> {
        let lines = self.word("checksum of a function")?;
        let graph = if self.version >= 47 { self.word("checksum of a function")? } else { 0 };
        Ok([lines, graph])
    }

    fn block(&mut self, function: &Graph, what: &'static str) -> Result<usize, ReadError> {
        let offset = self.cursor.offset();
        let block = self.size(what)?;
        if block >= function.n_blocks {
            let reason = format!("{what} is number {block} of {}", function.n_blocks);
            return Err(ReadError::malformed(Place::Byte(offset), reason));
        }
        Ok(block)
    }

    fn string(&mut self, what: &'static str) -> Result<String, ReadError> {
        let length = self.size(what)?;
        let length = if self.version >= 120 { length } else { length.saturating_mul(4) };
        let text = self.cursor.take(length, what)?;
        let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
        Ok(String::from_utf8_lossy(text.get(..end).unwrap_or_default()).into_owned())
    }

    fn source(&mut self, sources: &mut Sources) -> Result<usize, ReadError> {
        Ok(sources.known(&self.string("name of a source")?))
    }

    fn is_done(&self) -> bool {
        self.cursor.remaining() == 0
    }

    /// The next record; `None` at the end.
    fn record(&mut self) -> Result<Option<Record<'a>>, ReadError> {
        if self.is_done() {
            return Ok(None);
        }
        let offset = self.cursor.offset();
        let tag = self.word("a record")?;
        if tag == 0 {
            let words = Self { cursor: Cursor::new(&[]), ..self.clone() };
            return Ok(Some(Record { tag, offset, length: 0, words }));
        }
        let stored = self.word("a record")?;
        let is_counter = tag & 0xffe0_0000 == 0x01a0_0000;
        let are_zeros = is_counter && self.version >= 100 && stored.cast_signed() < 0;
        let length = if are_zeros { 0 } else { usize::try_from(stored).unwrap_or(usize::MAX) };
        let length = if self.version >= 120 { length } else { length.saturating_mul(4) };
        let first = self.cursor.offset();
        self.cursor.take(length, "a record")?;
        // Keeps offsets those of the file.
        let mut words = self.clone();
        words.cursor = self.cursor.before();
        words.cursor.seek(first);
        Ok(Some(Record { tag, offset, length, words }))
    }
}

/// Ten times the major version, plus the minor one. Two forms: `407*` is 4.7 and `A71*` is 7.1,
/// where A stands for no tens.
fn number(version: u32) -> Option<u32> {
    let [first, second, third, phase] = version.to_be_bytes();
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    if !phase.is_ascii_graphic() {
        return None;
    }
    match first {
        b'A'..=b'Z' => Some(u32::from(first - b'A') * 100 + digit(second)? * 10 + digit(third)?),
        _ => Some(digit(first)? * 10 + digit(second)? * 100 + digit(third)?),
    }
}
