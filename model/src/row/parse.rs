//! The raw value of a text: the inverse of `render`, for `.jsonl` tables and DEFAULT literals.
//!
//! What `render` prints comes back as the same bytes (a FLOAT as the number that its six digits say).
//! Beyond that the forms are taken that DDL literals have: fewer or more fractional digits (rounded as
//! MySQL rounds them), dates without leading zeros, `b'101'` for BIT.

use super::charset::max_char_bytes;
use super::decimal::Number;
use super::error::ParseError;
use super::image::push_prefixed;
use super::json_write;
use super::number::push_integer;
use super::temporal::{DateTime, Time};
use super::text::{charset, charset_name, read_hex};
use crate::schema::{Column, ColumnKind};

/// Appends the raw value of a text; nothing where it fails.
///
/// # Errors
/// [`ParseError`] says what is wrong with the text.
pub fn parse(column: &Column, text: &str, out: &mut Vec<u8>) -> Result<(), ParseError> {
    let before = out.len();
    let result = parse_value(column, text, out);
    if result.is_err() {
        out.truncate(before);
    }
    result
}

fn parse_value(column: &Column, text: &str, out: &mut Vec<u8>) -> Result<(), ParseError> {
    match &column.kind {
        ColumnKind::Int { bytes, unsigned } => {
            let value = match text.parse::<i128>() {
                Ok(value) => value,
                Err(_) => Number::read(text)
                    .and_then(Number::into_integer)
                    .ok_or_else(|| ParseError::not_a("an integer", text))?,
            };
            if push_integer(value, *bytes, *unsigned, out) {
                Ok(())
            } else {
                Err(ParseError::range(integer_name(*bytes, *unsigned), text))
            }
        }
        ColumnKind::Float => {
            let value = text
                .parse::<f32>()
                .map_err(|_| ParseError::not_a("a number", text))?;
            finite(f64::from(value), "FLOAT", text)?;
            out.extend_from_slice(&value.to_le_bytes());
            Ok(())
        }
        ColumnKind::Double => {
            let value = text
                .parse::<f64>()
                .map_err(|_| ParseError::not_a("a number", text))?;
            finite(value, "DOUBLE", text)?;
            out.extend_from_slice(&value.to_le_bytes());
            Ok(())
        }
        ColumnKind::Decimal {
            precision,
            scale,
            unsigned,
        } => {
            let number =
                Number::read(text).ok_or_else(|| ParseError::not_a("a decimal number", text))?;
            if number.pack(*precision, *scale, *unsigned, out) {
                Ok(())
            } else {
                Err(ParseError::range("DECIMAL of the column's precision", text))
            }
        }
        ColumnKind::Bit { bits } => {
            let value =
                read_bits(text).ok_or_else(|| ParseError::not_a("BIT in hex, such as 1F", text))?;
            let bits = u32::from((*bits).min(64));
            if bits < 64 && value >> bits != 0 {
                return Err(ParseError::range("BIT of the column's width", text));
            }
            out.extend_from_slice(&value.to_be_bytes()[8 - bits.div_ceil(8) as usize..]);
            Ok(())
        }
        ColumnKind::Year => {
            let year = text
                .parse::<u16>()
                .map_err(|_| ParseError::not_a("a year, such as 2026", text))?;
            match year {
                0 => out.push(0),
                1901..=2155 => out.push((year - 1900) as u8),
                _ => return Err(ParseError::range("YEAR (0000, 1901 to 2155)", text)),
            }
            Ok(())
        }
        ColumnKind::Date => {
            read_datetime(text, "a date, such as 2026-01-31")?.push_date(out);
            Ok(())
        }
        ColumnKind::Time { fsp } => {
            read_time(text, *fsp)?.push(*fsp, out);
            Ok(())
        }
        ColumnKind::OldTime => {
            read_time(text, 0)?.push_old(out);
            Ok(())
        }
        ColumnKind::DateTime { fsp } => {
            rounded_datetime(text, *fsp)?.push_datetime(*fsp, out);
            Ok(())
        }
        ColumnKind::OldDateTime => {
            out.extend_from_slice(&rounded_datetime(text, 0)?.to_number(true).to_le_bytes());
            Ok(())
        }
        ColumnKind::Timestamp { fsp } => {
            if rounded_datetime(text, *fsp)?.push_timestamp(*fsp, out) {
                Ok(())
            } else {
                Err(ParseError::range(TIMESTAMP, text))
            }
        }
        ColumnKind::OldTimestamp => {
            let seconds = rounded_datetime(text, 0)?.to_unix();
            let seconds = seconds.ok_or_else(|| ParseError::range(TIMESTAMP, text))?;
            out.extend_from_slice(&(seconds as u32).to_le_bytes());
            Ok(())
        }
        ColumnKind::Char { .. } | ColumnKind::Varchar { .. } | ColumnKind::Text { .. } => {
            push_text(column, text, out)
        }
        ColumnKind::Binary { .. }
        | ColumnKind::Varbinary { .. }
        | ColumnKind::Blob { .. }
        | ColumnKind::Geometry { .. }
        | ColumnKind::Vector { .. } => {
            let bytes = read_hex(text)
                .ok_or_else(|| ParseError::not_a("bytes in hex, such as 00FF", text))?;
            push_bytes(&column.kind, &bytes, out)
        }
        ColumnKind::Enum { members, bytes } => {
            let index = read_member(members, text)?;
            out.extend_from_slice(&index.to_le_bytes()[..usize::from(*bytes).clamp(1, 8)]);
            Ok(())
        }
        ColumnKind::Set { members, bytes } => {
            let bitmap = read_set(members, text)?;
            out.extend_from_slice(&bitmap.to_le_bytes()[..usize::from(*bytes).clamp(1, 8)]);
            Ok(())
        }
        ColumnKind::Json => {
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            json_write::encode(text, out)?;
            let len = u32::try_from(out.len() - start - 4).map_err(|_| ParseError::Json {
                at: 0,
                what: "the document is larger than 4 GiB",
            })?;
            out[start..start + 4].copy_from_slice(&len.to_le_bytes());
            Ok(())
        }
    }
}

