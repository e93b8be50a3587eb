//! Builds the page without Trunk: a nested cargo for the browser's target, wasm-bindgen as a
//! library at the version of the one `Cargo.lock`, and the links of `frontend/index.html` that
//! Trunk would replace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs};
use walrus::ir::Value;
use walrus::{ConstExpr, DataKind};

use crate::html::{self, Element};
use crate::pack;

/// What Leptos's streams are called, in names of exports and, but for the case, of classes.
const STREAMS: &str = "intounderlying";

/// What the page is made of: a change in any of it makes the page anew.
const PARTS: &[&str] = &["frontend", "shared", "static", "Cargo.toml", "Cargo.lock"];

/// The folder with the finished page.
pub(crate) fn folder(root: &Path, out: &Path) -> Result<PathBuf, String> {
    for part in PARTS.iter().map(|part| root.join(part)).filter(|part| part.exists()) {
        println!("cargo:rerun-if-changed={}", part.display());
    }
    let dist = root.join("dist");
    if dist.join("index.html").is_file() {
        println!("cargo:rerun-if-changed={}", dist.display());
        match newer_part(root, &dist.join("index.html")) {
            None => return Ok(dist),
            Some(part) => println!(
                "cargo:warning=dist/ is older than {}, so the page is built anew; remove dist/ or run trunk build --release",
                part.display()
            ),
        }
    }
    build(root, out)
}

/// A part of the page that changed after it was made.
fn newer_part(root: &Path, made: &Path) -> Option<PathBuf> {
    let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let made = time(made).unwrap_or(SystemTime::UNIX_EPOCH);
    PARTS
        .iter()
        .map(|part| root.join(part))
        .flat_map(|part| if part.is_dir() { pack::files(&part) } else { vec![part] })
        .find(|path| time(path).is_some_and(|changed| changed > made))
}

fn build(root: &Path, out: &Path) -> Result<PathBuf, String> {
    let html_path = root.join("frontend/index.html");
    let html =
        fs::read_to_string(&html_path).map_err(|error| format!("frontend/index.html: {error}"))?;
    let elements = html::elements(&html);
    // Small for all, and fast for those who open files.
    let folder = compile(root, out, "frontend", "wasm-release")?;

    let dist = out.join("dist");
    let _ = fs::remove_dir_all(&dist);
    fs::create_dir_all(&dist).map_err(|error| format!("{}: {error}", dist.display()))?;
    let program = program(&folder, out, &dist)?;
    for element in elements.iter().filter(|element| is_later(element)) {
        let given = |name| attribute(element, name);
        let (Some(name), Some(profile)) = (given("data-bin"), given("data-cargo-profile-release"))
        else {
            return Err("frontend/index.html: a worker has no data-bin or no profile".to_owned());
        };
        later(name, &compile(root, out, name, profile)?, out, &dist)?;
    }

    let mut page = String::new();
    let mut styles = String::new();
    let is_style = |element: &Element| attribute(element, "rel") == Some("css");
    let last_style = elements.iter().rposition(is_style);
    let mut at = 0;
    for (place, element) in elements.iter().enumerate() {
        page.push_str(&html[at..element.range.start]);
        at = element.range.end;
        let fail = |reason| format!("frontend/index.html: {reason}");
        if is_style(element) {
            // Packed together they are a kilobyte less.
            styles.push_str(&lean_style(element, root).map_err(fail)?);
            if last_style == Some(place) {
                let name = format!("page-{}.css", pack::hash(styles.as_bytes()));
                put(&dist, &name, styles.as_bytes())?;
                page.push_str(&format!("<link rel=\"stylesheet\" href=\"/{name}\">"));
            }
            continue;
        }
        page.push_str(&replace(element, root, &dist, &program).map_err(fail)?);
    }
    page.push_str(&html[at..]);
    let mut page = without(&page, "<!--", "-->");
    if !elements.iter().any(|element| attribute(element, "rel") == Some("rust")) {
        // As Trunk does where no link says what to build: at the end of the head.
        let head = page.find("</head>").unwrap_or(page.len());
        page.insert_str(head, &program.html());
    }
    fs::write(dist.join("index.html"), page).map_err(|error| format!("index.html: {error}"))?;
    Ok(dist)
}

