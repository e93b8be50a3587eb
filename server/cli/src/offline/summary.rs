//! `summary` of files: covered and total, by package, file or function.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use coverage::{Fraction, FunctionIdx, Metrics, Profile, Tree};
use serde_json::{Map, Value, json};

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
        crate::print(&crate::table(&rows(&profile, &metrics, name, args.by)))?;
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

/// Name and the metric of this name of each row, sorted, and of the whole.
fn rows(profile: &Profile, metrics: &All, metric: &str, by: By) -> Vec<(String, Fraction)> {
    let shape = profile.shape();
    let mut rows: Vec<(String, u32, Fraction)> = match by {
        By::Package => shape
            .packages()
            .iter()
            .zip(&metrics.packages)
            .map(|(row, metrics)| (row.path.clone(), 0, metrics.named(metric)))
            .collect(),
        By::File => shape
            .files()
            .iter()
            .zip(&metrics.files)
            .map(|(row, metrics)| (row.path.to_string(), 0, metrics.named(metric)))
            .collect(),
        By::Function => {
            let tree = Tree::of(shape, profile.counts());
            let functions = (0u32..).map(FunctionIdx).zip(shape.functions());
            functions
                .filter(|(_, row)| !row.name.is_empty())
                .map(|(function, row)| {
                    let file = &shape.file(row.file).path;
                    let first = shape.units_of(function).next().map(|unit| shape.unit(unit).span);
                    let line = row.span.or(first).map_or(0, |span| span.start.line);
                    let name = format!("{file}:{line}: {}", row.name);
                    let entered = u64::from(profile.function_hit(function));
                    let fraction = match tree.function(function).statements {
                        // Only the function itself is counted.
                        none if none.total == 0 && row.counted => {
                            Fraction { covered: entered, total: 1 }
                        }
                        statements => statements,
                    };
                    (format!("{file}\0{name}"), line, fraction)
                })
                .collect()
        }
    };
    // Functions of a file by their line, not by its digits.
    let file = |name: &str| name.split('\0').next().unwrap_or_default().to_owned();
    rows.sort_by(|a, b| (file(&a.0), a.1, &a.0).cmp(&(file(&b.0), b.1, &b.0)));
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|(name, _, fraction)| {
            (name.rsplit('\0').next().unwrap_or_default().to_owned(), fraction)
        })
        .collect();
    rows.push(("total".to_owned(), metrics.total.named(metric)));
    rows
}

fn to_json(profile: &Profile, metrics: &All, format: &str) -> Value {
    let shape = profile.shape();
    // What the profile has nothing of, its format does not carry.
    let mut carried: Vec<&str> = metrics
        .total
        .all()
        .into_iter()
        .filter(|(_, f)| f.total > 0)
        .map(|(name, _)| name)
        .collect();
    if carried.is_empty() {
        carried.push(metrics.total.headline().0);
    }
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
