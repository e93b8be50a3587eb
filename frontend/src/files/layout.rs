//! The tree as rows: modules, packages, files and functions that are open, matched and in order.

use coverage::{Fraction, FunctionIdx, UnitIdx};

use crate::session::model::Live;
use crate::session::url::{Show, Sort};
use crate::session::view::View;
use crate::ui::fuzzy::Query;
use crate::ui::order::{by_key, by_name, pair};

/// Hit within this time is hot.
pub const HOT_MS: u64 = 3_000;
/// Up to so many files, packages are open from the start.
const FEW_FILES: usize = 60;

/// A node of the tree; the numbers are rows of the view's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// A module, by its position in [`Outline::modules`].
    Module(u32),
    /// A package.
    Package(u32),
    /// A file.
    File(u32),
    /// A function.
    Function(u32),
}

/// Names a node as long as the page lives, also when the view is another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A module, by its path.
    Module(String),
    /// A package, by its position in the packs.
    Package(u32),
    /// A file, by its pack and its position there.
    File(u32, u32),
    /// A function, likewise.
    Function(u32, u32),
}

/// A module and its packages.
#[derive(Debug)]
pub struct Module {
    /// Its path; `std` for Go's own.
    pub name: String,
    packages: Vec<u32>,
}

/// Who lies in whom, sorted by name.
#[derive(Debug, Default)]
pub struct Outline {
    /// Modules, by name.
    pub modules: Vec<Module>,
    files: Vec<Vec<u32>>,
    functions: Vec<Vec<u32>>,
    version: u64,
}

impl Outline {
    /// Brings the outline in step with the view's shape. Says whether it was another one.
    pub fn update(&mut self, view: &View) -> bool {
        if self.version == view.shape_version {
            return false;
        }
        let shape = view.shape();
        *self = Self {
            files: vec![Vec::new(); shape.packages().len()],
            functions: vec![Vec::new(); shape.files().len()],
            version: view.shape_version,
            modules: Vec::new(),
        };
        for (row, package) in (0..).zip(shape.packages()) {
            let name = if package.module.is_empty() { "std" } else { &package.module };
            match self.modules.binary_search_by(|module| module.name.as_str().cmp(name)) {
                Ok(at) => self.modules[at].packages.push(row),
                Err(at) => {
                    self.modules.insert(at, Module { name: name.into(), packages: vec![row] });
                }
            }
        }
        for (row, file) in (0..).zip(shape.files()) {
            self.files[file.package.index()].push(row);
        }
        for files in &mut self.files {
            by_name(files, |&row| shape.files()[row as usize].path.as_str());
        }
        for (row, function) in (0..).zip(shape.functions()) {
            if !function.units.is_empty() {
                self.functions[function.file.index()].push(row);
            }
        }
        for functions in &mut self.functions {
            by_key(functions, |&row| {
                let units = shape.functions()[row as usize].units.start;
                let start = shape.unit(UnitIdx(units)).span.start;
                [pair(start.line, start.column), 0]
            });
        }
        true
    }

    /// What a node is called in the tree.
    pub fn label(&self, view: &View, node: Node) -> String {
        let shape = view.shape();
        match node {
            Node::Module(row) => self.modules[row as usize].name.clone(),
            Node::Package(row) => {
                let package = &shape.packages()[row as usize];
                match package.path.strip_prefix(&package.module) {
                    Some("") => {
                        let name = package.path.rsplit('/').next().unwrap_or_default();
                        format!("{name} (root)")
                    }
                    Some(rest) if !package.module.is_empty() => {
                        rest.strip_prefix('/').unwrap_or(rest).to_owned()
                    }
                    _ => package.path.clone(),
                }
            }
            Node::File(row) => shape.files()[row as usize].path.file_name().to_owned(),
            Node::Function(row) => {
                let name = &shape.functions()[row as usize].name;
                if name.is_empty() { "(no function)".into() } else { name.clone() }
            }
        }
    }

    /// Statements of a node.
    pub fn statements(&self, view: &View, node: Node) -> Fraction {
        match node {
            Node::Module(row) => {
                let mut sum = Fraction::default();
                for &package in &self.modules[row as usize].packages {
                    sum += view.tree.packages[package as usize].statements;
                }
                sum
            }
            Node::Package(row) => view.tree.packages[row as usize].statements,
            Node::File(row) => view.tree.files[row as usize].statements,
            Node::Function(row) => view.tree.functions[row as usize].statements,
        }
    }

