//! dotCover's detailed XML, as JetBrains dotCover writes it for .NET.
//!
//! ```text
//! <Root ReportType="DetailedXml">
//!   <FileIndices><File Index="1" Name="C:\demo\A.cs"/></FileIndices>
//!   <Assembly Name="Demo"><Namespace Name="Demo"><Type Name="A">
//!     <Method Name="F(int):System.Int32">
//!       <Statement FileIndex="1" Line="7" Column="9" EndLine="7" EndColumn="20" Covered="True"/>
//! ```
//!
//! Spec: none but what dotCover writes with `--reportType=DetailedXML`. Statements were covered or
//! not, and make all lines that they touch; a method was entered if one of its statements was
//! covered. Other report types have no lines and are refused.
//!
//! The model has no place for assemblies of a file.

use std::collections::HashMap;

use coverage::{Mode, Profile, Span};

use crate::dotnet::{Code, Statement};
use crate::limits::Budget;
use crate::xml::{self, Document, Element, Node};
use crate::{Format, Notes, Place, Read, ReadError};

/// The format.
pub const FORMAT: Format = Format {
    id: "dotcover",
    name: "dotCover XML",
    extensions: &["xml"],
    // Several reports may stand in one root.
    sniff: |head| {
        xml::sniff(head, "Root", &["ReportType=", "DotCoverVersion="], &[])
            || xml::sniff(head, "root", &[], &["Root"])
    },
    read: Read::File(read),
    write: None,
};

/// The profile in these bytes.
///
/// # Errors
/// Where the document breaks off or is no XML, a number is none, or the report is not detailed.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let text = xml::decode(bytes);
    let mut document = Document::new(&text);
    let mut files: HashMap<String, String> = HashMap::new();
    let mut code = Code::default();
    let mut joins = Budget::of_names();
    // Types and methods around, each with the statements that are its own.
    let mut open: Vec<(String, Vec<Statement>)> = Vec::new();
    while let Some(node) = document.next()? {
        match node {
            Node::Open(element) => {
                if !matches!(element.name, "Statement" | "File" | "Root" | "FileIndices") {
                    let named = !matches!(element.name, "Assembly" | "Namespace" | "root");
                    let name = element.attribute("Name").filter(|_| named).unwrap_or_default();
                    open.push((name.to_owned(), Vec::new()));
                }
                match element.name {
                    "Root" => {
                        files.clear();
                        if let Some(kind) = element.attribute("ReportType")
                            && kind != "DetailedXml"
                        {
                            let reason = "a dotCover report without statements: export DetailedXml";
                            return Err(ReadError::unsupported(Place::Whole, reason));
                        }
                    }
                    "File" => {
                        let path = element.required("Name")?.to_owned();
                        files.insert(element.required("Index")?.to_owned(), path);
                    }
                    "Statement" => {
                        let statement = statement(&element)?;
                        if let Some((_, statements)) = open.last_mut() {
                            statements.push(statement);
                        }
                    }
                    _ => {}
                }
            }
            Node::Close => {
                // Everything that is open but the root, file indices and statements.
                let depth = document.path().iter();
                let depth = depth.filter(|name| !matches!(**name, "Root" | "FileIndices")).count();
                if depth < open.len()
                    && let Some((own, statements)) = open.pop()
                    && !statements.is_empty()
                {
                    if statements.iter().any(|statement| !files.contains_key(&statement.file)) {
                        notes.add(name, "statements of a file that is not listed are left out");
                    }
                    joins.take(open.iter().map(|(name, _)| name.len()).sum())?;
                    let names = open.iter().map(|(name, _)| name.as_str());
                    let names: Vec<_> =
                        names.chain([short(&own)]).filter(|n| !n.is_empty()).collect();
                    let path = |index: &str| files.get(index).map(String::as_str);
                    code.method(&names.join("."), &statements, path);
                }
            }
            Node::Text(_) => {}
        }
    }
    Ok(code.finish(Mode::Set, name, notes))
}

fn statement(element: &Element<'_>) -> Result<Statement, ReadError> {
    let number = |name| element.line(name).map(Option::unwrap_or_default);
    let start = number("Line")?;
    let end = number("EndLine")?.max(start);
    let covered = element.required("Covered")?;
    Ok(Statement {
        file: element.required("FileIndex")?.to_owned(),
        span: Span::new(start, number("Column")?, end, number("EndColumn")?),
        count: u64::from(covered.eq_ignore_ascii_case("true")),
    })
}

/// The name of a method without the type that it returns.
fn short(name: &str) -> &str {
    let end = name.rfind("):").map_or(name.len(), |at| at + 1);
    name.get(..end).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    #[test]
    fn methods_are_named_after_their_types() {
        let text = "<Root ReportType='DetailedXml'><FileIndices><File Index='1' Name='C:\\A.cs'/>\
                    </FileIndices><Assembly Name='D'><Namespace Name='N'><Type Name='A'>\
                    <Method Name='F(System.Int32):System.Void'><Statement FileIndex='1' Line='3' \
                    Column='9' EndLine='4' EndColumn='5' Covered='True'/><Statement FileIndex='1' \
                    Line='4' Column='5' EndLine='4' EndColumn='9' Covered='False'/></Method>\
                    <Type Name='B'><Property Name='P'><Method Name='get():System.Int32'><Statement \
                    FileIndex='1' Line='7' Column='1' EndLine='7' EndColumn='2' Covered='False'/>\
                    <Statement FileIndex='2' Line='8' Covered='False'/></Method></Property></Type>\
                    </Type></Namespace></Assembly></Root>";
        assert!((FORMAT.sniff)(text.as_bytes()));
        let mut notes = Notes::default();
        let profile = read("d.xml", text.as_bytes(), &mut notes).unwrap();
        assert_eq!(
            dump::write(&profile),
            "mode set\npackage C: - -\nfile C:\\A.cs\nfunction -\nline 3 1\nline 4 1\nline 7 0\n\
             statement 3.9,4.5 1\nstatement 4.5,4.9 0\nstatement 7.1,7.2 0\n\
             function A.B.P.get() 7,8 0\nfunction A.F(System.Int32) 3,4 1\n"
        );
        assert_eq!(notes.all()[0].what, "statements of a file that is not listed are left out");
    }

    #[test]
    fn reports_without_statements_are_refused() {
        let text = b"<Root CoveredStatements='1' ReportType='Xml'></Root>";
        let error = read("", text, &mut Notes::default()).unwrap_err();
        assert!(error.to_string().contains("export DetailedXml"));
    }
}
