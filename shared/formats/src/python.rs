//! Which lines of a Python source coverage.py counts, found without compiling it.
//!
//! coverage.py takes the lines of the bytecode, moves each to the first line of its statement and
//! leaves out docstrings and what a comment excludes. Here the source is cut into statements by
//! its tokens, and what CPython's compiler leaves out is found by rule: code after a `return` or
//! another end of its block, bodies under `if 0` and the like, `else` and `finally` themselves,
//! `global`, and annotations without a value in functions. That is the bytecode of CPython 3.10 and
//! later (before, `while True` and `if 0` have no line, and some code that nothing reaches has):
//! for 1,058 files of CPython's library and of packages, with 158,081 statements, the lines
//! are those of coverage.py 7.17. What is missing are longer conditions that the compiler computes.
//!
//! Language: <https://docs.python.org/3/reference/lexical_analysis.html>.

use std::collections::BTreeMap;

/// Which lines count.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Source {
    /// First lines of statements, and the position of the function that each is in.
    pub(crate) statements: BTreeMap<u32, Option<usize>>,
    /// Functions in the order of their start: the name with what it is in, and the line of `def`.
    pub(crate) functions: Vec<(String, u32)>,
    /// The first line of the statement that each line is in; the first entry is for line 1, and
    /// lines without code stand for themselves.
    firsts: Vec<u32>,
}

impl Source {
    /// The first line of the statement that a line is in; `None` past the end.
    pub(crate) fn first(&self, line: u32) -> Option<u32> {
        self.firsts.get(usize::try_from(line).ok()?.checked_sub(1)?).copied()
    }
}

/// What is excluded besides what a comment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exclude {
    /// Nothing.
    Comments,
    /// Bodies `...` and what only type checkers see, as coverage.py 7.10 and later do.
    Types,
}

/// Most blocks inside of each other; Python itself takes a hundred.
const DEPTH: usize = 100;

/// What counts of this source; `None` if it is nested too deeply to be Python.
pub(crate) fn parse(source: &[u8], exclude: Exclude) -> Option<Source> {
    let lines = Lexer { rest: source, line: 1 }.lines();
    let mut firsts: Vec<u32> = Vec::new();
    let texts: Vec<&[u8]> = source.split(|byte| *byte == b'\n').collect();
    let mut excluded: Vec<bool> = texts.iter().map(|text| excludes(text, exclude)).collect();
    if exclude == Exclude::Types {
        exclude_stubs(&texts, &mut excluded);
    }
    firsts.extend((1u32..).take(texts.len()));
    for line in &lines {
        let range = line.first.saturating_sub(1) as usize..line.last as usize;
        firsts.get_mut(range).into_iter().flatten().for_each(|first| *first = line.first);
    }
    let source = Source { firsts, ..Source::default() };
    let mut parser = Parser { lines: &lines, at: 0, excluded, source, names: Vec::new() };
    while parser.at < lines.len() {
        let at = parser.at;
        parser.block(Scope { is_module: true, has_doc: at == 0, ..Scope::default() })?;
    }
    Some(parser.source)
}

/// A statement, or the head of a compound one.
#[derive(Debug)]
struct Line {
    first: u32,
    last: u32,
    indent: usize,
    /// Its code without comments, and with `""` for every string.
    code: String,
}

impl Line {
    /// The word that it starts with; of `async def` the second.
    fn word(&self) -> &str {
        let code = self.code.strip_prefix("async ").unwrap_or(&self.code).trim_start();
        code.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
    }

    /// What stands between the word and the colon that ends the head, and what follows that.
    fn head(&self) -> Option<(&str, &str)> {
        let code = self.code.strip_prefix("async ").unwrap_or(&self.code).trim_start();
        let rest = code.strip_prefix(self.word())?;
        let mut depth = 0usize;
        for (index, c) in rest.char_indices() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                ':' if depth == 0 && !rest.get(index + 1..)?.starts_with('=') => {
                    return Some((rest.get(..index)?.trim(), rest.get(index + 1..)?.trim()));
                }
                _ => {}
            }
        }
        None
    }
}

