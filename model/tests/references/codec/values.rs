//! Columns of every type, and values whose meaning is known before they are written.

use cutover_model::row::parse;
use cutover_model::schema::{Collation, Column, ColumnKind, Default, Display};
use mysql_common::binlog::value::BinlogValue;
use mysql_common::value::Value;
use proptest::prelude::*;
use std::sync::Arc;

/// What a reader must make of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    Null,
    /// An integer's lowest bytes: whether it is signed is not in every file.
    Integer(u64, u8),
    Plain(Value),
    /// Digits without zeros in front.
    Decimal(String),
    Json(serde_json::Value),
}

fn members(count: usize) -> Arc<[String]> {
    (0..count).map(|n| format!("m{n}")).collect()
}

pub fn kind() -> impl Strategy<Value = ColumnKind> {
    let integer = (prop::sample::select(vec![1u8, 2, 3, 4, 8]), any::<bool>())
        .prop_map(|(bytes, unsigned)| ColumnKind::Int { bytes, unsigned });
    let decimal = (1u8..=65, 0u8..=30, any::<bool>()).prop_map(|(precision, scale, unsigned)| {
        let scale = scale.min(precision);
        ColumnKind::Decimal {
            precision,
            scale,
            unsigned,
        }
    });
    let temporal = (0..=6u8).prop_flat_map(|fsp| {
        prop_oneof![
            Just(ColumnKind::Time { fsp }),
            Just(ColumnKind::DateTime { fsp }),
            Just(ColumnKind::Timestamp { fsp }),
        ]
    });
    let old = prop_oneof![
        Just(ColumnKind::Date),
        Just(ColumnKind::Year),
        Just(ColumnKind::OldTime),
        Just(ColumnKind::OldDateTime),
        Just(ColumnKind::OldTimestamp),
    ];
    let text = prop_oneof![
        prop::sample::select(vec![40u32, 255, 256, 1020])
            .prop_map(|max_bytes| ColumnKind::Char { max_bytes }),
        prop::sample::select(vec![40u32, 255, 256, 4000])
            .prop_map(|max_bytes| ColumnKind::Varchar { max_bytes }),
        (1..=4u8).prop_map(|length_bytes| ColumnKind::Text { length_bytes }),
    ];
    let binary = prop_oneof![
        prop::sample::select(vec![16u32, 255]).prop_map(|bytes| ColumnKind::Binary { bytes }),
        prop::sample::select(vec![40u32, 4000])
            .prop_map(|max_bytes| ColumnKind::Varbinary { max_bytes }),
        (1..=4u8).prop_map(|length_bytes| ColumnKind::Blob { length_bytes }),
        Just(ColumnKind::Geometry { length_bytes: 4 }),
    ];
    let listed = prop_oneof![
        Just(ColumnKind::Enum {
            members: members(3),
            bytes: 1
        }),
        Just(ColumnKind::Enum {
            members: members(300),
            bytes: 2
        }),
        Just(ColumnKind::Set {
            members: members(3),
            bytes: 1
        }),
        Just(ColumnKind::Set {
            members: members(20),
            bytes: 3
        }),
        Just(ColumnKind::Set {
            members: members(64),
            bytes: 8
        }),
    ];
    let other = prop_oneof![
        Just(ColumnKind::Float),
        Just(ColumnKind::Double),
        (1u8..=64).prop_map(|bits| ColumnKind::Bit { bits }),
        Just(ColumnKind::Json),
    ];
    prop_oneof![
        4 => integer, 3 => decimal, 3 => temporal, 2 => old, 4 => text, 3 => binary, 2 => listed, 3 => other,
    ]
}

/// Collations of several character sets; the default one is the most frequent.
pub fn collation() -> impl Strategy<Value = Collation> {
    let known = [
        ("utf8mb4", "utf8mb4_0900_ai_ci"),
        ("utf8mb4", "utf8mb4_0900_ai_ci"),
        ("utf8mb4", "utf8mb4_bin"),
        ("latin1", "latin1_swedish_ci"),
        ("ascii", "ascii_general_ci"),
    ];
    prop::sample::select(known.to_vec()).prop_map(|(charset, name)| Collation {
        charset: charset.into(),
        name: name.into(),
    })
}

pub fn has_collation(kind: &ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Char { .. }
            | ColumnKind::Varchar { .. }
            | ColumnKind::Text { .. }
            | ColumnKind::Enum { .. }
            | ColumnKind::Set { .. }
    )
}

pub fn column(name: String, kind: ColumnKind, nullable: bool, collation: Collation) -> Column {
    Column {
        name: name.into(),
        collation: has_collation(&kind).then_some(collation),
        kind,
        nullable,
        default: Default::Implicit,
        auto_increment: false,
        generated: None,
        display: Display::default(),
    }
}

/// What a value is drawn from: a number, and how long a text is.
pub type Draw = (u64, u16);

