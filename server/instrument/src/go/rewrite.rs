//! The text step: what `cover` wrote becomes counting in our own array.
//!
//! `cover` of Go 1.23 and later puts these into a source, on lines that were there before:
//!
//! ```text
//! V_7[0] = 3 ; V_7[1] = VP ; V_7[2] = 12 ;      at the start of counter variable 7, function 12
//! V_7[3]++;                                     at the start of unit 0 of that function
//! ```
//!
//! The first is dropped, the second replaced. `V` does not occur in the sources, so nothing of the
//! user's is touched.

use std::ops::Range;

use wire::table::Table;

use super::GoError;
use super::scan::{Kind, Tokens};

/// How the instrumented code is to count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// How units are counted.
    pub mode: coverage::Mode,
    /// Whether flow can be switched on at function entries.
    pub flow: bool,
    /// Whether counters are reached through a pointer, for detectors that watch every variable.
    pub pointer: bool,
    /// Words in front of the counters and behind the modes, so that no page holds anything else.
    pub slack: usize,
}

/// A package's names and sizes, as its rewritten files use them.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// What every name begins with; no source of the package contains it.
    pub prefix: String,
    /// How the code counts.
    pub style: Style,
    /// Import path of the runtime package.
    pub runtime: String,
    /// Import paths of what is linked from this package: push mode, the execution trace.
    pub linked: Vec<String>,
}

/// A file as `cover` wrote it, read.
pub(super) struct Covered<'a> {
    tokens: Tokens<'a>,
    /// What is to be dropped or replaced, in the order of the text.
    places: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// Bytes to drop.
    Drop { start: usize, end: usize },
    /// The counter statement of a unit. `entry` says whether flow can be switched there.
    Counter { start: usize, end: usize, unit: u32, entry: bool },
}

impl Names {
    /// Names for a package with these sources.
    pub(super) fn of<'a>(
        sources: impl Iterator<Item = &'a str> + Clone,
        style: Style,
        runtime: &str,
    ) -> Self {
        let candidates = (0u32..).map(|n| if n == 0 { "cg_".into() } else { format!("cg{n}_") });
        let free = |prefix: &String| !sources.clone().any(|source| source.contains(prefix));
        let prefix = candidates.into_iter().find(free).unwrap_or_default();
        Self { prefix, style, runtime: runtime.to_owned(), linked: Vec::new() }
    }

    /// The name that `cover` gives to its variables.
    pub(super) fn variable(&self) -> String {
        format!("{}V", self.prefix)
    }

    /// Expression of a word: a counter, or behind those a mode.
    fn word(&self, index: usize) -> String {
        let shift = if self.style.pointer { 0 } else { self.style.slack };
        format!("{}C[{}]", self.prefix, shift + index)
    }

    fn counter(&self, unit: u32) -> String {
        let word = self.word(unit as usize);
        match self.style.mode {
            coverage::Mode::Set => format!("{word} = 1;"),
            coverage::Mode::Count => format!("{word}++;"),
            coverage::Mode::Atomic => format!("{}A.AddUint64(&{word}, 1);", self.prefix),
        }
    }

    /// What the package's first file declares, on one line.
    fn declarations(&self, table: &Table) -> String {
        let Self { prefix: p, style, .. } = self;
        let bytes = table.encode();
        let id = quoted(&wire::TableId::of(&bytes).0);
        let (n_counters, n_entries) = (table.n_units(), table.entries.len());
        let sizes = format!("{n_counters}, {n_entries}, {id}, {}", quoted(&bytes));
        let words = n_counters + n_entries;
        let mut out = if style.pointer {
            format!(
                "; var {p}P = {p}R.Map({sizes}); var {p}C = (*[{words}]{p}R.Word)({p}R.Words())"
            )
        } else {
            let (slack, length) = (style.slack, words + 2 * style.slack);
            format!(
                "; var {p}P = {p}R.Register(&{p}C[{slack}], {sizes}); var {p}C [{length}]{p}R.Word"
            )
        };
        if n_entries > 0 {
            out += &format!("; func {p}T(unit {p}R.Word) {{ {p}R.Trace({p}P | unit) }}");
        }
        out
    }
}

