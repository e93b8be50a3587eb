//! JaCoCo XML, as JaCoCo, Kover and, in part, gcovr write it.
//!
//! ```text
//! <report name="demo">
//!   <group name="app">                                      modules, if there are several
//!     <package name="com/acme">
//!       <class name="com/acme/Calc$Inner" sourcefilename="Calc.java">
//!         <method name="get" desc="(I)J" line="7">
//!           <counter type="METHOD" missed="0" covered="1"/></method></class>
//!       <sourcefile name="Calc.java">
//!         <line nr="8" mi="0" ci="4" mb="1" cb="3"/>        instructions and branches,
//!                                                           missed and covered
//! ```
//!
//! Spec: `report.dtd` of JaCoCo. A line is hit when one of its instructions is; how often is not
//! said. A file is named by its package and name: the folder that sources start from is not in the
//! form. Packages of a group have that as their module, and its name before their own.
//! Functions are named as JaCoCo's pages do, `get(int)`, after their class unless that is the one
//! that the file is named after.
//!
//! gcovr leaves out `mi` and `ci`: whether a line was hit is then only known where it has branches,
//! or where the counters say that all were, or none. Other lines are left out, with a note. Before
//! version 8.4 its report had no name, and lines were those of a class, `<class sourcefilename="./a.c"><lines>`.
//!
//! The form has no place for counts, for which arm of a branch was taken, where functions end,
//! conditions of MC/DC and contexts. Instructions of a profile that has none are its lines.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use coverage::{BranchKind, Fraction, Mode, Profile, Span};

use crate::draft::{Draft, FileDraft, Join};
use crate::limits::Budget;
use crate::outline::{self, FileOutline, FunctionOutline};
use crate::xml::{self, Document, Element, Node, escape};
use crate::{Format, Notes, Read, ReadError, Write};

/// The format.
pub const FORMAT: Format = Format {
    id: "jacoco_xml",
    name: "JaCoCo XML",
    extensions: &["xml"],
    sniff,
    read: Read::File(read),
    write: Some(Write {
        files: |profile| vec![("jacoco.xml".to_owned(), write(profile).into_bytes())],
        blocks: false,
        keeps: &["lines", "branches", "functions"],
    }),
};

fn sniff(head: &[u8]) -> bool {
    let elements = ["sessioninfo", "group", "package", "sourcefile"];
    let has = |texts: &[&str]| texts.iter().any(|text| xml::decode(head).contains(text));
    let doctype = || has(&["JACOCO", "report.dtd"]);
    let is_gcovr = || has(&["jacoco/trunk/coverage/report.dtd"]);
    (xml::sniff(head, "report", &["name="], &[])
        && (xml::sniff(head, "report", &[], &elements) || doctype()))
        || (xml::sniff(head, "report", &[], &["package"]) && is_gcovr())
}

/// The profile in these bytes.
///
/// # Errors
/// Where the document breaks off or is no XML, or a number is none.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let text = xml::decode(bytes);
    let mut document = Document::new(&text);
    let mut draft = Draft::new(Join::Max);
    let mut joins = Budget::of_names();
    let mut groups: Vec<String> = Vec::new();
    let mut package: Option<Package> = None;
    while let Some(node) = document.next()? {
        match node {
            Node::Open(element) => match (element.name, &mut package) {
                ("group", None) => {
                    groups.push(element.attribute("name").unwrap_or_default().to_owned());
                }
                ("package", None) => {
                    joins.take(groups.iter().map(String::len).sum())?;
                    let depth = document.path().len();
                    package = Some(Package::new(&element, &groups, depth));
                }
                (_, Some(package)) => package.open(&element, document.path())?,
                _ => {}
            },
            Node::Close => {
                let depth = document.path().len();
                if package.as_ref().is_some_and(|package| depth < package.depth) {
                    if let Some(package) = package.take() {
                        package.finish(&mut draft, &mut joins, name, notes)?;
                    }
                } else if package.is_none() && depth < groups.len() + 1 {
                    groups.pop();
                }
            }
            Node::Text(_) => {}
        }
    }
    if draft.is_empty() {
        notes.add(name, "lists no files");
    }
    Ok(draft.finish(Mode::Set, name, notes))
}

