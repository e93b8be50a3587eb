//! Reads the shared-memory files of ended processes, with nothing but the layout.

use std::path::{Path, PathBuf};

use tests::oracle::Counts;
use wire::Table;

/// Files of processes in a folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("the folder is there").flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("coverglass."))
    };
    let mut files: Vec<PathBuf> = entries.filter(named).collect();
    files.sort();
    files
}

/// The counts of all processes in a folder, added; removes their files.
pub(super) fn take(folder: &Path) -> Counts {
    let mut counts = Counts::new();
    for file in files(folder) {
        for (table, words) in packages(&file) {
            assert_eq!(table.n_units(), words.len(), "{}", table.package);
            let units = table.functions.iter().flat_map(|function| {
                let path = &table.files[function.file as usize].path;
                function
                    .units
                    .iter()
                    .map(move |unit| format!("{path}:{} {}", unit.span, unit.statements))
            });
            for (unit, count) in units.zip(words) {
                *counts.entry(unit).or_default() += count;
            }
        }
        std::fs::remove_file(file).expect("the file can be removed");
    }
    counts
}

/// Each package of a process: its table, and its counters.
pub(super) fn packages(file: &Path) -> Vec<(Table, Vec<u64>)> {
    let bytes = std::fs::read(file).expect("the file can be read");
    let u32_at = |at: usize| usize::try_from(number(&bytes[at..at + 4])).expect("it fits");
    let u64_at = |at: usize| number(&bytes[at..at + 8]);
    assert_eq!(&bytes[..8], b"CGLIVE1\0");
    assert_eq!(u32_at(8), 1, "layout version");
    assert_eq!(u32_at(52), 0, "packages that could not be mapped");
    let (page, n_packages) = (u32_at(12), u32_at(48));
    let mut packages = Vec::new();
    let mut at = page.max(4096);
    for _ in 0..n_packages {
        let length = usize::try_from(u64_at(at)).expect("it fits");
        let table = &bytes[at + 64..at + 64 + u32_at(at + 32)];
        assert_eq!(&bytes[at + 40..at + 56], wire::TableId::of(table).0, "table id");
        let table = Table::decode(table).expect("the table can be read");
        let (first, n_counters) =
            (usize::try_from(u64_at(at + 8)).expect("it fits"), u32_at(at + 16));
        assert!(
            length.is_multiple_of(page) && first >= at && first + 8 * n_counters <= at + length
        );
        assert_eq!(u32_at(at + 20), table.entries.len(), "entries");
        assert_eq!(u64_at(at + 24), (first + 8 * n_counters) as u64, "modes follow the counters");
        packages.push((table, (0..n_counters).map(|i| u64_at(first + 8 * i)).collect()));
        at += length;
    }
    assert_eq!(u64_at(40), at as u64, "bytes in use");
    packages
}

/// The little-endian number that these bytes are.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
