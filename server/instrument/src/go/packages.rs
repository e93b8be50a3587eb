//! Which packages a build has, and which of them are instrumented.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use coverage::Mode;
use serde::Deserialize;
use wire::table::Origin;

use super::arguments::Arguments;
use super::pattern::Pattern;
use super::toolchain::Toolchain;
use super::{GoError, Verb};

/// A package as `go list` prints it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub(super) struct Listed {
    /// Directory with its sources.
    pub dir: PathBuf,
    /// Import path, with ` [x.test]` behind it where it was compiled anew for a test.
    pub import_path: String,
    /// Name in the package clause.
    pub name: String,
    /// Import path of the package whose test this is compiled for.
    for_test: String,
    /// Whether only other packages ask for it.
    dep_only: bool,
    /// Whether it is of the standard library.
    standard: bool,
    module: Option<Module>,
    go_files: Vec<PathBuf>,
    cgo_files: Vec<PathBuf>,
    test_go_files: Vec<PathBuf>,
    imports: Vec<String>,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Module {
    path: String,
    main: bool,
    go_version: String,
}

/// A package that is to be instrumented.
#[derive(Debug, Clone)]
pub(super) struct Package {
    /// Import path.
    pub path: String,
    /// Name in the package clause.
    pub name: String,
    /// Module path; empty for std.
    pub module: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Directory with its sources.
    pub directory: PathBuf,
    /// Sources to instrument, in the compiler's order.
    pub files: Vec<PathBuf>,
    /// Sources of its internal tests: not instrumented, but of the same package.
    pub test_files: Vec<PathBuf>,
    /// Whether it is a list of files: profiles then name them by their absolute paths.
    pub local: bool,
    /// Import paths of what it imports.
    pub imports: Vec<String>,
    /// Version of the language that its module is in; empty if that is the toolchain's.
    pub go_version: String,
    /// Whether push mode is linked here: the program uses the network anyway, or asked for it.
    pub push: bool,
    /// Whether the execution trace is linked here.
    pub trace: bool,
}

/// What a build consists of.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Packages to instrument, by import path.
    pub packages: Vec<Package>,
    /// Import paths of packages that were asked for and can't be instrumented, and why.
    pub refused: Vec<(String, &'static str)>,
    /// Patterns of `-coverpkg` that match no package of the build.
    pub unmatched: Vec<String>,
}

const IN_MODULE_CACHE: &str = "go does not replace files of downloaded modules; vendor them";
const RUNTIME: &str = "the counters need it themselves";

/// The packages of the build, or what go said against listing them. A package that has errors is
/// listed all the same: go will say so when it builds, if it matters.
pub(super) fn list(
    verb: Verb,
    arguments: &Arguments,
    toolchain: &Toolchain,
    user_overlay: Option<&Path>,
) -> Result<Result<Vec<Listed>, String>, GoError> {
    const FIELDS: &str = "-json=Dir,ImportPath,Name,ForTest,DepOnly,Standard,Module,GoFiles,\
                          CgoFiles,TestGoFiles,Imports,Error";
    let mut words: Vec<OsString> = vec!["list".into()];
    words.extend(arguments.chdir.iter().flat_map(|path| ["-C".into(), path.clone()]));
    words.extend(["-e", "-deps", "-buildvcs=false", FIELDS].map(OsString::from));
    if verb == Verb::Test {
        words.push("-test".into());
    }
    if mentions_cover(toolchain) {
        words.push("-cover=false".into());
    }
    words.extend(user_overlay.map(|path| {
        let mut flag = OsString::from("-overlay=");
        flag.push(path);
        flag
    }));
    words.extend(arguments.list.iter().cloned());
    words.push("--".into());
    words.extend(arguments.packages.iter().cloned());
    let output = toolchain.output(words)?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()));
    }
    let mut listed = Vec::new();
    for package in serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Listed>() {
        let package = package.map_err(|source| GoError::Json { what: "go list".into(), source })?;
        listed.push(package);
    }
    Ok(Ok(listed))
}

/// Whether `GOFLAGS` switches go's own coverage on.
pub(super) fn mentions_cover(toolchain: &Toolchain) -> bool {
    let name = |flag: &String| flag.trim_start_matches('-').starts_with("cover");
    toolchain.flags.iter().any(name)
}

