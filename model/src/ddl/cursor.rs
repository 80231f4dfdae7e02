//! A place in a statement's tokens, and the small pieces of grammar that every statement is made of.

use super::lex::{Lexer, Token, What, near};
use super::{Context, DdlError, ParseError, TableName};
use std::ops::Range;
use std::sync::Arc;

/// The tokens of one statement. Copying the place is cheap; nothing is consumed for good.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    range: Range<usize>,
    tokens: Vec<Token<'a>>,
    at: usize,
    pub ctx: &'a Context,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str, range: Range<usize>, ctx: &'a Context) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(text, range.clone(), ctx);
        let mut tokens = Vec::new();
        while let Some(token) = lexer.next()? {
            tokens.push(token);
        }
        Ok(Cursor {
            text,
            range,
            tokens,
            at: 0,
            ctx,
        })
    }

    fn peek(&self, ahead: usize) -> Option<&What<'a>> {
        self.tokens.get(self.at + ahead).map(|t| &t.what)
    }

    /// The token's place, to come back to with [`Cursor::rewind`].
    pub fn mark(&self) -> usize {
        self.at
    }

    pub fn rewind(&mut self, mark: usize) {
        self.at = mark;
    }

    /// Steps over one token of any kind.
    pub fn skip(&mut self) {
        self.at += 1;
    }

    pub fn is_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn offset(&self) -> usize {
        self.tokens.get(self.at).map_or(self.range.end, |t| t.start)
    }

    /// A syntax error here.
    pub fn expected<T>(&self, expected: &str) -> Result<T, ParseError> {
        let offset = self.offset();
        let near = match near(self.text, offset, self.range.end) {
            rest if rest.is_empty() => "the end of the statement".to_owned(),
            rest => rest,
        };
        self.fail(DdlError::Syntax {
            expected: expected.to_owned(),
            near,
        })
    }

    /// Any error, here.
    pub fn fail<T>(&self, error: DdlError) -> Result<T, ParseError> {
        Err(ParseError::at(self.text, self.offset(), error))
    }

    /// The clause from here on is not supported.
    pub fn unsupported<T>(&self, clause: &str) -> Result<T, ParseError> {
        self.fail(DdlError::unsupported(clause))
    }

    /// Gives an error from elsewhere this place.
    pub fn here<T>(&self, result: Result<T, DdlError>) -> Result<T, ParseError> {
        result.or_else(|error| self.fail(error))
    }

    /// The next token is this keyword (given in upper case), unquoted.
    pub fn is(&self, keyword: &str) -> bool {
        self.is_ahead(0, keyword)
    }

    pub fn is_ahead(&self, ahead: usize, keyword: &str) -> bool {
        matches!(self.peek(ahead), Some(What::Word(w)) if w.eq_ignore_ascii_case(keyword))
    }

    pub fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|k| self.is(k))
    }

    pub fn is_any_ahead(&self, ahead: usize, keywords: &[&str]) -> bool {
        keywords.iter().any(|k| self.is_ahead(ahead, k))
    }

    pub fn eat(&mut self, keyword: &str) -> bool {
        let found = self.is(keyword);
        self.at += usize::from(found);
        found
    }

    /// Eats the keywords when all of them follow one another.
    pub fn eat_all(&mut self, keywords: &[&str]) -> bool {
        let found = keywords
            .iter()
            .enumerate()
            .all(|(i, k)| self.is_ahead(i, k));
        if found {
            self.at += keywords.len();
        }
        found
    }

    /// Eats one of the keywords and says which.
    pub fn eat_any<'k>(&mut self, keywords: &[&'k str]) -> Option<&'k str> {
        let found = keywords.iter().find(|k| self.is(k)).copied();
        self.at += usize::from(found.is_some());
        found
    }

    pub fn expect(&mut self, keyword: &str) -> Result<(), ParseError> {
        if self.eat(keyword) {
            Ok(())
        } else {
            self.expected(keyword)
        }
    }

    pub fn is_symbol(&self, symbol: char) -> bool {
        self.is_symbol_ahead(0, symbol)
    }

    pub fn is_symbol_ahead(&self, ahead: usize, symbol: char) -> bool {
        self.peek(ahead) == Some(&What::Symbol(symbol))
    }

    pub fn eat_symbol(&mut self, symbol: char) -> bool {
        let found = self.is_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    pub fn expect_symbol(&mut self, symbol: char) -> Result<(), ParseError> {
        if self.eat_symbol(symbol) {
            Ok(())
        } else {
            self.expected(&format!("`{symbol}`"))
        }
    }

    /// An unquoted word in upper case, for messages and tables of keywords.
    pub fn word(&self) -> Option<String> {
        match self.peek(0) {
            Some(What::Word(w)) => Some(w.to_ascii_uppercase()),
            _ => None,
        }
    }

    pub fn name(&mut self, what: &str) -> Result<Arc<str>, ParseError> {
        let name: Arc<str> = match self.peek(0) {
            Some(What::Word(w)) => (*w).into(),
            Some(What::Name(n)) => n.as_ref().into(),
            _ => return self.expected(what),
        };
        self.at += 1;
        Ok(name)
    }

    /// `table` or `schema.table`; a table without its schema is in `fallback`.
    pub fn table_in(&mut self, fallback: Option<&Arc<str>>) -> Result<TableName, ParseError> {
        self.eat_symbol('.');
        let mark = self.mark();
        let first = self.name("a table's name")?;
        if self.eat_symbol('.') {
            let name = self.name("a table's name")?;
            return Ok(TableName {
                schema: first,
                name,
            });
        }
        match fallback {
            Some(schema) => Ok(TableName {
                schema: schema.clone(),
                name: first,
            }),
            None => {
                self.rewind(mark);
                self.fail(DdlError::NoSchema)
            }
        }
    }

    pub fn table(&mut self) -> Result<TableName, ParseError> {
        self.table_in(self.ctx.default_schema.as_ref())
    }

    /// A column's name, of which a qualified one (`t.a`, `s.t.a`) keeps the last part.
    pub fn column(&mut self) -> Result<Arc<str>, ParseError> {
        let mut name = self.name("a column's name")?;
        while self.eat_symbol('.') {
            name = self.name("a column's name")?;
        }
        Ok(name)
    }

    /// A string, with its introducer and its continuations (`_utf8mb4 'a' 'b'`).
    pub fn string(&mut self) -> Option<String> {
        let introducer = matches!(self.peek(0), Some(What::Word(w)) if w.starts_with('_'));
        let ahead = usize::from(introducer);
        let Some(What::Str(first)) = self.peek(ahead) else {
            return None;
        };
        let mut out = first.as_ref().to_owned();
        self.at += ahead + 1;
        while let Some(What::Str(more)) = self.peek(0) {
            out.push_str(more);
            self.at += 1;
        }
        Some(out)
    }

    /// x'…' and b'…', with their introducer.
    pub fn bytes(&mut self) -> Option<Vec<u8>> {
        let introducer = matches!(self.peek(0), Some(What::Word(w)) if w.starts_with('_'));
        let ahead = usize::from(introducer);
        let Some(What::Bytes(bytes)) = self.peek(ahead) else {
            return None;
        };
        let bytes = bytes.clone();
        self.at += ahead + 1;
        Some(bytes)
    }

    pub fn number_text(&mut self) -> Option<&'a str> {
        match self.peek(0) {
            Some(&What::Number(n)) => {
                self.at += 1;
                Some(n)
            }
            _ => None,
        }
    }

    pub fn number(&mut self, what: &str) -> Result<u64, ParseError> {
        let mark = self.mark();
        match self.number_text().and_then(|n| n.parse().ok()) {
            Some(n) => Ok(n),
            None => {
                self.rewind(mark);
                self.expected(what)
            }
        }
    }

    /// Steps over `( … )`, nested ones included, and gives the text between.
    pub fn parenthesised(&mut self) -> Result<&'a str, ParseError> {
        let open = self.mark();
        self.expect_symbol('(')?;
        let start = self.offset();
        let mut depth = 1;
        while depth > 0 {
            match self.peek(0) {
                Some(What::Symbol('(')) => depth += 1,
                Some(What::Symbol(')')) => depth -= 1,
                Some(_) => {}
                None => {
                    self.rewind(open);
                    return self.expected("a closing parenthesis for this one");
                }
            }
            self.at += 1;
        }
        let close = self
            .tokens
            .get(self.at - 1)
            .map_or(self.range.end, |t| t.start);
        Ok(self.text.get(start..close).unwrap_or("").trim())
    }

    /// Steps over the value of an option: a word, a literal, or `( … )`.
    pub fn skip_value(&mut self) -> Result<(), ParseError> {
        if self.is_symbol('(') {
            return self.parenthesised().map(drop);
        }
        if self.string().is_some() || self.bytes().is_some() {
            return Ok(());
        }
        match self.peek(0) {
            Some(What::Word(_) | What::Name(_) | What::Number(_)) => {
                self.at += 1;
                Ok(())
            }
            _ => self.expected("a value"),
        }
    }

    /// A keyword stands anywhere in the rest of the statement.
    pub fn rest_has(&self, keyword: &str) -> bool {
        self.tokens
            .iter()
            .skip(self.at)
            .any(|t| matches!(t.what, What::Word(w) if w.eq_ignore_ascii_case(keyword)))
    }

    /// The rest of the statement, as it is written.
    pub fn rest_text(&self) -> &'a str {
        self.text.get(self.offset()..self.range.end).unwrap_or("")
    }

    pub fn skip_rest(&mut self) {
        self.at = self.tokens.len();
    }

    /// Nothing but semicolons may follow.
    pub fn end(&mut self) -> Result<(), ParseError> {
        while self.eat_symbol(';') {}
        if self.is_end() {
            Ok(())
        } else {
            self.expected("the end of the statement")
        }
    }
}
