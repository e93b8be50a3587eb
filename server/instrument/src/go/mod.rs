//! `coverglass build`, `run` and `test`: the go commands of those names, instrumented.
//!
//! Go does the work. It lists the packages ([`packages`]), its cover tool says what a unit is and
//! where it counts ([`place`]), a text step makes it count in memory that others can read
//! ([`rewrite`]), and `go -overlay` compiles the result in place of the user's files
//! ([`overlay`]), in the user's directory, with the user's flags. Nothing is copied or changed.
//!
//! Where code does not compile, go's plain command runs instead and says so in its own words.
//!
//! Not here: what reads the counters (`collector`), and the Go code that shares them
//! (`src/runtime`).

mod arguments;
mod channels;
mod error;
mod overlay;
mod packages;
mod pattern;
mod place;
mod program;
mod rewrite;
mod scan;
mod signals;
mod toolchain;
mod tracing;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};

pub use error::GoError;
pub use program::attend;
pub use tracing::{TraceSink, Traced, Tracer};

use crate::cache;
use crate::collector::{self, Bound};
use arguments::Arguments;
use channels::Channels;
use overlay::{Instrumenter, Overlay};
use packages::{Listed, Selection};
use rewrite::Style;
use toolchain::Toolchain;

/// Variable that tells a program where to write its channel operations.
const CHANNELS: &str = "COVERGLASS_CHANNELS";
/// Exit code when the command could not be done.
const FAILED: i32 = 2;

/// A go command that can be instrumented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `go build`.
    Build,
    /// `go run`.
    Run,
    /// `go test`.
    Test,
}

impl Verb {
    /// Go's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Run => "run",
            Self::Test => "test",
        }
    }
}

/// Runs a go command, instrumented, with our own flags in front of go's. Prints what go prints, and
/// complaints of our own to stderr. The result is the exit code: go's, or 2 for a failure of ours.
///
/// `tracer` is given the execution traces that were asked for.
pub fn command(verb: Verb, arguments: &[OsString], tracer: Tracer<'_>) -> i32 {
    match run(verb, arguments, tracer) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("coverglass {}: {error}", verb.as_str());
            FAILED
        }
    }
}

fn run(verb: Verb, words: &[OsString], tracer: Tracer<'_>) -> Result<i32, GoError> {
    // `-C` decides which toolchain it is, and the toolchain's flags count as arguments.
    let Some(first_look) = Arguments::parse(verb, &[], words)? else {
        return plain(verb, words);
    };
    if first_look.help {
        let help = help(verb);
        std::io::stdout().write_all(help.as_bytes()).map_err(GoError::file("standard output"))?;
        return Ok(0);
    }
    sweep();
    let toolchain = Toolchain::find(first_look.chdir.as_ref())?;
    let Some(arguments) = Arguments::parse(verb, &toolchain.flags, words)? else {
        return plain(verb, words);
    };
    if let (Verb::Run, Some(package)) = (verb, arguments.packages.first())
        && package.to_string_lossy().contains('@')
    {
        let package = package.to_string_lossy();
        let why = "go does not replace files of downloaded modules; clone it";
        return Err(GoError::Usage(format!("{package} can't be instrumented: {why}")));
    }
    match Build::prepare(verb, arguments, toolchain)? {
        Err((arguments, message)) => {
            let code = plain(verb, &plain_words(&arguments))?;
            if code == 0 {
                eprintln!("coverglass {}: not instrumented: {message}", verb.as_str());
            }
            Ok(code)
        }
        Ok(build) => match verb {
            Verb::Build => build.build(),
            Verb::Run => build.run(tracer),
            Verb::Test => build.test(),
        },
    }
}

/// A build that is ready for go.
struct Build {
    verb: Verb,
    arguments: Arguments,
    toolchain: Toolchain,
    /// The user's overlay with the runtime package.
    base: Overlay,
    /// What replaces what, for each instrumented package.
    overlays: BTreeMap<String, Overlay>,
    cache: PathBuf,
    listed: Vec<Listed>,
    /// Packages that the cover tool could not read: go may know why.
    failures: Vec<overlay::Failure>,
}

/// Rounds of leaving out packages whose instrumented code does not compile.
const ROUNDS: usize = 4;

