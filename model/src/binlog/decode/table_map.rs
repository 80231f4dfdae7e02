//! TABLE_MAP: what the rows that follow look like.
//!
//! MySQL source: `Table_map_event` (rows_event.h) and `Field::do_save_field_metadata`. The binary form of a
//! value follows from type code and metadata alone; what they do not say (names, signedness, character
//! sets, members) is in the optional metadata, see [`OptionalMetadata`].

use super::metadata::OptionalMetadata;
use crate::binlog::cursor::{Cursor, DecodeError};
use crate::schema::{Collation, Column, ColumnKind, Default, Display, KeyPart, TableDef};
use std::sync::Arc;

mod code {
    pub(super) const TINY: u8 = 1;
    pub(super) const SHORT: u8 = 2;
    pub(super) const LONG: u8 = 3;
    pub(super) const FLOAT: u8 = 4;
    pub(super) const DOUBLE: u8 = 5;
    pub(super) const TIMESTAMP: u8 = 7;
    pub(super) const LONGLONG: u8 = 8;
    pub(super) const INT24: u8 = 9;
    pub(super) const DATE: u8 = 10;
    pub(super) const TIME: u8 = 11;
    pub(super) const DATETIME: u8 = 12;
    pub(super) const YEAR: u8 = 13;
    pub(super) const NEWDATE: u8 = 14;
    pub(super) const VARCHAR: u8 = 15;
    pub(super) const BIT: u8 = 16;
    pub(super) const TIMESTAMP2: u8 = 17;
    pub(super) const DATETIME2: u8 = 18;
    pub(super) const TIME2: u8 = 19;
    pub(super) const VECTOR: u8 = 242;
    pub(super) const JSON: u8 = 245;
    pub(super) const NEWDECIMAL: u8 = 246;
    pub(super) const ENUM: u8 = 247;
    pub(super) const SET: u8 = 248;
    pub(super) const TINY_BLOB: u8 = 249;
    pub(super) const BLOB: u8 = 252;
    pub(super) const VAR_STRING: u8 = 253;
    pub(super) const STRING: u8 = 254;
    pub(super) const GEOMETRY: u8 = 255;
}

/// A table as the rows behind it have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableMap<'a> {
    /// What ROWS events refer to it by; changes with every DDL and restart.
    pub table_id: u64,
    /// Bit 0: lengths of BIT columns are exact; bit 1: other tables' foreign keys refer to it.
    pub flags: u16,
    /// Schema.
    pub schema: &'a [u8],
    /// Table.
    pub table: &'a [u8],
    /// A type code a column.
    pub types: &'a [u8],
    /// Type parameters, 0 to 2 bytes a column.
    pub metadata: &'a [u8],
    /// A bit a column, lowest first: NULL is allowed.
    pub null_bits: &'a [u8],
    /// The optional metadata (8.0), undecoded.
    pub optional: &'a [u8],
}

/// Where a table differs from what the binlog's rows were made for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Another number of columns.
    #[error("the binlog's rows have {binlog} columns, the table has {table}")]
    Count {
        /// In the binlog.
        binlog: usize,
        /// In the table.
        table: usize,
    },
    /// A column of another type.
    #[error("column {column} (`{name}`) is {table:?} in the table and {binlog:?} in the binlog")]
    Kind {
        /// Counted from 1.
        column: usize,
        /// The table's name of it.
        name: Arc<str>,
        /// In the binlog.
        binlog: ColumnKind,
        /// In the table.
        table: ColumnKind,
    },
    /// The TABLE_MAP itself cannot be read.
    #[error("{0}")]
    Malformed(#[from] DecodeError),
}

impl<'a> TableMap<'a> {
    /// Reads the body.
    pub fn decode(body: &'a [u8]) -> Result<TableMap<'a>, DecodeError> {
        let mut c = Cursor::new("TABLE_MAP", body);
        let table_id = c.fixed::<6>("table id")?;
        let flags = c.u16("flags")?;
        let name = |c: &mut Cursor<'a>, field| -> Result<&'a [u8], DecodeError> {
            let text = c.packed_bytes(field)?;
            if c.u8(field)? == 0 {
                Ok(text)
            } else {
                Err(c.malformed(field))
            }
        };
        let schema = name(&mut c, "schema")?;
        let table = name(&mut c, "table")?;
        let types = c.packed_bytes("column types")?;
        let metadata = c.packed_bytes("type parameters")?;
        let null_bits = c.take(types.len().div_ceil(8), "NULL bits")?;
        Ok(TableMap {
            table_id,
            flags,
            schema,
            table,
            types,
            metadata,
            null_bits,
            optional: c.rest(),
        })
    }

    /// `schema.table`, for people.
    pub fn full_name(&self) -> String {
        format!(
            "{}.{}",
            String::from_utf8_lossy(self.schema),
            String::from_utf8_lossy(self.table)
        )
    }

    /// The optional metadata; all of it absent before 8.0.
    pub fn optional(&self) -> Result<OptionalMetadata<'a>, DecodeError> {
        OptionalMetadata::decode(self.optional)
    }

