//! `coverglass build`, `run` and `test` against the real Go: same counts, same messages, same
//! behaviour.

mod builds;
mod memory;
mod messages;
mod surroundings;
mod truth;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tests::{Scratch, has_go};

/// Whether the test can't run for lack of Go. On CI that is a failure, elsewhere it is said aloud.
fn without_go(test: &str) -> bool {
    if has_go() {
        return false;
    }
    assert!(std::env::var("CI").is_err(), "{test} needs Go, and there is none");
    eprintln!("SKIPPED {test}: it needs Go, and there is none");
    true
}

/// A module made from text, with a cache and a folder for shared memory of its own.
struct Module {
    scratch: Scratch,
}

impl Module {
    /// Writes files: each begins after a line `-- path --`.
    fn new(name: &str, files: &str) -> Self {
        let module = Self { scratch: Scratch::new(name) };
        module.scratch.folder("memory");
        module.write(files);
        module
    }

    fn write(&self, files: &str) {
        for file in files.split("\n-- ").flat_map(|part| part.strip_prefix("-- ").or(Some(part))) {
            let Some((path, text)) = file.split_once(" --\n") else { continue };
            let path = self.root().join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&path)).expect("a folder can be made");
            std::fs::write(path, format!("{text}\n")).expect("a file can be written");
        }
    }

    fn root(&self) -> PathBuf {
        self.scratch.folder("module")
    }

    /// A coverglass command in a folder of the module.
    fn coverglass(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(tests::coverglass());
        command.args(arguments).current_dir(self.root().join(folder));
        self.surround(&mut command);
        command
    }

    /// The go command in a folder of the module.
    fn go(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("go");
        command.args(arguments).current_dir(self.root().join(folder));
        self.surround(&mut command);
        command
    }

    /// A program of this module, so that counts are the same in every run: goroutines switch only
    /// where they wait, never between reading and writing a counter, and no pool is emptied.
    fn program(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        command.current_dir(self.root());
        command.env("GOMAXPROCS", "1").env("GODEBUG", "asyncpreemptoff=1").env("GOGC", "off");
        self.surround(&mut command);
        command
    }

    fn surround(&self, command: &mut Command) {
        command
            .env("COVERGLASS_CACHE", self.scratch.join("cache"))
            .env("COVERGLASS_DIR", self.scratch.join("memory"))
            .env_remove("GOFLAGS")
            .env_remove("COVERGLASS_URL");
    }

    /// What the processes so far counted; forgets them.
    fn counts(&self) -> tests::oracle::Counts {
        memory::take(&self.scratch.join("memory"))
    }
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
