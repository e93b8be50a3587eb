//! The command line: which flags are ours, which are go's, and what they mean for us.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use coverage::Mode;

use super::{GoError, Verb};

/// Build flags that take a value, in the next argument if not behind `=`.
const VALUED: &str = "C p asmflags buildmode compiler covermode coverpkg gccgoflags gcflags \
     installsuffix ldflags mod modfile o overlay pgo pkgdir tags toolexec debug-actiongraph \
     debug-runtime-trace debug-trace exec";
/// Build flags that don't.
const SWITCHES: &str =
    "a asan buildvcs cover json linkshared modcacherw msan n race trimpath v work x";
/// Flags of `go test` that take a value.
const TEST_VALUED: &str = "bench benchtime blockprofile blockprofilerate count coverprofile cpu \
     cpuprofile fuzz fuzzminimizetime fuzztime list memprofile memprofilerate mutexprofile \
     mutexprofilefraction outputdir parallel run shuffle skip timeout trace vet";
/// Flags of `go test` that don't.
const TEST_SWITCHES: &str = "artifacts benchmem c failfast fullpath i short";
/// Flags that decide which packages and files there are.
const LIST: &str =
    "asan compiler installsuffix linkshared mod modcacherw modfile msan pgo race tags";
/// Flags that decide, with those, how packages are compiled.
const COMPILE: &str = "a asmflags buildmode gccgoflags gcflags p pkgdir toolexec trimpath";

/// A command line, taken apart.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    /// Whether functions get entries where flow can be switched on.
    pub flow: bool,
    /// Whether programs that don't use the network get push mode, too.
    pub push: bool,
    /// Whether channel operations are recorded.
    pub channels: bool,
    /// Whether their values are told in words.
    pub values: bool,
    /// The file for them, of `run` and `test`.
    pub channels_file: Option<OsString>,
    /// Whether the execution trace of what runs is wanted, and in which file besides.
    pub trace: Option<Option<PathBuf>>,
    /// Whether the user asks for help.
    pub help: bool,
    /// Directory to change to first.
    pub chdir: Option<OsString>,
    /// Go's flags, without those that are ours and without `-C`, `-overlay` and `-cover…`, and
    /// everything after them.
    pub rest: Vec<OsString>,
    /// Where in `rest` the packages are.
    pub packages: Vec<OsString>,
    /// Flags for `go list`, out of `rest`.
    pub list: Vec<OsString>,
    /// Flags that decide how packages are compiled, out of `rest`.
    pub compile: Vec<OsString>,
    /// What follows the package of `run`.
    pub program: Vec<OsString>,
    /// How many of `rest` are flags, of `run`.
    pub n_flags: usize,
    /// `-overlay`.
    pub overlay: Option<PathBuf>,
    /// `-covermode`.
    pub mode: Option<Mode>,
    /// `-coverpkg`, empty if it isn't given.
    pub coverpkg: Vec<String>,
    /// `-race`, `-msan` or `-asan`.
    pub detector: bool,
    /// `-race`.
    pub race: bool,
    /// `-trimpath`.
    pub trimpath: bool,
    /// `-exec` of `run`.
    pub exec: Option<OsString>,
    /// `-vet` of `test`.
    pub vet: Option<OsString>,
    /// Whether `test` only compiles or lists (`-c`, `-n`), or `build` only prints.
    pub dry: bool,
}

