//! The worker that reads files for the page, and keeps what was opened. It starts when there is
//! something to read and ends when that is done, so that its memory is freed.
//!
//! What it is told and what it answers stands in `frontend::session::opened`.

mod compare;
mod input;
mod keep;
mod looked;
mod opened;

use coverage::Profile;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent, Response, Url};

use input::Input;
use keep::Keep;
use opened::Kept;

fn main() {
    console_error_panic_hook::set_once();
    let told = Closure::<dyn FnMut(MessageEvent)>::new(|event: MessageEvent| {
        spawn_local(work(event.data().unchecked_into()));
    });
    scope().set_onmessage(Some(told.as_ref().unchecked_ref()));
    told.forget();
    answer(&Array::of1(&"ready".into()));
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

fn answer(message: &Array) {
    // It fails only where a message can't be cloned, and all of these can.
    let _ = scope().post_message(message);
}

/// Sends frames; their bytes move to the page.
fn send_frames(message: &[u8]) {
    let buffer = Uint8Array::from(message).buffer();
    let transfer = Array::of1(&buffer);
    let _ = scope().post_message_with_transfer(&Array::of2(&"frames".into(), &buffer), &transfer);
}

/// Hands the page a diff, which may be new or kept.
fn send_diff(name: &str, text: &str, is_new: bool) {
    answer(&Array::of4(&"diff".into(), &name.into(), &text.into(), &is_new.into()));
}

fn progress(thousandths: u32, text: &str) {
    answer(&Array::of3(&"progress".into(), &thousandths.into(), &text.into()));
}

fn done(unread: &[String], id: &str) {
    let unread: Array = unread.iter().map(|line| JsValue::from_str(line)).collect();
    answer(&Array::of3(&"done".into(), &unread, &id.into()));
}

/// Gives up, for a reason that is no file's.
fn fail(reason: &str) {
    answer(&Array::of2(&"failed".into(), &reason.into()));
    done(&[], "");
}

/// Does what the page asks for, to the end.
async fn work(job: Array) {
    let text = |at| job.get(at).as_string().unwrap_or_default();
    let list = |at| job.get(at).dyn_into::<Array>().unwrap_or_default();
    match text(0).as_str() {
        "read" => {
            let inputs = inputs(&list(1), &list(2));
            read(inputs, input::Sources::of(&list(3), &list(4))).await;
        }
        "url" => match fetched(&text(1)).await {
            Ok(input) => read(vec![input], input::Sources::default()).await,
            Err(reason) => done(&[format!("{}: {reason}", text(1))], ""),
        },
        "keep" => {
            let messages: Vec<Vec<u8>> =
                job.iter().skip(1).map(|bytes| Uint8Array::new(&bytes).to_vec()).collect();
            if let (Some(keep), Some(id)) = (Keep::open().await, opened::id_of(&messages)) {
                keep.put(&id, &messages).await;
            }
            done(&[], "");
        }
        "write" => {
            if let Some(keep) = Keep::open().await {
                let kept = keep.profiles().await;
                let found = kept.iter().find(|messages| opened::id_of(messages) == Some(text(1)));
                write(found.and_then(|messages| opened::profile_of(messages)));
            }
            done(&[], "");
        }
        "forget" => {
            if let Some(keep) = Keep::open().await {
                keep.forget(&text(1)).await;
            }
            done(&[], "");
        }
        "compare" => compare(&text(1), &text(2), &text(3)).await,
        "patch" => {
            looked::patch(&text(1), &text(2), job.get(3).as_string()).await;
            answer(&Array::of1(&"over".into()));
        }
        "report" => {
            let sources = input::Sources::of(&list(3), &list(4));
            looked::save(&text(1), job.get(2).as_string(), &sources).await;
            answer(&Array::of1(&"over".into()));
        }
        "forget diff" => {
            if let Some(keep) = Keep::open().await {
                keep.forget_diff().await;
            }
            answer(&Array::of1(&"over".into()));
        }
        "restore" => {
            if let Some(keep) = Keep::open().await {
                let sources = keep.sources().await;
                if !sources.is_empty() {
                    sources.send();
                }
                for messages in keep.profiles().await {
                    messages.iter().for_each(|message| send_frames(message));
                }
                if let Some((name, text)) = keep.diff().await {
                    send_diff(&name, &text, false);
                }
            }
            done(&[], "");
        }
        _ => done(&[], ""),
    }
}

/// Gives the page a profile as Go's own coverage data.
fn write(profile: Option<Profile>) {
    if let (Some(profile), Some(write)) = (profile, formats::go_cov::FORMAT.write) {
        let zip =
            formats::archive::pack(&(write.files)(&algebra::units_for(&profile, write.blocks)));
        let zip = Uint8Array::from(&zip[..]);
        answer(&Array::of3(&"file".into(), &"covdata.zip".into(), &zip));
    }
}

/// Compares two profiles that are kept, sends the result, and keeps it too.
async fn compare(operation: &str, a: &str, b: &str) {
    progress(500, "Comparing");
    if a == b {
        fail("Choose two profiles that differ");
        return;
    }
    let Some(keep) = Keep::open().await else {
        fail("This browser keeps no files for this page, and so can't compare them");
        return;
    };
    let (a, b) = (keep.profile(a).await, keep.profile(b).await);
    let (Some(a), Some(b)) = (opened::kept(&a), opened::kept(&b)) else {
        fail("A profile is not kept any more: open it again to compare it");
        return;
    };
    let Some(Kept { about, profile }) = compare::compare(operation, a, b) else {
        fail("This page and its worker are of different releases: load the page again");
        return;
    };
    let id = frontend::session::model::hex(&about.id);
    let messages = frontend::open::frames::encode(&about, &profile);
    messages.iter().for_each(|message| send_frames(message));
    keep.put(&id, &messages).await;
    done(&[], &id);
}

fn inputs(names: &Array, files: &Array) -> Vec<Input> {
    names
        .iter()
        .zip(files.iter())
        .map(|(name, file)| Input {
            name: name.as_string().unwrap_or_default(),
            blob: file.unchecked_into(),
        })
        .collect()
}

/// Fetches what an address of the page names, if it is of the page's own origin.
async fn fetched(address: &str) -> Result<Input, String> {
    let location = scope().location();
    let url = Url::new_with_base(address, &location.href()).map_err(|_| "no address")?;
    if url.origin() != location.origin() {
        return Err("only addresses of this page's own origin can be opened".into());
    }
    let unreachable = |_| "it can't be fetched".to_owned();
    let response =
        JsFuture::from(scope().fetch_with_str(&url.href())).await.map_err(unreachable)?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(format!("the server answered {}", response.status()));
    }
    let blob = JsFuture::from(response.blob().map_err(unreachable)?).await.map_err(unreachable)?;
    let path = url.pathname();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Input { name, blob: blob.unchecked_into::<Blob>() })
}

