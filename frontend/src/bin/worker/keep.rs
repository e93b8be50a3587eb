//! What the browser keeps of what was opened, in its database of this page.
//!
//! ```text
//! coverglass 1
//!   profiles   id → [message, profile]     what is known of it, and the whole of it
//!                   [message*]             of the first releases: as they went to the page
//!   sources    "all" → [names, ends, blob]    one blob, cut at the ends
//!              "diff" → [name, text]
//! ```
//!
//! A browser may refuse, or have no room: then nothing is kept, and nothing else is different.

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, IdbDatabase, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction,
    IdbTransactionMode,
};

use frontend::session::model::hex;

use crate::input::Sources;
use crate::opened::{self, Kept, Stored};
use crate::scope;

const NAME: &str = "coverglass";
const VERSION: u32 = 1;
const PROFILES: &str = "profiles";
const SOURCES: &str = "sources";
const ALL: &str = "all";
const DIFF: &str = "diff";
/// Sources beyond this are not kept, in bytes.
const SOURCE_BYTES: f64 = (64 << 20) as f64;

/// The database.
pub(crate) struct Keep(IdbDatabase);

impl Keep {
    /// The database, if there is one.
    pub(crate) async fn open() -> Option<Self> {
        let factory = scope().indexed_db().ok()??;
        let request: IdbOpenDbRequest = factory.open_with_u32(NAME, VERSION).ok()?;
        let made = request.clone();
        let upgrade = Closure::once_into_js(move |_: JsValue| {
            if let Ok(database) = made.result().map(JsCast::unchecked_into::<IdbDatabase>) {
                let _ = database.create_object_store(PROFILES);
                let _ = database.create_object_store(SOURCES);
            }
        });
        request.set_onupgradeneeded(Some(upgrade.unchecked_ref()));
        let database = result(&request).await?;
        Some(Self(database.unchecked_into()))
    }

    fn store(
        &self,
        name: &str,
        mode: IdbTransactionMode,
    ) -> Option<(IdbTransaction, IdbObjectStore)> {
        let transaction = self.0.transaction_with_str_and_mode(name, mode).ok()?;
        let store = transaction.object_store(name).ok()?;
        Some((transaction, store))
    }

    /// Keeps a profile.
    pub(crate) async fn put(&self, kept: &Kept) {
        let parts = opened::stored(kept);
        let value: Array = parts.iter().map(|bytes| Uint8Array::from(&bytes[..])).collect();
        let id = hex(&kept.about.id);
        self.write(PROFILES, |store| store.put_with_key(&value, &id.into()).map(drop)).await;
    }

    /// Keeps sources, unless they are too many.
    pub(crate) async fn put_sources(&self, sources: &Sources) {
        let mut end = 0.0;
        let ends: Array = sources
            .blobs
            .iter()
            .map(|blob| {
                end += blob.size();
                JsValue::from_f64(end)
            })
            .collect();
        let names: Array = sources.names.iter().map(|name| JsValue::from_str(name)).collect();
        let blobs: Array = sources.blobs.iter().collect();
        let Some(blob) = Blob::new_with_blob_sequence(&blobs).ok().filter(|_| end <= SOURCE_BYTES)
        else {
            return;
        };
        let value = Array::of3(&names, &ends, &blob);
        self.write(SOURCES, |store| store.put_with_key(&value, &ALL.into()).map(drop)).await;
    }

    /// The sources that are kept.
    pub(crate) async fn sources(&self) -> Sources {
        let found = async {
            let (_, store) = self.store(SOURCES, IdbTransactionMode::Readonly)?;
            let value: Array = result(&store.get(&ALL.into()).ok()?).await?.dyn_into().ok()?;
            let (names, ends): (Array, Array) =
                (value.get(0).dyn_into().ok()?, value.get(1).dyn_into().ok()?);
            let blob: Blob = value.get(2).dyn_into().ok()?;
            let mut start = 0.0;
            let blobs: Array = ends
                .iter()
                .map(|end| {
                    let end = end.as_f64().unwrap_or(start);
                    let part = blob.slice_with_f64_and_f64(start, end);
                    start = end;
                    part.map_or(JsValue::NULL, JsValue::from)
                })
                .collect();
            Some(Sources::of(&names, &blobs))
        };
        found.await.unwrap_or_default()
    }

    /// Keeps a diff in the place of the one before.
    pub(crate) async fn put_diff(&self, name: &str, text: &str) {
        let value = Array::of2(&name.into(), &text.into());
        self.write(SOURCES, |store| store.put_with_key(&value, &DIFF.into()).map(drop)).await;
    }

    /// Name and text of the diff that is kept.
    pub(crate) async fn diff(&self) -> Option<(String, String)> {
        let (_, store) = self.store(SOURCES, IdbTransactionMode::Readonly)?;
        let value: Array = result(&store.get(&DIFF.into()).ok()?).await?.dyn_into().ok()?;
        Some((value.get(0).as_string()?, value.get(1).as_string()?))
    }

    /// Forgets the diff.
    pub(crate) async fn forget_diff(&self) {
        self.write(SOURCES, |store| store.delete(&DIFF.into()).map(drop)).await;
    }

    /// Each profile that is kept.
    pub(crate) async fn profiles(&self) -> Vec<Stored> {
        let found = async {
            let (_, store) = self.store(PROFILES, IdbTransactionMode::Readonly)?;
            let all: Array = result(&store.get_all().ok()?).await?.dyn_into().ok()?;
            Some(all.iter().map(|value| Stored::new(parts(value))).collect())
        };
        found.await.unwrap_or_default()
    }

    /// Forgets a profile; all of them, the sources and the diff for an empty id.
    pub(crate) async fn forget(&self, id: &str) {
        if id.is_empty() {
            self.write(PROFILES, |store| store.clear().map(drop)).await;
            self.write(SOURCES, |store| store.clear().map(drop)).await;
        } else {
            self.write(PROFILES, |store| store.delete(&id.into()).map(drop)).await;
        }
    }

    /// Changes a store, and waits until that has come to the disk.
    async fn write(&self, name: &str, change: impl FnOnce(&IdbObjectStore) -> Result<(), JsValue>) {
        let Some((transaction, store)) = self.store(name, IdbTransactionMode::Readwrite) else {
            return;
        };
        let over = Promise::new(&mut |resolve, _| {
            transaction.set_oncomplete(Some(&resolve));
            transaction.set_onabort(Some(&resolve));
        });
        if change(&store).is_ok() {
            let _ = JsFuture::from(over).await;
        }
    }
}

fn parts(value: JsValue) -> Vec<Vec<u8>> {
    let value: Array = value.dyn_into().unwrap_or_default();
    value.iter().map(|bytes| Uint8Array::new(&bytes).to_vec()).collect()
}

/// What a request comes to, if it succeeds.
async fn result(request: &IdbRequest) -> Option<JsValue> {
    let over = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    JsFuture::from(over).await.ok()?;
    request.result().ok()
}
