//! gcov's text, as `gcov` writes it beside each source (`.gcov`), and the intermediate text of
//! `gcov -i` before GCC 9.
//!
//! ```text
//!         -:    0:Source:src/a.c             function f called 4 returned 100% blocks executed 57%
//!         4:    3:int f(int a) {             branch  0 taken 3 (fallthrough)
//!        1*:    4:  if (a) …                 branch  1 never executed
//!     #####:    5:    g();                   call    0 returned 1
//!                                            condition outcomes covered 3/4     GCC 14, with `-g`
//!                                            condition  1 not covered (true false)
//!
//! file:src/a.c                               function:3,9,4,f
//! lcount:4,1                                 branch:4,taken
//! ```
//!
//! Spec: GCC manual, "Invoking Gcov". `-` is no code; `#####`, `=====`, `%%%%%` and `$$$$$` never
//! ran; a count with `*` has a block that did not. Instances of a template follow their sum, each
//! between rules of dashes: their lines are in the sum already, their branches stay apart by name.
//! Where branches are given in percent, or rounded as in `1.2k`, counts are what can be known.
//!
//! Not kept: blocks, calls, and whether an arm is a fall-through or throws.

use std::collections::BTreeSet;

use coverage::{BranchKind, Mode, Profile, Span};

use crate::draft::{Draft, Position};
use crate::gcov_json::ConditionRow;
use crate::{Format, Notes, Place, Read, ReadError, text};

/// The format.
pub const FORMAT: Format = Format {
    id: "gcov_text",
    name: "gcov text",
    extensions: &["gcov"],
    sniff,
    read: Read::File(read),
    write: None,
};

fn sniff(head: &[u8]) -> bool {
    let head = text::decode(head);
    let Some(first) = head.lines().map(str::trim).find(|line| !line.is_empty()) else {
        return false;
    };
    let mut parts = first.splitn(3, ':').map(str::trim);
    let is_table = parts.next() == Some("-")
        && parts.next() == Some("0")
        && parts.next().is_some_and(|rest| rest.starts_with("Source:"));
    let rows = || head.lines().skip(1).map(str::trim);
    let is_row = |row: &str| {
        ["function:", "lcount:", "branch:", "file:"].iter().any(|start| row.starts_with(start))
    };
    let is_intermediate = (first.starts_with("file:") || first.starts_with("version:"))
        && rows().next().is_some_and(is_row)
        && rows().any(|row| row.starts_with("lcount:") || row.starts_with("function:"));
    is_table || is_intermediate
}

