//! Go source as tokens: just enough to find import declarations and the bodies of functions.

/// What a token is. Keywords are words; an operator is one token for each of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    Text,
    Operator(u8),
}

/// A token, as byte offsets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    /// Whether Go ends a statement before this token because a new line begins.
    pub ends_statement: bool,
}

/// The tokens of a source, and where its `//go:` directives are.
pub(super) struct Tokens<'a> {
    pub source: &'a str,
    pub all: Vec<Token>,
    /// Start and text of each comment that begins with `//go:`.
    pub directives: Vec<(usize, &'a str)>,
}

impl<'a> Tokens<'a> {
    /// The tokens of a source that Go's parser has accepted. Anything else gives tokens, too.
    pub(super) fn of(source: &'a str) -> Self {
        let bytes = source.as_bytes();
        let mut tokens = Tokens { source, all: Vec::new(), directives: Vec::new() };
        let byte_order_mark = if source.starts_with('\u{feff}') { 3 } else { 0 };
        let (mut at, mut new_line) = (byte_order_mark, false);
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            let rest = &bytes[at..];
            let kind = match byte {
                b'\n' => {
                    new_line = true;
                    at += 1;
                    continue;
                }
                b' ' | b'\t' | b'\r' => {
                    at += 1;
                    continue;
                }
                b'/' if rest.starts_with(b"//") => {
                    at += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
                    if rest.starts_with(b"//go:") {
                        tokens.directives.push((start, source.get(start..at).unwrap_or("")));
                    }
                    continue;
                }
                b'/' if rest.starts_with(b"/*") => {
                    let end = rest.windows(2).skip(2).position(|pair| pair == b"*/");
                    at += end.map_or(rest.len(), |end| end + 4);
                    new_line |= bytes[start..at].contains(&b'\n');
                    continue;
                }
                b'"' | b'\'' => {
                    at += quoted(rest, byte);
                    Kind::Text
                }
                b'`' => {
                    at +=
                        rest.iter().skip(1).position(|&b| b == b'`').map_or(rest.len(), |n| n + 2);
                    Kind::Text
                }
                b'0'..=b'9' => {
                    at += number(rest);
                    Kind::Number
                }
                b'_' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => {
                    at += word(rest);
                    Kind::Word
                }
                _ => {
                    at += 1;
                    Kind::Operator(byte)
                }
            };
            let ends_statement = new_line && tokens.all.last().is_some_and(|t| tokens.may_end(t));
            tokens.all.push(Token { kind, start, end: at, ends_statement });
            new_line = false;
        }
        tokens
    }

    /// The token's text.
    pub(super) fn text(&self, index: usize) -> &'a str {
        self.all.get(index).and_then(|t| self.source.get(t.start..t.end)).unwrap_or("")
    }

    /// Whether the token at `index` is this operator byte.
    pub(super) fn is(&self, index: usize, operator: u8) -> bool {
        self.all.get(index).is_some_and(|token| token.kind == Kind::Operator(operator))
    }

    /// Index after the bracket that closes the one at `index`.
    pub(super) fn after_group(&self, index: usize) -> usize {
        let mut depth = 0usize;
        for (offset, token) in self.all.iter().enumerate().skip(index) {
            match token.kind {
                Kind::Operator(b'(' | b'[' | b'{') => depth += 1,
                Kind::Operator(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return offset + 1;
            }
        }
        self.all.len()
    }

    /// Index of the `{` that opens the body of the function whose `func` is at `index`. Also found
    /// for function types that are followed by a `{` of something else, as in `[]func(){`.
    pub(super) fn body_of(&self, index: usize) -> Option<usize> {
        let mut at = index + 1;
        loop {
            let token = self.all.get(at).filter(|token| !token.ends_statement)?;
            at = match token.kind {
                Kind::Operator(b'{') => return Some(at),
                Kind::Operator(b'(' | b'[') => self.after_group(at),
                Kind::Operator(b'*' | b'.' | b'<' | b'-') => at + 1,
                Kind::Word => match self.text(at) {
                    "struct" | "interface" if self.is(at + 1, b'{') => self.after_group(at + 1),
                    "func" | "map" | "chan" => at + 1,
                    word if is_keyword(word) => return None,
                    _ => at + 1,
                },
                _ => return None,
            }
        }
    }

    /// Where the package clause's name ends.
    pub(super) fn package_end(&self) -> Option<usize> {
        let index = (0..self.all.len()).find(|&index| self.text(index) == "package")?;
        self.all.get(index + 1).map(|name| name.end)
    }

    /// Where declarations may begin: the end of the last import declaration, else of the package
    /// clause.
    pub(super) fn declarations_start(&self) -> Option<usize> {
        let mut end = self.package_end()?;
        let mut at = self.all.iter().position(|token| token.start >= end).unwrap_or(self.all.len());
        loop {
            if self.is(at, b';') {
                at += 1;
            } else if self.text(at) == "import" {
                at = if self.is(at + 1, b'(') {
                    self.after_group(at + 1)
                } else {
                    let named = self.all.get(at + 1).is_some_and(|t| t.kind != Kind::Text);
                    at + if named { 3 } else { 2 }
                };
                end = self.all.get(at - 1).map_or(end, |token| token.end);
            } else {
                return Some(end);
            }
        }
    }

    fn may_end(&self, token: &Token) -> bool {
        match token.kind {
            Kind::Number | Kind::Text => true,
            Kind::Operator(byte) => matches!(byte, b')' | b']' | b'}' | b'+' | b'-'),
            Kind::Word => {
                let text = &self.source[token.start..token.end];
                !is_keyword(text) || matches!(text, "break" | "continue" | "fallthrough" | "return")
            }
        }
    }
}

