//! The page's own files as one, with data inside.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use flate2::{Compression, write::GzEncoder};
use relay::Asset;
use sha2::{Digest as _, Sha256};

use crate::embedded::ASSETS;

const START: &str = include_str!("start.js");
const STYLE: &str = include_str!("report.css");

/// The page of this binary with frames and sources in it.
pub(super) fn write(title: &str, frames: &[u8], sources: &[u8]) -> Result<String> {
    let index = asset("/index.html")?;
    let html = std::str::from_utf8(index.raw).context("the page is no text")?;
    let mut page = Page::default();
    page.inline(html)?;
    let Page { mut html, script, program, .. } = page;
    let (Some(script), Some(program)) = (script, program) else {
        bail!("this binary was built without its page, which a report is made of");
    };

    let title_at = html.find("<title>").zip(html.find("</title>"));
    let (start, end) = title_at.context("the page has no title")?;
    html.replace_range(start + "<title>".len()..end, &escaped(title));

    let mut tail = String::new();
    for (id, bytes) in
        [("program", gzip(program)?), ("frames", gzip(frames)?), ("sources", gzip(sources)?)]
    {
        let text = base64(&bytes);
        let _ = writeln!(
            tail,
            "<script type=\"application/octet-stream\" id=\"report-{id}\">{text}</script>"
        );
    }
    let _ = writeln!(tail, "<script type=\"module\">{}</script>", module(script)?);
    html.insert_str(html.rfind("</body>").unwrap_or(html.len()), &tail);
    let head = html.find("</head>").context("the page has no head")?;
    html.insert_str(head, &format!("<style>{STYLE}</style>\n"));
    let policy = policy(&html);
    let charset = html.find("<meta charset").and_then(|at| Some(at + html[at..].find('>')? + 1));
    let head = charset.context("the page does not name its encoding")?;
    html.insert_str(
        head,
        &format!("\n<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">"),
    );
    Ok(html)
}

/// A file of the page by its address.
fn asset(link: &str) -> Result<&'static Asset> {
    let path = link.trim_start_matches('/');
    let found = ASSETS.iter().find(|asset| asset.path == path);
    found.with_context(|| format!("the page lacks its file {path}"))
}

/// The page with what it links inside.
#[derive(Default)]
struct Page {
    html: String,
    /// What wasm-bindgen made.
    script: Option<&'static str>,
    /// The program itself.
    program: Option<&'static [u8]>,
}

impl Page {
    fn inline(&mut self, html: &str) -> Result<()> {
        let mut rest = html;
        while let Some(at) = next(rest) {
            let (before, tag_on) = rest.split_at(at);
            self.html.push_str(before);
            let end = tag_on.find('>').context("a tag of the page does not end")? + 1;
            let (tag, after) = tag_on.split_at(end);
            rest = if tag.starts_with("<link") {
                self.link(tag)?;
                after
            } else {
                let end = after.find("</script>").context("a script of the page does not end")?;
                let end = end + "</script>".len();
                if attribute(tag, "src").is_some() {
                    bail!("the page has a script of a kind that a report can't hold: {tag}");
                }
                // What starts the page would load its files.
                if attribute(tag, "type") != Some("module") {
                    self.html.push_str(tag);
                    self.html.push_str(&after[..end]);
                }
                &after[end..]
            };
        }
        self.html.push_str(rest);
        Ok(())
    }

    fn link(&mut self, tag: &str) -> Result<()> {
        let link = attribute(tag, "href").unwrap_or_default();
        match attribute(tag, "rel").unwrap_or_default() {
            "stylesheet" => {
                let css = std::str::from_utf8(asset(link)?.raw).context("a style is no text")?;
                let _ = write!(self.html, "<style>{}</style>", with_files(css)?);
            }
            "icon" => {
                let _ = write!(self.html, "<link rel=\"icon\" href=\"{}\">", data(asset(link)?));
            }
            "modulepreload" => {
                let js = std::str::from_utf8(asset(link)?.raw).context("a script is no text")?;
                self.script = Some(js);
            }
            "preload" if link.ends_with(".wasm") => self.program = Some(asset(link)?.raw),
            _ => {}
        }
        Ok(())
    }
}

/// Where the next link or script is.
fn next(html: &str) -> Option<usize> {
    ["<link ", "<script"].iter().filter_map(|tag| html.find(tag)).min()
}

/// An attribute of a tag, in quotes or without.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let tag = tag.trim_end_matches('>').trim_end_matches('/');
    let value = tag.split_once(&format!(" {name}="))?.1;
    match value.strip_prefix('"') {
        Some(value) => value.split('"').next(),
        None => value.split_whitespace().next(),
    }
}

/// A style with the files that it names inside.
fn with_files(css: &str) -> Result<String> {
    let mut parts = css.split("url(\"/");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (link, after) = part.split_once('"').context("an address in a style does not end")?;
        let _ = write!(text, "url(\"{}\"{after}", data(asset(link)?));
    }
    Ok(text)
}

fn data(asset: &Asset) -> String {
    format!("data:{};base64,{}", asset.mime, base64(asset.raw))
}

/// What wasm-bindgen made, and what starts it, as one script.
fn module(bindings: &str) -> Result<String> {
    if bindings.lines().any(|line| line.starts_with("import ")) {
        bail!("the page has scripts that a report can't hold");
    }
    let name = bindings.rsplit_once(" as default").and_then(|(before, _)| {
        before.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').next()
    });
    let name = name.context("the page has no start")?;
    let script = format!("{bindings}\n{}", START.replace("INIT", name));
    // Either would end, or change, the element around it.
    Ok(script.replace("</script", "<\\/script").replace("<!--", "<\\!--"))
}

/// What the report may do: run its own scripts, and nothing else.
fn policy(html: &str) -> String {
    let hashes = |element: &str| -> String {
        let mut hashes = String::new();
        for part in html.split(&format!("<{element}")).skip(1) {
            let Some((tag, after)) = part.split_once('>') else { continue };
            let Some((text, _)) = after.split_once(&format!("</{element}>")) else { continue };
            if !tag.contains("octet-stream") {
                let _ = write!(hashes, " 'sha256-{}'", base64(&Sha256::digest(text)));
            }
        }
        hashes
    };
    format!(
        "default-src 'none'; script-src 'wasm-unsafe-eval'{}; style-src{}; img-src data:; \
         base-uri 'none'; form-action 'none'",
        hashes("script"),
        hashes("style")
    )
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_with_and_without_quotes() {
        let tag = "<link rel=preload href=\"/a b.wasm\" as=fetch/>";
        assert_eq!(attribute(tag, "rel"), Some("preload"));
        assert_eq!(attribute(tag, "href"), Some("/a b.wasm"));
        assert_eq!(attribute(tag, "as"), Some("fetch"));
        assert_eq!(attribute(tag, "type"), None);
    }

    #[test]
    fn scripts_do_not_end_the_element_around_them() {
        let module = module("const a = '</script><!--';\nexport { b, c as default };\n");
        let module = module.expect("it has a start");
        assert!(module.starts_with("const a = '<\\/script><\\!--'"), "{module}");
        assert!(module.contains("await c({"), "{module}");
    }
}
