//! A value of one type as a value of another: ALTER TABLE … MODIFY in strict mode, and what the applier
//! does where the target's column differs.
//!
//! After the server's `Field::store` functions: DECIMAL and text round half away from zero, DOUBLE to
//! integers half to even (`rint`), fractional seconds half up; ENUM and SET are their index among numbers
//! and their members among texts; bytes become text as they are, in the target's character set.

use super::charset::Charset;
use super::collation;
use super::decimal::Number;
use super::error::{ConvertError, ParseError};
use super::image::{be, le, payload, value_len};
use super::number::{double, float, integer, push_integer, write_fixed};
use super::parse::{parse, push_bytes, push_text, read_member};
use super::render::render;
use super::temporal::{DateTime, Time};
use super::text::{charset, decoded, write_enum, write_set};
use crate::schema::{Column, ColumnKind};
use std::borrow::Cow;

/// A value between two types.
enum Value<'a> {
    /// Integers, BIT, YEAR.
    Int(i128),
    /// FLOAT, DOUBLE.
    Double(f64, String),
    /// DECIMAL, as its text.
    Decimal(String),
    /// Text, JSON.
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    Date(DateTime),
    DateTime(DateTime, String),
    Time(Time, String),
    /// ENUM, SET: index or bitmap, and members.
    Member(u64, String),
    /// GEOMETRY, VECTOR: become nothing else.
    Closed(&'a [u8]),
}

/// Appends the raw value `raw` of column `from` as a raw value of column `to`; nothing where it fails.
///
/// # Errors
/// [`ConvertError`], with MySQL's error number, where strict mode would refuse the value.
pub fn convert(
    from: &Column,
    raw: &[u8],
    to: &Column,
    out: &mut Vec<u8>,
) -> Result<(), ConvertError> {
    let len = value_len(&from.kind, raw)?;
    let raw = &raw[..len];
    let same_text =
        from.collation.as_ref().map(|c| &c.charset) == to.collation.as_ref().map(|c| &c.charset);
    if from.kind == to.kind
        && same_text
        && to
            .display
            .decimals
            .is_none_or(|d| Some(d) == from.display.decimals)
    {
        out.extend_from_slice(raw);
        return Ok(());
    }
    let before = out.len();
    let result = store(read(from, raw), to, out);
    if result.is_err() {
        out.truncate(before);
    }
    result
}

fn text_of(column: &Column, raw: &[u8]) -> String {
    let mut text = String::new();
    render(column, raw, &mut text);
    text
}

fn read<'a>(from: &Column, raw: &'a [u8]) -> Value<'a> {
    let value = payload(&from.kind, raw);
    match &from.kind {
        ColumnKind::Int { unsigned, .. } => Value::Int(integer(value, *unsigned)),
        ColumnKind::Bit { .. } => Value::Int(i128::from(be(value))),
        ColumnKind::Year => {
            let year = value
                .first()
                .map_or(0, |&n| if n == 0 { 0 } else { 1900 + i128::from(n) });
            Value::Int(year)
        }
        ColumnKind::Float => Value::Double(f64::from(float(value)), text_of(from, raw)),
        ColumnKind::Double => Value::Double(double(value), text_of(from, raw)),
        ColumnKind::Decimal { .. } => Value::Decimal(text_of(from, raw)),
        ColumnKind::Date => Value::Date(DateTime::from_date(value)),
        ColumnKind::DateTime { fsp } => {
            Value::DateTime(DateTime::from_datetime(value, *fsp), text_of(from, raw))
        }
        ColumnKind::Timestamp { fsp } => {
            Value::DateTime(DateTime::from_timestamp(value, *fsp), text_of(from, raw))
        }
        ColumnKind::OldDateTime => {
            Value::DateTime(DateTime::from_old_datetime(value), text_of(from, raw))
        }
        ColumnKind::OldTimestamp => {
            Value::DateTime(DateTime::from_old_timestamp(value), text_of(from, raw))
        }
        ColumnKind::Time { fsp } => Value::Time(Time::from_raw(value, *fsp), text_of(from, raw)),
        ColumnKind::OldTime => Value::Time(Time::from_old(value), text_of(from, raw)),
        ColumnKind::Char { .. } | ColumnKind::Varchar { .. } | ColumnKind::Text { .. } => {
            Value::Text(decoded(charset(from), value))
        }
        ColumnKind::Json => Value::Text(Cow::Owned(text_of(from, raw))),
        ColumnKind::Binary { .. } | ColumnKind::Varbinary { .. } | ColumnKind::Blob { .. } => {
            Value::Bytes(value)
        }
        ColumnKind::Enum { members, .. } => {
            let mut name = String::new();
            write_enum(members, le(value), &mut name);
            Value::Member(le(value), name)
        }
        ColumnKind::Set { members, .. } => {
            let mut names = String::new();
            write_set(members, le(value), &mut names);
            Value::Member(le(value), names)
        }
        ColumnKind::Geometry { .. } | ColumnKind::Vector { .. } => Value::Closed(value),
    }
}

