//! Functions that goroutines of a running program entered, as its flow tells: every entry that was
//! not overwritten, where a trace knows stacks only.

use std::collections::BTreeMap;

use wire::frame::{Flow as FlowFrame, State};

use crate::session::model::{Live, Pack, Process};

/// Goroutines that are kept; those that were quiet longest make room.
const GOROUTINES: usize = 8_192;
/// Functions that are kept of each.
const FUNCTIONS: usize = 512;

/// A function that a goroutine entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// Its name, as in stacks; that of the function around it for a literal.
    pub function: String,
    /// Its file, as in profiles.
    pub file: String,
    /// Its first line.
    pub line: u32,
    /// How often it was entered.
    pub times: u64,
    /// When last, in Unix milliseconds.
    pub last_ms: u64,
}

#[derive(Debug)]
struct Entry {
    pack: u32,
    unit: u32,
    times: u64,
    last_ms: u64,
}

/// Entries by process and goroutine.
#[derive(Debug, Default)]
pub struct Flow {
    goroutines: BTreeMap<(u32, u64), Vec<Entry>>,
    /// Entries that were overwritten before anybody could read them.
    pub lost: u64,
}

impl Flow {
    /// Takes in a frame.
    pub fn apply(&mut self, live: &Live, frame: &FlowFrame) {
        let Some(process) = live.by_handle(frame.handle) else { return };
        self.lost = self.lost.saturating_add(frame.lost);
        for event in &frame.events {
            let Some(&pack) = process.packs.get(event.package as usize) else { continue };
            let last_ms = frame.at_ms.saturating_sub(event.age_ms);
            let entries = self.goroutines.entry((frame.handle, event.goroutine)).or_default();
            let key = (pack, event.unit);
            match entries.iter().position(|entry| (entry.pack, entry.unit) == key) {
                Some(at) => {
                    if let Some(entry) = entries.get_mut(at) {
                        entry.times += 1;
                        entry.last_ms = last_ms;
                    }
                }
                None if entries.len() < FUNCTIONS => {
                    entries.push(Entry { pack, unit: event.unit, times: 1, last_ms });
                }
                None => {}
            }
        }
        if self.goroutines.len() > GOROUTINES {
            self.make_room();
        }
    }

    /// Half of them at once, so that it is rarely done.
    fn make_room(&mut self) {
        let last =
            |entries: &Vec<Entry>| entries.iter().map(|entry| entry.last_ms).max().unwrap_or(0);
        let mut times: Vec<u64> = self.goroutines.values().map(last).collect();
        times.sort_unstable();
        let limit = times.get(times.len() / 2).copied().unwrap_or(0);
        let mut surplus = times.len() / 2;
        self.goroutines.retain(|_, entries| {
            let goes = last(entries) <= limit && surplus > 0;
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// The functions that a goroutine of a process entered, most often first.
    pub fn of(&self, live: &Live, handle: u32, goroutine: u64) -> Vec<Entered> {
        let entries = self.goroutines.get(&(handle, goroutine)).into_iter().flatten();
        let mut all: Vec<Entered> = entries
            .filter_map(|entry| entered(live.packs.get(entry.pack as usize)?, entry))
            .collect();
        all.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.function.cmp(&b.function)));
        all
    }
}

fn entered(pack: &Pack, entry: &Entry) -> Option<Entered> {
    let at = pack.function_of(entry.unit)?;
    let function = pack.table.functions.get(at)?;
    let within = entry.unit.checked_sub(*pack.starts.get(at)?)?;
    let unit = function.units.get(within as usize)?;
    let file = pack.table.files.get(function.file as usize)?;
    Some(Entered {
        function: symbol(&pack.table.package, &pack.table.name, &function.name),
        file: file.path.clone(),
        line: unit.span.start.line,
        times: entry.times,
        last_ms: entry.last_ms,
    })
}

/// The name that a stack has for a function.
fn symbol(package: &str, name: &str, function: &str) -> String {
    let package = if name == "main" { name } else { package };
    match function.strip_prefix('*').and_then(|rest| rest.split_once('.')) {
        Some((receiver, method)) => format!("{package}.(*{receiver}).{method}"),
        None => format!("{package}.{function}"),
    }
}

/// The running process that a trace is of: by its number, or the newest of a service.
pub fn process<'l>(live: &'l Live, named: &str) -> Option<&'l Process> {
    let is_it = |process: &&Process| match named.parse::<u32>() {
        Ok(handle) => process.info.handle == handle,
        Err(_) => process.info.service == named,
    };
    let all = live.processes.iter().filter(is_it);
    all.max_by_key(|process| (process.state == State::Running, process.info.started_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::model::tests::{live, table};
    use wire::frame::FlowEvent;

    fn frame(at_ms: u64, events: &[(u64, u32)]) -> FlowFrame {
        let event = |&(goroutine, unit): &(u64, u32)| FlowEvent {
            goroutine,
            unit,
            age_ms: 1,
            ..FlowEvent::default()
        };
        FlowFrame { handle: 1, at_ms, lost: 2, events: events.iter().map(event).collect() }
    }

    #[test]
    fn entries_are_added_up_by_function() {
        let live = live(1, &[table("m/a", &[("a.go", 2)])]);
        let mut flow = Flow::default();
        flow.apply(&live, &frame(100, &[(7, 0), (9, 2), (7, 2), (7, 0)]));
        flow.apply(&live, &frame(200, &[(7, 0)]));
        let told: Vec<_> = flow
            .of(&live, 1, 7)
            .iter()
            .map(|of| (of.function.clone(), of.line, of.times, of.last_ms))
            .collect();
        let expected = [("m/a.f0".to_owned(), 3, 3, 199), ("m/a.f1".to_owned(), 13, 1, 99)];
        assert_eq!(told, expected);
        assert_eq!((flow.of(&live, 1, 9).len(), flow.of(&live, 2, 7).len(), flow.lost), (1, 0, 4));
    }

    #[test]
    fn those_that_are_quiet_make_room() {
        let live = live(1, &[table("m/a", &[("a.go", 1)])]);
        let mut flow = Flow::default();
        for number in 0..=GOROUTINES as u64 {
            flow.apply(&live, &frame(1_000 + number, &[(number, 0)]));
        }
        assert!(flow.goroutines.len() <= GOROUTINES / 2 + 1);
        assert!(flow.of(&live, 1, 0).is_empty());
        assert_eq!(flow.of(&live, 1, GOROUTINES as u64).len(), 1);
    }

    #[test]
    fn functions_are_named_as_in_stacks() {
        assert_eq!(symbol("example.com/shop", "main", "run"), "main.run");
        assert_eq!(
            symbol("example.com/shop/cart", "cart", "*T.Add"),
            "example.com/shop/cart.(*T).Add"
        );
        assert_eq!(symbol("m/v2/cart", "cart", "T.Add"), "m/v2/cart.T.Add");
    }

    #[test]
    fn a_process_is_found_by_its_number_or_service() {
        let live = live(3, &[]);
        assert_eq!(process(&live, "3").map(|process| process.info.handle), Some(3));
        assert!(process(&live, "4").is_none());
        assert!(process(&live, "nobody").is_none());
    }
}
