//! What REST asks: which processes, and the counts of their packages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use thiserror::Error;
use wire::TableId;

use super::Hub;
use super::process::Process;
use super::table::KnownTable;

/// Which processes a question is about. Absent is "any", but see [`Hub::select`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Scope {
    /// Name of the service.
    pub(crate) service: Option<String>,
    /// Id of the build, or `all`.
    pub(crate) build: Option<String>,
    /// Handle of the process, as text.
    pub(crate) process: Option<String>,
}

/// A question about what isn't there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ScopeError {
    /// A handle that is none.
    #[error("process {0:?} is not a number")]
    NotAHandle(String),
    /// Nothing fits.
    #[error("no process matches {0}")]
    Nothing(String),
    /// There is nothing at all.
    #[error("no process has been watched yet")]
    Empty,
}

/// One package and its counts, added up over the processes that have it.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its structure.
    pub(crate) table: Arc<KnownTable>,
    /// One count for each unit, since the last reset.
    pub(crate) counts: Vec<u64>,
}

impl Hub {
    /// The processes in scope; of each service only its newest build, unless the scope names
    /// builds or a process.
    pub(crate) fn select(&self, scope: &Scope) -> Result<Vec<&Process>, ScopeError> {
        let mut selected = self.select_all(scope)?;
        if scope.build.is_none() && scope.process.is_none() {
            let latest = latest_builds(selected.iter().copied());
            selected.retain(|process| {
                let latest = latest.get(&process.about.service);
                latest.is_some_and(|latest| latest.parts.contains(process.build()))
            });
        }
        Ok(selected)
    }

    /// The processes in scope, of every build.
    pub(crate) fn select_all(&self, scope: &Scope) -> Result<Vec<&Process>, ScopeError> {
        if self.processes.is_empty() {
            return Err(ScopeError::Empty);
        }
        let handle = match &scope.process {
            Some(text) => {
                Some(text.parse::<u32>().map_err(|_| ScopeError::NotAHandle(text.clone()))?)
            }
            None => None,
        };
        let build = scope.build.as_deref().filter(|&build| build != "all");
        let selected: Vec<_> = self
            .processes
            .values()
            .filter(|process| handle.is_none_or(|handle| handle == process.about.handle))
            .filter(|process| build.is_none_or(|build| build == process.build()))
            .filter(|process| {
                scope.service.as_ref().is_none_or(|service| *service == process.about.service)
            })
            .collect();
        if selected.is_empty() {
            let words =
                [("service", &scope.service), ("build", &scope.build), ("process", &scope.process)];
            let words: Vec<_> = words
                .into_iter()
                .filter_map(|(word, value)| value.as_ref().map(|value| format!("{word}={value}")))
                .collect();
            return Err(ScopeError::Nothing(words.join(" ")));
        }
        Ok(selected)
    }

    /// Packages of the processes in scope, by import path, each table once.
    pub(crate) fn rows(&self, scope: &Scope) -> Result<Vec<Row>, ScopeError> {
        let mut rows: BTreeMap<(String, TableId), Row> = BTreeMap::new();
        for package in self.select(scope)?.iter().flat_map(|process| &process.packages) {
            let key = (package.table.package.clone(), package.table.id);
            let row = rows.entry(key).or_insert_with(|| Row {
                table: Arc::clone(&package.table),
                counts: vec![0; package.columns.len()],
            });
            for (sum, count) in row.counts.iter_mut().zip(package.columns.counts()) {
                *sum = sum.saturating_add(count);
            }
        }
        Ok(rows.into_values().collect())
    }
}

/// The newest build of a service.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Latest {
    /// Its id.
    pub(crate) build: String,
    /// The builds that are part of it, itself included: those of processes that ended, or were
    /// looked at, before they had registered all of its packages.
    pub(crate) parts: BTreeSet<String>,
}

/// The newest build of each service: that of the process that started last, or the one that this
/// process would be of, had it come further.
pub(crate) fn latest_builds<'a>(
    processes: impl Iterator<Item = &'a Process>,
) -> BTreeMap<String, Latest> {
    // A process stands for all of its build.
    let mut services: BTreeMap<&str, BTreeMap<&str, &Process>> = BTreeMap::new();
    let age = |process: &Process| (process.about.started_ms, process.about.handle);
    for process in processes {
        let builds = services.entry(&process.about.service).or_default();
        let newest = builds.entry(process.build()).or_insert(process);
        if age(process) > age(newest) {
            *newest = process;
        }
    }
    let latest = services.into_iter().map(|(service, builds)| {
        let tables = |process: &Process| -> BTreeSet<TableId> {
            process.packages.iter().map(|package| package.table.id).collect()
        };
        let mut builds: Vec<_> =
            builds.into_values().map(|process| (process, tables(process))).collect();
        builds.sort_by_key(|(process, _)| std::cmp::Reverse(age(process)));
        let newest = builds.first().map(|(_, tables)| tables.clone()).unwrap_or_default();
        let (mut build, mut whole) = (String::new(), &newest);
        // Of those that it is a part of the largest, and of these the newest.
        for (process, tables) in &builds {
            if tables.is_superset(&newest) && (build.is_empty() || tables.len() > whole.len()) {
                (build, whole) = (process.build().to_owned(), tables);
            }
        }
        let parts = builds.iter().filter(|(_, tables)| tables.is_subset(whole));
        let parts = parts.map(|(process, _)| process.build().to_owned()).collect();
        (service.to_owned(), Latest { build, parts })
    });
    latest.collect()
}
