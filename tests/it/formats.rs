//! What every format has to keep, found by looking.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use coverage::{Metrics, Profile, dump};
use formats::{FORMATS, Format, Outcome, Reading};
use tests::repository;

/// A fixture: a file, or a folder whose files are read together.
struct Fixture {
    format: &'static Format,
    name: String,
    files: Vec<(String, Vec<u8>)>,
}

fn read_file(path: &PathBuf) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fixtures of all formats: `tests/fixtures/FORMAT/CASE`, with the expected dump beside it.
fn fixtures() -> Vec<Fixture> {
    let mut found = Vec::new();
    for &format in FORMATS {
        let folder = repository().join("tests/fixtures").join(format.id);
        let entries = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{} has no fixtures: {error}", format.id));
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| entry.expect("it can be listed").path()).collect();
        paths.sort();
        let mut n_cases = 0;
        for path in paths {
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            if name.ends_with(".dump") || name == "README.md" {
                continue;
            }
            let mut files = Vec::new();
            if path.is_dir() {
                for entry in fs::read_dir(&path).expect("it can be listed") {
                    let path = entry.expect("it can be listed").path();
                    let file = path.file_name().expect("it has a name").to_string_lossy();
                    files.push((format!("{name}/{file}"), read_file(&path)));
                }
                files.sort();
            } else {
                files.push((name.clone(), read_file(&path)));
            }
            found.push(Fixture { format, name, files });
            n_cases += 1;
        }
        assert!(n_cases > 0, "{} has no fixture", format.id);
    }
    found
}

fn read(files: &[(String, Vec<u8>)]) -> Outcome {
    let mut reading = Reading::default();
    for (name, bytes) in files {
        reading.add(name, bytes);
    }
    reading.finish()
}

/// The dump of everything that was read, one profile after the other.
fn dumped(outcome: &Outcome) -> String {
    outcome.opened.iter().map(|opened| dump::write(&opened.profile)).collect()
}

#[test]
fn fixtures_read_as_their_dumps_say() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    for Fixture { format, name, files } in fixtures() {
        let outcome = read(&files);
        assert!(outcome.failures.is_empty(), "{name}: {:?}", outcome.failures);
        assert!(!outcome.opened.is_empty(), "{name}: nothing was read");
        for opened in &outcome.opened {
            assert_eq!(opened.format.id, format.id, "{name} was taken for something else");
            let (metric, total) = Metrics::of(&opened.profile).headline();
            assert!(total.covered > 0, "{name}: no {metric} are covered");
        }
        let path = repository().join("tests/fixtures").join(format.id).join(format!("{name}.dump"));
        let found = dumped(&outcome);
        if update {
            fs::write(&path, &found).expect("the dump can be written");
        }
        let expected = fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; UPDATE_FIXTURES=1 makes it", path.display())
        });
        assert!(found == expected, "{name}: what was read is not what {} says", path.display());
    }
}