impl Build {
    /// Instruments what is to be built. When go can't even list it, the arguments come back, with
    /// what go said.
    fn prepare(
        verb: Verb,
        arguments: Arguments,
        toolchain: Toolchain,
    ) -> Result<Result<Self, (Arguments, String)>, GoError> {
        let user = match &arguments.overlay {
            Some(path) => Overlay::read(path, &toolchain.directory)?,
            None => Overlay::default(),
        };
        let user_path = arguments.overlay.as_ref().map(|path| toolchain.directory.join(path));
        let listed = match packages::list(verb, &arguments, &toolchain, user_path.as_deref())? {
            Ok(listed) => listed,
            Err(message) => return Ok(Err((arguments, message))),
        };
        let selection = packages::select(&listed, &arguments, &toolchain)?;
        let cache = cache::directory();
        let channels = arguments
            .channels
            .then(|| Channels::prepare(verb, &arguments, &toolchain, user_path.as_deref(), &cache))
            .transpose()?;
        if arguments.channels {
            complain_of_old(&selection);
        }
        let instrumenter = Instrumenter {
            toolchain: &toolchain,
            cover: toolchain.cover()?,
            cache: cache.clone(),
            style: Style {
                mode: packages::mode(&arguments),
                flow: arguments.flow,
                pointer: arguments.detector,
                slack: toolchain.slack_words(),
            },
            runtime_paths: toolchain.free_paths(),
            user: &user,
            channels,
            values: arguments.values,
        };
        let (overlays, failures) = instrumenter.run(&selection.packages)?;
        complain(&selection);
        let mut base = user.clone();
        base.replace.extend(instrumenter.runtime()?.replace);
        cache::trim(&cache);
        Ok(Ok(Self { verb, arguments, toolchain, base, overlays, cache, listed, failures }))
    }

    fn build(mut self) -> Result<i32, GoError> {
        let words = self.arguments.rest.clone();
        match self.compile("build", &words)? {
            Ok(output) => pass_on(&output).map(|()| 0),
            Err(code) => Ok(code),
        }
    }

    fn run(mut self, tracer: Tracer<'_>) -> Result<i32, GoError> {
        let main = match packages::roots(&self.listed).as_slice() {
            [root] if root.name == "main" => root.executable_name(&self.arguments.packages),
            _ => return plain(self.verb, &plain_words(&self.arguments)),
        };
        let (flags, _) = self.arguments.rest.split_at(self.arguments.n_flags);
        let flags = arguments::without_exec(flags);
        // One place for each program and way to build it: go then links only what has changed.
        let words = flags.iter().chain(&self.arguments.packages);
        let mut parts: Vec<&[u8]> = words.map(|word| word.as_encoded_bytes()).collect();
        parts.push(self.toolchain.directory.as_os_str().as_encoded_bytes());
        let directory = self.cache.join("run").join(overlay::hex(&parts));
        std::fs::create_dir_all(&directory)?;
        let program = directory.join(main);
        let mut words = vec![OsString::from("-o"), program.clone().into()];
        words.extend(flags);
        words.extend(self.arguments.packages.iter().cloned());
        match self.compile("build", &words)? {
            Ok(output) => pass_on(&output)?,
            Err(code) => return Ok(code),
        }
        let wrapper = self.arguments.exec.as_ref().map(|exec| exec.to_string_lossy());
        let wrapper = toolchain::split_quoted(&wrapper.unwrap_or_default());
        if self.arguments.trace.is_some() && !self.overlays.contains_key(&self.main_path()) {
            eprintln!("coverglass run: no execution trace: package main is not instrumented");
        }
        let trace = self.arguments.trace.take().map(|file| (file, tracer));
        let file = self.channels_file()?;
        let environment = file.clone().map(|path| (CHANNELS, path));
        let (words, directory) = (&self.arguments.program, &self.toolchain.directory);
        let code = program::run(&program, &wrapper, words, directory, environment, trace)?;
        if let Some(complaint) = file.and_then(|path| channels::complaint(&path)) {
            eprintln!("coverglass run: {complaint}");
        }
        Ok(code)
    }

    /// Import path of the package that is run.
    fn main_path(&self) -> String {
        packages::roots(&self.listed).first().map_or(String::new(), |root| root.import_path.clone())
    }