/// Whether code starts with strings that are no bytes and no templates, and nothing else.
fn is_doc(code: &str) -> bool {
    let mut code = code.split(';').next().unwrap_or_default().trim();
    let mut n_strings = 0;
    while let Some(rest) = code.trim_start_matches(['r', 'R', 'u', 'U']).strip_prefix("\"\"") {
        code = rest.trim_start();
        n_strings += 1;
    }
    n_strings > 0 && code.is_empty()
}

/// Cuts a source into statements.
struct Lexer<'a> {
    rest: &'a [u8],
    line: u32,
}

impl Lexer<'_> {
    fn lines(mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        self.rest = self.rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.rest);
        while !self.rest.is_empty() {
            let indent = self.indent();
            let first = self.line;
            let (code, last) = self.statement();
            let code = code.trim();
            if !code.is_empty() {
                lines.push(Line { first, last, indent, code: code.to_owned() });
            }
        }
        lines
    }

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.line = self.line.saturating_add(u32::from(byte == b'\n'));
        Some(byte)
    }

    fn indent(&mut self) -> usize {
        let mut indent = 0;
        while let Some(byte) = self.rest.first() {
            indent = match byte {
                b' ' => indent + 1,
                b'\t' => (indent / 8 + 1) * 8,
                b'\x0c' => 0,
                _ => break,
            };
            self.next();
        }
        indent
    }

    /// The code up to the end of the statement, and the line that holds its last token.
    fn statement(&mut self) -> (String, u32) {
        let mut code: Vec<u8> = Vec::new();
        let mut depth = 0usize;
        let mut last = self.line;
        while let Some(byte) = self.next() {
            match byte {
                b'\n' if depth == 0 => break,
                b'\n' | b'\r' | b' ' | b'\t' | b'\x0c' => code.push(b' '),
                b'#' => {
                    while self.rest.first().is_some_and(|byte| *byte != b'\n') {
                        self.next();
                    }
                }
                b'\\' => {
                    if self.rest.first() == Some(&b'\r') {
                        self.next();
                    }
                    self.next();
                    code.push(b' ');
                }
                b'"' | b'\'' => {
                    self.string(byte);
                    code.extend_from_slice(b"\"\"");
                    last = self.line;
                }
                _ => {
                    match byte {
                        b'(' | b'[' | b'{' => depth += 1,
                        b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    code.push(byte);
                    last = self.line;
                }
            }
        }
        (String::from_utf8_lossy(&code).into_owned(), last)
    }

    /// Skips the rest of a string that starts with this quote.
    fn string(&mut self, quote: u8) {
        let is_triple = self.rest.starts_with(&[quote, quote]);
        if is_triple {
            self.next();
            self.next();
        } else if self.rest.first() == Some(&quote) {
            self.next();
            return;
        }
        loop {
            match self.rest.first() {
                None => return,
                Some(b'\n') if !is_triple => return,
                Some(b'\\') => {
                    self.next();
                    if self.rest.starts_with(b"\r\n") {
                        self.next();
                    }
                    self.next();
                }
                Some(&byte) if byte == quote => {
                    self.next();
                    if !is_triple {
                        return;
                    }
                    if self.rest.starts_with(&[quote, quote]) {
                        self.next();
                        self.next();
                        return;
                    }
                }
                Some(_) => {
                    self.next();
                }
            }
        }
    }
}

/// Where a block is.
#[derive(Debug, Clone, Copy, Default)]
struct Scope {
    indent: usize,
    depth: usize,
    is_module: bool,
    is_function: bool,
    /// Whether a docstring may come first.
    has_doc: bool,
    is_unreachable: bool,
    is_excluded: bool,
    function: Option<usize>,
}

