//! `summary` of files: covered and total, by package, file or function.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use coverage::{FileIdx, Fraction, FunctionIdx, PackageIdx, Profile, Totals, Tree};
use serde_json::{Map, Value, json};

use super::{SelectArgs, open};

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
    /// End with 1 if less than this share of statements is covered, in percent; for inputs
    #[arg(long, value_name = "PERCENT")]
    fail_under: Option<f64>,
    #[command(flatten)]
    select: SelectArgs,
}

/// `coverglass summary INPUT…`.
pub(crate) fn summary(args: &OfflineArgs, json: bool) -> Result<ExitCode> {
    let mut formats = Vec::new();
    let mut profiles = Vec::with_capacity(args.inputs.len());
    for path in &args.inputs {
        let input = open(path)?;
        formats.extend(input.formats);
        profiles.push(input.profile);
    }
    formats.sort_unstable();
    formats.dedup();
    let profile = super::merged(profiles);
    let mut profile = args.select.apply(profile)?;
    if args.by == By::Function {
        profile = args.select.name_functions(&profile);
    }
    let tree = Tree::of(profile.shape(), profile.counts());
    if json {
        crate::print_json(&to_json(&profile, &tree, &formats.join("+")))?;
    } else {
        crate::print(&crate::table(&rows(&profile, &tree, args.by)))?;
    }
    let statements = tree.total.statements;
    if let (Some(least), Some(percent)) = (args.fail_under, statements.percent())
        && percent < least
    {
        crate::complain(&format!("{percent:.1}% of statements are covered, less than {least}%"));
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

/// Name and statements of each row, sorted, and of the whole.
fn rows(profile: &Profile, tree: &Tree, by: By) -> Vec<(String, Fraction)> {
    let shape = profile.shape();
    let mut rows: Vec<(String, u32, Fraction)> = match by {
        By::Package => (0u32..)
            .zip(shape.packages())
            .map(|(i, row)| (row.path.clone(), 0, tree.package(PackageIdx(i)).statements))
            .collect(),
        By::File => (0u32..)
            .zip(shape.files())
            .map(|(i, row)| (row.path.to_string(), 0, tree.file(FileIdx(i)).statements))
            .collect(),
        By::Function => (0u32..)
            .zip(shape.functions())
            .filter(|(_, row)| !row.name.is_empty())
            .map(|(i, row)| {
                let file = &shape.file(row.file).path;
                let line = shape.unit_spans().get(row.units.start as usize);
                let line = line.filter(|_| !row.units.is_empty()).map_or(0, |span| span.start.line);
                let name = format!("{file}:{line}: {}", row.name);
                (format!("{file}\0{name}"), line, tree.function(FunctionIdx(i)).statements)
            })
            .collect(),
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
    rows.push(("total".to_owned(), tree.total.statements));
    rows
}

/// Every metric that the profile has, as numbers.
fn metrics(totals: &Totals, functions: bool) -> Map<String, Value> {
    let fraction = |f: Fraction| json!({"covered": f.covered, "total": f.total});
    let mut metrics = Map::new();
    metrics.insert("statements".into(), fraction(totals.statements));
    if functions {
        metrics.insert("functions".into(), fraction(totals.functions));
    }
    metrics
}

fn to_json(profile: &Profile, tree: &Tree, format: &str) -> Value {
    let shape = profile.shape();
    // Units of which no function is known belong to one without a name.
    let functions = shape.functions().iter().any(|function| !function.name.is_empty());
    let row = |(path, totals): (&str, &Totals)| {
        let mut row = metrics(totals, functions);
        row.insert("path".into(), path.into());
        Value::Object(row)
    };
    let rows = |mut rows: Vec<(&str, &Totals)>| {
        rows.sort_by_key(|(path, _)| *path);
        rows.into_iter().map(row).collect::<Vec<_>>()
    };
    let packages = shape.packages().iter().map(|package| package.path.as_str());
    let files = shape.files().iter().map(|file| file.path.as_str());
    json!({
        "format": format,
        "mode": profile.mode().as_str(),
        "packages": rows(packages.zip(&tree.packages).collect()),
        "files": rows(files.zip(&tree.files).collect()),
        "total": metrics(&tree.total, functions),
    })
}
