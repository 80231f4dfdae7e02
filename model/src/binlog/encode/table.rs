//! TABLE_MAP, prepared once per table.

use super::event::{as_event, push_packed, push_packed_bytes};
use super::lone::Lone;
use super::rows::rows_head;
use super::{RowMetadata, Writer};
use crate::binlog::decode::{RowsKind, WireMetadata, rows_flag, wire_type};
use crate::binlog::event::EventType;
use crate::schema::{Collation, Column, ColumnKind, KeyPart, TableDef};

/// A table as a server's binlog names it: the body of its TABLE_MAP, and the columns of its key.
///
/// To be made anew when the table's definition or id changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableTemplate {
    pub(super) table_id: u64,
    pub(super) body: Vec<u8>,
    /// All that stands in front of the images of a statement of one row, with all columns, by [`RowsKind`]: the
    /// TABLE_MAP, then the beginning of the ROWS event.
    pub(super) lone: [Vec<u8>; 3],
    /// Whole transactions of one row, likewise.
    pub(super) transactions: [Option<Lone>; 3],
    /// The TABLE_MAP's part of it.
    pub(super) map_length: usize,
    pub(super) columns: usize,
    /// Bit per column: all of them, and the bits behind the last, as servers write it.
    pub(super) all: Vec<u8>,
    /// Those that identify a row: primary key, else the first unique key without NULLs, else all.
    pub(super) key: Vec<u8>,
    /// Blobs (and TEXT, JSON, GEOMETRY) that are not in the key.
    pub(super) blobs: Vec<u8>,
}

/// From this version on there is optional metadata.
const OPTIONAL_METADATA: u32 = 80_001;
/// From this version on it says which columns are visible.
const VISIBILITY: u32 = 80_023;
const BINARY_COLLATION: u16 = 63;

impl TableTemplate {
    /// What `writer` writes for a table; `table_id` is the server's number for it (6 bytes are written).
    pub fn new(writer: &Writer, table_id: u64, def: &TableDef) -> TableTemplate {
        let columns = &def.columns;
        let mut body = Vec::with_capacity(64 + 8 * columns.len());
        body.extend_from_slice(&table_id.to_le_bytes()[..6]);
        // Lengths of BIT columns are exact.
        body.extend_from_slice(&1u16.to_le_bytes());
        for name in [&def.schema, &def.name] {
            push_packed_bytes(&mut body, name.as_bytes());
            body.push(0);
        }
        let mut types = Vec::with_capacity(columns.len());
        let mut metadata = Vec::new();
        for column in columns {
            let (code, parameters) = wire_type(&column.kind);
            types.push(code);
            match parameters {
                WireMetadata::None => {}
                WireMetadata::One(a) => metadata.push(a),
                WireMetadata::Two(a, b) => metadata.extend_from_slice(&[a, b]),
            }
        }
        push_packed_bytes(&mut body, &types);
        push_packed_bytes(&mut body, &metadata);
        body.extend_from_slice(&bitmap(columns.iter().map(|c| c.nullable)));
        if writer.version >= OPTIONAL_METADATA {
            optional_metadata(writer, def, &mut body);
        }
        let key = key_parts(def);
        let in_key = |i: usize| key.is_none_or(|parts| parts.iter().any(|p| p.column == i));
        let all = vec![0xff; columns.len().div_ceil(8)];
        let map = as_event(EventType::TABLE_MAP, 0, &body, writer.options.checksum);
        let lone = RowsKind::ALL.map(|kind| {
            let mut head = Vec::new();
            rows_head(&mut head, table_id, rows_flag::STMT_END, columns.len());
            head.extend_from_slice(&all);
            if kind == RowsKind::Update {
                head.extend_from_slice(&all);
            }
            let rows = as_event(kind.event_type(), 0, &head, false);
            [map.as_slice(), &rows].concat()
        });
        let mut template = TableTemplate {
            table_id,
            body,
            lone,
            transactions: Default::default(),
            map_length: map.len(),
            columns: columns.len(),
            all,
            key: bitmap((0..columns.len()).map(in_key)),
            blobs: bitmap(
                columns
                    .iter()
                    .enumerate()
                    .map(|(i, c)| is_blob(&c.kind) && !in_key(i)),
            ),
        };
        template.transactions =
            RowsKind::ALL.map(|kind| Lone::of(writer, &template, columns, kind));
        template
    }