/// How a block can be left.
#[derive(Debug, Clone, Copy, Default)]
struct Exits {
    /// At its end.
    falls: bool,
    /// By a `break` of the loop around it.
    breaks: bool,
}

struct Parser<'a> {
    lines: &'a [Line],
    at: usize,
    excluded: Vec<bool>,
    source: Source,
    /// Names of the functions and classes around.
    names: Vec<String>,
}

impl<'a> Parser<'a> {
    /// Reads statements until the indentation says that the block ends.
    fn block(&mut self, mut scope: Scope) -> Option<Exits> {
        if scope.depth > DEPTH {
            return None;
        }
        let mut exits = Exits { falls: true, breaks: false };
        let mut is_first = true;
        while let Some(line) = self.lines.get(self.at) {
            if line.indent < scope.indent && !scope.is_module {
                break;
            }
            if scope.has_doc && is_first && is_doc(&line.code) {
                self.at += 1;
                is_first = false;
                continue;
            }
            is_first = false;
            let found = self.statement(scope)?;
            exits.breaks |= found.breaks && exits.falls;
            if exits.falls && !found.falls {
                exits.falls = false;
                scope.is_unreachable = true;
            }
        }
        Some(exits)
    }

    /// Reads a statement with all of its blocks.
    fn statement(&mut self, scope: Scope) -> Option<Exits> {
        let line = self.lines.get(self.at)?;
        match line.word() {
            "" if line.code.starts_with('@') => self.decorated(scope),
            "def" | "class" if line.head().is_some() => self.definition(scope),
            "if" if line.head().is_some() => self.branches(scope),
            "while" | "for" if line.head().is_some() => self.repetition(scope),
            "try" if line.head().is_some() => self.attempt(scope),
            "with" if line.head().is_some() => {
                let exits = self.clause(scope, scope)?;
                // What it manages may swallow an exception.
                Some(Exits { falls: true, ..exits })
            }
            "match" if line.code.ends_with(':') => self.matching(scope),
            _ => {
                self.at += 1;
                let annotates = scope.is_function && is_annotation(&line.code);
                if !(annotates || matches!(line.word(), "global" | "nonlocal")) {
                    self.count(line, scope);
                }
                Some(simple(&line.code))
            }
        }
    }

    /// Reads a head that stands in `scope` and its block, of which `inner` is the scope.
    fn clause(&mut self, scope: Scope, inner: Scope) -> Option<Exits> {
        let line = self.lines.get(self.at)?;
        self.at += 1;
        let (_, suite) = line.head().unwrap_or_default();
        let is_bare = matches!(line.word(), "else" | "finally");
        let is_doc = matches!(line.word(), "def" | "class") && is_doc(suite);
        if !(is_doc || is_bare && (suite.is_empty() || inner.is_unreachable)) {
            self.count(line, scope);
        }
        if !suite.is_empty() {
            return Some(simple(suite));
        }
        let mut inner = Scope { depth: scope.depth + 1, is_module: false, ..inner };
        inner.is_excluded |= self.is_excluded(line);
        match self.lines.get(self.at) {
            Some(next) if next.indent > line.indent => {
                inner.indent = next.indent;
                self.block(inner)
            }
            _ => Some(Exits { falls: true, breaks: false }),
        }
    }

    /// Whether the statement at hand is a clause of this kind, of the statement at this indent.
    fn continues(&self, indent: usize, word: &str) -> bool {
        let line = self.lines.get(self.at);
        line.is_some_and(|line| {
            line.indent == indent && line.word() == word && line.head().is_some()
        })
    }

    fn decorated(&mut self, mut scope: Scope) -> Option<Exits> {
        let start = self.at;
        let is_decorator = |line: &Line| line.code.starts_with('@');
        while self.lines.get(self.at).is_some_and(is_decorator) {
            self.at += 1;
        }
        let end = self.at;
        let heads = self.lines.get(start..=end).or(self.lines.get(start..end))?;
        scope.is_excluded |= heads.iter().any(|line| self.is_excluded(line));
        scope.has_doc = false;
        for line in self.lines.get(start..end)? {
            self.count(line, scope);
        }
        match self.lines.get(self.at) {
            Some(line) if matches!(line.word(), "def" | "class") => self.statement(scope),
            _ => Some(Exits { falls: true, breaks: false }),
        }
    }

