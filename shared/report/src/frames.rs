//! A profile as a relay would send it to a page.

use std::collections::BTreeMap;

use algebra::Origin;
use coverage::{Package, Profile, UnitIdx};
use formats::go_source;
use wire::frame::{Counts, Frame as _, PackageCounts, Process, State};
use wire::{RelayToViewer, SourceId, Table, TableId, VERSION};

use crate::{Modules, ReportError};

/// The clock of a report: a day after anything in it happened, so that nothing is news.
const NOW_MS: u64 = 86_400_000;

/// The only process.
const HANDLE: u32 = 1;

/// The messages that show a profile, as one.
pub(crate) fn encode(
    profile: &Profile,
    title: &str,
    modules: Modules<'_>,
    texts: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<u8>, ReportError> {
    let details = crate::shown::details(profile, HANDLE);
    let profile = &crate::shown::units(profile);
    let profile = &algebra::with_functions(profile, |path| {
        let text = texts.get(path.as_str()).map(|text| String::from_utf8_lossy(text));
        go_source::named_extents(&text.unwrap_or_default())
    });
    let mut message = Vec::new();
    let release = env!("CARGO_PKG_VERSION").to_owned();
    RelayToViewer::Welcome { version: VERSION, relay: 1, now_ms: NOW_MS, release }
        .encode(&mut message);
    let process = Process { handle: HANDLE, service: title.to_owned(), ..Process::default() };
    RelayToViewer::Process(process).encode(&mut message);
    let mut ids = Vec::new();
    let mut packages = Vec::new();
    for (package, (table, counts)) in (0..).zip(tables(profile, modules, texts)) {
        let bytes = table.encode();
        Table::decode(&bytes)
            .map_err(|source| ReportError::Package { package: table.package, source })?;
        ids.push(TableId::of(&bytes));
        RelayToViewer::Table(bytes).encode(&mut message);
        let hit = (0u32..).zip(counts).filter(|(_, count)| *count > 0);
        let (units, counts) = hit.unzip();
        packages.push(PackageCounts { package, units, counts, ages_ms: Vec::new() });
    }
    RelayToViewer::Packages { handle: HANDLE, tables: ids }.encode(&mut message);
    RelayToViewer::Counts(Counts { handle: HANDLE, at_ms: 0, packages }).encode(&mut message);
    details.into_iter().for_each(|it| RelayToViewer::Details(it).encode(&mut message));
    let state = State::Ended;
    RelayToViewer::State { handle: HANDLE, at_ms: 0, state }.encode(&mut message);
    RelayToViewer::decode(&message).map_err(ReportError::Profile)?;
    Ok(message)
}

/// Every package with its counts, in the order of the units of its table.
fn tables(
    profile: &Profile,
    modules: Modules<'_>,
    texts: &BTreeMap<String, Vec<u8>>,
) -> Vec<(Table, Vec<u64>)> {
    let shape = profile.shape();
    let main = algebra::main_modules(shape);
    // Without a module, a package would be shown as one of the language's own.
    let is_homeless = |package: &&Package| {
        package.module.is_empty()
            && modules(&package.path).is_none()
            && algebra::origin(package, &main) != Origin::Std
    };
    let homeless = shape.packages().iter().filter(is_homeless);
    let common = crate::common(homeless.map(|package| package.path.as_str()));
    let mut tables = Table::of_shape(shape, profile.mode());
    for (package, (table, _)) in shape.packages().iter().zip(&mut tables) {
        let known = Some(package.module.as_str()).filter(|module| !module.is_empty());
        let module = known.or_else(|| modules(&package.path));
        let origin = algebra::origin(package, &main);
        let otherwise = match origin {
            Origin::Std => "",
            _ if common.is_empty() => &package.path,
            _ => common,
        };
        table.module = module.unwrap_or(otherwise).to_owned();
        table.origin = match origin {
            Origin::Main => wire::table::Origin::Main,
            Origin::Dependency => wire::table::Origin::Dependency,
            Origin::Std => wire::table::Origin::Std,
        };
        for file in &mut table.files {
            file.source =
                texts.get(&file.path).map_or(SourceId::UNKNOWN, |text| SourceId::of(text));
        }
    }
    let counts = |places: Vec<u32>| places.into_iter().map(UnitIdx).map(|unit| profile.count(unit));
    tables.into_iter().map(|(table, places)| (table, counts(places).collect())).collect()
}
