//! A profile as a relay would send it to a page.

use std::collections::BTreeMap;

use algebra::Origin;
use anyhow::{Context, Result};
use coverage::{FunctionIdx, Package, Position, Profile};
use formats::go_source::{self, FunctionExtent};
use wire::frame::{Counts, Frame as _, PackageCounts, Process, State};
use wire::table::{TableFile, TableFunction, TableUnit};
use wire::{RelayToViewer, SourceId, Table, TableId, VERSION};

use crate::sources::Sources;

/// The clock of a report: a day after anything in it happened, so that nothing is news.
const NOW_MS: u64 = 86_400_000;

/// The only process.
const HANDLE: u32 = 1;

/// The messages that show a profile, as one.
pub(super) fn encode(
    profile: &Profile,
    title: &str,
    sources: &Sources,
    texts: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<u8>> {
    let mut message = Vec::new();
    let release = env!("CARGO_PKG_VERSION").to_owned();
    RelayToViewer::Welcome { version: VERSION, relay: 1, now_ms: NOW_MS, release }
        .encode(&mut message);
    let process = Process { handle: HANDLE, service: title.to_owned(), ..Process::default() };
    RelayToViewer::Process(process).encode(&mut message);
    let mut ids = Vec::new();
    let mut packages = Vec::new();
    for (package, (table, counts)) in (0..).zip(tables(profile, sources, texts)) {
        let bytes = table.encode();
        Table::decode(&bytes)
            .with_context(|| format!("package {} does not fit into a report", table.package))?;
        ids.push(TableId::of(&bytes));
        RelayToViewer::Table(bytes).encode(&mut message);
        let hit = (0u32..).zip(counts).filter(|(_, count)| *count > 0);
        let (units, counts) = hit.unzip();
        packages.push(PackageCounts { package, units, counts, ages_ms: Vec::new() });
    }
    RelayToViewer::Packages { handle: HANDLE, tables: ids }.encode(&mut message);
    RelayToViewer::Counts(Counts { handle: HANDLE, at_ms: 0, packages }).encode(&mut message);
    let state = State::Ended;
    RelayToViewer::State { handle: HANDLE, at_ms: 0, state }.encode(&mut message);
    RelayToViewer::decode(&message).context("the profile does not fit into a report")?;
    Ok(message)
}

/// Every package with its counts, in the order of the units of its table.
fn tables(
    profile: &Profile,
    sources: &Sources,
    texts: &BTreeMap<String, Vec<u8>>,
) -> Vec<(Table, Vec<u64>)> {
    let shape = profile.shape();
    let main = algebra::main_modules(shape);
    // Without a module, a package would be shown as one of the language's own.
    let is_homeless = |package: &&Package| {
        package.module.is_empty()
            && sources.module_of(&package.path).is_none()
            && algebra::origin(package, &main) != Origin::Std
    };
    let homeless = shape.packages().iter().filter(is_homeless);
    let common = super::common(homeless.map(|package| package.path.as_str()));
    let mut tables: Vec<(Table, Vec<u64>)> = shape
        .packages()
        .iter()
        .map(|package| {
            let known = Some(package.module.as_str()).filter(|module| !module.is_empty());
            let module = known.or_else(|| sources.module_of(&package.path));
            let origin = algebra::origin(package, &main);
            let otherwise = match origin {
                Origin::Std => "",
                _ if common.is_empty() => &package.path,
                _ => common,
            };
            let table = Table {
                package: package.path.clone(),
                name: package.name.clone(),
                module: module.unwrap_or(otherwise).to_owned(),
                mode: profile.mode(),
                origin: match origin {
                    Origin::Main => wire::table::Origin::Main,
                    Origin::Dependency => wire::table::Origin::Dependency,
                    Origin::Std => wire::table::Origin::Std,
                },
                ..Table::default()
            };
            (table, Vec::new())
        })
        .collect();
    let mut file_rows = Vec::with_capacity(shape.files().len());
    for file in shape.files() {
        let name = file.path.as_str();
        let source = texts.get(name).map_or(SourceId::UNKNOWN, |text| SourceId::of(text));
        let files = &mut tables[file.package.index()].0.files;
        file_rows.push(u32::try_from(files.len()).unwrap_or(u32::MAX));
        files.push(TableFile { path: name.to_owned(), source });
    }
    for (function_idx, function) in (0..).map(FunctionIdx).zip(shape.functions()) {
        let file = shape.file(function.file);
        let (table, table_counts) = &mut tables[file.package.index()];
        let mut units: Vec<(TableUnit, u64)> = shape
            .units_of(function_idx)
            .map(|unit_idx| {
                let unit = shape.unit(unit_idx);
                let table_unit = TableUnit { span: unit.span, statements: unit.statements };
                (table_unit, profile.count(unit_idx))
            })
            .collect();
        let text = texts.get(file.path.as_str()).filter(|_| function.name.is_empty());
        let extents = text.map(|text| go_source::functions(&String::from_utf8_lossy(text)));
        let extents = extents.unwrap_or_default();
        if !extents.is_empty() {
            units.sort_by_key(|(unit, _)| unit.span.start);
        }
        let owner = |(unit, _): &(TableUnit, u64)| owner(&extents, unit.span.start);
        let mut rest = &units[..];
        loop {
            let own = rest.first().map(owner);
            let n_units = rest.iter().take_while(|unit| Some(owner(unit)) == own).count();
            let (now, later) = rest.split_at(n_units);
            let name = own.flatten().map_or(function.name.clone(), full_name);
            table.functions.push(TableFunction {
                name,
                file: file_rows[function.file.index()],
                literal: function.literal,
                units: now.iter().map(|(unit, _)| *unit).collect(),
            });
            table_counts.extend(now.iter().map(|(_, count)| count));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
    }
    tables
}

/// The function around a place. Functions are in the order of the text.
fn owner(extents: &[FunctionExtent], at: Position) -> Option<&FunctionExtent> {
    let n_before = extents.partition_point(|extent| extent.span.start <= at);
    extents[..n_before].last().filter(|extent| at < extent.span.end)
}

/// As Go's meta-data writes it.
fn full_name(function: &FunctionExtent) -> String {
    let FunctionExtent { name, receiver, .. } = function;
    if receiver.is_empty() { name.clone() } else { format!("{receiver}.{name}") }
}