fn name(to: &Column) -> String {
    to.name.to_string()
}

fn out_of_range(to: &Column) -> ConvertError {
    ConvertError::OutOfRange(name(to))
}

fn incorrect(to: &Column, text: &str, reason: &str) -> ConvertError {
    let text = text.chars().take(64).collect();
    ConvertError::Incorrect {
        column: name(to),
        text,
        reason: reason.to_owned(),
    }
}

fn refused(to: &Column, text: &str, error: &ParseError) -> ConvertError {
    match error {
        ParseError::OutOfRange { .. } => out_of_range(to),
        ParseError::TooLong { .. } => ConvertError::TooLong(name(to)),
        ParseError::NoSuchMember(_) => ConvertError::Truncated(name(to)),
        _ => incorrect(to, text, &error.to_string()),
    }
}

impl Value<'_> {
    /// As CAST(… AS CHAR) gives it; `None` for bytes.
    fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Value::Int(value) => Cow::Owned(value.to_string()),
            Value::Double(_, text)
            | Value::Decimal(text)
            | Value::DateTime(_, text)
            | Value::Time(_, text)
            | Value::Member(_, text) => Cow::Borrowed(text),
            Value::Text(text) => Cow::Borrowed(text),
            Value::Date(date) => {
                let mut text = String::new();
                date.write_date(&mut text);
                Cow::Owned(text)
            }
            Value::Bytes(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
            Value::Closed(_) => return None,
        })
    }

    /// As a number's text, for DECIMAL, FLOAT and DOUBLE.
    fn number_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Value::Double(value, _) => Cow::Owned(format!("{value:e}")),
            Value::Date(date) => Cow::Owned(date.to_number(false).to_string()),
            Value::DateTime(value, _) => {
                Cow::Owned(format!("{}.{:06}", value.to_number(true), value.micros))
            }
            Value::Time(value, _) => {
                let sign = if value.negative { "-" } else { "" };
                let micros = value.micros % 1_000_000;
                Cow::Owned(format!(
                    "{sign}{}.{micros:06}",
                    value.to_number().unsigned_abs()
                ))
            }
            Value::Member(index, _) => Cow::Owned(index.to_string()),
            other => Cow::Owned(other.text()?.trim().to_owned()),
        })
    }
}

/// A number as FLOAT(m,d) and DOUBLE(m,d) keep it.
fn rounded<'a>(value: Value<'a>, to: &Column) -> Value<'a> {
    match (value, to.display.decimals) {
        (Value::Double(value, _), Some(decimals @ 0..=30)) => {
            let mut text = String::new();
            write_fixed(value, decimals, &mut text);
            Value::Double(text.parse().unwrap_or(value), text)
        }
        (value, _) => value,
    }
}

