//! `coverglass cover`: a drop-in for `go tool cover -func` and `-html`, without Go.
//!
//! Same flags, exit codes and output, byte for byte; sources are found by go.mod instead of
//! `go list`. Instrumenting (`-mode`) is what `coverglass build` does.

mod func;
mod html;
mod profile;

use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};

use self::profile::FileProfile;
use crate::sources::Sources;

const USAGE: &str = "usage: coverglass cover -func=PROFILE [-o=FILE]
       coverglass cover -html=PROFILE [-o=FILE]

  -func      print the share of statements covered, by function
  -html      write a page with the sources, colored by what ran; without -o, open it
  -o         file to write
";

/// What the arguments ask for.
#[derive(Debug, Default)]
struct Flags {
    func: Option<String>,
    html: Option<String>,
    output: Option<PathBuf>,
}

/// `coverglass cover`, with everything that follows.
pub(crate) fn command(arguments: &[OsString]) -> ExitCode {
    let arguments: Vec<String> =
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let flags = match parse(&arguments) {
        Ok(Some(flags)) => flags,
        Ok(None) => return help(None),
        Err(reason) => return help(Some(&reason)),
    };
    let result = match (&flags.func, &flags.html) {
        (Some(path), None) => functions(path, &flags),
        (None, Some(path)) => page(path, &flags),
        (None, None) => return help(None),
        (Some(_), Some(_)) => return help(Some("-func and -html exclude each other")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::complain(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

fn help(reason: Option<&str>) -> ExitCode {
    if let Some(reason) = reason {
        crate::complain(reason);
    }
    let _ = std::io::stderr().write_all(USAGE.as_bytes());
    ExitCode::from(2)
}

/// The flags, in Go's form; `None` for a call for help.
fn parse(arguments: &[String]) -> Result<Option<Flags>, String> {
    let mut flags = Flags::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let name = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'));
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err(format!("too many arguments: {argument}"));
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        match name {
            "h" | "help" => return Ok(None),
            "func" | "html" | "o" => {}
            "mode" | "var" | "pkgcfg" | "outfilelist" => {
                return Err(format!("-{name} is for instrumenting: that is coverglass build"));
            }
            _ => return Err(format!("flag provided but not defined: -{name}")),
        }
        let value = value.or_else(|| rest.next().cloned());
        let value = value.ok_or_else(|| format!("flag needs an argument: -{name}"))?;
        let value = Some(value).filter(|value| !value.is_empty());
        match name {
            "func" => flags.func = value,
            "html" => flags.html = value,
            _ => flags.output = value.map(PathBuf::from),
        }
    }
    Ok(Some(flags))
}

/// `-func`.
fn functions(path: &str, flags: &Flags) -> Result<()> {
    let bytes = read(path)?;
    let profiles =
        profile::read(&bytes).map_err(|error| anyhow!(error)).with_context(|| path.to_owned())?;
    let mut out: Box<dyn Write> = match &flags.output {
        Some(path) => Box::new(BufWriter::new(create(path)?)),
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
    };
    func::write(&profiles, &Sources::around(&PathBuf::from(".")), &mut *out)?;
    out.flush()?;
    Ok(())
}

/// `-html`.
fn page(path: &str, flags: &Flags) -> Result<()> {
    let bytes = read(path)?;
    let profiles =
        profile::read(&bytes).map_err(|error| anyhow!(error)).with_context(|| path.to_owned())?;
    let target = match &flags.output {
        Some(path) => path.clone(),
        None => {
            let folder = std::env::temp_dir().join(format!("cover{}", std::process::id()));
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
            folder.join("coverage.html")
        }
    };
    let sources = Sources::around(&PathBuf::from("."));
    let mut out = BufWriter::new(create(&target)?);
    html::write(&profiles, &sources, &mut out)?;
    out.flush()?;
    if flags.output.is_none() && !open(&target) {
        crate::print(&format!("HTML output written to {}\n", target.display()))?;
    }
    Ok(())
}

fn read(path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {path}"))
}

fn create(path: &PathBuf) -> Result<std::fs::File> {
    std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

/// Shows a file in the browser; says whether that could be tried.
fn open(path: &PathBuf) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    std::process::Command::new(program).arg(path).spawn().is_ok()
}

/// The text of a file of a profile.
fn source(profile: &FileProfile<'_>, sources: &Sources) -> Result<Vec<u8>> {
    let name = profile.name;
    let path = sources.find(name);
    let path = path.ok_or_else(|| anyhow!("{name}: the source is not found from here"))?;
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}
