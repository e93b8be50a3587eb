//! The page and what it links, from the binary: packed as the browser likes it best.

use bytes::Bytes;
use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderMap, IF_NONE_MATCH, VARY,
};
use sha2::{Digest, Sha256};
use warp::reply::Response;

use crate::relay::Relay;
use crate::routes::set;

/// A file of the page.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Its path below `/`, without the slash.
    pub path: &'static str,
    /// Its media type.
    pub mime: &'static str,
    /// Its bytes.
    pub raw: &'static [u8],
    /// The same, packed by Brotli.
    pub br: Option<&'static [u8]>,
    /// The same, packed by gzip.
    pub gz: Option<&'static [u8]>,
}

const INDEX: &str = "index.html";

/// The file at this path; the page itself for a path that names no file, for those are the page's
/// own routes. Paths are looked up in a list, never in a file system.
pub(crate) fn reply(relay: &Relay, path: &str, headers: &HeaderMap) -> Option<Response> {
    let path = path.trim_start_matches('/');
    let find = |path: &str| relay.assets.iter().find(|asset| asset.path == path);
    let last = path.rsplit('/').next().unwrap_or_default();
    let route = || (!last.contains(['.', '%', '\\'])).then(|| find(INDEX)).flatten();
    let asset = find(path).or_else(route)?;

    let accepts = |coding| accepts(headers, coding);
    let (body, coding) = match (asset.br, asset.gz) {
        (Some(br), _) if accepts("br") => (br, Some("br")),
        (_, Some(gz)) if accepts("gzip") => (gz, Some("gzip")),
        _ => (asset.raw, None),
    };
    let digest: [u8; 32] = Sha256::digest(body).into();
    let etag: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{etag}\"");
    let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let known = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == etag));
    let mut response = if known {
        let mut response = Response::new(Bytes::new().into());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Bytes::from_static(body).into())
    };
    set(&mut response, CONTENT_TYPE, asset.mime);
    set(&mut response, VARY, "accept-encoding");
    set(&mut response, ETAG, &etag);
    let caching =
        if is_hashed(asset.path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    set(&mut response, CACHE_CONTROL, caching);
    if let Some(coding) = coding {
        set(&mut response, CONTENT_ENCODING, coding);
    }
    set(&mut response, CONTENT_SECURITY_POLICY, &policy(relay.script_hashes));
    Some(response)
}

/// What the page may do: load its own files, run its own scripts, talk to its own relay.
fn policy(script_hashes: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' {}; style-src 'self'; \
         img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; \
         frame-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
        script_hashes.trim()
    )
}

/// Whether the name carries a hash of the content, as those that the build makes do:
/// `name-0123456789abcdef.css`, `name-0123456789abcdef_bg.wasm`.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split(['-', '_', '.']).skip(1).any(|part| {
        part.len() == 16 && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Whether the browser takes this coding. One that it takes with weight 0 it does not take.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|part| {
        let mut words = part.split(';').map(str::trim);
        let refused = |word: &str| {
            word.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q == 0.0))
        };
        words.next().is_some_and(|name| name.eq_ignore_ascii_case(coding)) && !words.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_hash_are_told_from_others() {
        assert!(is_hashed("frontend-0123456789abcdef.js"));
        assert!(is_hashed("frontend-0123456789abcdef_bg.wasm"));
        assert!(!is_hashed("worker.js"));
        assert!(!is_hashed("index.html"));
        assert!(!is_hashed("0123456789abcdef.js"));
    }

    #[test]
    fn codings_are_taken_as_the_browser_says() {
        let headers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
            headers
        };
        assert!(accepts(&headers("gzip, deflate, br;q=0.5"), "br"));
        assert!(!accepts(&headers("gzip, br;q=0"), "br"));
        assert!(!accepts(&headers("brotli"), "br"));
    }
}