/// Reads files, sends the profiles in them, and keeps them.
async fn read(inputs: Vec<Input>, known: input::Sources) {
    let found = input::read(inputs);
    let news = !found.sources.is_empty();
    let sources = known.with(found.sources);
    if news {
        sources.send();
    }
    let mut first = String::new();
    let mut kept = Vec::new();
    for Kept { about, profile } in opened::group(found.outcome, &found.read) {
        let id = frontend::session::model::hex(&about.id);
        let messages = opened::messages(&about, &profile, &sources);
        messages.iter().for_each(|message| send_frames(message));
        if first.is_empty() {
            first.clone_from(&id);
        }
        kept.push((id, messages));
    }
    let diff = joined(found.diffs);
    if let Some((name, text)) = &diff {
        send_diff(name, text, true);
    }
    // The page shows what is there while the rest is done.
    let keep = Keep::open().await;
    if let Some(keep) = &keep {
        if let Some((name, text)) = &diff {
            keep.put_diff(name, text).await;
        }
        for (id, messages) in &kept {
            keep.put(id, messages).await;
        }
        if news {
            keep.put_sources(&sources).await;
            for messages in keep.profiles().await {
                if let Some((id, messages)) = opened::renamed(&messages, &sources)
                    && kept.iter().all(|(fresh, _)| *fresh != id)
                {
                    messages.iter().for_each(|message| send_frames(message));
                    keep.put(&id, &messages).await;
                }
            }
        }
    }
    done(&found.unread, &first);
}

/// Diffs that came together as one: name and text.
fn joined(diffs: Vec<(String, String)>) -> Option<(String, String)> {
    let n_more = diffs.len().saturating_sub(1);
    let (names, texts): (Vec<_>, Vec<_>) = diffs.into_iter().unzip();
    let first = names.into_iter().next()?;
    let name = if n_more == 0 { first } else { format!("{first} and {n_more} more") };
    Some((name, texts.join("\n")))
}
