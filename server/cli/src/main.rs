//! The command line: arguments to calls.

mod agent;
mod attach;
mod client;
mod covdata;
mod cover;
mod demo;
mod embedded;
mod go;
mod livetrace;
mod log;
mod offline;
mod port;
mod pprof;
mod serve;
mod sources;
mod stop;
mod trace;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use instrument::go::Verb;

use attach::AttachArgs;
use offline::combine::{self, CombineArgs};
use offline::patch::{self, PatchArgs};
use offline::report::{self, ReportArgs};
use offline::summary::{self, OfflineArgs};
use trace::TraceCommand;

/// Where a relay is, if nobody says otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:7777";

#[derive(Debug, Parser)]
#[command(
    name = "coverglass",
    bin_name = "coverglass",
    version,
    about = "Watch the lines of a running Go program light up.",
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "Start with `coverglass demo`, or `coverglass serve` and, elsewhere, \
                  `coverglass run .`\nExit codes: 0 fine, 1 the answer is no, 2 could not do it."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the page, and show what runs on this machine
    Serve(ServeArgs),
    /// Serve the page with a Go program worth watching
    Demo(DemoArgs),
    /// Watch this machine's programs for a relay elsewhere
    Agent(AgentArgs),
    /// Watch programs that were built with plain `go build -cover`
    Attach(AttachArgs),
    /// As `go build`, instrumented
    #[command(disable_help_flag = true)]
    Build(GoArgs),
    /// As `go run`, instrumented; with --attach, run and watch a -cover binary
    #[command(disable_help_flag = true)]
    Run(GoArgs),
    /// As `go test`, instrumented
    #[command(disable_help_flag = true)]
    Test(GoArgs),
    /// Write the coverage so far as a Go profile
    Profile(ProfileArgs),
    /// Print how much is covered: of the relay's programs, or of files
    Summary(SummaryArgs),
    /// Let all counts start again from 0
    ///
    /// The relay subtracts what was counted so far; the programs go on counting. It remembers that
    /// for as long as it runs: after a restart, counts are those since the programs started.
    Reset(ResetArgs),
    /// Add up what files and folders hold
    Merge(CombineArgs),
    /// Of the first input, what the others did not hit
    Subtract(CombineArgs),
    /// Of the first input, what all others hit too
    Intersect(CombineArgs),
    /// Write what an input holds in another format
    Convert(CombineArgs),
    /// Coverage of the lines that a diff changes
    Patch(PatchArgs),
    /// Write the page with what inputs hold, and the sources, as one file to be opened from disk
    Report(ReportArgs),
    /// What goroutines did, and who woke whom: of a Go execution trace
    #[command(subcommand)]
    Trace(TraceCommand),
    /// As `go tool covdata`, without Go
    #[command(disable_help_flag = true)]
    Covdata(GoArgs),
    /// As `go tool cover` with -func and -html, without Go
    #[command(disable_help_flag = true)]
    Cover(GoArgs),
}

#[derive(Debug, Args)]
struct ListenArgs {
    /// Address and port; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_LISTEN)]
    listen: String,
    /// What requests must carry; needed, and made up if not given, unless the address is loopback
    /// [env: COVERGLASS_TOKEN]
    #[arg(long)]
    token: Option<String>,
    /// Answer to this name too; may be repeated
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    listen: ListenArgs,
    /// Do not watch this machine; agents may still connect
    #[arg(long)]
    no_collector: bool,
    /// Show the execution trace of a program that has net/http/pprof, such as
    /// api=http://127.0.0.1:6060; may be repeated
    #[arg(long, value_name = "NAME=URL")]
    pprof: Vec<pprof::Source>,
}

#[derive(Debug, Args)]
struct DemoArgs {
    #[command(flatten)]
    listen: ListenArgs,
    /// Play the recorded session even where there is Go
    #[arg(long, conflicts_with = "record")]
    recorded: bool,
    /// Record a session to this file and end
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// How long to record
    #[arg(long, value_name = "N", default_value_t = 60, requires = "record")]
    seconds: u64,
}

