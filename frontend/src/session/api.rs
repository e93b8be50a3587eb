//! The relay's REST interface, as far as the page needs it.

use js_sys::{Array, JSON, Object, Reflect};
use leptos::prelude::window;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, RequestInit, Response, Url};

use super::scope::Scope;
use super::{token, url};

/// An answer that is not the one asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// The relay has no such thing.
    NotFound,
    /// Anything else, in a sentence.
    Failed(String),
}

impl ApiError {
    /// The reason in a sentence.
    pub fn text(&self) -> String {
        match self {
            ApiError::NotFound => "The relay does not have it".into(),
            ApiError::Failed(text) => text.clone(),
        }
    }
}

async fn fetch(method: &str, path: &str, body: Option<&str>) -> Result<Response, ApiError> {
    let unreachable = |_| ApiError::Failed("The relay can't be reached".into());
    let init = RequestInit::new();
    init.set_method(method);
    let headers = web_sys::Headers::new().map_err(unreachable)?;
    if let Some(token) = token::stored() {
        // The header takes the token as it is, the address had it encoded.
        let token = js_sys::decode_uri_component(&token).map_or(token, String::from);
        headers.set("Authorization", &format!("Bearer {token}")).map_err(unreachable)?;
    }
    if let Some(body) = body {
        headers.set("Content-Type", "application/json").map_err(unreachable)?;
        init.set_body(&JsValue::from_str(body));
    }
    init.set_headers(&headers);
    let promise = window().fetch_with_str_and_init(&format!("/api/v1/{path}"), &init);
    let response = JsFuture::from(promise).await.map_err(unreachable)?;
    let response: Response = response.unchecked_into();
    match response.status() {
        200..300 => Ok(response),
        404 => Err(ApiError::NotFound),
        status => {
            let text = text_of(&response).await.unwrap_or_default();
            let said = JSON::parse(&text)
                .and_then(|answer| Reflect::get(&answer, &"error".into()))
                .ok()
                .and_then(|error| error.as_string());
            Err(ApiError::Failed(said.unwrap_or_else(|| format!("The relay answered {status}"))))
        }
    }
}

async fn text_of(response: &Response) -> Result<String, ApiError> {
    let broken = |_| ApiError::Failed("The relay's answer broke off".into());
    let text = JsFuture::from(response.text().map_err(broken)?).await.map_err(broken)?;
    text.as_string().ok_or_else(|| ApiError::Failed("The relay's answer is no text".into()))
}

/// The source with this id, in hex.
///
/// # Errors
/// [`ApiError::NotFound`] where nobody has it.
pub async fn source(id: &str) -> Result<String, ApiError> {
    text_of(&fetch("GET", &format!("source?id={id}"), None).await?).await
}

/// The relay's Go text profile of these processes.
///
/// # Errors
/// Why there is none.
pub async fn profile(query: &str) -> Result<String, ApiError> {
    text_of(&fetch("GET", &format!("profile?format=go-text{query}"), None).await?).await
}

/// What to reset; all processes where nothing is named.
#[derive(Debug, Default)]
pub struct Reset {
    /// Of one service.
    pub service: Option<String>,
    /// Of one process.
    pub process: Option<u32>,
}

/// What to trace.
#[derive(Debug)]
pub struct Trace {
    /// The process.
    pub process: u32,
    /// On or off.
    pub on: bool,
    /// Import path; all packages where it is left out.
    pub package: Option<String>,
    /// First units of functions; all of the package where they are left out.
    pub units: Option<Vec<u32>>,
}

/// An object with these fields, but for those that are undefined.
pub(super) fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_undefined()) {
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object
}

async fn post(path: &str, body: Object) -> Result<(), ApiError> {
    let text = JSON::stringify(&body).map(String::from).unwrap_or_default();
    fetch("POST", path, Some(&text)).await.map(|_| ())
}

/// Lets counts start again from 0.
///
/// # Errors
/// Why they don't.
pub async fn reset(request: Reset) -> Result<(), ApiError> {
    let Reset { service, process } = request;
    post("reset", object(&[("service", service.into()), ("process", process.into())])).await
}

/// Switches flow tracing.
///
/// # Errors
/// Why it can't.
pub async fn trace(request: Trace) -> Result<(), ApiError> {
    let Trace { process, on, package, units } = request;
    let units = units.map(|units| units.into_iter().map(JsValue::from).collect::<Array>());
    let fields = [
        ("process", process.into()),
        ("on", on.into()),
        ("package", package.into()),
        ("units", units.into()),
    ];
    post("trace", object(&fields)).await
}

/// The parameters that choose a scope, each with its `&` in front. `handle` gives the number of a
/// process by its key.
pub fn scope_query(scope: &Scope, handle: impl FnOnce(&str) -> Option<u32>) -> String {
    let mut query = String::new();
    let mut add = |name: &str, value: &str| {
        query.push('&');
        query.push_str(name);
        query.push('=');
        url::encode(value, &mut query);
    };
    match scope {
        // The relay doesn't know what was opened here.
        Scope::Newest | Scope::Opened(_) => {}
        Scope::Service(service) => add("service", service),
        Scope::Build(service, build) => {
            add("service", service);
            add("build", build);
        }
        Scope::Process(key) => {
            let handle = handle(key).map_or_else(|| "0".into(), |handle| handle.to_string());
            add("process", &handle);
        }
    }
    query
}

/// Gives the person a file.
pub fn save(name: &str, text: &str) {
    save_part(name, &JsValue::from_str(text));
}

/// Gives the person a file of a text or bytes.
pub fn save_part(name: &str, part: &JsValue) {
    let parts = js_sys::Array::of1(part);
    let options = BlobPropertyBag::new();
    options.set_type("text/plain");
    let made = Blob::new_with_str_sequence_and_options(&parts, &options)
        .and_then(|blob| Url::create_object_url_with_blob(&blob));
    let Ok(address) = made else { return };
    if let Ok(link) = leptos::prelude::document().create_element("a") {
        let link: HtmlAnchorElement = link.unchecked_into();
        link.set_href(&address);
        link.set_download(name);
        link.click();
    }
    let _ = Url::revoke_object_url(&address);
}
