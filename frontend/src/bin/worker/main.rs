//! The worker that reads files for the page, and keeps what was opened. It starts when there is
//! something to read and ends when that is done, so that its memory is freed.
//!
//! What it is told and what it answers stands in `frontend::session::opened`.

mod compare;
mod input;
mod keep;
mod looked;
mod opened;
mod reports;

use std::borrow::Cow;
use std::cell::RefCell;

use formats::go_cov;
use frontend::open::frames;
use frontend::session::model::hex;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent, Response, Url};
use wire::RelayToViewer;
use wire::frame::Frame;

use input::Input;
use keep::Keep;
use opened::Kept;
use reports::{Reports, Rules};

/// The traces' document, over the page. It brings its own style, takes the trace from where the
/// page puts it, and removes itself; so the page itself needs to know nothing of it.
const FRAME: &str = r#"<iframe src="/trace.html" title="Goroutines" hidden></iframe>"#;

thread_local! {
    /// What the person says of names; the page tells it before anything else.
    static RULES: RefCell<Rules> = RefCell::default();
    /// The id of a profile, and the test of which only is meant what it ran; or empty.
    static LOOK: RefCell<String> = RefCell::default();
}

fn main() {
    console_error_panic_hook::set_once();
    let told = Closure::<dyn FnMut(MessageEvent)>::new(|event: MessageEvent| {
        spawn_local(work(event.data().unchecked_into()));
    });
    scope().set_onmessage(Some(told.as_ref().unchecked_ref()));
    told.forget();
    let formats = formats::FORMATS.iter().filter(|format| format.write.is_some());
    let ids: Array = formats.clone().map(|format| JsValue::from_str(format.id)).collect();
    let names: Array = formats.map(|format| JsValue::from_str(format.name)).collect();
    answer(&Array::of3(&"ready".into(), &ids, &names));
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

/// All that was asked for can be shown.
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
        "rules" => {
            let (rules, odd) = Rules::parse(&text(1), job.get(2).is_truthy());
            RULES.set(rules);
            LOOK.set(text(3));
            if let Some(line) = odd.first() {
                answer(&Array::of2(&"failed".into(), &format!("{line}: not FROM=TO").into()));
            }
        }
        "write" => write(&text(1), &text(2)).await,
        "forget" => {
            if let Some(keep) = Keep::open().await {
                keep.forget(&text(1)).await;
                let reports = all(Some(&keep)).await;
                if reports.united.is_none() {
                    let mut gone = Vec::new();
                    let handle = frames::handle(frames::UNITED);
                    RelayToViewer::Forget { handle }.encode(&mut gone);
                    send_frames(&gone);
                }
                show_aligned(&reports);
            }
            done(&[], "");
        }
        "look" => {
            let reports = all(Keep::open().await.as_ref()).await;
            let looks = [text(1), LOOK.with_borrow(Clone::clone)];
            let is_meant = |kept: &&Kept| looks.iter().any(|look| test_of(kept, look).is_some());
            reports.all().filter(is_meant).for_each(send);
            done(&[], "");
        }
        "align" => {
            let reports = all(Keep::open().await.as_ref()).await;
            show(&reports);
            done(&[], "");
        }
        "compare" => compare(&text(1), &text(2), &text(3)).await,
        "patch" => {
            looked::patch(&text(1), &text(2), job.get(3).as_string()).await;
        }
        "report" => {
            let sources = input::Sources::of(&list(3), &list(4));
            looked::save(&text(1), job.get(2).as_string(), &sources).await;
        }
        "lines" => looked::lines(&text(1), &list(2)).await,
        "forget diff" => {
            if let Some(keep) = Keep::open().await {
                keep.forget_diff().await;
            }
        }
        "restore" => {
            if let Some(keep) = Keep::open().await {
                let sources = keep.sources().await;
                if !sources.is_empty() {
                    sources.send();
                }
                show(&all(Some(&keep)).await);
                if let Some((name, text)) = keep.diff().await {
                    send_diff(&name, &text, false);
                }
            }
            done(&[], "");
        }
        _ => done(&[], ""),
    }
    if text(0) != "rules" {
        answer(&Array::of1(&"over".into()));
    }
}

/// All that is kept, under the names that it has now.
pub(crate) async fn all(keep: Option<&Keep>) -> Reports {
    let sources = match keep {
        Some(keep) => keep.sources().await,
        None => input::Sources::default(),
    };
    Reports::kept(keep, &[], &sources, &rules()).await
}

pub(crate) fn rules() -> Rules {
    RULES.with_borrow(Clone::clone)
}

/// Opens everything on the page.
fn show(reports: &Reports) {
    reports.all().for_each(send);
}

/// Opens everything on the page whose names may be others now.
fn show_aligned(reports: &Reports) {
    if reports.is_aligned {
        show(reports);
    }
}