/// The profile in these bytes.
///
/// # Errors
/// The first line that fits neither form, and why.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let text = text::decode(bytes);
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut draft = Draft::default();
    let read = if first.starts_with("file:") || first.starts_with("version:") {
        read_intermediate(&text, &mut draft)
    } else {
        read_table(name, &text, &mut draft, notes)
    };
    let malformed =
        |(line, reason): (usize, String)| ReadError::malformed(Place::Line(line), reason);
    read.map_err(malformed)?;
    if draft.is_empty() {
        return Err(ReadError::malformed(Place::Line(1), "names no source"));
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

type Fault = (usize, String);

fn read_table(name: &str, text: &str, draft: &mut Draft, notes: &mut Notes) -> Result<(), Fault> {
    let mut file: Option<Position> = None;
    let mut seen: BTreeSet<u32> = BTreeSet::new();
    // Which instance of a template the rows are of, and whether its name comes next.
    let mut instance = String::new();
    let mut names_instance = false;
    // Functions are told before their first line.
    let mut functions: Vec<(String, u64)> = Vec::new();
    let mut line_number = 0;
    let mut n_arms = 0u32;
    let mut decision = Decision::default();
    for (index, row) in (1..).zip(text.lines()) {
        let row = row.trim_end_matches('\r');
        if let Some(rest) = row.strip_prefix("function ") {
            let found = rest
                .split_once(" called ")
                .and_then(|(name, rest)| Some((name, rest.split_whitespace().next()?)));
            let (name, count) = found.ok_or((index, "not a function's row".to_owned()))?;
            let count = counted(count, row).map_err(|reason| (index, reason))?;
            functions.push((name.to_owned(), count));
            continue;
        }
        if let Some(rest) = row.strip_prefix("branch ") {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let taken = match words.as_slice() {
                [_, "never", "executed", ..] => 0,
                [_, "taken", taken, ..] => match taken.strip_suffix('%') {
                    Some(percent) => {
                        notes.add(name, "tells arms in percent: their counts are not known");
                        u64::from(percent.parse::<f64>().unwrap_or(0.0) > 0.0)
                    }
                    None => counted(taken, row).map_err(|reason| (index, reason))?,
                },
                _ => return Err((index, "not a branch's row".to_owned())),
            };
            let label = n_arms.to_string();
            n_arms += 1;
            decision.end(draft, &mut file, line_number, &instance);
            let place = Span::line(line_number);
            let position = *file.get_or_insert_with(|| draft.position(""));
            draft.at(position).arm(BranchKind::Branch, place, &instance, &label, taken);
            continue;
        }
        if let Some(rest) = row.strip_prefix("condition ") {
            decision
                .add(rest, draft, &mut file, line_number, &instance)
                .ok_or_else(|| (index, "not a condition's row".to_owned()))?;
            continue;
        }
        if row.starts_with("----") {
            decision.end(draft, &mut file, line_number, &instance);
            (names_instance, instance) = (true, String::new());
            continue;
        }
        if names_instance && row.ends_with(':') {
            (names_instance, instance) = (false, row.trim_end_matches(':').to_owned());
            continue;
        }
        let is_other = ["call ", "unconditional"].iter().any(|start| row.starts_with(start));
        let is_block = row.split(':').nth(1).is_some_and(|part| part.contains("-block"));
        if row.trim().is_empty()
            || is_other
            || is_block
            || row.starts_with("    ") && !row.contains(':')
        {
            continue;
        }
        names_instance = false;
        let mut parts = row.splitn(3, ':');
        let (Some(hits), Some(number), rest) = (parts.next(), parts.next(), parts.next()) else {
            return Err((index, "neither a line of a source nor what belongs to one".to_owned()));
        };
        let number = number.trim();
        decision.end(draft, &mut file, line_number, &instance);
        decision.n_before = 0;
        line_number =
            number.parse().map_err(|_| (index, format!("\"{number}\" is not a line number")))?;
        n_arms = 0;
        if line_number == 0 {
            if let Some(source) = rest.and_then(|rest| rest.strip_prefix("Source:")) {
                file = Some(draft.position(source.trim()));
                seen.clear();
            }
            continue;
        }
        let Some(position) = file else {
            return Err((index, "a line before the name of its source".to_owned()));
        };
        let file = draft.at(position);
        for (name, count) in functions.drain(..) {
            file.function(&name, Some(Span::line(line_number)), Some(count));
        }
        let hits = hits.trim().trim_end_matches('*');
        let hits = match hits {
            "-" => continue,
            "#####" | "=====" | "%%%%%" | "$$$$$" => 0,
            hits => counted(hits, row).map_err(|reason| (index, reason))?,
        };
        // The sum of all instances came first.
        if seen.insert(line_number) {
            file.line(line_number, hits);
        }
    }
    decision.end(draft, &mut file, line_number, &instance);
    Ok(())
}

/// A decision of which rows are read, and how many the line had before.
#[derive(Default)]
struct Decision {
    row: Option<ConditionRow>,
    n_before: usize,
}

impl Decision {
    /// Takes `outcomes covered 3/4`, with which one begins, or `1 not covered (true false)`.
    fn add(
        &mut self,
        rest: &str,
        draft: &mut Draft,
        file: &mut Option<Position>,
        line: u32,
        instance: &str,
    ) -> Option<()> {
        if let Some(outcomes) = rest.strip_prefix("outcomes covered ") {
            self.end(draft, file, line, instance);
            let count = outcomes.split_once('/')?.1.trim().parse().ok()?;
            self.row = Some(ConditionRow { count, ..ConditionRow::default() });
            return Some(());
        }
        let (index, senses) = rest.split_once(" not covered (")?;
        let index = index.trim().parse().ok()?;
        let row = self.row.as_mut()?;
        for sense in senses.trim_end_matches(')').split(' ') {
            match sense {
                "true" => row.not_covered_true.push(index),
                "false" => row.not_covered_false.push(index),
                _ => return None,
            }
        }
        Some(())
    }

    /// Adds what was read of one, if anything was.
    fn end(&mut self, draft: &mut Draft, file: &mut Option<Position>, line: u32, instance: &str) {
        if let Some(row) = self.row.take() {
            let name = format!("{instance} {}", self.n_before);
            let position = *file.get_or_insert_with(|| draft.position(""));
            row.tell(draft.at(position), Span::line(line), name.trim());
            self.n_before += 1;
        }
    }
}

fn read_intermediate(text: &str, draft: &mut Draft) -> Result<(), Fault> {
    let mut file: Option<Position> = None;
    // Arms are told one by one.
    let mut last = (0, 0u32);
    for (index, row) in (1..).zip(text.lines()) {
        let Some((kind, rest)) = row.trim_end_matches('\r').split_once(':') else {
            if row.trim().is_empty() {
                continue;
            }
            return Err((index, "not a row of gcov's intermediate text".to_owned()));
        };
        let fields: Vec<&str> = rest.split(',').collect();
        let number = |at: usize| -> Result<u32, Fault> {
            let field = fields.get(at).copied().unwrap_or_default().trim();
            field.parse().map_err(|_| (index, format!("\"{field}\" is not a line number")))
        };
        let hits = |at: usize| {
            let field = fields.get(at).copied().unwrap_or_default();
            counted(field, row).map_err(|reason| (index, reason))
        };
        if kind == "file" {
            file = Some(draft.position(rest.trim()));
            continue;
        }
        let Some(file) = file.map(|position| draft.at(position)) else { continue };
        match kind {
            "function" => {
                // With the end of the function since GCC 8.
                let has_end = fields
                    .get(2)
                    .is_some_and(|field| is_below_zero(field) || count(field).is_some());
                let at = if has_end { 2 } else { 1 };
                let name = fields.get(at + 1..).unwrap_or_default().join(",");
                let first = number(0)?;
                let last = if has_end { number(1)?.max(first) } else { first };
                let span = Span { start: Span::line(first).start, end: Span::line(last).end };
                file.function(&name, Some(span), Some(hits(at)?));
            }
            "lcount" => file.line(number(0)?, hits(1)?),
            "branch" => {
                let line = number(0)?;
                last = if last.0 == line { (line, last.1 + 1) } else { (line, 0) };
                let taken = u64::from(fields.get(1).is_some_and(|word| word.trim() == "taken"));
                let label = last.1.to_string();
                file.arm(BranchKind::Branch, Span::line(line), "", &label, taken);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The count in a row, or why it is none.
fn counted(text: &str, row: &str) -> Result<u64, String> {
    count(text).ok_or_else(|| match is_below_zero(text) {
        true => {
            let row: String = row.trim().chars().take(80).collect();
            format!("\"{row}\" has a count below zero: its counter wrapped or was overwritten")
        }
        false => format!("\"{text}\" is not a count"),
    })
}

fn is_below_zero(text: &str) -> bool {
    let digits = text.trim().trim_end_matches('*').strip_prefix('-');
    digits.is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A count: digits, or rounded to thousands as in `1.2k`.
fn count(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches('*');
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().unwrap_or(u64::MAX));
    }
    let (number, scale) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let power = "kMGTPEZY".find(scale)? + 1;
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    let tenths = tenths.get(..1).unwrap_or("0").parse::<u64>().ok()?;
    let tens = whole.parse::<u64>().ok()?.checked_mul(10)?.checked_add(tenths)?;
    (0..power)
        .try_fold(tens, |tens, _| tens.checked_mul(1_000))
        .map_or(Some(u64::MAX), |tens| Some(tens / 10))
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn read_text(text: &str) -> Result<String, ReadError> {
        assert!(sniff(text.as_bytes()), "{text}");
        let mut notes = Notes::default();
        let mut dump = dump::write(&read("a.gcov", text.as_bytes(), &mut notes)?);
        notes.all().iter().for_each(|note| dump += &format!("{} x{}\n", note.what, note.times));
        Ok(dump)
    }

    #[test]
    fn a_count_that_wrapped_is_refused() {
        let table = "        -:    0:Source:a.c\n        1:    1:x\n";
        let intermediate = "file:a.c\nfunction:3,9,1,f\nlcount:3,1\n";
        for (head, row) in [
            (table, "-1:    7:g();"),
            (table, "function f called -2 returned 0% blocks executed 0%"),
            (table, "branch  0 taken -3"),
            (intermediate, "lcount:4,-1"),
            (intermediate, "function:3,9,-4,g"),
            (intermediate, "function:3,-4,g"),
        ] {
            let error = read_text(&format!("{head}{row}\n")).unwrap_err().to_string();
            let line = head.lines().count() + 1;
            let why = "has a count below zero: its counter wrapped or was overwritten";
            assert_eq!(error, format!("line {line}: \"{row}\" {why}"));
        }
    }

    #[test]
    fn lines_functions_and_arms() {
        let text = "        -:    0:Source:src/a.c\n        -:    0:Runs:1\n\
                    function f called 4 returned 100% blocks executed 57%\n        4:    3:int f() {\n\
                    branch  0 taken 3 (fallthrough)\nbranch  1 never executed\ncall    0 returned 1\n\
                    \x20       -:    4:\n       1*:    5:  x: y\n    #####:    6:}\n    1.2k:    7:z\n";
        assert_eq!(
            read_text(text).unwrap(),
            "mode count\npackage src - -\nfile src/a.c\nfunction -\nline 3 4\nline 5 1\nline 6 0\n\
             line 7 1200\nfunction f 3 4\nbranch 3 - 0=3 1=0\n"
        );
    }

    #[test]
    fn conditions_have_two_outcomes() {
        let text = "        -:    0:Source:a.c\n        4:    3:  if (a && b) c = d || e;\n\
                    branch  0 taken 3\ncondition outcomes covered 2/4\n\
                    condition  0 not covered (true)\ncondition  1 not covered (false)\n\
                    condition outcomes covered 4/4\n        4:    4:  f();\n        1:    5:g ? 1 : 2\n\
                    condition outcomes covered 0/2\ncondition  0 not covered (true false)\n";
        assert_eq!(
            read_text(text).unwrap(),
            "mode count\npackage - - -\nfile a.c\nfunction -\nline 3 4\nline 4 4\nline 5 1\n\
             branch 3 - 0=3\ncondition 3 0 0t=0 0f=1 1t=1 1f=0\ncondition 3 1 0t=1 0f=1 1t=1 1f=1\n\
             condition 5 0 0t=0 0f=0\n"
        );
    }

    #[test]
    fn instances_are_in_their_sum() {
        let text = "        -:    0:Source:a.h\n        5:    3:T f() {\n------------------\nf<int>():\n\
                    function f<int>() called 2 returned 100% blocks executed 57%\n        2:    3:T f() {\n\
                    branch  0 taken 50%\n------------------\nf<long>():\n        3:    3:T f() {\n\
                    branch  0 taken 0%\n------------------\n        5:    4:x\n";
        assert_eq!(
            read_text(text).unwrap(),
            "mode count\npackage - - -\nfile a.h\nfunction -\nline 3 5\nline 4 5\nfunction f<int>() 3 2\n\
             branch 3 f<int>() 0=1\nbranch 3 f<long>() 0=0\n\
             tells arms in percent: their counts are not known x2\n"
        );
    }

    #[test]
    fn intermediate_text() {
        let text = "version:8.3\nfile:a.c\nfunction:3,9,4,f(int, char)\nfunction:12,0,g\nlcount:4,1,1\n\
                    branch:4,taken\nbranch:4,nottaken\nfile:b.c\nlcount:1,0\n";
        assert_eq!(
            read_text(text).unwrap(),
            "mode count\npackage - - -\nfile a.c\nfunction -\nline 4 1\nfunction f(int,%20char) 3,9 4\n\
             function g 12 0\nbranch 4 - 0=1 1=0\nfile b.c\nfunction -\nline 1 0\n"
        );
    }

    #[test]
    fn errors_name_the_line() {
        let text = "        -:    0:Source:a.c\n      abc:    3:x\n";
        assert_eq!(read_text(text).unwrap_err().to_string(), "line 2: \"abc\" is not a count");
    }
}
