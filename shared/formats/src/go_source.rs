//! Where the functions of a Go source are.
//!
//! A profile as text names no functions; their extents come from the source. Only declarations at
//! top level with a body count, so tokens and braces are enough: this is no parser, and a source
//! that does not compile gives what can be found in it.
//!
//! Spec: The Go Programming Language Specification, sections "Lexical elements" and "Function
//! declarations".

use coverage::{Position, Span};

/// A function declaration with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionExtent {
    /// Its name, without a receiver.
    pub name: String,
    /// Type of the receiver, `T` or `*T`, without type parameters; empty for a function.
    pub receiver: String,
    /// From the keyword `func` to behind the closing brace.
    pub span: Span,
}

impl FunctionExtent {
    /// Its name as Go's meta-data has it: `F`, `T.M` or `*T.M`.
    pub fn full_name(&self) -> String {
        match self.receiver.as_str() {
            "" => self.name.clone(),
            receiver => format!("{receiver}.{}", self.name),
        }
    }
}

/// Full names and extents of the functions of a source, in its order.
pub fn named_extents(source: &str) -> Vec<(String, Span)> {
    functions(source).iter().map(|function| (function.full_name(), function.span)).collect()
}

/// The functions of a source, in its order. Positions are those of the text: `//line` directives
/// move nothing.
pub fn functions(source: &str) -> Vec<FunctionExtent> {
    let mut found = Vec::new();
    let mut tokens = Tokens::new(source);
    // At the start of a declaration.
    let mut fresh = true;
    while let Some(token) = tokens.next() {
        match token.kind {
            Kind::Word if fresh && token.text == "func" => {
                if let Some(function) = declaration(&mut tokens, token.start) {
                    found.push(function);
                }
                fresh = true;
            }
            Kind::Sign(open @ (b'(' | b'[' | b'{')) => {
                skip(&mut tokens, open);
                fresh = false;
            }
            Kind::End => fresh = true,
            _ => fresh = false,
        }
    }
    found
}

/// Reads a declaration from behind its `func`; `None` if it has no body.
fn declaration(tokens: &mut Tokens<'_>, start: Position) -> Option<FunctionExtent> {
    let mut receiver = String::new();
    let mut token = tokens.next()?;
    if token.kind == Kind::Sign(b'(') {
        receiver = self::receiver(tokens)?;
        token = tokens.next()?;
    }
    let name = (token.kind == Kind::Word).then(|| token.text.to_owned())?;
    let mut type_body = false;
    loop {
        let token = tokens.next()?;
        match token.kind {
            Kind::End => return None,
            Kind::Sign(b'{') if type_body => {
                skip(tokens, b'{');
                type_body = false;
            }
            Kind::Sign(b'{') => {
                let end = skip(tokens, b'{')?;
                return Some(FunctionExtent { name, receiver, span: Span { start, end } });
            }
            Kind::Sign(open @ (b'(' | b'[')) => {
                skip(tokens, open);
                type_body = false;
            }
            // A brace behind these belongs to the type of a result.
            Kind::Word => type_body = token.text == "struct" || token.text == "interface",
            Kind::Sign(_) | Kind::Literal => type_body = false,
        }
    }
}

/// The type in a receiver, read from behind its parenthesis to behind the closing one.
fn receiver(tokens: &mut Tokens<'_>) -> Option<String> {
    let mut star = false;
    let mut name = String::new();
    loop {
        let token = tokens.next()?;
        match token.kind {
            Kind::Sign(b')') => break,
            Kind::Sign(b'*') => star = true,
            Kind::Sign(open @ (b'[' | b'(' | b'{')) => {
                skip(tokens, open);
            }
            Kind::Word => name = token.text.to_owned(),
            _ => {}
        }
    }
    Some(if star { format!("*{name}") } else { name })
}

