//! LCOV tracefiles (`lcov.info`), as `geninfo` of LTP GCOV extension writes them, and c8, nyc,
//! coverage.py, `llvm-cov export -format=lcov`, gcovr, coverlet, grcov, …: dialects 1.x and 2.x.
//!
//! ```text
//! TN:unit                          test name; of all records until the next
//! SF:/src/a.c                      a record, of one file
//! FN:3,9,main                      function: start line, end line (or not), name
//! FNDA:1,main                      how often it was entered
//! FNL:0,3,9                        2.x: index, start line, end line (or not)
//! FNA:0,1,main                     2.x: index, how often, one of its names
//! BRDA:4,e0,1,-                    branch: line, block, arm, how often or "-" where never reached
//! MCDC:4,2,t,1,0,a && b            2.x: line, conditions, sense, how often, index, expression
//! DA:4,1,Xq3…                      line, how often, checksum (or not)
//! LF:1                             totals, and so on
//! end_of_record
//! ```
//!
//! Spec: `man geninfo`, section FILES. What is said twice of a file is added up, as `lcov` does.
//! A row that is not understood is left out, with a note; a block that starts with `U` is left
//! out because lcov says that it can't be reached.
//!
//! What the model cannot keep: checksums and versions; whether an arm is an exception or falls
//! through; that a branch was never reached, which is told from its line when it is written.
//! Each name of a function that has several is a function, as `lcov --summary` and `genhtml` count
//! (`FNF:` of 2.x counts places). Conditions of LLVM have one outcome, and
//! one sense here; lcov takes the other for missed.

mod functions;
mod labels;
mod oddities;
mod records;
mod rows;
mod write;

use std::borrow::Cow;

use coverage::{Mode, PackageIdx, Profile, ProfileBuilder};

use crate::draft::folder;
use crate::{Format, Notes, Read, ReadError, Write, text};

use self::labels::Labels;
use self::oddities::Oddities;
use self::rows::Rows;

/// The format.
pub const FORMAT: Format = Format {
    id: "lcov",
    name: "LCOV tracefile",
    extensions: &["info", "lcov", "dat"],
    sniff,
    read: Read::File(read),
    write: Some(Write {
        files: |profile| vec![("lcov.info".to_owned(), write::write(profile))],
        blocks: false,
        keeps: &["lines", "branches", "functions", "conditions"],
    }),
};

/// What rows start with.
const TAGS: &[&[u8]] = &[
    b"TN:",
    b"SF:",
    b"VER:",
    b"DA:",
    b"BRDA:",
    b"FN:",
    b"FNDA:",
    b"FNL:",
    b"FNA:",
    b"MCDC:",
    b"LF:",
    b"LH:",
    b"FNF:",
    b"FNH:",
    b"BRF:",
    b"BRH:",
    b"MCF:",
    b"MCH:",
    b"end_of_record",
];

fn sniff(head: &[u8]) -> bool {
    let head = unix(head);
    let is_row = |line: &&[u8]| TAGS.iter().any(|tag| line.starts_with(tag));
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let starts = |line: &[u8]| line.starts_with(b"TN:") || line.starts_with(b"SF:");
    // A name may have lines of its own; the last line may be cut.
    lines.next().is_some_and(starts) && {
        let rest: Vec<_> = lines.collect();
        rest.len() < 2 || rest.iter().any(is_row)
    }
}

/// The text as UTF-8 with Unix ends of lines, or with both `\r` and `\n`.
fn unix(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => match text::decode(bytes) {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        _ => Cow::Borrowed(bytes),
    };
    if memchr::memchr(b'\r', &bytes).is_none() || memchr::memchr(b'\n', &bytes).is_some() {
        return bytes;
    }
    // Classic Mac OS.
    let mut bytes = bytes.into_owned();
    bytes.iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
    Cow::Owned(bytes)
}