/// Compiles a program of the frontend for the browser, as its profile says. Gives the folder that
/// it is in.
fn compile(root: &Path, out: &Path, name: &str, profile: &str) -> Result<PathBuf, String> {
    // A target folder of its own: the outer cargo holds the lock of the usual one. Debug and
    // release builds share it, since the page is the same for both.
    let target = out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    let target = target.unwrap_or(out).join("page");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .args(["build", "--quiet", "--package", "frontend", "--bin", name])
        .args(["--target", "wasm32-unknown-unknown", "--profile", profile])
        .arg("--target-dir")
        .arg(&target);
    // What the outer build is told is not meant for the browser's.
    for name in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "CLIPPY_ARGS",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_LLVM_COV",
        "LLVM_PROFILE_FILE",
    ] {
        command.env_remove(name);
    }
    let output = command.output().map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let reason = if errors.contains("target may not be installed") {
            "the target wasm32-unknown-unknown is not installed"
        } else {
            "the frontend does not compile for the browser"
        };
        return Err(format!("{reason}\n{errors}"));
    }
    Ok(target.join("wasm32-unknown-unknown").join(profile))
}

/// What wasm-bindgen made, by name.
struct Program {
    js: String,
    wasm: String,
}

impl Program {
    /// What starts it, with Trunk's event for those who wait for it.
    fn html(&self) -> String {
        let Self { js, wasm } = self;
        format!(
            "<link rel=\"modulepreload\" href=\"/{js}\" crossorigin>\
             <link rel=\"preload\" href=\"/{wasm}\" crossorigin as=\"fetch\" type=\"application/wasm\">\n\
             <script type=\"module\">\n\
             import init, * as bindings from '/{js}';\n\
             const wasm = await init({{ module_or_path: '/{wasm}' }});\n\
             window.wasmBindings = bindings;\n\
             dispatchEvent(new CustomEvent('TrunkApplicationStarted', {{ detail: {{ wasm }} }}));\n\
             </script>"
        )
    }
}

/// The page's program.
fn program(wasm: &Path, out: &Path, dist: &Path) -> Result<Program, String> {
    let (wasm, js) = bind(wasm, "frontend", out, dist)?;
    let hash = pack::hash(&[&wasm[..], &js[..]].concat());
    let program =
        Program { js: format!("frontend-{hash}.js"), wasm: format!("frontend-{hash}_bg.wasm") };
    put(dist, &program.js, &js)?;
    put(dist, &program.wasm, &wasm)?;
    Ok(program)
}

/// Whether an element is a program that the page asks for when it needs it.
fn is_later(element: &Element) -> bool {
    attribute(element, "data-type") == Some("worker")
}

/// A program that the page asks for when it needs it, such as the worker that reads files, under
/// the names that Trunk gives it: they carry no hash, since other programs know them.
fn later(name: &str, wasm: &Path, out: &Path, dist: &Path) -> Result<(), String> {
    let (wasm, js) = bind(wasm, name, out, dist)?;
    put(dist, &format!("{name}.js"), &js)?;
    put(dist, &format!("{name}_bg.wasm"), &wasm)?;
    // Trunk's calls no path; what the library makes knows none by itself.
    let loader = format!(
        "import init from './{name}.js';\
         await init({{ module_or_path: new URL('{name}_bg.wasm', import.meta.url) }});"
    );
    put(dist, &format!("{name}_loader.js"), loader.as_bytes())
}

/// A program as wasm-bindgen makes it: its code, and the script that loads it.
fn bind(wasm: &Path, name: &str, out: &Path, dist: &Path) -> Result<(Vec<u8>, Vec<u8>), String> {
    let wasm = wasm.join(name).with_extension("wasm");
    let folder = out.join("bindgen");
    let _ = fs::remove_dir_all(&folder);
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    let failed = |error| format!("wasm-bindgen: {error:#}");
    bindgen
        .input_path(&wasm)
        .web(true)
        .map_err(failed)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    let mut output = bindgen.generate_output().map_err(failed)?;
    let module = output.wasm_mut();
    // Streams for server functions, which the page has none of, are there for being exported only.
    let streams = module.exports.iter().filter(|export| export.name.contains(STREAMS));
    for export in streams.map(|export| export.id()).collect::<Vec<_>>() {
        module.exports.delete(export);
    }
    walrus::passes::gc::run(module);
    for data in module.data.iter().map(|data| data.id()).collect::<Vec<_>>() {
        let data = module.data.get_mut(data);
        if let DataKind::Active { offset: ConstExpr::Value(Value::I32(base)), .. } = data.kind {
            blank_places(&mut data.value, base as u32);
        }
    }
    let mut names = Names::default();
    for import in module.imports.iter_mut() {
        names.shorten(&mut import.name);
    }
    for export in module.exports.iter_mut() {
        names.shorten(&mut export.name);
    }
    output.emit(&folder).map_err(failed)?;
    let read = |name: &str| {
        fs::read(folder.join(name)).map_err(|error| format!("wasm-bindgen's {name}: {error}"))
    };
    let js = read(&format!("{name}.js"))?;
    let js = String::from_utf8(js).map_err(|_| "wasm-bindgen's script is no text")?;
    let made = (read(&format!("{name}_bg.wasm"))?, names.replace(&lean(&js, &names)).into_bytes());
    // Scripts that crates bring along.
    let snippets = folder.join("snippets");
    for path in pack::files(&snippets) {
        let name = format!("snippets/{}", pack::slashed(&path, &snippets));
        put(dist, &name, &fs::read(&path).map_err(|error| format!("{name}: {error}"))?)?;
    }
    Ok(made)
}

