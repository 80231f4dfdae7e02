//! JSON: MySQL's binary form as text (server `json_binary.cc` for the form, `json_dom.cc` for the text).
//!
//! A document is a type byte and a value. Arrays and objects hold a table of entries (offsets of 2 bytes
//! in the small form, 4 in the large one), counted from their own start; small scalars stand inside the
//! entry. Values never overlap in a real document, so the bytes of all values together are at most the
//! document's: a damaged one that refers to the same bytes again and again is stopped by that budget.

use super::decimal;
use super::image::le;
use super::number::write_json_double;
use super::temporal::{DateTime, Time};
use super::text::push_hex;
use std::fmt::Write;

pub(super) const SMALL_OBJECT: u8 = 0x00;
pub(super) const LARGE_OBJECT: u8 = 0x01;
pub(super) const SMALL_ARRAY: u8 = 0x02;
pub(super) const LARGE_ARRAY: u8 = 0x03;
pub(super) const LITERAL: u8 = 0x04;
pub(super) const INT16: u8 = 0x05;
pub(super) const UINT16: u8 = 0x06;
pub(super) const INT32: u8 = 0x07;
pub(super) const UINT32: u8 = 0x08;
pub(super) const INT64: u8 = 0x09;
pub(super) const UINT64: u8 = 0x0a;
pub(super) const DOUBLE: u8 = 0x0b;
pub(super) const STRING: u8 = 0x0c;
const OPAQUE: u8 = 0x0f;

/// The server's JSON_DOCUMENT_MAX_DEPTH.
pub(super) const MAX_DEPTH: usize = 100;

const TYPE_TIMESTAMP: u8 = 7;
const TYPE_DATE: u8 = 10;
const TYPE_TIME: u8 = 11;
const TYPE_DATETIME: u8 = 12;
const TYPE_NEWDECIMAL: u8 = 246;

/// Appends the text of a binary document; of bytes that are none, their hex.
pub(super) fn render(document: &[u8], out: &mut String) {
    let start = out.len();
    // The server reads an empty document (INSERT IGNORE of NULL) as the null literal.
    let Some((&kind, value)) = document.split_first() else {
        out.push_str("null");
        return;
    };
    // The type byte of the document and, for a lone scalar, as many bytes as it has.
    let mut reader = Reader {
        budget: document.len() + 1,
        out,
    };
    if reader.value(kind, value, 0).is_none() {
        out.truncate(start);
        push_hex(document, out);
    }
}

struct Reader<'o> {
    budget: usize,
    out: &'o mut String,
}

