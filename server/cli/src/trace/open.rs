//! A file to a trace, in pieces, so that it is never in memory as a whole.

use std::fs::File;
use std::io::{Cursor, ErrorKind, IsTerminal, Read, Write};

use anyhow::{Context, Result, anyhow};
use flate2::read::MultiGzDecoder;
use gotrace::{Event, Losses, Names, Reader, Trace};

use super::FileArgs;

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;
/// Files of less are read before anybody could read how far it is.
const QUICK: u64 = 32 << 20;
/// What a file begins with that gzip packed.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How many losses are told one by one.
const TOLD: usize = 5;

/// A trace that was read.
pub(super) struct Opened {
    /// Name of the file, without its folder.
    pub(super) name: String,
    /// Go's minor version in its header.
    pub(super) version: u32,
    /// What is in it.
    pub(super) trace: Trace,
    /// The strings and stacks that it refers to.
    pub(super) names: Names,
    /// What was lost of it.
    pub(super) losses: Losses,
}

/// Opens a trace, and warns of what is damaged.
pub(super) fn open(args: &FileArgs) -> Result<Opened> {
    let mut trace = Trace::default();
    let reader = read(args, |_| {}, |names, event| trace.add(names, event))?;
    let version = reader.version().unwrap_or(0);
    let losses = reader.losses().clone();
    Ok(Opened { name: name(args), version, trace, names: reader.into_names(), losses })
}

/// Reads a trace to its end, unpacked if gzip packed it: `bytes` sees all of them, `sink` each
/// event. Warns of what is damaged.
pub(super) fn read(
    args: &FileArgs,
    mut bytes: impl FnMut(&[u8]),
    mut sink: impl FnMut(&Names, &Event),
) -> Result<Reader> {
    let is_input = args.file.as_os_str() == "-";
    let shown =
        if is_input { "standard input".to_owned() } else { args.file.display().to_string() };
    let refused = || format!("cannot read {shown}");
    let (mut file, all): (Box<dyn Read>, u64) = if is_input {
        (Box::new(std::io::stdin().lock()), 0)
    } else {
        let file = File::open(&args.file).with_context(refused)?;
        let all = file.metadata().map_or(0, |metadata| metadata.len());
        (Box::new(file), all)
    };
    let mut head = Vec::new();
    file.by_ref().take(GZIP.len() as u64).read_to_end(&mut head).with_context(refused)?;
    let is_packed = head == GZIP;
    let mut file: Box<dyn Read> = Box::new(Cursor::new(head).chain(file));
    if is_packed {
        file = Box::new(MultiGzDecoder::new(file));
    }
    let mut progress = Progress::new(if is_packed { 0 } else { all });
    let mut reader = Reader::new();
    let mut piece = vec![0; PIECE];
    let damaged = |error| anyhow!("cannot read {shown}: {error}");
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => piece.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // What was packed before the damage is read like any trace that breaks off.
            Err(error) if is_packed && reader.version().is_some() => {
                crate::complain(&format!("{shown}: cannot unpack all of it: {error}"));
                break;
            }
            Err(error) => return Err(error).with_context(refused),
        };
        bytes(read);
        reader.push(read, &mut sink).map_err(damaged)?;
        progress.add(read.len() as u64);
    }
    reader.finish(&mut sink).map_err(damaged)?;
    progress.end();
    warn(&shown, reader.losses());
    Ok(reader)
}

/// Name of the file, without its folder.
pub(super) fn name(args: &FileArgs) -> String {
    let name = args.file.file_name().unwrap_or(args.file.as_os_str());
    name.to_string_lossy().into_owned()
}

fn warn(name: &str, losses: &Losses) {
    for loss in losses.told().iter().take(TOLD) {
        crate::complain(&format!("{name}: {loss}"));
    }
    let more = losses.untold() + losses.told().len().saturating_sub(TOLD) as u64;
    if more > 0 {
        crate::complain(&format!("{name}: {more} more places are damaged"));
    }
    if let Some(sentence) = sums(losses) {
        crate::complain(&format!("{name}: {sentence}"));
    }
}

/// What is missing for certain, in words; nothing where nothing is.
pub(super) fn sums(losses: &Losses) -> Option<String> {
    let parts = [
        (losses.events, "events could not be placed"),
        (losses.bytes, "bytes belong to nothing"),
        (losses.by_clock, "events are in the order of their clocks alone"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// How far a long file was read, where a person looks on.
struct Progress {
    done: u64,
    all: u64,
    told: u64,
}

impl Progress {
    fn new(all: u64) -> Self {
        let is_seen = all >= QUICK && std::io::stderr().is_terminal();
        Self { done: 0, all: if is_seen { all } else { 0 }, told: 0 }
    }

    fn add(&mut self, bytes: u64) {
        self.done += bytes;
        let Some(percent) = (self.done.min(self.all) * 100).checked_div(self.all) else { return };
        if percent > self.told {
            self.told = percent;
            let _ = write!(std::io::stderr(), "\rReading… {percent} %");
        }
    }

    fn end(&self) {
        if self.told > 0 {
            let _ = write!(std::io::stderr(), "\r              \r");
        }
    }
}
