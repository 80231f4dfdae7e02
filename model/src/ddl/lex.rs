//! Words, names, literals and symbols of MySQL's SQL (manual, "Language Structure").
//!
//! Comments vanish, except `/*!NNNNN … */`, whose content counts when the server's version is at least
//! NNNNN: a token keeps its place in the text, so an error inside one still points at the right column.

use super::{Context, DdlError, ParseError};
use std::borrow::Cow;

/// One token, with its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub what: What<'a>,
    /// Bytes from the start of the text.
    pub start: usize,
    pub end: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What<'a> {
    /// A keyword or an unquoted name.
    Word(&'a str),
    /// A quoted name.
    Name(Cow<'a, str>),
    /// A string literal, escapes resolved.
    Str(Cow<'a, str>),
    /// A number as written.
    Number(&'a str),
    /// x'…', 0x…, b'…', 0b…: the bytes, big-endian.
    Bytes(Vec<u8>),
    /// Anything else, one character.
    Symbol(char),
}

/// A lexer over `text`, from a byte offset on; tokens borrow from the text.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    version: u32,
    ansi_quotes: bool,
    backslash: bool,
    /// Where the version comment that is being read began.
    versioned: Option<usize>,
    after_dot: bool,
}

impl<'a> Lexer<'a> {
    /// The range must lie on character boundaries of the text.
    pub fn new(text: &'a str, range: std::ops::Range<usize>, ctx: &Context) -> Self {
        Lexer {
            text,
            at: range.start,
            end: range.end.min(text.len()),
            version: ctx.version.0,
            ansi_quotes: ctx.sql_mode.ansi_quotes,
            backslash: !ctx.sql_mode.no_backslash_escapes,
            versioned: None,
            after_dot: false,
        }
    }

    fn bytes(&self) -> &'a [u8] {
        &self.text.as_bytes()[..self.end]
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes().get(self.at + ahead).copied()
    }

    fn fault(&self, offset: usize, what: &str) -> ParseError {
        let error = DdlError::Syntax {
            expected: what.to_owned(),
            near: near(self.text, offset, self.end),
        };
        ParseError::at(self.text, offset, error)
    }

    /// The next token, or `None` at the end.
    pub fn next(&mut self) -> Result<Option<Token<'a>>, ParseError> {
        self.skip_blank()?;
        let start = self.at;
        let Some(first) = self.peek(0) else {
            return match self.versioned {
                Some(open) => Err(self.fault(open, "the end of the version comment")),
                None => Ok(None),
            };
        };
        let after_dot = std::mem::take(&mut self.after_dot);
        let what = match first {
            b'`' => What::Name(self.quoted(b'`', false)?),
            b'"' if self.ansi_quotes => What::Name(self.quoted(b'"', false)?),
            b'\'' | b'"' => What::Str(self.quoted(first, self.backslash)?),
            b'x' | b'X' | b'b' | b'B' if self.peek(1) == Some(b'\'') => {
                self.at += 1;
                let digits = self.quoted(b'\'', false)?;
                self.literal_bytes(first, &digits, start)?
            }
            b'n' | b'N' if self.peek(1) == Some(b'\'') => {
                self.at += 1;
                What::Str(self.quoted(b'\'', self.backslash)?)
            }
            b'0'..=b'9' if !after_dot => self.number(start)?,
            b'.' if !after_dot
                && self.peek(1).is_some_and(|b| b.is_ascii_digit())
                && !self.follows_name(start) =>
            {
                self.number(start)?
            }
            b if is_word(b) => What::Word(self.word()),
            _ => {
                let symbol = self.text[start..self.end]
                    .chars()
                    .next()
                    .unwrap_or('\u{fffd}');
                self.at += symbol.len_utf8();
                self.after_dot = symbol == '.';
                What::Symbol(symbol)
            }
        };
        Ok(Some(Token {
            what,
            start,
            end: self.at,
        }))
    }

    /// A dot directly after a name belongs to a qualified name: ``db.1st``.
    fn follows_name(&self, dot: usize) -> bool {
        dot > 0
            && self
                .bytes()
                .get(dot - 1)
                .is_some_and(|&b| is_word(b) || b == b'`' || b == b'"')
    }

    fn word(&mut self) -> &'a str {
        let start = self.at;
        while self.peek(0).is_some_and(is_word) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn number(&mut self, start: usize) -> Result<What<'a>, ParseError> {
        if self.peek(0) == Some(b'0') && matches!(self.peek(1), Some(b'x' | b'b')) {
            let kind = self.peek(1).unwrap_or(b'x');
            let word = self.word();
            let digits = &word[2..];
            let fits = |b: u8| {
                if kind == b'x' {
                    b.is_ascii_hexdigit()
                } else {
                    matches!(b, b'0' | b'1')
                }
            };
            if !digits.is_empty() && digits.bytes().all(fits) {
                return self.literal_bytes(kind, digits, start);
            }
            return Ok(What::Word(word));
        }
        while self.peek(0).is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            while self.peek(0).is_some_and(|b| b.is_ascii_digit()) {
                self.at += 1;
            }
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|b| b.is_ascii_digit()) {
                self.at += 1 + sign;
                while self.peek(0).is_some_and(|b| b.is_ascii_digit()) {
                    self.at += 1;
                }
            }
        }
        if self.peek(0).is_some_and(is_word) && !self.text[start..self.at].contains('.') {
            // A name may begin with digits: `2fa_codes`.
            self.word();
            return Ok(What::Word(&self.text[start..self.at]));
        }
        Ok(What::Number(&self.text[start..self.at]))
    }

    fn literal_bytes(&self, kind: u8, digits: &str, start: usize) -> Result<What<'a>, ParseError> {
        let (radix_bits, what) = if kind.eq_ignore_ascii_case(&b'x') {
            (4, "hexadecimal digits")
        } else {
            (1, "the digits 0 and 1")
        };
        let per_byte = 8 / radix_bits;
        let mut out = vec![0u8; digits.len().div_ceil(per_byte)];
        let last = out.len().wrapping_sub(1);
        for (i, digit) in digits.bytes().rev().enumerate() {
            let value = match (digit as char).to_digit(1 << radix_bits) {
                Some(value) => value as u8,
                None => return Err(self.fault(start, what)),
            };
            if let Some(byte) = out.get_mut(last.wrapping_sub(i / per_byte)) {
                *byte |= value << ((i % per_byte) * radix_bits);
            }
        }
        Ok(What::Bytes(out))
    }

    /// The content of a quoted piece that starts here; a doubled quote is the quote itself.
    fn quoted(&mut self, quote: u8, backslash: bool) -> Result<Cow<'a, str>, ParseError> {
        let open = self.at;
        let Some(close) = end_of_quoted(self.bytes(), open, backslash) else {
            return Err(self.fault(open, "the closing quote"));
        };
        self.at = close;
        let inner = &self.text[open + 1..close - 1];
        let special = |b: u8| b == quote || (backslash && b == b'\\');
        if !inner.bytes().any(special) {
            return Ok(Cow::Borrowed(inner));
        }
        let mut out = String::with_capacity(inner.len());
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' if backslash => match chars.next() {
                    Some('0') => out.push('\0'),
                    Some('b') => out.push('\u{8}'),
                    Some('n') => out.push('\n'),
                    Some('r') => out.push('\r'),
                    Some('t') => out.push('\t'),
                    Some('Z') => out.push('\u{1a}'),
                    Some(c @ ('%' | '_')) => out.extend(['\\', c]),
                    Some(c) => out.push(c),
                    None => {}
                },
                c if c == char::from(quote) => {
                    chars.next();
                    out.push(c);
                }
                c => out.push(c),
            }
        }
        Ok(Cow::Owned(out))
    }

    fn skip_blank(&mut self) -> Result<(), ParseError> {
        loop {
            let start = self.at;
            match self.peek(0) {
                Some(b) if b.is_ascii_whitespace() || b == 0x0b || b == 0 => self.at += 1,
                Some(b'*') if self.versioned.is_some() && self.peek(1) == Some(b'/') => {
                    self.at += 2;
                    self.versioned = None;
                }
                Some(b'/') if self.peek(1) == Some(b'*') => {
                    if self.peek(2) == Some(b'!')
                        && self.versioned.is_none()
                        && self.enter_version_comment()
                    {
                        continue;
                    }
                    match end_of_comment(self.bytes(), start) {
                        Some(end) => self.at = end,
                        None => return Err(self.fault(start, "the end of the comment")),
                    }
                }
                Some(b'#' | b'-') => match end_of_comment(self.bytes(), start) {
                    Some(end) => self.at = end,
                    None => return Ok(()),
                },
                Some(0xef) if start == 0 && self.text.starts_with('\u{feff}') => {
                    self.at += '\u{feff}'.len_utf8()
                }
                _ => return Ok(()),
            }
        }
    }

    /// At `/*!`: true when what stands inside counts for this server.
    fn enter_version_comment(&mut self) -> bool {
        let start = self.at;
        let digits = self.bytes()[start + 3..]
            .iter()
            .take(6)
            .take_while(|b| b.is_ascii_digit())
            .count();
        // Five digits, or six where the sixth is a digit as well; fewer belong to the content.
        let digits = if digits < 5 { 0 } else { digits };
        let needed = self.text[start + 3..start + 3 + digits]
            .parse::<u32>()
            .unwrap_or(0);
        if needed > self.version {
            return false;
        }
        self.at = start + 3 + digits;
        self.versioned = Some(start);
        true
    }
}

