//! Functions of one file, in the words of either dialect.

use std::hash::BuildHasher;

use coverage::{FileIdx, ProfileBuilder, Span};

use super::oddities::{Oddities, Oddity};
use super::rows::{field, line_number, number, text};

/// What the rows of a file say of its functions.
#[derive(Debug, Default)]
pub(super) struct Functions<'a> {
    /// `FN:`, and how often it was entered; of all records.
    declared: Vec<Function<'a>>,
    /// Where in those the record at hand begins.
    first: usize,
    /// `FNDA:` of the record at hand: name and count.
    entered: Vec<(&'a [u8], u64)>,
    /// `FNL:` of the record at hand: index, place in the file.
    places: Vec<(u64, Option<Span>, usize)>,
    /// `FNA:` of the record at hand: index, name, count, place in the file.
    aliases: Vec<(u64, &'a [u8], u64, usize)>,
    /// Functions by the names of `FNA:`, of all records.
    aliased: Vec<Function<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Function<'a> {
    name: &'a [u8],
    span: Option<Span>,
    count: u64,
}

impl<'a> Functions<'a> {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.declared.is_empty() && self.entered.is_empty() && self.aliased.is_empty()
    }

    /// Takes `start,name` or `start,end,name`.
    pub(super) fn declare(&mut self, fields: &'a [u8]) -> Result<(), Oddity> {
        let (start, rest) = field(fields).ok_or(Oddity::Function)?;
        let (end, name) = match rest {
            [b'0'..=b'9', ..] => {
                field(rest).filter(|(end, _)| number(end).is_some()).unwrap_or((b"", rest))
            }
            _ => (&b""[..], rest),
        };
        let span = span(start, end)?;
        self.declared.push(Function { name, span, count: 0 });
        Ok(())
    }

    /// Takes a function of which only the start is known.
    pub(super) fn declare_at(&mut self, line: u32, name: &'a [u8]) {
        self.declared.push(Function { name, span: Some(Span::line(line)), count: 0 });
    }

    /// Takes a function's count.
    pub(super) fn enter(&mut self, name: &'a [u8], count: u64) {
        self.entered.push((name, count));
    }

    /// Takes `index,start` or `index,start,end`.
    pub(super) fn group(&mut self, fields: &[u8], place: usize) -> Result<(), Oddity> {
        let (index, rest) = field(fields).ok_or(Oddity::Function)?;
        let (start, end) = field(rest).unwrap_or((rest, b""));
        let index = number(index).ok_or(Oddity::Function)?;
        self.places.push((index, span(start, end)?, place));
        Ok(())
    }

    /// Takes one of the names of a function.
    pub(super) fn alias(&mut self, index: u64, name: &'a [u8], count: u64, place: usize) {
        self.aliases.push((index, name, count, place));
    }

    /// Joins what the rows of the record say, and that with the records before.
    pub(super) fn end_record(&mut self, oddities: &mut Oddities) {
        self.join_counts();
        self.join_names(oddities);
    }

    /// Joins places and names, whose indexes hold for one record.
    fn join_names(&mut self, oddities: &mut Oddities) {
        if self.places.is_empty() && self.aliases.is_empty() {
            return;
        }
        self.places.sort_by_key(|place| place.0);
        self.aliases.sort_by_key(|alias| alias.0);
        let mut aliases = self.aliases.drain(..).peekable();
        for (index, span, at) in self.places.drain(..) {
            while let Some((.., at)) = aliases.next_if(|alias| alias.0 < index) {
                oddities.add(Oddity::NoGroup, at);
            }
            let n_known = self.aliased.len();
            while let Some((_, name, count, _)) = aliases.next_if(|alias| alias.0 == index) {
                self.aliased.push(Function { name, span, count });
            }
            if self.aliased.len() == n_known {
                oddities.add(Oddity::NoAlias, at);
            }
        }
        aliases.for_each(|(.., at)| oddities.add(Oddity::NoGroup, at));
    }

    /// Adds the functions to the file and forgets them; how many `FNF:` and `FNH:` say there are,
    /// which take those of `FNL:` for one each.
    pub(super) fn build(&mut self, builder: &mut ProfileBuilder, file: FileIdx) -> [usize; 2] {
        if has_equal(self.declared.iter().map(|function| function.name)) {
            sum(&mut self.declared, |a, b| a.name.cmp(b.name));
        }
        // Instances of a template are at one place, and one function each.
        sum(&mut self.aliased, |a, b| (a.span, a.name).cmp(&(b.span, b.name)));
        let mut totals = [0, 0];
        let mut add = |is_hit: bool| totals = [totals[0] + 1, totals[1] + usize::from(is_hit)];
        self.declared.iter().for_each(|function| add(function.count > 0));
        for place in self.aliased.chunk_by(|a, b| a.span == b.span) {
            add(place.iter().any(|function| function.count > 0));
        }
        for Function { name, span, count } in self.declared.drain(..).chain(self.aliased.drain(..))
        {
            builder.declared_function(file, &text(name), span, Some(count));
        }
        self.first = 0;
        totals
    }

    /// Gives the declared functions their counts. A count of what is not declared is a function
    /// whose place is not known.
    fn join_counts(&mut self) {
        let (before, record) = self.declared.split_at_mut(self.first);
        let is_in_step = record.len() == self.entered.len()
            && record.iter().zip(&self.entered).all(|(f, entered)| f.name == entered.0);
        if is_in_step {
            for (function, entered) in record.iter_mut().zip(self.entered.drain(..)) {
                function.count = entered.1;
            }
            // Records of one file mostly have the same functions.
            let same = |(a, b): (&Function, &Function)| a.name == b.name && a.span == b.span;
            if before.len() == record.len() && before.iter().zip(&*record).all(same) {
                for (sum, function) in before.iter_mut().zip(&*record) {
                    sum.count = sum.count.saturating_add(function.count);
                }
                self.declared.truncate(self.first);
            }
        } else {
            let entered = self.entered.drain(..);
            self.declared.extend(entered.map(|(name, count)| Function { name, span: None, count }));
        }
        self.first = self.declared.len();
    }
}