    /// Where the program is to write its channel operations. What is there is removed: programs
    /// never touch a file that they didn't make.
    fn channels_file(&self) -> Result<Option<PathBuf>, GoError> {
        let named = self.arguments.channels_file.as_ref();
        let told = std::env::var_os(CHANNELS).is_some_and(|path| !path.is_empty());
        if !self.arguments.channels || (named.is_none() && told) {
            return Ok(None);
        }
        let file = named.map_or("out.channels".as_ref(), OsString::as_os_str);
        let path = self.toolchain.directory.join(file);
        let refused = GoError::file(path.clone());
        match std::fs::symlink_metadata(&path) {
            // Devices and links are somebody else's.
            Ok(found) if !found.is_file() => Err(refused(std::io::Error::other("it is no file"))),
            Ok(_) => std::fs::remove_file(&path).map_err(refused).map(|()| Some(path)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Some(path)),
            Err(error) => Err(refused(error)),
        }
    }

    /// Compiles and vets first, because what `go test` says then can't be taken back.
    fn test(mut self) -> Result<i32, GoError> {
        let vet = self.arguments.vet.as_ref().map(|vet| vet.to_string_lossy().into_owned());
        let (command, mut words) = match vet.as_deref() {
            Some("off") => ("build", vec!["-o".into(), "/dev/null".into()]),
            Some("all") => ("vet", Vec::new()),
            Some(names) if !names.is_empty() => {
                ("vet", names.split(',').map(|name| format!("-{name}").into()).collect())
            }
            _ => {
                let flags = self.toolchain.test_analyzers();
                ("vet", flags.into_iter().map(OsString::from).collect())
            }
        };
        words.extend(self.arguments.compile.iter().cloned());
        words.extend(self.arguments.packages.iter().cloned());
        let (mut output, mut failed) = self.leave_out_failing(command, &words)?;
        let mut unvetted = None;
        if self.runtime_is_missed(&output) {
            // Vet of Go 1.23 doesn't see files that aren't there, so it sees the user's only.
            let vetted =
                Command::new("go").arg(command).args(self.plain_flags()).args(&words).output();
            unvetted = Some(vetted.map_err(GoError::NoGo)?);
            let mut words: Vec<OsString> = vec!["-o".into(), "/dev/null".into()];
            words.extend(self.arguments.compile.iter().cloned());
            words.extend(self.arguments.packages.iter().cloned());
            (output, failed) = self.leave_out_failing("build", &words)?;
        }
        // Otherwise something fails without us, and go test will say what.
        if output.status.success() {
            self.blame(&failed);
        }
        let mut go = self.go_command("test")?;
        if let Some(path) = self.channels_file()? {
            go.env(CHANNELS, path);
        }
        let mut code = 0;
        if let Some(vetted) = unvetted {
            go.arg("-vet=off");
            code = exit_code(vetted.status);
            pass_on(&vetted)?;
        }
        let status =
            program::attend(go.args(&self.arguments.rest), |_| {}).map_err(GoError::NoGo)?;
        Ok(exit_code(status).max(code))
    }

    /// Whether go failed because it looked for the runtime package on disk.
    fn runtime_is_missed(&self, output: &Output) -> bool {
        let message = String::from_utf8_lossy(&output.stderr);
        let [runtime, ..] = self.toolchain.free_paths();
        !output.status.success() && headers(&message).iter().any(|path| path == runtime)
    }

    /// Runs a go command that compiles, and gives what it printed; or, if the code does not
    /// compile without us either, lets go say so and gives the exit code.
    fn compile(
        &mut self,
        command: &str,
        words: &[OsString],
    ) -> Result<Result<Output, i32>, GoError> {
        let output = self.go(command, words)?;
        if output.status.success() {
            self.blame(&[]);
            return Ok(Ok(output));
        }
        let mut ours = Command::new("go");
        let code = exit_code(
            ours.arg(command)
                .args(self.plain_flags())
                .args(words)
                .stdin(Stdio::null())
                .status()
                .map_err(GoError::NoGo)?,
        );
        if code != 0 {
            return Ok(Err(code));
        }
        let (output, failed) = self.leave_out_failing(command, words)?;
        self.blame(&failed);
        if output.status.success() {
            return Ok(Ok(output));
        }
        let message = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        Err(GoError::Go { command: self.verb.as_str(), message })
    }

