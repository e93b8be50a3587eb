//! Puts into the binary what it carries: the page with everything it links, packed for the wire,
//! and the demo program.
//!
//! The page is `dist/`, if Trunk made it and nothing is newer, or else it is built here, by a
//! nested cargo and wasm-bindgen as a library. If that fails, the build fails and says what to do:
//! a binary without its page is of no use. `COVERGLASS_PAGE=skip` makes one all the same, for
//! those who work on something else; its page says what it lacks.

#![expect(clippy::unwrap_used, reason = "build scripts stop by panicking")]

#[path = "build/html.rs"]
mod html;
#[path = "build/pack.rs"]
mod pack;
#[path = "build/page.rs"]
mod page;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

const MISSING: &str = "<!doctype html><meta charset=utf-8><title>Coverglass without its page</title>\
<p>This binary was built with <code>COVERGLASS_PAGE=skip</code> and carries no page. \
Build it again without that variable.";

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let root = manifest.join("../..").canonicalize().unwrap();
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-env-changed=COVERGLASS_PAGE");
    println!("cargo:rustc-check-cfg=cfg(page_missing)");

    let folder = if env::var_os("COVERGLASS_PAGE").is_some_and(|value| value == "skip") {
        println!("cargo:rustc-cfg=page_missing");
        println!("cargo:warning=COVERGLASS_PAGE=skip: this binary will have no page");
        let folder = out.join("missing");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("index.html"), MISSING).unwrap();
        folder
    } else {
        match page::folder(&root, &out) {
            Ok(folder) => folder,
            Err(reason) => {
                eprintln!("\nthe page can't be built: {reason}\n");
                eprintln!("  What it takes: rustup target add wasm32-unknown-unknown");
                eprintln!("  To build without it: COVERGLASS_PAGE=skip cargo build\n");
                println!("cargo:warning=the page can't be built: {}", first_line(&reason));
                std::process::exit(1);
            }
        }
    };
    let mut code = pack::assets(&folder, &out);
    code.push_str(&demo(&root, &out));
    write_if_new(&out.join("embedded.rs"), code.as_bytes());
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// The demo program's files and the recording of it.
fn demo(root: &Path, out: &Path) -> String {
    let mut code = String::from("pub(crate) static DEMO: &[(&str, &[u8])] = &[\n");
    let folder = root.join("tests/programs/demo");
    for path in pack::files(&folder) {
        println!("cargo:rerun-if-changed={}", path.display());
        let name = pack::slashed(&path, &folder);
        let _ = writeln!(code, "    ({name:?}, include_bytes!({path:?})),");
    }
    if folder.is_dir() {
        println!("cargo:rerun-if-changed={}", folder.display());
    }
    code.push_str("];\n");
    let recording = root.join("static/demo.cgr");
    let recording = if recording.is_file() {
        println!("cargo:rerun-if-changed={}", recording.display());
        recording
    } else {
        let none = out.join("no.cgr");
        fs::write(&none, []).unwrap();
        none
    };
    let _ = writeln!(
        code,
        "pub(crate) static RECORDING: &[u8] = include_bytes!({:?});",
        recording.display().to_string()
    );
    code
}

/// Leaves the file's time alone where nothing changed, so that nothing is compiled again.
fn write_if_new(path: &Path, bytes: &[u8]) {
    if fs::read(path).ok().as_deref() != Some(bytes) {
        fs::write(path, bytes).unwrap();
    }
}