/// A value's bytes, and what they mean; `None` for NULL.
pub fn value(column: &Column, (n, wide): Draw) -> (Option<Vec<u8>>, Meaning) {
    if column.nullable && n % 5 == 0 {
        return (None, Meaning::Null);
    }
    let (text, meaning) = match &column.kind {
        ColumnKind::Int { bytes, .. } => {
            let raw = n.to_le_bytes()[..usize::from(*bytes)].to_vec();
            return (Some(raw), Meaning::Integer(n, *bytes));
        }
        ColumnKind::Float => {
            let number = (n as i32 >> 8) as f32 / 16.0;
            return (
                Some(number.to_le_bytes().to_vec()),
                Meaning::Plain(Value::Float(number)),
            );
        }
        ColumnKind::Double => {
            let number = (n as i64 >> 12) as f64 / 1024.0;
            return (
                Some(number.to_le_bytes().to_vec()),
                Meaning::Plain(Value::Double(number)),
            );
        }
        ColumnKind::Bit { bits } => {
            let raw = (n >> (64 - bits)).to_be_bytes();
            let raw = raw[8 - usize::from(*bits).div_ceil(8)..].to_vec();
            return (Some(raw.clone()), Meaning::Plain(Value::Bytes(raw)));
        }
        ColumnKind::Enum { members, bytes } => {
            let index = 1 + n % members.len() as u64;
            let raw = index.to_le_bytes()[..usize::from(*bytes)].to_vec();
            return (Some(raw), Meaning::Plain(Value::Int(index as i64)));
        }
        ColumnKind::Set { members, bytes } => {
            let bitmap = n >> (64 - members.len());
            let raw = bitmap.to_le_bytes()[..usize::from(*bytes)].to_vec();
            return (Some(raw.clone()), Meaning::Plain(Value::Bytes(raw)));
        }
        ColumnKind::Char { max_bytes } | ColumnKind::Varchar { max_bytes } => {
            return prefixed(
                1 + usize::from(*max_bytes > 255),
                *max_bytes as usize,
                n,
                wide,
            );
        }
        ColumnKind::Binary { bytes } => return prefixed(1, *bytes as usize, n, wide),
        ColumnKind::Varbinary { max_bytes } => {
            return prefixed(
                1 + usize::from(*max_bytes > 255),
                *max_bytes as usize,
                n,
                wide,
            );
        }
        ColumnKind::Text { length_bytes }
        | ColumnKind::Blob { length_bytes }
        | ColumnKind::Geometry { length_bytes }
        | ColumnKind::Vector { length_bytes, .. } => {
            let most = if *length_bytes == 1 { 255 } else { 9000 };
            return prefixed(usize::from(*length_bytes), most, n, wide);
        }
        ColumnKind::Decimal {
            precision,
            scale,
            unsigned,
        } => decimal(*precision, *scale, *unsigned, n),
        ColumnKind::Json => {
            let document = json(n, wide);
            (document.to_string(), Meaning::Json(document))
        }
        temporal => moment(temporal, n),
    };
    let mut raw = Vec::new();
    parse(column, &text, &mut raw).unwrap_or_else(|e| panic!("{text} for {:?}: {e}", column.kind));
    (Some(raw), meaning)
}

fn prefixed(prefix: usize, most: usize, n: u64, wide: u16) -> (Option<Vec<u8>>, Meaning) {
    let length = usize::from(wide).min(most);
    let letters: Vec<u8> = (0..length)
        .map(|i| b'a' + (n >> (i % 56)) as u8 % 26)
        .collect();
    let mut raw = length.to_le_bytes()[..prefix].to_vec();
    raw.extend(&letters);
    (Some(raw), Meaning::Plain(Value::Bytes(letters)))
}

/// Digits of all groups of nine are drawn, the first and the last of them often zero.
fn decimal(precision: u8, scale: u8, unsigned: bool, n: u64) -> (String, Meaning) {
    let digits: String = (0..precision)
        .map(|i| char::from(b'0' + (n.rotate_left(u32::from(i) * 7) % 12 % 10) as u8))
        .collect();
    let (whole, fraction) = digits.split_at(usize::from(precision - scale));
    let sign = if !unsigned && n % 2 == 1 { "-" } else { "" };
    let text = match fraction {
        "" => format!("{sign}{whole}"),
        _ => format!(
            "{sign}{}.{fraction}",
            if whole.is_empty() { "0" } else { whole }
        ),
    };
    let meaning = Meaning::Decimal(plain_decimal(&text));
    (text, meaning)
}

/// Without zeros in front, and without a sign on zero.
fn plain_decimal(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let digits = digits.trim_start_matches('0');
    let digits = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    if digits.is_empty() {
        "0".into()
    } else {
        format!("{sign}{digits}")
    }
}

