//! A file of channel operations, read beside the trace of the same run: in pieces, so that it is
//! never in memory as a whole, and once the trace is there.

use frontend::trace::messages::{FlatTell, Tell};
use frontend::trace::passed::Passed;
use gotrace::channels::ChannelsReader;
use js_sys::{Array, Function, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, FileReaderSync, ReadableStream, ReadableStreamDefaultReader};

use crate::{DESK, Desk, clock, tell};

/// Operations that are looked at, at most; of more, the newest. They take 120 MB while they are
/// paired, and messages a third of that afterwards.
const MOST: usize = 1_000_000;
/// Milliseconds between two tellings of how far it is.
const PAUSE: f64 = 50.0;
/// What gzip files begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What is to be read, or being read.
#[derive(Default)]
pub(crate) struct Operations {
    /// Another number means that something else is wanted since.
    number: u32,
    /// A file that waits for its trace.
    waits: Option<(String, Blob)>,
}

impl Operations {
    /// Another trace is opened. What waits for the first one is for that.
    pub(crate) fn open(&mut self, had_trace: bool) {
        self.number = self.number.wrapping_add(1);
        if had_trace {
            self.waits = None;
        }
    }
}

impl Desk {
    /// Shows what this file says went through channels.
    pub(crate) fn operations(&mut self, name: String, blob: Blob) {
        if self.opened.is_none() {
            let reason =
                format!("{name} has channel operations: open the trace of the same run, too");
            tell(&Tell::Failed { reason });
        }
        self.operations.number = self.operations.number.wrapping_add(1);
        self.operations.waits = Some((name, blob));
        self.read_operations();
    }

    /// Shows only messages of this channel and looks at them, or shows all.
    pub(crate) fn only(&mut self, channel: Option<u32>) {
        let Some(opened) = &mut self.opened else { return };
        let Some(passed) = &mut opened.passed else { return };
        passed.only = channel;
        let title = channel.map(|channel| passed.title(channel));
        opened.revision += 1;
        tell(&Tell::Flat(FlatTell::Only(title)));
        if let Some(opened) = &self.opened {
            self.flat.look_at_channel(opened);
        }
    }

    /// Reads the file that waits, if there is one and the trace was read.
    pub(crate) fn read_operations(&mut self) {
        if !self.opened.as_ref().is_some_and(crate::Opened::is_read) {
            return;
        }
        let Some((name, blob)) = self.operations.waits.take() else { return };
        let number = self.operations.number;
        spawn_local(async move {
            let read = read(number, &blob).await;
            DESK.with_borrow_mut(|desk| match read {
                Ok(Some(reader)) => desk.pair(number, &name, reader),
                Ok(None) => {}
                Err(reason) if desk.operations.number == number => {
                    tell(&Tell::Failed { reason: format!("cannot read {name}: {reason}") });
                }
                Err(_) => {}
            });
        });
    }

    /// Pairs what was read, if it is of the trace's run.
    fn pair(&mut self, number: u32, name: &str, reader: ChannelsReader) {
        let Some(opened) = self.opened.as_mut().filter(|_| self.operations.number == number) else {
            return;
        };
        let channels = match reader.finish() {
            Ok(channels) => channels,
            Err(error) => {
                tell(&Tell::Failed { reason: format!("cannot read {name}: {error}") });
                return;
            }
        };
        if let Err(stranger) = channels.check_run(&opened.trace) {
            let trace = &opened.summary.name;
            let reason = format!("{name} is of another run than {trace}: {stranger}");
            tell(&Tell::Failed { reason });
            return;
        }
        let passed = Passed::of(&channels, &opened.trace);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        opened.summary.messages = count(passed.messages.len());
        opened.summary.channels = count(passed.channels.len());
        for (of, what) in [
            (channels.lost, "channel operations are missing: newer ones took their room"),
            (channels.torn, "records of channel operations are damaged"),
        ] {
            if of > 0 {
                opened.summary.losses.push(format!("{name}: {of} {what}"));
            }
        }
        opened.passed = Some(passed);
        opened.revision += 1;
        tell(&Tell::Opened(opened.summary.clone()));
        if let Some(opened) = &self.opened {
            self.flat.passed(opened);
        }
        self.request();
    }
}

/// Reads a file, packed or not, until something else is wanted.
async fn read(number: u32, blob: &Blob) -> Result<Option<ChannelsReader>, String> {
    let broken = |_| "the browser does not give its bytes; was the file changed?".to_owned();
    let mut stream = blob.stream();
    let is_packed = {
        let files = FileReaderSync::new().map_err(broken)?;
        let start = blob.slice_with_f64_and_f64(0.0, 2.0).map_err(broken)?;
        let start = files.read_as_array_buffer(&start).map_err(broken)?;
        Uint8Array::new(&start).to_vec() == GZIP
    };
    if is_packed {
        stream = unpacked(&stream)
            .map_err(|_| "this browser can't unpack gzip; unpack it first".to_owned())?;
    }
    let bytes: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut reader = ChannelsReader::new(MOST);
    let (mut done, all, mut told) = (0.0, blob.size(), clock());
    loop {
        let part = JsFuture::from(bytes.read()).await.map_err(|error| {
            let is_type = error.is_instance_of::<js_sys::TypeError>();
            if is_packed && is_type { "it is no whole gzip file".to_owned() } else { broken(error) }
        })?;
        let field = |name: &str| Reflect::get(&part, &name.into()).unwrap_or_default();
        if field("done").is_truthy() {
            return Ok(Some(reader));
        }
        let piece = field("value").unchecked_into::<Uint8Array>().to_vec();
        done += piece.len() as f64;
        let pushed = reader.push(&piece).map_err(|error| error.to_string());
        let is_wanted = DESK.with_borrow(|desk| desk.operations.number == number);
        if pushed.is_err() || !is_wanted {
            let _ = bytes.cancel();
            pushed?;
            return Ok(None);
        }
        if !is_packed && done < all && clock() - told > PAUSE {
            told = clock();
            tell(&Tell::Progress { done, all });
        }
    }
}

/// The same bytes, unpacked by the browser.
fn unpacked(stream: &ReadableStream) -> Result<ReadableStream, JsValue> {
    let global = js_sys::global();
    let class: Function = Reflect::get(&global, &"DecompressionStream".into())?.dyn_into()?;
    let unpacker = Reflect::construct(&class, &Array::of1(&"gzip".into()))?;
    let through: Function = Reflect::get(stream, &"pipeThrough".into())?.dyn_into()?;
    through.call1(stream, &unpacker)?.dyn_into()
}