#[test]
fn counters_may_come_before_their_meta_data() {
    for Fixture { name, mut files, .. } in fixtures() {
        let expected = dumped(&read(&files));
        files.reverse();
        assert_eq!(dumped(&read(&files)), expected, "{name}");
    }
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused_or_less() {
    for Fixture { name, files, .. } in fixtures() {
        for cut in 0..files.len() {
            let length = files[cut].1.len();
            // Every length of a small file, a thousand of a large one.
            for length in (0..length).step_by(length.div_ceil(1_000).max(1)) {
                let mut files = files.clone();
                files[cut].1.truncate(length);
                let outcome = read(&files);
                for (file, error) in &outcome.failures {
                    assert!(!error.to_string().is_empty(), "{name}: {file} without a reason");
                }
            }
        }
    }
}

#[test]
fn what_is_written_reads_back_in_every_format() {
    for Fixture { name, files, .. } in fixtures() {
        for opened in read(&files).opened {
            for format in FORMATS {
                let Some(write) = format.write else { continue };
                let written = |profile: &Profile| {
                    let files = (write.files)(&algebra::units_for(profile, write.blocks));
                    let again = read(&files);
                    assert!(
                        again.failures.is_empty(),
                        "{name} as {}: {:?}",
                        format.id,
                        again.failures
                    );
                    let [again] = <[_; 1]>::try_from(again.opened).unwrap_or_else(|opened| {
                        panic!("{name} as {}: {} profiles", format.id, opened.len())
                    });
                    assert_eq!(again.format.id, format.id, "{name} was taken for something else");
                    again.profile
                };
                let profile = algebra::units_for(&opened.profile, write.blocks);
                let once = written(&profile);
                let (before, after) = (Metrics::of(&profile), Metrics::of(&once));
                for metric in write.keeps {
                    // What has no place for lines has them as blocks, and the other way round.
                    let (metric, same) = match *metric {
                        "statements" if before.statements.total == 0 => ("statements", "lines"),
                        metric => (metric, metric),
                    };
                    let (before, after) = (before.named(same), after.named(metric));
                    assert_eq!(after, before, "{metric} of {name} as {}", format.id);
                }
                let twice = written(&once);
                assert_eq!(dump::write(&twice), dump::write(&once), "{name} as {}", format.id);
            }
        }
    }
}

#[test]
fn ids_and_names_are_unique() {
    let mut ids: Vec<_> = FORMATS.iter().map(|format| format.id).collect();
    let mut names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
    ids.sort_unstable();
    ids.dedup();
    names.sort_unstable();
    names.dedup();
    assert_eq!((ids.len(), names.len()), (FORMATS.len(), FORMATS.len()));
}

#[test]
fn the_readme_lists_every_format() {
    let mut table = String::from("| format | `--to` | read | written |\n|---|---|---|---|\n");
    for format in FORMATS {
        let written = if format.write.is_some() { "yes" } else { "no" };
        let _ = writeln!(table, "| {} | `{}` | yes | {written} |", format.name, format.id);
    }
    let readme = fs::read_to_string(repository().join("README.md")).expect("there is a README");
    assert!(readme.contains(&table), "README.md should have this table:\n{table}");
}

/// Go's tools tell packages apart by import path alone and mix these two up, as `coverglass
/// covdata` does after them. A profile has them apart, and merging keeps both.
#[test]
fn two_packages_of_one_import_path_keep_their_counts() {
    let package = |name: &str, file: &str, lines: &[u32]| {
        let mut writer = formats::go_write::PackageWriter::new("ex.com/p", name, "ex.com");
        let span = |line: u32| coverage::Span::new(line, 1, line, 9);
        let units = |line: u32| formats::go_meta::MetaUnit { span: span(line), statements: 1 };
        writer.function("F", file, false, lines.iter().map(|&line| units(line)));
        writer.finish().0
    };
    let blobs = [package("p", "ex.com/p/a.go", &[1, 2]), package("q", "ex.com/p/b.go", &[1, 2, 3])];
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let stated = formats::go_meta::Stated { mode: 2, granularity: 1 };
    let meta = formats::go_write::meta_file(&blobs, stated, [7; 16]);
    let launch = formats::go_counters::Launch::default();
    let mut counters = formats::go_write::CounterWriter::new([7; 16], &launch);
    counters.record(0, 0, &[5, 0]);
    counters.record(1, 0, &[0, 6, 7]);
    let mut pod = formats::go_cov::Pod::new(&meta).expect("it is whole");
    assert_eq!(pod.add(&counters.finish()), Ok(1));
    let profile = pod.profile();
    assert_eq!(profile.counts(), [5, 0, 0, 6, 7]);
    let other = coverage::dump::parse(
        "mode count\npackage ex.com/p p ex.com\nfile ex.com/p/a.go\nfunction F\n2.1,2.9 1 4\n",
    );
    let merged = algebra::merge(&[&profile, &other.expect("the dump is right")]);
    let text = formats::go_text::write(&merged);
    let wanted = "mode: count\nex.com/p/a.go:1.1,1.9 1 5\nex.com/p/a.go:2.1,2.9 1 4\n\
                  ex.com/p/b.go:1.1,1.9 1 0\nex.com/p/b.go:2.1,2.9 1 6\n\
                  ex.com/p/b.go:3.1,3.9 1 7\n";
    assert_eq!(text, wanted);
}