/// A package that is being read.
struct Package {
    path: String,
    module: String,
    /// Elements that are open inside of it, itself included.
    depth: usize,
    classes: Vec<Class>,
    files: Vec<SourceFile>,
    /// Whether lines are those of classes, whose paths are whole.
    is_bare: bool,
}

struct Class {
    name: String,
    file: Option<String>,
    methods: Vec<Method>,
    instructions: Fraction,
}

struct Method {
    name: String,
    line: Option<u32>,
    /// What the most telling of its counters says, and how telling that is.
    hit: Option<(u8, bool)>,
}

#[derive(Default)]
struct SourceFile {
    name: String,
    rows: Vec<Row>,
    /// What its own counter says of lines.
    lines: Option<Fraction>,
}

struct Row {
    number: u32,
    instructions: Option<Fraction>,
    branches: Fraction,
}

impl Package {
    fn new(element: &Element<'_>, groups: &[String], depth: usize) -> Self {
        Self {
            path: element.attribute("name").unwrap_or_default().to_owned(),
            module: groups.join("/"),
            depth,
            classes: Vec::new(),
            files: Vec::new(),
            is_bare: false,
        }
    }

    fn open(&mut self, element: &Element<'_>, path: &[&str]) -> Result<(), ReadError> {
        let owner = path.iter().rev().nth(1).copied().unwrap_or_default();
        match element.name {
            "class" => self.classes.push(Class {
                name: element.attribute("name").unwrap_or_default().to_owned(),
                file: element.attribute("sourcefilename").map(str::to_owned),
                methods: Vec::new(),
                instructions: Fraction::default(),
            }),
            "method" => {
                let name = element.attribute("name").unwrap_or_default();
                let parameters = parameters(element.attribute("desc").unwrap_or_default());
                let name = format!("{name}{parameters}");
                let method = Method { name, line: element.line("line")?, hit: None };
                if let Some(class) = self.classes.last_mut() {
                    class.methods.push(method);
                }
            }
            "lines" if owner == "class" => {
                let class = self.classes.pop();
                let name = class.and_then(|class| class.file).unwrap_or_default();
                let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
                self.files.push(SourceFile { name, ..SourceFile::default() });
                self.is_bare = true;
            }
            "sourcefile" => {
                let name = element.attribute("name").unwrap_or_default().to_owned();
                self.files.push(SourceFile { name, ..SourceFile::default() });
            }
            "line" => {
                element.required("nr")?;
                let number = element.line("nr")?.unwrap_or(0);
                let fraction = |missed, covered| -> Result<Option<Fraction>, ReadError> {
                    let (missed, covered) = (element.number(missed)?, element.number(covered)?);
                    Ok((missed.is_some() || covered.is_some())
                        .then(|| fraction(missed.unwrap_or(0), covered.unwrap_or(0))))
                };
                let instructions = fraction("mi", "ci")?;
                let branches = fraction("mb", "cb")?.unwrap_or_default();
                if let Some(file) = self.files.last_mut() {
                    file.rows.push(Row { number, instructions, branches });
                }
            }
            "counter" => {
                let missed = element.number("missed")?.unwrap_or(0);
                let found = fraction(missed, element.number("covered")?.unwrap_or(0));
                let kind = element.attribute("type").unwrap_or_default();
                match (owner, kind) {
                    ("method", _) => {
                        let class = self.classes.last_mut();
                        if let Some(method) = class.and_then(|class| class.methods.last_mut()) {
                            method.counter(kind, found.covered > 0);
                        }
                    }
                    ("class", "INSTRUCTION") => {
                        if let Some(class) = self.classes.last_mut() {
                            class.instructions = found;
                        }
                    }
                    ("class", "LINE") if self.is_bare => {
                        if let Some(file) = self.files.last_mut() {
                            file.lines = Some(found);
                        }
                    }
                    ("sourcefile", "LINE") => {
                        if let Some(file) = self.files.last_mut() {
                            file.lines = Some(found);
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(
        self,
        draft: &mut Draft,
        joins: &mut Budget,
        name: &str,
        notes: &mut Notes,
    ) -> Result<(), ReadError> {
        let n_names = self.files.len() + self.classes.len() + 1;
        joins.take(n_names.saturating_mul(self.module.len() + self.path.len()))?;
        let package = match (self.module.as_str(), self.path.as_str()) {
            ("", path) => path.to_owned(),
            (module, "") => module.to_owned(),
            (module, path) => format!("{module}/{path}"),
        };
        for file in &self.files {
            let folder = if self.is_bare { "" } else { &self.path };
            let path = joined(folder, &file.name);
            file.tell(draft.file_in(&package, &self.module, &path), &path, name, notes);
        }
        for class in &self.classes {
            let Some(file) = self.file_of(class) else {
                if class.instructions.total > 0 || !class.methods.is_empty() {
                    notes.add(name, "classes without a source file are left out");
                }
                continue;
            };
            let path = joined(&self.path, file);
            let prefix = self.prefix(class, file);
            let file = draft.file_in(&package, &self.module, &path);
            for method in &class.methods {
                joins.take(prefix.len())?;
                let count = method.hit.map(|(_, hit)| u64::from(hit));
                let name = format!("{prefix}{}", method.name);
                file.function(&name, method.line.map(Span::line), count);
            }
        }
        Ok(())
    }

    /// The source file of a class. What is older than JaCoCo 0.8.2 does not say; there it is the
    /// only one, or the one named after it or after the class around it, or the only one that has
    /// the lines that its methods start on.
    fn file_of<'a>(&'a self, class: &'a Class) -> Option<&'a str> {
        if let Some(file) = &class.file {
            return Some(file);
        }
        let outer = self.simple(&class.name).split('$').next().unwrap_or_default();
        let named = self.files.iter().find(|file| {
            let stem = file.name.split('.').next().unwrap_or_default();
            stem == outer || (outer.strip_suffix("Kt") == Some(stem))
        });
        let only = || self.files.first().filter(|_| self.files.len() == 1);
        named.or_else(only).or_else(|| self.with_lines_of(class)).map(|file| file.name.as_str())
    }

    fn with_lines_of(&self, class: &Class) -> Option<&SourceFile> {
        let lines: Vec<u32> = class.methods.iter().filter_map(|method| method.line).collect();
        let mut files = self.files.iter().filter(|file| {
            let has = |line| file.rows.binary_search_by_key(line, |row| row.number).is_ok();
            !lines.is_empty() && lines.iter().all(has)
        });
        files.next().filter(|_| files.next().is_none())
    }

    /// The name of a class without its package.
    fn simple<'a>(&self, class: &'a str) -> &'a str {
        let inner = class.strip_prefix(&self.path).and_then(|rest| rest.strip_prefix('/'));
        inner.unwrap_or(class)
    }

    /// What stands before the names of methods of a class.
    fn prefix(&self, class: &Class, file: &str) -> String {
        let simple = self.simple(&class.name);
        match simple == file.split('.').next().unwrap_or(file) || simple.is_empty() {
            true => String::new(),
            false => format!("{simple}."),
        }
    }
}

impl Method {
    fn counter(&mut self, kind: &str, hit: bool) {
        let rank = match kind {
            "METHOD" => 3,
            "INSTRUCTION" => 2,
            "LINE" => 1,
            _ => return,
        };
        if self.hit.is_none_or(|(known, _)| known < rank) {
            self.hit = Some((rank, hit));
        }
    }
}

impl SourceFile {
    fn tell(&self, draft: &mut FileDraft, path: &str, name: &str, notes: &mut Notes) {
        let known = self.rows.iter().any(|row| row.instructions.is_some());
        // What the counters say of every line, if they do.
        let all = match self.lines {
            Some(Fraction { covered, total }) if covered == total && total > 0 => Some(1),
            Some(Fraction { covered: 0, .. }) => Some(0),
            _ => None,
        };
        for row in &self.rows {
            let span = Span::line(row.number);
            match row.instructions {
                Some(found) => {
                    draft.line(row.number, u64::from(found.covered > 0));
                    tell_arms(draft, BranchKind::Instruction, span, found);
                }
                None if known || row.branches.total > 0 => {
                    draft.line(row.number, u64::from(row.branches.covered > 0));
                }
                None => all.into_iter().for_each(|count| draft.line(row.number, count)),
            }
            tell_arms(draft, BranchKind::Branch, span, row.branches);
        }
        if !known && all.is_none() && !self.rows.is_empty() {
            let total = self.lines.map_or(String::new(), |lines| {
                format!(", only that {} of {} were", lines.covered, lines.total)
            });
            let left_out = "those without branches are left out";
            notes.add(
                name,
                format!("{path}: it is not said which lines were hit{total}: {left_out}"),
            );
        }
    }
}

fn tell_arms(draft: &mut FileDraft, kind: BranchKind, span: Span, found: Fraction) {
    let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    draft.tally(kind, span, "", small(found.covered), small(found.total));
}

fn fraction(missed: u64, covered: u64) -> Fraction {
    Fraction { covered, total: missed.saturating_add(covered) }
}

fn joined(package: &str, file: &str) -> String {
    if package.is_empty() { file.to_owned() } else { format!("{package}/{file}") }
}

/// The parameters of a method's descriptor as Java names them, without packages: `(int, String)`
/// of `(ILjava/lang/String;)V`. What is no descriptor stays as it is.
pub(crate) fn parameters(descriptor: &str) -> Cow<'_, str> {
    let named = || {
        let (mut rest, result) = descriptor.strip_prefix('(')?.rsplit_once(')')?;
        let mut names: Vec<String> = Vec::new();
        while !rest.is_empty() {
            let element = rest.trim_start_matches('[');
            let dimensions = rest.len() - element.len();
            let (name, after) = field_type(element)?;
            names.push(format!("{name}{}", "[]".repeat(dimensions)));
            rest = after;
        }
        let result = result.trim_start_matches('[');
        let is_result =
            result == "V" || field_type(result).is_some_and(|(_, rest)| rest.is_empty());
        is_result.then(|| format!("({})", names.join(", ")))
    };
    named().map_or(Cow::Borrowed(descriptor), Cow::Owned)
}

/// The name of the type that a descriptor starts with, and what follows (JVM specification 4.3.2).
fn field_type(descriptor: &str) -> Option<(&str, &str)> {
    let mut chars = descriptor.chars();
    let name = match chars.next()? {
        'B' => "byte",
        'C' => "char",
        'D' => "double",
        'F' => "float",
        'I' => "int",
        'J' => "long",
        'S' => "short",
        'Z' => "boolean",
        'L' => {
            let (class, rest) = chars.as_str().split_once(';')?;
            return Some((class.rsplit(['/', '$']).next().unwrap_or(class), rest));
        }
        _ => return None,
    };
    Some((name, chars.as_str()))
}

/// The profile as one package for each folder. Modules become groups where packages lie in them as
/// those that were read do.
pub fn write(profile: &Profile) -> String {
    let files = outline::files(profile);
    let mut groups: BTreeMap<&str, BTreeMap<String, Vec<&FileOutline<'_>>>> = BTreeMap::new();
    for file in &files {
        let folder = folder(file.path);
        let module = file.package.module.as_str();
        let in_module = file.package.path.strip_prefix(module);
        let is_group = !module.is_empty()
            && in_module.is_some_and(|rest| rest.strip_prefix('/').unwrap_or(rest) == folder);
        let packages = groups.entry(if is_group { module } else { "" }).or_default();
        packages.entry(folder).or_default().push(file);
    }
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE report PUBLIC \
         \"-//JACOCO//DTD Report 1.1//EN\" \"report.dtd\">\n<report name=\"coverage\">\n",
    );
    let mut all = Counters::default();
    let are_groups = groups.keys().any(|module| !module.is_empty());
    for (module, packages) in groups {
        let mut of_group = Counters::default();
        if are_groups {
            let _ = writeln!(out, "<group name=\"{}\">", escape(module));
        }
        for (package, files) in packages {
            let mut counters = Counters::default();
            let _ = writeln!(out, "<package name=\"{}\">", escape(&package));
            files.iter().for_each(|file| write_classes(&mut out, &package, file, &mut counters));
            files.iter().for_each(|file| write_file(&mut out, file, &mut counters));
            counters.write(&mut out);
            out += "</package>\n";
            of_group.add(&counters);
        }
        if are_groups {
            of_group.write(&mut out);
            out += "</group>\n";
        }
        all.add(&of_group);
    }
    all.write(&mut out);
    out += "</report>\n";
    out
}

/// The folder of a path, with slashes.
fn folder(path: &str) -> String {
    path.rsplit_once(['/', '\\']).map_or(String::new(), |(folder, _)| folder.replace('\\', "/"))
}

/// Classes with the functions of a file; what is of no class is of the one that the file is named
/// after.
fn write_classes(out: &mut String, package: &str, file: &FileOutline<'_>, counters: &mut Counters) {
    let name = file.path.rsplit(['/', '\\']).next().unwrap_or(file.path);
    let stem = name.split('.').next().unwrap_or(name);
    let mut classes: BTreeMap<&str, Vec<(&str, &FunctionOutline)>> = BTreeMap::new();
    for function in &file.functions {
        let end = function.name.find('(').unwrap_or(function.name.len());
        let (before, _) = function.name.split_at_checked(end).unwrap_or_default();
        let is_class = |class: &str| {
            !class.is_empty() && class.chars().all(|c| c.is_alphanumeric() || "_$".contains(c))
        };
        let (class, method) = match before.split_once('.') {
            Some((class, _)) if is_class(class) => {
                (class, function.name.get(class.len() + 1..).unwrap_or_default())
            }
            _ => (stem, function.name.as_str()),
        };
        classes.entry(class).or_default().push((method, function));
    }
    for (class, methods) in classes {
        let class = joined(package, class);
        let _ = writeln!(
            out,
            "<class name=\"{}\" sourcefilename=\"{}\">",
            escape(&class),
            escape(name)
        );
        let mut of_class = Counters::default();
        for (method, function) in methods {
            let at = method.find('(').filter(|at| *at > 0).unwrap_or(method.len());
            let (name, parameters) = method.split_at_checked(at).unwrap_or_default();
            let (name, parameters) = (escape(name), escape(parameters));
            let _ = write!(out, "<method name=\"{name}\" desc=\"{parameters}\"");
            if let Some(line) = function.line {
                let _ = write!(out, " line=\"{line}\"");
            }
            let hit = Fraction { covered: u64::from(function.count > 0), total: 1 };
            let of_method = Counters { methods: hit, ..Counters::default() };
            out.push('>');
            of_method.write(out);
            out.push_str("</method>\n");
            of_class.add(&of_method);
        }
        let hit = u64::from(of_class.methods.covered > 0);
        of_class.classes = Fraction { covered: hit, total: 1 };
        of_class.write(out);
        out.push_str("</class>\n");
        counters.add(&of_class);
    }
}

fn write_file(out: &mut String, file: &FileOutline<'_>, counters: &mut Counters) {
    let name = file.path.rsplit(['/', '\\']).next().unwrap_or(file.path);
    let _ = writeln!(out, "<sourcefile name=\"{}\">", escape(name));
    let mut of_file = Counters {
        branches: file.arm_total(BranchKind::Branch),
        lines: file.line_total(),
        ..Counters::default()
    };
    for line in &file.lines {
        let Fraction { mut covered, mut total } = line.arms(BranchKind::Instruction);
        // The line's own count tells; instructions only how many.
        total = total.max(1);
        covered = if line.count > 0 { covered.max(1) } else { 0 };
        of_file.instructions += Fraction { covered, total };
        let arms = line.arms(BranchKind::Branch);
        let _ = writeln!(
            out,
            "<line nr=\"{}\" mi=\"{}\" ci=\"{covered}\" mb=\"{}\" cb=\"{}\"/>",
            line.number,
            total - covered,
            arms.total - arms.covered,
            arms.covered
        );
    }
    of_file.write(out);
    out.push_str("</sourcefile>\n");
    counters.add(&of_file);
}

/// What counters of an element say.
#[derive(Debug, Default)]
struct Counters {
    instructions: Fraction,
    branches: Fraction,
    lines: Fraction,
    methods: Fraction,
    classes: Fraction,
}

impl Counters {
    fn add(&mut self, other: &Self) {
        self.instructions += other.instructions;
        self.branches += other.branches;
        self.lines += other.lines;
        self.methods += other.methods;
        self.classes += other.classes;
    }

    fn write(&self, out: &mut String) {
        for (kind, found) in [
            ("INSTRUCTION", self.instructions),
            ("BRANCH", self.branches),
            ("LINE", self.lines),
            ("METHOD", self.methods),
            ("CLASS", self.classes),
        ] {
            if found.total > 0 {
                let (missed, covered) = (found.total - found.covered, found.covered);
                let _ = write!(
                    out,
                    "<counter type=\"{kind}\" missed=\"{missed}\" covered=\"{covered}\"/>"
                );
            }
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn dumped(report: &str) -> (String, Vec<String>) {
        let text = format!("<report name='r'>{report}</report>");
        let mut notes = Notes::default();
        let profile = read("j.xml", text.as_bytes(), &mut notes).unwrap();
        (dump::write(&profile), notes.all().iter().map(|note| note.what.to_string()).collect())
    }

    #[test]
    fn lines_may_be_those_of_a_class() {
        let text = "<!DOCTYPE coverage SYSTEM 'https://www.jacoco.org/jacoco/trunk/coverage/report.dtd'>\n\
                    <report><package name='src'><class name='a_c' sourcefilename='./src/a.c'><lines>\
                    <line nr='3'/><line nr='4' mb='1' cb='1'/></lines>\
                    <counter type='LINE' missed='0' covered='2'/></class></package></report>";
        assert!(sniff(text.as_bytes()));
        let profile = read("g.xml", text.as_bytes(), &mut Notes::default()).unwrap();
        assert_eq!(
            dump::write(&profile),
            "mode set\npackage src - -\nfile src/a.c\nfunction -\nline 3 1\nline 4 1\nbranch 4 - 1/2\n"
        );
    }

    #[test]
    fn classes_without_a_file_are_where_their_lines_are() {
        let (found, notes) = dumped(
            "<package name='p'><class name='p/Second'><method name='f' desc='()V' line='7'>\
             <counter type='METHOD' missed='0' covered='1'/></method></class>\
             <class name='p/Nowhere'><method name='f' desc='()V' line='9'/></class>\
             <sourcefile name='A.java'><line nr='3' mi='0' ci='2'/><line nr='7' mi='0' ci='1'/>\
             </sourcefile><sourcefile name='B.java'><line nr='3' mi='0' ci='2'/></sourcefile>\
             </package>",
        );
        let a = found.split("file p/B.java").next().unwrap();
        assert!(a.contains("function Second.f() 7 1\n"), "{found}");
        assert_eq!(notes, ["classes without a source file are left out"]);
    }

    #[test]
    fn groups_are_modules() {
        let package = "<package name='com/acme'><sourcefile name='A.java'>\
                       <line nr='3' mi='0' ci='2' mb='1' cb='1'/><line nr='4' mi='1' ci='0'/>\
                       </sourcefile></package>";
        let (found, notes) = dumped(&format!(
            "<group name='app'><group name='core'>{package}</group>{package}</group>"
        ));
        let file = "file com/acme/A.java\nfunction -\nline 3 1\nline 4 0\nbranch 3 - 1/2\n\
                    instruction 3 - 2/2\ninstruction 4 - 0/1\n";
        assert_eq!(
            found,
            format!(
                "mode set\npackage app/com/acme - app\n{file}\
                 package app/core/com/acme - app/core\n{file}"
            )
        );
        assert!(notes.is_empty());
        let again =
            read("", write(&dump::parse(&found).unwrap()).as_bytes(), &mut Notes::default());
        assert_eq!(dump::write(&again.unwrap()), found);
    }

    #[test]
    fn lines_that_may_or_may_not_be_hit_are_left_out() {
        let (found, notes) = dumped(
            "<package name=''><sourcefile name='a.c'><line nr='3' mb='0' cb='2'/><line nr='4'/>\
             <counter type='LINE' missed='1' covered='1'/></sourcefile><sourcefile name='b.c'>\
             <line nr='1'/><counter type='LINE' missed='0' covered='1'/></sourcefile></package>",
        );
        assert_eq!(
            found,
            "mode set\npackage - - -\nfile a.c\nfunction -\nline 3 1\nbranch 3 - 2/2\nfile b.c\nfunction -\nline 1 1\n"
        );
        let note = "a.c: it is not said which lines were hit, only that 1 of 2 were: those without \
                    branches are left out";
        assert_eq!(notes, [note]);
    }

    #[test]
    fn classes_find_their_files() {
        let method = "<method name='f' desc='()V' line='1'><counter type='LINE' missed='1' \
                      covered='0'/><counter type='METHOD' missed='0' covered='1'/></method>";
        let (found, notes) = dumped(&format!(
            "<package name='p'><class name='p/A$B'>{method}</class><class name='p/AKt'>{method}\
             </class><class name='p/C' sourcefilename='A.kt'>{method}</class><class name='p/X'>\
             {method}</class><sourcefile name='A.kt'/><sourcefile name='D.kt'/></package>"
        ));
        assert_eq!(
            found,
            "mode set\npackage p - -\nfile p/A.kt\nfunction A$B.f() 1 1\nfunction AKt.f() 1 1\n\
             function C.f() 1 1\nfile p/D.kt\n"
        );
        assert_eq!(notes, ["classes without a source file are left out"]);
    }

    #[test]
    fn descriptors_become_parameters() {
        assert_eq!(parameters("(I[[Ljava/util/Map$Entry;JZ)[B"), "(int, Entry[][], long, boolean)");
        assert_eq!(parameters("()V"), "()");
        for text in ["", "(int)", "(I", "(Q)V", "(Lx)V", "()"] {
            assert_eq!(parameters(text), text);
        }
    }

    #[test]
    fn writing_keeps_lines_branches_and_functions() {
        let text = "mode count\npackage p - -\nfile p\\a.c\nfunction -\nline 2 5\nline 4 0\n\
                    function (anonymous_1) 2 0\nfunction A$B.f(int) 4 5\nfunction f<int> 2,4 5\n\
                    function g - 0\nbranch 2 if 0=4 1=0\ninstruction 4 - 1/3\n";
        let written = write(&dump::parse(text).unwrap());
        let again = read("", written.as_bytes(), &mut Notes::default()).unwrap();
        let expected = "mode set\npackage p - -\nfile p/a.c\nfunction -\nline 2 1\nline 4 0\n\
                        function (anonymous_1) 2 0\nfunction A$B.f(int) 4 1\nfunction f<int> 2 1\n\
                        function g - 0\nbranch 2 - 1/2\ninstruction 2 - 1/1\ninstruction 4 - 0/3\n";
        assert_eq!(dump::write(&again), expected);
    }
}