fn store(value: Value<'_>, to: &Column, out: &mut Vec<u8>) -> Result<(), ConvertError> {
    if let Value::Closed(bytes) = value {
        let closed = matches!(
            to.kind,
            ColumnKind::Geometry { .. } | ColumnKind::Vector { .. } | ColumnKind::Blob { .. }
        );
        return if closed {
            store_bytes(bytes, to, out)
        } else {
            Err(ConvertError::NoConversion(name(to)))
        };
    }
    match &to.kind {
        ColumnKind::Int { bytes, unsigned } => {
            let integer = to_integer(&value, to)?;
            if push_integer(integer, *bytes, *unsigned, out) {
                Ok(())
            } else {
                Err(out_of_range(to))
            }
        }
        ColumnKind::Year | ColumnKind::Bit { .. } => {
            if let (ColumnKind::Bit { .. }, Value::Bytes(bytes)) = (&to.kind, &value) {
                let zeros = bytes.iter().take_while(|&&b| b == 0).count();
                let fits = bytes.len() - zeros <= 8;
                return if fits {
                    store_bits(be(&bytes[zeros..]), to, out)
                } else {
                    Err(ConvertError::TooLong(name(to)))
                };
            }
            let integer = match &value {
                Value::Date(date) | Value::DateTime(date, _) if to.kind == ColumnKind::Year => {
                    i128::from(date.year)
                }
                _ => to_integer(&value, to)?,
            };
            if to.kind == ColumnKind::Year {
                return store_parsed(&integer.to_string(), to, out);
            }
            store_bits(
                u64::try_from(integer).map_err(|_| out_of_range(to))?,
                to,
                out,
            )
        }
        ColumnKind::Float | ColumnKind::Double | ColumnKind::Decimal { .. } => {
            let value = rounded(value, to);
            if let (ColumnKind::Double, Value::Double(value, _)) = (&to.kind, &value) {
                out.extend_from_slice(&value.to_le_bytes());
                return Ok(());
            }
            let text = value
                .number_text()
                .ok_or_else(|| incorrect(to, "", "the bytes are no number"))?;
            store_parsed(&text, to, out)
        }
        ColumnKind::Date
        | ColumnKind::Time { .. }
        | ColumnKind::DateTime { .. }
        | ColumnKind::Timestamp { .. }
        | ColumnKind::OldTime
        | ColumnKind::OldDateTime
        | ColumnKind::OldTimestamp => store_temporal(&value, to, out),
        ColumnKind::Char { .. } | ColumnKind::Varchar { .. } | ColumnKind::Text { .. } => {
            match &value {
                Value::Bytes(bytes) => {
                    let text = text_from_bytes(bytes, charset(to)).ok_or_else(|| {
                        incorrect(
                            to,
                            "",
                            "the bytes are no text of the column's character set",
                        )
                    })?;
                    push_text(to, &text, out).map_err(|error| refused(to, &text, &error))
                }
                _ => {
                    let text = value.text().unwrap_or_default();
                    push_text(to, &text, out).map_err(|error| refused(to, &text, &error))
                }
            }
        }
        ColumnKind::Binary { .. } | ColumnKind::Varbinary { .. } | ColumnKind::Blob { .. } => {
            match &value {
                Value::Bytes(bytes) => store_bytes(bytes, to, out),
                _ => store_bytes(value.text().unwrap_or_default().as_bytes(), to, out),
            }
        }
        ColumnKind::Enum { members, bytes } => {
            let index = match &value {
                Value::Int(value) => {
                    let known = |&index: &u64| index >= 1 && index <= members.len() as u64;
                    u64::try_from(*value)
                        .ok()
                        .filter(known)
                        .ok_or_else(|| ConvertError::Truncated(name(to)))?
                }
                _ => find_member(to, members, &value.text().unwrap_or_default())?,
            };
            out.extend_from_slice(&index.to_le_bytes()[..usize::from(*bytes).clamp(1, 8)]);
            Ok(())
        }
        ColumnKind::Set { members, bytes } => {
            let bitmap = match &value {
                Value::Int(value) => {
                    let known = |&bits: &u64| members.len() >= 64 || bits >> members.len() == 0;
                    u64::try_from(*value)
                        .ok()
                        .filter(known)
                        .ok_or_else(|| ConvertError::Truncated(name(to)))?
                }
                _ => {
                    let text = value.text().unwrap_or_default();
                    let parts = text.split(',').filter(|_| !text.is_empty());
                    parts.map(|part| find_member(to, members, part)).try_fold(
                        0,
                        |bits, index| match index? {
                            index @ 1..=64 => Ok(bits | 1 << (index - 1)),
                            _ => Err(ConvertError::Truncated(name(to))),
                        },
                    )?
                }
            };
            out.extend_from_slice(&bitmap.to_le_bytes()[..usize::from(*bytes).clamp(1, 8)]);
            Ok(())
        }
        ColumnKind::Json => {
            let text = value
                .text()
                .ok_or_else(|| incorrect(to, "", "bytes are no JSON"))?;
            let quoted = matches!(
                value,
                Value::Date(_) | Value::DateTime(..) | Value::Time(..) | Value::Member(..)
            );
            if quoted {
                let mut json = String::new();
                super::json::write_string(&text, &mut json);
                return store_parsed(&json, to, out);
            }
            store_parsed(&text, to, out)
        }
        ColumnKind::Geometry { .. } | ColumnKind::Vector { .. } => match &value {
            Value::Bytes(bytes) => store_bytes(bytes, to, out),
            _ => Err(ConvertError::NoConversion(name(to))),
        },
    }
}

fn store_parsed(text: &str, to: &Column, out: &mut Vec<u8>) -> Result<(), ConvertError> {
    parse(to, text, out).map_err(|error| refused(to, text, &error))
}

fn store_bytes(bytes: &[u8], to: &Column, out: &mut Vec<u8>) -> Result<(), ConvertError> {
    push_bytes(&to.kind, bytes, out).map_err(|error| refused(to, "", &error))
}

fn store_bits(value: u64, to: &Column, out: &mut Vec<u8>) -> Result<(), ConvertError> {
    // More bits than the column has are "Data too long", as for a string.
    parse(to, &format!("{value:X}"), out).map_err(|_| ConvertError::TooLong(name(to)))
}