    /// The server's number for the table.
    pub fn table_id(&self) -> u64 {
        self.table_id
    }

    /// The body of TABLE_MAP.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

fn key_parts(def: &TableDef) -> Option<&[KeyPart]> {
    let not_null = |parts: &[KeyPart]| {
        parts
            .iter()
            .all(|p| p.prefix.is_none() && def.columns.get(p.column).is_some_and(|c| !c.nullable))
    };
    let unique = def.uniques.iter().find(|key| not_null(&key.parts));
    def.primary
        .as_ref()
        .or(unique)
        .map(|key| key.parts.as_slice())
}

fn is_blob(kind: &ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Text { .. }
            | ColumnKind::Blob { .. }
            | ColumnKind::Json
            | ColumnKind::Geometry { .. }
            | ColumnKind::Vector { .. }
    )
}

/// A bit per item, lowest first.
fn bitmap(bits: impl ExactSizeIterator<Item = bool>) -> Vec<u8> {
    let mut bytes = vec![0; bits.len().div_ceil(8)];
    for (i, bit) in bits.enumerate() {
        bytes[i / 8] |= u8::from(bit) << (i % 8);
    }
    bytes
}

/// A bit per item, highest first.
fn bitmap_from_top(bits: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (i, bit) in bits.enumerate() {
        if i % 8 == 0 {
            bytes.push(0);
        }
        if let Some(byte) = bytes.last_mut() {
            *byte |= u8::from(bit) << (7 - i % 8);
        }
    }
    bytes
}

fn optional_metadata(writer: &Writer, def: &TableDef, body: &mut Vec<u8>) {
    let mut field = |code: u8, value: &[u8]| {
        if !value.is_empty() {
            body.push(code);
            push_packed_bytes(body, value);
        }
    };
    let columns = &def.columns;
    field(
        1,
        &bitmap_from_top(columns.iter().filter_map(|c| is_unsigned(&c.kind))),
    );
    let text = |c: &Column| match c.kind {
        ColumnKind::Char { .. } | ColumnKind::Varchar { .. } | ColumnKind::Text { .. } => {
            Some(collation_id(c, def))
        }
        ColumnKind::Binary { .. }
        | ColumnKind::Varbinary { .. }
        | ColumnKind::Blob { .. }
        | ColumnKind::Vector { .. } => Some(BINARY_COLLATION),
        _ => None,
    };
    let (default, each) = charsets(columns.iter().filter_map(text).collect());
    field(2, &default);
    field(3, &each);
    let is_geometry = |c: &&Column| matches!(c.kind, ColumnKind::Geometry { .. });
    // Type 0: GEOMETRY itself; a declaration does not keep the subtype.
    field(7, &vec![0; columns.iter().filter(is_geometry).count()]);
    let mut dimensions = Vec::new();
    for column in columns {
        if let ColumnKind::Vector { dimension, .. } = column.kind {
            push_packed(&mut dimensions, dimension.into());
        }
    }
    field(13, &dimensions);
    if writer.options.row_metadata != RowMetadata::Full {
        return;
    }
    let mut names = Vec::new();
    for column in columns {
        push_packed_bytes(&mut names, column.name.as_bytes());
    }
    field(4, &names);
    let member = |c: &Column| match c.kind {
        ColumnKind::Enum { .. } | ColumnKind::Set { .. } => Some(collation_id(c, def)),
        _ => None,
    };
    let (default, each) = charsets(columns.iter().filter_map(member).collect());
    field(10, &default);
    field(11, &each);
    let (mut sets, mut enums) = (Vec::new(), Vec::new());
    for column in columns {
        match &column.kind {
            ColumnKind::Set { members: list, .. } => {
                push_members(&mut sets, list, column.collation.as_ref())
            }
            ColumnKind::Enum { members: list, .. } => {
                push_members(&mut enums, list, column.collation.as_ref())
            }
            _ => {}
        }
    }
    field(5, &sets);
    field(6, &enums);
    if let Some(key) = &def.primary {
        let mut parts = Vec::new();
        let with_prefix = key.parts.iter().any(|p| p.prefix.is_some());
        for part in &key.parts {
            push_packed(&mut parts, part.column as u64);
            if with_prefix {
                push_packed(&mut parts, part.prefix.unwrap_or(0).into());
            }
        }
        field(if with_prefix { 9 } else { 8 }, &parts);
    }
    if writer.version >= VISIBILITY {
        field(12, &bitmap_from_top(columns.iter().map(|_| true)));
    }
}

