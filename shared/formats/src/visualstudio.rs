//! Coverage XML of Visual Studio: `.coveragexml`, and what `dotnet-coverage` and
//! `CodeCoverage.exe` write.
//!
//! ```text
//! <results><modules><module>                              <CoverageDSPriv><Module>…
//!   <functions><function name="F(int)" type_name="A">       <Method><MethodName>F(int)</…>
//!     <ranges><range source_id="0" covered="partial"          <Lines><LnStart>7</LnStart>…
//!       start_line="7" start_column="9" …/>                     <Coverage>1</Coverage>
//!   <source_files><source_file id="0" path="C:\A.cs"/>      <SourceFileNames>…
//! ```
//!
//! Spec: none but what the tools write. Ranges are statements, covered (0 in the older form), in
//! part (1) or not (2). Which part is not said: such a statement counts as hit, with a note. The
//! lines that a range touches are hit if one of their ranges is, and a function was entered if one
//! of its ranges was covered.
//!
//! The model has no place for modules of a file, and blocks, of which only numbers are given.

use std::collections::HashMap;

use coverage::{Mode, Profile, Span};

use crate::dotnet::{Code, Statement};
use crate::limits::Budget;
use crate::xml::{self, Document, Element, Node};
use crate::{Format, Notes, Read, ReadError};

/// The format.
pub const FORMAT: Format = Format {
    id: "visualstudio",
    name: "Visual Studio coverage XML",
    extensions: &["coveragexml", "xml"],
    sniff: |head| {
        xml::root(head).is_some_and(|(name, _)| name == "CoverageDSPriv")
            || xml::sniff(head, "results", &[], &["modules"])
    },
    read: Read::File(read),
    write: None,
};

/// The profile in these bytes.
///
/// # Errors
/// Where the document breaks off or is no XML, or a number is none.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let text = xml::decode(bytes);
    let mut document = Document::new(&text);
    let mut module = Module::default();
    let mut code = Code::default();
    let mut joins = Budget::of_names();
    while let Some(node) = document.next()? {
        match node {
            Node::Open(element) => module.open(&element)?,
            Node::Text(text) => {
                if let Some(&field) = document.path().last() {
                    module.fields.insert(field, text.into_owned());
                }
            }
            Node::Close => match document.path().last() {
                // The element that closed was in this one.
                Some(&"Method") if module.fields.contains_key("LnStart") => module.line(),
                Some(&"Class") => module.end_of_method(&mut joins)?,
                Some(&"modules") => std::mem::take(&mut module).tell(&mut code, name, notes),
                Some(&"CoverageDSPriv") => module.end_of_source(),
                _ => {}
            },
        }
    }
    module.tell(&mut code, name, notes);
    Ok(code.finish(Mode::Set, name, notes))
}

/// What is known before files are listed.
#[derive(Default)]
struct Module<'a> {
    files: HashMap<String, String>,
    methods: Vec<(String, Vec<Statement>)>,
    statements: Vec<Statement>,
    /// Texts of the older form, by their element.
    fields: HashMap<&'a str, String>,
    n_partial: u64,
}

