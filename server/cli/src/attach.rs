//! `coverglass attach` and `coverglass run --attach`: programs that were built with plain
//! `go build -cover`, watched from outside.

use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::mpsc;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Parser};
use instrument::collector::Config;
use instrument::collector::attach::{Attached, Attachment, Binary, Launched, test_folder};

use crate::agent::{Outcome, Relay};
use crate::stop::Signs;
use crate::{RelayArgs, complain, variable};

#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    /// Process of a program that was built with `go build -cover` or `go test -cover`
    #[arg(value_name = "PID", required = true)]
    pids: Vec<u32>,
    #[command(flatten)]
    relay: RelayArgs,
    /// Look for sources here too, besides where the program was built; may be repeated
    #[arg(long, value_name = "FOLDER")]
    source: Vec<PathBuf>,
}

/// Runs a program that was built with plain `go build -cover` or `go test -cover -c`, and watches
/// it from outside
#[derive(Debug, Parser)]
#[command(name = "coverglass run --attach", bin_name = "coverglass run --attach")]
struct RunArgs {
    #[command(flatten)]
    relay: RelayArgs,
    /// Look for sources here too, besides where the program was built; may be repeated
    #[arg(long, value_name = "FOLDER")]
    source: Vec<PathBuf>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, num_args = 1..)]
    program: Vec<OsString>,
}

/// `coverglass attach`.
pub(crate) fn attach(args: AttachArgs) -> Result<ExitCode> {
    let host = Config::default().host;
    let attachments: Vec<Attachment> = (1..)
        .zip(&args.pids)
        .map(|(handle, &pid)| Attachment::open(pid, handle, &host, &args.source))
        .collect::<Result<_, _>>()?;
    let names: Vec<String> = attachments
        .iter()
        .zip(&args.pids)
        .map(|(attachment, pid)| format!("{} (process {pid})", attachment.service()))
        .collect();
    let relay = Relay::new(&args.relay, host, format!("watching {} for", names.join(", ")));
    let outcome = crate::serve::runtime()?.block_on(async {
        let stop = Signs::listen()?;
        relay.forward(move || Attached::new(attachments), stop.first()).await
    })?;
    if outcome == Outcome::Untold {
        return Err(anyhow!("it has ended, and there was no relay to tell what it counted"));
    }
    Ok(ExitCode::SUCCESS)
}

/// `coverglass run --attach`; the arguments are those behind `--attach`. The exit code is that of
/// the program.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let first = OsString::from("coverglass run --attach");
    let args = match RunArgs::try_parse_from([&first].into_iter().chain(arguments)) {
        Ok(args) => args,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let _ = error.print();
            return Ok(ExitCode::from(code));
        }
    };
    let Some((program, rest)) = args.program.split_first() else {
        return Err(anyhow!("there is no program to run"));
    };
    let (path, binary) = Binary::find(Path::new(program))?;
    let host = Config::default().host;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let relay = Relay::new(&args.relay, host.clone(), format!("watching {name} for"));
    relay.check()?;

    let words = args.program.iter().take(wire::limits::ARGUMENTS);
    let arguments: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let left = Left::new(&binary, &arguments)?;
    let mut command = Command::new(&path);
    {
        use std::os::unix::process::CommandExt as _;
        command.arg0(program);
    }
    command.args(&left.flag).args(rest);
    if let Some(folder) = &left.variable {
        command.env("GOCOVERDIR", folder);
    }
    let folders = left.folders.clone();
    let (started, attachment) = mpsc::sync_channel(1);
    let run = move || {
        instrument::go::attend(&mut command, |pid| {
            let launched = Launched { pid, binary, path, arguments, folders };
            let _ = started.send(Attachment::launched(launched, 1, &host, &args.source));
        })
    };
    let runner = std::thread::Builder::new().name("program".into());
    let runner = runner.spawn(run).context("cannot start a thread")?;
    // It fails where the program didn't start; the thread knows why.
    if let Ok(attachment) = attachment.recv() {
        let watched = crate::serve::runtime()?.block_on(
            relay.forward(move || Attached::new(vec![attachment]), std::future::pending()),
        );
        match watched {
            Ok(Outcome::Untold) => complain("there was no relay to tell what it counted"),
            Ok(_) => {}
            Err(error) => complain(&format!("{error:#}")),
        }
    }
    let status = runner.join().map_err(|_| anyhow!("the program was lost"))?;
    let status = status.with_context(|| format!("cannot run {}", program.display()))?;
    Ok(exit_code(status))
}

/// As shells have it: the program's own, or 128 and the signal that ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Where a program leaves its last counts: where it is told to already, or a folder of our own,
/// which is removed in the end.
struct Left {
    /// Folders to look into.
    folders: Vec<PathBuf>,
    /// Value for `GOCOVERDIR`, if it has none.
    variable: Option<PathBuf>,
    /// Flag for a test binary: it leaves nothing elsewhere.
    flag: Option<OsString>,
    own: Option<PathBuf>,
}

impl Left {
    fn new(binary: &Binary, arguments: &[String]) -> Result<Self> {
        let given = variable("GOCOVERDIR").map(PathBuf::from);
        let flagged = test_folder(arguments);
        let mut left = Self {
            folders: given.iter().chain(&flagged).cloned().collect(),
            variable: None,
            flag: None,
            own: None,
        };
        let needs_flag = binary.is_test && flagged.is_none();
        if given.is_some() && !needs_flag {
            return Ok(left);
        }
        let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let unique = unique.unwrap_or_default().as_nanos();
        let name = format!("coverglass-run-{}-{unique:x}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        left.own = Some(folder.clone());
        left.folders.push(folder.clone());
        if needs_flag {
            let mut flag = OsString::from("-test.gocoverdir=");
            flag.push(&folder);
            left.flag = Some(flag);
        }
        if given.is_none() {
            left.variable = Some(folder);
        }
        Ok(left)
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        if let Some(folder) = &self.own
            && let Err(error) = std::fs::remove_dir_all(folder)
        {
            complain(&format!("cannot remove {}: {error}", folder.display()));
        }
    }
}
