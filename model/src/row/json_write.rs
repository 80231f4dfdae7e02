//! JSON: text to MySQL's binary form (server `json_binary.cc`, `serialize_json_value`).
//!
//! Keys are ordered by length, then by bytes, and of equal keys the last one stays. A container is
//! written in the small form and, where that overflows, again in the large one, from the outermost in:
//! a small container never holds a large one.

use super::error::ParseError;
use super::json::{
    DOUBLE, INT16, INT32, INT64, LARGE_ARRAY, LARGE_OBJECT, LITERAL, MAX_DEPTH, SMALL_ARRAY,
    SMALL_OBJECT, STRING, UINT64,
};
use std::collections::BTreeMap;

/// What a JSON text says.
enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    Array(Vec<Json>),
    /// By (length, key).
    Object(BTreeMap<(usize, String), Json>),
}

/// Appends the binary form of a JSON text.
pub(super) fn encode(text: &str, out: &mut Vec<u8>) -> Result<(), ParseError> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error("something follows the value"));
    }
    let type_at = out.len();
    out.push(0);
    match write(&value, type_at, false, out) {
        Ok(()) => Ok(()),
        Err(TooBig) => Err(ParseError::Json {
            at: 0,
            what: "the document is larger than 4 GiB",
        }),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, what: &'static str) -> ParseError {
        ParseError::Json { at: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn value(&mut self, depth: usize) -> Result<Json, ParseError> {
        self.space();
        match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => {
                Err(self.error("nested deeper than 100 levels"))
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let words = [
                    ("null", Json::Null),
                    ("true", Json::Bool(true)),
                    ("false", Json::Bool(false)),
                ];
                for (word, value) in words {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.error("a value is expected"))
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, ParseError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Json::Array(items));
            }
            if !self.take(b',') {
                return Err(self.error("',' or ']' is expected"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, ParseError> {
        self.at += 1;
        let mut members = BTreeMap::new();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in double quotes is expected"));
            }
            let key = self.string()?;
            if key.len() > usize::from(u16::MAX) {
                return Err(self.error("a key is longer than 65535 bytes"));
            }
            if !self.take(b':') {
                return Err(self.error("':' is expected"));
            }
            let value = self.value(depth + 1)?;
            members.insert((key.len(), key), value);
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return Err(self.error("',' or '}' is expected"));
            }
        }
    }

    fn number(&mut self) -> Result<Json, ParseError> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while matches!(reader.peek(), Some(b'0'..=b'9')) {
                reader.at += 1;
            }
            reader.at - from
        };
        self.at += usize::from(self.peek() == Some(b'-'));
        let leading_zero = self.peek() == Some(b'0');
        let whole = digits(self);
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(self.error("a number has one zero or digits from 1 to 9 in front"));
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            if digits(self) == 0 {
                return Err(self.error("digits are expected after the point"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'-' | b'+')));
            if digits(self) == 0 {
                return Err(self.error("digits are expected in the exponent"));
            }
        }
        let text = &self.text[start..self.at];
        if integer {
            // The server's parser tells 32 bits from 64, and takes what is positive and needs 64 for unsigned.
            if let Ok(value) = text.parse::<i64>()
                && value <= i64::from(u32::MAX)
            {
                return Ok(Json::Int(value));
            }
            if let Ok(value) = text.parse::<u64>() {
                return Ok(Json::Uint(value));
            }
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Json::Double(value)),
            _ => Err(ParseError::Json {
                at: start,
                what: "the number is too big for a double",
            }),
        }
    }

    fn string(&mut self) -> Result<String, ParseError> {
        self.at += 1;
        let mut value = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ');
            let Some(plain) = plain else {
                return Err(self.error("the string does not end"));
            };
            value.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(value);
                }
                Some(b'\\') => {
                    self.at += 1;
                    value.push(self.escape()?);
                }
                _ => return Err(self.error("a control character in a string must be escaped")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        let letter = self.peek();
        self.at += usize::from(letter.is_some_and(|b| b.is_ascii()));
        Ok(match letter {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.hex4()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return char::from_u32(high).ok_or_else(|| self.error("a lone surrogate"));
                }
                if !self.text[self.at..].starts_with("\\u") {
                    return Err(self.error("a lone surrogate"));
                }
                self.at += 2;
                let low = self.hex4()?;
                if !(0xdc00..0xe000).contains(&low) {
                    return Err(self.error("a lone surrogate"));
                }
                char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                    .ok_or_else(|| self.error("a lone surrogate"))?
            }
            _ => return Err(self.error("no such escape")),
        })
    }

    fn hex4(&mut self) -> Result<u32, ParseError> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        let value = value.ok_or_else(|| self.error("four hex digits are expected"))?;
        self.at += 4;
        Ok(value)
    }
}

