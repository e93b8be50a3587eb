//! Which processes are looked at.

use super::model::{Live, Process};

/// A choice of processes. Names stay valid when the relay restarts, so they can stand in links.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// The newest build of every service.
    #[default]
    Newest,
    /// The newest build of one service.
    Service(String),
    /// One build of one service.
    Build(String, String),
    /// One process, by its key in hex.
    Process(String),
    /// A profile that was opened, by its id: a hash of what it holds, in hex.
    Opened(String),
}

impl Scope {
    /// Whether a process is looked at.
    pub fn contains(&self, live: &Live, process: &Process) -> bool {
        match self {
            Scope::Newest => is_newest(live, process),
            Scope::Service(service) => process.info.service == *service && is_newest(live, process),
            Scope::Build(service, build) => {
                process.info.service == *service && process.build == *build
            }
            Scope::Process(key) | Scope::Opened(key) => process.key() == *key,
        }
    }

    /// The processes that are looked at.
    pub fn members<'a>(&self, live: &'a Live) -> Vec<&'a Process> {
        let list = if self.is_opened() { &live.opened } else { &live.processes };
        list.iter().filter(|process| self.contains(live, process)).collect()
    }

    /// Whether what is looked at comes from files, and so stands still.
    pub fn is_opened(&self) -> bool {
        matches!(self, Scope::Opened(_))
    }

    /// What the choice is called.
    pub fn title(&self, live: &Live) -> String {
        match self {
            Scope::Newest => {
                let names = services(live);
                match names.as_slice() {
                    [] => "No service".into(),
                    [one] => one.clone(),
                    more => format!("{} services", more.len()),
                }
            }
            Scope::Service(service) => service.clone(),
            Scope::Build(service, build) => {
                format!("{service} @ {}", build.get(..8).unwrap_or(build))
            }
            Scope::Opened(_) => match self.members(live).first() {
                Some(opened) => opened.info.service.clone(),
                None => "A profile that is not here".into(),
            },
            Scope::Process(key) => live
                .processes
                .iter()
                .find(|process| process.key() == *key)
                .map_or("A process that is not here".into(), |process| {
                    format!("{} · pid {}", process.info.service, process.info.pid)
                }),
        }
    }
}

/// The newest build of a service: that of the process that started last, or the one that this
/// process would be of, had it come further before it ended or was looked at.
pub fn newest_build<'a>(live: &'a Live, service: &str) -> Option<&'a String> {
    newest(live, service).map(|process| &process.build)
}

/// Whether a process is of the newest build of its service, or of a part of that.
fn is_newest(live: &Live, process: &Process) -> bool {
    newest(live, &process.info.service).is_some_and(|whole| is_part(process, whole))
}

/// The process that stands for the newest build of a service.
fn newest<'a>(live: &'a Live, service: &str) -> Option<&'a Process> {
    let started = |process: &&Process| (process.info.started_ms, process.info.handle);
    let of_service = || live.processes.iter().filter(|process| process.info.service == service);
    let youngest = of_service().max_by_key(started)?;
    of_service()
        .filter(|process| is_part(youngest, process))
        .max_by_key(|process| (process.packs.len(), started(process)))
}

/// Whether all packages of one process are packages of another.
fn is_part(part: &Process, whole: &Process) -> bool {
    part.build == whole.build
        || whole.packs.starts_with(&part.packs)
        || part.packs.iter().all(|pack| whole.packs.contains(pack))
}

/// Names of all services, sorted.
pub fn services(live: &Live) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for process in &live.processes {
        let name = &process.info.service;
        if let Err(at) = names.binary_search(name) {
            names.insert(at, name.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::{add, live, table};
    use super::*;

    fn shown(live: &Live, scope: &Scope) -> Vec<u32> {
        let shown = live.processes.iter().filter(|process| scope.contains(live, process));
        shown.map(|process| process.info.handle).collect()
    }

    #[test]
    fn every_choice_picks_its_processes() {
        let old = [table("m/a", &[("a.go", 1)])];
        let new = [table("m/a", &[("a.go", 2)])];
        let mut live = live(1, &old);
        add(&mut live, 2, "svc", &new);
        add(&mut live, 3, "svc", &new);
        add(&mut live, 4, "other", &old);
        assert_eq!(shown(&live, &Scope::Newest), [2, 3, 4]);
        assert_eq!(shown(&live, &Scope::Service("svc".into())), [2, 3]);
        let build = live.processes[0].build.clone();
        assert_eq!(shown(&live, &Scope::Build("svc".into(), build)), [1]);
        assert_eq!(shown(&live, &Scope::Process("03".repeat(16))), [3]);
        assert_eq!(shown(&live, &Scope::Process("09".repeat(16))), [0u32; 0]);
    }

    #[test]
    fn a_process_that_died_young_belongs_to_the_build_it_is_part_of() {
        let whole = [table("m/a", &[("a.go", 1)]), table("m/b", &[("b.go", 1)])];
        let mut live = live(1, &whole);
        add(&mut live, 2, "svc", &whole[..1]);
        assert_eq!(shown(&live, &Scope::Newest), [1, 2]);
        assert_eq!(newest_build(&live, "svc"), Some(&live.processes[0].build));
        let other = [table("m/a", &[("a.go", 2)])];
        add(&mut live, 3, "svc", &other);
        assert_eq!(shown(&live, &Scope::Newest), [3]);
    }

    #[test]
    fn titles_say_what_is_looked_at() {
        let mut live = Live::default();
        assert_eq!(Scope::Newest.title(&live), "No service");
        add(&mut live, 1, "svc", &[]);
        assert_eq!(Scope::Newest.title(&live), "svc");
        add(&mut live, 2, "other", &[]);
        assert_eq!(Scope::Newest.title(&live), "2 services");
        assert_eq!(Scope::Process("x".into()).title(&live), "A process that is not here");
    }
}
