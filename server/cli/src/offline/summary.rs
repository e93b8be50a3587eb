//! `summary` of files: covered and total, by package, file, function or context.

use std::path::PathBuf;
use std::process::ExitCode;

use algebra::contexts::shares;
use anyhow::Result;
use clap::{Args, ValueEnum};
use coverage::{Fraction, FunctionIdx, Metrics, Profile, Tree, UnitKind};
use serde_json::{Map, Value, json};

use super::grid::Grid;
use super::{Inputs, SelectArgs};

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum By {
    /// Packages
    #[default]
    Package,
    /// Files
    File,
    /// Functions
    Function,
    /// Contexts, such as tests: what ran in each
    Context,
}

#[derive(Debug, Args)]
pub(crate) struct OfflineArgs {
    /// Files and folders with coverage data, merged; without any, the relay is asked
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// What a row is; for inputs
    #[arg(long, value_name = "WHAT", default_value = "package")]
    by: By,
    /// End with 1 if less than this share of statements (or lines) is covered, in percent; for inputs
    #[arg(long, value_name = "PERCENT")]
    fail_under: Option<f64>,
    /// Print comma-separated values; for inputs
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print a table of Markdown; for inputs
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    markdown: bool,
    #[command(flatten)]
    select: SelectArgs,
}

/// `coverglass summary INPUT…`.
pub(crate) fn summary(args: &OfflineArgs, json: bool) -> Result<ExitCode> {
    let inputs = Inputs::open(&args.inputs, &args.select)?;
    let formats = inputs.formats();
    let mut profile = inputs.united(&args.select)?;
    if args.by == By::Function {
        profile = args.select.name_functions(&profile);
    }
    let metrics = All::of(&profile);
    let (name, total) = metrics.total.headline();
    if json {
        crate::print_json(&to_json(&profile, &metrics, &formats.join("+")))?;
    } else {
        let grid = grid(&profile, &metrics, args.by);
        crate::print(&match (args.csv, args.markdown) {
            (true, _) => grid.csv(),
            (_, true) => grid.markdown(),
            _ => grid.text(),
        })?;
    }
    if let (Some(least), Some(percent)) = (args.fail_under, total.percent())
        && percent < least
    {
        crate::complain(&format!("{percent:.1}% of {name} are covered, less than {least}%"));
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

/// The metrics of every level.
struct All {
    total: Metrics,
    packages: Vec<Metrics>,
    files: Vec<Metrics>,
}

impl All {
    fn of(profile: &Profile) -> Self {
        let files = Metrics::by_file(profile);
        let packages = Metrics::by_package(profile, &files);
        let mut total = Metrics::default();
        files.iter().for_each(|&file| total += file);
        Self { total, packages, files }
    }
}

/// The metrics of each row, sorted, and of the whole: all that are carried, but of Go's blocks
/// only statements, and of functions what they consist of.
fn grid(profile: &Profile, metrics: &All, by: By) -> Grid {
    let shape = profile.shape();
    let headline = metrics.total.headline().0;
    let is_go = shape.unit_kinds().all(|kind| kind == UnitKind::Block);
    let names = match by {
        By::Function | By::Context => vec![headline],
        _ if is_go => vec![headline],
        _ => carried(&metrics.total),
    };
    let shares = |metrics: &Metrics| names.iter().map(|name| metrics.named(name)).collect();
    let mut rows: Vec<(String, Vec<Fraction>)> = match by {
        By::Package => {
            let names = shape.packages().iter().map(|row| row.path.clone());
            names.zip(metrics.packages.iter().map(shares)).collect()
        }
        By::File => {
            let names = shape.files().iter().map(|row| row.path.to_string());
            names.zip(metrics.files.iter().map(shares)).collect()
        }
        By::Function => functions(profile),
        By::Context => contexts(profile),
    };
    if by != By::Function {
        rows.sort_by(|a, b| a.0.cmp(&b.0));
    }
    rows.push(("total".to_owned(), shares(&metrics.total)));
    Grid { metrics: names, rows }
}

/// Functions by file and line, each with its statements, or with itself where only it is counted.
fn functions(profile: &Profile) -> Vec<(String, Vec<Fraction>)> {
    let shape = profile.shape();
    let tree = Tree::of(shape, profile.counts());
    let functions = (0u32..).map(FunctionIdx).zip(shape.functions());
    let mut rows: Vec<_> = functions
        .filter(|(_, row)| !row.name.is_empty())
        .map(|(function, row)| {
            let file = &shape.file(row.file).path;
            let first = shape.units_of(function).next().map(|unit| shape.unit(unit).span);
            let line = row.span.or(first).map_or(0, |span| span.start.line);
            let entered = u64::from(profile.function_hit(function));
            let share = match tree.function(function).statements {
                none if none.total == 0 && row.counted => Fraction { covered: entered, total: 1 },
                statements => statements,
            };
            (file, line, &row.name, share)
        })
        .collect();
    rows.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
    let rows = rows.into_iter();
    rows.map(|(file, line, name, share)| (format!("{file}:{line}: {name}"), vec![share])).collect()
}

/// Contexts, each with the lines or statements that it ran.
fn contexts(profile: &Profile) -> Vec<(String, Vec<Fraction>)> {
    let names = profile.contexts().iter().map(|context| context.name.clone());
    names.zip(shares(profile).into_iter().map(|share| vec![share])).collect()
}

/// Names of the metrics that the whole has anything of: what it has nothing of, its format does
/// not carry.
fn carried(total: &Metrics) -> Vec<&'static str> {
    let all = total.all().into_iter().filter(|(_, share)| share.total > 0);
    let names: Vec<_> = all.map(|(name, _)| name).collect();
    if names.is_empty() { vec![total.headline().0] } else { names }
}

fn to_json(profile: &Profile, metrics: &All, format: &str) -> Value {
    let shape = profile.shape();
    let carried = carried(&metrics.total);
    let numbers = |metrics: &Metrics| -> Map<String, Value> {
        let all = metrics.all().into_iter().filter(|(name, _)| carried.contains(name));
        all.map(|(name, f)| (name.to_owned(), json!({"covered": f.covered, "total": f.total})))
            .collect()
    };
    let row = |(path, metrics): (&str, &Metrics)| {
        let mut row = numbers(metrics);
        row.insert("path".into(), path.into());
        Value::Object(row)
    };
    let rows = |mut rows: Vec<(&str, &Metrics)>| {
        rows.sort_by_key(|(path, _)| *path);
        rows.into_iter().map(row).collect::<Vec<_>>()
    };
    let packages = shape.packages().iter().map(|package| package.path.as_str());
    let files = shape.files().iter().map(|file| file.path.as_str());
    json!({
        "format": format,
        "mode": profile.mode().as_str(),
        "packages": rows(packages.zip(&metrics.packages).collect()),
        "files": rows(files.zip(&metrics.files).collect()),
        "total": numbers(&metrics.total),
    })
}