    /// Runs a go command that compiles; leaves packages out that fail, until it succeeds or fails
    /// for another reason. The result has the last output, and what failed with which message.
    fn leave_out_failing(
        &mut self,
        command: &str,
        words: &[OsString],
    ) -> Result<(Output, Vec<(String, String)>), GoError> {
        let mut failed = Vec::new();
        let mut output = self.go(command, words)?;
        for _ in 0..ROUNDS {
            if output.status.success() {
                break;
            }
            let message = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            let headers = headers(&message);
            let fails = |package: &String, overlay: &Overlay| {
                // Vet and compiler name the rewritten file; its directory's name is a hash.
                let directory = overlay.replace.values().next().and_then(|path| path.parent());
                let key = directory.and_then(|path| path.file_name()?.to_str());
                headers.contains(package) || key.is_some_and(|key| message.contains(key))
            };
            let packages: Vec<String> = self
                .overlays
                .iter()
                .filter(|(package, overlay)| fails(package, overlay))
                .map(|(package, _)| package.clone())
                .collect();
            if packages.is_empty() {
                break;
            }
            for package in packages {
                self.overlays.remove(&package);
                failed.push((package, message.clone()));
            }
            output = self.go(command, words)?;
        }
        Ok((output, failed))
    }

    /// Says which packages are not instrumented because instrumenting broke them.
    fn blame(&self, failed: &[(String, String)]) {
        for (package, error) in &self.failures {
            eprintln!("coverglass: {package} is not instrumented: {error}");
        }
        for (package, message) in failed {
            let verb = self.verb.as_str();
            eprintln!("coverglass {verb}: {package} is not instrumented, because then:\n{message}");
        }
    }

    /// Runs go with the overlay and catches what it prints.
    fn go(&self, command: &str, words: &[OsString]) -> Result<Output, GoError> {
        let mut go = self.go_command(command)?;
        go.args(words).stdin(Stdio::null()).output().map_err(GoError::NoGo)
    }

    fn go_command(&self, command: &str) -> Result<Command, GoError> {
        let mut whole = self.base.clone();
        for overlay in self.overlays.values() {
            whole.replace.extend(overlay.replace.clone());
        }
        let mut go = self.toolchain.go();
        go.arg(command);
        if let Some(directory) = &self.arguments.chdir {
            go.arg("-C").arg(directory);
        }
        let mut flag = OsString::from("-overlay=");
        flag.push(whole.write(&self.cache)?);
        go.arg(flag);
        if packages::mentions_cover(&self.toolchain) && command != "vet" {
            go.arg("-cover=false");
        }
        Ok(go)
    }

    /// Flags that stand in front of the user's without us.
    fn plain_flags(&self) -> Vec<OsString> {
        let mut flags = Vec::new();
        flags.extend(self.arguments.chdir.iter().flat_map(|path| ["-C".into(), path.clone()]));
        if let Some(overlay) = &self.arguments.overlay {
            flags.extend(["-overlay".into(), overlay.clone().into_os_string()]);
        }
        flags
    }
}

/// Import paths of the packages that go complains about: lines `# path`, `# path [path.test]` and
/// `# [path]`.
fn headers(message: &str) -> Vec<String> {
    let lines = message.lines().filter_map(|line| line.strip_prefix("# "));
    let paths = lines.map(|line| {
        let path = line.split(" [").next().unwrap_or_default();
        let path = path.trim_start_matches('[').trim_end_matches(']');
        path.strip_suffix("_test").unwrap_or(path).to_owned()
    });
    paths.collect()
}

/// Makes room in shared memory where programs run again and again, and nobody ever reads what they
/// counted.
fn sweep() {
    // A folder that isn't there holds nothing, and one that can't be read is not ours to clean.
    if let Ok(swept) = collector::sweep(&collector::directory(), Bound::default())
        && swept.processes > 0
    {
        eprintln!(
            "coverglass: removed the counts of {} programs that ended and that nobody watched \
             ({} MiB); to keep them, have `coverglass serve` running",
            swept.processes,
            swept.bytes.div_ceil(1 << 20)
        );
    }
}