impl Arguments {
    /// Takes a command line apart. `None`: it has flags that go doesn't know, so go should say so.
    pub(super) fn parse(
        verb: Verb,
        environment: &[String],
        arguments: &[OsString],
    ) -> Result<Option<Self>, GoError> {
        let mut parsed = Self { flow: true, ..Self::default() };
        let mut rest = arguments;
        while let Some((first, after)) = rest.split_first() {
            match first.to_str() {
                Some("--flow" | "--flow=on") => parsed.flow = true,
                Some("--flow=off") => parsed.flow = false,
                Some("--push") => parsed.push = true,
                Some("--channels") => parsed.channels = true,
                Some("--channels-values") => (parsed.channels, parsed.values) = (true, true),
                Some(flag) if flag.starts_with("--channels=") => {
                    let file = &flag["--channels=".len()..];
                    if file.is_empty() || verb == Verb::Build {
                        let why = "a program that is built is told by COVERGLASS_CHANNELS";
                        return Err(GoError::Usage(format!("{flag}: {why}")));
                    }
                    (parsed.channels, parsed.channels_file) = (true, Some(file.into()));
                }
                Some("--trace") if verb == Verb::Run => parsed.trace = Some(None),
                Some(flag) if flag.starts_with("--trace=") && verb == Verb::Run => {
                    let file = flag.split_once('=').map_or("", |(_, file)| file);
                    if file.is_empty() {
                        return Err(GoError::Usage(
                            "--trace=: the name of a file is missing".into(),
                        ));
                    }
                    parsed.trace = Some(Some(file.into()));
                }
                Some("--help" | "-help" | "-h") => parsed.help = true,
                Some(flag) if flag.starts_with("--flow=") => {
                    return Err(GoError::Usage(format!("{flag}: only on and off")));
                }
                _ => break,
            }
            rest = after;
        }
        if parsed.help {
            return Ok(Some(parsed));
        }
        for flag in environment {
            if let Some((name, value)) = split_flag(OsStr::new(flag)) {
                parsed.note(&name, value.as_deref())?;
            }
        }
        let known = match verb {
            Verb::Build => parsed.parse_flags_then_rest(rest)?,
            Verb::Run => parsed.parse_run(rest)?,
            Verb::Test => parsed.parse_test(rest)?,
        };
        Ok(known.then_some(parsed))
    }

    fn parse_flags_then_rest(&mut self, arguments: &[OsString]) -> Result<bool, GoError> {
        let Some(n_flags) = self.take_flags(arguments)? else { return Ok(false) };
        self.n_flags = self.rest.len();
        self.packages = arguments[n_flags..].to_vec();
        self.rest.extend_from_slice(&arguments[n_flags..]);
        Ok(true)
    }

    fn parse_run(&mut self, arguments: &[OsString]) -> Result<bool, GoError> {
        if !self.parse_flags_then_rest(arguments)? {
            return Ok(false);
        }
        let is_file = |argument: &&OsString| argument.to_string_lossy().ends_with(".go");
        let n_files = self.packages.iter().take_while(is_file).count();
        self.program = self.packages.split_off(n_files.max(1).min(self.packages.len()));
        Ok(true)
    }

