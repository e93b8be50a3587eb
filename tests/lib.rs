//! What the integration tests and the benches share: where things are, scratch folders, the
//! binary under test, and Go's own answer to compare with.
//!
//! Everything here panics where it can't do its work: that fails the test that asked.

pub mod forge;
pub mod hostile;
pub mod oracle;
pub mod served;
pub mod torn;
pub mod traces;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

/// The folder of a Go program below `tests/programs`.
pub fn program(name: &str) -> PathBuf {
    repository().join("tests/programs").join(name)
}

/// A folder of its own, removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder, with `name` in its name.
    pub fn new(name: &str) -> Self {
        Self::inside(&std::env::temp_dir(), name)
    }

    /// The same in memory where that is possible, as the folder of shared memory is: a disk that
    /// is busy makes writers wait for seconds.
    pub fn in_memory(name: &str) -> Self {
        let shared = Path::new("/dev/shm");
        if shared.is_dir() { Self::inside(shared, name) } else { Self::new(name) }
    }

    fn inside(base: &Path, name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = base.join(format!("coverglass-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a scratch folder can be created");
        Self(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path inside of it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// A folder inside of it, created if need be.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.join(name);
        std::fs::create_dir_all(&folder).expect("a folder can be created in a scratch folder");
        folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The `coverglass` binary: the one that `COVERGLASS_BIN` names, or else that of this checkout,
/// built once for each test run in the profile of the test.
pub fn coverglass() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(binary) = std::env::var_os("COVERGLASS_BIN") {
            return PathBuf::from(binary);
        }
        let test = std::env::current_exe().expect("the test binary has a path");
        // target/<profile>/deps/it-<hash>
        let folder = test.ancestors().nth(2).expect("the test binary lies in target/").to_owned();
        let mut build = Command::new(option_env!("CARGO").unwrap_or("cargo"));
        build.args(["build", "--quiet", "--package", "cli"]).current_dir(repository());
        if folder.file_name() == Some(OsStr::new("release")) {
            build.arg("--release");
        }
        output(&mut build);
        folder.join(format!("coverglass{}", std::env::consts::EXE_SUFFIX))
    })
}

/// Whether there is a Go toolchain that is new enough.
pub fn has_go() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        Command::new("go").arg("version").output().is_ok_and(|output| output.status.success())
    })
}

/// Runs a command to its end; it must succeed.
pub fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// How long anything is waited for. It only turns a hang into a failure that says what was awaited,
/// so it is generous: a machine that has much else to do is no failure.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `ready` gives something.
pub fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