    /// The columns. Allocates; meant once per table, not per event.
    ///
    /// Names are `@1`, `@2`, … where the binlog has none (`binlog_row_metadata=MINIMAL`, or before 8.0); then
    /// members of ENUM and SET are unknown too, and before 8.0 signedness, character sets and whether a string is binary.
    pub fn columns(&self) -> Result<Vec<Column>, DecodeError> {
        let optional = self.optional()?;
        let mut metadata = Cursor::new("TABLE_MAP", self.metadata);
        let mut unsigned = optional.signedness();
        let mut charsets = optional.charsets();
        let mut member_charsets = optional.member_charsets();
        let (mut enums, mut sets) = (optional.enum_members(), optional.set_members());
        let mut dimensions = optional.vector_dimensions();
        let mut names = optional.names();
        let mut columns = Vec::with_capacity(self.types.len());
        for (i, type_code) in self.types.iter().enumerate() {
            let mut kind = kind(i, *type_code, &mut metadata)?;
            let mut collation = None;
            match &mut kind {
                ColumnKind::Int { unsigned: flag, .. }
                | ColumnKind::Decimal { unsigned: flag, .. } => {
                    *flag = unsigned.next().unwrap_or(false);
                }
                ColumnKind::Float | ColumnKind::Double | ColumnKind::Year => {
                    unsigned.next();
                }
                ColumnKind::Char { .. } | ColumnKind::Varchar { .. } | ColumnKind::Text { .. } => {
                    let id = charsets.next();
                    if id == Some(BINARY_COLLATION) {
                        kind = binary(kind);
                    } else {
                        collation = id.and_then(collation_by_id);
                    }
                }
                ColumnKind::Vector { dimension, .. } => {
                    // It counts as a binary string there.
                    charsets.next();
                    *dimension = dimensions.next().unwrap_or(0);
                }
                ColumnKind::Enum { members, .. } => {
                    collation = member_charsets.next().and_then(collation_by_id);
                    *members = texts(enums.next(), collation.as_ref());
                }
                ColumnKind::Set { members, .. } => {
                    collation = member_charsets.next().and_then(collation_by_id);
                    *members = texts(sets.next(), collation.as_ref());
                }
                _ => {}
            }
            // Without metadata nothing tells TEXT from BLOB: the bytes are taken as they are.
            if optional.is_empty() && matches!(kind, ColumnKind::Text { .. }) {
                kind = binary(kind);
            }
            let name = match names.next() {
                Some(name) => String::from_utf8_lossy(name).into(),
                None => format!("@{}", i + 1).into(),
            };
            columns.push(Column {
                name,
                kind,
                nullable: self.is_nullable(i),
                collation,
                default: Default::Implicit,
                auto_increment: false,
                generated: None,
                display: Display::default(),
            });
        }
        Ok(columns)
    }

    /// Whether a column (counted from 0) may be NULL.
    pub fn is_nullable(&self, column: usize) -> bool {
        self.null_bits
            .get(column / 8)
            .is_some_and(|byte| byte >> (column % 8) & 1 == 1)
    }

    /// The primary key's parts, where the metadata is FULL and there is a key.
    pub fn primary_key(&self) -> Result<Option<Vec<KeyPart>>, DecodeError> {
        let parts = self.optional()?.primary_key()?;
        match &parts {
            Some(parts) if parts.iter().any(|part| part.column >= self.types.len()) => {
                Err(DecodeError::Malformed {
                    event: "TABLE_MAP",
                    field: "primary key",
                })
            }
            _ => Ok(parts),
        }
    }