    /// When a node was hit last, in Unix milliseconds; 0 for never.
    pub fn last(&self, view: &View, node: Node) -> u64 {
        match node {
            Node::Module(row) => {
                let packages = self.modules[row as usize].packages.iter();
                packages.map(|&row| view.package_last[row as usize]).max().unwrap_or(0)
            }
            Node::Package(row) => view.package_last[row as usize],
            Node::File(row) => view.file_last[row as usize],
            Node::Function(row) => view.function_last[row as usize],
        }
    }

    /// The lasting name of a node.
    pub fn key(&self, view: &View, node: Node) -> Key {
        match node {
            Node::Module(row) => Key::Module(self.modules[row as usize].name.clone()),
            Node::Package(row) => Key::Package(view.parts[row as usize].pack),
            Node::File(row) => {
                let package = view.shape().files()[row as usize].package;
                let part = view.parts[package.index()];
                Key::File(part.pack, row - part.files)
            }
            Node::Function(row) => {
                let file = view.shape().function(FunctionIdx(row)).file;
                let part = view.parts[view.shape().file(file).package.index()];
                Key::Function(part.pack, row - part.functions)
            }
        }
    }
}

/// What the tree is asked to show.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Text filter.
    pub query: Query,
    /// Filter by coverage.
    pub show: Show,
    /// Order among siblings.
    pub sort: Sort,
    /// The relay's clock, in Unix milliseconds.
    pub now_ms: u64,
}

impl Options {
    /// Whether nodes are left out.
    pub fn filters(&self) -> bool {
        !self.query.is_empty() || self.show != Show::All
    }
}

/// A row of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it shows.
    pub node: Node,
    /// Depth, from 1.
    pub level: u32,
    /// Whether it is open; `None` where it has nothing inside.
    pub open: Option<bool>,
    /// Position among its siblings, from 1.
    pub position: u32,
    /// How many siblings there are.
    pub siblings: u32,
}

/// The tree as it is shown.
pub struct Tree<'a> {
    /// What is shown.
    pub view: &'a View,
    /// Who lies in whom.
    pub outline: &'a Outline,
    /// How it is shown.
    pub options: &'a Options,
    /// Nodes that the user opened or closed against their default.
    pub toggled: &'a [Key],
}