/// Says on one line each what is not instrumented though it was asked for.
fn complain(selection: &Selection) {
    for pattern in &selection.unmatched {
        eprintln!("warning: no packages being built depend on matches for pattern {pattern}");
    }
    let mut reasons: Vec<&str> = selection.refused.iter().map(|(_, why)| *why).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        let refused = selection.refused.iter().filter(|(_, why)| *why == reason);
        let names: Vec<&str> = refused.map(|(name, _)| name.as_str()).collect();
        eprintln!("coverglass: not instrumented ({reason}): {}", names.join(" "));
    }
}

/// Says which packages are in a language too old for records of channel operations.
fn complain_of_old(selection: &Selection) {
    let old = selection.packages.iter().filter(|package| Channels::refuses(package));
    let names: Vec<&str> = old.map(|package| package.path.as_str()).collect();
    if !names.is_empty() {
        let why = "go.mod says that they are older than Go 1.18";
        eprintln!("coverglass: channel operations not recorded ({why}): {}", names.join(" "));
    }
}

/// The user's command line without what is ours.
fn plain_words(arguments: &Arguments) -> Vec<OsString> {
    let mut words = Vec::new();
    words.extend(arguments.chdir.iter().flat_map(|path| ["-C".into(), path.clone()]));
    if let Some(overlay) = &arguments.overlay {
        words.extend(["-overlay".into(), overlay.clone().into_os_string()]);
    }
    words.extend(arguments.rest.iter().cloned());
    words
}

/// Runs the go command as it is.
fn plain(verb: Verb, words: &[OsString]) -> Result<i32, GoError> {
    let mut go = Command::new("go");
    let status =
        program::attend(go.arg(verb.as_str()).args(words), |_| {}).map_err(GoError::NoGo)?;
    Ok(exit_code(status))
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}

/// Prints what a command printed.
fn pass_on(output: &Output) -> Result<(), GoError> {
    std::io::stdout().write_all(&output.stdout).map_err(GoError::file("standard output"))?;
    std::io::stderr().write_all(&output.stderr).map_err(GoError::file("standard error"))
}

fn help(verb: Verb) -> String {
    let name = verb.as_str();
    let arguments = match verb {
        Verb::Build => "[go build flags] [packages]",
        Verb::Run => "[go build flags] [-exec PROGRAM] PACKAGE [arguments...]",
        Verb::Test => "[go test flags] [packages] [flags for the test binary]",
    };
    let (own, trace) = match verb {
        Verb::Run => (
            "[--trace[=FILE]] ",
            "  --trace      send its execution trace to the relay, as it is written: see it at /trace.html\n  \
             --trace=FILE keep it in a file, too\n",
        ),
        Verb::Build | Verb::Test => ("", ""),
    };
    let note = match verb {
        Verb::Test => {
            "\n\nWhere go knows a result already, no test runs and nothing is counted: add -count=1."
        }
        Verb::Run => {
            "\n\n`coverglass run --attach [--url URL] [--token TOKEN] -- PROGRAM [arguments...]` runs a \
             binary\nof plain `go build -cover` instead, and tells the relay what it counts."
        }
        Verb::Build => "",
    };
    let (file, into) = match verb {
        Verb::Build => {
            ("", ", where the program runs with\n               COVERGLASS_CHANNELS=FILE")
        }
        Verb::Run => ("[=FILE]", ", in FILE (out.channels)"),
        Verb::Test => ("[=FILE]", ", in FILE (out.channels; %p: process id)"),
    };
    format!(
        "Usage: coverglass {name} [--flow=on|off] [--push] [--channels{file} [--channels-values]] {own}{arguments}

Does what `go {name}` does, with the same flags, directory, environment and outputs. What it
builds counts its units while it runs, where `coverglass serve` sees them.

  --flow=off   no switches for flow tracing at function entries (default: on)
  --push       link push mode even if the program doesn't use the network
  --channels   also record every operation on a channel{into}
  --channels-values
               with what was sent in words, as %v has it, where it is no plain number
{trace}
Of go's flags, -coverpkg chooses the packages (default: the main module) and -covermode how to
count (set, count or atomic; default: count, atomic with -race).{note}
"
    )
}