/// Goes behind the sign that closes `open`, which was read already, and gives that place.
fn skip(tokens: &mut Tokens<'_>, open: u8) -> Option<Position> {
    let close = match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    };
    let mut depth = 1usize;
    loop {
        let token = tokens.next()?;
        if token.kind == Kind::Sign(open) {
            depth += 1;
        } else if token.kind == Kind::Sign(close) {
            depth -= 1;
            if depth == 0 {
                let Position { line, column } = token.start;
                return Some(Position { line, column: column + 1 });
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name or keyword.
    Word,
    /// A number, string or rune.
    Literal,
    /// Any other character.
    Sign(u8),
    /// A semicolon, or the end of a line where Go puts one.
    End,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: Position,
}

struct Tokens<'a> {
    source: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
    /// Whether a line that ends here ends a statement.
    may_end: bool,
}

impl<'a> Tokens<'a> {
    fn new(source: &'a str) -> Self {
        Self { source, at: 0, line: 1, line_start: 0, may_end: false }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.as_bytes().get(self.at + ahead).copied()
    }

    fn position(&self) -> Position {
        let column = u32::try_from(self.at - self.line_start).unwrap_or(u32::MAX);
        Position { line: self.line, column: column.saturating_add(1) }
    }

    fn new_line(&mut self) {
        self.line = self.line.saturating_add(1);
        self.line_start = self.at;
    }

    /// Moves on to behind the next `end`, over lines.
    fn pass(&mut self, end: &str) {
        while let Some(byte) = self.peek(0) {
            let rest = self.source.as_bytes().get(self.at..).unwrap_or_default();
            if rest.starts_with(end.as_bytes()) {
                self.at += end.len();
                return;
            }
            self.at += 1;
            if byte == b'\n' {
                self.new_line();
            }
        }
    }

    /// Moves on to behind the quote, or to the end of the line.
    fn pass_quoted(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\n' => return,
                b'\\' => self.at += 1,
                _ => {}
            }
            self.at += 1;
            if byte == quote {
                return;
            }
        }
    }

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let (start, from) = (self.position(), self.at);
            let byte = self.peek(0)?;
            let kind = match byte {
                b'\n' => {
                    self.at += 1;
                    self.new_line();
                    if !std::mem::take(&mut self.may_end) {
                        continue;
                    }
                    Kind::End
                }
                b' ' | b'\t' | b'\r' => {
                    self.at += 1;
                    continue;
                }
                b'/' if self.peek(1) == Some(b'/') => {
                    while self.peek(0).is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                    continue;
                }
                b'/' if self.peek(1) == Some(b'*') => {
                    let line = self.line;
                    self.at += 2;
                    self.pass("*/");
                    // A comment over lines ends a line as a line's end does.
                    if self.line == line || !std::mem::take(&mut self.may_end) {
                        continue;
                    }
                    Kind::End
                }
                b'`' => {
                    self.at += 1;
                    self.pass("`");
                    Kind::Literal
                }
                quote @ (b'"' | b'\'') => {
                    self.pass_quoted(quote);
                    Kind::Literal
                }
                b';' => {
                    self.at += 1;
                    Kind::End
                }
                byte if byte.is_ascii_digit() => {
                    while self.peek(0).is_some_and(is_word) {
                        self.at += 1;
                    }
                    Kind::Literal
                }
                byte if is_word(byte) => {
                    while self.peek(0).is_some_and(is_word) {
                        self.at += 1;
                    }
                    Kind::Word
                }
                byte => {
                    self.at += 1;
                    Kind::Sign(byte)
                }
            };
            let text = self.source.get(from..self.at).unwrap_or_default();
            self.may_end = match kind {
                Kind::Word => !matches!(
                    text,
                    "case"
                        | "chan"
                        | "const"
                        | "default"
                        | "defer"
                        | "else"
                        | "for"
                        | "func"
                        | "go"
                        | "goto"
                        | "if"
                        | "import"
                        | "interface"
                        | "map"
                        | "package"
                        | "range"
                        | "select"
                        | "struct"
                        | "switch"
                        | "type"
                        | "var"
                ),
                Kind::Literal => true,
                Kind::Sign(sign) => matches!(sign, b')' | b']' | b'}'),
                Kind::End => false,
            };
            return Some(Token { kind, text, start });
        }
    }
}

/// Whether a byte may be part of a name; those of other scripts are.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[(&str, &str, &str)]) {
        let found = functions(source);
        let found: Vec<_> = found
            .iter()
            .map(|f| (f.receiver.as_str(), f.name.as_str(), f.span.to_string()))
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|&(receiver, name, span)| (receiver, name, span.into())).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn declarations_have_names_and_extents() {
        check("package a\nfunc F() {}\n", &[("", "F", "2.1,2.12")]);
        check("func (t T) M() int { return 1 }", &[("T", "M", "1.1,1.32")]);
        check("func (*T[K, V]) M() {\n}\n", &[("*T", "M", "1.1,2.2")]);
        check("func G[T any, U interface{ ~int }](x T) {}", &[("", "G", "1.1,1.43")]);
        check("func Ä() {}; func B() {}", &[("", "Ä", "1.1,1.13"), ("", "B", "1.15,1.26")]);
    }

    #[test]
    fn braces_of_types_strings_and_comments_are_no_bodies() {
        check("func F() struct{ x int } { return z }", &[("", "F", "1.1,1.38")]);
        check("func F() (i interface{ M() }) {\n}", &[("", "F", "1.1,2.2")]);
        check("func F() map[string]struct{} {\n}", &[("", "F", "1.1,2.2")]);
        check(
            "func F() { s := \"}\" + `\n}` + string('}') /* } */ // }\n}",
            &[("", "F", "1.1,3.2")],
        );
        check("func F() {\n\ts := '\\''\n}", &[("", "F", "1.1,3.2")]);
    }

    #[test]
    fn what_is_no_declaration_with_a_body_is_passed_over() {
        check("func asm(x int) int\nfunc F() {}", &[("", "F", "2.1,2.12")]);
        check("var f = func() {}\nvar (\n\tg = func() {}\n)\n", &[]);
        check("type T struct {\n\tf func()\n}\nfunc F() {}", &[("", "F", "4.1,4.12")]);
        check("type F func() int\n\nfunc G() {}", &[("", "G", "3.1,3.12")]);
        check("func F() {\n\tfunc() {\n\t}()\n}", &[("", "F", "1.1,4.2")]);
        check("func F() {", &[]);
        check("/* a\n */ func F() {}", &[("", "F", "2.5,2.16")]);
    }
}