fn send(kept: &Kept) {
    let contexts = kept.profile.contexts().iter();
    let names: Array = contexts.map(|context| JsValue::from_str(&context.name)).collect();
    let texts: Array = opened::shares(kept).iter().map(|text| JsValue::from_str(text)).collect();
    answer(&Array::of4(&"tests".into(), &hex(&kept.about.id).into(), &names, &texts));
    opened::messages(&meant(kept)).iter().for_each(|message| send_frames(message));
}

/// What is meant of a profile: all, or what ran in the test that is looked at.
pub(crate) fn meant(kept: &Kept) -> Cow<'_, Kept> {
    LOOK.with_borrow(|look| match test_of(kept, look) {
        Some(test) => Cow::Owned(opened::only(kept, test)),
        None => Cow::Borrowed(kept),
    })
}

/// The test in a look at a profile.
fn test_of<'a>(kept: &Kept, look: &'a str) -> Option<&'a str> {
    look.strip_prefix(&hex(&kept.about.id))
}

/// What is meant of the profile with this id.
async fn find(keep: Option<&Keep>, id: &str) -> Option<Kept> {
    all(keep).await.by_id(id).map(|kept| meant(kept).into_owned())
}

/// Gives the page a profile in a format; where that is several files, as an archive.
async fn write(id: &str, format: &str) {
    progress(500, "Writing");
    let Some(Kept { profile, .. }) = find(Keep::open().await.as_ref(), id).await else {
        fail("The profile is not kept any more: open it again to save it");
        return;
    };
    if let Some(format) = formats::by_id(format)
        && let Some(write) = format.write
    {
        let mut files = (write.files)(&algebra::units_for(&profile, write.blocks));
        if files.len() != 1 {
            let name = if format.id == go_cov::FORMAT.id { "covdata" } else { format.id };
            files = vec![(format!("{name}.zip"), formats::archive::pack(&files))];
        }
        for (name, bytes) in files {
            let bytes = Uint8Array::from(&bytes[..]);
            answer(&Array::of3(&"file".into(), &name.into(), &bytes));
        }
    }
    done(&[], "");
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
    let reports = all(Some(&keep)).await;
    let by_id = |id: &str| reports.by_id(id).cloned();
    let (Some(a), Some(b)) = (by_id(a), by_id(b)) else {
        fail("A profile is not kept any more: open it again to compare it");
        return;
    };
    let Some(computed) = compare::compare(operation, a, b) else {
        fail("This page and its worker are of different releases: load the page again");
        return;
    };
    send(&computed);
    keep.put(&computed).await;
    done(&[], &hex(&computed.about.id));
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
    let found = input::read(inputs, &known);
    let news = !found.sources.is_empty();
    let sources = known.with(found.sources);
    if news {
        sources.send();
    }
    let mut fresh = opened::group(found.outcome, &found.read);
    for kept in &mut fresh {
        if let Some(named) = opened::completed(&kept.profile, &sources) {
            kept.profile = named;
        }
    }
    let first = fresh.first().map_or(String::new(), |kept| hex(&kept.about.id));
    let diff = joined(found.diffs);
    if let Some((name, text)) = &diff {
        send_diff(name, text, true);
    }
    let keep = Keep::open().await;
    if let (Some(keep), true) = (&keep, news) {
        for kept in keep.profiles().await.iter().filter_map(opened::Stored::kept) {
            let is_fresh = fresh.iter().any(|new| new.about.id == kept.about.id);
            fresh.extend(opened::renamed(&kept, &sources).filter(|_| !is_fresh));
        }
    }
    let reports = Reports::kept(keep.as_ref(), &fresh, &sources, &rules()).await;
    if reports.is_aligned && (news || !fresh.is_empty()) {
        show(&reports);
    } else {
        fresh.iter().for_each(send);
    }
    let mut unread = found.unread;
    for (at, (name, content)) in found.traces.iter().enumerate() {
        match at {
            0 => answer(&Array::of4(&"trace".into(), &FRAME.into(), &name.into(), content)),
            _ => unread.push(format!("{name}: only one execution trace is shown at a time")),
        }
    }
    let united = reports.united.as_ref().filter(|_| !first.is_empty());
    done(&unread, &united.map_or(first, |kept| hex(&kept.about.id)));
    // The page shows what is there while it is kept.
    if let Some(keep) = &keep {
        if let Some((name, text)) = &diff {
            keep.put_diff(name, text).await;
        }
        for kept in &fresh {
            keep.put(kept).await;
        }
        if news {
            keep.put_sources(&sources).await;
        }
    }
}

/// Diffs that came together as one: name and text.
fn joined(diffs: Vec<(String, String)>) -> Option<(String, String)> {
    let n_more = diffs.len().saturating_sub(1);
    let (names, texts): (Vec<_>, Vec<_>) = diffs.into_iter().unzip();
    let first = names.into_iter().next()?;
    let name = if n_more == 0 { first } else { format!("{first} and {n_more} more") };
    Some((name, texts.join("\n")))
}
