//! The page's files as Rust: raw, and packed by Brotli and gzip.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine;
use sha2::{Digest, Sha256};

/// The first bytes of a hash, as the names of files carry it.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All files below a folder, hidden ones left out, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// The path below a folder, with slashes.
pub(crate) fn slashed(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// Rust source of `ASSETS` and `SCRIPT_HASHES` for the files in a folder.
pub(crate) fn assets(folder: &Path, out: &Path) -> String {
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let packed = out.join("packed");
    fs::create_dir_all(&packed).unwrap();
    let mut code = String::from("pub(crate) static ASSETS: &[relay::Asset] = &[\n");
    let mut scripts = String::new();
    let mut used = Vec::new();
    for path in files(folder) {
        let raw = fs::read(&path).unwrap();
        let name = slashed(&path, folder);
        let mime = mime(&name);
        if mime.starts_with("text/html") {
            scripts.push_str(&script_hashes(&String::from_utf8_lossy(&raw)));
        }
        // The file may be gone or changed when this is compiled, so a copy is what is embedded.
        let copy = packed.join(hash(&raw));
        keep(&copy, || raw.clone());
        used.push(copy.clone());
        let (mut br, mut gz) = (String::from("None"), String::from("None"));
        if raw.len() > 256 && !matches!(mime, "image/png" | "font/woff2" | "application/gzip") {
            let quality = if release { 11 } else { 5 };
            let path = copy.with_extension(format!("{quality}.br"));
            keep(&path, || brotli(&raw, quality));
            used.push(path.clone());
            br = format!("Some(include_bytes!({path:?}))");
            let level = if release { 9 } else { 6 };
            let path = copy.with_extension(format!("{level}.gz"));
            keep(&path, || gzip(&raw, level));
            used.push(path.clone());
            gz = format!("Some(include_bytes!({path:?}))");
        }
        let _ = writeln!(
            code,
            "    relay::Asset {{ path: {name:?}, mime: {mime:?}, raw: include_bytes!({copy:?}), br: {br}, gz: {gz} }},"
        );
    }
    // What former builds left.
    for path in files(&packed).into_iter().filter(|path| !used.contains(path)) {
        let _ = fs::remove_file(path);
    }
    let _ = writeln!(code, "];\npub(crate) static SCRIPT_HASHES: &str = {:?};", scripts.trim());
    code
}

fn keep(path: &Path, make: impl FnOnce() -> Vec<u8>) {
    if !path.is_file() {
        // A half-written file would be taken for a whole one next time.
        let partial = path.with_extension("partial");
        fs::write(&partial, make()).unwrap();
        fs::rename(&partial, path).unwrap();
    }
}

fn brotli(raw: &[u8], quality: i32) -> Vec<u8> {
    let mut packed = Vec::new();
    let params = brotli::enc::BrotliEncoderParams {
        quality,
        lgwin: 22,
        size_hint: raw.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &raw[..], &mut packed, &params).unwrap();
    packed
}

fn gzip(raw: &[u8], level: u32) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    packed.write_all(raw).unwrap();
    packed.finish().unwrap()
}

/// The hash of each inline script, as a Content-Security-Policy names it.
fn script_hashes(html: &str) -> String {
    let mut hashes = String::new();
    for part in html.split("<script").skip(1) {
        let Some((attributes, rest)) = part.split_once('>') else { continue };
        let body = rest.split("</script>").next().unwrap_or_default();
        if !attributes.contains("src=") && !body.is_empty() {
            let digest = Sha256::digest(body.as_bytes());
            let digest = base64::engine::general_purpose::STANDARD.encode(digest);
            let _ = write!(hashes, " 'sha256-{digest}'");
        }
    }
    hashes
}

fn mime(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
