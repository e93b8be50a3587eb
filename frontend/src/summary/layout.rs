//! All functions of the view, what is most uncovered first.

use coverage::{Fraction, FunctionIdx};

use crate::session::view::View;
use crate::ui::fuzzy::Query;
use crate::ui::order::{by_key, by_name};

/// A function with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The function, in the view.
    pub function: u32,
    /// Its statements.
    pub statements: Fraction,
    /// How often it was called.
    pub calls: u64,
    /// When it was hit last, in Unix milliseconds; 0 for never.
    pub last: u64,
}

/// Columns to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Column {
    /// Most uncovered statements first.
    #[default]
    Uncovered,
    /// Most calls first.
    Calls,
    /// By name.
    Name,
}

/// The functions with something to cover that match, sorted.
pub fn rows(view: &View, query: &Query, column: Column) -> Vec<Row> {
    let shape = view.shape();
    let mut rows: Vec<Row> = (0..)
        .zip(shape.functions())
        .filter(|(_, function)| {
            !function.units.is_empty()
                && (query.score(&function.name).is_some()
                    || query.score(shape.file(function.file).path.as_str()).is_some())
        })
        .map(|(row, _)| Row {
            function: row,
            statements: view.tree.functions[row as usize].statements,
            calls: view.calls(FunctionIdx(row)),
            last: view.function_last[row as usize],
        })
        .collect();
    match column {
        Column::Uncovered => by_key(&mut rows, |row| {
            let Fraction { covered, total } = row.statements;
            [u64::MAX - (total - covered), u64::MAX - total]
        }),
        Column::Calls => by_key(&mut rows, |row| [u64::MAX - row.calls, 0]),
        Column::Name => by_name(&mut rows, |row| &shape.functions()[row.function as usize].name),
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::model::tests::{apply, counts, live, table};
    use crate::session::scope::Scope;

    fn functions(query: &str, column: Column) -> Vec<u32> {
        let mut live = live(1, &[table("m/a", &[("a.go", 2), ("b.go", 1)])]);
        apply(&mut live, counts(1, 5_000, &[(0, 1), (1, 1), (2, 50)]));
        let mut view = View::default();
        view.rebuild(&live, &Scope::Newest);
        let rows = rows(&view, &Query::new(query), column);
        rows.iter().map(|row| row.function).collect()
    }

    #[test]
    fn what_is_missing_most_comes_first() {
        assert_eq!(functions("", Column::Uncovered), [2, 1, 0]);
        assert_eq!(functions("", Column::Calls), [1, 0, 2]);
        assert_eq!(functions("", Column::Name), [0, 2, 1]);
    }

    #[test]
    fn names_and_files_are_searched() {
        assert_eq!(functions("f1", Column::Name), [1]);
        assert_eq!(functions("b.go", Column::Name), [2]);
    }
}