/// Whether two names may be the same: by hashes, which are sorted sooner than names.
pub(super) fn has_equal<'a>(names: impl Iterator<Item = &'a [u8]>) -> bool {
    let state = foldhash::fast::FixedState::default();
    let mut hashes: Vec<u64> = names.map(|name| state.hash_one(name)).collect();
    hashes.sort_unstable();
    !hashes.is_sorted_by(|a, b| a < b)
}

impl<'a> Function<'a> {
    /// Both, which are one function by their name.
    fn and(self, other: Self) -> Self {
        let span = self.span.or(other.span);
        let count = self.count.saturating_add(other.count);
        Self { name: self.name, span, count }
    }
}

/// Joins functions that are equal in this order, and leaves them in it.
fn sum(functions: &mut Vec<Function>, order: impl Fn(&Function, &Function) -> std::cmp::Ordering) {
    if functions.is_sorted_by(|a, b| order(a, b).is_lt()) {
        return;
    }
    functions.sort_by(&order);
    functions.dedup_by(|function, kept| {
        let is_same = order(function, kept).is_eq();
        if is_same {
            *kept = kept.and(*function);
        }
        is_same
    });
}

/// From a first to a last line; the start alone if the end is none that it can have. A start of 0
/// says that it is not known.
fn span(start: &[u8], end: &[u8]) -> Result<Option<Span>, Oddity> {
    if number(start) == Some(0) {
        return Ok(None);
    }
    let start = line_number(start).map_err(|odd| odd.unwrap_or(Oddity::Function))?;
    let end = line_number(end).ok().filter(|end| *end > start).unwrap_or(start);
    Ok(Some(Span::new(start, 1, end.saturating_add(1), 1)))
}
