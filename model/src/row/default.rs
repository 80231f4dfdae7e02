//! What a column holds when an INSERT leaves it out (manual, "Data Type Default Values").

use super::image::{ImageBuilder, prefix_len};
use super::parse::parse;
use super::temporal::DateTime;
use crate::schema::{Column, ColumnKind, Default};

/// Appends what an INSERT that leaves the column out stores, without a clock: a DEFAULT
/// CURRENT_TIMESTAMP and an expression count as no DEFAULT (see [`push_default_at`]).
///
/// A DEFAULT literal that is no value of the column's type counts as none either: no server would have
/// taken the declaration.
pub fn push_default(column: &Column, out: &mut ImageBuilder) {
    push_at(column, None, out);
}

/// The same at `now_us` microseconds since 1970 (UTC), which is what DEFAULT CURRENT_TIMESTAMP stores,
/// cut to the column's fractional digits.
pub fn push_default_at(column: &Column, now_us: u64, out: &mut ImageBuilder) {
    push_at(column, Some(now_us), out);
}

fn push_at(column: &Column, now_us: Option<u64>, out: &mut ImageBuilder) {
    let pushed = match (&column.default, now_us) {
        (Default::Literal(Some(text)), _) => out.push_with(|raw| parse(column, text, raw)).is_ok(),
        (Default::Now, Some(now_us)) => out
            .push_with(|raw| push_now(&column.kind, now_us, raw))
            .is_ok(),
        _ => false,
    };
    if pushed {
        return;
    }
    if column.nullable {
        out.push_null();
    } else {
        let _ = out.push_with(|raw| {
            push_implicit(&column.kind, raw);
            Ok::<(), ()>(())
        });
    }
}

fn push_now(kind: &ColumnKind, now_us: u64, raw: &mut Vec<u8>) -> Result<(), ()> {
    let cut = |fsp: &u8| now_us - now_us % 10u64.pow(6 - u32::from((*fsp).min(6)));
    match kind {
        ColumnKind::Timestamp { fsp } => {
            let value = DateTime::from_unix_micros(cut(fsp));
            if value.push_timestamp(*fsp, raw) {
                Ok(())
            } else {
                Err(())
            }
        }
        ColumnKind::DateTime { fsp } => {
            DateTime::from_unix_micros(cut(fsp)).push_datetime(*fsp, raw);
            Ok(())
        }
        ColumnKind::OldTimestamp => {
            raw.extend_from_slice(&((now_us / 1_000_000) as u32).to_le_bytes());
            Ok(())
        }
        ColumnKind::OldDateTime => {
            let value = DateTime::from_unix_micros(now_us).to_number(true);
            raw.extend_from_slice(&value.to_le_bytes());
            Ok(())
        }
        _ => Err(()),
    }
}

/// Zero, the empty string, the zero date, the first member of an ENUM, JSON's null.
fn push_implicit(kind: &ColumnKind, raw: &mut Vec<u8>) {
    match kind {
        ColumnKind::Int { bytes, .. } | ColumnKind::Set { bytes, .. } => {
            raw.extend((0..*bytes).map(|_| 0))
        }
        ColumnKind::Enum { bytes, .. } => raw.extend((0..*bytes).map(|i| u8::from(i == 0))),
        ColumnKind::Float | ColumnKind::OldTimestamp => raw.extend_from_slice(&[0; 4]),
        ColumnKind::Double | ColumnKind::OldDateTime => raw.extend_from_slice(&[0; 8]),
        ColumnKind::Decimal {
            precision, scale, ..
        } => {
            let len = super::decimal::packed_len(*precision, *scale);
            raw.extend((0..len).map(|i| if i == 0 { 0x80 } else { 0 }));
        }
        ColumnKind::Bit { bits } => raw.extend((0..bits.div_ceil(8)).map(|_| 0)),
        ColumnKind::Year => raw.push(0),
        ColumnKind::Date | ColumnKind::OldTime => raw.extend_from_slice(&[0; 3]),
        ColumnKind::Time { fsp } => super::temporal::Time::default().push(*fsp, raw),
        ColumnKind::DateTime { fsp } => DateTime::default().push_datetime(*fsp, raw),
        ColumnKind::Timestamp { fsp } => {
            DateTime::default().push_timestamp(*fsp, raw);
        }
        ColumnKind::Json => raw.extend_from_slice(&[2, 0, 0, 0, super::json::LITERAL, 0]),
        ColumnKind::Char { .. }
        | ColumnKind::Varchar { .. }
        | ColumnKind::Binary { .. }
        | ColumnKind::Varbinary { .. }
        | ColumnKind::Text { .. }
        | ColumnKind::Blob { .. }
        | ColumnKind::Geometry { .. }
        | ColumnKind::Vector { .. } => raw.extend((0..prefix_len(kind)).map(|_| 0)),
    }
}