    /// Whether rows of this event are, byte for byte, rows of the table.
    ///
    /// Compared are type codes and type parameters, what the binary form depends on, and then the number of columns.
    pub fn compatible(&self, def: &TableDef) -> Result<(), Mismatch> {
        let mut metadata = Cursor::new("TABLE_MAP", self.metadata);
        for (i, (type_code, column)) in self.types.iter().zip(&def.columns).enumerate() {
            let binlog = kind(i, *type_code, &mut metadata)?;
            if wire_type(&binlog) != wire_type(&column.kind) {
                let (name, table) = (column.name.clone(), column.kind.clone());
                return Err(Mismatch::Kind {
                    column: i + 1,
                    name,
                    binlog,
                    table,
                });
            }
        }
        if self.types.len() != def.columns.len() {
            return Err(Mismatch::Count {
                binlog: self.types.len(),
                table: def.columns.len(),
            });
        }
        Ok(())
    }
}

/// Type code and type parameters of a column, as TABLE_MAP has them.
pub(crate) fn wire_type(kind: &ColumnKind) -> (u8, WireMetadata) {
    use WireMetadata::{None, One, Two};
    match kind {
        ColumnKind::Int { bytes, .. } => {
            let code = match bytes {
                1 => code::TINY,
                2 => code::SHORT,
                3 => code::INT24,
                4 => code::LONG,
                _ => code::LONGLONG,
            };
            (code, None)
        }
        ColumnKind::Float => (code::FLOAT, One(4)),
        ColumnKind::Double => (code::DOUBLE, One(8)),
        ColumnKind::Decimal {
            precision, scale, ..
        } => (code::NEWDECIMAL, Two(*precision, *scale)),
        ColumnKind::Bit { bits } => (code::BIT, Two(bits % 8, bits / 8)),
        ColumnKind::Year => (code::YEAR, None),
        ColumnKind::Date => (code::DATE, None),
        ColumnKind::Time { fsp } => (code::TIME2, One(*fsp)),
        ColumnKind::DateTime { fsp } => (code::DATETIME2, One(*fsp)),
        ColumnKind::Timestamp { fsp } => (code::TIMESTAMP2, One(*fsp)),
        ColumnKind::OldTime => (code::TIME, None),
        ColumnKind::OldDateTime => (code::DATETIME, None),
        ColumnKind::OldTimestamp => (code::TIMESTAMP, None),
        ColumnKind::Char { max_bytes: bytes } | ColumnKind::Binary { bytes } => {
            // Lengths above 255 put bits 8 and 9, inverted, into bits 4 and 5 of the real type.
            let high = ((bytes & 0x300) >> 4) as u8;
            (code::STRING, Two(code::STRING ^ high, *bytes as u8))
        }
        ColumnKind::Varchar { max_bytes } | ColumnKind::Varbinary { max_bytes } => {
            (code::VARCHAR, Two(*max_bytes as u8, (max_bytes >> 8) as u8))
        }
        ColumnKind::Text { length_bytes } | ColumnKind::Blob { length_bytes } => {
            (code::BLOB, One(*length_bytes))
        }
        ColumnKind::Enum { bytes, .. } => (code::STRING, Two(code::ENUM, *bytes)),
        ColumnKind::Set { bytes, .. } => (code::STRING, Two(code::SET, *bytes)),
        ColumnKind::Json => (code::JSON, One(4)),
        ColumnKind::Geometry { length_bytes } => (code::GEOMETRY, One(*length_bytes)),
        ColumnKind::Vector { length_bytes, .. } => (code::VECTOR, One(*length_bytes)),
    }
}

/// A column's type parameters in TABLE_MAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireMetadata {
    None,
    One(u8),
    Two(u8, u8),
}