impl Reader<'_> {
    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.budget = self.budget.checked_sub(bytes)?;
        Some(())
    }

    fn value(&mut self, kind: u8, bytes: &[u8], depth: usize) -> Option<()> {
        match kind {
            SMALL_OBJECT => self.container(bytes, false, true, depth),
            LARGE_OBJECT => self.container(bytes, true, true, depth),
            SMALL_ARRAY => self.container(bytes, false, false, depth),
            LARGE_ARRAY => self.container(bytes, true, false, depth),
            LITERAL => {
                self.out.push_str(match bytes.first()? {
                    0 => "null",
                    1 => "true",
                    2 => "false",
                    _ => return None,
                });
                Some(())
            }
            INT16 | INT32 | INT64 => {
                let size = if kind == INT16 {
                    2
                } else if kind == INT32 {
                    4
                } else {
                    8
                };
                self.integer(super::number::integer(bytes.get(..size)?, false))
            }
            UINT16 | UINT32 | UINT64 => {
                let size = if kind == UINT16 {
                    2
                } else if kind == UINT32 {
                    4
                } else {
                    8
                };
                self.integer(i128::from(le(bytes.get(..size)?)))
            }
            DOUBLE => {
                write_json_double(f64::from_bits(le(bytes.get(..8)?)), self.out);
                Some(())
            }
            STRING => {
                let text = variable(bytes)?;
                self.spend(text.len())?;
                write_string(&String::from_utf8_lossy(text), self.out);
                Some(())
            }
            OPAQUE => self.opaque(bytes),
            _ => None,
        }
    }

    fn integer(&mut self, value: i128) -> Option<()> {
        write!(self.out, "{value}").ok()
    }

    fn container(&mut self, bytes: &[u8], large: bool, object: bool, depth: usize) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let word = if large { 4 } else { 2 };
        let count = le(bytes.get(..word)?) as usize;
        let size = le(bytes.get(word..2 * word)?) as usize;
        let bytes = bytes.get(..size)?;
        let key_entry = if object { word + 2 } else { 0 };
        let entries = count
            .checked_mul(key_entry + 1 + word)?
            .checked_add(2 * word)?;
        if entries > bytes.len() {
            return None;
        }
        self.spend(entries)?;
        self.out.push(if object { '{' } else { '[' });
        for i in 0..count {
            if i > 0 {
                self.out.push_str(", ");
            }
            if object {
                let entry = &bytes[2 * word + i * key_entry..][..key_entry];
                let offset = le(&entry[..word]) as usize;
                let key = bytes.get(offset..)?.get(..le(&entry[word..]) as usize)?;
                self.spend(key.len())?;
                write_string(&String::from_utf8_lossy(key), self.out);
                self.out.push_str(": ");
            }
            let entry = &bytes[2 * word + count * key_entry + i * (1 + word)..][..1 + word];
            let kind = entry[0];
            let inline = matches!(kind, LITERAL | INT16 | UINT16)
                || (large && matches!(kind, INT32 | UINT32));
            let value = if inline {
                &entry[1..]
            } else {
                bytes.get(le(&entry[1..]) as usize..)?
            };
            self.value(kind, value, depth + 1)?;
        }
        self.out.push(if object { '}' } else { ']' });
        Some(())
    }

    fn opaque(&mut self, bytes: &[u8]) -> Option<()> {
        let (&kind, rest) = bytes.split_first()?;
        let data = variable(rest)?;
        self.spend(data.len())?;
        if kind == TYPE_NEWDECIMAL {
            let [precision, scale, packed @ ..] = data else {
                return None;
            };
            if packed.len() != decimal::packed_len(*precision, *scale) {
                return None;
            }
            decimal::render(*precision, *scale, packed, self.out);
            return Some(());
        }
        self.out.push('"');
        match (kind, <[u8; 8]>::try_from(data).map(i64::from_le_bytes)) {
            (TYPE_DATE, Ok(packed)) => DateTime::from_packed(packed).write_date(self.out),
            (TYPE_DATETIME | TYPE_TIMESTAMP, Ok(packed)) => {
                DateTime::from_packed(packed).write(6, self.out)
            }
            (TYPE_TIME, Ok(packed)) => Time::from_packed(packed).write(6, self.out),
            _ => {
                let _ = write!(self.out, "base64:type{kind}:");
                write_base64(data, self.out);
            }
        }
        self.out.push('"');
        Some(())
    }
}

/// Bytes behind a length of up to 5 bytes, 7 bits each, the lowest first.
fn variable(bytes: &[u8]) -> Option<&[u8]> {
    let mut len = 0u64;
    for (i, &byte) in bytes.iter().take(5).enumerate() {
        len |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return bytes[i + 1..].get(..usize::try_from(len).ok()?);
        }
    }
    None
}

/// Appends a quoted string (server `double_quote`).
pub(super) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Appends base64 in lines of 76 characters, the line ends escaped, as the server's `base64_encode` and
/// `double_quote` make it.
fn write_base64(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const GROUPS_A_LINE: usize = 19;
    for (i, chunk) in bytes.chunks(3).enumerate() {
        if i > 0 && i % GROUPS_A_LINE == 0 {
            out.push_str("\\n");
        }
        let bits = (0..3).fold(0, |n, i| {
            n << 8 | u32::from(chunk.get(i).copied().unwrap_or(0))
        });
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit) & 63) as usize;
            out.push(if digit > chunk.len() {
                '='
            } else {
                char::from(DIGITS[value])
            });
        }
    }
}