/// Blanks the places in Rust's and other crates' sources by which a panic says where it was: their
/// paths name folders of this machine, and all that is most of a kilobyte to load. Panics keep what
/// they say, and those of the page's own sources their place. `base` is the address of the bytes.
fn blank_places(bytes: &mut [u8], base: u32) {
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| home + "/.cargo"));
    let registry = home.ok().map(|home| home + "/registry/src/");
    let find = |bytes: &[u8], text: &str| {
        bytes.windows(text.len()).position(|window| window == text.as_bytes())
    };
    let mut paths = Vec::new();
    for folder in [registry, Some("/rustc/".to_owned())].into_iter().flatten() {
        let mut at = 0;
        while let Some(start) = find(&bytes[at..], &folder).map(|start| at + start) {
            let length = find(&bytes[start..], ".rs").map_or(1, |length| length + ".rs".len());
            if length < 300 {
                bytes[start..start + length].fill(b' ');
                paths.push((base + start as u32, length as u32));
            }
            at = start + length;
        }
    }
    // A place is the address and length of a path, a line and a column.
    for place in bytes
        .chunks_exact_mut(4)
        .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        .collect::<Vec<_>>()
        .windows(4)
        .enumerate()
        .filter(|(_, place)| paths.contains(&(place[0], place[1])))
        .map(|(at, _)| 4 * at)
        .collect::<Vec<_>>()
    {
        bytes[place + 4..place + 16].fill(0);
        bytes[place..place + 4].copy_from_slice(&paths[0].0.to_le_bytes());
    }
}

/// Short names for what a program and its script know each other by. wasm-bindgen ends them in
/// hashes, which no packing makes smaller: without them the page is 6 KB less to load.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    /// Gives a name of wasm-bindgen's own its short one.
    fn shorten(&mut self, name: &mut String) {
        // Others, such as `memory`, may stand for something else in the script.
        if ["__wb", "__wasm_bindgen", "wasm_bindgen__"].iter().any(|own| name.starts_with(own)) {
            let mut number = self.0.len();
            let short = self.0.entry(name.clone()).or_insert_with(|| {
                let mut short = String::from("$");
                loop {
                    short.push(char::from(b'a' + (number % 26) as u8));
                    number /= 26;
                    if number == 0 {
                        return short;
                    }
                }
            });
            name.clone_from(short);
        }
    }

    /// Whether it is a function of wasm-bindgen's that nothing imports.
    fn lack(&self, function: &str) -> bool {
        function.starts_with("__wb") && !self.0.contains_key(function)
    }

    /// The script with the short names.
    fn replace(&self, js: &str) -> String {
        let mut out = String::with_capacity(js.len());
        let mut rest = js;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        while let Some(start) = rest.find(is_word) {
            out.push_str(&rest[..start]);
            let length = rest[start..].find(|c| !is_word(c)).unwrap_or(rest.len() - start);
            let (word, after) = rest[start..].split_at(length);
            out.push_str(self.0.get(word).map_or(word, String::as_str));
            rest = after;
        }
        out + rest
    }
}

/// A script of wasm-bindgen without its comments and indentation, which are more than half a kilobyte
/// even when packed, and without what the program does not need. It has no text that goes over
/// lines.
fn lean(js: &str, names: &Names) -> String {
    let mut out = String::with_capacity(js.len());
    let mut in_comment = false;
    // How what is left out ends.
    let mut until: Option<String> = None;
    for line in js.lines() {
        let text = line.trim_start();
        if let Some(end) = &until {
            if line.starts_with(end.as_str()) || (end == ";" && line.ends_with(';')) {
                until = None;
            }
            continue;
        }
        let is_streams = text.to_ascii_lowercase().contains(STREAMS);
        if is_streams && line.starts_with("export class ") {
            until = Some("}".to_owned());
        } else if is_streams && (line.starts_with("const ") || line.starts_with("if ")) {
            until = Some(";".to_owned()).filter(|_| !line.ends_with(';'));
        } else if text.split_once(": function(").is_some_and(|(name, _)| names.lack(name)) {
            let end = format!("{}}}", &line[..line.len() - text.len()]);
            until = Some(end).filter(|_| !line.ends_with("},"));
        } else {
            in_comment |= text.starts_with("/**");
            if !in_comment && !text.is_empty() && !text.starts_with("//") {
                out.push_str(text);
                out.push('\n');
            }
            in_comment &= !text.contains("*/");
        }
    }
    out
}