    /// Takes leading flags; says how many arguments they are, `None` for an unknown flag.
    fn take_flags(&mut self, arguments: &[OsString]) -> Result<Option<usize>, GoError> {
        let mut at = 0;
        while let Some(argument) = arguments.get(at) {
            if argument == "--" {
                return Ok(Some(at + 1));
            }
            let Some((name, value)) = split_flag(argument) else { break };
            match self.take_flag(&name, value, arguments, at, Verb::Build)? {
                Some(taken) => at += taken,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Takes the flag at `at`; says how many arguments it is, `None` if it is unknown.
    fn take_flag(
        &mut self,
        name: &str,
        value: Option<OsString>,
        arguments: &[OsString],
        at: usize,
        verb: Verb,
    ) -> Result<Option<usize>, GoError> {
        let test = verb == Verb::Test;
        let listed = |names: &str| names.split_whitespace().any(|word| word == name);
        let valued = listed(VALUED) || (test && listed(TEST_VALUED));
        let switch = listed(SWITCHES) || (test && listed(TEST_SWITCHES));
        if !valued && !switch {
            return Ok(None);
        }
        let separate = valued && value.is_none();
        let value = if separate { arguments.get(at + 1).cloned() } else { value };
        if valued && value.is_none() {
            return Ok(None);
        }
        let n_arguments = 1 + usize::from(separate);
        self.note(name, value.as_deref())?;
        if !matches!(name, "C" | "overlay" | "cover" | "covermode" | "coverpkg" | "coverprofile") {
            let flag = &arguments[at..at + n_arguments];
            self.rest.extend_from_slice(flag);
            if COMPILE.split_whitespace().chain(LIST.split_whitespace()).any(|word| word == name) {
                self.compile.extend_from_slice(flag);
            }
            if LIST.split_whitespace().any(|word| word == name) {
                self.list.extend_from_slice(flag);
            }
        }
        Ok(Some(n_arguments))
    }

    /// Remembers what a flag means for us.
    fn note(&mut self, name: &str, value: Option<&OsStr>) -> Result<(), GoError> {
        let on =
            value.is_none_or(|value| !matches!(value.to_str(), Some("false" | "0" | "f" | "F")));
        let text = || value.unwrap_or_default().to_string_lossy().into_owned();
        match name {
            "C" => self.chdir = value.map(OsStr::to_owned),
            "overlay" => self.overlay = value.filter(|value| !value.is_empty()).map(PathBuf::from),
            "race" => (self.race, self.detector) = (on, self.detector || on),
            "msan" | "asan" => self.detector |= on,
            "exec" => self.exec = value.map(OsStr::to_owned),
            "vet" => self.vet = value.map(OsStr::to_owned),
            "n" | "c" => self.dry |= on,
            "trimpath" => self.trimpath = on,
            "covermode" => {
                let word = text();
                let unknown =
                    || GoError::Usage(format!("-covermode {word}: only set, count and atomic"));
                self.mode = Some(Mode::from_word(&word).ok_or_else(unknown)?);
            }
            "coverpkg" => {
                self.coverpkg = text()
                    .split(',')
                    .map(|pattern| pattern.trim().to_owned())
                    .filter(|pattern| !pattern.is_empty())
                    .collect();
            }
            "coverprofile" => {
                let file = text();
                return Err(GoError::Usage(format!(
                    "-coverprofile is for go test itself; run the tests without it, then \
                     `coverglass profile -o {file}`"
                )));
            }
            _ => {}
        }
        Ok(())
    }

    /// As go test does it: flags of the test binary may be mixed with go's, packages stand together.
    fn parse_test(&mut self, arguments: &[OsString]) -> Result<bool, GoError> {
        let (mut at, mut in_packages, mut packages_done, mut after_bare_flag) =
            (0, false, false, false);
        while let Some(argument) = arguments.get(at) {
            if argument == "--" {
                break;
            }
            let was_after_bare_flag = std::mem::take(&mut after_bare_flag);
            let Some((name, value)) = split_flag(argument) else {
                if !in_packages && packages_done {
                    // A value of a flag of the test binary, or a first argument for it.
                    if !was_after_bare_flag {
                        break;
                    }
                } else {
                    (in_packages, packages_done) = (true, true);
                    self.packages.push(argument.clone());
                }
                self.rest.push(argument.clone());
                at += 1;
                continue;
            };
            in_packages = false;
            let name = name.strip_prefix("test.").unwrap_or(&name).to_owned();
            let bare = value.is_none();
            if let Some(taken) = self.take_flag(&name, value, arguments, at, Verb::Test)? {
                at += taken;
                continue;
            }
            packages_done = true;
            if name == "args" {
                break;
            }
            after_bare_flag = bare;
            self.rest.push(argument.clone());
            at += 1;
        }
        self.rest.extend_from_slice(&arguments[at..]);
        Ok(true)
    }
}

/// Flags of `run` without `-exec`, which `go build` doesn't have.
pub(super) fn without_exec(flags: &[OsString]) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut rest = flags.iter();
    while let Some(flag) = rest.next() {
        match split_flag(flag) {
            Some((name, None)) if name == "exec" => drop(rest.next()),
            Some((name, Some(_))) if name == "exec" => {}
            _ => kept.push(flag.clone()),
        }
    }
    kept
}

/// Name and value of a flag, with one or two dashes; `None` for anything else.
fn split_flag(argument: &OsStr) -> Option<(String, Option<OsString>)> {
    let bytes = argument.as_encoded_bytes();
    let flag = bytes.strip_prefix(b"--").or_else(|| bytes.strip_prefix(b"-"))?;
    if flag.is_empty() || flag.starts_with(b"-") || flag.starts_with(b"=") {
        return None;
    }
    let length = flag.iter().position(|&byte| byte == b'=').unwrap_or(flag.len());
    let name = String::from_utf8_lossy(&flag[..length]).into_owned();
    // A flag is ASCII up to its `=`, so what follows is whole characters, too.
    let text = argument.to_str().map(|text| &text[text.len() - (flag.len() - length)..]);
    let value = (length < flag.len()).then(|| match text {
        Some(text) => OsString::from(&text[1..]),
        None => OsString::from(String::from_utf8_lossy(&flag[length + 1..]).into_owned()),
    });
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(verb: Verb, line: &str) -> Arguments {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Arguments::parse(verb, &[], &arguments).unwrap().unwrap()
    }

    fn joined(words: &[OsString]) -> String {
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn values_in_words_are_asked_for_by_a_flag_of_their_own() {
        let parsed = parse(Verb::Run, "--channels-values --channels=x.channels -trimpath ./p");
        assert!(parsed.channels && parsed.values && parsed.trimpath);
        assert_eq!(parsed.channels_file, Some("x.channels".into()));
        let parsed = parse(Verb::Build, "--channels -trimpath=false ./p");
        assert!(parsed.channels && !parsed.values && !parsed.trimpath);
    }

    #[test]
    fn build_keeps_gos_flags_and_takes_its_own() {
        let parsed = parse(
            Verb::Build,
            "--flow=off -C sub -o ./x -cover -covermode=set -coverpkg ./...,net/... -tags a,b -race . ./cmd",
        );
        assert!(!parsed.flow && parsed.race && parsed.detector);
        assert_eq!(joined(&parsed.rest), "-o ./x -tags a,b -race . ./cmd");
        assert_eq!(joined(&parsed.packages), ". ./cmd");
        assert_eq!(joined(&parsed.list), "-tags a,b -race");
        assert_eq!(parsed.chdir, Some("sub".into()));
        assert_eq!(parsed.coverpkg, ["./...", "net/..."]);
        assert_eq!(parsed.mode, Some(Mode::Set));
    }

    #[test]
    fn run_splits_files_package_and_program() {
        let parsed = parse(Verb::Run, "-race a.go b.go -v c.go");
        assert_eq!(joined(&parsed.packages), "a.go b.go");
        assert_eq!(joined(&parsed.program), "-v c.go");
        let parsed = parse(Verb::Run, ". x.go");
        assert_eq!(
            (joined(&parsed.packages), joined(&parsed.program)),
            (".".into(), "x.go".into())
        );
    }

    #[test]
    fn test_mixes_flags_and_packages_as_go_does() {
        let parsed = parse(Verb::Test, "-v ./a ./b -run X -my value -count=1 -args ./c -race");
        assert_eq!(joined(&parsed.packages), "./a ./b");
        assert_eq!(joined(&parsed.rest), "-v ./a ./b -run X -my value -count=1 -args ./c -race");
        assert!(!parsed.race);
        assert!(parse(Verb::Test, "-unknown ./a").packages.is_empty());
    }

    #[test]
    fn an_unknown_flag_is_left_to_go() {
        assert!(Arguments::parse(Verb::Build, &[], &["-nope".into()]).unwrap().is_none());
    }

    #[test]
    fn environment_flags_count() {
        let flags = ["-race".to_owned(), "-coverpkg=std".to_owned()];
        let parsed = Arguments::parse(Verb::Build, &flags, &[]).unwrap().unwrap();
        assert!(parsed.race);
        assert_eq!(parsed.coverpkg, ["std"]);
    }
}