#[derive(Debug, Args)]
struct AgentArgs {
    #[command(flatten)]
    relay: RelayArgs,
    /// Look for sources here too, besides what builds on this machine left; may be repeated
    #[arg(long, value_name = "FOLDER")]
    source: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct GoArgs {
    /// Everything that go takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
struct RelayArgs {
    /// The relay [default: http://127.0.0.1:7777] [env: COVERGLASS_URL]
    #[arg(long)]
    url: Option<String>,
    /// Its token, if it has one [env: COVERGLASS_TOKEN]
    #[arg(long)]
    token: Option<String>,
}

#[derive(Debug, Args)]
struct ScopeArgs {
    /// Only this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only this build; `all` for every build, instead of the newest of each service
    #[arg(long, value_name = "ID")]
    build: Option<String>,
    /// Only this process
    #[arg(long, value_name = "HANDLE")]
    process: Option<u32>,
}

#[derive(Debug, Args)]
struct ProfileArgs {
    /// Write to this file instead of standard output
    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    relay: RelayArgs,
    #[command(flatten)]
    scope: ScopeArgs,
}

#[derive(Debug, Args)]
struct SummaryArgs {
    #[command(flatten)]
    offline: OfflineArgs,
    /// Print JSON, with files
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    relay: RelayArgs,
    #[command(flatten)]
    scope: ScopeArgs,
}

#[derive(Debug, Args)]
struct ResetArgs {
    #[command(flatten)]
    relay: RelayArgs,
    /// Only this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only this process
    #[arg(long, value_name = "HANDLE")]
    process: Option<u32>,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let nothing_asked = clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
            if error.kind() == nothing_asked || !error.use_stderr() {
                let printed = print(&error.to_string());
                return if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
            }
            let _ = error.print();
            return ExitCode::from(2);
        }
    };
    log::start();
    let result = match cli.command {
        Command::Serve(args) => serve::serve(args),
        Command::Demo(args) => demo::demo(args),
        Command::Agent(args) => agent::agent(args),
        Command::Build(args) => return go::command(Verb::Build, &args.arguments),
        Command::Attach(args) => attach::attach(args),
        Command::Run(args) if args.arguments.first().is_some_and(|first| first == "--attach") => {
            attach::run(args.arguments.get(1..).unwrap_or_default())
        }
        Command::Run(args) => return go::command(Verb::Run, &args.arguments),
        Command::Test(args) => return go::command(Verb::Test, &args.arguments),
        Command::Profile(args) => client::profile(args),
        Command::Summary(args) if !args.offline.inputs.is_empty() => {
            summary::summary(&args.offline, args.json)
        }
        Command::Summary(args) => client::summary(args),
        Command::Reset(args) => client::reset(args),
        Command::Merge(args) | Command::Convert(args) => combine::merge(args),
        Command::Subtract(args) => combine::subtract(args),
        Command::Intersect(args) => combine::intersect(args),
        Command::Patch(args) => patch::patch(args),
        Command::Report(args) => report::report(&args),
        Command::Trace(command) => trace::trace(&command),
        Command::Covdata(args) => return covdata::command(&args.arguments),
        Command::Cover(args) => return cover::command(&args.arguments),
    };
    result.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::from(2)
    })
}

/// One sentence on standard error.
fn complain(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "coverglass: {sentence}");
}

/// A result on standard output. A reader that has gone away is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

/// JSON on standard output, laid out for people where one looks.
fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    use std::io::IsTerminal as _;
    let text = match std::io::stdout().is_terminal() {
        true => serde_json::to_string_pretty(value)?,
        false => value.to_string(),
    };
    print(&format!("{text}\n"))
}

/// Names, shares and numbers in columns.
fn table(rows: &[(String, coverage::Fraction)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let row = |(name, fraction): &(String, coverage::Fraction)| {
        let percent = fraction.percent();
        let percent = percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1}%"));
        let coverage::Fraction { covered, total } = fraction;
        format!("{name:width$}  {percent:>6}  {covered}/{total}\n")
    };
    rows.iter().map(row).collect()
}

/// An environment variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
