//! The page's own files as one, with data inside.

use std::fmt::Write as _;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use crate::{Asset, Assets, ReportError};

const START: &str = include_str!("start.js");
const STYLE: &str = include_str!("report.css");

/// The page with what it links inside, but for its program.
#[derive(Debug)]
pub struct Page<'a> {
    html: String,
    /// What wasm-bindgen made.
    script: &'a str,
    /// The program itself.
    program: &'a [u8],
}

impl<'a> Page<'a> {
    /// The page that these files are of.
    ///
    /// # Errors
    /// A file that is not there, and what a report can't hold.
    pub fn of(assets: Assets<'a>) -> Result<Self, ReportError> {
        let mut inlined = Inlined { assets, html: String::new(), script: None, program: None };
        inlined.inline(inlined.text("/index.html")?)?;
        match inlined {
            Inlined { html, script: Some(script), program: Some(program), .. } => {
                Ok(Self { html, script, program })
            }
            _ => Err(ReportError::NoPage),
        }
    }

    /// The page with frames and sources in it.
    pub(crate) fn with(
        self,
        title: &str,
        frames: &[u8],
        sources: &[u8],
    ) -> Result<String, ReportError> {
        let Self { mut html, script, program } = self;
        let title_at = html.find("<title>").zip(html.find("</title>"));
        let (start, end) = title_at.ok_or(ReportError::Page("it has no title"))?;
        html.replace_range(start + "<title>".len()..end, &escaped(title));

        let mut tail = String::new();
        for (id, bytes) in
            [("program", gzip(program)), ("frames", gzip(frames)), ("sources", gzip(sources))]
        {
            let text = base64(&bytes);
            let _ = writeln!(
                tail,
                "<script type=\"application/octet-stream\" id=\"report-{id}\">{text}</script>"
            );
        }
        let _ = writeln!(tail, "<script type=\"module\">{}</script>", module(script)?);
        html.insert_str(html.rfind("</body>").unwrap_or(html.len()), &tail);
        let head = html.find("</head>").ok_or(ReportError::Page("it has no head"))?;
        html.insert_str(head, &format!("<style>{STYLE}</style>\n"));
        let policy = policy(&html);
        let charset =
            html.find("<meta charset").and_then(|at| Some(at + html[at..].find('>')? + 1));
        let head = charset.ok_or(ReportError::Page("it does not name its encoding"))?;
        html.insert_str(
            head,
            &format!("\n<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">"),
        );
        Ok(html)
    }
}

/// The page as far as it is read.
struct Inlined<'a> {
    assets: Assets<'a>,
    html: String,
    /// What wasm-bindgen made.
    script: Option<&'a str>,
    /// The program itself.
    program: Option<&'a [u8]>,
}