impl Tree<'_> {
    /// The rows, from top to bottom.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let modules: Vec<Node> = (0..self.outline.modules.len() as u32).map(Node::Module).collect();
        self.children(modules, 1, false, &mut rows);
        rows
    }

    /// Appends the nodes that match, with what is open inside them. `matched` says that a parent
    /// matches the text filter by itself.
    fn children(&self, nodes: Vec<Node>, level: u32, matched: bool, rows: &mut Vec<Row>) {
        let mut shown: Vec<(Node, bool)> = nodes
            .into_iter()
            .filter_map(|node| Some((node, self.matches(node, matched)?)))
            .collect();
        self.sort(&mut shown);
        let siblings = shown.len() as u32;
        for (position, (node, matched)) in (1..).zip(shown) {
            let inside = self.inside(node);
            let open = (!inside.is_empty()).then(|| self.is_open(node, matched));
            rows.push(Row { node, level, open, position, siblings });
            if open == Some(true) {
                self.children(inside, level + 1, matched, rows);
            }
        }
    }

    fn inside(&self, node: Node) -> Vec<Node> {
        match node {
            Node::Module(row) => {
                let packages = &self.outline.modules[row as usize].packages;
                packages.iter().copied().map(Node::Package).collect()
            }
            Node::Package(row) => {
                self.outline.files[row as usize].iter().copied().map(Node::File).collect()
            }
            Node::File(row) => {
                self.outline.functions[row as usize].iter().copied().map(Node::Function).collect()
            }
            Node::Function(_) => Vec::new(),
        }
    }

    fn is_open(&self, node: Node, matched: bool) -> bool {
        let default = match node {
            Node::Module(_) => true,
            // A filter opens what holds the matches, but not what matches as a whole.
            Node::Package(_) if self.options.filters() => {
                !matched || self.options.show != Show::All
            }
            Node::File(_) if !self.options.query.is_empty() => !matched,
            Node::Package(_) => self.view.shape().files().len() <= FEW_FILES,
            Node::File(_) | Node::Function(_) => false,
        };
        default != self.toggled.contains(&self.outline.key(self.view, node))
    }

    /// `None` if the node is filtered out, otherwise whether the text matches the node itself.
    fn matches(&self, node: Node, parent: bool) -> Option<bool> {
        let keep = match self.options.show {
            Show::All => true,
            Show::Hot => {
                let last = self.outline.last(self.view, node);
                last > 0 && self.options.now_ms.saturating_sub(last) < HOT_MS
            }
            Show::Uncovered => {
                let statements = self.outline.statements(self.view, node);
                statements.covered < statements.total
            }
        };
        if !keep {
            return None;
        }
        if parent || self.options.query.is_empty() {
            return Some(parent || self.options.query.is_empty());
        }
        let shape = self.view.shape();
        let text = match node {
            Node::Module(_) => "",
            Node::Package(row) => &shape.packages()[row as usize].path,
            Node::File(row) => shape.files()[row as usize].path.as_str(),
            Node::Function(row) => &shape.functions()[row as usize].name,
        };
        if self.options.query.score(text).is_some() {
            return Some(true);
        }
        let inside = self.inside(node);
        inside.into_iter().any(|inner| self.matches(inner, false).is_some()).then_some(false)
    }

    fn sort(&self, nodes: &mut Vec<(Node, bool)>) {
        let sort = self.options.sort;
        // The outline is sorted by name already.
        if sort == Sort::Name {
            return;
        }
        by_key(nodes, |&(node, _)| {
            let Fraction { covered, total } = self.outline.statements(self.view, node);
            let key = match sort {
                Sort::Name => 0,
                // What has nothing to cover comes last.
                Sort::Coverage => (covered * 1_000_000).checked_div(total).unwrap_or(u64::MAX),
                Sort::Uncovered => u64::MAX - (total - covered),
                // In whole seconds, so that busy siblings keep their places.
                Sort::Recent => u64::MAX - self.outline.last(self.view, node) / 1_000,
            };
            [key, 0]
        });
    }
}

/// The row of the parent of a row.
pub fn parent(rows: &[Row], row: usize) -> Option<usize> {
    let level = rows.get(row)?.level;
    rows[..row].iter().rposition(|above| above.level < level)
}