/// The profile in these bytes.
///
/// # Errors
/// There is no record, no row in any record that can be understood, or a count below zero.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let bytes = unix(bytes);
    let mut oddities = Oddities::default();
    let records = records::by_file(&bytes, &mut oddities);
    if records.is_empty() {
        let first = oddities.first_place(&bytes);
        return Err(ReadError::malformed(first, "there is no record: no SF: with a name"));
    }
    let mut builder = ProfileBuilder::default();
    let mut labels = Labels::default();
    let mut rows = Rows::default();
    let mut package: Option<(&[u8], PackageIdx)> = None;
    let mut is_empty = true;
    for records in records.chunk_by(|a, b| a.path == b.path) {
        let Some(first) = records.first() else { continue };
        for record in records {
            rows.read(record, &mut labels, &mut oddities);
        }
        is_empty &= rows.is_empty();
        let path = String::from_utf8_lossy(first.path);
        let package_idx = match package {
            Some((last, idx)) if last == first.folder() => idx,
            _ => builder.package(folder(&path), "", ""),
        };
        package = Some((first.folder(), package_idx));
        let file = builder.file(package_idx, &path);
        rows.build(&mut builder, file, &mut labels, &mut oddities);
    }
    if let Some(error) = oddities.refusal(&bytes) {
        return Err(error);
    }
    if is_empty && let Some((place, reason)) = oddities.first_bad(&bytes) {
        return Err(ReadError::malformed(place, reason));
    }
    oddities.tell(&bytes, name, notes);
    Ok(builder.build(Mode::Count))
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    /// What a tracefile holds, one line of a dump after the other, and the notes.
    fn check(text: impl AsRef<[u8]>, expected: &[&str]) {
        let mut notes = Notes::default();
        let profile = read("x.info", text.as_ref(), &mut notes).unwrap();
        let dump = dump::write(&profile);
        let notes = notes.all().iter().map(|note| &*note.what);
        let found: Vec<_> = dump.lines().skip(1).chain(notes).collect();
        assert_eq!(found, expected);
        let again = write::write(&profile);
        let again = read("x.info", &again, &mut Notes::default()).unwrap();
        let metrics = |profile| coverage::Metrics::of(profile);
        assert_eq!(metrics(&again), metrics(&profile));
    }

    fn refused(text: impl AsRef<[u8]>, expected: &str) {
        let error = read("x.info", text.as_ref(), &mut Notes::default()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn records_of_one_file_are_added_up() {
        check(
            "TN:a\nSF:p/x.c\nFN:1,f\nFNDA:1,f\nBRDA:2,0,0,1\nBRDA:2,0,1,-\nDA:2,1\nDA:1,1\n\
             end_of_record\nTN:b\nSF:q/y.c\nDA:7,1\nend_of_record\nSF:p/x.c\nFN:1,f\nFNDA:2,f\n\
             FN:9,g\nFNDA:0,g\nBRDA:2,0,1,4\nDA:2,2\nDA:9,0\nend_of_record\n",
            &[
                "package p - -",
                "file p/x.c",
                "function -",
                "line 1 1",
                "line 2 3",
                "line 9 0",
                "context a 1 2",
                "context b 2",
                "function f 1 3",
                "function g 9 0",
                "branch 2 0 0=1 1=4",
                "package q - -",
                "file q/y.c",
                "function -",
                "line 7 1",
                "context b 7",
            ],
        );
    }

    #[test]
    fn functions_have_names_with_commas_ends_and_aliases() {
        check(
            "SF:x.c\nFN:1,f(int, char)\nFN:3,9,g<1,2>\nFNDA:2,f(int, char)\nFNDA:5,h\n\
             FNL:0,20,25\nFNL:1,30\nFNA:0,1,_Zlong\nFNA:0,2,_Z\nFNA:1,0,k\nend_of_record\n",
            &[
                "package - - -",
                "file x.c",
                "function _Z 20,25 2",
                "function _Zlong 20,25 1",
                "function f(int,%20char) 1 2",
                "function g<1,2> 3,9 0",
                "function h - 5",
                "function k 30 0",
            ],
        );
    }

    #[test]
    fn branches_have_flags_and_texts() {
        check(
            "SF:x.py\nDA:3,1\nBRDA:3,0,jump to line 4, or 5,1\nBRDA:3,0,return,0\n\
             BRDA:4,e1,0,2\nBRDA:4,f1,1,-\nBRDA:4,U2,0,1\nBRDA:5,4294967295,7,1\n\
             MCDC:3,2,t,1,0,a\nMCDC:3,2,f,0,0,a\nMCDC:3,2,t,1,1,b, c\nMCDC:3,U2,f,1,1,b\n\
             end_of_record\n",
            &[
                "package - - -",
                "file x.py",
                "function -",
                "line 3 1",
                "branch 3 0 jump%20to%20line%204,%20or%205=1 return=0",
                "branch 4 1 0=2 1=0",
                "branch 5 4294967295 7=1",
                "condition 3 2 0t%20a=1 0f%20a=0 1t%20b,%20c=1",
            ],
        );
    }

    #[test]
    fn counts_come_in_many_forms() {
        check(
            "SF:x.c\nDA:1,=====\nDA:2,#####\nDA:3,1.5e3\nDA:4,18446744073709551615\n\
             DA:5,18446744073709551616\nDA:6,-0\nDA:7,2,Q2hlY2s\nDA:8,007\nend_of_record\n",
            &[
                "package - - -",
                "file x.c",
                "function -",
                "line 1 0",
                "line 2 0",
                "line 3 1500",
                "line 4 18446744073709551615",
                "line 5 18446744073709551615",
                "line 6 0",
                "line 7 2",
                "line 8 7",
                "line 6: count beyond 64 bits, read as the highest",
            ],
        );
    }

    #[test]
    fn a_row_that_is_bad_is_left_out() {
        check(
            "# made by hand\nSF:x.c\nDA:1,1\nDA:2,many\nDA:3\nDA:10000001,1\nDA:-1,1\nDA:x,1\n\
             hello\nBRDA:1,0,0\nFN:f\nFNL:0,4\nFNA:3,1,f\nLF:9\nMCDC:1,2,x,1,0,a\n\
             end_of_record\nDA:5,1\nSF:\nDA:1,1\nend_of_record\nSF:y.c\nDA:1,nan\nDA:2,1\n",
            &[
                "package - - -",
                "file x.c",
                "function -",
                "line 1 1",
                "file y.c",
                "function -",
                "line 2 1",
                "line 4: count is not a number, left out, and 1 more like it",
                "line 5: not DA:line,count, left out, and 1 more like it",
                "line 6: number of a line that no source has, left out, and 1 more like it",
                "line 9: not a row of a tracefile, left out",
                "line 10: not BRDA:line,block,branch,taken, left out",
                "line 11: not a row of a function, left out",
                "line 12: function that has no FNA:, left out",
                "line 13: name of a function that has no FNL:, left out",
                "line 14: total is not that of the rows, which are used",
                "line 15: not MCDC:line,conditions,sense,taken,index,expression, left out",
                "line 17: row outside of a record, left out",
                "line 18: record without a name, left out",
                "line 23: end_of_record is missing: the file may be cut",
            ],
        );
    }

    #[test]
    fn text_comes_in_many_forms() {
        let expected = ["package - - -", "file C:\\a.c", "function -", "line 1 3", "context t 1"];
        let text = "TN:t\nSF:C:\\a.c\nDA:1,3\nend_of_record\n";
        let expected = expected.map(|line| line.replace("package -", "package C:"));
        let expected = expected.each_ref().map(String::as_str);
        check(text, &expected);
        check(format!("\u{feff}{}", text.replace('\n', "\r\n")), &expected);
        check(text.replace('\n', "\r"), &expected);
        check(text.replace("3\n", "3\0\n"), &expected);
        let utf16: Vec<u8> =
            format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(sniff(&utf16));
        check(utf16, &expected);
        check(
            b"SF:caf\xe9.c\nFN:1,f\xff\nFNDA:1,f\xff\nDA:1,1\nend_of_record\n",
            &[
                "package - - -",
                "file caf\u{fffd}.c",
                "function -",
                "line 1 1",
                "function f\u{fffd} 1 1",
            ],
        );
    }

    #[test]
    fn a_name_that_is_a_url_of_code_may_have_lines() {
        check(
            "SF:data:,f() {\n  g();\n}\nFN:1,top\nFNDA:1,top\nDA:1,1\nend_of_record\n",
            &[
                "package - - -",
                "file data:,f()%20{%0a%20%20g();%0a}",
                "function -",
                "line 1 1",
                "function top 1 1",
            ],
        );
    }

    #[test]
    fn what_has_nothing_to_say_is_refused() {
        refused("", "line 1: there is no record: no SF: with a name");
        refused("TN:\n", "line 1: there is no record: no SF: with a name");
        refused("TN:\nDA:1,1\n", "line 2: there is no record: no SF: with a name");
        refused("SF:a\nDA:1,x\nend_of_record\n", "line 2: count is not a number");
    }

    #[test]
    fn a_count_that_wrapped_is_refused() {
        let why = "has a count below zero: its counter wrapped or was overwritten";
        for row in ["DA:6,-1", "FNDA:-2,main", "BRDA:6,0,0,-9223372036854775808", "DA:7,-1e9"] {
            let text = format!("SF:a.c\nFN:5,main\nDA:5,1\n{row}\nDA:8,1\nend_of_record\n");
            refused(text, &format!("line 4: {row} {why}"));
        }
    }

    #[test]
    fn heads_of_tracefiles_are_known() {
        for head in [
            "TN:\nSF:/a.c\n",
            "\u{feff}SF:a\r\nDA:1,1\r\n",
            "TN:\rSF:a\r",
            "# c\n\nTN:\n",
            "SF:data:x\n{\nFN:1,f\n",
            "SF:a\nDA",
        ] {
            assert!(sniff(head.as_bytes()), "{head}");
        }
        for head in ["", "DA:1,1\n", "mode: set\n", "SF:a\nb\nc\n", "<a/>", "SFO:a"] {
            assert!(!sniff(head.as_bytes()), "{head}");
        }
    }

    #[test]
    fn rows_are_written_in_the_old_dialect() {
        let profile = dump::parse(
            "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 4 0\nline 2 3\n\
             context t 2\nfunction f 2,9 3\nfunction f 20 0\nfunction 9,g 5 1\n\
             branch 2 if yes=3 no=0\nbranch 2 1 0=0 1=3\nbranch 4 - 0/2\n\
             condition 2 x a=1 b=0\n",
        );
        let text = "TN:t\nSF:p/a.c\nFN:2,f\nFN:5, 9,g\nFN:20,f:20\nFNDA:3,f\nFNDA:1, 9,g\n\
                    FNDA:0,f:20\nFNF:3\nFNH:2\nBRDA:2,1,0,0\nBRDA:2,1,1,3\nBRDA:2,0,0,3\n\
                    BRDA:2,0,1,0\nBRDA:4,0,0,-\nBRDA:4,0,1,-\nBRF:6\nBRH:2\n\
                    MCDC:2,0,t,1,0,a\nMCDC:2,0,t,0,1,b\nMCF:2\nMCH:1\nDA:2,3\nDA:4,0\nLF:2\n\
                    LH:1\nend_of_record\n";
        let order = |text: &str| {
            let mut rows: Vec<_> = text.lines().map(str::to_owned).collect();
            rows.sort();
            rows
        };
        let written = String::from_utf8(write::write(&profile.unwrap())).unwrap();
        assert_eq!(order(&written), order(text));
    }
}