/// The kind of a column, reading its parameters; signs, character sets and members are not in them.
/// Strings come out as text.
fn kind(
    column: usize,
    type_code: u8,
    metadata: &mut Cursor<'_>,
) -> Result<ColumnKind, DecodeError> {
    let field = "type parameters";
    let int = |bytes| ColumnKind::Int {
        bytes,
        unsigned: false,
    };
    let kind = match type_code {
        code::TINY => int(1),
        code::SHORT => int(2),
        code::INT24 => int(3),
        code::LONG => int(4),
        code::LONGLONG => int(8),
        code::FLOAT | code::DOUBLE => match metadata.u8(field)? {
            4 => ColumnKind::Float,
            8 => ColumnKind::Double,
            _ => return Err(metadata.malformed(field)),
        },
        code::NEWDECIMAL => {
            let (precision, scale) = (metadata.u8(field)?, metadata.u8(field)?);
            if precision == 0 || precision > 65 || scale > 30 || scale > precision {
                return Err(metadata.malformed(field));
            }
            ColumnKind::Decimal {
                precision,
                scale,
                unsigned: false,
            }
        }
        code::BIT => {
            let bits = u16::from(metadata.u8(field)?) + 8 * u16::from(metadata.u8(field)?);
            match u8::try_from(bits) {
                Ok(bits @ 1..=64) => ColumnKind::Bit { bits },
                _ => return Err(metadata.malformed(field)),
            }
        }
        code::YEAR => ColumnKind::Year,
        code::DATE | code::NEWDATE => ColumnKind::Date,
        code::TIME => ColumnKind::OldTime,
        code::DATETIME => ColumnKind::OldDateTime,
        code::TIMESTAMP => ColumnKind::OldTimestamp,
        code::TIME2 | code::DATETIME2 | code::TIMESTAMP2 => {
            let fsp = metadata.u8(field)?;
            if fsp > 6 {
                return Err(metadata.malformed(field));
            }
            match type_code {
                code::TIME2 => ColumnKind::Time { fsp },
                code::DATETIME2 => ColumnKind::DateTime { fsp },
                _ => ColumnKind::Timestamp { fsp },
            }
        }
        code::VARCHAR | code::VAR_STRING => ColumnKind::Varchar {
            max_bytes: metadata.u16(field)?.into(),
        },
        code::STRING | code::ENUM | code::SET => string(metadata)?,
        code::TINY_BLOB..=code::BLOB => ColumnKind::Text {
            length_bytes: prefix(metadata)?,
        },
        code::JSON => match prefix(metadata)? {
            4 => ColumnKind::Json,
            _ => return Err(metadata.malformed(field)),
        },
        code::GEOMETRY => ColumnKind::Geometry {
            length_bytes: prefix(metadata)?,
        },
        code::VECTOR => ColumnKind::Vector {
            length_bytes: prefix(metadata)?,
            dimension: 0,
        },
        code => {
            return Err(DecodeError::ColumnType {
                column: column + 1,
                code,
            });
        }
    };
    Ok(kind)
}

/// STRING hides CHAR, BINARY, ENUM and SET; the first parameter has the real type.
fn string(metadata: &mut Cursor<'_>) -> Result<ColumnKind, DecodeError> {
    let field = "type parameters";
    let (real, length) = (metadata.u8(field)?, metadata.u8(field)?);
    match (real, length) {
        (code::ENUM, 1 | 2) => Ok(ColumnKind::Enum {
            members: Arc::from([]),
            bytes: length,
        }),
        (code::SET, 1..=4 | 8) => Ok(ColumnKind::Set {
            members: Arc::from([]),
            bytes: length,
        }),
        _ if real | 0x30 == code::STRING => {
            let high = u32::from((real & 0x30) ^ 0x30) << 4;
            Ok(ColumnKind::Char {
                max_bytes: high | u32::from(length),
            })
        }
        _ => Err(metadata.malformed(field)),
    }
}

fn prefix(metadata: &mut Cursor<'_>) -> Result<u8, DecodeError> {
    match metadata.u8("type parameters")? {
        bytes @ 1..=4 => Ok(bytes),
        _ => Err(metadata.malformed("type parameters")),
    }
}

const BINARY_COLLATION: u16 = 63;

/// The binary kind with the same bytes.
fn binary(kind: ColumnKind) -> ColumnKind {
    match kind {
        ColumnKind::Char { max_bytes } => ColumnKind::Binary { bytes: max_bytes },
        ColumnKind::Varchar { max_bytes } => ColumnKind::Varbinary { max_bytes },
        ColumnKind::Text { length_bytes } => ColumnKind::Blob { length_bytes },
        other => other,
    }
}

pub(crate) fn collation_by_id(id: u16) -> Option<Collation> {
    use mysql_common::collations::{Collation as Known, CollationId};
    match CollationId::from(id) {
        CollationId::UNKNOWN_COLLATION_ID => None,
        id => {
            let known = Known::resolve(id);
            Some(Collation {
                charset: known.charset().into(),
                name: known.collation().into(),
            })
        }
    }
}

/// Members of an ENUM or SET as text; they are stored in the column's character set.
fn texts<'a>(
    members: Option<impl Iterator<Item = &'a [u8]>>,
    collation: Option<&Collation>,
) -> Arc<[String]> {
    let encoding = collation
        .filter(|c| !c.charset.starts_with("utf8"))
        .and_then(|c| encoding_rs::Encoding::for_label(c.charset.as_bytes()))
        .unwrap_or(encoding_rs::UTF_8);
    members
        .into_iter()
        .flatten()
        .map(|m| encoding.decode_without_bom_handling(m).0.into_owned())
        .collect()
}
