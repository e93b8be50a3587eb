//! A trace that is still being written: the relay's stream of it goes into the same [`Opened`] that
//! a file would fill, and what is long past is let go of.

use frontend::trace::live::Window;
use frontend::trace::messages::Tell;
use js_sys::{Function, JSON, Promise, Reflect, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{ReadableStreamDefaultReader, Response};

use crate::picture::Picture;
use crate::{DESK, Desk, Opened, clock, scope, tell};

/// Milliseconds between two attempts to reach the relay.
const RETRY: i32 = 1_000;
/// Least time between two summaries, in milliseconds.
const SUMMARY: f64 = 500.0;
/// Strings, frames and stacks of a trace at most: beyond, it is begun anew.
const NAMES: usize = 8 << 20;

/// What is followed. Another number means that something else was opened since.
#[derive(Default)]
pub(crate) struct Live {
    number: u32,
    window: Window,
    told: f64,
    /// The person has not moved the view.
    pub(crate) follows: bool,
    /// More is to come.
    on: bool,
}

impl Live {
    /// Follows nothing any more.
    pub(crate) fn stop(&mut self) {
        self.number = self.number.wrapping_add(1);
        self.follows = false;
        self.on = false;
    }

    /// A key went down: `End` brings the newest part back, others move the view.
    pub(crate) fn key(&mut self, key: &str) {
        self.follows = self.on && key == "End";
    }
}

/// Why a stream is read no further.
enum Over {
    /// The trace has ended.
    Ended,
    /// The connection broke, or the relay let go of a reader that was too slow.
    Lost,
    /// There is none: the relay says why.
    Refused(String),
    /// Something else was opened.
    Left,
}

impl Desk {
    /// Shows the trace at an address of the relay, from now on.
    pub(crate) fn follow(&mut self, name: String, address: String) {
        self.live.stop();
        let number = self.live.number;
        spawn_local(async move {
            let mut seen = false;
            loop {
                match read(number, &name, &address).await {
                    Over::Left => return,
                    Over::Ended => {
                        DESK.with_borrow_mut(|desk| desk.ended(number));
                        return;
                    }
                    // It may not have begun yet, or be between two of its recordings.
                    Over::Refused(reason) if !seen => {
                        tell(&Tell::Failed { reason: format!("{name}: {reason}") });
                    }
                    Over::Refused(_) | Over::Lost => {}
                }
                seen = true;
                pause(RETRY).await;
                if DESK.with_borrow(|desk| desk.live.number != number) {
                    return;
                }
            }
        });
    }

    /// A stream begins: what was shown of an earlier one goes.
    fn begin(&mut self, number: u32, name: &str) -> bool {
        if self.live.number != number {
            return false;
        }
        self.reading = None;
        self.operations.open(self.opened.is_some());
        self.opened = Some(Opened::new(name, 0.0));
        self.live.window = Window::default();
        (self.live.follows, self.live.on) = (true, true);
        self.flat.open();
        self.space.open();
        true
    }

    /// Takes bytes of the stream, and reads for a while. Says whether there is more to read.
    fn take(&mut self, number: u32, bytes: &[u8]) -> Result<bool, Over> {
        let live = &mut self.live;
        let Some(opened) = self.opened.as_mut().filter(|_| live.number == number) else {
            return Err(Over::Left);
        };
        let before = opened.revision;
        opened.add(bytes);
        let more = opened.go_on(clock()).map_err(|error| Over::Refused(error.to_string()))?;
        if opened.revision == before {
            return Ok(more);
        }
        if opened.names().sizes().into_iter().sum::<usize>() > NAMES {
            return Err(Over::Lost);
        }
        if let Some(time) = live.window.due(opened.trace.duration, opened.trace.len(), live.follows)
            && opened.trace.forget_before(time)
        {
            opened.revision += 1;
            self.flat.forgot();
            self.space.forgot();
        }
        let now = clock();
        if now - live.told > SUMMARY {
            live.told = now;
            opened.sum_up();
            tell(&Tell::Opened(opened.summary.clone()));
        }
        self.newest();
        self.request();
        Ok(more)
    }

    /// The stream has ended: no more than what was taken follows.
    fn close(&mut self, number: u32) {
        if let Some(opened) = self.opened.as_mut().filter(|_| self.live.number == number) {
            opened.close();
        }
    }

    fn ended(&mut self, number: u32) {
        let Some(opened) = self.opened.as_mut().filter(|_| self.live.number == number) else {
            return;
        };
        match opened.end() {
            Ok(()) => tell(&Tell::Opened(opened.summary.clone())),
            Err(error) => {
                let reason = format!("{}: {error}", opened.summary.name);
                tell(&Tell::Failed { reason });
            }
        }
        self.newest();
        self.live.stop();
        self.read_operations();
        self.request();
    }

    /// Brings the newest part into view, until the person moves it.
    fn newest(&mut self) {
        let Some(opened) = self.opened.as_ref().filter(|_| self.live.follows) else { return };
        let (begin, end) = Window::newest(opened.trace.duration);
        self.flat.follow(opened, begin, end);
        self.space.follow(opened, begin, end);
    }
}

/// Reads one stream to its end.
async fn read(number: u32, name: &str, address: &str) -> Over {
    let Ok(response) = JsFuture::from(scope().fetch_with_str(address)).await else {
        return Over::Lost;
    };
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Over::Refused(refusal(&response).await);
    }
    let Some(body) = response.body() else { return Over::Lost };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    if !DESK.with_borrow_mut(|desk| desk.begin(number, name)) {
        let _ = reader.cancel();
        return Over::Left;
    }
    loop {
        let Ok(part) = JsFuture::from(reader.read()).await else { return Over::Lost };
        let field = |name: &str| Reflect::get(&part, &name.into()).unwrap_or_default();
        if field("done").is_truthy() {
            DESK.with_borrow_mut(|desk| desk.close(number));
            // What keeps it from being read is told with its end.
            let _ = take(number, Vec::new()).await;
            return Over::Ended;
        }
        let bytes = field("value").unchecked_into::<Uint8Array>().to_vec();
        if let Err(over) = take(number, bytes).await {
            let _ = reader.cancel();
            return over;
        }
    }
}

/// Takes bytes and reads them; others have their turn meanwhile.
async fn take(number: u32, mut bytes: Vec<u8>) -> Result<(), Over> {
    while DESK.with_borrow_mut(|desk| desk.take(number, &bytes))? {
        bytes.clear();
        pause(0).await;
    }
    Ok(())
}

/// The sentence in an answer that is no.
async fn refusal(response: &Response) -> String {
    let text = match response.text() {
        Ok(text) => JsFuture::from(text).await.ok().and_then(|text| text.as_string()),
        Err(_) => None,
    };
    let said = text.and_then(|text| JSON::parse(&text).ok());
    let said = said.and_then(|said| Reflect::get(&said, &"error".into()).ok()?.as_string());
    said.unwrap_or_else(|| format!("the relay answers {}", response.status()))
}

async fn pause(milliseconds: i32) {
    let mut wait = |done: Function, _| {
        let _ = scope().set_timeout_with_callback_and_timeout_and_arguments_0(&done, milliseconds);
    };
    let _ = JsFuture::from(Promise::new(&mut wait)).await;
}