fn json(n: u64, wide: u16) -> serde_json::Value {
    let text = "é".repeat(usize::from(wide));
    match n % 7 {
        0 => serde_json::json!(n),
        1 => serde_json::json!(text),
        2 => serde_json::json!([
            n as i16,
            n as i32,
            n as i64,
            n as u16,
            n as u32,
            null,
            true,
            []
        ]),
        3 => serde_json::json!({ "a": { "b": [n as f64 / 4.0] }, "": -1, "text": text }),
        4 => serde_json::json!([[text, [text]], { "k": false }]),
        5 => serde_json::json!(n as i64 as f64 / 3.0),
        _ => serde_json::json!({}),
    }
}

/// A date, a time or both, of a calendar without odd days.
fn moment(kind: &ColumnKind, n: u64) -> (String, Meaning) {
    let (year, month, day) = (
        1971 + (n % 66) as u16,
        1 + (n / 66 % 12) as u8,
        1 + (n / 800 % 28) as u8,
    );
    let (hour, minute, second) = (
        (n >> 20) as u8 % 24,
        (n >> 28) as u8 % 60,
        (n >> 36) as u8 % 60,
    );
    let digits = |fsp: u8| {
        (n >> 20) as u32 % 1_000_000 / 10u32.pow(6 - u32::from(fsp)) * 10u32.pow(6 - u32::from(fsp))
    };
    let with =
        |us: u32| format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{us:06}");
    let date = |us| Value::Date(year, month, day, hour, minute, second, us);
    let seconds = || {
        let days = days_since_1970(i64::from(year), i64::from(month), i64::from(day));
        days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)
    };
    match kind {
        ColumnKind::Year => {
            let year = 1901 + n % 255;
            (
                year.to_string(),
                Meaning::Plain(Value::Bytes(year.to_string().into())),
            )
        }
        ColumnKind::Date => (
            format!("{year}-{month:02}-{day:02}"),
            Meaning::Plain(Value::Date(year, month, day, 0, 0, 0, 0)),
        ),
        ColumnKind::DateTime { fsp } => (with(digits(*fsp)), Meaning::Plain(date(digits(*fsp)))),
        ColumnKind::OldDateTime => (with(0), Meaning::Plain(date(0))),
        ColumnKind::Timestamp { fsp } => {
            let us = digits(*fsp);
            let text = match us {
                0 => seconds().to_string(),
                us => format!("{}.{us:06}", seconds()),
            };
            (with(us), Meaning::Plain(Value::Bytes(text.into())))
        }
        ColumnKind::OldTimestamp => (with(0), Meaning::Plain(Value::Int(seconds()))),
        ColumnKind::Time { fsp } => {
            // mysql_common 0.38 overflows at a negative time with one or two digits of a second.
            let negative = n % 2 == 1 && !matches!(fsp, 1 | 2);
            let (hours, us) = ((n >> 44) as u32 % 838, digits(*fsp));
            let sign = if negative { "-" } else { "" };
            let text = format!("{sign}{hours}:{minute:02}:{second:02}.{us:06}");
            let zero = hours == 0 && minute == 0 && second == 0 && us == 0;
            let value = Value::Time(
                negative && !zero,
                hours / 24,
                (hours % 24) as u8,
                minute,
                second,
                us,
            );
            (text, Meaning::Plain(value))
        }
        // mysql_common reads neither a sign nor more than 255 hours.
        ColumnKind::OldTime => (
            format!("{hour}:{minute:02}:{second:02}"),
            Meaning::Plain(Value::Time(false, 0, hour, minute, second, 0)),
        ),
        other => unreachable!("{other:?} is no moment"),
    }
}

/// Days by counting years and months, one after the other.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let years: i64 = (1970..year).map(|y| 365 + i64::from(leap(y))).sum();
    let lengths = [
        31,
        28 + i64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let months: i64 = lengths[..month as usize - 1].iter().sum();
    years + months + day - 1
}

/// Whether mysql_common read what was meant.
pub fn is_meant(meaning: &Meaning, read: &BinlogValue<'_>) -> bool {
    match (meaning, read) {
        (Meaning::Null, BinlogValue::Value(value)) => *value == Value::NULL,
        (Meaning::Integer(n, bytes), BinlogValue::Value(value)) => {
            let mask = u64::MAX >> (64 - 8 * u32::from(*bytes));
            let read = match value {
                Value::Int(read) => *read as u64,
                Value::UInt(read) => *read,
                _ => return false,
            };
            read & mask == n & mask
        }
        (Meaning::Plain(meant), BinlogValue::Value(value)) => meant == value,
        (Meaning::Decimal(meant), BinlogValue::Value(Value::Bytes(text))) => {
            std::str::from_utf8(text).is_ok_and(|text| plain_decimal(text) == *meant)
        }
        (Meaning::Json(meant), BinlogValue::Jsonb(value)) => {
            serde_json::Value::try_from(value.clone()).is_ok_and(|read| read == *meant)
        }
        _ => false,
    }
}