/// Chooses what is instrumented: what `-coverpkg` matches, else the main modules and what is
/// named on the command line, as `go build -cover` does.
pub(super) fn select(
    listed: &[Listed],
    arguments: &Arguments,
    toolchain: &Toolchain,
) -> Result<Selection, GoError> {
    let patterns: Vec<Pattern> = arguments
        .coverpkg
        .iter()
        .map(|pattern| Pattern::new(pattern, &toolchain.directory))
        .collect();
    let mut unmatched: BTreeSet<&str> = arguments.coverpkg.iter().map(String::as_str).collect();
    let mut selection = Selection::default();
    let mut chosen: BTreeMap<PathBuf, Package> = BTreeMap::new();
    let mut runtime_packages = None;
    let network = importers_of(listed, "net");
    let uses_network = |package: &Listed| network.contains(package.path());
    for package in listed {
        let path = package.path();
        if package.error.is_some() || package.is_test_binary() {
            continue;
        }
        let files = package.files();
        let main = package.module.as_ref().is_some_and(|module| module.main);
        let wanted = if patterns.is_empty() {
            // A package's own tests don't make it a package of the command line twice.
            main || (!package.dep_only && package.for_test.is_empty())
        } else {
            let mut wanted = false;
            for (pattern, text) in patterns.iter().zip(&arguments.coverpkg) {
                if pattern.matches(path, &package.dir, package.standard, main) {
                    unmatched.remove(text.as_str());
                    wanted = true;
                }
            }
            wanted
        };
        if !wanted || files.is_empty() || path == "unsafe" {
            continue;
        }
        let mut refuse = |why| {
            let entry = (path.to_owned(), why);
            if !selection.refused.contains(&entry) {
                selection.refused.push(entry);
            }
        };
        if package.standard {
            let runtime = match &mut runtime_packages {
                Some(runtime) => runtime,
                none => none.insert(runtime_dependencies(toolchain)?),
            };
            if runtime.contains(path) || path.starts_with("runtime/") {
                // Patterns such as `all` don't ask for the runtime by name.
                if arguments.coverpkg.iter().any(|pattern| pattern == path) {
                    refuse(RUNTIME);
                }
                continue;
            }
        }
        if !package.standard && package.dir.starts_with(&toolchain.module_cache) {
            refuse(IN_MODULE_CACHE);
            continue;
        }
        let new = || Package {
            path: path.to_owned(),
            name: package.name.clone(),
            module: package.module.as_ref().map(|module| module.path.clone()).unwrap_or_default(),
            origin: match (package.standard, main) {
                (_, true) => Origin::Main,
                (true, _) => Origin::Std,
                (false, false) if path == "command-line-arguments" => Origin::Main,
                _ => Origin::Dependency,
            },
            directory: package.dir.clone(),
            files,
            test_files: Vec::new(),
            local: path == "command-line-arguments",
            imports: package.imports.clone(),
            go_version: package.module.as_ref().map_or(String::new(), |m| m.go_version.clone()),
            push: package.name == "main" && (arguments.push || uses_network(package)),
            trace: package.name == "main" && arguments.trace.is_some(),
        };
        let entry = chosen.entry(package.dir.join(path)).or_insert_with(new);
        for file in &package.test_go_files {
            let file = package.dir.join(file);
            if !entry.test_files.contains(&file) {
                entry.test_files.push(file);
            }
        }
    }
    selection.unmatched = unmatched.into_iter().map(str::to_owned).collect();
    selection.packages = chosen.into_values().collect();
    Ok(selection)
}

/// The mode of the build: what is asked for, else as go does it.
pub(super) fn mode(arguments: &Arguments) -> Mode {
    let usual = if arguments.race { Mode::Atomic } else { Mode::Count };
    arguments.mode.unwrap_or(usual)
}

/// Import paths of all packages that need this one, directly or not. A package is listed behind
/// what it imports.
fn importers_of<'a>(listed: &'a [Listed], path: &'a str) -> BTreeSet<&'a str> {
    let mut importers = BTreeSet::from([path]);
    for package in listed {
        if package.imports.iter().any(|import| importers.contains(without_variant(import))) {
            importers.insert(package.path());
        }
    }
    importers
}

/// What the runtime package stands on: nothing of it can be instrumented.
fn runtime_dependencies(toolchain: &Toolchain) -> Result<BTreeSet<String>, GoError> {
    let roots = ["runtime", "sync", "sync/atomic", "syscall", "internal/runtime/exithook"];
    let words = ["list", "-deps", "-e"].into_iter().chain(roots).map(OsString::from);
    let output = toolchain.output(words)?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}

/// Packages that are named on the command line.
pub(super) fn roots(listed: &[Listed]) -> Vec<&Listed> {
    listed.iter().filter(|package| !package.dep_only && package.for_test.is_empty()).collect()
}

impl Listed {
    /// Name that go gives to the program, when these are the arguments that name its package.
    pub(super) fn executable_name(&self, arguments: &[OsString]) -> String {
        if self.path() == "command-line-arguments" {
            let first = arguments.first().map(Path::new).and_then(Path::file_stem);
            return first.unwrap_or_default().to_string_lossy().into_owned();
        }
        let mut elements = self.path().rsplit('/');
        let last = elements.next().unwrap_or_default();
        // `x/v2` is version 2 of x.
        let version = last.strip_prefix('v').is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        elements.next().filter(|_| version).unwrap_or(last).to_owned()
    }

    /// Import path without what says that it is a variant.
    fn path(&self) -> &str {
        without_variant(&self.import_path)
    }

    /// Whether this is the `main` that go writes for a test, or an external test package.
    fn is_test_binary(&self) -> bool {
        let tests_only = self.go_files.iter().all(|file| is_test(file));
        let generated =
            self.go_files.iter().any(|file| file.is_absolute() && file.ends_with("_testmain.go"));
        generated || (tests_only && self.cgo_files.is_empty())
    }

    /// Sources to instrument, in the compiler's order.
    fn files(&self) -> Vec<PathBuf> {
        let sources = self.go_files.iter().chain(&self.cgo_files).filter(|file| !is_test(file));
        sources.map(|file| self.dir.join(file)).collect()
    }
}

/// `x`, of `x [y.test]`.
fn without_variant(path: &str) -> &str {
    path.split(" [").next().unwrap_or_default()
}

fn is_test(file: &Path) -> bool {
    file.to_string_lossy().ends_with("_test.go")
}