impl<'a> Covered<'a> {
    /// Reads a file that `cover` wrote with these names. `functions` are the units of
    /// each function, from the package's meta-data.
    pub(super) fn read(
        text: &'a str,
        names: &Names,
        functions: &[Range<u32>],
    ) -> Result<Self, GoError> {
        // The first line says which file the rest is.
        let text = text.split_once('\n').map_or("", |(_, rest)| rest);
        let mut covered = Covered { tokens: Tokens::of(text), places: Vec::new() };
        let tokens = &covered.tokens;
        if let Some(end) = tokens.package_end() {
            const HOOK: &str = "; import _ \"runtime/coverage\"";
            if text.get(end..).is_some_and(|rest| rest.starts_with(HOOK)) {
                covered.places.push(Place::Drop { start: end, end: end + HOOK.len() });
            }
        }
        let prefix = format!("{}_", names.variable());
        let entries = if names.style.flow { entries(tokens, &prefix) } else { Vec::new() };
        let mut entries = entries.into_iter().peekable();
        let unexpected =
            || GoError::Cover("go tool cover wrote what Coverglass does not know".into());
        let mut function = None;
        let mut at = 0;
        while at < tokens.all.len() {
            let Some(variable) = tokens.text(at).strip_prefix(&prefix) else {
                at += 1;
                continue;
            };
            // V_7 [ 3 ] …
            let start = tokens.all[at].start;
            let slot: u32 = tokens.text(at + 2).parse().map_err(|_| unexpected())?;
            let end_of_statement =
                (at..tokens.all.len()).find(|&i| tokens.is(i, b';')).ok_or_else(unexpected)?;
            let end = tokens.all[end_of_statement].end;
            if tokens.is(at + 4, b'+') {
                let (counted, function_idx) = function.ok_or_else(unexpected)?;
                let unit = slot.checked_sub(3).ok_or_else(unexpected)?;
                let units = functions.get::<usize>(function_idx).ok_or_else(unexpected)?;
                let unit = units.start.saturating_add(unit);
                if counted != variable || unit >= units.end {
                    return Err(unexpected());
                }
                let entry = entries.next_if(|&entry| entry == at).is_some();
                covered.places.push(Place::Counter { start, end, unit, entry });
            } else {
                if slot == 2 {
                    let function_idx = tokens.text(at + 5).parse().map_err(|_| unexpected())?;
                    function = Some((variable, function_idx));
                }
                let blank = text[end..].starts_with(' ');
                covered.places.push(Place::Drop { start, end: end + usize::from(blank) });
            }
            at = end_of_statement + 1;
        }
        Ok(covered)
    }

    /// Units of this file where flow can be switched.
    pub(super) fn entries(&self) -> impl Iterator<Item = u32> {
        self.places.iter().filter_map(|place| match place {
            Place::Counter { unit, entry: true, .. } => Some(*unit),
            _ => None,
        })
    }

    /// Whether any unit is counted in this file.
    pub(super) fn counts(&self) -> bool {
        self.places.iter().any(|place| matches!(place, Place::Counter { .. }))
    }

    /// The file to compile. The package's first file also declares what all files use.
    pub(super) fn write(
        &self,
        names: &Names,
        table: &Table,
        first: bool,
    ) -> Result<String, GoError> {
        let text = self.tokens.source;
        let p = &names.prefix;
        let mut imports = String::new();
        if first {
            imports += &format!("; import {p}R \"{}\"", names.runtime);
        }
        for linked in names.linked.iter().filter(|_| first) {
            imports += &format!("; import _ \"{linked}\"");
        }
        if names.style.mode == coverage::Mode::Atomic && self.counts() {
            imports += &format!("; import {p}A \"sync/atomic\"");
        }
        let package_end = self.tokens.package_end().ok_or(GoError::NoPackageClause)?;
        let declarations = self
            .tokens
            .declarations_start()
            .filter(|_| first)
            .map(|at| (at, names.declarations(table)));
        let mut out = String::with_capacity(text.len() + text.len() / 4);
        let mut copied = 0;
        let mut copy_to = |out: &mut String, at: usize, resume: usize| {
            out.push_str(&text[copied..at]);
            copied = resume;
        };
        copy_to(&mut out, package_end, package_end);
        out.push_str(&imports);
        let mut declarations = declarations.into_iter().peekable();
        for place in &self.places {
            let (Place::Drop { start, end } | Place::Counter { start, end, .. }) = *place;
            if let Some((at, line)) =
                declarations.next_if(|&(at, _)| at <= start && start > package_end)
            {
                copy_to(&mut out, at, at);
                out.push_str(&line);
            }
            copy_to(&mut out, start, end);
            if let Place::Counter { unit, entry, .. } = *place {
                out.push_str(&names.counter(unit));
                let position = entry.then(|| table.entries.binary_search(&unit).ok()).flatten();
                if let Some(position) = position {
                    let mode = names.word(table.n_units() + position);
                    out.push_str(&format!(" if {mode} != 0 {{ {p}T({unit}) }};"));
                }
            }
        }
        if let Some((at, line)) = declarations.next() {
            copy_to(&mut out, at, at);
            out.push_str(&line);
        }
        copy_to(&mut out, text.len(), text.len());
        Ok(out)
    }
}

