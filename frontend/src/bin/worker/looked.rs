//! What the page looks at, and what can be made of it: the coverage of a diff, a report.

use std::collections::BTreeMap;

use algebra::patch::Diff;
use coverage::Profile;
use formats::{Notes, go_text};
use frontend::open::frames::{self, About};
use frontend::patch::layout;
use frontend::session::model::hex;
use frontend::session::patch;
use frontend::trace::lines::{FileLines, Lines};
use js_sys::{Array, Float64Array, Uint8Array};
use report::{Asset, Page, ReportError};
use wasm_bindgen::JsValue;
use wire::limits;

use crate::input::{self, Sources};
use crate::keep::Keep;
use crate::opened::{self, Kept};
use crate::reports::is_computed;
use crate::{all, answer, fail, fetched, meant, progress, rules};

/// A profile that is kept under an id, or that the page sent as text.
async fn profile(id: &str, text: Option<String>) -> Result<Kept, String> {
    if let Some(text) = text {
        let profile = go_text::read("counts", text.as_bytes(), &mut Notes::default());
        let profile = profile.map_err(|error| format!("The counts can't be read: {error}"))?;
        return Ok(Kept { about: About::default(), profile });
    }
    let Some(keep) = Keep::open().await else {
        return Err("This browser keeps no files for this page, and so can't compute".into());
    };
    let found = crate::find(Some(&keep), id).await;
    found.ok_or_else(|| "The profile is not kept any more: open it again".into())
}

/// Tells the page what of a diff is covered.
pub(crate) async fn patch(diff: &str, id: &str, text: Option<String>) {
    let diff = Diff::parse(diff).map_err(|error| format!("The diff can't be read: {error}"));
    match (diff, profile(id, text).await) {
        (Ok(diff), Ok(Kept { profile, .. })) => {
            let patch = layout::of(&profile, &algebra::patch(&profile, &diff));
            answer(&patch::message(&patch));
        }
        (Err(reason), _) | (_, Err(reason)) => fail(&reason),
    }
}

/// Gives the page a report.
pub(crate) async fn save(id: &str, text: Option<String>, sources: &Sources) {
    progress(200, "Making the report");
    let is_bare = text.is_some();
    let made = match profile(id, text).await {
        Ok(mut kept) => {
            if is_bare {
                kept.profile = opened::complete(&kept.profile, sources);
            }
            made(&kept, sources).await
        }
        Err(reason) => Err(reason),
    };
    match made {
        Ok(html) => {
            let bytes = Uint8Array::from(html.as_bytes());
            answer(&Array::of3(&"file".into(), &"report.html".into(), &bytes));
        }
        Err(reason) => fail(&format!("There is no report: {reason}")),
    }
}

/// Tells of files, as a trace names them, what ran in them, and their text: in the profile of this
/// id, or in any that is open where there is no id.
pub(crate) async fn lines(id: &str, files: &Array) {
    let keep = Keep::open().await;
    let sources = match &keep {
        Some(keep) => keep.sources().await,
        None => Sources::default(),
    };
    let reports = all(keep.as_ref()).await;
    let chosen = reports.all().filter(|kept| id.is_empty() || hex(&kept.about.id) == id);
    let profiles: Vec<Lines> =
        chosen.map(|kept| Lines::of(meant(kept).into_owned().profile)).collect();
    let rules = rules();
    let message = Array::of2(&"lines".into(), &(!profiles.is_empty()).into());
    for file in files.iter().map(|file| file.as_string().unwrap_or_default()) {
        let renamed = rules.renamed(&file);
        let found = profiles.iter().find_map(|lines| Some((lines, lines.file(&renamed)?)));
        let Some((lines, FileLines { path, counts })) = found else {
            message.push(&JsValue::UNDEFINED);
            continue;
        };
        let counts: Vec<f64> =
            counts.iter().map(|count| count.map_or(f64::NAN, |count| count as f64)).collect();
        let text = opened::text_of(lines.profile(), &sources, &path);
        let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
        message.push(&Array::of3(
            &path.into(),
            &Float64Array::from(&counts[..]),
            &text.map_or(JsValue::UNDEFINED, Into::into),
        ));
    }
    answer(&message);
}

async fn made(kept: &Kept, sources: &Sources) -> Result<String, String> {
    let Kept { about, profile } = kept;
    let is_named = is_computed(about) || about.id == frames::UNITED;
    let title = match is_named {
        true => about.name.clone(),
        false => report::title(profile, &|_| None),
    };
    let texts = texts(profile, sources);
    let mut files: BTreeMap<String, (String, Vec<u8>)> = BTreeMap::new();
    loop {
        let assets = |path: &str| {
            let (mime, bytes) = files.get(path)?;
            Some(Asset { mime, bytes })
        };
        let page = match Page::of(&assets) {
            Ok(page) => page,
            Err(ReportError::Missing(path)) if !files.contains_key(&path) => {
                let file = fetched(&format!("/{path}")).await;
                let blob = file.map_err(|reason| format!("{path}: {reason}"))?.blob;
                let bytes = input::bytes(&blob, blob.size(), &mut |_| {});
                let bytes = bytes.map_err(|error| format!("{path}: {error}"))?;
                files.insert(path, (blob.type_(), bytes));
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        return report::write(page, profile, &title, &texts, &|_| None)
            .map_err(|error| error.to_string());
    }
}

/// The sources at hand, by the names of files in the profile.
fn texts(profile: &Profile, sources: &Sources) -> BTreeMap<String, Vec<u8>> {
    let mut texts = BTreeMap::new();
    if !sources.is_empty() {
        let files = profile.shape().files().iter().map(|file| file.path.as_str());
        texts.extend(files.filter_map(|path| {
            let text = opened::text_of(profile, sources, path)?;
            (text.len() <= limits::SOURCE_BYTES).then(|| (path.to_owned(), text))
        }));
    }
    texts
}
