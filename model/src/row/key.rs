//! Keys: bytes that are equal where MySQL's comparison says so, and whose order is MySQL's.
//!
//! A value is a marker (0 for NULL, which sorts first, 1 otherwise) and then either as many bytes as its
//! type always has, or escaped bytes (0x00 as 0x00 0xFF) with the terminator 0x00 0x00: values can be put
//! one behind the other, and the order of the whole is the order of the parts.

use super::collation;
use super::image::{be, le, payload};
use super::number::{double, float, integer};
use super::temporal::Time;
use super::text::charset;
use crate::schema::{Column, ColumnKind};

const SIGN: u64 = 1 << 63;

/// The order-preserving 64-bit form of an integer: its value for UNSIGNED, with the sign bit flipped
/// otherwise. `None` for other types.
pub fn integer_key(kind: &ColumnKind, raw: &[u8]) -> Option<u64> {
    match kind {
        ColumnKind::Int { unsigned: true, .. } => Some(le(raw)),
        ColumnKind::Int {
            unsigned: false, ..
        } => Some(integer(raw, false) as u64 ^ SIGN),
        _ => None,
    }
}

/// Appends a value as part of an index's key: equal bytes exactly where MySQL's comparison under the
/// column's collation finds the values equal (for text as near as `collation` goes). `prefix` is the
/// part's length in characters, in bytes for binary types. `raw` is `None` for NULL; two NULLs give equal
/// bytes, and it is the caller who knows that a UNIQUE index admits them all.
pub fn append_key(column: &Column, prefix: Option<u32>, raw: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(raw) = raw else {
        out.push(0);
        return;
    };
    out.push(1);
    let value = payload(&column.kind, raw);
    match &column.kind {
        ColumnKind::Int { .. } => {
            out.extend_from_slice(&integer_key(&column.kind, value).unwrap_or(0).to_be_bytes())
        }
        ColumnKind::Float => push_float(f64::from(float(value)), out),
        ColumnKind::Double => push_float(double(value), out),
        ColumnKind::Decimal { .. } => push_decimal(value, out),
        ColumnKind::Enum { .. } | ColumnKind::Set { .. } | ColumnKind::OldDateTime => {
            out.extend_from_slice(&le(value).to_be_bytes());
        }
        ColumnKind::Date | ColumnKind::OldTimestamp => out.extend(value.iter().rev()),
        ColumnKind::OldTime => {
            out.extend_from_slice(&(Time::from_old(value).to_number() as u64 ^ SIGN).to_be_bytes());
        }
        ColumnKind::Bit { .. } => out.extend_from_slice(&be(value).to_be_bytes()),
        // These forms are made to compare as bytes.
        ColumnKind::Year
        | ColumnKind::Time { .. }
        | ColumnKind::DateTime { .. }
        | ColumnKind::Timestamp { .. } => out.extend_from_slice(value),
        ColumnKind::Char { .. } | ColumnKind::Varchar { .. } | ColumnKind::Text { .. } => {
            let start = out.len();
            collation::fold(
                column.collation.as_ref(),
                charset(column),
                value,
                prefix,
                out,
            );
            terminate(start, out);
        }
        ColumnKind::Binary { .. } => {
            // Padded with 0x00 all values have one length, so without the padding they compare the same.
            let value = cut(value, prefix);
            let zeros = value.iter().rev().take_while(|&&b| b == 0).count();
            push_bytes(&value[..value.len() - zeros], out);
        }
        ColumnKind::Varbinary { .. }
        | ColumnKind::Blob { .. }
        | ColumnKind::Geometry { .. }
        | ColumnKind::Vector { .. }
        | ColumnKind::Json => push_bytes(cut(value, prefix), out),
    }
}

/// Appends a whole value so that the order of the bytes is the column's order in MySQL, NULL first (for
/// text as near as `collation` goes).
pub fn append_sort_key(column: &Column, raw: Option<&[u8]>, out: &mut Vec<u8>) {
    append_key(column, None, raw, out);
}

fn cut(bytes: &[u8], prefix: Option<u32>) -> &[u8] {
    &bytes[..prefix.map_or(bytes.len(), |n| bytes.len().min(n as usize))]
}

fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(bytes);
    terminate(start, out);
}

/// Escapes what was appended since `start` and ends it.
fn terminate(start: usize, out: &mut Vec<u8>) {
    if out[start..].contains(&0) {
        let bytes = out.split_off(start);
        for byte in bytes {
            out.push(byte);
            if byte == 0 {
                out.push(0xff);
            }
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// Negative numbers have all bits flipped, others the sign; -0 is 0.
fn push_float(value: f64, out: &mut Vec<u8>) {
    let bits = if value == 0.0 { 0 } else { value.to_bits() };
    let ordered = if bits & SIGN != 0 { !bits } else { bits ^ SIGN };
    out.extend_from_slice(&ordered.to_be_bytes());
}

fn push_decimal(packed: &[u8], out: &mut Vec<u8>) {
    if let [0x7f, rest @ ..] = packed
        && rest.iter().all(|&b| b == 0xff)
    {
        // -0
        out.push(0x80);
        out.extend(rest.iter().map(|_| 0));
        return;
    }
    out.extend_from_slice(packed);
}
