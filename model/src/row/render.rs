//! The text of a value: what `CAST(column AS CHAR)` gives in UTC with utf8mb4, and `HEX()` for what is
//! bytes (BIT, BINARY, VARBINARY, BLOB, GEOMETRY, VECTOR).

use super::image::{be, le, payload};
use super::number::{double, float, integer, write_double, write_fixed, write_float};
use super::temporal::{DateTime, Time};
use super::text::{charset, push_hex, write_enum, write_set};
use super::{decimal, json};
use crate::schema::{Column, ColumnKind};
use std::fmt::Write;

/// FLOAT(m,31) is FLOAT: DECIMAL_NOT_SPECIFIED.
const NOT_FIXED: u8 = 31;

/// Appends the text of a raw value.
///
/// Damaged values give some text, never a panic: JSON that is no JSON is shown in hex, an ENUM without
/// a name as its index.
pub fn render(column: &Column, raw: &[u8], out: &mut String) {
    let Some(width) = column.display.zero_fill else {
        return render_plain(column, raw, out);
    };
    let start = out.len();
    render_plain(column, raw, out);
    let missing = usize::from(width).saturating_sub(out.len() - start);
    out.insert_str(start, &"0".repeat(missing));
}

fn render_plain(column: &Column, raw: &[u8], out: &mut String) {
    let decimals = column.display.decimals.filter(|d| *d < NOT_FIXED);
    let value = payload(&column.kind, raw);
    match &column.kind {
        ColumnKind::Int { unsigned, .. } => {
            let _ = write!(out, "{}", integer(value, *unsigned));
        }
        ColumnKind::Float => match decimals {
            Some(decimals) => write_fixed(f64::from(float(value)), decimals, out),
            None => write_float(float(value), out),
        },
        ColumnKind::Double => match decimals {
            Some(decimals) => write_fixed(double(value), decimals, out),
            None => write_double(double(value), out),
        },
        ColumnKind::Decimal {
            precision, scale, ..
        } => decimal::render(*precision, *scale, value, out),
        ColumnKind::Bit { .. } => {
            let _ = write!(out, "{:X}", be(value));
        }
        ColumnKind::Year => {
            let year = value
                .first()
                .map_or(0, |&n| if n == 0 { 0 } else { 1900 + u32::from(n) });
            let _ = write!(out, "{year:04}");
        }
        ColumnKind::Date => DateTime::from_date(value).write_date(out),
        ColumnKind::Time { fsp } => Time::from_raw(value, *fsp).write(*fsp, out),
        ColumnKind::DateTime { fsp } => DateTime::from_datetime(value, *fsp).write(*fsp, out),
        ColumnKind::Timestamp { fsp } => DateTime::from_timestamp(value, *fsp).write(*fsp, out),
        ColumnKind::OldTime => Time::from_old(value).write(0, out),
        ColumnKind::OldDateTime => DateTime::from_old_datetime(value).write(0, out),
        ColumnKind::OldTimestamp => DateTime::from_old_timestamp(value).write(0, out),
        ColumnKind::Char { .. } | ColumnKind::Varchar { .. } | ColumnKind::Text { .. } => {
            charset(column).decode(value, out);
        }
        ColumnKind::Binary { bytes } => {
            push_hex(value, out);
            // The sender strips trailing zeros; BINARY(n) is at most 255 bytes in any server.
            let missing = (*bytes as usize)
                .min(usize::from(u16::MAX))
                .saturating_sub(value.len());
            out.extend(std::iter::repeat_n("00", missing));
        }
        ColumnKind::Varbinary { .. }
        | ColumnKind::Blob { .. }
        | ColumnKind::Geometry { .. }
        | ColumnKind::Vector { .. } => push_hex(value, out),
        ColumnKind::Enum { members, .. } => write_enum(members, le(value), out),
        ColumnKind::Set { members, .. } => write_set(members, le(value), out),
        ColumnKind::Json => json::render(value, out),
    }
}
