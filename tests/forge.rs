//! Forges the files that an instrumented program shares with the collector, byte by byte, without
//! a program: `server/instrument/src/collector/layout.rs` draws them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use coverage::{Mode, Span};
use wire::Table;
use wire::table::{SourceId, TableFile, TableFunction, TableUnit};

/// Page size of forged targets.
pub const PAGE: u64 = 4096;

/// The file of a process, as its target writes it.
#[derive(Debug)]
pub struct Target {
    /// Where it is.
    pub path: PathBuf,
    /// Its regions.
    pub regions: Vec<Region>,
    file: File,
    end: u64,
}

/// Where things are in a region.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    /// Its start.
    pub start: u64,
    /// Its counter 0.
    pub counters_at: u64,
    /// Its mode word 0.
    pub modes_at: u64,
}

impl Target {
    /// The file of process `pid`, made now, with these arguments.
    pub fn new(folder: &Path, pid: u32, arguments: &[&str]) -> Self {
        let boot = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds: f64 = boot.split(' ').next().and_then(|s| s.parse().ok()).unwrap_or(0.0);
        // The clock of /proc/uptime ticks every 10 ms.
        Self::made_at(folder, pid, arguments, now_ns(), (seconds * 1e9) as u64 + 20_000_000)
    }

    /// The same with times of its own: Unix time and time since boot, in nanoseconds.
    pub fn made_at(
        folder: &Path,
        pid: u32,
        arguments: &[&str],
        created_ns: u64,
        boot_ns: u64,
    ) -> Self {
        let uid = std::fs::metadata(folder).expect("the folder is there").uid();
        let path = folder.join(format!("coverglass.{uid}.{pid}.{created_ns:x}"));
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path).expect("a target's file can be made");
        file.set_len(PAGE).expect("it can grow");
        let mut target = Self { path, regions: Vec::new(), file, end: PAGE };
        target.put_u32(8, 1);
        target.put_u32(12, PAGE as u32);
        target.put_u64(16, u64::from(pid));
        target.put_u64(24, created_ns);
        target.put_u64(32, boot_ns);
        target.put_u64(40, PAGE);
        target.put(88, b"go1.26.8");
        let text: String = arguments.iter().flat_map(|argument| [argument, "\0"]).collect();
        target.put_u32(60, text.len() as u32);
        target.put(128, text.as_bytes());
        target.put(0, b"CGLIVE1\0");
        target.regions.clear();
        target
    }

    /// Name of the file.
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).expect("it has a name")
    }

    /// Registers a package: its region, then the number of packages. Its counters start in the
    /// middle of a page, as they do in real programs.
    pub fn register(&mut self, table: &Table) -> Region {
        let region = self.write_region(table);
        self.put_u64(40, self.end);
        self.put_u32(48, self.regions.len() as u32);
        region
    }

    /// Writes a region without saying that it is there.
    pub fn write_region(&mut self, table: &Table) -> Region {
        let bytes = table.encode();
        let start = self.end;
        let counters_at = start + (64 + bytes.len() as u64).next_multiple_of(PAGE) + 48;
        let modes_at = counters_at + 8 * table.n_units() as u64;
        self.end = (modes_at + 8 * table.entries.len() as u64).next_multiple_of(PAGE);
        self.file.set_len(self.end).expect("it can grow");
        self.put_u64(start, self.end - start);
        self.put_u64(start + 8, counters_at);
        self.put_u32(start + 16, table.n_units() as u32);
        self.put_u32(start + 20, table.entries.len() as u32);
        self.put_u64(start + 24, modes_at);
        self.put_u32(start + 32, bytes.len() as u32);
        self.put(start + 40, &wire::TableId::of(&bytes).0);
        self.put(start + 64, &bytes);
        let region = Region { start, counters_at, modes_at };
        self.regions.push(region);
        region
    }

    /// Sets a counter.
    pub fn count(&self, package: usize, unit: u64, count: u64) {
        self.put_u64(self.regions[package].counters_at + 8 * unit, count);
    }

    /// The mode words of a package.
    pub fn modes(&self, package: usize, n: u64) -> Vec<u64> {
        let modes_at = self.regions[package].modes_at;
        (0..n).map(|entry| self.u64_at(modes_at + 8 * entry)).collect()
    }

    /// Overwrites bytes.
    pub fn put(&self, offset: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, offset).expect("the file can be written");
    }

    /// Overwrites a `u32`.
    pub fn put_u32(&self, offset: u64, value: u32) {
        self.put(offset, &value.to_le_bytes());
    }

    /// Overwrites a `u64`.
    pub fn put_u64(&self, offset: u64, value: u64) {
        self.put(offset, &value.to_le_bytes());
    }

    /// The `u64` at an offset.
    pub fn u64_at(&self, offset: u64) -> u64 {
        let mut word = [0; 8];
        self.file.read_exact_at(&mut word, offset).expect("the file can be read");
        u64::from_le_bytes(word)
    }

    /// Cuts or lengthens the file.
    pub fn set_length(&self, bytes: u64) {
        self.file.set_len(bytes).expect("it can be cut");
    }

    /// Length of the file as it should be.
    pub fn length(&self) -> u64 {
        self.end
    }

    /// The flow file that a collector made for this target.
    pub fn flow(&self) -> Flow {
        let mut path = self.path.clone().into_os_string();
        path.push(".flow");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(path).expect("the flow file is there");
        let mut shape = [0; 16];
        file.read_exact_at(&mut shape, 0).expect("it has a header");
        assert_eq!(&shape[..8], b"CGFLOW1\0");
        let word = |at: usize| u32::from_le_bytes(shape[at..at + 4].try_into().expect("4 bytes"));
        assert_eq!(self.u64_at(72), u64::from(word(8)) | u64::from(word(12)) << 32);
        Flow { file, n_shards: u64::from(word(8)), capacity: u64::from(word(12)) }
    }
}

