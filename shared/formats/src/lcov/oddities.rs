//! What was put up with, each kind once, with the first place of it.

use memchr::memchr_iter;

use crate::{Notes, Place, ReadError};

/// A kind of oddity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Oddity {
    NoName,
    Outside,
    Unknown,
    Line,
    LineRange,
    Count,
    Function,
    Branch,
    Condition,
    NoGroup,
    NoAlias,
    Negative,
    Overflow,
    NoEnd,
    Total,
}

impl Oddity {
    /// What it is, and whether a row was left out for it.
    fn what(self) -> (&'static str, bool) {
        match self {
            Self::NoName => ("record without a name", true),
            Self::Outside => ("row outside of a record", true),
            Self::Unknown => ("not a row of a tracefile", true),
            Self::Line => ("not DA:line,count", true),
            Self::LineRange => ("number of a line that no source has", true),
            Self::Count => ("count is not a number", true),
            Self::Function => ("not a row of a function", true),
            Self::Branch => ("not BRDA:line,block,branch,taken", true),
            Self::Condition => ("not MCDC:line,conditions,sense,taken,index,expression", true),
            Self::NoGroup => ("name of a function that has no FNL:", true),
            Self::NoAlias => ("function that has no FNA:", true),
            Self::Negative => ("count below zero", true),
            Self::Overflow => ("count beyond 64 bits, read as the highest", false),
            Self::NoEnd => ("end_of_record is missing: the file may be cut", false),
            Self::Total => ("total is not that of the rows, which are used", false),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Oddities {
    /// Kind, offset of the first, and how often.
    met: Vec<(Oddity, usize, u64)>,
}

impl Oddities {
    pub(super) fn add(&mut self, oddity: Oddity, at: usize) {
        match self.met.iter_mut().find(|known| known.0 == oddity) {
            Some((_, first, times)) => {
                *first = at.min(*first);
                *times += 1;
            }
            None => self.met.push((oddity, at, 1)),
        }
    }

    /// Place of the first oddity of all, or of the first line.
    pub(super) fn first_place(&self, bytes: &[u8]) -> Place {
        place(bytes, self.met.iter().map(|met| met.1).min().unwrap_or(0))
    }

    /// The first row that was left out, and why.
    pub(super) fn first_bad(&self, bytes: &[u8]) -> Option<(Place, &'static str)> {
        let bad = self.met.iter().filter(|met| met.0.what().1);
        let (oddity, at, _) = bad.min_by_key(|met| met.1)?;
        Some((place(bytes, *at), oddity.what().0))
    }

    /// The error of the first row with a count below zero.
    pub(super) fn refusal(&self, bytes: &[u8]) -> Option<ReadError> {
        let (_, at, _) = self.met.iter().find(|met| met.0 == Oddity::Negative)?;
        let row = bytes.get(*at..)?.split(|byte| *byte == b'\n').next()?;
        let row: String = String::from_utf8_lossy(row).trim_end().chars().take(80).collect();
        let why = "has a count below zero: its counter wrapped or was overwritten";
        Some(ReadError::malformed(place(bytes, *at), format!("{row} {why}")))
    }

    pub(super) fn tell(mut self, bytes: &[u8], name: &str, notes: &mut Notes) {
        self.met.sort_by_key(|met| (met.1, met.0));
        for (oddity, at, times) in self.met {
            let (what, is_left_out) = oddity.what();
            let left_out = if is_left_out { ", left out" } else { "" };
            let more = match times {
                1 => String::new(),
                _ => format!(", and {} more like it", times - 1),
            };
            notes.add(name, format!("{}{what}{left_out}{more}", place(bytes, at)));
        }
    }
}

fn place(bytes: &[u8], offset: usize) -> Place {
    let before = bytes.get(..offset).unwrap_or(bytes);
    Place::Line(memchr_iter(b'\n', before).count() + 1)
}