/// Indexes of the counter statements (of their first tokens) that stand first in the body of a
/// function where flow can be switched.
fn entries(tokens: &Tokens<'_>, prefix: &str) -> Vec<usize> {
    let counter = |at: usize| tokens.text(at).starts_with(prefix);
    let mut entries = Vec::new();
    let mut previous_body = 0;
    for at in (0..tokens.all.len()).filter(|&at| tokens.text(at) == "func") {
        let Some(body) = tokens.body_of(at).filter(|&body| counter(body + 1)) else { continue };
        // Runtime-like functions must not call; a directive stands between the previous
        // declaration and its function.
        let from = tokens.all[previous_body].end;
        let to = tokens.all[at].start;
        let first = tokens.directives.partition_point(|&(start, _)| start < from);
        let bound = tokens.directives[first..].iter().take_while(|&&(start, _)| start < to);
        let calls = !bound.map(|&(_, text)| text).any(forbids_calls);
        previous_body = body;
        let end = tokens.after_group(body);
        if !calls || inlinable(tokens, body, end, prefix) {
            continue;
        }
        // Past the three statements that say which function it is.
        let first_counter = (body + 1..end).find(|&at| counter(at) && tokens.is(at + 4, b'+'));
        entries.extend(first_counter);
    }
    // `func() func() {` leads from two words to one body.
    entries.dedup();
    entries
}

fn forbids_calls(directive: &str) -> bool {
    const NAMES: [&str; 6] = [
        "nosplit",
        "systemstack",
        "nowritebarrier",
        "nowritebarrierrec",
        "cgo_unsafe_args",
        "registerparams",
    ];
    directive.strip_prefix("//go:").is_some_and(|rest| {
        rest.split_whitespace().next().is_some_and(|name| NAMES.contains(&name))
    })
}

/// Whether the compiler might inline the function, so that a call at its entry would cost what
/// inlining saves. An estimate: the compiler's budget is 80 nodes of its syntax tree.
fn inlinable(tokens: &Tokens<'_>, body: usize, end: usize, prefix: &str) -> bool {
    const BUDGET: usize = 80;
    const CALL: usize = 30;
    let mut cost = 0;
    let mut at = body + 1;
    while at < end {
        if tokens.text(at).starts_with(prefix) {
            while at < end && !tokens.is(at, b';') {
                at += 1;
            }
        } else if tokens.all[at].kind == Kind::Word {
            match tokens.text(at) {
                "go" | "defer" | "select" => return false,
                word if is_call(tokens, at, word) => cost += CALL,
                _ => cost += 1,
            }
        } else if !matches!(
            tokens.all[at].kind,
            Kind::Operator(b';' | b'{' | b'}' | b',' | b'.' | b')' | b']')
        ) {
            cost += 1;
        }
        if cost > BUDGET {
            return false;
        }
        at += 1;
    }
    true
}

fn is_call(tokens: &Tokens<'_>, at: usize, word: &str) -> bool {
    const FREE: [&str; 12] = [
        "len", "cap", "int", "string", "byte", "uint", "uint32", "uint64", "int64", "int32",
        "float64", "uintptr",
    ];
    tokens.is(at + 1, b'(') && !super::scan::is_keyword(word) && !FREE.contains(&word)
}

