//! `-html`: a page with the sources, colored by what ran.
//!
//! The frame of the page is the output of `go tool cover`, which this has to equal byte for byte.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;

use super::profile::{Counted, FileProfile};
use crate::sources::Sources;

/// Up to the title.
const HEAD: &str = include_str!("html/head.html");
/// From the title to the colors.
const STYLE: &str = include_str!("html/style.html");
/// From the colors to the list of files.
const NAV: &str = include_str!("html/nav.html");
/// From the sources to the end.
const TAIL: &str = include_str!("html/tail.html");

/// Writes the page.
pub(super) fn write(
    profiles: &[FileProfile<'_>],
    sources: &Sources,
    out: &mut dyn Write,
) -> Result<()> {
    let mut bodies = Vec::with_capacity(profiles.len());
    for profile in profiles {
        let source = super::source(profile, sources)?;
        let mut body = Vec::with_capacity(source.len() + source.len() / 2);
        paint(profile, &source, &mut body);
        bodies.push(body);
    }
    out.write_all(HEAD.as_bytes())?;
    let title = profiles.first().and_then(|profile| title(profile.name));
    if let Some(title) = title {
        write!(out, "{}: ", escaped(title))?;
    }
    out.write_all(STYLE.as_bytes())?;
    write!(out, ".cov0 {{ color: rgb(192, 0, 0) }}\n.cov1 {{ color: rgb(128, 128, 128) }}\n")?;
    for heat in 0..9 {
        let [r, g, b] = [116 - 12 * heat, 140 + 12 * heat, 131 + 3 * heat];
        writeln!(out, ".cov{} {{ color: rgb({r}, {g}, {b}) }}", heat + 2)?;
    }
    out.write_all(NAV.as_bytes())?;
    for (i, profile) in profiles.iter().enumerate() {
        let name = escaped(profile.name);
        let share = percent(profile);
        write!(out, "\n\t\t\t\t<option value=\"file{i}\">{name} ({share:.1}%)</option>\n\t\t\t\t")?;
    }
    out.write_all(b"\n\t\t\t\t</select>\n\t\t\t</div>\n\t\t\t<div id=\"legend\">\n")?;
    out.write_all(b"\t\t\t\t<span>not tracked</span>\n\t\t\t\n")?;
    let legend: &[(&str, &str)] = if profiles.iter().any(|profile| profile.set) {
        &[("cov0", "not covered"), ("cov8", "covered")]
    } else {
        &[
            ("cov0", "no coverage"),
            ("cov1", "low coverage"),
            ("cov2", "*"),
            ("cov3", "*"),
            ("cov4", "*"),
            ("cov5", "*"),
            ("cov6", "*"),
            ("cov7", "*"),
            ("cov8", "*"),
            ("cov9", "*"),
            ("cov10", "high coverage"),
        ]
    };
    for (class, text) in legend {
        writeln!(out, "\t\t\t\t<span class=\"{class}\">{text}</span>")?;
    }
    out.write_all(b"\t\t\t\n\t\t\t</div>\n\t\t</div>\n\t\t<div id=\"content\">\n\t\t")?;
    for (i, body) in bodies.iter().enumerate() {
        write!(out, "\n\t\t<pre class=\"file\" id=\"file{i}\" style=\"display: none\">")?;
        out.write_all(body)?;
        out.write_all(b"</pre>\n\t\t")?;
    }
    out.write_all(TAIL.as_bytes())?;
    Ok(())
}

/// The last folder of a name.
fn title(name: &str) -> Option<&str> {
    name.rsplit('/').skip(1).find(|component| !component.is_empty())
}

/// The share of statements covered.
#[expect(clippy::cast_precision_loss, reason = "statements stay far below 2^52")]
fn percent(profile: &FileProfile<'_>) -> f64 {
    let (covered, total) = profile.statements();
    if total == 0 { 0.0 } else { covered as f64 / total as f64 * 100.0 }
}

/// Text as Go's html/template escapes it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => escaped.push('\u{fffd}'),
            '"' | '&' | '\'' | '+' | '<' | '>' => {
                let _ = match c {
                    '&' => write!(escaped, "&amp;"),
                    '<' => write!(escaped, "&lt;"),
                    '>' => write!(escaped, "&gt;"),
                    _ => write!(escaped, "&#{};", u32::from(c)),
                };
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Writes the source with a span for each block. As in Go's tool, blocks come strictly one after
/// the other, so that one inside another cuts it short, and columns of the first line count from 2.
fn paint(profile: &FileProfile<'_>, source: &[u8], out: &mut Vec<u8>) {
    let max = profile.blocks.iter().map(|block| block.count).max().unwrap_or(0).max(0);
    let (mut line, mut column) = (1u32, 2u32);
    let mut blocks = profile.blocks.iter().peekable();
    for &byte in source {
        while let Some(block) = blocks.peek() {
            if block.start == (line, column) {
                open(block, max, out);
            }
            if block.end == (line, column) || line > block.end.0 {
                out.extend_from_slice(b"</span>");
                blocks.next();
            } else {
                break;
            }
        }
        match byte {
            b'>' => out.extend_from_slice(b"&gt;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'\t' => out.extend_from_slice(b"        "),
            _ => out.push(byte),
        }
        if byte == b'\n' {
            line = line.saturating_add(1);
            column = 0;
        }
        column = column.saturating_add(1);
    }
}

/// Writes the start of a block: its color is the logarithm of its count, in nine steps up to the
/// highest of the file.
#[expect(clippy::cast_precision_loss, reason = "what is lost does not change the color")]
fn open(block: &Counted, max: i64, out: &mut Vec<u8>) {
    let class = match block.count {
        ..=0 => 0.0,
        _ if max <= 1 => 8.0,
        count => ((count as f64).ln() / (max as f64).ln() * 9.0).floor() + 1.0,
    };
    let _ = write!(out, "<span class=\"cov{class}\" title=\"{}\">", block.count);
}