/// Bytes of unquoted names and of numbers: letters, digits, `$`, `_` and everything beyond ASCII.
pub(super) fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || b >= 0x80
}

/// The end of the quoted piece that opens at `open`, behind its closing quote.
pub(super) fn end_of_quoted(bytes: &[u8], open: usize, backslash: bool) -> Option<usize> {
    let quote = *bytes.get(open)?;
    let mut at = open + 1;
    loop {
        let b = *bytes.get(at)?;
        if b == b'\\' && backslash && quote != b'`' {
            at += 2;
        } else if b == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return Some(at + 1);
            }
            at += 2;
        } else {
            at += 1;
        }
    }
}

/// The end of the comment that starts here; `None` when none starts here or it does not end.
///
/// `--` opens a comment only before white space; a comment inside a `/* … */` ends first.
pub(super) fn end_of_comment(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let line_end = || {
        rest.iter()
            .position(|&b| b == b'\n')
            .map_or(bytes.len(), |n| start + n + 1)
    };
    match rest {
        [b'#', ..] => Some(line_end()),
        [b'-', b'-'] => Some(bytes.len()),
        [b'-', b'-', b, ..] if *b <= b' ' => Some(line_end()),
        [b'/', b'*', ..] => {
            let mut at = start + 2;
            let mut depth = 1;
            let versioned = rest.get(2) == Some(&b'!');
            while depth > 0 {
                match bytes.get(at..at + 2)? {
                    b"*/" => (depth, at) = (depth - 1, at + 2),
                    // Only a version comment may hold another one.
                    b"/*" if versioned => (depth, at) = (depth + 1, at + 2),
                    _ => at += 1,
                }
            }
            Some(at)
        }
        _ => None,
    }
}

