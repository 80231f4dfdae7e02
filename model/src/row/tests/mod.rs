//! Tests of rows: one file per claim of the module.

mod conversions;
mod damage;
mod forms;
mod images;
mod keys;
mod round_trips;

use super::*;
use crate::schema::{Collation, Column, ColumnKind, Default};

fn column(kind: ColumnKind) -> Column {
    Column {
        name: "c".into(),
        kind,
        nullable: true,
        collation: None,
        default: Default::Implicit,
        auto_increment: false,
        generated: None,
        display: crate::schema::Display::default(),
    }
}

fn text_column(kind: ColumnKind, charset: &str, collation: &str) -> Column {
    let collation = Collation {
        charset: charset.into(),
        name: collation.into(),
    };
    Column {
        collation: Some(collation),
        ..column(kind)
    }
}

fn varchar(collation: &str) -> Column {
    let charset = collation.split('_').next().unwrap_or(collation);
    text_column(ColumnKind::Varchar { max_bytes: 400 }, charset, collation)
}

fn rendered(column: &Column, raw: &[u8]) -> String {
    let mut text = String::new();
    render(column, raw, &mut text);
    text
}

fn parsed(column: &Column, text: &str) -> Vec<u8> {
    let mut raw = Vec::new();
    parse(column, text, &mut raw).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    raw
}

fn members(names: &[&str]) -> std::sync::Arc<[String]> {
    names.iter().map(|n| n.to_string()).collect()
}

/// One kind of every sort, some with several parameters.
fn every_kind() -> Vec<ColumnKind> {
    let mut kinds = vec![
        ColumnKind::Float,
        ColumnKind::Double,
        ColumnKind::Year,
        ColumnKind::Date,
        ColumnKind::OldTime,
        ColumnKind::OldDateTime,
        ColumnKind::OldTimestamp,
        ColumnKind::Char { max_bytes: 40 },
        ColumnKind::Char { max_bytes: 1020 },
        ColumnKind::Varchar { max_bytes: 255 },
        ColumnKind::Varchar { max_bytes: 1200 },
        ColumnKind::Binary { bytes: 8 },
        ColumnKind::Varbinary { max_bytes: 40 },
        ColumnKind::Enum {
            members: members(&["a", "b", "ç"]),
            bytes: 1,
        },
        ColumnKind::Set {
            members: members(&["x", "y", "z"]),
            bytes: 1,
        },
        ColumnKind::Json,
    ];
    for bytes in [1, 2, 3, 4, 8] {
        for unsigned in [false, true] {
            kinds.push(ColumnKind::Int { bytes, unsigned });
        }
    }
    for fsp in 0..=6 {
        kinds.extend([
            ColumnKind::Time { fsp },
            ColumnKind::DateTime { fsp },
            ColumnKind::Timestamp { fsp },
        ]);
    }
    for bits in [1, 8, 17, 64] {
        kinds.push(ColumnKind::Bit { bits });
    }
    for (precision, scale) in [
        (1, 0),
        (5, 0),
        (10, 2),
        (30, 10),
        (65, 30),
        (30, 30),
        (18, 9),
    ] {
        kinds.push(ColumnKind::Decimal {
            precision,
            scale,
            unsigned: false,
        });
    }
    for length_bytes in 1..=4 {
        kinds.extend([
            ColumnKind::Text { length_bytes },
            ColumnKind::Blob { length_bytes },
            ColumnKind::Geometry { length_bytes },
            ColumnKind::Vector {
                length_bytes,
                dimension: 2048,
            },
        ]);
    }
    kinds
}