impl<'a> Inlined<'a> {
    /// A file of the page by its address.
    fn asset(&self, link: &str) -> Result<Asset<'a>, ReportError> {
        let path = link.trim_start_matches('/');
        (self.assets)(path).ok_or_else(|| ReportError::Missing(path.to_owned()))
    }

    fn text(&self, link: &str) -> Result<&'a str, ReportError> {
        let bytes = self.asset(link)?.bytes;
        std::str::from_utf8(bytes).map_err(|_| ReportError::Page("a file of it is no text"))
    }

    fn inline(&mut self, html: &str) -> Result<(), ReportError> {
        let mut rest = html;
        while let Some(at) = next(rest) {
            let (before, tag_on) = rest.split_at(at);
            self.html.push_str(before);
            let end = tag_on.find('>').ok_or(ReportError::Page("a tag does not end"))? + 1;
            let (tag, after) = tag_on.split_at(end);
            rest = if tag.starts_with("<link") {
                self.link(tag)?;
                after
            } else {
                let end = after.find("</script>");
                let end = end.ok_or(ReportError::Page("a script does not end"))?;
                let end = end + "</script>".len();
                if attribute(tag, "src").is_some() {
                    return Err(ReportError::Page("it has a script that a report can't hold"));
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

    fn link(&mut self, tag: &str) -> Result<(), ReportError> {
        let link = attribute(tag, "href").unwrap_or_default();
        match attribute(tag, "rel").unwrap_or_default() {
            "stylesheet" => {
                let css = self.with_files(self.text(link)?)?;
                let _ = write!(self.html, "<style>{css}</style>");
            }
            "icon" => {
                let icon = data(self.asset(link)?);
                let _ = write!(self.html, "<link rel=\"icon\" href=\"{icon}\">");
            }
            "modulepreload" => self.script = Some(self.text(link)?),
            "preload" if link.ends_with(".wasm") => self.program = Some(self.asset(link)?.bytes),
            _ => {}
        }
        Ok(())
    }

    /// A style with the files that it names inside.
    fn with_files(&self, css: &str) -> Result<String, ReportError> {
        let mut parts = css.split("url(\"/");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (link, after) = part
                .split_once('"')
                .ok_or(ReportError::Page("an address in a style does not end"))?;
            let _ = write!(text, "url(\"{}\"{after}", data(self.asset(link)?));
        }
        Ok(text)
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

fn data(asset: Asset<'_>) -> String {
    format!("data:{};base64,{}", asset.mime, base64(asset.bytes))
}

/// What wasm-bindgen made, and what starts it, as one script.
fn module(bindings: &str) -> Result<String, ReportError> {
    if bindings.lines().any(|line| line.starts_with("import ")) {
        return Err(ReportError::Page("it has scripts that a report can't hold"));
    }
    let name = bindings.rsplit_once(" as default").and_then(|(before, _)| {
        before.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').next()
    });
    let name = name.ok_or(ReportError::Page("it has no start"))?;
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

/// One member of RFC 1952: no name and no time, so that the same bytes give the same.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    packed.extend(miniz_oxide::deflate::compress_to_vec(bytes, 9));
    packed.extend(crc32fast::hash(bytes).to_le_bytes());
    // The length modulo 2^32 is what belongs there.
    let length = u64::try_from(bytes.len()).unwrap_or(0) & u64::from(u32::MAX);
    packed.extend(u32::try_from(length).unwrap_or(0).to_le_bytes());
    packed
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
    fn what_is_packed_is_a_gzip_member() {
        let bytes = b"mode: set\n".repeat(1_000);
        let limits = formats::limits::Limits::default();
        let packed = gzip(&bytes);
        assert!(packed.len() < 200);
        let mut sink = All(Vec::new());
        let read = formats::archive::unpack("a.gz", &packed, &limits, &mut sink);
        assert_eq!((read.expect("it is whole"), sink.0), (true, bytes));
    }

    /// Keeps what is in an archive.
    struct All(Vec<u8>);

    impl formats::archive::Sink for All {
        fn wants(&mut self, _: &str, _: &[u8]) -> bool {
            true
        }

        fn take(&mut self, _: &str, bytes: &[u8]) -> usize {
            self.0.extend(bytes);
            bytes.len()
        }
    }

    const INDEX: &str = "<!doctype html><meta charset=utf-8><title>x</title>\n\
        <link rel=\"stylesheet\" href=\"/a.css\"><link rel=modulepreload href=/a.js>\
        <link rel=preload href=/a.wasm as=fetch></head><body><script type=\"module\">init()</script></body>";

    fn asset(path: &str, without: &str) -> Option<Asset<'static>> {
        let bytes: &[u8] = match path {
            "index.html" => INDEX.as_bytes(),
            "a.css" => b"p { background: url(\"/i.svg\") }",
            "i.svg" => b"<svg/>",
            "a.js" => b"export { s, c as default };",
            "a.wasm" => b"\0asm",
            _ => return None,
        };
        (path != without).then_some(Asset { mime: "text/css", bytes })
    }

    #[test]
    fn the_page_is_one_file_with_a_policy() {
        let page = Page::of(&|path| asset(path, "")).expect("all is there");
        let html = page.with("a < b", b"frames", b"sources").expect("a page");
        assert!(html.contains("<title>a &lt; b</title>"), "{html}");
        assert!(html.contains("<style>p { background: url(\"data:text/css;base64,PHN2Zy8+\")"));
        assert!(html.contains("default-src 'none'; script-src 'wasm-unsafe-eval' 'sha256-"));
        assert!(!html.contains("init()") && !html.contains("<link"), "{html}");
        for id in ["program", "frames", "sources"] {
            assert!(html.contains(&format!("id=\"report-{id}\">H4sI")), "{id}: {html}");
        }
    }

    #[test]
    fn files_that_are_not_there_are_named() {
        for path in ["index.html", "a.css", "i.svg", "a.js", "a.wasm"] {
            match Page::of(&|asked| asset(asked, path)) {
                Err(ReportError::Missing(missing)) => assert_eq!(missing, path),
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn scripts_do_not_end_the_element_around_them() {
        let module = module("const a = '</script><!--';\nexport { b, c as default };\n");
        let module = module.expect("it has a start");
        assert!(module.starts_with("const a = '<\\/script><\\!--'"), "{module}");
        assert!(module.contains("await c({"), "{module}");
    }
}