    fn definition(&mut self, scope: Scope) -> Option<Exits> {
        let line = self.lines.get(self.at)?;
        let is_function = line.word() == "def";
        let (name, _) = line.head()?;
        let name = name.split(['(', '[', ' ']).next().unwrap_or_default();
        self.names.push(name.to_owned());
        let mut inner = Scope { is_function, has_doc: true, ..scope };
        if is_function {
            inner.function = Some(self.source.functions.len());
            self.source.functions.push((self.names.join("."), line.first));
        }
        self.clause(scope, inner)?;
        self.names.pop();
        Some(Exits { falls: true, breaks: false })
    }

    fn branches(&mut self, scope: Scope) -> Option<Exits> {
        let indent = self.lines.get(self.at)?.indent;
        let mut exits = Exits::default();
        let mut rest = Scope { has_doc: false, ..scope };
        loop {
            let line = self.lines.get(self.at)?;
            let is_else = line.word() == "else";
            let truth = if is_else { Some(true) } else { constant(line.head()?.0) };
            let mut inner = rest;
            inner.is_unreachable |= truth == Some(false);
            let found = self.clause(rest, inner)?;
            if !inner.is_unreachable {
                exits.falls |= found.falls;
                exits.breaks |= found.breaks;
            }
            rest.is_unreachable |= truth == Some(true);
            if is_else || !(self.continues(indent, "elif") || self.continues(indent, "else")) {
                break;
            }
        }
        exits.falls |= !rest.is_unreachable;
        Some(exits)
    }

    fn repetition(&mut self, scope: Scope) -> Option<Exits> {
        let line = self.lines.get(self.at)?;
        let truth = if line.word() == "while" { constant(line.head()?.0) } else { None };
        let mut inner = Scope { has_doc: false, ..scope };
        inner.is_unreachable |= truth == Some(false);
        let body = self.clause(scope, inner)?;
        let mut after = Exits { falls: truth != Some(true), breaks: false };
        if self.continues(line.indent, "else") {
            let mut inner = Scope { has_doc: false, ..scope };
            inner.is_unreachable |= !after.falls;
            let found = self.clause(scope, inner)?;
            after = Exits { falls: after.falls && found.falls, ..found };
        }
        Some(Exits { falls: after.falls || body.breaks, ..after })
    }

    fn attempt(&mut self, scope: Scope) -> Option<Exits> {
        let indent = self.lines.get(self.at)?.indent;
        let scope = Scope { has_doc: false, ..scope };
        let body = self.clause(scope, scope)?;
        // By the body, or what follows it, and by handlers.
        let mut exits = body;
        let mut handled = false;
        while self.continues(indent, "except") {
            let found = self.clause(scope, scope)?;
            handled |= found.falls;
            exits.breaks |= found.breaks;
        }
        if self.continues(indent, "else") {
            let mut inner = scope;
            inner.is_unreachable |= !body.falls;
            let found = self.clause(scope, inner)?;
            exits.falls &= found.falls;
            exits.breaks |= found.breaks;
        }
        exits.falls |= handled;
        if self.continues(indent, "finally") {
            let found = self.clause(scope, scope)?;
            exits.falls &= found.falls;
            exits.breaks |= found.breaks;
        }
        Some(exits)
    }