/// A flow file, as its target writes it.
#[derive(Debug)]
pub struct Flow {
    /// How many rings it has.
    pub n_shards: u64,
    /// How many events each holds.
    pub capacity: u64,
    file: File,
}

impl Flow {
    fn shard_at(&self, shard: u64) -> u64 {
        4096 + shard * (64 + 40 * self.capacity).next_multiple_of(64)
    }

    /// Takes the next number of a ring, as a target does before it writes.
    pub fn begin(&self, shard: u64) -> u64 {
        let mut word = [0; 8];
        let at = self.shard_at(shard);
        self.file.read_exact_at(&mut word, at).expect("a head can be read");
        let number = u64::from_le_bytes(word);
        self.file.write_all_at(&(number + 1).to_le_bytes(), at).expect("a head can be written");
        let slot = at + 64 + 40 * (number % self.capacity);
        self.file.write_all_at(&0u64.to_le_bytes(), slot).expect("a slot can be cleared");
        number
    }

    /// Writes the event of that number.
    pub fn finish(&self, shard: u64, number: u64, goroutine: u64, place: (u32, u32), clock: u64) {
        let slot = self.shard_at(shard) + 64 + 40 * (number % self.capacity);
        let place = u64::from(place.0) << 32 | u64::from(place.1);
        let words = [number + 1, goroutine, 7, place, clock].map(u64::to_le_bytes).concat();
        self.file.write_all_at(&words, slot).expect("an event can be written");
    }

    /// Writes an event.
    pub fn event(&self, shard: u64, goroutine: u64, place: (u32, u32), clock: u64) {
        let number = self.begin(shard);
        self.finish(shard, number, goroutine, place, clock);
    }

    /// Overwrites the number of events ever begun in a ring.
    pub fn set_head(&self, shard: u64, head: u64) {
        let at = self.shard_at(shard);
        self.file.write_all_at(&head.to_le_bytes(), at).expect("a head can be written");
    }
}

/// A package of one file with `n_functions` functions of `n_units` units each, an entry in every
/// function.
pub fn table(package: &str, name: &str, n_functions: u32, n_units: u32) -> Table {
    let function = |idx: u32| TableFunction {
        name: format!("F{idx}"),
        file: 0,
        literal: false,
        units: (0..n_units)
            .map(|unit| {
                let line = 1 + idx * (n_units + 1) + unit;
                TableUnit { span: Span::new(line, 2, line, 9), statements: 1 }
            })
            .collect(),
    };
    Table {
        package: package.to_owned(),
        name: name.to_owned(),
        module: "example.com".to_owned(),
        mode: Mode::Count,
        files: vec![TableFile {
            path: format!("{package}/a.go"),
            source: SourceId::of(package.as_bytes()),
        }],
        functions: (0..n_functions).map(function).collect(),
        entries: (0..n_functions).map(|idx| idx * n_units).collect(),
        ..Table::default()
    }
}

/// Unix time in nanoseconds, never twice the same.
pub fn now_ns() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let now = u64::try_from(now.as_nanos()).expect("it is before 2554");
    let last = LAST.fetch_max(now, Ordering::Relaxed);
    if last < now { now } else { LAST.fetch_add(1, Ordering::Relaxed) + 1 }
}

/// Unix time in milliseconds.
pub fn now_ms() -> u64 {
    now_ns() / 1_000_000
}