/// An offset or a size that the storage format cannot hold.
struct TooBig;

/// Appends a value and sets its type byte at `type_at`.
fn write(
    value: &Json,
    type_at: usize,
    small_parent: bool,
    out: &mut Vec<u8>,
) -> Result<(), TooBig> {
    let kind = match value {
        Json::Null | Json::Bool(_) => {
            out.push(literal(value));
            LITERAL
        }
        Json::Int(value) => {
            let (kind, len) = match value {
                -0x8000..=0x7fff => (INT16, 2),
                -0x8000_0000..=0x7fff_ffff => (INT32, 4),
                _ => (INT64, 8),
            };
            out.extend_from_slice(&value.to_le_bytes()[..len]);
            kind
        }
        Json::Uint(value) => {
            out.extend_from_slice(&value.to_le_bytes());
            UINT64
        }
        Json::Double(value) => {
            out.extend_from_slice(&value.to_le_bytes());
            DOUBLE
        }
        Json::String(text) => {
            let mut len = text.len();
            while len > 0x7f {
                out.push(len as u8 & 0x7f | 0x80);
                len >>= 7;
            }
            out.push(len as u8);
            out.extend_from_slice(text.as_bytes());
            STRING
        }
        Json::Array(_) | Json::Object(_) => {
            let object = matches!(value, Json::Object(_));
            let start = out.len();
            if write_container(value, false, out).is_ok() {
                out[type_at] = if object { SMALL_OBJECT } else { SMALL_ARRAY };
                return Ok(());
            }
            if small_parent {
                return Err(TooBig);
            }
            out.truncate(start);
            write_container(value, true, out)?;
            if object { LARGE_OBJECT } else { LARGE_ARRAY }
        }
    };
    out[type_at] = kind;
    Ok(())
}

fn literal(value: &Json) -> u8 {
    match value {
        Json::Bool(true) => 1,
        Json::Bool(false) => 2,
        _ => 0,
    }
}

/// Writes a word of the container's format at `at`.
fn put(at: usize, value: usize, large: bool, out: &mut [u8]) -> Result<(), TooBig> {
    let (word, max) = if large {
        (4, u64::from(u32::MAX))
    } else {
        (2, u64::from(u16::MAX))
    };
    if value as u64 > max {
        return Err(TooBig);
    }
    out[at..at + word].copy_from_slice(&(value as u64).to_le_bytes()[..word]);
    Ok(())
}

fn write_container(container: &Json, large: bool, out: &mut Vec<u8>) -> Result<(), TooBig> {
    let word = if large { 4 } else { 2 };
    let start = out.len();
    let (keys, values): (Vec<&str>, Vec<&Json>) = match container {
        Json::Object(members) => members
            .iter()
            .map(|((_, key), value)| (key.as_str(), value))
            .unzip(),
        Json::Array(items) => (Vec::new(), items.iter().collect()),
        _ => return Ok(()),
    };
    let key_table = start + 2 * word;
    let value_table = key_table + keys.len() * (word + 2);
    out.resize(value_table + values.len() * (1 + word), 0);
    put(start, values.len(), large, out)?;
    for (i, key) in keys.iter().enumerate() {
        let entry = key_table + i * (word + 2);
        put(entry, out.len() - start, large, out)?;
        out[entry + word..entry + word + 2].copy_from_slice(&(key.len() as u16).to_le_bytes());
        out.extend_from_slice(key.as_bytes());
    }
    for (i, value) in values.iter().enumerate() {
        let entry = value_table + i * (1 + word);
        let inline = match value {
            Json::Null | Json::Bool(_) => Some((LITERAL, i64::from(literal(value)))),
            Json::Int(value @ -0x8000..=0x7fff) => Some((INT16, *value)),
            Json::Int(value @ -0x8000_0000..=0x7fff_ffff) if large => Some((INT32, *value)),
            _ => None,
        };
        if let Some((kind, value)) = inline {
            out[entry] = kind;
            out[entry + 1..entry + 1 + word].copy_from_slice(&value.to_le_bytes()[..word]);
            continue;
        }
        let offset = out.len() - start;
        put(entry + 1, offset, large, out)?;
        write(value, entry, !large, out)?;
    }
    let size = out.len() - start;
    put(start + word, size, large, out)
}