const TIMESTAMP: &str = "TIMESTAMP (1970-01-01 00:00:01 to 2038-01-19 03:14:07 UTC)";

fn integer_name(bytes: u8, unsigned: bool) -> &'static str {
    match (bytes, unsigned) {
        (1, false) => "TINYINT",
        (1, true) => "TINYINT UNSIGNED",
        (2, false) => "SMALLINT",
        (2, true) => "SMALLINT UNSIGNED",
        (3, false) => "MEDIUMINT",
        (3, true) => "MEDIUMINT UNSIGNED",
        (4, false) => "INT",
        (4, true) => "INT UNSIGNED",
        (_, false) => "BIGINT",
        (_, true) => "BIGINT UNSIGNED",
    }
}

fn finite(value: f64, what: &'static str, text: &str) -> Result<(), ParseError> {
    if value.is_finite() {
        Ok(())
    } else {
        Err(ParseError::range(what, text))
    }
}

fn read_bits(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("b'").and_then(|t| t.strip_suffix('\'')) {
        Some(bits) => u64::from_str_radix(bits, 2).ok(),
        None => u64::from_str_radix(&lower, 16)
            .ok()
            .filter(|_| !lower.starts_with('+')),
    }
}

fn read_datetime(text: &str, what: &'static str) -> Result<DateTime, ParseError> {
    DateTime::read(text).ok_or_else(|| ParseError::not_a(what, text))
}

fn rounded_datetime(text: &str, fsp: u8) -> Result<DateTime, ParseError> {
    let value = read_datetime(text, "a date and time, such as 2026-01-31 23:59:59")?;
    value
        .round(fsp)
        .ok_or_else(|| ParseError::range("DATETIME", text))
}

fn read_time(text: &str, fsp: u8) -> Result<Time, ParseError> {
    let value =
        Time::read(text).ok_or_else(|| ParseError::not_a("a time, such as -12:34:56", text))?;
    value
        .round(fsp)
        .ok_or_else(|| ParseError::range("TIME (-838:59:59 to 838:59:59)", text))
}