    fn matching(&mut self, scope: Scope) -> Option<Exits> {
        let line = self.lines.get(self.at)?;
        self.count(line, scope);
        self.at += 1;
        let mut scope = Scope { has_doc: false, depth: scope.depth + 1, ..scope };
        scope.is_excluded |= self.is_excluded(line);
        let mut exits = Exits { falls: false, breaks: false };
        let mut is_whole = false;
        let indent = self.lines.get(self.at).map_or(0, |first| first.indent);
        while indent > line.indent && self.continues(indent, "case") {
            let (pattern, _) = self.lines.get(self.at)?.head()?;
            is_whole |= pattern.chars().all(|c| c.is_alphanumeric() || c == '_')
                && !pattern.starts_with(|c: char| c.is_ascii_digit())
                && !matches!(pattern, "True" | "False" | "None");
            let found = self.clause(scope, scope)?;
            exits.falls |= found.falls;
            exits.breaks |= found.breaks;
        }
        exits.falls |= !is_whole;
        Some(exits)
    }

    fn is_excluded(&self, line: &Line) -> bool {
        let range = line.first.saturating_sub(1) as usize..line.last as usize;
        self.excluded.get(range).is_some_and(|lines| lines.contains(&true))
    }

    fn count(&mut self, line: &'a Line, scope: Scope) {
        if !(scope.is_unreachable || scope.is_excluded || self.is_excluded(line)) {
            self.source.statements.insert(line.first, scope.function);
        }
    }
}

/// How simple statements on one line can be left.
fn simple(code: &str) -> Exits {
    let mut exits = Exits { falls: true, breaks: false };
    for statement in code.split(';').map(str::trim_start) {
        let end = statement.find(|c: char| !(c.is_alphanumeric() || c == '_'));
        let word = end.and_then(|end| statement.get(..end)).unwrap_or(statement);
        exits.falls &= !matches!(word, "return" | "raise" | "continue" | "break");
        exits.breaks |= word == "break";
    }
    exits
}

/// Whether a statement is `name: type`, without a value.
fn is_annotation(code: &str) -> bool {
    let Some((name, rest)) = code.split_once(':') else { return false };
    let name = name.trim();
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut depth = 0usize;
    let has_value = rest.chars().any(|c| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '=' && depth == 0
    });
    !name.is_empty() && name.chars().all(is_name) && !has_value
}

/// What the compiler knows a condition to be.
fn constant(condition: &str) -> Option<bool> {
    match condition {
        _ if condition.starts_with("not ") => constant(condition.get(4..)?).map(|truth| !truth),
        "True" | "1" | "__debug__" => Some(true),
        "False" | "0" | "None" => Some(false),
        _ => None,
    }
}

/// Whether a line of text says that it does not count.
fn excludes(line: &[u8], exclude: Exclude) -> bool {
    let text = String::from_utf8_lossy(line);
    let comment = text.split('#').skip(1).any(|comment| {
        let rest = comment.trim_start();
        let rest = rest.strip_prefix("pragma").or(rest.strip_prefix("PRAGMA"));
        let rest = rest.map(|rest| rest.strip_prefix(':').unwrap_or(rest).trim_start());
        let rest = rest.and_then(|rest| rest.strip_prefix("no").or(rest.strip_prefix("NO")));
        let rest = rest.map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with("cover") || rest.starts_with("COVER"))
    });
    comment || exclude == Exclude::Types && (is_stub(&text) || is_for_types(&text))
}

/// Excludes heads of functions of which the body is a line `...` below.
fn exclude_stubs(texts: &[&[u8]], excluded: &mut [bool]) {
    let mut head = None;
    for (index, text) in texts.iter().enumerate() {
        let text = String::from_utf8_lossy(text);
        match text.trim() {
            "" => {}
            code if code.split('#').next().unwrap_or_default().trim_end() == "..." => {
                let head = head.take().and_then(|head| excluded.get_mut(head..index));
                head.into_iter().flatten().for_each(|excluded| *excluded = true);
            }
            code => head = is_stub(&format!("{code}...")).then_some(index),
        }
    }
}

