//! A trace from a blob, in pieces, so that the file is never in memory twice.

use frontend::trace::messages::{Summary, Tell};
use gotrace::{Reader, Trace};
use js_sys::Uint8Array;
use web_sys::{Blob, FileReaderSync};

use crate::{Opened, tell};

/// Bytes that are read at once.
const PIECE: f64 = (1 << 20) as f64;

/// Reads a trace.
pub(crate) fn read(name: &str, blob: &Blob) -> Result<Opened, String> {
    let fail = |reason: &dyn std::fmt::Display| format!("cannot read {name}: {reason}");
    let files =
        FileReaderSync::new().map_err(|_| fail(&"this browser lets no worker read files"))?;
    let mut reader = Reader::new();
    let mut trace = Trace::default();
    let all = blob.size();
    let mut done = 0.0;
    while done < all {
        let end = (done + PIECE).min(all);
        let piece = blob
            .slice_with_f64_and_f64(done, end)
            .and_then(|piece| files.read_as_array_buffer(&piece))
            .map_err(|_| fail(&"the browser does not give its bytes; was the file changed?"))?;
        let bytes = Uint8Array::new(&piece).to_vec();
        reader
            .push(&bytes, |names, event| trace.add(names, event))
            .map_err(|error| fail(&error))?;
        done = end;
        tell(&Tell::Progress { done, all });
    }
    reader.finish(|names, event| trace.add(names, event)).map_err(|error| fail(&error))?;
    let losses = reader.losses();
    let mut told: Vec<String> = losses.told().iter().map(ToString::to_string).collect();
    if losses.untold() > 0 {
        told.push(format!("and {} more", losses.untold()));
    }
    let by_goroutine = trace.edges.iter().filter(|edge| edge.from.index().is_some()).count();
    let summary = Summary {
        name: name.to_owned(),
        version: reader.version().unwrap_or(0),
        duration: trace.duration as f64,
        events: trace.events as f64,
        goroutines: u32::try_from(trace.goroutines.len()).unwrap_or(u32::MAX),
        edges: u32::try_from(by_goroutine).unwrap_or(u32::MAX),
        losses: told,
    };
    Ok(Opened { names: reader.into_names(), trace, summary })
}
