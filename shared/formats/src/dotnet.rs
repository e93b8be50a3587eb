//! What the formats of .NET have in common: methods of statements that have places.

use std::ops::RangeInclusive;

use coverage::{Mode, Profile, Span};

use crate::draft::{Draft, Join};
use crate::{Notes, limits};

/// A profile of methods and statements. A statement makes the lines that it touches as often hit
/// as the most hit one on them. What is said several times is of the same runs.
pub(crate) struct Code {
    pub(crate) draft: Draft,
    /// Lines that statements may still make, which is more than any honest file needs.
    lines_left: u64,
    n_too_long: u64,
}

/// A statement of a method.
#[derive(Debug)]
pub(crate) struct Statement {
    /// Which file it is in, as the format numbers files.
    pub(crate) file: String,
    pub(crate) span: Span,
    pub(crate) count: u64,
}

impl Default for Code {
    fn default() -> Self {
        Self { draft: Draft::new(Join::Max), lines_left: limits::SPAN_LINES, n_too_long: 0 }
    }
}

impl Code {
    /// A statement of a method: one for each of those that share the code. The lines that it made.
    pub(crate) fn statement(
        &mut self,
        path: &str,
        method: &str,
        span: Span,
        count: u64,
    ) -> RangeInclusive<u32> {
        let file = self.draft.file(path);
        file.statement_of(method, span, count);
        let (first, mut last) = (span.start.line, span.last_line());
        let more = u64::from(last.saturating_sub(first));
        if more > self.lines_left {
            self.n_too_long += 1;
            last = first;
        } else {
            self.lines_left -= more;
        }
        for number in first..=last {
            file.line(number, count);
        }
        first..=last
    }

    /// A method with its statements, where each says which file it is in; the method is in that of
    /// the first. It was entered if any of them ran. `path` gives the path of a file.
    pub(crate) fn method<'a>(
        &mut self,
        name: &str,
        statements: &[Statement],
        path: impl Fn(&str) -> Option<&'a str>,
    ) {
        let spans = statements.iter().map(|statement| statement.span);
        if let Some(first) = statements.first().and_then(|statement| path(&statement.file)) {
            let hit = statements.iter().any(|statement| statement.count > 0);
            self.draft.file(first).function(name, extent(spans), Some(u64::from(hit)));
        }
        for statement in statements {
            if let Some(path) = path(&statement.file) {
                self.statement(path, name, statement.span, statement.count);
            }
        }
    }

    /// The profile.
    pub(crate) fn finish(self, mode: Mode, name: &str, notes: &mut Notes) -> Profile {
        if self.draft.is_empty() {
            notes.add(name, "lists no files");
        }
        if self.n_too_long > 0 {
            let note = format!("of {} statements only the first line is kept", self.n_too_long);
            notes.add(name, note);
        }
        self.draft.finish(mode, name, notes)
    }
}

/// The lines from the first to the last of these.
pub(crate) fn extent(spans: impl Iterator<Item = Span> + Clone) -> Option<Span> {
    let first = spans.clone().map(|span| span.start.line).min()?;
    let last = spans.map(Span::last_line).max()?;
    Some(Span::new(first, 1, last.saturating_add(1), 1))
}