/// The function that a tree node stands for when it is traced: its package, and its units there.
/// `None` traces all of the package.
pub fn entries(live: &Live, view: &View, node: Node) -> Option<(String, Option<Vec<u32>>)> {
    let shape = view.shape();
    let (package, functions): (_, Vec<u32>) = match node {
        Node::Module(_) => return None,
        Node::Package(row) => {
            return Some((shape.packages().get(row as usize)?.path.clone(), None));
        }
        Node::File(row) => {
            let package = shape.files().get(row as usize)?.package;
            let inside = (0..).zip(shape.functions()).filter(|(_, f)| f.file.0 == row);
            (package, inside.map(|(row, _)| row).collect())
        }
        Node::Function(row) => {
            let file = shape.functions().get(row as usize)?.file;
            (shape.file(file).package, vec![row])
        }
    };
    let part = view.part(package)?;
    let table = &live.packs.get(part.pack as usize)?.table;
    let mut units = Vec::new();
    for function in functions {
        let range = shape.function(FunctionIdx(function)).units.clone();
        let range = range.start - part.units..range.end - part.units;
        let first = table.entries.partition_point(|&unit| unit < range.start);
        units
            .extend(table.entries[first..].iter().copied().take_while(|unit| range.contains(unit)));
    }
    Some((shape.package(package).path.clone(), Some(units)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::model::tests::{apply, counts, live, table};
    use crate::session::scope::Scope;

    struct Fixture {
        live: Live,
        view: View,
        outline: Outline,
        toggled: Vec<Key>,
    }

    fn fixture() -> Fixture {
        let mut live = live(
            1,
            &[
                table("example.com/m", &[("main.go", 1)]),
                table("example.com/m/store", &[("disk.go", 2), ("cache.go", 1)]),
            ],
        );
        apply(&mut live, counts(1, 5_000, &[(0, 3), (1, 1)]));
        let mut view = View::default();
        view.rebuild(&live, &Scope::Newest);
        let mut outline = Outline::default();
        outline.update(&view);
        Fixture { live, view, outline, toggled: Vec::new() }
    }

    /// One line for each row: indented name, `+` closed, `-` open.
    fn check(fixture: &Fixture, options: &Options, expected: &[&str]) {
        let Fixture { view, outline, toggled, .. } = fixture;
        let rows = Tree { view, outline, options, toggled }.rows();
        let lines: Vec<String> = rows
            .iter()
            .map(|row| {
                let mark = match row.open {
                    Some(true) => "-",
                    Some(false) => "+",
                    None => "",
                };
                let indent = " ".repeat(row.level as usize - 1);
                format!("{indent}{mark}{}", outline.label(view, row.node))
            })
            .collect();
        assert_eq!(lines, expected);
    }

    fn filter(query: &str) -> Options {
        Options { query: Query::new(query), ..Options::default() }
    }

    #[test]
    fn small_programs_show_their_files_at_once() {
        check(
            &fixture(),
            &Options::default(),
            &["-example.com/m", " -m (root)", "  +main.go", " -store", "  +cache.go", "  +disk.go"],
        );
    }

    #[test]
    fn toggling_opens_and_closes() {
        let mut fixture = fixture();
        let store = fixture.outline.key(&fixture.view, Node::Package(1));
        let main = fixture.outline.key(&fixture.view, Node::File(0));
        fixture.toggled.extend([store, main]);
        check(
            &fixture,
            &Options::default(),
            &["-example.com/m", " -m (root)", "  -main.go", "   f0", " +store"],
        );
    }

    #[test]
    fn a_text_filter_keeps_the_way_to_what_it_finds() {
        let fixture = fixture();
        check(&fixture, &filter("disk"), &["-example.com/m", " -store", "  +disk.go"]);
        check(&fixture, &filter("store"), &["-example.com/m", " +store"]);
        check(&fixture, &filter("f1"), &["-example.com/m", " -store", "  -disk.go", "   f1"]);
        check(&fixture, &filter("nowhere"), &[]);
    }

    #[test]
    fn filters_by_coverage_and_heat() {
        let fixture = fixture();
        let hot = Options { show: Show::Hot, now_ms: 6_000, ..Options::default() };
        check(&fixture, &hot, &["-example.com/m", " -m (root)", "  +main.go"]);
        let cold = Options { now_ms: 60_000, ..hot };
        check(&fixture, &cold, &[]);
        let uncovered = Options { show: Show::Uncovered, ..Options::default() };
        check(&fixture, &uncovered, &["-example.com/m", " -store", "  +cache.go", "  +disk.go"]);
    }

    #[test]
    fn siblings_sort_by_what_is_missing() {
        let fixture = fixture();
        let by = |sort| Options { sort, ..Options::default() };
        check(
            &fixture,
            &by(Sort::Uncovered),
            &["-example.com/m", " -store", "  +disk.go", "  +cache.go", " -m (root)", "  +main.go"],
        );
        check(
            &fixture,
            &by(Sort::Recent),
            &["-example.com/m", " -m (root)", "  +main.go", " -store", "  +cache.go", "  +disk.go"],
        );
    }

    #[test]
    fn parents_are_the_next_row_above_of_a_lower_level() {
        let fixture = fixture();
        let Fixture { view, outline, toggled, .. } = &fixture;
        let rows = Tree { view, outline, options: &Options::default(), toggled }.rows();
        assert_eq!(parent(&rows, 5), Some(3));
        assert_eq!(parent(&rows, 3), Some(0));
        assert_eq!(parent(&rows, 0), None);
    }

    #[test]
    fn tracing_a_node_names_its_entries() {
        let Fixture { live, view, .. } = fixture();
        let store = "example.com/m/store".to_owned();
        assert_eq!(entries(&live, &view, Node::Module(0)), None);
        assert_eq!(entries(&live, &view, Node::Package(1)), Some((store.clone(), None)));
        assert_eq!(entries(&live, &view, Node::File(1)), Some((store.clone(), Some(vec![0, 2]))));
        assert_eq!(entries(&live, &view, Node::Function(3)), Some((store, Some(vec![4]))));
    }
}
