//! Switching flow tracing on and off.
//!
//! The relay says how many entries of a process are traced, not which. The page remembers what it
//! switched on itself.

use std::cell::RefCell;

use leptos::task::spawn_local;
use wire::frame::State;

use crate::files::layout::{self, Node};
use crate::session::api::{self, Trace};
use crate::session::url::Panel;
use crate::session::{Session, read};

thread_local! {
    static ON: RefCell<Vec<(u64, Node)>> = const { RefCell::new(Vec::new()) };
}

/// What a switch is for: the whole program, or a node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Everything.
    Program,
    /// A package, file or function.
    Node(Node),
}

/// Switches a node of the tree on, or off again.
pub fn toggle(session: Session, node: Node) {
    if session.stands_still() {
        return;
    }
    if matches!(node, Node::Module(_)) {
        session.fail("Choose a package, a file or a function to trace");
        return;
    }
    let key = (read(|data| data.view.shape_version), node);
    let on = ON.with_borrow_mut(|on| {
        let was = on.iter().position(|known| *known == key);
        match was {
            Some(at) => drop(on.swap_remove(at)),
            None => on.push(key),
        }
        was.is_none()
    });
    switch(session, Target::Node(node), on);
}

/// Switches tracing in the running processes that are looked at.
pub fn switch(session: Session, target: Target, on: bool) {
    let requests = read(|data| {
        let (package, units) = match target {
            Target::Program => (None, None),
            Target::Node(node) => {
                let (package, units) = layout::entries(&data.live, &data.view, node)?;
                (Some(package), units)
            }
        };
        // No entry in it: an empty list would mean all of the package.
        if units.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let members = data
            .live
            .processes
            .iter()
            .filter(|process| process.state == State::Running && data.view.contains(process));
        Some(
            members
                .map(|process| Trace {
                    process: process.info.handle,
                    on,
                    package: package.clone(),
                    units: units.clone(),
                })
                .collect::<Vec<_>>(),
        )
    });
    if target == Target::Program && !on {
        ON.with_borrow_mut(Vec::clear);
    }
    match requests {
        None => session.fail("Nothing there can be traced: what the compiler inlines has no entry"),
        Some(requests) if requests.is_empty() => {
            session.fail("No process that runs is looked at");
        }
        Some(requests) => spawn_local(async move {
            for request in requests {
                if let Err(error) = api::trace(request).await {
                    session.fail(format!("Tracing can't be switched: {}", error.text()));
                    return;
                }
            }
            if on {
                session.adjust(|route| route.panel = Panel::Goroutines);
            }
        }),
    }
}