impl Module<'_> {
    fn open(&mut self, element: &Element<'_>) -> Result<(), ReadError> {
        match element.name {
            "function" => {
                let part = |name| element.attribute(name).filter(|part: &&str| !part.is_empty());
                let names = [part("type_name"), part("name")];
                let name = names.into_iter().flatten().collect::<Vec<_>>().join(".");
                self.methods.push((name, Vec::new()));
            }
            "range" => {
                let number = |name| element.line(name).map(Option::unwrap_or_default);
                let start = number("start_line")?;
                let end = number("end_line")?.max(start);
                let span = Span::new(start, number("start_column")?, end, number("end_column")?);
                let covered = element.required("covered")?;
                self.n_partial += u64::from(covered == "partial");
                let count = u64::from(covered != "no");
                let file = element.required("source_id")?.to_owned();
                if let Some((_, statements)) = self.methods.last_mut() {
                    statements.push(Statement { file, span, count });
                }
            }
            "source_file" => {
                let path = element.required("path")?.to_owned();
                self.files.insert(element.required("id")?.to_owned(), path);
            }
            _ => {}
        }
        Ok(())
    }

    /// A range of the older form.
    fn line(&mut self) {
        let mut number = |name| {
            let text = self.fields.remove(name).unwrap_or_default();
            text.trim().parse::<u32>().unwrap_or(0)
        };
        let start = number("LnStart");
        let (column, end) = (number("ColStart"), number("LnEnd").max(start));
        let (span, covered) = (Span::new(start, column, end, number("ColEnd")), number("Coverage"));
        self.n_partial += u64::from(covered == 1);
        let file = self.fields.remove("SourceFileID").unwrap_or_default();
        self.statements.push(Statement { file, span, count: u64::from(covered < 2) });
    }

    fn end_of_method(&mut self, joins: &mut Budget) -> Result<(), ReadError> {
        let statements = std::mem::take(&mut self.statements);
        if !statements.is_empty() {
            let class = self.fields.get("ClassName").map_or("", String::as_str);
            let name = self.fields.get("MethodName").map_or("", String::as_str);
            joins.take(class.len() + name.len())?;
            self.methods.push((format!("{class}.{name}"), statements));
        }
        Ok(())
    }

    fn end_of_source(&mut self) {
        if let Some(path) = self.fields.remove("SourceFileName") {
            self.files.insert(self.fields.remove("SourceFileID").unwrap_or_default(), path);
        }
    }

    fn tell(self, code: &mut Code, name: &str, notes: &mut Notes) {
        for (method, statements) in &self.methods {
            code.method(method, statements, |id| self.files.get(id).map(String::as_str));
        }
        if self.n_partial > 0 {
            let note = format!("{} lines are covered in part, and taken for hit", self.n_partial);
            notes.add(name, note);
        }
    }
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    const EXPECTED: &str = "mode set\npackage C: - -\nfile C:\\A.cs\nfunction -\nline 3 1\nline 4 1\n\
                            line 5 1\nstatement 3.9,3.20 1\nstatement 4.9,5.2 1\nstatement 5.9,5.20 0\n\
                            function A.F(int) 3,5 1\n";

    fn dumped(text: &str) -> String {
        assert!((FORMAT.sniff)(text.as_bytes()));
        let mut notes = Notes::default();
        let profile = read("v.xml", text.as_bytes(), &mut notes).unwrap();
        assert_eq!(notes.all()[0].what, "1 lines are covered in part, and taken for hit");
        dump::write(&profile)
    }

    #[test]
    fn ranges_are_statements() {
        let range = |start, end, columns: (u32, u32), covered| {
            format!(
                "<range source_id='0' covered='{covered}' start_line='{start}' end_line='{end}' \
                 start_column='{}' end_column='{}'/>",
                columns.0, columns.1
            )
        };
        let ranges = range(3, 3, (9, 20), "yes")
            + &range(4, 5, (9, 2), "partial")
            + &range(5, 5, (9, 20), "no");
        assert_eq!(
            dumped(&format!(
                "<results><modules><module><functions><function name='F(int)' type_name='A'>\
                 <ranges>{ranges}</ranges></function></functions><source_files><source_file \
                 id='0' path='C:\\A.cs'/></source_files></module></modules></results>"
            )),
            EXPECTED
        );
        let lines = [(3, 9, 3, 20, 0), (4, 9, 5, 2, 1), (5, 9, 5, 20, 2)].map(
            |(start, from, end, to, covered)| {
                format!(
                    "<Lines><LnStart>{start}</LnStart><ColStart>{from}</ColStart><LnEnd>{end}\
                     </LnEnd><ColEnd>{to}</ColEnd><Coverage>{covered}</Coverage><SourceFileID>1\
                     </SourceFileID><LineID>0</LineID></Lines>"
                )
            },
        );
        assert_eq!(
            dumped(&format!(
                "<CoverageDSPriv><Module><NamespaceTable><Class><ClassName>A</ClassName><Method>\
                 <MethodName>F(int)</MethodName>{}</Method></Class></NamespaceTable></Module>\
                 <SourceFileNames><SourceFileID>1</SourceFileID><SourceFileName>C:\\A.cs\
                 </SourceFileName></SourceFileNames></CoverageDSPriv>",
                lines.concat()
            )),
            EXPECTED
        );
    }
}
