//! OpenCover XML, as OpenCover, coverlet and AltCover write it for .NET.
//!
//! ```text
//! <CoverageSession><Modules><Module>
//!   <Files><File uid="1" fullPath="C:\demo\A.cs"/></Files>
//!   <Classes><Class><Methods><Method visited="true">
//!     <Name>System.Int32 Demo.A::F(System.Int32)</Name><FileRef uid="1"/>
//!     <SequencePoints><SequencePoint vc="2" offset="0" sl="7" sc="9" el="7" ec="20" fileid="1">
//!       <TrackedMethodRefs><TrackedMethodRef uid="1" vc="2"/></TrackedMethodRefs></SequencePoint>
//!     <BranchPoints><BranchPoint vc="1" offset="4" sl="7" path="0" fileid="1"/>
//!     <MethodPoint vc="2"/>
//!   <TrackedMethods><TrackedMethod uid="1" name="…"/></TrackedMethods>      tests
//! ```
//!
//! Spec: OpenCover's wiki and its model classes. A sequence point is a statement, with its place
//! in characters, end exclusive, and makes the lines that it touches as often hit as the most hit
//! point on them: the rule of ReportGenerator. The same point in two methods is two statements,
//! as a value that a field starts with is in every constructor. Branch points of one offset are
//! the arms of a branch; the summary's number of branch points has one more for each method. What
//! several modules or sessions say of one file is of the same runs: the highest count holds.
//! Tracked methods are contexts.
//!
//! The model has no place for modules of a file, complexity and what was skipped.

use std::collections::{BTreeMap, HashMap};

use coverage::{BranchKind, Mode, Profile, Span};

use crate::dotnet::{self, Code};
use crate::xml::{self, Document, Element, Node};
use crate::{Format, Notes, Read, ReadError};

/// The format.
pub const FORMAT: Format = Format {
    id: "opencover",
    name: "OpenCover XML",
    extensions: &["xml"],
    // Several sessions may stand in one root of any name.
    sniff: |head| {
        xml::root(head).is_some_and(|(name, _)| {
            name == "CoverageSession" || xml::sniff(head, &name, &[], &["CoverageSession"])
        })
    },
    read: Read::File(read),
    write: None,
};

/// What compilers give as the line of code that has none.
const HIDDEN: u32 = 0x00fe_efee;

/// The profile in these bytes.
///
/// # Errors
/// Where the document breaks off or is no XML, or a number is none.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let text = xml::decode(bytes);
    let mut document = Document::new(&text);
    let mut session = Session::default();
    let mut method: Option<Method> = None;
    while let Some(node) = document.next()? {
        let path = document.path();
        match (node, &mut method) {
            (Node::Open(element), None) => match element.name {
                "Module" => session.files.clear(),
                "File" => {
                    let uid = element.required("uid")?.to_owned();
                    session.files.insert(uid, element.required("fullPath")?.to_owned());
                }
                "TrackedMethod" => {
                    let uid = element.required("uid")?.to_owned();
                    let test = element.attribute("name").unwrap_or(&uid).to_owned();
                    session.tests.insert(uid, test);
                }
                "CoverageSession" => session.resolve_tests(),
                "Method" if element.attribute("skippedDueTo").is_none() => {
                    method = Some(Method::new(&element, path.len()));
                }
                _ => {}
            },
            (Node::Open(element), Some(method)) => method.open(&element)?,
            (Node::Text(text), Some(method)) if path.last() == Some(&"Name") => {
                method.name = text.into_owned();
            }
            (Node::Close, Some(open)) if path.len() < open.depth => {
                if let Some(method) = method.take() {
                    session.add(method, name, notes);
                }
            }
            (Node::Close | Node::Text(_), _) => {}
        }
    }
    session.resolve_tests();
    Ok(session.code.finish(Mode::Count, name, notes))
}

#[derive(Default)]
struct Session {
    code: Code,
    /// Paths of files of a module, by their `uid`.
    files: HashMap<String, String>,
    /// Names of tests, by their `uid`.
    tests: HashMap<String, String>,
    /// Lines that were hit in a test, by its `uid` and by path: names come last.
    hits: BTreeMap<String, BTreeMap<String, Vec<u32>>>,
    /// Branches of each line of a file: by method and offset, the number of each.
    branches: HashMap<(String, u32), HashMap<(String, u64), usize>>,
}