/// The first words at a place, for error messages.
pub(super) fn near(text: &str, start: usize, end: usize) -> String {
    let rest = text.get(start..end).unwrap_or("");
    let mut out: String = rest
        .chars()
        .take(60)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if rest.chars().nth(60).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> Vec<What<'_>> {
        let ctx = Context::default();
        let mut lexer = Lexer::new(text, 0..text.len(), &ctx);
        std::iter::from_fn(|| lexer.next().unwrap())
            .map(|t| t.what)
            .collect()
    }

    #[test]
    fn quotes_escapes_and_comments_are_mysqls() {
        assert_eq!(
            lex("`a``b` 'it''s' 'x\\ny' -- gone\n \"d\"\"q\" # gone\n/* gone */ 1.5e-3 --1"),
            [
                What::Name("a`b".into()),
                What::Str("it's".into()),
                What::Str("x\ny".into()),
                What::Str("d\"q".into()),
                What::Number("1.5e-3"),
                What::Symbol('-'),
                What::Symbol('-'),
                What::Number("1"),
            ]
        );
    }

    #[test]
    fn bytes_literals_are_big_endian() {
        assert_eq!(
            lex("x'0F1' b'101' 0xff 0b100000001 x''"),
            [
                What::Bytes(vec![0, 0xf1]),
                What::Bytes(vec![5]),
                What::Bytes(vec![0xff]),
                What::Bytes(vec![1, 1]),
                What::Bytes(vec![]),
            ]
        );
    }

    #[test]
    fn names_may_begin_with_digits() {
        assert_eq!(lex("2fa"), [What::Word("2fa")]);
        assert_eq!(
            lex("a.1b"),
            [What::Word("a"), What::Symbol('.'), What::Word("1b")]
        );
        assert_eq!(lex("0xyz"), [What::Word("0xyz")]);
    }

    #[test]
    fn version_comments_count_only_up_to_the_servers_version() {
        assert_eq!(
            lex("a /*!50100 b */ c"),
            [What::Word("a"), What::Word("b"), What::Word("c")]
        );
        assert_eq!(
            lex("a /*!99999 b /* n */ x */ c"),
            [What::Word("a"), What::Word("c")]
        );
        assert_eq!(
            lex("a /*!b*/ c"),
            [What::Word("a"), What::Word("b"), What::Word("c")]
        );
        assert_eq!(
            lex("a /*!100401 mariadb */ c"),
            [What::Word("a"), What::Word("c")]
        );
        assert_eq!(lex("/*M!999999\\- sandbox */ c"), [What::Word("c")]);
    }

    #[test]
    fn what_is_left_open_is_an_error_with_its_place() {
        for text in [
            "a 'open",
            "a `open",
            "a /* open",
            "a /*!50000 open",
            "a 'open\\",
        ] {
            let ctx = Context::default();
            let mut lexer = Lexer::new(text, 0..text.len(), &ctx);
            assert!(lexer.next().is_ok());
            let error = loop {
                match lexer.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("no error in {text}"),
                    Err(error) => break error,
                }
            };
            assert_eq!((error.line, error.column), (1, 3), "{text}");
        }
    }
}