/// A Go string literal of these bytes, on one line.
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2 + 2);
    out.push('"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use coverage::{Mode, Span};
    use wire::table::{TableFile, TableFunction, TableUnit};

    use super::*;

    const STYLE: Style = Style { mode: Mode::Count, flow: true, pointer: false, slack: 512 };

    /// The text that is compiled for what `cover` wrote of a package with these unit counts.
    fn rewritten(covered: &str, n_units: &[usize], style: Style) -> String {
        let names = Names::of(["package a"].into_iter(), style, "debug");
        let span = Span::new(1, 1, 1, 2);
        let mut functions = Vec::new();
        let mut end = 0;
        for &n in n_units {
            let start = end;
            end += u32::try_from(n).unwrap();
            functions.push(start..end);
        }
        let file = Covered::read(covered, &names, &functions).unwrap();
        let units = |n| vec![TableUnit { span, statements: 1 }; n];
        let function = |&n: &usize| TableFunction {
            name: "F".into(),
            file: 0,
            literal: false,
            units: units(n),
        };
        let table = Table {
            files: vec![TableFile { path: "p/a.go".into(), source: wire::SourceId::UNKNOWN }],
            functions: n_units.iter().map(function).collect(),
            entries: file.entries().collect(),
            ..Table::default()
        };
        file.write(&names, &table, false).unwrap()
    }

    const LOOP: &str = "//line a.go:1:1\npackage a\nfunc f() {cg_V_7[0] = 2 ; cg_V_7[1] = cg_VP ; \
                        cg_V_7[2] = 1 ; cg_V_7[3]++;\n\tdefer g()\n\tfor {cg_V_7[4]++; h() }\n}\n";

    #[test]
    fn counters_take_the_place_of_covers() {
        let text = rewritten(LOOP, &[3, 2], Style { flow: false, ..STYLE });
        let expected =
            "package a\nfunc f() {cg_C[515]++;\n\tdefer g()\n\tfor {cg_C[516]++; h() }\n}\n";
        assert_eq!(text, expected);
        let text = rewritten(
            LOOP,
            &[3, 2],
            Style { mode: Mode::Set, flow: false, pointer: true, slack: 512 },
        );
        assert_eq!(text, expected.replace("515]++", "3] = 1").replace("516]++", "4] = 1"));
    }

    #[test]
    fn entries_stand_at_the_start_of_large_functions_only() {
        let text = rewritten(LOOP, &[3, 2], STYLE);
        assert!(text.contains("{cg_C[515]++; if cg_C[517] != 0 { cg_T(3) };\n"), "{text}");
        assert_eq!(text.matches("cg_T(").count(), 1);
        let small = LOOP.replace("\tdefer g()\n", "");
        assert!(!rewritten(&small, &[3, 2], STYLE).contains("cg_T("));
        let pragma = LOOP.replace("func f", "//go:nosplit\nfunc f");
        assert!(!rewritten(&pragma, &[3, 2], STYLE).contains("cg_T("));
    }

    #[test]
    fn atomic_counting_imports_what_it_needs() {
        let text = rewritten(LOOP, &[3, 2], Style { mode: Mode::Atomic, flow: false, ..STYLE });
        assert!(text.starts_with(
            "package a; import cg_A \"sync/atomic\"\nfunc f() {cg_A.AddUint64(&cg_C[515], 1);"
        ));
    }

    #[test]
    fn what_cover_never_writes_is_refused() {
        for strange in ["cg_V_7[9]++;", "cg_V_8[3]++;", "cg_V_7[2]++;", "cg_V_7[x] = 1 ; "] {
            let text = LOOP.replace("cg_V_7[4]++;", strange);
            let names = Names::of([""].into_iter(), STYLE, "debug");
            assert!(Covered::read(&text, &names, &[0..2, 2..4]).is_err(), "{strange}");
        }
    }

    #[test]
    fn names_avoid_the_users_own() {
        let names = Names::of(["a cg_ b", "cg1_C"].into_iter(), STYLE, "debug");
        assert_eq!(names.prefix, "cg2_");
    }

    #[test]
    fn any_bytes_make_one_line() {
        assert_eq!(quoted(b"a\"\\\n\xff"), "\"a\\\"\\\\\\x0a\\xff\"");
    }
}