/// Whether a line is `...`, alone or as the body of a function that ends on it.
fn is_stub(text: &str) -> bool {
    let code = text.split('#').next().unwrap_or_default().trim();
    let Some(head) = code.strip_suffix("...").map(str::trim_end) else { return false };
    let Some(head) = head.strip_suffix(':') else { return head.is_empty() };
    let (head, has_result) = match head.rsplit_once("->") {
        Some((head, _)) => (head.trim_end(), true),
        None => (head, false),
    };
    let is_function = head.starts_with("def ") || head.starts_with("async def ");
    let bare = head.trim_end_matches([')', ']']);
    bare.len() < head.len() && (is_function || bare.is_empty()) || has_result && bare.is_empty()
}

fn is_for_types(text: &str) -> bool {
    let rest = text.trim_start().strip_prefix("if ");
    let rest = rest.map(|rest| rest.strip_prefix("typing.").unwrap_or(rest));
    rest.is_some_and(|rest| rest.starts_with("TYPE_CHECKING:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that count are those that start with `+`.
    #[track_caller]
    fn check(marked: &str) -> Source {
        let expected: Vec<u32> = (1..)
            .zip(marked.lines())
            .filter(|(_, line)| line.starts_with('+'))
            .map(|(number, _)| number)
            .collect();
        let lines = marked.lines().map(|line| line.get(1..).unwrap_or_default());
        let source = lines.map(|line| format!("{line}\n")).collect::<String>();
        let found = parse(source.as_bytes(), Exclude::Types).unwrap();
        assert_eq!(found.statements.keys().copied().collect::<Vec<_>>(), expected, "{source}");
        found
    }

    #[test]
    fn statements_stand_on_their_first_lines() {
        let source = check(
            "-\"\"\"doc\n-string\"\"\"\n+import os\n-# comment\n+x = [1, # one\n-   2]; y = 3\n\
             +z = 'a\\\n-b' \\\n-  'c'\n+def f(\n-    a):\n-    'doc'\n+    'no doc'\n+    pass\n\
             +class C: pass\n",
        );
        assert_eq!(
            (source.first(6), source.first(9), source.first(2)),
            (Some(5), Some(7), Some(1))
        );
        assert_eq!(source.first(99), None);
        assert_eq!(source.functions, [("f".to_owned(), 10)]);
        assert_eq!(source.statements[&14], Some(0));
        assert_eq!(source.statements[&15], None);
    }

    #[test]
    fn unreachable_code_does_not_count() {
        check(
            "+def f(x):\n+    for i in x:\n+        continue\n-        print()\n\
             +    while True:\n+        if x:\n+            break\n+    while 1:\n+        x()\n\
             -    return 2\n\
             +def g(x):\n+    if x:\n+        return 1\n-    else:\n+        raise ValueError\n\
             -    x = 1\n\
             +def h(x):\n+    try:\n+        return 1\n+    except A:\n+        raise\n\
             -    finally:\n+        x()\n-    return 2\n\
             +def i(x):\n+    with x:\n+        return 1\n+    if x: return 2\n+    return 3\n\
             -    x()\n\
             +if 0:\n-    x = 1\n-else:\n+    x = 2\n+if not 0:\n+    x = 3\n-elif x:\n-    x = 4\n",
        );
    }

    #[test]
    fn words_that_compile_to_nothing_do_not_count() {
        check(
            "+def f(a):\n-    global x\n-    b: int\n+    c: dict[str, int] = {}\n+    a.b: int\n\
             +class C:\n+    name: str\n+match x:\n+    case 1: pass\n+    case _:\n+        match = 3\n",
        );
    }

    #[test]
    fn comments_exclude_what_they_stand_on() {
        check(
            "-@a\n-def f(): # pragma: no cover\n-    x()\n-    def g(): pass\n+if x:\n+    y()\n\
             -else: #pragma:no cover\n-    z()\n-if TYPE_CHECKING:\n-    import b\n\
             -def stub(a: int) -> str: ...\n-@overload\n-def stub(a) -> X:\n\n-    ... # yes\n\
             -def f(): 'doc'\n+def open(\n-    b):\n-    ...\n",
        );
    }
}