/// A method that is being read.
struct Method {
    name: String,
    /// Elements that are open inside of it, itself included.
    depth: usize,
    visited: bool,
    file: Option<String>,
    entered: Option<u64>,
    points: Vec<Point>,
    arms: Vec<Arm>,
}

struct Point {
    offset: u64,
    span: Span,
    count: u64,
    file: Option<String>,
    tests: Vec<String>,
}

struct Arm {
    offset: u64,
    line: u32,
    path: String,
    count: u64,
    file: Option<String>,
}

impl Method {
    fn new(element: &Element<'_>, depth: usize) -> Self {
        let visited = element.attribute("visited").unwrap_or_default();
        Self {
            name: String::new(),
            depth,
            visited: visited.eq_ignore_ascii_case("true"),
            file: None,
            entered: None,
            points: Vec::new(),
            arms: Vec::new(),
        }
    }

    fn open(&mut self, element: &Element<'_>) -> Result<(), ReadError> {
        let line = |name| element.line(name).map(Option::unwrap_or_default);
        let count = || element.count("vc");
        let offset = || element.number("offset").map(Option::unwrap_or_default);
        let file = || element.attribute("fileid").map(str::to_owned);
        match element.name {
            "FileRef" => self.file = element.attribute("uid").map(str::to_owned),
            "SequencePoint" => {
                let start = line("sl")?;
                let end = line("el")?.max(start);
                let span = Span::new(start, line("sc")?, end, line("ec")?);
                let (count, offset, tests) = (count()?, offset()?, Vec::new());
                self.points.push(Point { offset, span, count, file: file(), tests });
            }
            "BranchPoint" => {
                let path = element.attribute("path").unwrap_or_default().to_owned();
                let (count, offset, line) = (count()?, offset()?, line("sl")?);
                self.arms.push(Arm { offset, line, path, count, file: file() });
            }
            "MethodPoint" if element.attribute("vc").is_some() => self.entered = Some(count()?),
            "TrackedMethodRef" => {
                let hit = element.attribute("vc").is_none() || count()? > 0;
                if let (Some(point), Some(uid)) = (self.points.last_mut(), element.attribute("uid"))
                    && hit
                {
                    point.tests.push(uid.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The line of a branch: old versions give none, so that the point before says.
    fn line_of(&self, arm: &Arm) -> Option<u32> {
        if arm.line > 0 {
            return Some(arm.line);
        }
        let before = self.points.iter().filter(|point| point.offset <= arm.offset);
        before.max_by_key(|point| point.offset).map(|point| point.span.start.line)
    }
}

impl Session {
    fn add(&mut self, mut method: Method, name: &str, notes: &mut Notes) {
        method.points.retain(|point| !matches!(point.span.start.line, 0 | HIDDEN));
        let function = short(&method.name).to_owned();
        let own = method.file.clone().or_else(|| method.points.first()?.file.clone());
        let mut missing = 0;
        let files = &self.files;
        let path_of = |uid: &Option<String>| {
            let uid = uid.as_ref().or(own.as_ref())?;
            files.get(uid).filter(|path| !path.is_empty())
        };
        if let Some(path) = path_of(&None) {
            let span = dotnet::extent(method.points.iter().map(|point| point.span));
            let entry = method.points.iter().min_by_key(|point| point.offset);
            let entered = method.entered.or(entry.map(|point| point.count));
            let count = entered.unwrap_or(0).max(u64::from(method.visited));
            self.code.draft.file(path).function(&function, span, Some(count));
        }
        for point in &method.points {
            let Some(path) = path_of(&point.file) else {
                missing += 1;
                continue;
            };
            let lines = self.code.statement(path, &function, point.span, point.count);
            for uid in &point.tests {
                let files = self.hits.entry(uid.clone()).or_default();
                files.entry(path.clone()).or_default().extend(lines.clone());
            }
        }
        for arm in &method.arms {
            let (Some(path), Some(line)) = (path_of(&arm.file), method.line_of(arm)) else {
                continue;
            };
            let known = self.branches.entry((path.clone(), line)).or_default();
            let next = known.len();
            let number = *known.entry((function.clone(), arm.offset)).or_insert(next);
            // The first of a line has no name, the others have numbers.
            let name = if number == 0 { String::new() } else { number.to_string() };
            let (kind, span) = (BranchKind::Branch, Span::line(line));
            self.code.draft.file(path).arm(kind, span, &name, &arm.path, arm.count);
        }
        if missing > 0 {
            notes.add(name, "sequence points of a file that is not listed are left out");
        }
    }

    /// Gives what was hit to the tests by their names.
    fn resolve_tests(&mut self) {
        let tests = std::mem::take(&mut self.tests);
        for (uid, files) in std::mem::take(&mut self.hits) {
            let test = tests.get(&uid).unwrap_or(&uid);
            for (path, lines) in files {
                let file = self.code.draft.file(&path);
                lines.into_iter().for_each(|line| file.hit_in(short(test), line));
            }
        }
    }
}

/// The name of a method without the type that it returns.
fn short(name: &str) -> &str {
    let owner = name.find("::").unwrap_or(0);
    let start = name.get(..owner).and_then(|before| before.rfind(' ')).map_or(0, |at| at + 1);
    name.get(start..).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn dumped(modules: &str) -> (String, Vec<String>) {
        let text = format!("<CoverageSession><Modules>{modules}</Modules></CoverageSession>");
        assert!((FORMAT.sniff)(text.as_bytes()));
        let mut notes = Notes::default();
        let profile = read("o.xml", text.as_bytes(), &mut notes).unwrap();
        (dump::write(&profile), notes.all().iter().map(|note| note.what.to_string()).collect())
    }

    #[test]
    fn points_are_statements_and_make_lines() {
        let (found, notes) = dumped(
            "<Module skippedDueTo='Filter'><ModulePath>x.dll</ModulePath></Module><Module><Files>\
             <File uid='1' fullPath='C:\\d\\A.cs'/></Files><Classes><Class><Methods>\
             <Method visited='true'><Name>System.Int32 D.A`1&lt;T&gt;::F(System.Int32)</Name>\
             <FileRef uid='1'/><SequencePoints><SequencePoint vc='2' offset='0' sl='7' sc='9' \
             el='8' ec='20' fileid='1'><TrackedMethodRefs><TrackedMethodRef uid='9' vc='2'/>\
             </TrackedMethodRefs></SequencePoint><SequencePoint vc='0' offset='9' sl='8' sc='21' \
             el='8' ec='30'/><SequencePoint vc='2' offset='5' sl='16707566' sc='0' el='16707566' \
             ec='0'/></SequencePoints><BranchPoints><BranchPoint vc='2' offset='4' sl='7' path='0'/>\
             <BranchPoint vc='0' offset='4' sl='7' path='1'/><BranchPoint vc='0' offset='9' \
             path='0'/></BranchPoints><MethodPoint vc='2'/></Method>\
             <Method visited='false' skippedDueTo='AutoImplementedProperty'><Name>g</Name><FileRef \
             uid='1'/></Method><Method visited='false'><Name>System.Void D.A::H()</Name><FileRef \
             uid='1'/><SequencePoints><SequencePoint vc='0' offset='0' sl='8' sc='21' el='8' \
             ec='30'/></SequencePoints></Method></Methods></Class></Classes><TrackedMethods>\
             <TrackedMethod uid='9' name='System.Void T::Works()'/></TrackedMethods></Module>",
        );
        assert_eq!(
            found,
            "mode count\npackage C:\\d - -\nfile C:\\d\\A.cs\nfunction -\nline 7 2\nline 8 2\n\
             statement 7.9,8.20 2\nstatement 8.21,8.30 0\nstatement 8.21,8.30 0\n\
             context T::Works() 7 8\nfunction D.A::H() 8 0\n\
             function D.A`1<T>::F(System.Int32) 7,8 2\n\
             branch 7 - 0=2 1=0\nbranch 8 - 0=0\n"
        );
        assert!(notes.is_empty());
    }

    #[test]
    fn points_that_claim_the_earth_keep_their_first_line() {
        let point = "<SequencePoint vc='1' offset='0' sl='1' sc='1' el='9999999' ec='9'/>";
        let (found, notes) = dumped(&format!(
            "<Module><Files><File uid='1' fullPath='a.cs'/></Files><Method><Name>f</Name>\
             <FileRef uid='1'/>{point}</Method><Method><FileRef uid='2'/>{point}</Method></Module>"
        ));
        assert!(found.contains("function -\nline 1 1\nstatement 1.1,9999999.9 1\n"), "{found}");
        assert_eq!(
            notes,
            [
                "sequence points of a file that is not listed are left out",
                "of 1 statements only the first line is kept"
            ]
        );
    }
}