/// A style sheet without its comments, and blanks where it doesn't need them.
fn lean_style(element: &Element, root: &Path) -> Result<String, String> {
    let link = attribute(element, "href").ok_or("a style has no href")?;
    let css = fs::read_to_string(root.join("frontend").join(link));
    let css = without(&css.map_err(|error| format!("{link}: {error}"))?, "/*", "*/");
    let between_texts = css.split('"').enumerate();
    let lean = between_texts.map(|(at, part)| if at % 2 == 0 { tight(part) } else { part.into() });
    Ok(lean.collect::<Vec<_>>().join("\""))
}

/// A part of a style sheet that is no text, without blanks around what separates.
fn tight(css: &str) -> String {
    let mut out = String::new();
    for word in css.split_whitespace() {
        let joins = |end: Option<char>| end.is_none_or(|end| "{};,".contains(end));
        // A colon with a blank behind it ends the name of a property.
        let is_apart = !joins(out.chars().last()) && !joins(word.chars().next());
        if is_apart && !out.ends_with(':') {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// A text without what lies between these two, and without them.
fn without(text: &str, start: &str, end: &str) -> String {
    let mut parts = text.split(start);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once(end).map_or("", |(_, after)| after));
    }
    out
}

/// What takes the place of an element.
fn replace(
    element: &Element,
    root: &Path,
    dist: &Path,
    program: &Program,
) -> Result<String, String> {
    let kind = match element.tag {
        "script" => "script",
        _ => attribute(element, "rel").unwrap_or_default(),
    };
    if kind == "rust" {
        return Ok(if is_later(element) { String::new() } else { program.html() });
    }
    let name = if kind == "script" { "src" } else { "href" };
    let link = attribute(element, name).ok_or(format!("an element {kind:?} has no {name}"))?;
    let path = root.join("frontend").join(link);
    let read = |path: &Path| fs::read(path).map_err(|error| format!("{link}: {error}"));
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let file = file.ok_or(format!("{link} names no file"))?;
    let (stem, extension) = file.rsplit_once('.').unwrap_or((&file, ""));
    let hashed = |bytes: &[u8]| format!("{stem}-{}.{extension}", pack::hash(bytes));
    let below = attribute(element, "data-target-path").unwrap_or_default().trim_matches('/');
    let target = |name: &str| {
        if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") }
    };
    match kind {
        "icon" => {
            let bytes = read(&path)?;
            put(dist, &hashed(&bytes), &bytes)?;
            let others = ["type", "sizes"].iter().filter_map(|name| {
                attribute(element, name).map(|value| format!(" {name}=\"{value}\""))
            });
            let others: String = others.collect();
            Ok(format!("<link rel=\"icon\"{others} href=\"/{}\">", hashed(&bytes)))
        }
        "script" => {
            let bytes = read(&path)?;
            put(dist, &hashed(&bytes), &bytes)?;
            let others = ["type", "defer", "async"].iter().filter_map(|name| {
                attribute(element, name).map(|value| format!(" {name}=\"{value}\""))
            });
            let others: String = others.collect();
            Ok(format!("<script{others} src=\"/{}\"></script>", hashed(&bytes)))
        }
        "copy-file" => {
            put(dist, &target(&file), &read(&path)?)?;
            Ok(String::new())
        }
        "copy-dir" => {
            let folder = if below.is_empty() { &file } else { below };
            for path in pack::files(&path) {
                let name =
                    format!("{folder}/{}", pack::slashed(&path, &root.join("frontend").join(link)));
                put(dist, &name, &read(&path)?)?;
            }
            Ok(String::new())
        }
        "inline" => {
            let text = String::from_utf8(read(&path)?).map_err(|_| format!("{link} is no text"))?;
            match attribute(element, "type").unwrap_or(extension) {
                "js" => Ok(format!("<script>{text}</script>")),
                "module" | "mjs" => Ok(format!("<script type=\"module\">{text}</script>")),
                "css" => Ok(format!("<style>{text}</style>")),
                _ => Ok(text),
            }
        }
        kind => Err(format!("a link of the kind {kind:?} is not known here; see build/page.rs")),
    }
}

fn attribute<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    element.attributes.get(name).map(String::as_str)
}

fn put(dist: &Path, name: &str, bytes: &[u8]) -> Result<(), String> {
    let path = dist.join(name);
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&path, bytes))
        .map_err(|error| format!("{}: {error}", path.display()))
}
