//! Files of profiles that were opened in the page: the browser keeps them, and the page's worker
//! knows how to read them.

use std::cell::RefCell;
use std::rc::Rc;

use frontend::session::opened::{KEPT as IS_KEPT, WORKER, rules};
use frontend::session::scope::Scope;
use frontend::session::url::Route;
use frontend::trace::lines::FileLines;
use frontend::trace::time;
use gloo::storage::{LocalStorage, Storage};
use js_sys::{Array, Float64Array, Function, Promise};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event, MessageEvent, Worker, WorkerOptions, WorkerType};

use super::{FRESH, KEPT, Measured, now, pause};

/// How often a profile is asked for that is not there, and milliseconds in between.
const TRIES: usize = 6;
const PAUSE: i32 = 500;
/// Where files begin in the worker's answer.
const FIRST: u32 = 2;

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

#[derive(Default)]
struct Known {
    /// The profile and test that the page looks at.
    look: [String; 2],
    /// When each file was asked for, and what was told of it.
    files: Vec<(String, f64, Option<Measured>)>,
}

/// Those of the files, as stacks name them, that are in a profile that is open.
pub(super) async fn files(files: &[String], around: Option<&Route>) -> Vec<(String, Measured)> {
    if LocalStorage::raw().get_item(IS_KEPT).ok().flatten().is_none() {
        return Vec::new();
    }
    let look = match around {
        Some(Route { scope: Scope::Opened(id), test, .. }) => [id.clone(), test.clone()],
        _ => [String::new(), String::new()],
    };
    let unknown: Vec<String> = KNOWN.with_borrow_mut(|known| {
        if known.look != look {
            *known = Known { look: look.clone(), files: Vec::new() };
        }
        known.files.retain(|(_, at, _)| now() - at < FRESH);
        let is_known = |file: &&String| !known.files.iter().any(|(of, ..)| of == *file);
        files.iter().filter(is_known).cloned().collect()
    });
    if !unknown.is_empty() {
        let mut told = ask(&look, &unknown).await;
        for _ in 0..TRIES {
            if told.as_ref().is_none_or(|told| told.get(1).is_truthy()) {
                break;
            }
            // The page shows a profile while the browser still puts it away.
            pause(PAUSE).await;
            told = ask(&look, &unknown).await;
        }
        KNOWN.with_borrow_mut(|known| {
            known.files.truncate(KEPT);
            for (at, file) in (FIRST..).zip(&unknown) {
                let of = told.as_ref().and_then(|told| measured(&told.get(at)));
                known.files.insert(0, (file.clone(), now(), of));
            }
        });
    }
    KNOWN.with_borrow(|known| {
        let wanted = known.files.iter().filter(|(of, ..)| files.contains(of));
        wanted.filter_map(|(file, _, of)| Some((file.clone(), of.clone()?))).collect()
    })
}

/// A file as the worker tells of it.
fn measured(told: &JsValue) -> Option<Measured> {
    let told: &Array = told.dyn_ref()?;
    let counts: Float64Array = told.get(1).dyn_into().ok()?;
    let count = |count: &f64| (!count.is_nan()).then(|| time::whole(*count));
    let counts = counts.to_vec().iter().map(count).collect();
    let text: Rc<str> = told.get(2).as_string().unwrap_or_default().into();
    Some(Measured { lines: FileLines { path: told.get(0).as_string()?, counts }, text })
}

/// Asks a worker of its own, which ends with that: what it reads may be large.
async fn ask([id, test]: &[String; 2], files: &[String]) -> Option<Array> {
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Worker::new_with_options(WORKER, &options).ok()?;
    let (text, ignores_case) = rules();
    let look = if test.is_empty() { String::new() } else { [id.as_str(), test].concat() };
    let rules = Array::of4(&"rules".into(), &text.into(), &ignores_case.into(), &look.into());
    let names: Array = files.iter().map(|file| JsValue::from_str(file)).collect();
    let job = Array::of3(&"lines".into(), &id.into(), &names);
    let mut message = None;
    let mut error = None;
    let mut start = |done: Function, _| {
        let to = worker.clone();
        let (rules, job, told) = (rules.clone(), job.clone(), done.clone());
        let answered = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let answer: Array = event.data().unchecked_into();
            match answer.get(0).as_string().as_deref() {
                Some("ready") => {
                    let _ = to.post_message(&rules);
                    let _ = to.post_message(&job);
                }
                Some("lines") => drop(told.call1(&JsValue::NULL, &answer)),
                _ => {}
            }
        });
        let stopped = Closure::<dyn FnMut(Event)>::new(move |_| {
            let _ = done.call0(&JsValue::NULL);
        });
        worker.set_onmessage(Some(answered.as_ref().unchecked_ref()));
        worker.set_onerror(Some(stopped.as_ref().unchecked_ref()));
        message = Some(answered);
        error = Some(stopped);
    };
    let told = JsFuture::from(Promise::new(&mut start)).await;
    worker.terminate();
    told.ok()?.dyn_into().ok()
}