/// UNSIGNED, for the types of which the binlog says it; YEAR counts as unsigned.
fn is_unsigned(kind: &ColumnKind) -> Option<bool> {
    match kind {
        ColumnKind::Int { unsigned, .. } | ColumnKind::Decimal { unsigned, .. } => Some(*unsigned),
        ColumnKind::Float | ColumnKind::Double => Some(false),
        ColumnKind::Year => Some(true),
        _ => None,
    }
}

/// The two forms of a list of collations, one of them empty: the most frequent with exceptions, or each.
fn charsets(ids: Vec<u16>) -> (Vec<u8>, Vec<u8>) {
    let count = |id: u16| ids.iter().filter(|other| **other == id).count();
    // The lowest of the most frequent ones, as the server's ordered map gives it.
    let Some(default) = ids
        .iter()
        .copied()
        .max_by_key(|id| (count(*id), std::cmp::Reverse(*id)))
    else {
        return (Vec::new(), Vec::new());
    };
    let (mut short, mut each) = (Vec::new(), Vec::new());
    push_packed(&mut short, default.into());
    for (i, id) in ids.iter().enumerate() {
        push_packed(&mut each, (*id).into());
        if *id != default {
            push_packed(&mut short, i as u64);
            push_packed(&mut short, (*id).into());
        }
    }
    if short.len() <= each.len() {
        (short, Vec::new())
    } else {
        (Vec::new(), each)
    }
}

fn collation_id(column: &Column, def: &TableDef) -> u16 {
    use mysql_common::collations::{Collation as Known, CollationId};
    let wanted: &Collation = column.collation.as_ref().unwrap_or(&def.collation);
    // 8.0.29 renamed utf8_* to utf8mb3_*.
    let old_name = wanted
        .name
        .strip_prefix("utf8mb3_")
        .map(|rest| format!("utf8_{rest}"));
    let is_wanted = |id: &u16| {
        let name = Known::resolve(CollationId::from(*id));
        let name = name.collation();
        *name == *wanted.name || old_name.as_deref() == Some(name)
    };
    let charset_default = || match &*wanted.charset {
        "latin1" => 8,
        "ascii" => 11,
        "utf8" | "utf8mb3" => 33,
        "binary" => BINARY_COLLATION,
        _ => 255,
    };
    (1..512).find(is_wanted).unwrap_or_else(charset_default)
}

fn push_members(out: &mut Vec<u8>, members: &[String], collation: Option<&Collation>) {
    let encoding = collation
        .filter(|c| !c.charset.starts_with("utf8"))
        .and_then(|c| encoding_rs::Encoding::for_label(c.charset.as_bytes()))
        .unwrap_or(encoding_rs::UTF_8);
    push_packed(out, members.len() as u64);
    for member in members {
        push_packed_bytes(out, &encoding.encode(member).0);
    }
}
