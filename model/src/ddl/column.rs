//! A column's declaration, once the collation that it inherits is known (manual, "Character Sets and
//! Collations": column, else table, else schema; and "Automatic Initialization and Updating for TIMESTAMP
//! and DATETIME" for servers without explicit defaults).

use super::charset::{binary_of, by_name, bytes_per_char, default_of};
use super::default::{in_utc, resolve as resolve_default};
use super::types::{class_of, varbinary};
use super::{CharsetSpec, ColumnSpec, ColumnType, Context, DdlError};
use crate::schema::{Collation, Column, ColumnKind, Default};

/// The longest VARCHAR in bytes; what is longer becomes a TEXT.
const VARCHAR_MAX: u64 = 65_535;

/// The collation that is said, else the inherited one.
pub(super) fn collation(
    said: &CharsetSpec,
    inherited: &Collation,
    ctx: &Context,
) -> Result<Collation, DdlError> {
    match (&said.charset, &said.collation) {
        (charset, Some(name)) => {
            let collation = by_name(name)?;
            match charset {
                Some(charset) if default_of(charset, ctx)?.charset != collation.charset => {
                    Err(DdlError::CollationMismatch {
                        collation: name.to_string(),
                        charset: charset.to_string(),
                    })
                }
                _ => Ok(collation),
            }
        }
        (Some(charset), None) if said.binary => binary_of(&default_of(charset, ctx)?.charset),
        (Some(charset), None) => default_of(charset, ctx),
        (None, None) if said.binary => binary_of(&inherited.charset),
        (None, None) => Ok(inherited.clone()),
    }
}

/// The column that a definition makes in a table with this default collation.
pub(super) fn define(
    spec: &ColumnSpec,
    table: &Collation,
    ctx: &Context,
) -> Result<Column, DdlError> {
    let said = collation(&spec.charset, table, ctx)?;
    let kind = kind(&spec.kind, &said, &spec.name)?;
    let implicit_not_null = is_timestamp(&kind) && !ctx.timestamps_are_explicit();
    let default = match &spec.default {
        None => Default::Implicit,
        Some(default) => resolve_default(default, &kind, &said, &spec.name)?,
    };
    let mut column = Column {
        name: spec.name.clone(),
        nullable: spec
            .nullable
            .unwrap_or(!implicit_not_null && !spec.auto_increment),
        collation: has_characters(&kind).then_some(said),
        kind,
        default,
        auto_increment: spec.auto_increment,
        generated: spec.generated,
        display: spec.display,
    };
    in_utc(&mut column, &ctx.time_zone)?;
    Ok(column)
}

/// Without explicit defaults, the first TIMESTAMP of the new columns is CURRENT_TIMESTAMP, unless its
/// definition says something about NULL or its default (server: `promote_first_timestamp_column`).
pub(super) fn promote_first_timestamp<'a>(
    columns: impl Iterator<Item = (&'a ColumnSpec, &'a mut Column)>,
    ctx: &Context,
) {
    if ctx.timestamps_are_explicit() {
        return;
    }
    if let Some((spec, column)) = { columns }.find(|(_, column)| is_timestamp(&column.kind)) {
        let silent = spec.default.is_none() && !spec.on_update_now && spec.generated.is_none();
        if silent && !column.nullable {
            column.default = Default::Now;
        }
    }
}

/// The column in another character set (CONVERT TO): text keeps its length in characters.
pub(super) fn converted(column: &Column, to: &Collation) -> Result<Column, DdlError> {
    let Some(from) = &column.collation else {
        return Ok(column.clone());
    };
    if &*from.charset == "binary" {
        return Ok(column.clone());
    }
    let width = u64::from(bytes_per_char(&from.charset));
    let chars = |max_bytes: u32| u64::from(max_bytes) / width;
    let as_written = match &column.kind {
        ColumnKind::Char { max_bytes } => ColumnType::Chars {
            length: chars(*max_bytes),
            varying: false,
        },
        ColumnKind::Varchar { max_bytes } => ColumnType::Chars {
            length: chars(*max_bytes),
            varying: true,
        },
        ColumnKind::Text { length_bytes } => {
            let bytes = (1u64 << (8 * u64::from(*length_bytes).min(4))) - 1;
            ColumnType::TextOf {
                length: bytes / width,
            }
        }
        other => ColumnType::Exact(other.clone()),
    };
    let kind = kind(&as_written, to, &column.name)?;
    Ok(Column {
        collation: has_characters(&kind).then(|| to.clone()),
        kind,
        ..column.clone()
    })
}

pub(super) fn is_timestamp(kind: &ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Timestamp { .. } | ColumnKind::OldTimestamp
    )
}

fn has_characters(kind: &ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Char { .. }
            | ColumnKind::Varchar { .. }
            | ColumnKind::Text { .. }
            | ColumnKind::Enum { .. }
            | ColumnKind::Set { .. }
    )
}

fn kind(written: &ColumnType, collation: &Collation, column: &str) -> Result<ColumnKind, DdlError> {
    let binary = &*collation.charset == "binary";
    let width = u64::from(bytes_per_char(&collation.charset));
    Ok(match *written {
        ColumnType::Exact(ref kind) => kind.clone(),
        ColumnType::Chars {
            length,
            varying: false,
        } => {
            let too_long = || DdlError::TooLong {
                column: column.to_owned(),
                max: 255,
            };
            let length = u32::try_from(length)
                .ok()
                .filter(|&n| n <= 255)
                .ok_or_else(too_long)?;
            if binary {
                ColumnKind::Binary { bytes: length }
            } else {
                ColumnKind::Char {
                    max_bytes: length * width as u32,
                }
            }
        }
        ColumnType::Chars {
            length,
            varying: true,
        } => match length.saturating_mul(width) {
            bytes if binary => varbinary(bytes),
            bytes @ 0..=VARCHAR_MAX => ColumnKind::Varchar {
                max_bytes: bytes as u32,
            },
            bytes => ColumnKind::Text {
                length_bytes: class_of(bytes),
            },
        },
        ColumnType::Text { length_bytes } => text(length_bytes, binary),
        ColumnType::TextOf { length } => text(class_of(length.saturating_mul(width)), binary),
    })
}

fn text(length_bytes: u8, binary: bool) -> ColumnKind {
    if binary {
        ColumnKind::Blob { length_bytes }
    } else {
        ColumnKind::Text { length_bytes }
    }
}
