//! Text profiles as `go tool cover` takes them: more strictly than Coverglass elsewhere, and with
//! its own way to join blocks.

use std::collections::BTreeMap;

use formats::go_text::{self, Block};

/// Longest line that Go's scanner takes, in bytes.
const LINE_BYTES: usize = 65_535;

/// The blocks of a file.
#[derive(Debug)]
pub(super) struct FileProfile<'a> {
    /// Name in the profile.
    pub name: &'a str,
    /// Whether counts only say that something ran.
    pub set: bool,
    /// Blocks by start; neighbors of one place are one.
    pub blocks: Vec<Counted>,
}

/// A block with its count as Go holds it: with a sign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Start line and column.
    pub start: (u32, u32),
    /// End line and column.
    pub end: (u32, u32),
    /// Statements.
    pub statements: u32,
    /// How often it ran; negative after an overflow.
    pub count: i64,
}

impl FileProfile<'_> {
    /// Statements covered and in all.
    pub(super) fn statements(&self) -> (i64, i64) {
        statements(&self.blocks)
    }
}

/// Statements covered and in all of some blocks.
pub(super) fn statements<'a>(blocks: impl IntoIterator<Item = &'a Counted>) -> (i64, i64) {
    blocks.into_iter().fold((0, 0), |(covered, total), block| {
        let statements = i64::from(block.statements);
        (covered + if block.count > 0 { statements } else { 0 }, total + statements)
    })
}

/// Reads a profile; files by name.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<FileProfile<'_>>, String> {
    let mut files: BTreeMap<&[u8], Vec<Counted>> = BTreeMap::new();
    let mut run: (&[u8], Vec<Counted>) = (b"", Vec::new());
    let mut mode = None;
    let mut rest = bytes;
    let mut number = 0usize;
    while !rest.is_empty() {
        number += 1;
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        if line.len() > LINE_BYTES {
            return Err(format!("line {number}: longer than {LINE_BYTES} bytes"));
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if mode.is_none() {
            let word = line.strip_prefix(b"mode: ").filter(|word| !word.is_empty());
            mode = Some(word.ok_or_else(|| format!("line {number}: not a mode line"))?);
            continue;
        }
        let fail = |reason: &str| format!("line {number}: {reason}");
        let (name, Block { span, statements, count }) = go_text::block(line).map_err(fail)?;
        let count = i64::try_from(count).map_err(|_| fail("count exceeds 63 bits"))?;
        if name != run.0 {
            let (name, blocks) = std::mem::replace(&mut run, (name, Vec::new()));
            if !blocks.is_empty() {
                files.entry(name).or_default().extend(blocks);
            }
        }
        run.1.push(Counted {
            start: (span.start.line, span.start.column),
            end: (span.end.line, span.end.column),
            statements,
            count,
        });
    }
    if !run.1.is_empty() {
        files.entry(run.0).or_default().extend(run.1);
    }
    let set = mode == Some(b"set");
    files
        .into_iter()
        .map(|(name, blocks)| {
            let name = str::from_utf8(name).map_err(|_| "a file's name is not UTF-8".to_owned())?;
            let blocks = joined(blocks, set).map_err(|reason| format!("{name}: {reason}"))?;
            Ok(FileProfile { name, set, blocks })
        })
        .collect()
}

/// Sorts blocks by their start and joins neighbors of one place.
fn joined(mut blocks: Vec<Counted>, set: bool) -> Result<Vec<Counted>, String> {
    blocks.sort_by_key(|block| block.start);
    let mut joined: Vec<Counted> = Vec::with_capacity(blocks.len());
    for block in blocks {
        match joined.last_mut() {
            Some(last) if (last.start, last.end) == (block.start, block.end) => {
                if last.statements != block.statements {
                    return Err(format!(
                        "line {}, column {}: inconsistent number of statements: {}, then {}",
                        block.start.0, block.start.1, last.statements, block.statements
                    ));
                }
                last.count = match set {
                    true => last.count | block.count,
                    false => last.count.wrapping_add(block.count),
                };
            }
            _ => joined.push(block),
        }
    }
    joined.shrink_to_fit();
    Ok(joined)
}