fn to_integer(value: &Value<'_>, to: &Column) -> Result<i128, ConvertError> {
    match value {
        Value::Int(value) => Ok(*value),
        // Beyond 2^64 either way it is out of range for every integer type, so the cast loses nothing.
        Value::Double(value, _) => Ok(value.round_ties_even() as i128),
        Value::Date(date) => Ok(i128::from(date.to_number(false))),
        Value::DateTime(value, _) => {
            let rounded = value.round(0).ok_or_else(|| out_of_range(to))?;
            Ok(i128::from(rounded.to_number(true)))
        }
        Value::Time(value, _) => {
            let rounded = value.round(0).ok_or_else(|| out_of_range(to))?;
            Ok(i128::from(rounded.to_number()))
        }
        Value::Member(index, _) => Ok(i128::from(*index)),
        Value::Decimal(_) | Value::Text(_) | Value::Bytes(_) | Value::Closed(_) => {
            let text = value.text().unwrap_or_default();
            let number =
                Number::read(text.trim()).ok_or_else(|| incorrect(to, &text, "it is no number"))?;
            number.into_integer().ok_or_else(|| out_of_range(to))
        }
    }
}

fn store_temporal(value: &Value<'_>, to: &Column, out: &mut Vec<u8>) -> Result<(), ConvertError> {
    let date = match (value, &to.kind) {
        (Value::Date(date), ColumnKind::Time { .. } | ColumnKind::OldTime) => {
            return store_time(date.time_of_day(), to, out);
        }
        (Value::DateTime(value, _), ColumnKind::Time { .. } | ColumnKind::OldTime) => {
            return store_time(value.time_of_day(), to, out);
        }
        (Value::Time(value, _), ColumnKind::Time { .. } | ColumnKind::OldTime) => {
            return store_time(*value, to, out);
        }
        // The server would add today's date, which no replay knows.
        (Value::Time(..), _) => return Err(ConvertError::NoConversion(name(to))),
        (Value::Date(date) | Value::DateTime(date, _), _) => *date,
        _ => {
            let text = value
                .text()
                .ok_or_else(|| incorrect(to, "", "the bytes are no date"))?;
            if DateTime::read(&text).is_some_and(|date| !date.is_valid()) {
                return Err(incorrect(to, &text, "there is no such day"));
            }
            // A DATE keeps the day of a text with a time.
            return store_parsed(&text, to, out);
        }
    };
    store_date(date, to, out)
}

fn store_time(value: Time, to: &Column, out: &mut Vec<u8>) -> Result<(), ConvertError> {
    let fsp = if let ColumnKind::Time { fsp } = &to.kind {
        *fsp
    } else {
        0
    };
    let value = value.round(fsp).ok_or_else(|| out_of_range(to))?;
    if to.kind == ColumnKind::OldTime {
        value.push_old(out)
    } else {
        value.push(fsp, out)
    }
    Ok(())
}

fn store_date(value: DateTime, to: &Column, out: &mut Vec<u8>) -> Result<(), ConvertError> {
    let fsp = match &to.kind {
        ColumnKind::DateTime { fsp } | ColumnKind::Timestamp { fsp } => *fsp,
        _ => 0,
    };
    let value = value.round(fsp).ok_or_else(|| out_of_range(to))?;
    let text = || {
        let mut text = String::new();
        value.write(fsp, &mut text);
        text
    };
    match &to.kind {
        ColumnKind::DateTime { fsp } => value.push_datetime(*fsp, out),
        ColumnKind::OldDateTime => out.extend_from_slice(&value.to_number(true).to_le_bytes()),
        ColumnKind::Timestamp { fsp } => {
            if !value.push_timestamp(*fsp, out) {
                return Err(incorrect(to, &text(), "outside TIMESTAMP's range"));
            }
        }
        ColumnKind::OldTimestamp => {
            let seconds = value
                .to_unix()
                .ok_or_else(|| incorrect(to, &text(), "outside TIMESTAMP's range"))?;
            out.extend_from_slice(&(seconds as u32).to_le_bytes());
        }
        _ => value.push_date(out),
    }
    Ok(())
}

/// Bytes as text of a character set; `None` where they are not valid there.
fn text_from_bytes(bytes: &[u8], to: Charset) -> Option<Cow<'_, str>> {
    let text = decoded(to, bytes);
    let mut back = Vec::with_capacity(bytes.len());
    (to.encode(&text, &mut back).is_ok() && back == bytes).then_some(text)
}

/// The index of a member under the column's collation.
fn find_member(to: &Column, members: &[String], text: &str) -> Result<u64, ConvertError> {
    if let Ok(index) = read_member(members, text) {
        return Ok(index);
    }
    let fold = |text: &str| {
        let mut folded = Vec::new();
        collation::fold(
            to.collation.as_ref(),
            Charset::Utf8,
            text.as_bytes(),
            None,
            &mut folded,
        );
        folded
    };
    let wanted = fold(text);
    let found = members.iter().position(|member| fold(member) == wanted);
    found
        .map(|index| index as u64 + 1)
        .ok_or_else(|| ConvertError::Truncated(name(to)))
}
