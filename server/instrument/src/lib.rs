//! Builds, runs and reads instrumented Go programs.

pub mod cache;
pub mod collector;
pub mod go;

/// The table of the first package of Go's meta-data: files in the order in which it first names
/// them, without their sources.
fn table_of(meta: &formats::go_meta::Meta<'_>, mode: coverage::Mode) -> wire::Table {
    let mut builder = coverage::ShapeBuilder::default();
    meta.add_to(&mut builder);
    let tables = wire::Table::of_shape(&builder.build(), mode);
    tables.into_iter().next().map(|(table, _)| table).unwrap_or_default()
}
