//! A profile as frames, so that what is read from files comes into the page as live counts do.
//!
//! ```text
//! message 1     process: handle, key = the profile's id, service = its name, host = its format,
//!               pid = number of files that it was read from, arguments = notes
//! messages 2…   table, packages and counts of one package after the other
//! ```

use coverage::Profile;
use wire::frame::{Counts, Frame, PackageCounts, Process};
use wire::{RelayToViewer, Table, TableId, limits};

use crate::session::model::OPENED;

/// What is known of a profile besides its counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Its content's id: [`id`] of the profile as it was read. It stays when functions get names.
    /// Of a comparison, a hash of what was compared and how.
    pub id: [u8; 16],
    /// What it is called: the file or folder.
    pub name: String,
    /// Format that it was read as, for people.
    pub format: String,
    /// Files that it was read from.
    pub n_files: u32,
    /// What was put up with, each a sentence.
    pub notes: Vec<String>,
}

impl About {
    /// The process that stands for the profile on the page.
    pub fn process(&self) -> Process {
        let mut arguments = self.notes.clone();
        if arguments.len() > limits::ARGUMENTS {
            let n_more = arguments.len() - limits::ARGUMENTS + 1;
            arguments.truncate(limits::ARGUMENTS - 1);
            arguments.push(format!("and {n_more} notes more"));
        }
        Process {
            handle: handle(self.id),
            key: self.id,
            pid: self.n_files,
            host: self.format.clone(),
            service: self.name.clone(),
            arguments,
            ..Process::default()
        }
    }

    /// What is known of the profile that a process stands for.
    pub fn of(process: Process) -> Self {
        Self {
            id: process.key,
            name: process.service,
            format: process.host,
            n_files: process.pid,
            notes: process.arguments,
        }
    }
}

/// The id of what is put together of all reports.
pub const UNITED: [u8; 16] = *b"reports, united.";

/// How the format of a profile begins that was computed from others.
pub const COMPUTED: &str = "computed";

/// Length that a message is filled up to, in bytes: the page takes each in at once.
pub const MESSAGE_BYTES: usize = 256 << 10;

/// The id of a profile: a hash of its structure and its counts.
pub fn id(profile: &Profile) -> [u8; 16] {
    let mut bytes = Vec::new();
    for (table, units) in Table::of_shape(profile.shape(), profile.mode()) {
        bytes.extend(TableId::of(&table.encode()).0);
        for unit in units {
            bytes.extend(profile.counts().get(unit as usize).unwrap_or(&0).to_le_bytes());
        }
    }
    TableId::of(&bytes).0
}

/// The handle of a profile on the page.
pub fn handle(id: [u8; 16]) -> u32 {
    OPENED | u32::from_le_bytes([id[0], id[1], id[2], id[3]])
}

/// The messages that bring a profile into the page.
pub fn encode(about: &About, profile: &Profile) -> Vec<Vec<u8>> {
    let handle = handle(about.id);
    let mut messages = Vec::new();
    let mut message = Vec::new();
    RelayToViewer::Process(about.process()).encode(&mut message);
    for (package, (table, places)) in (0..).zip(Table::of_shape(profile.shape(), profile.mode())) {
        let bytes = table.encode();
        let tables = vec![TableId::of(&bytes)];
        RelayToViewer::Table(bytes).encode(&mut message);
        RelayToViewer::Packages { handle, tables }.encode(&mut message);
        let (mut units, mut counts) = (Vec::new(), Vec::new());
        for (unit, place) in (0..).zip(places) {
            let count = profile.counts().get(place as usize).copied().unwrap_or(0);
            if count > 0 {
                units.push(unit);
                counts.push(count);
            }
        }
        let packages = vec![PackageCounts { package, units, counts, ages_ms: Vec::new() }];
        RelayToViewer::Counts(Counts { handle, at_ms: 0, packages }).encode(&mut message);
        if message.len() > MESSAGE_BYTES {
            messages.push(std::mem::take(&mut message));
        }
    }
    if !message.is_empty() {
        messages.push(message);
    }
    messages
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;
    use crate::session::model::{Live, hex};
    use crate::session::opened;

    const TWO: &str = "\
mode count
package example.com/b b example.com
file example.com/b/b.go
function F
3.1,5.2 2 7
6.1,7.2 1 0
package example.com/a a example.com
file example.com/a/a.go
function G
3.1,5.2 2 0
";

    #[test]
    fn a_profile_comes_back_from_its_frames() {
        let profile = dump::parse(TWO).expect("the dump is right");
        let about =
            About { id: id(&profile), name: "cover.out".into(), n_files: 1, ..About::default() };
        let mut live = Live::default();
        for message in encode(&about, &profile) {
            for frame in RelayToViewer::decode(&message).expect("frames") {
                live.apply(frame, &mut Vec::new()).expect("tables");
            }
        }
        assert_eq!(live.opened[0].info.service, "cover.out");
        let read = opened::profile_in(&live, &hex(&about.id)).expect("it is open");
        assert_eq!(dump::write(&read), dump::write(&profile));
        assert!(opened::profile_in(&live, "00").is_none());
    }
}