/// Whether a word is one of Go's 25 keywords.
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "break"
            | "case"
            | "chan"
            | "const"
            | "continue"
            | "default"
            | "defer"
            | "else"
            | "fallthrough"
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
            | "return"
            | "select"
            | "struct"
            | "switch"
            | "type"
            | "var"
    )
}

fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        at += 1 + usize::from(byte == b'\\');
        if byte == quote || byte == b'\n' {
            break;
        }
    }
    at.min(bytes.len())
}

/// A number with its sign of exponent, so that `1e+2` is one token.
fn number(bytes: &[u8]) -> usize {
    let hexadecimal = bytes.starts_with(b"0x") || bytes.starts_with(b"0X");
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        let exponent = match bytes.get(at - 1) {
            Some(b'p' | b'P') => hexadecimal,
            Some(b'e' | b'E') => !hexadecimal,
            _ => false,
        };
        let signed = exponent && matches!(byte, b'+' | b'-');
        if !(signed || byte == b'_' || byte == b'.' || byte.is_ascii_alphanumeric()) {
            break;
        }
        at += 1;
    }
    at
}

fn word(bytes: &[u8]) -> usize {
    let part = |byte: &u8| *byte == b'_' || *byte >= 0x80 || byte.is_ascii_alphanumeric();
    bytes.iter().position(|byte| !part(byte)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text from each function's `func` to its body, for those that `body_of` finds.
    fn heads(source: &str) -> Vec<&str> {
        let tokens = Tokens::of(source);
        let functions = (0..tokens.all.len()).filter(|&index| tokens.text(index) == "func");
        let mut heads: Vec<(usize, &str)> = functions
            .filter_map(|index| {
                let body = tokens.body_of(index)?;
                Some((body, source[tokens.all[index].start..tokens.all[body].start].trim_end()))
            })
            .collect();
        heads.dedup_by_key(|&mut (body, _)| body);
        heads.into_iter().map(|(_, head)| head).collect()
    }

    #[test]
    fn bodies_are_found_behind_every_result() {
        for head in [
            "func f()",
            "func (t *T[K, V]) Get(k K) (v V, ok bool)",
            "func g[T interface{ ~int }](a, b T) map[string][]*p.T[T]",
            "func() struct{ A, B int }",
            "func() interface{ M() }",
            "func(f func(int) string) <-chan struct{}",
            "func() func() (int, error)",
            "func h(a string, // {\n\tb rune /* } */) [4]chan<- int",
        ] {
            assert_eq!(heads(&format!("{head} {{ x() }}\n")), [head]);
        }
    }

    #[test]
    fn what_follows_on_the_next_line_is_no_body() {
        assert!(heads("var f func() int\nfor {\n}\n").is_empty());
        assert!(heads("var f func() int\n{\n}\n").is_empty());
        assert!(heads("func asm(x int) int\ntype T struct {\n}\n").is_empty());
        assert!(heads("switch f.(type) { case func(): }").is_empty());
    }

    #[test]
    fn text_hides_what_it_holds() {
        let source = "a := \"func() {\" + `func() {` + string('\\'') + '{' // func() {\n";
        assert!(heads(source).is_empty());
        assert_eq!(Tokens::of("0x1e+1").all.len(), 3);
        assert_eq!(Tokens::of("1e+1").all.len(), 1);
    }

    #[test]
    fn declarations_start_after_the_imports() {
        let start =
            |source: &'static str| &source[Tokens::of(source).declarations_start().unwrap()..];
        assert_eq!(start("// x\npackage a // b\n\nfunc f() {}"), " // b\n\nfunc f() {}");
        assert_eq!(start("package a; import \"b\"; import c \"d\" // e\n"), " // e\n");
        assert_eq!(start("package a\nimport . \"b\"\nimport (\n\t_ \"c\"\n) // d\n"), " // d\n");
    }
}