/// Appends text to a CHAR, VARCHAR or TEXT column, in its character set.
pub(super) fn push_text(column: &Column, text: &str, out: &mut Vec<u8>) -> Result<(), ParseError> {
    let name = charset_name(column);
    let (text, max_bytes) = match &column.kind {
        ColumnKind::Char { max_bytes } => (text.trim_end_matches(' '), Some(*max_bytes)),
        ColumnKind::Varchar { max_bytes } => (text, Some(*max_bytes)),
        _ => (text, None),
    };
    if let Some(max_bytes) = max_bytes {
        let max = u64::from(max_bytes / max_char_bytes(name));
        let len = text.chars().count() as u64;
        // Spaces beyond the end are cut off with a note, even in strict mode.
        let needed = text.trim_end_matches(' ').chars().count() as u64;
        if needed > max {
            return Err(ParseError::TooLong {
                len: needed,
                max,
                unit: "characters",
            });
        }
        if len > max {
            let cut = text
                .char_indices()
                .nth(max as usize)
                .map_or(text.len(), |(at, _)| at);
            return encode_text(column, &text[..cut], out);
        }
    }
    encode_text(column, text, out)
}

fn encode_text(column: &Column, text: &str, out: &mut Vec<u8>) -> Result<(), ParseError> {
    let mut bytes = Vec::with_capacity(text.len());
    charset(column)
        .encode(text, &mut bytes)
        .map_err(|ch| ParseError::NotInCharset {
            ch,
            charset: charset_name(column).unwrap_or("unknown").to_owned(),
        })?;
    push_bytes(&column.kind, &bytes, out)
}

/// Appends bytes with the length prefix of the type.
pub(super) fn push_bytes(
    kind: &ColumnKind,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ParseError> {
    let (bytes, max) = match kind {
        ColumnKind::Binary { bytes: max } => {
            let zeros = bytes.iter().rev().take_while(|&&b| b == 0).count();
            if bytes.len() > *max as usize {
                return Err(ParseError::TooLong {
                    len: bytes.len() as u64,
                    max: u64::from(*max),
                    unit: "bytes",
                });
            }
            (&bytes[..bytes.len() - zeros], u64::from(*max))
        }
        ColumnKind::Char { max_bytes }
        | ColumnKind::Varchar { max_bytes }
        | ColumnKind::Varbinary { max_bytes } => (bytes, u64::from(*max_bytes)),
        _ => (bytes, (1u64 << (8 * super::image::prefix_len(kind))) - 1),
    };
    if bytes.len() as u64 > max {
        return Err(ParseError::TooLong {
            len: bytes.len() as u64,
            max,
            unit: "bytes",
        });
    }
    push_prefixed(kind, bytes, out);
    Ok(())
}

/// The 1-based index of a member; 0 for '' that is no member; the number itself where the members are
/// not known.
pub(super) fn read_member(members: &[String], text: &str) -> Result<u64, ParseError> {
    let found = members.iter().position(|m| m == text);
    // Members are compared under the collation; ASCII case is what DDL and people differ in.
    let found = found.or_else(|| members.iter().position(|m| m.eq_ignore_ascii_case(text)));
    match found {
        Some(index) => Ok(index as u64 + 1),
        None if text.is_empty() => Ok(0),
        None if members.is_empty() => text
            .parse::<u16>()
            .map(u64::from)
            .map_err(|_| no_member(text)),
        None => Err(no_member(text)),
    }
}

/// The bitmap of members separated by commas.
pub(super) fn read_set(members: &[String], text: &str) -> Result<u64, ParseError> {
    if text.is_empty() {
        return Ok(0);
    }
    if members.is_empty() {
        return text.parse().map_err(|_| no_member(text));
    }
    text.split(',')
        .try_fold(0, |bitmap, part| match read_member(members, part)? {
            index @ 1..=64 => Ok(bitmap | 1 << (index - 1)),
            _ => Err(no_member(part)),
        })
}

fn no_member(text: &str) -> ParseError {
    ParseError::NoSuchMember(text.chars().take(64).collect())
}
