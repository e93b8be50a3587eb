//! Code that Kotlin's compiler put from one place of the source into another.
//!
//! ```text
//! SMAP
//! NAME.kt
//! Kotlin
//! *S Kotlin
//! *F
//! + 1 NAME.kt
//! package/Class
//! *L
//! 12#1,3:40       lines 12 to 14 of the class are lines 40 to 42 here
//! *E
//! ```
//!
//! Lines that no source has stand for code of functions that are inlined. JaCoCo leaves that code
//! out where it is, and counts the lines where it was taken from as hit if it was.

use std::collections::BTreeMap;

use coverage::Fraction;

use crate::jacoco_flow::Covered;

/// Which lines of a class are of what.
#[derive(Debug, Default)]
pub(crate) struct Inlined<'a> {
    rows: Vec<Row<'a>>,
    /// The first line that no source has.
    pub(crate) first: Option<u32>,
}

#[derive(Debug)]
struct Row<'a> {
    class: &'a str,
    line: u32,
    n_lines: u32,
    as_line: u32,
}

/// Instructions of lines of other classes.
pub(crate) type Pieces<'a> = BTreeMap<&'a str, BTreeMap<u32, Fraction>>;

/// What a class file says of lines from elsewhere; `None` if it is not as Kotlin writes it.
pub(crate) fn read<'a>(text: &'a str, class: &str) -> Option<Inlined<'a>> {
    let mut lines = text.lines();
    let head = [lines.next()?, lines.nth(1)?, lines.next()?, lines.next()?];
    if head != ["SMAP", "Kotlin", "*S Kotlin", "*F"] {
        return None;
    }
    let mut classes: BTreeMap<u32, &str> = BTreeMap::new();
    loop {
        let line = lines.next()?;
        if line == "*L" {
            break;
        }
        let (number, _) = line.strip_prefix("+ ")?.split_once(' ')?;
        classes.insert(number.parse().ok()?, lines.next()?);
    }
    let mut found = Inlined::default();
    loop {
        let line = lines.next()?;
        if matches!(line, "*E" | "*S KotlinDebug") {
            break;
        }
        let (from, to) = line.split_once(':')?;
        let (place, n_lines) = from.split_once(',').unwrap_or((from, "1"));
        let (line, number) = place.split_once('#')?;
        let as_line = to.split_once(',').map_or(to, |(first, _)| first).parse().ok()?;
        let (line, n_lines) = (line.parse().ok()?, n_lines.parse().ok()?);
        let of = *classes.get(&number.parse().ok()?)?;
        if of != class || line != as_line {
            found.first = Some(found.first.map_or(as_line, |first: u32| first.min(as_line)));
            found.rows.push(Row { class: of, line, n_lines, as_line });
        }
    }
    Some(found)
}

impl<'a> Inlined<'a> {
    /// Adds what was covered of a class to the lines that it is of. `false` if that are more than
    /// any compiler writes.
    pub(crate) fn pieces(&self, lines: &BTreeMap<u32, Fraction>, pieces: &mut Pieces<'a>) -> bool {
        let mut budget = 1_000_000usize.saturating_add(lines.len().saturating_mul(8));
        for row in &self.rows {
            let last = row.as_line.saturating_add(row.n_lines.saturating_sub(1));
            if row.n_lines == 0 {
                continue;
            }
            for (line, instructions) in lines.range(row.as_line..=last) {
                let Some(left) = budget.checked_sub(1) else { return false };
                budget = left;
                let of = row.line.saturating_add(line - row.as_line);
                *pieces.entry(row.class).or_default().entry(of).or_default() += *instructions;
            }
        }
        true
    }
}

/// Adds instructions of a method to their lines.
pub(crate) fn by_line(covered: &[Covered], lines: &mut BTreeMap<u32, Fraction>) {
    for row in covered {
        if let Some(line) = row.line {
            let is_hit = u64::from(!row.taken.is_empty());
            *lines.entry(line).or_default() += Fraction { covered: is_hit, total: 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_back_to_where_they_are_from() {
        let text = "SMAP\nA.kt\nKotlin\n*S Kotlin\n*F\n+ 1 A.kt\np/A\n+ 2 B.kt\np/B\n*L\n\
                    1#1,9:1\n3#1:10\n5#2,2:11\n*S KotlinDebug\n*F\n";
        let inlined = read(text, "p/A").unwrap();
        assert_eq!(inlined.first, Some(10));
        let one = Fraction { covered: 1, total: 2 };
        let lines = BTreeMap::from([(2, one), (10, one), (12, one), (13, one)]);
        let mut pieces = Pieces::new();
        assert!(inlined.pieces(&lines, &mut pieces));
        let expected = [("p/A", BTreeMap::from([(3, one)])), ("p/B", BTreeMap::from([(6, one)]))];
        assert_eq!(pieces, BTreeMap::from(expected));
    }

    #[test]
    fn other_texts_are_not_read() {
        for text in
            ["", "SMAP\nA.jsp\nJSP\n*S JSP\n*F\n", "SMAP\nA.kt\nKotlin\n*S Kotlin\n*F\n*L\n1:x\n"]
        {
            assert!(read(text, "p/A").is_none(), "{text}");
        }
        let long = format!(
            "SMAP\nA.kt\nKotlin\n*S Kotlin\n*F\n+ 1 A.kt\nB\n*L\n{}*E\n",
            "1#1,65535:1\n".repeat(99)
        );
        let lines = (1..60_000).map(|line| (line, Fraction { covered: 1, total: 1 })).collect();
        assert!(!read(&long, "A").unwrap().pieces(&lines, &mut Pieces::new()));
    }
}
